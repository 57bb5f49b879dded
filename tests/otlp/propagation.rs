//! Trace context in and out, and sampling.

use parapet_tests::collector::{Collector, Span};
use parapet_tests::fake::Call;

use crate::support::{PROMPT, SSN, ask, body, exporting, with_collector};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn of(spans: &[Span], name: &str, port: u16) -> Span {
    let found = spans
        .iter()
        .find(|span| span.name() == name && span.told("server.port") == port.to_string());
    found.unwrap().clone()
}

fn traceparent(call: &Call) -> String {
    call.header("traceparent").unwrap().to_owned()
}

#[tokio::test]
async fn a_caller_s_trace_goes_through() {
    let Some((world, collector)) = with_collector().await else {
        return;
    };
    let request = world
        .chat(&body("service", PROMPT))
        .header("traceparent", &format!("00-{TRACE}-{PARENT}-01"))
        .header("tracestate", "vendor=opaque");
    let answer = world.client.send(request).await.unwrap();
    let id = answer.header("x-request-id").unwrap().to_owned();
    let spans = collector.spans_of(&id).await.unwrap();
    let root = spans
        .iter()
        .find(|span| span.id("parentSpanId") == PARENT)
        .unwrap();
    assert_eq!(root.id("traceId"), TRACE);
    // Those who are called hear of the span that stands for the call.
    let (model, judge) = (world.llm.server(), world.services.server());
    for server in [model, judge] {
        let call = of(&spans, "POST", server.addr().port());
        let calls = server.calls();
        let heard = traceparent(calls.last().unwrap());
        assert_eq!(heard, format!("00-{TRACE}-{}-01", call.id("spanId")));
        let state = calls
            .last()
            .unwrap()
            .header("tracestate")
            .map(str::to_owned);
        assert_eq!(state.as_deref(), Some("vendor=opaque"));
    }
}

#[tokio::test]
async fn blocks_are_kept_and_the_rest_as_the_caller_says() {
    let Some((world, collector)) = with_collector().await else {
        return;
    };
    let with = |text: &str| {
        world
            .chat(&body("local", text))
            .header("traceparent", &format!("00-{TRACE}-{PARENT}-00"))
    };
    let allowed = world.client.send(with(PROMPT)).await.unwrap();
    let heard = world.llm.server().calls();
    assert!(traceparent(heard.last().unwrap()).ends_with("-00"));
    let blocked = world.client.send(with(SSN)).await.unwrap();
    let (_, last) = ask(&world, &body("local", PROMPT)).await;
    let id = |answer: &parapet_tests::http_client::Answered| {
        answer.header("x-request-id").unwrap().to_owned()
    };
    collector.spans_of(&id(&blocked)).await.unwrap();
    // It came after the one that is not there.
    collector.spans_of(&last).await.unwrap();
    assert!(!collector.everything().contains(&id(&allowed)));
}

#[tokio::test]
async fn a_share_is_sampled_and_no_share_is_none() {
    let Some(collector) = Collector::start().await.unwrap() else {
        return;
    };
    let none = [
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
    ];
    let world = exporting(&collector.grpc(), "grpc", &none).await;
    let (_, allowed) = ask(&world, &body("local", PROMPT)).await;
    let (_, blocked) = ask(&world, &body("local", SSN)).await;
    collector.spans_of(&blocked).await.unwrap();
    assert!(!collector.everything().contains(&allowed));
}
