use super::*;

fn talkative() -> Choice {
    Choice {
        text: "Grüße, 世界 👋🏽".into(),
        refusal: String::new(),
        reasoning: "let me think".into(),
        tools: vec![
            ToolCall {
                id: "a".into(),
                name: "look".into(),
                arguments: r#"{"q":"x\u0041","n":1.50}"#.into(),
            },
            ToolCall {
                id: "b".into(),
                name: "run".into(),
                arguments: "{}".into(),
            },
        ],
        finish: Some("tool_calls".into()),
    }
}

#[test]
fn what_is_written_is_read_back_in_every_form() {
    let plain = Choice {
        finish: Some("length".into()),
        refusal: "no".into(),
        ..Choice::saying("two")
    };
    let both = [talkative(), plain];
    assert_eq!(read_chat(&chat_body("m", &both)).unwrap().choices, both);
    for piece in [1, 2, 7, 1000] {
        for usage in [false, true] {
            let options = StreamOptions { piece, usage };
            let received = read_chat_stream(&chat_stream("m", &both, options).concat()).unwrap();
            assert_eq!(received.choices, both);
            assert!(received.complete);
            assert_eq!(received.usage.is_some(), usage);
        }
        let options = StreamOptions {
            piece,
            usage: false,
        };
        let stream = messages_stream("m", &talkative(), options)
            .unwrap()
            .concat();
        let received = read_messages_stream(&stream).unwrap();
        assert_eq!(received.choices, [talkative()]);
        assert!(received.complete);
    }
    let mut whole = talkative();
    whole.tools[0].arguments = r#"{"q":"xA","n":1.5}"#.into();
    assert_eq!(
        read_messages(&messages_body("m", &talkative()).unwrap())
            .unwrap()
            .choices,
        [whole]
    );
}

#[test]
fn broken_streams_are_noticed() {
    let role =
        r#"data: {"choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}"#;
    let text = r#"data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}"#;
    let end = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let error = r#"data: {"error":{"message":"m"}}"#;
    for (stream, why) in [
        (vec![text], "no role"),
        (vec![role, end, text], "after finish_reason"),
        (vec![role, "data: [DONE]", text], "after [DONE]"),
        (vec![role, error, text], "after the error"),
    ] {
        let found = format!("{:#}", read_chat_stream(&stream.join("\n\n")).unwrap_err());
        assert!(found.contains(why), "{found} does not say {why:?}");
    }
    let start = "event: message_start\ndata: {\"type\":\"message_start\"}";
    let skip = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{}}";
    let bare = "data: {\"type\":\"message_stop\"}";
    for (stream, why) in [
        (vec![start, skip], "expected index 0"),
        (vec![start, bare], "differs from its type"),
    ] {
        let found = format!(
            "{:#}",
            read_messages_stream(&stream.join("\n\n")).unwrap_err()
        );
        assert!(found.contains(why), "{found} does not say {why:?}");
    }
}

#[test]
fn events_are_read_whatever_ends_a_line() {
    let expected = [
        SseEvent {
            event: "a".into(),
            data: "1\n2".into(),
        },
        SseEvent {
            event: String::new(),
            data: "3".into(),
        },
    ];
    let text = "\u{feff}: hello\nevent: a\ndata: 1\ndata:2\nid: 7\n\ndata: 3\n";
    for end in ["\n", "\r\n", "\r"] {
        assert_eq!(sse_events(&text.replace('\n', end)), expected, "{end:?}");
    }
}
