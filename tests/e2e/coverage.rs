//! What no guardrail can judge: every class, in requests and in answers, plain and streamed, in both dialects.

use bytes::Bytes;
use parapet_tests::fake::Reply;
use parapet_tests::fake_llm::Turn;
use parapet_tests::http_client::{Answered, Outgoing};
use parapet_tests::world::{TOKEN, World};
use serde_json::{Value, json};

const RESOURCES: &str = r#"apiVersion: parapet.dev/v1alpha1
kind: GatewaySettings
metadata: {name: settings}
spec: {limits: {streamEventBytes: 4194304}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: ssn, regex: {presetPatterns: {presets: [us_ssn]}}}
    - {name: judge, custom: {url: "${service}/judge"}}
    - {name: windows, streaming: {mode: windowed}, custom: {url: "${service}/windows"}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: local
      when: {target: {operator: or, conditions: {model: {values: ["*/open", "*/strict"], condition: in}}}}
      llm_input_guardrails: [g/ssn]
      llm_output_guardrails: [g/ssn]
    - id: whole
      when: {target: {operator: or, conditions: {model: {values: ["*/whole"], condition: in}}}}
      llm_output_guardrails: [g/judge]
    - id: windowed
      when: {target: {operator: or, conditions: {model: {values: ["*/windowed"], condition: in}}}}
      llm_output_guardrails: [g/windows]
    - id: refusing
      when: {target: {operator: or, conditions: {model: {values: ["*/open", "*/free"], condition: not_in}}}}
      unscannable: block
"#;

/// Models whose rules refuse what cannot be judged: by the guardrails that see an answer, or without any.
const REFUSING: [&str; 4] = ["strict", "whole", "windowed", "bare"];

#[derive(Clone, Copy, Debug)]
enum Dialect {
    OpenAi,
    Anthropic,
}

use Dialect::{Anthropic, OpenAi};

impl Dialect {
    const fn account(self) -> &'static str {
        match self {
            OpenAi => "model",
            Anthropic => "claude",
        }
    }
}

async fn ask(world: &World, dialect: Dialect, model: &str, stream: bool, more: &Value) -> Answered {
    let mut body = json!({
        "model": format!("{}/{model}", dialect.account()), "stream": stream, "max_tokens": 9,
        "messages": [{"role": "user", "content": "hello"}],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let path = match dialect {
        OpenAi => "/v1/chat/completions",
        Anthropic => "/v1/messages",
    };
    let outgoing = Outgoing::post(path, body.to_string()).bearer(TOKEN);
    world.client.send(outgoing).await.unwrap()
}

async fn unjudged(world: &World, answer: &Answered) -> Value {
    let id = answer.header("x-request-id").unwrap();
    let record = world.gateway.record(id).await.unwrap();
    json!([record["end"], record["unjudged"]])
}

/// A user's content of each class.
fn asked() -> Vec<(Dialect, &'static str, Value)> {
    let long = format!("data:text/plain,{}", "x ".repeat(600_000));
    let content = |parts: Value| json!({"messages": [{"role": "user", "content": parts}]});
    let said = |message: Value| json!({"messages": [{"role": "user", "content": "hello"}, message, {"role": "user", "content": "go on"}]});
    let image =
        json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]);
    let remote = json!([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]);
    let long_file = json!([{"type": "file", "file": {"file_data": long, "filename": "a"}}]);
    let thinking = |block: Value| said(json!({"role": "assistant", "content": [block]}));
    let base64 = |kind: &str| json!([{"type": kind, "source": {"type": "base64", "media_type": "x/y", "data": "AAAA"}}]);
    vec![
        (OpenAi, "image", content(image)),
        (
            OpenAi,
            "audio",
            content(
                json!([{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]),
            ),
        ),
        (
            OpenAi,
            "audio",
            said(json!({"role": "assistant", "audio": {"id": "audio_1"}})),
        ),
        (
            OpenAi,
            "video",
            content(
                json!([{"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}]),
            ),
        ),
        (
            OpenAi,
            "file",
            content(json!([{"type": "file", "file": {"file_id": "file_1"}}])),
        ),
        (OpenAi, "remote_url", content(remote)),
        (
            OpenAi,
            "opaque",
            said(
                json!({"role": "assistant", "content": "hm", "reasoning_details": [{"type": "reasoning.encrypted", "data": "AAAA"}]}),
            ),
        ),
        (OpenAi, "tokens", content(json!([15339, 1917]))),
        (
            OpenAi,
            "tokens",
            json!({"prompt_token_ids": [[15339], [1917]]}),
        ),
        (OpenAi, "over_limit", content(long_file)),
        (Anthropic, "image", content(base64("image"))),
        (Anthropic, "file", content(base64("document"))),
        (
            Anthropic,
            "file",
            content(json!([{"type": "document", "source": {"type": "file", "file_id": "f"}}])),
        ),
        (
            Anthropic,
            "remote_url",
            content(
                json!([{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}]),
            ),
        ),
        (
            Anthropic,
            "opaque",
            thinking(json!({"type": "redacted_thinking", "data": "AAAA"})),
        ),
        (
            Anthropic,
            "opaque",
            thinking(json!({"type": "thinking", "thinking": "", "signature": "AAAA"})),
        ),
        (Anthropic, "tokens", content(json!([15339, 1917]))),
        (
            Anthropic,
            "over_limit",
            content(json!([{"type": "image", "source": {"type": "url", "url": long}}])),
        ),
    ]
}

#[tokio::test]
async fn every_class_in_a_request_is_counted_and_refused_by_a_rule() {
    let world = World::start(RESOURCES).await.unwrap();
    for (dialect, class, body) in asked() {
        for stream in [false, true] {
            let open = ask(&world, dialect, "open", stream, &body).await;
            assert_eq!(open.status, 200, "{class}: {:?}", open.text());
            let told = open.header("x-parapet-unjudged").unwrap();
            assert_eq!(told, format!("{class}=1"), "{dialect:?}");
            let record = unjudged(&world, &open).await;
            assert_eq!(record, json!(["allowed", [[class, 1]]]), "{dialect:?}");
            let calls = world.llm.server().calls().len();
            for model in REFUSING {
                let refused = ask(&world, dialect, model, stream, &body).await;
                assert_eq!(
                    refused.status,
                    400,
                    "{class} to {model}: {:?}",
                    refused.text()
                );
                let record = unjudged(&world, &refused).await;
                assert_eq!(
                    record,
                    json!(["blocked_violation", [[class, 1]]]),
                    "{model}"
                );
            }
            assert_eq!(world.llm.server().calls().len(), calls, "{class} went on");
        }
    }
    let (_, metrics) = world.gateway.admin_get("/metrics").await.unwrap();
    for class in [
        "image",
        "audio",
        "video",
        "file",
        "remote_url",
        "opaque",
        "tokens",
        "over_limit",
    ] {
        let line = format!("parapet_unjudged_total{{class=\"{class}\"}} ");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}

/// What a model says of each class: in a whole answer, and in events of a stream.
struct Said {
    dialect: Dialect,
    class: &'static str,
    whole: Value,
    events: Vec<Value>,
}

fn openai(class: &'static str, message: &Value) -> Said {
    let choice =
        |key: &str, reason: Value| json!({"index": 0, key: message, "finish_reason": reason});
    let of = |object: &str, choice: Value| json!({"id": "c", "object": object, "created": 1, "model": "m", "choices": [choice]});
    Said {
        dialect: OpenAi,
        class,
        whole: of("chat.completion", choice("message", json!("stop"))),
        events: vec![of("chat.completion.chunk", choice("delta", Value::Null))],
    }
}

fn anthropic(class: &'static str, block: &Value, events: &[Value]) -> Said {
    let start = json!({"type": "content_block_start", "index": 1, "content_block": block});
    let events = if events.is_empty() {
        &[start][..]
    } else {
        events
    };
    Said {
        dialect: Anthropic,
        class,
        whole: json!({"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [block], "stop_reason": "end_turn", "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}}),
        events: events.to_vec(),
    }
}

fn said() -> Vec<Said> {
    let long = format!("data:text/plain,{}", "x ".repeat(600_000));
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "t", "content": [
        {"type": "web_search_result", "title": "found", "url": "https://example.com", "encrypted_content": "AAAA"}]});
    let ran = json!({"type": "code_execution_tool_result", "tool_use_id": "t", "content":
        {"type": "code_execution_result", "stdout": "", "content": [{"type": "code_execution_output", "file_id": "f"}]}});
    let hidden = json!({"type": "thinking", "thinking": "", "signature": "AAAA"});
    let hides = [
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "signature_delta", "signature": "AAAA"}}),
    ];
    vec![
        openai(
            "audio",
            &json!({"role": "assistant", "audio": {"data": "UklGRg=="}}),
        ),
        openai(
            "image",
            &json!({"role": "assistant", "content": [image("data:image/png;base64,iVBORw0KGgo=")]}),
        ),
        openai(
            "image",
            &json!({"role": "assistant", "images": [image("data:image/png;base64,iVBORw0KGgo=")]}),
        ),
        openai(
            "remote_url",
            &json!({"role": "assistant", "images": [image("https://example.com/a.png")]}),
        ),
        openai(
            "file",
            &json!({"role": "assistant", "content": [{"type": "file", "file": {"file_id": "f"}}]}),
        ),
        openai(
            "over_limit",
            &json!({"role": "assistant", "content": [{"type": "file", "file": {"file_data": long}}]}),
        ),
        openai(
            "opaque",
            &json!({"role": "assistant", "reasoning_details": [{"type": "reasoning.encrypted", "data": "AAAA"}]}),
        ),
        anthropic(
            "opaque",
            &json!({"type": "redacted_thinking", "data": "AAAA"}),
            &[],
        ),
        anthropic("opaque", &hidden, &hides),
        anthropic("opaque", &found, &[]),
        anthropic("file", &ran, &[]),
    ]
}

impl Said {
    /// As a stream that ends with these events, the last of them with or without its empty line.
    fn stream(&self, complete: bool) -> Turn {
        let mut events: Vec<String> = Vec::new();
        if let Anthropic = self.dialect {
            let message = json!({"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}});
            events.push(json!({"type": "message_start", "message": message}).to_string());
        }
        events.extend(self.events.iter().map(ToString::to_string));
        if complete {
            events.push(match self.dialect {
                OpenAi => "[DONE]".to_owned(),
                Anthropic => json!({"type": "message_stop"}).to_string(),
            });
        }
        let last = events.len() - 1;
        let framed = events.iter().enumerate().map(|(index, data)| {
            let end = if complete || index < last {
                "\n\n"
            } else {
                "\n"
            };
            Bytes::from(format!("data: {data}{end}"))
        });
        Turn::Raw(Reply::event_stream(framed))
    }
}

#[tokio::test]
async fn every_class_in_an_answer_is_counted_and_refused_by_a_rule() {
    let world = World::start(RESOURCES).await.unwrap();
    for said in said() {
        let (dialect, class) = (said.dialect, said.class);
        let turns = [
            (false, Turn::Raw(Reply::json(200, &said.whole))),
            (true, said.stream(true)),
            (true, said.stream(false)),
        ];
        for (way, (stream, turn)) in turns.into_iter().enumerate() {
            world.llm.script([turn]);
            let open = ask(&world, dialect, "open", stream, &Value::Null).await;
            assert_eq!(open.status, 200, "{class} {way}: {:?}", open.text());
            assert!(open.text().unwrap().contains("AA") || class != "opaque");
            // The head of a stream leaves before anything of it is known.
            let told = (!stream).then(|| format!("{class}=1"));
            assert_eq!(open.header("x-parapet-unjudged"), told.as_deref(), "{way}");
            let record = unjudged(&world, &open).await;
            assert_eq!(
                record,
                json!(["allowed", [[class, 1]]]),
                "{dialect:?} {way}"
            );
            for model in REFUSING {
                let refused = ask(&world, dialect, model, stream, &Value::Null).await;
                let text = refused.text().unwrap();
                assert!(
                    refused.status == 400 || stream && refused.status == 200,
                    "{class} {way} from {model}: {text}"
                );
                assert!(
                    text.contains(r#""guardrail_integration":"unscannable""#),
                    "{class} {way} from {model}: {text}"
                );
                for kept in ["AAAA", "UklGRg", "iVBORw0KGgo", "a.png", "\"f\"", "x x x"] {
                    assert!(!text.contains(kept), "{class} {way} from {model}: {text}");
                }
                let record = unjudged(&world, &refused).await;
                assert_eq!(
                    record,
                    json!(["blocked_violation", [[class, 1]]]),
                    "{model} {way}"
                );
            }
            // Where no rule says anything, nobody looks.
            let free = ask(&world, dialect, "free", stream, &Value::Null).await;
            assert_eq!(unjudged(&world, &free).await, json!(["allowed", []]));
        }
    }
}

#[tokio::test]
async fn a_stream_without_guardrails_flows_under_such_a_rule() {
    let world = World::start(RESOURCES).await.unwrap();
    world
        .llm
        .script([Turn::say("all is text, and goes on as it comes")]);
    for dialect in [OpenAi, Anthropic] {
        let bare = ask(&world, dialect, "bare", true, &Value::Null).await;
        let free = ask(&world, dialect, "free", true, &Value::Null).await;
        let expected = free.text().unwrap().replace("\"free\"", "\"bare\"");
        assert_eq!(bare.text().unwrap(), expected, "byte for byte");
        assert_eq!(unjudged(&world, &bare).await, json!(["allowed", []]));
        let id = bare.header("x-request-id").unwrap();
        let record = world.gateway.record(id).await.unwrap();
        let attempt = &record["attempts"][0];
        assert!(
            attempt["first_text_us"].is_u64() && attempt["complete"] == true,
            "{record}"
        );
    }
    // What cannot be read may hold anything.
    world
        .llm
        .script([Turn::Raw(Reply::event_stream([Bytes::from(
            "data: {not json\n\n",
        )]))]);
    let refused = ask(&world, OpenAi, "bare", true, &Value::Null).await;
    assert!(
        !refused.text().unwrap().contains("not json"),
        "{:?}",
        refused.text()
    );
    let record = unjudged(&world, &refused).await;
    assert_eq!(record[0], "upstream_failed");
}
