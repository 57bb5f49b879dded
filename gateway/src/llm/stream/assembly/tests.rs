use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::*;
use crate::llm::sse::Decoder;
use crate::llm::stream::Event;

use Dialect::{Anthropic, OpenAi};

fn read(dialect: Dialect, events: &[Json]) -> Vec<Event> {
    let mut decoder = Decoder::new(1 << 20);
    for event in events {
        decoder.push(Bytes::from(format!("data: {event}\n\n")));
    }
    let frames = std::iter::from_fn(|| decoder.next_frame().unwrap());
    frames.map(|frame| Event::read(dialect, frame)).collect()
}

fn assemble(dialect: Dialect, events: &[Json]) -> Assembly {
    let mut assembly = Assembly::new(dialect);
    for event in &read(dialect, events) {
        assembly.push(event);
    }
    assembly
}

fn body(assembly: &Assembly) -> Json {
    serde_json::from_str(&assembly.body()).unwrap()
}

fn compare(assembly: &Assembly, now: &Json) -> Result<Changes, Unmappable> {
    assembly.changes(&now.to_string())
}

/// Every occurrence of a text in any string becomes another one.
fn replaced(value: &Json, from: &str, to: &str) -> Json {
    match value {
        Json::String(text) => text.replace(from, to).into(),
        Json::Array(list) => list.iter().map(|item| replaced(item, from, to)).collect(),
        Json::Object(map) => map
            .iter()
            .map(|(key, item)| (key.clone(), replaced(item, from, to)))
            .collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
    }
}

fn chunk(choices: Json) -> Json {
    json!({"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": choices})
}

#[test]
fn chunks_make_the_completion_that_they_are_parts_of() {
    let delta = |index: u32, delta: Json| {
        chunk(json!([{"index": index, "delta": delta, "finish_reason": null}]))
    };
    let call = |call: Json| delta(0, json!({"tool_calls": [call]}));
    let annotation =
        json!({"type": "url_citation", "url_citation": {"title": "T", "url": "https://u"}});
    let events = [
        delta(1, json!({"role": "assistant", "content": ""})),
        delta(
            0,
            json!({"role": "assistant", "content": null, "reasoning_content": "hm"}),
        ),
        delta(0, json!({"content": "Hel"})),
        delta(1, json!({"content": "two"})),
        delta(0, json!({"content": "lo", "annotations": [annotation]})),
        call(
            json!({"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}),
        ),
        call(json!({"index": 0, "function": {"arguments": "{\"a\": "}})),
        call(
            json!({"index": 1, "id": "t2", "type": "function", "function": {"name": "g", "arguments": "{}"}}),
        ),
        call(json!({"index": 0, "function": {"arguments": "1.50}"}})),
        delta(
            0,
            json!({"reasoning_details": [{"type": "reasoning.text", "text": "de", "index": 0}]}),
        ),
        delta(
            0,
            json!({"reasoning_details": [{"type": "reasoning.text", "text": "ep", "index": 0}]}),
        ),
        chunk(json!([{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])),
        chunk(json!([{"index": 1, "delta": {}, "finish_reason": "stop"}])),
        json!({"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}, "citations": ["https://u"]}),
    ];
    let plain = json!({
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": {
                "role": "assistant", "content": "Hello", "reasoning_content": "hm",
                "annotations": [annotation],
                "tool_calls": [
                    {"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1.50}"}},
                    {"index": 1, "id": "t2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ],
                "reasoning_details": [{"index": 0, "type": "reasoning.text", "text": "deep"}],
            }, "finish_reason": "tool_calls"},
            {"index": 1, "message": {"role": "assistant", "content": "two"}, "finish_reason": "stop"},
        ],
        "id": "c1", "created": 7, "model": "m",
        "usage": {"prompt_tokens": 3, "completion_tokens": 4}, "citations": ["https://u"],
    });
    assert_eq!(body(&assemble(OpenAi, &events)), plain);
}

fn start(index: u32, block: Json) -> Json {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u32, delta: Json) -> Json {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn stop(index: u32) -> Json {
    json!({"type": "content_block_stop", "index": index})
}

fn message() -> Vec<Json> {
    let result = json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": [
        {"type": "web_search_result", "title": "found", "url": "u", "encrypted_content": "e"}]});
    let citation =
        |title| json!({"citation": {"type": "x", "cited_text": title}, "type": "citations_delta"});
    vec![
        json!({"type": "message_start", "message": {"id": "m1", "type": "message", "role": "assistant", "content": [], "model": "c", "stop_reason": null, "usage": {"input_tokens": 3, "output_tokens": 1}}}),
        start(
            0,
            json!({"type": "thinking", "thinking": "", "signature": ""}),
        ),
        delta(0, json!({"type": "thinking_delta", "thinking": "hm"})),
        delta(0, json!({"type": "signature_delta", "signature": "sig"})),
        stop(0),
        json!({"type": "ping"}),
        start(1, json!({"type": "redacted_thinking", "data": "zzz"})),
        stop(1),
        start(
            2,
            json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "whole"}}),
        ),
        stop(2),
        start(3, result),
        stop(3),
        start(4, json!({"type": "text", "text": "He", "citations": []})),
        delta(4, json!({"type": "text_delta", "text": "llo"})),
        delta(4, citation("one")),
        delta(4, citation("two")),
        stop(4),
        start(
            6,
            json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}),
        ),
        delta(
            6,
            json!({"type": "input_json_delta", "partial_json": "{\"a\": \"x\""}),
        ),
        delta(
            6,
            json!({"type": "input_json_delta", "partial_json": ", \"n\": 1.50}"}),
        ),
        stop(6),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ]
}

#[test]
fn events_make_the_message_that_they_are_parts_of() {
    let plain = json!({
        "type": "message", "role": "assistant", "id": "m1", "model": "c",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "zzz"},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "whole"}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": [
                {"type": "web_search_result", "title": "found", "url": "u", "encrypted_content": "e"}]},
            {"type": "text", "text": "Hello", "citations": [{"type": "x", "cited_text": "one"}, {"type": "x", "cited_text": "two"}]},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": "x", "n": 1.5}},
        ],
        "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 9},
    });
    assert_eq!(body(&assemble(Anthropic, &message())), plain);
}

#[test]
fn what_is_changed_in_the_body_is_found_in_the_events() {
    let events = message();
    let assembly = assemble(Anthropic, &events);
    for (word, event) in [("whole", 8), ("found", 10), ("two", 15)] {
        let changes = assembly
            .changes(&assembly.body().replace(word, "[X]"))
            .unwrap();
        assert_eq!(changes.channels, [], "{word}");
        let [(number, at, json)] = changes.values.as_slice() else {
            panic!("{word}: {} values", changes.values.len())
        };
        assert_eq!((*number, json.as_str()), (event, "\"[X]\""));
        let mut one = read(Anthropic, &events).remove(event);
        one.put(at, json.clone());
        let data = events[event].to_string().replace(word, "[X]");
        assert_eq!(one.with(&[], &[]), format!("data: {data}\n\n"));
    }
    assert_eq!(assembly.changes(&assembly.body()), Ok(Changes::default()));
    // Numbers and spaces that were not changed stay as they were.
    let now = assembly.body().replace("\"x\"", "\"y\"");
    let input = assembly.changes(&now).unwrap().channels.pop().unwrap();
    assert_eq!(input.1, r#"{"a": "y", "n": 1.50}"#);
}

#[test]
fn what_repeats_a_changed_text_goes_with_it() {
    let choice = |index: u32, delta: Json| {
        chunk(json!([{"index": index, "delta": delta, "logprobs": {"content": [{"token": "t"}]}}]))
    };
    let assembly = assemble(
        OpenAi,
        &[
            choice(3, json!({"content": "x"})),
            choice(1, json!({"content": "y"})),
        ],
    );
    let mut now = body(&assembly);
    assert_eq!(now["choices"][0]["index"], 1);
    now["choices"][1]["logprobs"] = Json::Null;
    assert_eq!(compare(&assembly, &now).unwrap().answers, [3]);
    now["choices"][0]["message"] = Json::Null;
    now["object"] = Json::Null;
    assert_eq!(compare(&assembly, &now).unwrap_err().path, "object");
}

#[test]
fn a_body_of_another_shape_cannot_be_followed() {
    let assembly = assemble(Anthropic, &message());
    let mut longer = body(&assembly);
    longer["content"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "text", "text": "more"}));
    assert_eq!(compare(&assembly, &longer).unwrap_err().path, "content");
    let mut other = body(&assembly);
    other["content"][4]["text"] = json!(7);
    assert_eq!(
        compare(&assembly, &other).unwrap_err().path,
        "content[4].text"
    );
    let mut kind = body(&assembly);
    kind["type"] = json!("massage");
    // Said by an event, so it can be changed there.
    assert!(compare(&assembly, &kind).is_ok());
}

#[test]
fn nothing_that_an_event_says_gets_lost() {
    let openai = [
        json!({"choices": [{"index": 0, "delta": {"content": "a"}}], "note": "one"}),
        json!({"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": "b"}, {"type": "new", "x": "two"}]}}], "note": "three"}),
        json!({"choices": [{"index": 0, "delta": {"content": {"deep": "four"}, "tool_calls": "five"}, "stop_reason": "six"}]}),
        json!({"choices": [{"index": 0, "delta": "seven"}], "note": {"n": "eight"}}),
        json!({"choices": "nine"}),
        json!({"choices": [{"index": 0, "delta": {"content": "ten"}}, "eleven"], "error": {"message": "twelve"}}),
    ];
    let anthropic = [
        json!({"type": "ping", "note": "one"}),
        start(0, json!({"type": "text", "text": "two", "more": ["three"]})),
        delta(
            0,
            json!({"type": "new_delta", "text": "four", "n": {"x": "five"}}),
        ),
        delta(0, json!("six")),
        delta(3, json!({"type": "text_delta", "text": {"x": "seven"}})),
        start(3, json!("eight")),
        json!({"type": "message_start", "message": "nine"}),
        json!({"type": "message_start", "message": {"content": "ten"}}),
        json!({"type": "error", "error": {"message": "eleven"}}),
        json!({"type": "message_stop", "note": "twelve"}),
    ];
    let words = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    for (dialect, events) in [
        (OpenAi, openai.as_slice()),
        (Anthropic, anthropic.as_slice()),
    ] {
        let assembly = assemble(dialect, events);
        let text = assembly.body();
        for word in words {
            assert!(text.contains(word), "{word} in {text}");
        }
        assert_eq!(assembly.changes(&text), Ok(Changes::default()), "{text}");
    }
}

#[test]
fn what_is_said_again_is_changed_everywhere() {
    let event = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}], "citations": ["https://one", "https://two"]});
    let assembly = assemble(OpenAi, &[event("a"), event("b")]);
    let body = body(&assembly);
    assert_eq!(body["citations"], json!(["https://one", "https://two"]));
    let changes = compare(&assembly, &replaced(&body, "two", "2")).unwrap();
    let events: Vec<usize> = changes.values.iter().map(|(event, _, _)| *event).collect();
    assert_eq!(events, [0, 1]);
}

#[test]
fn a_window_goes_on_where_the_one_before_ended() {
    let key = |answer, kind, call| ChannelKey { answer, kind, call };
    let context = [
        (key(0, ChannelKind::Text, 0), "before ".to_owned()),
        (key(1, ChannelKind::ToolName, 0), "f".to_owned()),
        (key(2, ChannelKind::ToolName, 0), "gone".to_owned()),
    ];
    let events = [
        delta(0, json!({"type": "text_delta", "text": "after"})),
        delta(
            1,
            json!({"type": "input_json_delta", "partial_json": "{\"a\":1}"}),
        ),
    ];
    let mut window = assemble(Anthropic, &events);
    window.set_context(&context);
    let now = body(&window);
    assert_eq!(
        now["content"],
        json!([
            {"type": "text", "text": "before after"},
            {"type": "tool_use", "input": {"a": 1}, "name": "f"},
        ])
    );
    let changes = compare(&window, &replaced(&now, "after", "later")).unwrap();
    assert_eq!(
        changes.channels,
        [(key(0, ChannelKind::Text, 0), "later".to_owned())]
    );
    // What has gone cannot be changed.
    assert!(compare(&window, &replaced(&now, "before", "earlier")).is_err());
    assert!(compare(&window, &replaced(&now, "f", "g")).is_err());
    let call = json!({"choices": [{"index": 1, "delta": {"tool_calls": [{"index": 2, "function": {"arguments": "{}"}}]}}]});
    let mut window = assemble(OpenAi, &[call]);
    window.set_context(&[(key(1, ChannelKind::ToolName, 2), "f".to_owned())]);
    let call = &body(&window)["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(
        *call,
        json!({"index": 2, "function": {"arguments": "{}", "name": "f"}})
    );
}
