mod anthropic;

use bytes::Bytes;
use parapet_guardrails::finding::Edit;

use super::*;
use crate::llm::sse::Decoder;
use crate::llm::testing::{holding, replace, request};
use crate::llm::{Dialect, Usage};

use Dialect::{Anthropic, OpenAi};

fn events(dialect: Dialect, stream: &str) -> Vec<Event> {
    let mut decoder = Decoder::new(100_000);
    decoder.push(Bytes::copy_from_slice(stream.as_bytes()));
    let frames = std::iter::from_fn(|| decoder.next_frame().unwrap());
    let events: Vec<Event> = frames.map(|frame| Event::read(dialect, frame)).collect();
    let raw: Vec<u8> = events
        .iter()
        .flat_map(|event| event.raw().to_vec())
        .collect();
    assert_eq!(raw, stream.as_bytes(), "relayed as it came");
    events
}

fn one(dialect: Dialect, data: &str) -> Event {
    let mut all = events(dialect, &format!("data: {data}\n\n"));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// `answer/kind/call=text`
fn deltas(event: &Event) -> Vec<String> {
    let show = |delta: &Delta| {
        let ChannelKey { answer, kind, call } = &delta.channel;
        format!("{answer}/{kind:?}/{call}={}", event.text(delta))
    };
    event.deltas.iter().map(show).collect()
}

fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn chunks_tell_which_text_they_add() {
    for (delta, expected) in [
        (r#"{"content":"a\nb"}"#, vec!["2/Text/0=a\nb"]),
        (r#"{"content":""}"#, vec![]),
        (r#"{"content":null,"refusal":"no"}"#, vec!["2/Refusal/0=no"]),
        (r#"{"reasoning_content":"r"}"#, vec!["2/Reasoning/0=r"]),
        (r#"{"reasoning":"r"}"#, vec!["2/Reasoning/1=r"]),
        (
            r#"{"reasoning_details":[{"type":"reasoning.text","text":"t","index":3}]}"#,
            vec!["2/ReasoningDetail/3=t"],
        ),
        (
            r#"{"tool_calls":[{"index":1,"id":"c","function":{"name":"f","arguments":"{\"a"}}]}"#,
            vec!["2/ToolName/1=f", "2/Arguments/1={\"a"],
        ),
        (
            r#"{"tool_calls":[{"function":{"arguments":"x"}},{"custom":{"input":"y"}}]}"#,
            vec!["2/Arguments/0=x", "2/CustomInput/1=y"],
        ),
        (
            r#"{"function_call":{"name":"f","arguments":"x"}}"#,
            vec!["2/ToolName/4294967295=f", "2/Arguments/4294967295=x"],
        ),
        (
            r#"{"audio":{"transcript":"said"}}"#,
            vec!["2/Transcript/0=said"],
        ),
        (r#"{"thoughts":"t"}"#, vec!["2/Other(\"thoughts\")/0=t"]),
        (
            r#"{"content":[{"type":"text","text":"part"}]}"#,
            vec!["2/Text/0=part"],
        ),
    ] {
        let data = format!(r#"{{"id":"x","choices":[{{"index":2,"delta":{delta}}}]}}"#);
        let event = one(OpenAi, &data);
        assert_eq!(
            (event.kind, deltas(&event)),
            (EventKind::Chunk, owned(&expected)),
            "{delta}"
        );
        assert!(event.whole().is_none(), "{delta}");
    }
}

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn chunks_tell_what_else_they_say() {
    use EventKind::{Broken, Chunk, Done, Error, UsageOnly};
    for (data, kind, bare, ended) in [
        (
            r#"{"choices":[{"delta":{"content":"a"},"finish_reason":null}],"usage":null}"#,
            Chunk,
            true,
            vec![],
        ),
        (
            r#"{"choices":[{"delta":{"role":"assistant","content":"a"}}]}"#,
            Chunk,
            false,
            vec![],
        ),
        (
            r#"{"choices":[{"index":1,"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
            Chunk,
            false,
            vec![1],
        ),
        (
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"arguments":"a"}}]}}]}"#,
            Chunk,
            false,
            vec![],
        ),
        (
            r#"{"choices":[],"prompt_filter_results":[]}"#,
            Chunk,
            false,
            vec![],
        ),
        (
            r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
            UsageOnly,
            false,
            vec![],
        ),
        (r#"{"error":{"message":"m"}}"#, Error, false, vec![]),
        ("[DONE]", Done, false, vec![]),
        ("[1]", Broken, false, vec![]),
        ("{nonsense", Broken, false, vec![]),
    ] {
        let event = one(OpenAi, data);
        assert_eq!(
            (event.kind, event.is_bare(), &event.ended),
            (kind, bare, &ended),
            "{data}"
        );
    }
    let event = one(
        OpenAi,
        r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
    );
    assert_eq!(
        event.usage,
        Some(Usage {
            input: 3,
            output: 4,
            ..Usage::default()
        })
    );
    assert_eq!(
        events(OpenAi, ": keep-alive\n\n")[0].kind,
        EventKind::Nothing
    );
    let bytes = Bytes::from_static(b"data: {\"a\":\"\xff\"}\n\n");
    let mut decoder = Decoder::new(100);
    decoder.push(bytes);
    let frame = decoder.next_frame().unwrap().unwrap();
    assert_eq!(Event::read(OpenAi, frame).kind, EventKind::Broken);
}

#[test]
fn texts_that_do_not_grow_are_judged_as_they_are() {
    let mut event = one(
        OpenAi,
        r#"{"error":{"message":"key AKIA failed","code":1},"choices":[]}"#,
    );
    let whole = event.whole_mut().unwrap();
    let edit = replace(whole, "AKIA", "*");
    whole.apply(&[edit]).unwrap();
    assert_eq!(
        text(&event.with(&[], &[])),
        "data: {\"error\":{\"message\":\"key * failed\",\"code\":1},\"choices\":[]}\n\n"
    );
    for data in [
        r#"{"choices":[{"delta":{"annotations":[{"url_citation":{"title":"HERE"}}]}}]}"#,
        r#"{"choices":[{"delta":{"new":{"deep":["HERE"]}}}]}"#,
        r#"{"choices":[{"stop_reason":"HERE"}]}"#,
        r#"{"citations":["HERE"],"choices":[]}"#,
    ] {
        let event = one(OpenAi, data);
        assert_eq!(holding(event.whole().unwrap(), "HERE").len(), 1, "{data}");
    }
}

#[test]
fn a_changed_delta_changes_nothing_else_but_its_copies() {
    let stream = "event: m\r\ndata: {\"id\":\"1\", \"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\\u0062c\"},\"logprobs\":{\"content\":[{\"token\":\"abc\"}]}},{\"index\":1,\"delta\":{\"content\":\"z\"},\"logprobs\":{\"content\":[]}}],\"usage\":null}\r\n\r\n";
    let events = events(OpenAi, stream);
    let event = &events[0];
    assert_eq!(event.with(&[], &[]), event.raw());
    assert_eq!(
        text(&event.with(&[(0, "\"x\"\n")], &[])),
        "event: m\ndata: {\"id\":\"1\", \"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\\"x\\\"\\n\"},\"logprobs\":null},{\"index\":1,\"delta\":{\"content\":\"z\"},\"logprobs\":{\"content\":[]}}],\"usage\":null}\n\n"
    );
    assert!(text(&event.with(&[], &[1])).contains(r#"{"content":"z"},"logprobs":null}"#));
}

#[test]
fn what_the_writer_writes_reads_as_the_same_channel() {
    let kinds = [
        ChannelKind::Text,
        ChannelKind::Refusal,
        ChannelKind::Reasoning,
        ChannelKind::ReasoningDetail,
        ChannelKind::ReasoningSummary,
        ChannelKind::ToolName,
        ChannelKind::Arguments,
        ChannelKind::CustomInput,
        ChannelKind::Transcript,
        ChannelKind::Other("th\"ought".into()),
    ];
    let mut writer = Writer::new(OpenAi);
    writer.observe(&one(OpenAi, "[DONE]"));
    writer.observe(&one(
        OpenAi,
        r#"{"id":"c-1","created":12,"model":"m","choices":[{"delta":{"content":"a"}}],"usage":null,"obfuscation":"xx"}"#,
    ));
    for kind in kinds {
        for call in [0, 1, LEGACY_CALL] {
            let has_calls = matches!(kind, ChannelKind::ToolName | ChannelKind::Arguments);
            let needs_index = matches!(
                kind,
                ChannelKind::ReasoningDetail
                    | ChannelKind::ReasoningSummary
                    | ChannelKind::CustomInput
            );
            let twice = kind == ChannelKind::Reasoning && call == 1;
            if call != 0 && !has_calls && !twice && (!needs_index || call == LEGACY_CALL) {
                continue;
            }
            let channel = ChannelKey {
                answer: 3,
                kind: kind.clone(),
                call,
            };
            let written = writer.delta(&channel, "a\"b");
            let read = events(OpenAi, text(&written)).remove(0);
            assert_eq!(read.deltas.len(), 1);
            assert_eq!(
                (&read.deltas[0].channel, read.text(&read.deltas[0]).as_ref()),
                (&channel, "a\"b")
            );
            assert!(
                read.data()
                    .starts_with(r#"{"id":"c-1","created":12,"model":"m","choices":"#)
            );
        }
    }
    let writer = Writer::new(Anthropic);
    for kind in [
        ChannelKind::Text,
        ChannelKind::SignedReasoning,
        ChannelKind::Arguments,
        ChannelKind::Other("compaction_delta/content".into()),
    ] {
        let channel = ChannelKey {
            answer: 3,
            kind,
            call: 0,
        };
        let written = writer.delta(&channel, "a\"b");
        assert!(written.starts_with(b"event: content_block_delta\n"));
        let read = events(Anthropic, text(&written)).remove(0);
        assert_eq!(
            (&read.deltas[0].channel, read.text(&read.deltas[0]).as_ref()),
            (&channel, "a\"b")
        );
    }
    for dialect in [OpenAi, Anthropic] {
        let event = events(dialect, text(&Writer::new(dialect).keep_alive())).remove(0);
        assert!(matches!(event.kind, EventKind::Nothing | EventKind::Ping));
    }
}

#[test]
fn a_complete_calls_arguments_are_judged_and_rewritten() {
    let body = r#"{"model":"m","messages":[],"tools":[{"function":{"name":"f","parameters":{"properties":{"n":{"type":"integer"}}}}}]}"#;
    let request = request(OpenAi, body);
    let limits = Limits::default();
    let arguments = Arc::new(r#"{"n": 12345, "q": "a \"b\" AKIA"}"#.to_owned());
    let mut texts = arguments_texts(arguments.clone(), "f", Some(&request), &limits).unwrap();
    assert_eq!(texts.to_bytes(), arguments.as_bytes());
    let number = holding(&texts, "12345")[0];
    assert_eq!(
        texts.segments().list()[number].rewrite,
        Rewrite::No("number")
    );
    texts.apply(&[replace(&texts, "AKIA", "\"*\"")]).unwrap();
    assert_eq!(texts.to_bytes(), r#"{"n": 12345, "q": "a \"b\" \"*\""}"#);
    // Not JSON: a text like any other.
    let mut texts = arguments_texts(Arc::new("q=AKIA".into()), "", None, &limits).unwrap();
    texts
        .apply(&[Edit {
            segment: 0,
            range: 2..6,
            replacement: "\"*".into(),
        }])
        .unwrap();
    assert_eq!(texts.to_bytes(), "q=\"*");
}
