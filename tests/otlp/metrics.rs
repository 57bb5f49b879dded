//! Metrics as the collector receives them: the series that Prometheus scrapes.

use parapet_tests::collector::attribute;
use serde_json::Value;

use crate::support::{PROMPT, SSN, ask, assert_silent, body, with_collector};

fn points(metric: &Value) -> Vec<Value> {
    let kinds = ["sum", "gauge", "histogram"];
    let points = kinds
        .iter()
        .find_map(|kind| metric[kind]["dataPoints"].as_array());
    points.cloned().unwrap_or_default()
}

#[tokio::test]
async fn metrics_arrive_with_the_names_of_the_conventions() {
    let Some((world, collector)) = with_collector().await else {
        return;
    };
    ask(&world, &body("local", PROMPT)).await;
    ask(&world, &body("local", SSN)).await;
    let found = collector.wait_for(|collector| {
        let metrics = collector.metrics();
        let requests = points(metrics.get("parapet_requests_total")?);
        (requests.len() == 2).then_some(metrics)
    });
    let metrics = found.await.unwrap();
    let blocked = points(&metrics["parapet_requests_total"])
        .into_iter()
        .find(|point| attribute(&point["attributes"], "end") == "blocked_violation")
        .unwrap();
    assert_eq!(blocked["asDouble"], 1.0);
    let duration = &metrics["gen_ai.client.operation.duration"];
    assert_eq!(duration["unit"], "s");
    let point = &points(duration)[0];
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "local"),
    ] {
        assert_eq!(attribute(&point["attributes"], key), value);
    }
    assert_eq!(point["count"], "1");
    let tokens = points(&metrics["gen_ai.client.token.usage"]);
    assert_eq!(tokens.len(), 2);
    for name in [
        "parapet_guardrail_findings_total",
        "parapet_guardrail_duration_seconds",
        "parapet_blocks_total",
        "parapet_model_calls_spared_total",
        "parapet_tokens_spared_estimate_total",
    ] {
        assert!(!points(&metrics[name]).is_empty(), "{name}");
    }
    assert_silent(&world, &collector).await;
}
