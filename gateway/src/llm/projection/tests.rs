use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::llm::testing::{output, replace, request};
use crate::llm::{Dialect, Limits, Request, Response, Texts};

use Dialect::{Anthropic, OpenAi};

fn parsed(dialect: Dialect, body: &Json) -> (Request, Texts) {
    let request = request(dialect, &body.to_string());
    let texts = request.texts(&Limits::default()).unwrap();
    (request, texts)
}

fn sent(request: &Request, texts: &Texts) -> Json {
    serde_json::from_slice(&request.chat_body(texts)).unwrap()
}

/// What a service returns is what the body becomes; gives the body in its own dialect.
fn accept(request: &Request, texts: &mut Texts, returned: &Json) -> Json {
    let edits = request.chat_diff(texts, returned).unwrap();
    texts.apply(&edits).unwrap();
    assert_eq!(&sent(request, texts), returned);
    serde_json::from_str(&output(texts)).unwrap()
}

fn chat() -> Json {
    json!({
        "model": "m", "temperature": 0.5, "seed": null, "stream": false,
        "messages": [
            {"role": "user", "content": "one AKIA \n two"},
            {"role": "user", "content": [
                {"type": "text", "text": "AK"}, {"type": "text", "text": "IA"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
            ]},
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {
                "name": "f", "arguments": "{\"n\": 5, \"q\": [\"AKIA\"], \"deep\": {\"x\": \"y\"}}"
            }}]},
        ],
        "metadata": {"note": "AKIA"},
    })
}

#[test]
fn a_returned_chat_body_becomes_edits() {
    let changes: [(&str, Json); 7] = [
        ("/messages/0/content", json!("one * \n two")),
        ("/messages/0/content", json!("")),
        ("/messages/1/content/0/text", json!("é")),
        ("/messages/1/content/1/text", json!("more than before")),
        ("/metadata/note", json!("\"")),
        (
            "/messages/2/tool_calls/0/function/arguments",
            json!("{\"n\": 5, \"q\": [\"*\\n\"], \"deep\": {\"x\": \"y\"}}"),
        ),
        (
            "/messages/2/tool_calls/0/function/arguments",
            json!("{\"n\": \"five\", \"q\": [\"AKIA\"], \"deep\": {\"x\": \"z\"}}"),
        ),
    ];
    for (path, value) in &changes {
        let (request, mut texts) = parsed(OpenAi, &chat());
        let mut returned = chat();
        *returned.pointer_mut(path).unwrap() = value.clone();
        assert_eq!(accept(&request, &mut texts, &returned), returned, "{path}");
    }
    // All of them, one service after the other.
    let (request, mut texts) = parsed(OpenAi, &chat());
    let mut returned = chat();
    for (path, value) in &changes {
        *returned.pointer_mut(path).unwrap() = value.clone();
        if path.ends_with("arguments") && value != &changes[6].1 {
            continue;
        }
        accept(&request, &mut texts, &returned);
    }
}

#[test]
fn a_body_written_anew_without_a_change_is_no_edit() {
    let (request, mut texts) = parsed(OpenAi, &chat());
    assert_eq!(request.chat_diff(&texts, &chat()), Ok(vec![]));
    let mut returned = chat();
    // Other spacing in the arguments and another form of a number are no change of text.
    returned["messages"][2]["tool_calls"][0]["function"]["arguments"] =
        json!("{\"q\":[\"AKIA\"],\"deep\":{\"x\":\"y\"},\"n\":5.0}");
    assert_eq!(request.chat_diff(&texts, &returned), Ok(vec![]));
    texts.apply(&[replace(&texts, "one AKIA", "[K]")]).unwrap();
    let mut returned = chat();
    returned["messages"][0]["content"] = json!("[K] \n two");
    assert_eq!(request.chat_diff(&texts, &returned), Ok(vec![]));
}

#[test]
fn anything_but_a_changed_text_is_refused() {
    type Change = fn(&mut Json);
    let changes: [(Change, &str); 12] = [
        (|body| body["model"] = json!("other"), "model"),
        (|body| body["stream"] = json!(true), "stream"),
        (|body| body["temperature"] = json!(0.6), "temperature"),
        (|body| body["seed"] = json!(1), "seed"),
        (|body| body["extra"] = json!(1), "body"),
        (|body| body["messages"] = json!([]), "messages"),
        (
            |body| body["messages"][0]["content"] = json!(["x"]),
            "messages[0].content",
        ),
        (
            |body| body["messages"][0]["role"] = json!("system"),
            "messages[0].role",
        ),
        (
            |body| body["messages"][1]["content"][2]["image_url"]["url"] = json!("x"),
            "messages[1].content[2].image_url.url",
        ),
        (
            |body| body["messages"][2]["tool_calls"][0]["id"] = json!("d"),
            "messages[2].tool_calls[0].id",
        ),
        (
            |body| body["messages"][2]["tool_calls"][0]["function"]["arguments"] = json!("no JSON"),
            "messages[2].tool_calls[0].function.arguments",
        ),
        (
            |body| {
                body["messages"][2]["tool_calls"][0]["function"]["arguments"] =
                    json!("{\"n\":6,\"q\":[\"AKIA\"],\"deep\":{\"x\":\"y\"}}")
            },
            "messages[2].tool_calls[0].function.arguments.n",
        ),
    ];
    for (change, path) in changes {
        let (request, texts) = parsed(OpenAi, &chat());
        let mut returned = chat();
        change(&mut returned);
        let error = request.chat_diff(&texts, &returned).unwrap_err();
        assert_eq!(error.path, path);
    }
    let (request, texts) = parsed(OpenAi, &chat());
    assert_eq!(
        request.chat_diff(&texts, &json!(null)).unwrap_err().path,
        "body"
    );
}

#[test]
fn a_changed_answer_is_compared_without_what_repeated_it() {
    let body = json!({"choices": [{"message": {"content": "AKIA"}, "logprobs": {"content": []}}]});
    let response = Response::parse(OpenAi, Arc::new(body.to_string())).unwrap();
    let mut texts = response.texts(None, &Limits::default()).unwrap();
    texts.apply(&[replace(&texts, "AKIA", "*")]).unwrap();
    let sent: Json = serde_json::from_slice(&response.chat_body(&texts)).unwrap();
    assert_eq!(sent["choices"][0]["logprobs"], json!(null));
    assert_eq!(response.chat_diff(&texts, &sent), Ok(vec![]));
    assert!(response.chat_diff(&texts, &body).is_err());
}

fn messages() -> Json {
    json!({
        "model": "claude", "max_tokens": 10, "system": [{"type": "text", "text": "sys"}],
        "messages": [
            {"role": "user", "content": "hello AKIA"},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "let me"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"n": 5, "q": "AKIA"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "result AKIA"}]},
                {"type": "text", "text": "and"},
                {"type": "document", "title": "doc", "source": {"type": "text", "media_type": "text/plain", "data": "inside"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "AA"}},
            ]},
        ],
        "tools": [{"name": "f", "description": "does f", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any"}, "stop_sequences": ["END"], "metadata": {"user_id": "u"},
    })
}

#[test]
fn an_anthropic_request_reads_as_a_chat_body() {
    let (request, texts) = parsed(Anthropic, &messages());
    let arguments = "{\"n\":5,\"q\":\"AKIA\"}";
    assert_eq!(
        sent(&request, &texts),
        json!({
            "model": "claude", "max_tokens": 10, "stop": ["END"],
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "sys"}]},
                {"role": "user", "content": "hello AKIA"},
                {"role": "assistant", "content": [{"type": "text", "text": "let me"}],
                 "reasoning_content": "hm",
                 "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
                {"role": "tool", "tool_call_id": "t1", "content": [{"type": "text", "text": "result AKIA"}]},
                {"role": "user", "content": [
                    {"type": "text", "text": "and"}, {"type": "text", "text": "doc"},
                    {"type": "text", "text": "inside"},
                    {"type": "image_url", "image_url": {"url": "data:image/gif;base64,AA"}},
                ]},
            ],
            "user": "u",
            "tools": [{"type": "function", "function": {"name": "f", "description": "does f", "parameters": {"type": "object"}}}],
            "tool_choice": "required",
        })
    );
}

#[test]
fn a_returned_chat_body_changes_the_anthropic_request() {
    for (there, here, value) in [
        ("/messages/0/content/0/text", "/system/0/text", json!("*")),
        (
            "/messages/1/content",
            "/messages/0/content",
            json!("hello [KEY] there"),
        ),
        (
            "/messages/2/content/0/text",
            "/messages/1/content/1/text",
            json!("*"),
        ),
        (
            "/messages/3/content/0/text",
            "/messages/2/content/0/content/0/text",
            json!("*"),
        ),
        (
            "/messages/4/content/2/text",
            "/messages/2/content/2/source/data",
            json!("*\""),
        ),
        (
            "/tools/0/function/description",
            "/tools/0/description",
            json!("does g"),
        ),
        ("/stop/0", "/stop_sequences/0", json!("STOP")),
        ("/user", "/metadata/user_id", json!("")),
    ] {
        let (request, mut texts) = parsed(Anthropic, &messages());
        let mut returned = sent(&request, &texts);
        *returned.pointer_mut(there).unwrap() = value.clone();
        let mut expected = messages();
        *expected.pointer_mut(here).unwrap() = value;
        assert_eq!(accept(&request, &mut texts, &returned), expected, "{there}");
    }
    let (request, mut texts) = parsed(Anthropic, &messages());
    let mut returned = sent(&request, &texts);
    let arguments = "/messages/2/tool_calls/0/function/arguments";
    *returned.pointer_mut(arguments).unwrap() = json!("{\"n\":\"-\",\"q\":\"*\"}");
    let changed = accept(&request, &mut texts, &returned);
    assert_eq!(
        changed["messages"][1]["content"][2]["input"],
        json!({"n": "-", "q": "*"})
    );
    *returned.pointer_mut("/messages/2/tool_calls/0/id").unwrap() = json!("t2");
    let error = request.chat_diff(&texts, &returned).unwrap_err();
    assert_eq!(error.path, "messages[2].tool_calls[0].id");
}

#[test]
fn an_anthropic_answer_reads_as_a_completion_and_back() {
    let body = json!({
        "id": "msg", "type": "message", "role": "assistant", "model": "claude",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "one AK"}, {"type": "text", "text": "IA two"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            {"type": "text", "text": "three"},
        ],
        "stop_reason": "tool_use", "usage": {"input_tokens": 3, "output_tokens": 4},
    });
    let response = Response::parse(Anthropic, Arc::new(body.to_string())).unwrap();
    let mut texts = response.texts(None, &Limits::default()).unwrap();
    let mut sent: Json = serde_json::from_slice(&response.chat_body(&texts)).unwrap();
    assert_eq!(
        sent,
        json!({
            "object": "chat.completion", "id": "msg", "model": "claude",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": "one AKIA two\nthree", "reasoning_content": "hm",
                "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}],
            }}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        })
    );
    let content = |text: &str| {
        let mut returned = sent.clone();
        returned["choices"][0]["message"]["content"] = json!(text);
        returned
    };
    // A change over both parts of one text, and one over a text and the next.
    let edits = response
        .chat_diff(&texts, &content("one * two\nthree"))
        .unwrap();
    texts.apply(&edits).unwrap();
    let changed: Json = serde_json::from_str(&output(&texts)).unwrap();
    assert_eq!(changed["content"][1]["text"], json!("one *"));
    assert_eq!(changed["content"][2]["text"], json!(" two"));
    assert!(
        response.chat_diff(&texts, &content("one * t*ree")).is_err(),
        "the line feed is nobody's"
    );
    sent["choices"][0]["message"]["content"] = json!("one * two\n");
    let edits = response.chat_diff(&texts, &sent).unwrap();
    texts.apply(&edits).unwrap();
    let changed: Json = serde_json::from_str(&output(&texts)).unwrap();
    assert_eq!(changed["content"][4]["text"], json!(""));
}
