//! Clients that go away: the record still has an entry for every guardrail that was to run.

use std::time::Duration;

use parapet_tests::fake::Reply;
use parapet_tests::fake_guardrail::Judgement;
use parapet_tests::fake_llm::Turn;
use parapet_tests::world::{TOKEN, World};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// How long a record may take to be written.
const PATIENCE: Duration = Duration::from_secs(10);

const RESOURCES: &str = "apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: secrets, operation: mutate, priority: 1, secretsDetection: {}}
    - {name: rewriter, operation: mutate, priority: 2, custom: {url: \"${service}/rewriter\"}}
    - {name: judge, custom: {url: \"${service}/judge\"}}
    - {name: ssn, input: mutated, regex: {presetPatterns: {presets: [us_ssn]}}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: all
      when: {}
      llm_input_guardrails: [g/secrets, g/rewriter, g/judge, g/ssn]
      llm_output_guardrails: [g/secrets, g/judge]
";

/// Sends a request, goes away after `kept`, and tells the record.
async fn record_of_one_who_leaves(world: &World, kept: Duration) -> Value {
    let body =
        json!({"model": "model/m", "messages": [{"role": "user", "content": "hello"}]}).to_string();
    let announced = body.len();
    send_and_leave(world, &body, announced, kept).await
}

async fn send_and_leave(world: &World, body: &str, announced: usize, kept: Duration) -> Value {
    let mut stream = TcpStream::connect(world.gateway.traffic()).await.unwrap();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {announced}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(kept).await;
    drop(stream);
    let record = world.gateway.log().wait_for(PATIENCE, |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        line.get("record").cloned()
    });
    record.await.unwrap()
}

/// `selector at hook: outcome (why)`, sorted.
fn entries(record: &Value) -> Vec<String> {
    let list = record["guardrails"].as_array().unwrap();
    let mut entries: Vec<String> = list
        .iter()
        .map(|entry| {
            let word = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
            format!(
                "{} at {}: {} ({})",
                word("selector"),
                word("hook"),
                word("outcome"),
                word("skipped")
            )
        })
        .collect();
    entries.sort();
    entries
}

#[tokio::test]
async fn one_who_leaves_while_a_mutator_thinks() {
    let world = World::start(RESOURCES).await.unwrap();
    world
        .services
        .script("rewriter", [(Duration::from_secs(4), Judgement::Pass)]);
    let record = record_of_one_who_leaves(&world, Duration::from_millis(300)).await;
    assert_eq!(record["end"], "client_gone");
    assert_eq!(
        entries(&record),
        [
            // It is shown the original text, so it had begun, and answered.
            "g/judge at llm_input: clean (-)",
            "g/judge at llm_output: skipped (client_gone)",
            "g/rewriter at llm_input: skipped (client_gone)",
            "g/secrets at llm_input: clean (-)",
            "g/secrets at llm_output: skipped (client_gone)",
            "g/ssn at llm_input: skipped (client_gone)",
        ]
    );
}

#[tokio::test]
async fn one_who_leaves_while_the_model_thinks() {
    let world = World::start(RESOURCES).await.unwrap();
    world.llm.script([Turn::Raw(Reply::silence())]);
    let record = record_of_one_who_leaves(&world, Duration::from_millis(300)).await;
    assert_eq!(record["end"], "client_gone");
    assert_eq!(
        entries(&record),
        [
            "g/judge at llm_input: clean (-)",
            "g/judge at llm_output: skipped (client_gone)",
            "g/rewriter at llm_input: clean (-)",
            "g/secrets at llm_input: clean (-)",
            "g/secrets at llm_output: skipped (client_gone)",
            "g/ssn at llm_input: clean (-)",
        ]
    );
}

#[tokio::test]
async fn one_who_leaves_within_the_body_was_not_refused() {
    let world = World::start(RESOURCES).await.unwrap();
    let record = send_and_leave(&world, "{\"model\":", 100, Duration::from_millis(50)).await;
    assert_eq!(record["end"], "client_gone");
    assert!(entries(&record).is_empty());
}
