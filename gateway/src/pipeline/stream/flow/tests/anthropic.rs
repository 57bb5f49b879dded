//! Blocks that follow each other.

use super::*;

fn event(name: &str, data: Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn block_delta(index: u32, delta: Value) -> String {
    event(
        "content_block_delta",
        json!({"type": "content_block_delta", "index": index, "delta": delta}),
    )
}

#[test]
fn anthropic_blocks_keep_their_order_and_pings_pass() {
    let start = |index: u32, block: Value| {
        event(
            "content_block_start",
            json!({"type": "content_block_start", "index": index, "content_block": block}),
        )
    };
    let stop = |index: u32| {
        event(
            "content_block_stop",
            json!({"type": "content_block_stop", "index": index}),
        )
    };
    let text = |text: &str| block_delta(0, json!({"type": "text_delta", "text": text}));
    let json_delta =
        |text: &str| block_delta(1, json!({"type": "input_json_delta", "partial_json": text}));
    let ping = event("ping", json!({"type": "ping"}));
    let events = [
        event(
            "message_start",
            json!({"type": "message_start", "message": {"id": "m", "content": [], "usage": {"input_tokens": 3, "output_tokens": 1}}}),
        ),
        start(0, json!({"type": "text", "text": ""})),
        text("a se"),
        ping.clone(),
        text("cret"),
        stop(0),
        start(
            1,
            json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        ),
        json_delta("{\"a\": \"sec"),
        json_delta("ret\"}"),
        stop(1),
        event(
            "message_delta",
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}),
        ),
        event("message_stop", json!({"type": "message_stop"})),
    ];
    let (out, end) = run(Dialect::Anthropic, Operation::Mutate, &events);
    assert_eq!(end, Ok(()));
    assert_eq!(out[3], ping, "a ping passes what is held");
    let all = out.concat();
    assert!(!all.contains("secret"));
    let mut last = 0;
    for part in [
        "message_start",
        "\"index\":0,\"content_block\"",
        "a ",
        "[X]",
        "content_block_stop",
        "tool_use",
        "{\\\"a\\\": \\\"[X]\\\"}",
        "message_delta",
        "message_stop",
    ] {
        let at = all[last..]
            .find(part)
            .unwrap_or_else(|| panic!("{part} is not in order in {all}"));
        last += at;
    }
}

#[test]
fn consecutive_text_blocks_are_one_text() {
    let start = |index: u32, block: Value| {
        event(
            "content_block_start",
            json!({"type": "content_block_start", "index": index, "content_block": block}),
        )
    };
    let stop = |index: u32| {
        event(
            "content_block_stop",
            json!({"type": "content_block_stop", "index": index}),
        )
    };
    let delta =
        |index: u32, text: &str| block_delta(index, json!({"type": "text_delta", "text": text}));
    let text = json!({"type": "text", "text": ""});
    let stopped = event(
        "message_delta",
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
    );
    let text_of = |out: &str, block: u64| -> String {
        out.split("\n\n")
            .filter_map(|event| serde_json::from_str(event.split_once("data: ")?.1).ok())
            .filter(|data: &Value| data["index"] == block)
            .map(|data| {
                let begun = data["content_block"]["text"].as_str().unwrap_or("");
                format!("{begun}{}", data["delta"]["text"].as_str().unwrap_or(""))
            })
            .collect()
    };
    for cut in 1..WORD.len() {
        let (head, tail) = WORD.split_at(cut);
        let events = [
            start(0, text.clone()),
            delta(0, &format!("a {head}")),
            stop(0),
            event("ping", json!({"type": "ping"})),
            start(1, json!({"type": "text", "text": tail})),
            delta(1, " b se"),
            stop(1),
            stopped.clone(),
        ];
        let (out, end) = run(Dialect::Anthropic, Operation::Mutate, &events);
        assert_eq!(end, Ok(()));
        let out = out.concat();
        assert_eq!(
            (text_of(&out, 0), text_of(&out, 1)),
            ("a [X]".into(), " b se".into()),
            "{cut}"
        );
        // Each block is whole before the next one begins.
        let order = [
            "a ",
            "[X]",
            "content_block_stop",
            "content_block_start",
            " b ",
            "content_block_stop",
            "message_delta",
        ];
        let mut at = 0;
        for part in order {
            at += out[at..]
                .find(part)
                .unwrap_or_else(|| panic!("{part} in {out}"));
        }
        let (out, end) = run(Dialect::Anthropic, Operation::Validate, &events);
        assert_eq!(end, Err(FlowError::Stop(Stop { guard: 0 })), "{cut}");
        assert_eq!(text_of(&out.concat(), 0), "a ");
    }
    // Anything else between them ends the text.
    let events = [
        start(0, text.clone()),
        delta(0, "a se"),
        stop(0),
        start(
            1,
            json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        ),
        stop(1),
        start(2, text),
        delta(2, "cret"),
        stop(2),
    ];
    let (out, end) = run(Dialect::Anthropic, Operation::Validate, &events);
    assert_eq!(end, Ok(()));
    assert!(out[3].contains("a se") || text_of(&out[..4].concat(), 0) == "a se");
    assert_eq!(text_of(&out.concat(), 2), "cret");
}
