use serde_json::{Value as Json, json};

use super::*;
use crate::llm::sse::Decoder;
use crate::llm::stream::Event;
use crate::llm::{Dialect, Request, Response};

fn response(dialect: Dialect, body: &Json) -> Response {
    Response::parse(dialect, Arc::new(body.to_string())).unwrap()
}

fn request(dialect: Dialect, messages: &Json) -> Request {
    let body = json!({"model": "m", "max_tokens": 1, "messages": messages}).to_string();
    Request::parse(dialect, Arc::new(body), &Limits::default()).unwrap()
}

/// The body after `MARK` has become `NEW` in every text that may be rewritten.
fn marked(parts: &ToolParts<'_>) -> Json {
    let texts =
        parts.list.iter().map(|part| {
            let mut texts = parts.texts(part, &Limits::default()).unwrap();
            let segments = texts.segments();
            let mut edits = Vec::new();
            for (segment, of) in segments.list().iter().enumerate() {
                if of.rewrite == parapet_guardrails::segment::Rewrite::Yes {
                    edits.extend(segments.text(segment).match_indices("MARK").map(|(at, _)| {
                        Edit {
                            segment,
                            range: at..at + 4,
                            replacement: "NEW".into(),
                        }
                    }));
                }
            }
            texts.apply(&edits).unwrap();
            texts
        });
    let edited = parts.with_edits(&texts.collect::<Vec<_>>());
    edited.map_or(Json::Null, |edited| serde_json::from_str(&edited).unwrap())
}

fn message(body: &Json) -> Json {
    json!({"choices": [{"index": 0, "message": body, "finish_reason": "tool_calls"}]})
}

#[test]
fn calls_of_every_form_are_found_and_only_they_are_rewritten() {
    use Dialect::{Anthropic, OpenAi};
    let arguments = r#"{"a":"MARK","n":1.50}"#;
    let call = |call: Json| message(&json!({"content": "MARK stays", "tool_calls": [call]}));
    let rows = [
        (
            OpenAi,
            call(
                json!({"id": "1", "type": "function", "function": {"name": "send", "arguments": arguments}}),
            ),
            Some("send"),
            arguments,
        ),
        (
            OpenAi,
            call(json!({"function": {"name": "send", "arguments": {"a": "MARK"}}})),
            Some("send"),
            r#"{"a":"MARK"}"#,
        ),
        (
            OpenAi,
            call(json!({"type": "custom", "custom": {"name": "send", "input": "a MARK"}})),
            Some("send"),
            r#""a MARK""#,
        ),
        // Not JSON, as models sometimes write: it is the text that it is.
        (
            OpenAi,
            call(json!({"function": {"name": "send", "arguments": "{MARK"}})),
            Some("send"),
            r#""{MARK""#,
        ),
        (
            OpenAi,
            call(json!({"function": {"arguments": arguments}})),
            None,
            arguments,
        ),
        (
            OpenAi,
            call(json!({"type": "new", "new": {"what": "MARK"}})),
            None,
            r#"{"type":"new","new":{"what":"MARK"}}"#,
        ),
        (
            OpenAi,
            message(&json!({"function_call": {"name": "send", "arguments": arguments}})),
            Some("send"),
            arguments,
        ),
        (
            Anthropic,
            json!({"content": [{"type": "text", "text": "MARK stays"}, {"type": "tool_use", "id": "1", "name": "send", "input": {"a": "MARK"}}]}),
            Some("send"),
            r#"{"a":"MARK"}"#,
        ),
        (
            Anthropic,
            json!({"content": [{"type": "server_tool_use", "id": "1", "name": "send", "input": {"a": "MARK"}}]}),
            Some("send"),
            r#"{"a":"MARK"}"#,
        ),
    ];
    for (dialect, body, tool, expected) in rows {
        let response = response(dialect, &body);
        let parts = response.tool_parts(None, &mut Names::default());
        let [part] = parts.list.as_slice() else {
            panic!("{} parts of {body}", parts.list.len())
        };
        assert_eq!(
            (part.side, part.named.tool.as_deref()),
            (Side::Call, tool),
            "{body}"
        );
        assert_eq!(part.arguments(), expected);
        let now = body
            .to_string()
            .replace("MARK", "NEW")
            .replace("NEW stays", "MARK stays");
        assert_eq!(marked(&parts).to_string(), now);
    }
}

#[test]
fn a_call_without_arguments_has_none() {
    for (function, expected) in [
        (json!({"name": "send", "arguments": ""}), "{}"),
        (json!({"name": "send", "arguments": "{}"}), "{}"),
        (json!({"name": "send", "arguments": null}), "{}"),
        (json!({"name": "send"}), "{}"),
    ] {
        let body = message(&json!({"tool_calls": [{"function": function}]}));
        let response = response(Dialect::OpenAi, &body);
        let parts = response.tool_parts(None, &mut Names::default());
        assert_eq!(parts.list[0].arguments(), expected, "{body}");
        let texts = parts.texts(&parts.list[0], &Limits::default()).unwrap();
        let shown: Json = serde_json::from_slice(&parts.list[0].shown_request(&texts)).unwrap();
        assert_eq!(
            shown,
            json!({"method": "tools/call", "params": {"name": "send", "arguments": {}}})
        );
        assert_eq!(parts.list[0].diff(&texts, &shown), Ok(vec![]));
    }
}

#[test]
fn results_are_named_by_their_calls_and_rewritten_in_place() {
    let openai = json!([
        {"role": "user", "content": "MARK stays"},
        {"role": "assistant", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "read", "arguments": "{\"q\":\"MARK stays\"}"}},
            {"id": "c2", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c2", "content": "a \"MARK\""},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "b MARK"}]},
        {"role": "tool", "tool_call_id": "forged", "content": "c MARK"},
        {"role": "tool", "tool_call_id": "", "content": "c MARK"},
        {"role": "tool", "content": "{\"json\":\"c MARK\"}"},
        {"role": "function", "name": "old", "content": "d MARK"},
        {"role": "tool", "tool_call_id": "c1", "content": null},
    ]);
    let anthropic = json!([
        {"role": "user", "content": "MARK stays"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "read", "input": {"q": "MARK stays"}},
            {"type": "tool_use", "id": "c2", "name": "look", "input": {}},
            {"type": "mcp_tool_use", "id": "c3", "name": "pay", "server_name": "shop", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "c3", "content": [{"type": "text", "text": "p MARK"}]}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c2", "content": "a \"MARK\""},
            {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "b MARK"}]},
            {"type": "tool_result", "tool_use_id": "forged", "content": "c MARK"},
            {"type": "tool_result", "tool_use_id": "c1"}]},
    ]);
    let none = None;
    let rows = [
        (
            Dialect::OpenAi,
            openai,
            vec![
                Some("look"),
                Some("read"),
                none,
                none,
                none,
                Some("old"),
                Some("read"),
            ],
        ),
        (
            Dialect::Anthropic,
            anthropic,
            vec![Some("pay"), Some("look"), Some("read"), none, Some("read")],
        ),
    ];
    for (dialect, messages, names) in rows {
        let request = request(dialect, &messages);
        let parts = request.tool_results();
        let named: Vec<_> = parts
            .list
            .iter()
            .map(|part| part.named.tool.as_deref())
            .collect();
        assert_eq!(named, names);
        assert!(parts.list.iter().all(|part| part.side == Side::Result));
        // What stands in the answer was judged with it.
        let newest = parts.list.iter().filter(|part| part.current_turn).count();
        assert_eq!(
            newest,
            parts
                .list
                .iter()
                .filter(|part| part.named.server.is_none())
                .count()
        );
        let now = messages
            .to_string()
            .replace("MARK", "NEW")
            .replace("NEW stays", "MARK stays");
        assert_eq!(marked(&parts)["messages"].to_string(), now);
    }
}

#[test]
fn the_last_call_of_an_id_has_the_results_behind_it() {
    let call = |name: &str| json!({"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": name, "arguments": "{}"}}]});
    let result = json!({"role": "tool", "tool_call_id": "c", "content": "x"});
    let messages = json!([call("read"), result, call("look"), result]);
    let request = request(Dialect::OpenAi, &messages);
    let parts = request.tool_results();
    let named: Vec<_> = parts
        .list
        .iter()
        .map(|part| part.named.tool.as_deref().unwrap())
        .collect();
    assert_eq!(named, ["read", "look"]);
    let newest: Vec<bool> = parts.list.iter().map(|part| part.current_turn).collect();
    assert_eq!(newest, [false, true]);
}

#[test]
fn services_are_shown_what_mcp_says_and_their_changes_lead_back() {
    let arguments = r#"{"a":"one \"two\"","deep":"{\"b\":\"two\"}","n":1.50}"#;
    let openai =
        message(&json!({"tool_calls": [{"function": {"name": "send", "arguments": arguments}}]}));
    let anthropic = json!({"content": [{"type": "tool_use", "name": "send", "input": serde_json::from_str::<Json>(arguments).unwrap()}]});
    for (dialect, body) in [(Dialect::OpenAi, openai), (Dialect::Anthropic, anthropic)] {
        let response = response(dialect, &body);
        let parts = response.tool_parts(None, &mut Names::default());
        let part = &parts.list[0];
        let mut texts = parts.texts(part, &Limits::default()).unwrap();
        assert_eq!(part.shown_response(&texts), None);
        let shown = part.shown_request(&texts);
        let shown: Json = serde_json::from_slice(&shown).unwrap();
        assert_eq!(
            shown["params"]["arguments"],
            serde_json::from_str::<Json>(arguments).unwrap()
        );
        let returned = shown.to_string().replace("two", "2");
        let edits = part
            .diff(&texts, &serde_json::from_str(&returned).unwrap())
            .unwrap();
        texts.apply(&edits).unwrap();
        assert_eq!(
            serde_json::from_slice::<Json>(&part.shown_request(&texts))
                .unwrap()
                .to_string(),
            returned
        );
        let now: Json = serde_json::from_str(&parts.with_edits(&[texts.clone()]).unwrap()).unwrap();
        let expected = body.to_string().replace("two", "2");
        assert_eq!(now.to_string(), expected);
        // Another tool, or another form, is no changed text.
        for wrong in [
            json!({"method": "tools/call", "params": {"name": "other", "arguments": {}}}),
            json!({"method": "tools/call", "params": {"name": "send", "arguments": []}}),
        ] {
            assert!(part.diff(&texts, &wrong).is_err());
        }
    }
}

#[test]
fn a_result_is_shown_with_the_call_that_it_answers() {
    let messages = json!([
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "read", "arguments": "{\"q\":1}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "a two"},
    ]);
    let request = request(Dialect::OpenAi, &messages);
    let parts = request.tool_results();
    let mut texts = parts.texts(&parts.list[0], &Limits::default()).unwrap();
    let asked: Json = serde_json::from_slice(&parts.list[0].shown_request(&texts)).unwrap();
    assert_eq!(
        asked,
        json!({"method": "tools/call", "params": {"name": "read", "arguments": {"q": 1}}})
    );
    let shown = parts.list[0].shown_response(&texts).unwrap();
    assert_eq!(shown, r#"{"content":[{"type":"text","text":"a two"}]}"#);
    let returned = json!({"content": [{"type": "text", "text": "a 2"}]});
    let edits = parts.list[0].diff(&texts, &returned).unwrap();
    texts.apply(&edits).unwrap();
    let now = parts.with_edits(&[texts]).unwrap();
    assert!(now.contains(r#""content":"a 2""#), "{now}");
}

#[test]
fn what_is_no_text_is_counted() {
    let messages = json!([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "document", "source": {"type": "file", "file_id": "f"}}]}]}]);
    let request = request(Dialect::Anthropic, &messages);
    let parts = request.tool_results();
    let texts = parts.texts(&parts.list[0], &Limits::default()).unwrap();
    assert_eq!(texts.unjudged().told(), "1 image, 1 file");
}

#[test]
fn tokens_of_a_choice_go_with_its_changed_call() {
    let body = json!({"choices": [
        {"index": 0, "message": {"tool_calls": [{"function": {"name": "send", "arguments": "{\"a\":\"MARK\"}"}}]}, "logprobs": {"content": [{"token": "MARK"}]}},
        {"index": 1, "message": {"content": "MARK"}, "logprobs": {"content": [{"token": "MARK"}]}}]});
    let response = response(Dialect::OpenAi, &body);
    let now = marked(&response.tool_parts(None, &mut Names::default()));
    assert_eq!(now["choices"][0]["logprobs"], Json::Null);
    assert_eq!(now["choices"][1], body["choices"][1]);
}

#[test]
fn pieces_of_calls_are_told_from_everything_else() {
    use Dialect::{Anthropic, OpenAi};
    let delta = |delta: Json| json!({"choices": [{"index": 1, "delta": delta}]});
    let call = |call: Json| delta(json!({"tool_calls": [call]}));
    let begin =
        |block: Json| json!({"type": "content_block_start", "index": 2, "content_block": block});
    let rows = [
        (OpenAi, delta(json!({"content": "tool_calls"})), vec![]),
        (
            OpenAi,
            delta(json!({"role": "assistant", "content": null, "tool_calls": []})),
            vec![],
        ),
        (
            OpenAi,
            call(json!({"index": 3, "id": "x", "function": {"name": "send", "arguments": ""}})),
            vec![(1, 3)],
        ),
        (
            OpenAi,
            call(json!({"index": 3, "function": {"arguments": "{"}})),
            vec![(1, 3)],
        ),
        (
            OpenAi,
            call(json!({"index": 3, "custom": {"input": "x"}})),
            vec![(1, 3)],
        ),
        (
            OpenAi,
            call(json!({"index": 3, "new": {"what": "x"}})),
            vec![(1, 3)],
        ),
        (
            OpenAi,
            delta(json!({"function_call": {"name": "send"}})),
            vec![(1, u32::MAX)],
        ),
        (
            OpenAi,
            json!({"choices": [{"message": {"tool_calls": [{"function": {"name": "x", "arguments": "{}"}}]}}]}),
            vec![(0, 0)],
        ),
        (
            Anthropic,
            begin(json!({"type": "text", "text": ""})),
            vec![],
        ),
        (
            Anthropic,
            begin(json!({"type": "tool_use", "id": "x", "name": "send", "input": {}})),
            vec![(2, 0)],
        ),
        (
            Anthropic,
            begin(json!({"type": "new_tool_use", "input": {"a": "x"}})),
            vec![(2, 0)],
        ),
        (
            Anthropic,
            begin(json!({"type": "web_search_tool_result", "content": []})),
            vec![(2, 0)],
        ),
        (
            Anthropic,
            json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{"}}),
            vec![(2, 0)],
        ),
        (
            Anthropic,
            json!({"type": "content_block_delta", "index": 2, "delta": {"type": "text_delta", "text": "tool_use"}}),
            vec![],
        ),
        (
            Anthropic,
            json!({"type": "message_start", "message": {"content": [{"type": "tool_use", "name": "x", "input": {"a": "b"}}]}}),
            vec![(u32::MAX, 0)],
        ),
    ];
    for (dialect, data, expected) in rows {
        let mut decoder = Decoder::new(usize::MAX);
        decoder.push(format!("data: {data}\n\n").into());
        let event = Event::read(dialect, decoder.next_frame().unwrap().unwrap());
        let found: Vec<_> = pieces(dialect, &event)
            .into_iter()
            .map(|piece| (piece.answer, piece.call))
            .collect();
        assert_eq!(found, expected, "{data}");
    }
}
