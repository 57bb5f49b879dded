//! What `/metrics` says after known traffic.

use parapet_tests::http_client::Outgoing;
use parapet_tests::world::{TOKEN, World};
use serde_json::json;

const RESOURCES: &str = "apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: secrets, operation: mutate, secretsDetection: {}}
    - {name: ssn, regex: {presetPatterns: {presets: [us_ssn]}}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec: {rules: [{id: all, when: {}, llm_input_guardrails: [g/secrets, g/ssn]}]}
";

#[tokio::test]
async fn requests_outcomes_and_latencies_are_counted() {
    let world = World::start(RESOURCES).await.unwrap();
    for (text, status) in [
        ("hello", 200),
        ("key AKIAQYLPMN5HFIQR7XYZ", 200),
        ("ssn 536-22-1234", 400),
    ] {
        let body = json!({"model": "model/m", "messages": [{"role": "user", "content": text}]});
        let answer = world.client.send(world.chat(&body)).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{text}");
        // Records are counted off the path: the log line comes from the same place, after it.
        let id = answer.header("x-request-id").unwrap().to_owned();
        world.gateway.record(&id).await.unwrap();
    }
    let (status, metrics) = world.gateway.admin_get("/metrics").await.unwrap();
    assert_eq!(status, 200);
    for line in [
        "parapet_requests_total{end=\"allowed\",route=\"/v1/chat/completions\",status=\"200\"} 2",
        "parapet_requests_total{end=\"blocked_violation\",route=\"/v1/chat/completions\",status=\"400\"} 1",
        "parapet_guardrail_outcomes_total{hook=\"llm_input\",outcome=\"changed\",selector=\"g/secrets\"} 1",
        "parapet_guardrail_outcomes_total{hook=\"llm_input\",outcome=\"violation\",selector=\"g/ssn\"} 1",
        "parapet_upstream_attempts_total{provider=\"model\",status=\"200\"} 2",
        "parapet_request_duration_seconds_count{route=\"/v1/chat/completions\"} 3",
        "parapet_requests_in_flight 0",
    ] {
        assert!(
            metrics.lines().any(|told| told == line),
            "{line}\n{metrics}"
        );
    }
}

#[tokio::test]
async fn names_that_callers_choose_make_a_bounded_number_of_series() {
    const NAMES: usize = 260;
    let world = World::start(RESOURCES).await.unwrap();
    let mut last = String::new();
    for number in 0..NAMES {
        // The account has no list of models: any name is one. So are metadata and routes for callers to choose.
        let body = json!({"model": format!("model/chosen-{number}"), "messages": [{"role": "user", "content": "hello"}]});
        let metadata = json!({format!("key-{number}"): format!("value-{number}")}).to_string();
        let asked = world.chat(&body).header("x-tfy-metadata", &metadata);
        let answer = world.client.send(asked).await.unwrap();
        assert_eq!(answer.status, 200, "{:?}", answer.text());
        answer.header("x-request-id").unwrap().clone_into(&mut last);
        let elsewhere = Outgoing::get(&format!("/chosen-{number}")).bearer(TOKEN);
        assert_eq!(world.client.send(elsewhere).await.unwrap().status, 404);
    }
    world.gateway.record(&last).await.unwrap();
    let (_, metrics) = world.gateway.admin_get("/metrics").await.unwrap();
    let series = |name: &str| {
        let begun = format!("{name}{{");
        metrics
            .lines()
            .filter(|line| line.starts_with(&begun))
            .count()
    };
    assert_eq!(
        series("gen_ai_client_operation_duration_seconds_count"),
        201
    );
    assert_eq!(series("gen_ai_client_token_usage_count"), 402);
    assert!(series("parapet_requests_total") <= 4, "{metrics}");
    let capped = r#"parapet_metric_labels_capped_total{label="gen_ai_request_model"} 60"#;
    assert!(metrics.lines().any(|line| line == capped), "{metrics}");
    assert!(!metrics.contains("key-1") && !metrics.contains("value-1"));
    // Everything that was asked for is counted all the same.
    let all =
        r#"parapet_requests_total{end="allowed",route="/v1/chat/completions",status="200"} 260"#;
    assert!(metrics.lines().any(|line| line == all), "{metrics}");
}
