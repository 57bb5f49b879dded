//! What `/metrics` says after known traffic.

use parapet_tests::world::World;
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
