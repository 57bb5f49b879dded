//! What the span of a model's call says in the words of the `gen_ai` conventions.

use parapet_tests::fake::Reply;
use parapet_tests::fake_llm::Turn;
use serde_json::{Value, json};

use crate::support::{PROMPT, SSN, assert_silent, with_collector};

const REQUEST: [(&str, &str); 8] = [
    ("gen_ai.request.max_tokens", "64"),
    ("gen_ai.request.temperature", "0.5"),
    ("gen_ai.request.top_p", "0.25"),
    ("gen_ai.request.top_k", "40"),
    ("gen_ai.request.frequency_penalty", "-1"),
    ("gen_ai.request.presence_penalty", "1"),
    ("gen_ai.request.seed", "-7"),
    ("gen_ai.request.choice.count", "2"),
];

#[tokio::test]
async fn calls_say_what_was_asked_for_and_what_answered() {
    let Some((world, collector)) = with_collector().await else {
        return;
    };
    world.llm.script([Turn::say("all is well")]);
    // With guardrails on the answer, and without any.
    for model in ["local", "free"] {
        for (account, path) in [
            ("model", "/v1/chat/completions"),
            ("claude", "/v1/messages"),
        ] {
            for stream in [false, true] {
                let body = json!({
                    "model": format!("{account}/{model}"), "stream": stream, "max_tokens": 64,
                    "temperature": 0.5, "top_p": 0.25, "top_k": 40, "frequency_penalty": -1.0,
                    "presence_penalty": 1, "seed": -7, "n": 2, "stop": [PROMPT], "stop_sequences": [PROMPT],
                    "stream_options": {"include_usage": true},
                    "messages": [{"role": "user", "content": "hello"}],
                });
                let mut asked = world.chat(&body);
                if account == "claude" {
                    asked = world.message(&body);
                }
                let answer = world.client.send(asked).await.unwrap();
                let what = format!("{path} {model} {stream}");
                assert_eq!(answer.status, 200, "{what}: {:?}", answer.text());
                let id = answer.header("x-request-id").unwrap();
                let spans = collector.spans_of(id).await.unwrap();
                let name = format!("chat {model}");
                let call = spans.iter().find(|span| span.name() == name).unwrap();
                let (provider, id, reason) = match account {
                    "claude" => ("anthropic", "msg_fake", "end_turn"),
                    _ => ("openai", "chatcmpl-fake", "stop"),
                };
                let answered = [
                    ("gen_ai.operation.name", "chat"),
                    ("gen_ai.provider.name", provider),
                    ("gen_ai.request.model", model),
                    (
                        "gen_ai.request.stream",
                        if stream { "true" } else { "false" },
                    ),
                    ("gen_ai.response.id", id),
                    ("gen_ai.response.model", model),
                    ("gen_ai.response.finish_reasons", reason),
                    ("error.type", ""),
                ];
                for (key, value) in REQUEST.into_iter().chain(answered) {
                    assert_eq!(call.told(key), value, "{what}: {key}");
                }
                for key in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"] {
                    assert!(call.told(key).parse::<u64>().is_ok(), "{what}: {key}");
                }
                let first = call.told("gen_ai.response.time_to_first_chunk");
                assert_eq!(first.is_empty(), !stream, "{what}: {first}");
            }
        }
    }
    assert_silent(&world, &collector).await;
}

#[tokio::test]
async fn an_answer_cannot_put_text_into_a_span_by_what_it_says_about_itself() {
    let Some((world, collector)) = with_collector().await else {
        return;
    };
    let answer = |message: Value| {
        json!({
            "id": format!("the number is {SSN}"), "model": [PROMPT],
            "choices": [{"index": 0, "message": message, "finish_reason": format!("{PROMPT} {SSN}")}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 1}},
        })
    };
    world.llm.script([Turn::Raw(Reply::json(
        200,
        &answer(json!({"role": "assistant", "content": "ok"})),
    ))]);
    let body = json!({"model": "model/free", "messages": [{"role": "user", "content": "hello"}]});
    let answer = world.client.send(world.chat(&body)).await.unwrap();
    assert_eq!(answer.status, 200);
    let id = answer.header("x-request-id").unwrap();
    let spans = collector.spans_of(id).await.unwrap();
    let call = spans
        .iter()
        .find(|span| span.name() == "chat free")
        .unwrap();
    assert_eq!(call.told("gen_ai.response.id"), "");
    assert_eq!(call.told("gen_ai.response.model"), "");
    assert_eq!(call.told("gen_ai.response.finish_reasons"), "other");
    assert_eq!(call.told("gen_ai.usage.cache_read.input_tokens"), "1");
    assert_silent(&world, &collector).await;
}
