use std::future::poll_fn;

use super::*;

async fn ask(demo: &Demo, dialect: Dialect, request: &Value) -> (StatusCode, String) {
    let response = demo.answer(dialect, &Bytes::from(request.to_string()));
    let mut body = response.body;
    let mut all = Vec::new();
    while let Some(piece) = poll_fn(|cx| body.poll_chunk(cx)).await.unwrap() {
        all.extend_from_slice(&piece);
    }
    (response.status, String::from_utf8(all).unwrap())
}

fn request(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [
        {"role": "user", "content": "earlier"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": [{"type": "text", "text": text}]},
    ]})
}

fn with(mut value: Value, more: Value) -> Value {
    value
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    value
}

/// The data of every event, without `[DONE]`.
fn events(stream: &str) -> Vec<Value> {
    let data = stream
        .split("\n\n")
        .filter_map(|event| event.split("data: ").nth(1));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[tokio::test]
async fn every_model_answers_in_both_dialects() {
    let demo = Demo {
        pause: Duration::from_millis(1),
        ..Demo::default()
    };
    let steps = r#"[{"text": "one "}, {"pause_ms": 1, "text": "two"}]"#;
    for (model, text, expected) in [
        ("echo", "say  this\n", "say  this\n"),
        ("slow", "a b", "a b"),
        ("canned", "x", CANNED),
        ("script", steps, "one two"),
        ("scripted", steps, "one two"),
    ] {
        let (status, body) = ask(&demo, Dialect::OpenAi, &request(model, text)).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, &body["choices"][0]["message"]["content"]),
            (StatusCode::OK, &json!(expected)),
            "{model}"
        );
        let (_, body) = ask(&demo, Dialect::Anthropic, &request(model, text)).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["content"][0]["text"], expected, "{model}");

        let streamed = with(request(model, text), json!({"stream": true}));
        let (_, stream) = ask(&demo, Dialect::OpenAi, &streamed).await;
        let said: String = events(&stream)
            .iter()
            .filter_map(|e| e["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(said, expected, "{model}");
        assert!(stream.ends_with("data: [DONE]\n\n"));
        let (_, stream) = ask(&demo, Dialect::Anthropic, &streamed).await;
        let said: String = events(&stream)
            .iter()
            .filter_map(|e| e["delta"]["text"].as_str())
            .collect();
        assert_eq!(said, expected, "{model}");
    }
}

#[tokio::test]
async fn echo_all_answers_with_the_body_as_it_came() {
    let body = request("echo-all", "x");
    let (_, answer) = ask(&Demo::default(), Dialect::OpenAi, &body).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], body.to_string());
}

#[tokio::test]
async fn choices_and_usage_are_as_asked_for() {
    let demo = Demo::default();
    let asked = json!({"n": 3, "stream": true, "stream_options": {"include_usage": true}});
    let (_, stream) = ask(&demo, Dialect::OpenAi, &with(request("echo", "a b"), asked)).await;
    let events = events(&stream);
    for index in 0..3 {
        let mine = events.iter().filter(|e| e["choices"][0]["index"] == index);
        let said: String = mine
            .filter_map(|e| e["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(said, "a b");
    }
    let usage: Vec<_> = events.iter().filter(|e| e.get("usage").is_some()).collect();
    assert_eq!(usage.len(), 1);
    assert_eq!(usage[0]["choices"], json!([]));
    let (_, plain) = ask(
        &demo,
        Dialect::OpenAi,
        &with(request("echo", "a"), json!({"n": 3})),
    )
    .await;
    let plain: Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(plain["choices"].as_array().unwrap().len(), 3);
    assert!(plain["usage"]["total_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_script_calls_tools() {
    let call = ToolCall {
        name: "search".into(),
        arguments: r#"{"query": "weather in Oslo"}"#.into(),
    };
    let script = vec![
        Step {
            text: Some("Let me look.".into()),
            ..Step::default()
        },
        Step {
            tool_call: Some(call),
            ..Step::default()
        },
    ];
    let demo = Demo {
        script,
        ..Demo::default()
    };
    let (_, plain) = ask(&demo, Dialect::OpenAi, &request("script", "x")).await;
    let plain: Value = serde_json::from_str(&plain).unwrap();
    let choice = &plain["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(
        choice["message"]["tool_calls"][0]["function"]["name"],
        "search"
    );
    let streamed = with(request("script", "x"), json!({"stream": true}));
    let (_, stream) = ask(&demo, Dialect::OpenAi, &streamed).await;
    let arguments: String = events(&stream)
        .iter()
        .filter_map(|e| e["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str())
        .collect();
    assert_eq!(arguments, r#"{"query": "weather in Oslo"}"#);
    let (_, stream) = ask(&demo, Dialect::Anthropic, &streamed).await;
    let events = events(&stream);
    let arguments: String = events
        .iter()
        .filter_map(|e| e["delta"]["partial_json"].as_str())
        .collect();
    assert_eq!(arguments, r#"{"query": "weather in Oslo"}"#);
    let order: Vec<_> = events.iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!(
        (order[0], order[order.len() - 1]),
        ("message_start", "message_stop")
    );
    assert_eq!(
        order
            .iter()
            .filter(|kind| **kind == "content_block_stop")
            .count(),
        2
    );
    let (_, plain) = ask(&demo, Dialect::Anthropic, &request("script", "x")).await;
    let plain: Value = serde_json::from_str(&plain).unwrap();
    assert_eq!(plain["content"][1]["input"]["query"], "weather in Oslo");
}

#[tokio::test]
async fn what_it_cannot_answer_is_an_error_in_the_dialect() {
    let demo = Demo::default();
    for (body, status) in [
        (request("nope", "x"), StatusCode::NOT_FOUND),
        (
            request("script", "secret words that are no script"),
            StatusCode::BAD_REQUEST,
        ),
        (json!({"messages": []}), StatusCode::BAD_REQUEST),
    ] {
        let (got, text) = ask(&demo, Dialect::OpenAi, &body).await;
        assert_eq!(got, status);
        assert!(serde_json::from_str::<Value>(&text).unwrap()["error"]["message"].is_string());
        assert!(!text.contains("secret words"));
        let (got, text) = ask(&demo, Dialect::Anthropic, &body).await;
        assert_eq!(
            (
                got,
                serde_json::from_str::<Value>(&text).unwrap()["type"].clone()
            ),
            (status, json!("error"))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn slow_is_slow() {
    let demo = Demo::default();
    let begun = tokio::time::Instant::now();
    ask(
        &demo,
        Dialect::OpenAi,
        &with(request("slow", "one two three"), json!({"stream": true})),
    )
    .await;
    assert_eq!(begun.elapsed().as_millis(), 600);
}
