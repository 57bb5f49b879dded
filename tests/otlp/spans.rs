//! The span tree of each way a request can go.

use std::time::Duration;

use parapet_tests::collector::{Collector, attribute};
use parapet_tests::fake::Reply;
use parapet_tests::fake_guardrail::Judgement;
use parapet_tests::fake_llm::Turn;
use parapet_tests::world::{TOKEN, World};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{
    KEY, PROMPT, SSN, ask, assert_silent, body, exporting, outcome, tree, with_collector,
};

#[tokio::test]
async fn the_tree_of_each_way_is_what_the_collector_receives() {
    let Some((world, collector)) = with_collector().await else {
        return;
    };
    every_way(&world, &collector).await;
}

/// Sends requests on each way, and compares the tree of each with what it has to be.
pub(crate) async fn every_way(world: &World, collector: &Collector) {
    allowed(world, collector).await;
    redacted(world, collector).await;
    blocked_at_input(world, collector).await;
    blocked_in_a_stream(world, collector).await;
    guardrail_failed(world, collector).await;
    service_with_its_call(world, collector).await;
    provider_error(world, collector).await;
    client_gone(world, collector).await;
    assert_silent(world, collector).await;
}

/// Sends a request, and compares the tree of its spans.
async fn expect(world: &World, collector: &Collector, body: &Value, status: u16, lines: &[&str]) {
    let (answered, id) = ask(world, body).await;
    assert_eq!(answered, status);
    let spans = collector.spans_of(&id).await.unwrap();
    assert_eq!(tree(&spans, outcome), lines);
}

async fn allowed(world: &World, collector: &Collector) {
    world.llm.script([Turn::say("all is well")]);
    let lines = [
        "POST /v1/chat/completions 200",
        "  chat local",
        "    POST 200",
        "  run_guardrail g/secrets llm_input clean allow",
        "  run_guardrail g/ssn llm_input clean allow",
        "  run_guardrail g/ssn llm_output clean allow",
    ];
    expect(world, collector, &body("local", PROMPT), 200, &lines).await;
}

async fn redacted(world: &World, collector: &Collector) {
    let prompt = format!("{PROMPT} {KEY}");
    let (status, id) = ask(world, &body("local", &prompt)).await;
    assert_eq!(status, 200);
    let spans = collector.spans_of(&id).await.unwrap();
    let changed = spans
        .iter()
        .find(|span| span.name() == "run_guardrail g/secrets")
        .unwrap();
    for (key, value) in [
        ("parapet.guardrail.selector", "g/secrets"),
        ("parapet.guardrail.kind", "secrets_detection"),
        ("parapet.guardrail.hook", "llm_input"),
        ("parapet.guardrail.operation", "mutate"),
        ("parapet.guardrail.strategy", "enforce"),
        ("parapet.guardrail.outcome", "changed"),
        ("parapet.guardrail.action", "modify"),
        ("parapet.guardrail.changed", "true"),
        ("parapet.guardrail.edits", "1"),
        ("parapet.guardrail.places", "messages[0].content"),
        ("parapet.guardrail.counts", "1"),
        ("parapet.guardrail.rules", "local"),
    ] {
        assert_eq!(changed.told(key), value, "{key}");
    }
    assert!(!changed.told("parapet.guardrail.categories").is_empty());
    assert!(!changed.told("parapet.policy.revision").is_empty());
}

async fn blocked_at_input(world: &World, collector: &Collector) {
    let prompt = format!("{PROMPT} {SSN}");
    let lines = [
        "POST /v1/chat/completions 400 guardrail_checks_failed",
        "  run_guardrail g/ssn llm_input violation block us_ssn",
    ];
    expect(world, collector, &body("local", &prompt), 400, &lines).await;
}

async fn blocked_in_a_stream(world: &World, collector: &Collector) {
    world
        .llm
        .script([Turn::say(&format!("the number is {SSN}, and more to come"))]);
    let mut body = body("local", PROMPT);
    body["stream"] = true.into();
    let lines = [
        "POST /v1/chat/completions 200 guardrail_checks_failed (failed)",
        "  chat local",
        "    POST 200",
        "  run_guardrail g/secrets llm_input clean allow",
        "  run_guardrail g/ssn llm_input clean allow",
        "  run_guardrail g/ssn llm_output violation block us_ssn",
    ];
    expect(world, collector, &body, 200, &lines).await;
    world.llm.script([Turn::say("ok")]);
}

async fn guardrail_failed(world: &World, collector: &Collector) {
    let lines = [
        "POST /v1/chat/completions 503 guardrail_unavailable (failed)",
        "  run_guardrail g/down llm_input failed block unavailable (failed)",
        "    POST unavailable (failed)",
    ];
    expect(world, collector, &body("down", PROMPT), 503, &lines).await;
    let late = (Duration::from_secs(60), Judgement::Pass);
    world.services.script("silent", [late]);
    let lines = [
        "POST /v1/chat/completions 503 guardrail_unavailable (failed)",
        "  run_guardrail g/silent llm_input failed block timeout (failed)",
        "    POST dropped (failed)",
    ];
    expect(world, collector, &body("silent", PROMPT), 503, &lines).await;
}

async fn service_with_its_call(world: &World, collector: &Collector) {
    let lines = [
        "POST /v1/chat/completions 200",
        "  chat service",
        "    POST 200",
        "  run_guardrail g/judge llm_input clean allow",
        "    POST 200",
    ];
    let (status, id) = ask(world, &body("service", PROMPT)).await;
    assert_eq!(status, 200);
    let spans = collector.spans_of(&id).await.unwrap();
    assert_eq!(tree(&spans, outcome), lines);
    let judge = world.services.server().addr();
    let call = spans
        .iter()
        .find(|span| span.told("server.port") == judge.port().to_string())
        .unwrap();
    assert_eq!(call.told("server.address"), judge.ip().to_string());
}

async fn provider_error(world: &World, collector: &Collector) {
    world.llm.script([Turn::error(429, "slow down")]);
    let lines = [
        "POST /v1/chat/completions 429 429",
        "  chat local 429 (failed)",
        "    POST 429 429 (failed)",
        "  run_guardrail g/secrets llm_input clean allow",
        "  run_guardrail g/ssn llm_input clean allow",
        "  run_guardrail g/ssn llm_output clean allow",
    ];
    expect(world, collector, &body("local", PROMPT), 429, &lines).await;
    world.llm.script([Turn::say("ok")]);
}

async fn client_gone(world: &World, collector: &Collector) {
    world.llm.script([Turn::Raw(Reply::silence())]);
    let body = body("local", PROMPT).to_string();
    let mut stream = TcpStream::connect(world.gateway.traffic()).await.unwrap();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    drop(stream);
    let id = collector
        .wait_for(|collector| {
            let spans = collector.spans();
            let gone = spans
                .iter()
                .find(|span| span.told("parapet.end") == "client_gone")?;
            Some(gone.told("parapet.request.id"))
        })
        .await
        .unwrap();
    let spans = collector.spans_of(&id).await.unwrap();
    let lines = [
        "POST /v1/chat/completions client_gone (failed)",
        "  chat local dropped (failed)",
        "    POST dropped (failed)",
        "  run_guardrail g/secrets llm_input clean allow",
        "  run_guardrail g/ssn llm_input clean allow",
    ];
    assert_eq!(tree(&spans, outcome), lines);
    world.llm.script([Turn::say("ok")]);
}

#[tokio::test]
async fn over_http_compressed_and_under_the_published_names() {
    let Some(collector) = Collector::start().await.unwrap() else {
        return;
    };
    let more = [
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test",
        ),
        ("PARAPET_TRACE_NAMES", "published"),
    ];
    let world = exporting(&collector.http(), "http/protobuf", &more).await;
    let (status, id) = ask(&world, &body("service", PROMPT)).await;
    assert_eq!(status, 200);
    let spans = collector.spans_of(&id).await.unwrap();
    let lines = [
        "ChatCompletion: model/service [ChatCompletion]",
        "  Model: service [Model]",
        "    network call []",
        "  Guardrail [Guardrail]",
        "    network call []",
    ];
    let shown = |span: &parapet_tests::collector::Span| {
        format!("{} [{}]", span.name(), span.told("tfy.span_type"))
    };
    assert_eq!(tree(&spans, shown), lines);
    for resource in collector.resources() {
        assert_eq!(attribute(&resource, "service.name"), "parapet-gateway");
        assert_eq!(attribute(&resource, "deployment.environment.name"), "test");
    }
    assert_silent(&world, &collector).await;
}

#[tokio::test]
async fn what_waits_goes_out_at_the_end() {
    let Some(collector) = Collector::start().await.unwrap() else {
        return;
    };
    let later = [
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "3600000"),
    ];
    let mut world = exporting(&collector.grpc(), "grpc", &later).await;
    let (_, id) = ask(&world, &body("local", PROMPT)).await;
    world.gateway.terminate().await.unwrap();
    let ended = world.gateway.wait_for_end(Duration::from_secs(20)).await;
    assert_eq!(ended.unwrap(), Some(0));
    assert_eq!(collector.spans_of(&id).await.unwrap().len(), 6);
    let counted = |collector: &Collector| collector.metrics().remove("parapet_requests_total");
    collector.wait_for(counted).await.unwrap();
}
