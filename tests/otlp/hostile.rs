//! Somebody who has a gateway's credential for traces, and sends something else.

use std::time::Duration;

use bytes::Bytes;
use parapet_bus::nats::{Role, TracePublisher};
use parapet_tests::collector::Collector;
use parapet_tests::fake::{Call, Fake, Reply};
use parapet_tests::forwarder::Forwarder;
use parapet_tests::installation::{CLASS, Installation};

use crate::support::{PROMPT, ask, body, over_nats};

const REFUSED: &str = "parapet_forwarder_batches_total{result=\"refused\"}";
const DELIVERED: &str = "parapet_forwarder_batches_total{result=\"delivered\"}";
/// More than one forwarder works on at once.
const MANY: u64 = 9;

/// Sends so many batches that are none.
async fn send_nonsense(installation: &Installation, run: &str) {
    let connection = installation.connect(Role::Recorder).await.unwrap();
    let publisher = TracePublisher::new(&connection, CLASS, "stranger");
    publisher.connected().await;
    for number in 0..MANY {
        // A length that leads beyond the end, a name without end, and a count that nothing could hold.
        let message = Bytes::from(format!("\u{a}\u{7f}nonsense {number}"));
        let id = format!("{run}-{number}-{}", "x".repeat(40_000));
        let sent = publisher.publish(&id, u64::MAX, message).await;
        sent.map_err(|error| error.why).unwrap();
    }
}

#[tokio::test]
async fn what_is_no_batch_holds_up_nobody_and_is_let_go() {
    let Some(installation) = Installation::start().await.unwrap() else {
        return;
    };
    let Some(collector) = Collector::start().await.unwrap() else {
        return;
    };
    let world = over_nats(&installation, &[]).await;
    for (endpoint, protocol) in [
        (collector.grpc(), "grpc"),
        (collector.http(), "http/protobuf"),
    ] {
        let forwarder = Forwarder::start(&installation, &endpoint, protocol, &[])
            .await
            .unwrap();
        send_nonsense(&installation, protocol).await;
        let (_, id) = ask(&world, &body("local", PROMPT)).await;
        collector.spans_of(&id).await.unwrap();
        forwarder.wait_for(REFUSED, MANY).await.unwrap();
        let spans = "parapet_forwarder_spans_total{result=\"refused\"}";
        let counted = forwarder.metric(spans).await.unwrap().unwrap();
        assert!(counted < MANY * 100, "{counted}");
        assert_eq!(forwarder.end().await.unwrap(), Some(0));
    }
}

#[tokio::test]
async fn a_collector_that_chokes_on_some_batches_gets_the_others_at_once() {
    let Some(installation) = Installation::start().await.unwrap() else {
        return;
    };
    let answer = |call: &Call| match call.body.windows(8).any(|part| part == b"nonsense") {
        true => Reply::new(500, "text/plain", "no"),
        false => Reply::new(200, "application/x-protobuf", ""),
    };
    let collector = Fake::start(answer).await.unwrap();
    let endpoint = format!("http://{}", collector.addr());
    let forwarder = Forwarder::start(&installation, &endpoint, "http/protobuf", &[])
        .await
        .unwrap();
    send_nonsense(&installation, "run").await;
    collector
        .wait_for(Duration::from_secs(20), |calls| calls.len() as u64 >= MANY)
        .await;
    let world = over_nats(&installation, &[]).await;
    ask(&world, &body("local", PROMPT)).await;
    forwarder.wait_for(DELIVERED, 1).await.unwrap();
    forwarder.wait_for(REFUSED, MANY).await.unwrap();
    let nonsense = collector.calls().len() as u64 - 1;
    assert!(nonsense <= MANY * 8, "{nonsense} attempts");
}
