use super::*;

fn decode(chunks: &[&[u8]]) -> (Vec<Frame>, Vec<u8>) {
    let mut decoder = Decoder::new(10_000);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = decoder.next_frame().unwrap() {
            frames.push(frame);
        }
    }
    frames.extend(decoder.finish());
    let raw = frames.iter().flat_map(|frame| frame.raw.to_vec()).collect();
    (frames, raw)
}

/// Event and data of the frames that have data.
fn seen(frames: &[Frame]) -> Vec<(&str, &str)> {
    frames
        .iter()
        .filter_map(|frame| Some((frame.event.as_str(), frame.data.as_deref()?)))
        .collect()
}

const STREAMS: [(&str, &[(&str, &str)]); 10] = [
    ("data: a\n\ndata: b\n\n", &[("", "a"), ("", "b")]),
    (
        "data: é😀\r\n\r\nevent: x\r\ndata: b\r\n\r\n",
        &[("", "é😀"), ("x", "b")],
    ),
    ("data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]),
    ("\u{feff}data: a\n\n", &[("", "a")]),
    (
        ": comment\n\ndata:a\n: between\ndata:  b\n\n",
        &[("", "a\n b")],
    ),
    ("\n\n\ndata: a\n\n\n\n", &[("", "a")]),
    ("id: 1\nretry: 5\ndata\n\n", &[("", "")]),
    ("data: a\n\ndata: [DONE]", &[("", "a"), ("", "[DONE]")]),
    ("data: a\n\r\ndata: b\r\n\n", &[("", "a"), ("", "b")]),
    (
        "event: ping\nevent: pong\nunknown: data: x\ndata: a: b\n\n",
        &[("pong", "a: b")],
    ),
];

#[test]
fn streams_are_cut_into_events_wherever_they_are_split() {
    for (stream, expected) in STREAMS {
        let bytes = stream.as_bytes();
        let (frames, raw) = decode(&[bytes]);
        assert_eq!(
            (seen(&frames).as_slice(), raw.as_slice()),
            (expected, bytes),
            "{stream:?}"
        );
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let chunks = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                let (frames, raw) = decode(&chunks);
                assert_eq!(seen(&frames), expected, "{stream:?} at {first}, {second}");
                assert_eq!(raw, bytes);
            }
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let (frames, raw) = decode(&single);
        assert_eq!(
            (seen(&frames).as_slice(), raw.as_slice()),
            (expected, bytes),
            "{stream:?}"
        );
    }
}

#[test]
fn an_event_comes_as_soon_as_it_is_complete() {
    let mut decoder = Decoder::new(100);
    decoder.push(Bytes::from_static(b"data: a\n"));
    assert_eq!(decoder.next_frame(), Ok(None));
    decoder.push(Bytes::from_static(b"\n"));
    assert!(decoder.next_frame().unwrap().is_some());
    // The second half of a CRLF does not have to be waited for.
    decoder.push(Bytes::from_static(b"data: a\r\n\r"));
    assert!(decoder.next_frame().unwrap().is_some());
    decoder.push(Bytes::from_static(b"\ndata: b\r\n\r\n"));
    assert_eq!(
        decoder.next_frame().unwrap().unwrap().data.as_deref(),
        Some("b")
    );
}

#[test]
fn a_long_event_is_refused_in_one_chunk_or_many() {
    let long = format!("data: {}\n\n", "x".repeat(200));
    let mut decoder = Decoder::new(100);
    decoder.push(Bytes::from(long.clone()));
    assert_eq!(decoder.next_frame(), Err(EventTooLong { limit: 100 }));
    let mut decoder = Decoder::new(100);
    let refused = long.as_bytes().chunks(7).any(|chunk| {
        decoder.push(Bytes::copy_from_slice(chunk));
        decoder.next_frame().is_err()
    });
    assert!(refused);
}

#[test]
fn bytes_that_are_no_text_are_reported_and_kept() {
    let (frames, raw) = decode(&[b"data: a\xff\n\ndata: b\n\n"]);
    assert_eq!(
        frames.iter().map(|frame| frame.broken).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(raw, b"data: a\xff\n\ndata: b\n\n");
}

#[test]
fn other_data_leaves_the_other_lines() {
    let (frames, _) = decode(&[b"id: 7\r\ndata: a\r\n: note\r\ndata: b\r\nevent: x\r\n\r\n"]);
    assert_eq!(
        frames[0].with_data("1\n2"),
        "id: 7\ndata: 1\ndata: 2\n: note\nevent: x\n\n"
    );
    let (frames, _) = decode(&[b"data: a"]);
    assert_eq!(frames[0].with_data("b"), "data: b\n\n");
    assert_eq!(encode("", "a"), "data: a\n\n");
    assert_eq!(encode("x", "a\nb"), "event: x\ndata: a\ndata: b\n\n");
}
