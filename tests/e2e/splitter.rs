//! Where a stream is cut does not matter: every cut gives the same events' content.

use std::time::Duration;

use parapet_tests::answer::{
    Choice, Received, StreamOptions, ToolCall, chat_stream, messages_stream, read_chat_stream,
    read_messages_stream,
};
use parapet_tests::fake::Reply;
use parapet_tests::fake_llm::Turn;
use parapet_tests::http_client::Outgoing;
use parapet_tests::world::{TOKEN, World};
use serde_json::json;

const POLICY: &str = r#"apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: secrets, operation: mutate, priority: 1, secretsDetection: {}}
    - {name: mail, operation: mutate, priority: 2, regex: {presetPatterns: {presets: [email]}}}
    - {name: ssn, regex: {presetPatterns: {presets: [us_ssn]}}}
    - {name: sql, sqlSanitizer: {}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: all
      when: {target: {operator: or, conditions: {model: {values: ["*/guarded"], condition: in}}}}
      llm_output_guardrails: [g/secrets, g/mail, g/ssn, g/sql]
"#;

const KEY: &str = "AKIAQYLPMN5HFIQR7XYZ";

fn said() -> Choice {
    Choice {
        text: format!("Grüße 👋🏽 an ana@northwind.com: \"{KEY}\"\n{KEY}."),
        tools: vec![ToolCall {
            id: "call_1".into(),
            name: "look".into(),
            arguments: format!("{{\"q\":\"\\u00fc {KEY}\",\"n\":1.50}}"),
        }],
        ..Choice::default()
    }
}

fn expected() -> Choice {
    Choice {
        text: "Grüße 👋🏽 an [REDACTED]: \"[REDACTED]\"\n[REDACTED].".into(),
        tools: vec![ToolCall {
            id: "call_1".into(),
            name: "look".into(),
            arguments: "{\"q\":\"\\u00fc [REDACTED]\",\"n\":1.50}".into(),
        }],
        finish: Some("tool_calls".into()),
        ..Choice::default()
    }
}

/// A stream that is written in two pieces, the second a moment later: the reader sees the cut.
fn in_two(stream: &str, cut: usize) -> Turn {
    let bytes = bytes::Bytes::copy_from_slice(stream.as_bytes());
    let mut reply = Reply::event_stream([bytes.slice(..cut), bytes.slice(cut..)]);
    reply.steps.insert(
        1,
        parapet_tests::fake::Step::Pause(Duration::from_micros(300)),
    );
    Turn::Raw(reply)
}

async fn result(world: &World, path: &str, turn: Turn) -> Received {
    let model = if path.ends_with("messages") {
        "claude/guarded"
    } else {
        "model/guarded"
    };
    world.llm.script([turn]);
    let body = json!({"model": model, "max_tokens": 99, "stream": true, "messages": [{"role": "user", "content": "x"}]});
    let answer = world
        .client
        .send(Outgoing::post(path, body.to_string()).bearer(TOKEN))
        .await
        .unwrap();
    let text = answer.text().unwrap();
    assert!(!text.contains(KEY), "{text}");
    let read = if path.ends_with("messages") {
        read_messages_stream(text)
    } else {
        read_chat_stream(text)
    };
    read.unwrap_or_else(|error| panic!("{error:#}\n{text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_cut_at_any_byte_is_the_same_stream() {
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let world = World::start(POLICY).await.unwrap();
        let options = StreamOptions {
            piece: 24,
            usage: false,
        };
        let stream = if path.ends_with("messages") {
            messages_stream("m", &said(), options).unwrap().concat()
        } else {
            chat_stream("m", &[said()], options).concat()
        };
        for cut in 1..stream.len() {
            let received = result(&world, path, in_two(&stream, cut)).await;
            assert_eq!(
                received.choices,
                [expected()],
                "{path} cut at {cut}: {:?}",
                stream.get(..cut)
            );
            assert!(received.complete);
        }
    }
}

#[tokio::test]
async fn a_stream_in_single_bytes_and_in_one_piece_is_the_same_stream() {
    let world = World::start(POLICY).await.unwrap();
    for path in ["/v1/chat/completions", "/v1/messages"] {
        for piece in [1, 2, 3, 10_000] {
            for every in [1, 7, 1_000_000] {
                let speech = parapet_tests::fake_llm::Speech {
                    choices: vec![said()],
                    piece,
                    ..Default::default()
                };
                let turn = Turn::Say(speech).then(move |reply| reply.cut_every(every));
                let received = result(&world, path, turn).await;
                assert_eq!(
                    received.choices,
                    [expected()],
                    "{path}, deltas of {piece}, writes of {every}"
                );
            }
        }
    }
}

#[tokio::test]
async fn line_ends_of_any_kind_make_the_same_stream() {
    let world = World::start(POLICY).await.unwrap();
    let options = StreamOptions {
        piece: 4,
        usage: false,
    };
    for (path, stream) in [
        (
            "/v1/chat/completions",
            chat_stream("m", &[said()], options).concat(),
        ),
        (
            "/v1/messages",
            messages_stream("m", &said(), options).unwrap().concat(),
        ),
    ] {
        for end in ["\n", "\r\n", "\r"] {
            let stream = stream.replace('\n', end);
            let whole = Reply::event_stream([bytes::Bytes::from(stream)]);
            for every in [3, 1_000_000] {
                let received =
                    result(&world, path, Turn::Raw(whole.clone().cut_every(every))).await;
                assert_eq!(received.choices, [expected()], "{path} {end:?} {every}");
            }
        }
    }
}
