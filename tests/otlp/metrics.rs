//! Metrics as the collector receives them: the series that Prometheus scrapes.

use bytes::Bytes;
use parapet_tests::collector::attribute;
use parapet_tests::fake::Reply;
use parapet_tests::fake_llm::Turn;
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
    // A guardrail that cannot judge, a stream that nobody judges, and one that is cut short.
    ask(&world, &body("down", PROMPT)).await;
    let mut streamed = body("free", PROMPT);
    streamed["stream"] = true.into();
    ask(&world, &streamed).await;
    world.llm.script([Turn::Raw(Reply::event_stream([
        Bytes::from(format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"it is {SSN}, and\"}}}}]}}\n\n"
        )),
        Bytes::from("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" more\"}}]}\n\n"),
    ]))]);
    let mut cut = body("local", PROMPT);
    cut["stream"] = true.into();
    ask(&world, &cut).await;
    let found = collector.wait_for(|collector| {
        let metrics = collector.metrics();
        let requests = points(metrics.get("parapet_requests_total")?);
        let counts = requests
            .iter()
            .filter_map(|point| point["asDouble"].as_f64());
        (counts.sum::<f64>() >= 5.0).then_some(metrics)
    });
    let metrics = found.await.unwrap();
    let blocked = points(&metrics["parapet_requests_total"])
        .into_iter()
        .find(|point| attribute(&point["attributes"], "end") == "blocked_violation")
        .unwrap();
    assert_eq!(blocked["asDouble"], 1.0);
    let duration = &metrics["gen_ai.client.operation.duration"];
    assert_eq!(duration["unit"], "s");
    let points_of = points(duration);
    let of_local =
        |point: &&Value| attribute(&point["attributes"], "gen_ai.request.model") == "local";
    let point = points_of.iter().find(of_local).unwrap();
    for (key, value) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", "local"),
    ] {
        assert_eq!(attribute(&point["attributes"], key), value);
    }
    // What the documents list, over OTLP and for Prometheus.
    let (_, scraped) = world.gateway.admin_get("/metrics").await.unwrap();
    for (name, labels) in [
        ("parapet_requests_total", "end=\"allowed\""),
        ("parapet_request_duration_seconds", "route="),
        ("parapet_guardrail_outcomes_total", "outcome=\"clean\""),
        ("parapet_guardrail_findings_total", "category=\"us_ssn\""),
        ("parapet_guardrail_failures_total", "class=\"unavailable\""),
        ("parapet_guardrail_duration_seconds", "selector=\"g/ssn\""),
        ("parapet_blocks_total", "why=\"violation\""),
        ("parapet_model_calls_spared_total", "how=\"never_made\""),
        ("parapet_model_calls_spared_total", "how=\"cut_short\""),
        ("parapet_tokens_spared_estimate_total", ""),
        (
            "gen_ai.client.operation.duration",
            "gen_ai_request_model=\"free\"",
        ),
        (
            "gen_ai.client.operation.time_to_first_chunk",
            "gen_ai_request_model=\"free\"",
        ),
        ("gen_ai.client.token.usage", "gen_ai_token_type=\"output\""),
    ] {
        assert!(!points(&metrics[name]).is_empty(), "{name}");
        let mut told = name.replace('.', "_");
        if name.starts_with("gen_ai") && !name.ends_with("usage") {
            told.push_str("_seconds");
        }
        let mut lines = scraped.lines().filter(|line| line.starts_with(&told));
        assert!(
            lines.any(|line| line.contains(labels)),
            "{told} {labels}\n{scraped}"
        );
    }
    assert_silent(&world, &collector).await;
}
