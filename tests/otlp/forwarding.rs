//! Traces that go over NATS and a forwarder: the same trees, each span once, and whatever is down on the way costs no request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parapet_tests::collector::Collector;
use parapet_tests::fake::{Fake, Reply};
use parapet_tests::forwarder::Forwarder;
use parapet_tests::harness::free_port;
use parapet_tests::installation::Installation;
use parapet_tests::world::World;

use crate::spans::every_way;
use crate::support::{PROMPT, ask, body, over_nats};

const DELIVERED: &str = "parapet_forwarder_batches_total{result=\"delivered\"}";
const REFUSED: &str = "parapet_forwarder_batches_total{result=\"refused\"}";
const LIMIT: Duration = Duration::from_secs(60);

/// An installation that runs; none where there is no Go, which is said.
async fn installation() -> Option<Installation> {
    Installation::start().await.unwrap()
}

/// A metric of the gateway; 0 when it is not there.
async fn counted(world: &World, name: &str) -> u64 {
    let (_, metrics) = world.gateway.admin_get("/metrics").await.unwrap();
    let value = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().unwrap())
}

/// Sends requests that must pass, and tells their ids.
async fn passing(world: &World, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let (status, id) = ask(world, &body("local", PROMPT)).await;
        assert_eq!(status, 200);
        ids.push(id);
    }
    ids
}

/// How often the request's span of each id has arrived.
fn arrived(collector: &Collector) -> HashMap<String, u32> {
    let mut arrived = HashMap::new();
    for span in collector.spans() {
        let id = span.told("parapet.request.id");
        if !id.is_empty() {
            *arrived.entry(id).or_default() += 1;
        }
    }
    arrived
}

/// Waits until every request's spans are there, and no other and none twice come a little later.
async fn each_once(collector: &Collector, ids: &[String]) {
    let all = |collector: &Collector| {
        let arrived = arrived(collector);
        ids.iter().all(|id| arrived.contains_key(id)).then_some(())
    };
    collector.wait_for(all).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let arrived = arrived(collector);
    assert_eq!(arrived.len(), ids.len());
    let twice: Vec<_> = arrived.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[tokio::test]
async fn the_trees_are_those_that_go_to_a_collector_directly() {
    let Some(installation) = installation().await else {
        return;
    };
    let mut before = None;
    for (protocol, more) in [
        ("grpc", &[][..]),
        (
            "http/protobuf",
            &[("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")],
        ),
    ] {
        let Some(collector) = Collector::start().await.unwrap() else {
            return;
        };
        let endpoint = match protocol {
            "grpc" => collector.grpc(),
            _ => collector.http(),
        };
        let forwarder = Forwarder::start(&installation, &endpoint, protocol, more)
            .await
            .unwrap();
        let world = match before.take() {
            Some(world) => world,
            None => over_nats(&installation, &[]).await,
        };
        every_way(&world, &collector).await;
        assert!(!forwarder.said().contains(PROMPT));
        assert_eq!(counted(&world, "parapet_records_lost_total").await, 0);
        // The next one goes on where this one ends.
        assert_eq!(forwarder.end().await.unwrap(), Some(0));
        before = Some(world);
    }
}

#[tokio::test]
async fn several_forwarders_share_the_work_and_none_posts_what_another_has() {
    let Some(installation) = installation().await else {
        return;
    };
    let Some(collector) = Collector::start().await.unwrap() else {
        return;
    };
    let start = || Forwarder::launch(&installation, "", "grpc", &[]);
    let endpoint = collector.grpc();
    let (first, second) = tokio::join!(
        Forwarder::start(&installation, &endpoint, "grpc", &[]),
        Forwarder::start(&installation, &endpoint, "grpc", &[]),
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    // Small batches, so that there are many.
    let small = [("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "6")];
    let world = over_nats(&installation, &small).await;
    let mut ids = passing(&world, 60).await;
    each_once(&collector, &ids).await;
    let shares = [
        first.wait_for(DELIVERED, 1).await.unwrap(),
        second.wait_for(DELIVERED, 1).await.unwrap(),
    ];
    assert_eq!(shares.iter().sum::<u64>(), 60, "{shares:?}");
    // One that ends under load leaves nothing behind and nothing twice.
    let (more, ended) = tokio::join!(passing(&world, 60), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        first.end().await
    });
    assert_eq!(ended.unwrap(), Some(0));
    ids.extend(more);
    each_once(&collector, &ids).await;
    // Without knowing where to there is nothing to start.
    let nowhere = start().await.unwrap();
    assert_ne!(nowhere.ended().await.unwrap(), Some(0));
}

#[tokio::test]
async fn nats_that_is_restarted_under_load_costs_counted_spans_and_no_request() {
    let Some(mut installation) = installation().await else {
        return;
    };
    let Some(collector) = Collector::start().await.unwrap() else {
        return;
    };
    let forwarder = Forwarder::start(&installation, &collector.http(), "http/protobuf", &[])
        .await
        .unwrap();
    let small = [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "120"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "30"),
    ];
    let world = over_nats(&installation, &small).await;
    let mut ids = passing(&world, 5).await;
    each_once(&collector, &ids).await;

    installation.nats.kill().await.unwrap();
    let not_ready = async {
        while forwarder.get("/readyz").await.unwrap().0 != 503 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, not_ready).await.unwrap();
    assert_eq!(forwarder.get("/healthz").await.unwrap().0, 200);
    // Far more than may wait.
    ids.extend(passing(&world, 100).await);
    let lost = "parapet_telemetry_lost_total{signal=\"traces\",why=\"queue_full\"}";
    let deadline = Instant::now() + LIMIT;
    while counted(&world, lost).await == 0 {
        assert!(Instant::now() < deadline, "nothing was lost");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    installation.nats.start().await.unwrap();
    // Until the gateway is connected again, what comes finds the queue full.
    let deadline = Instant::now() + LIMIT;
    let mut after = Vec::new();
    while !after.iter().any(|id| arrived(&collector).contains_key(id)) {
        assert!(
            Instant::now() < deadline,
            "nothing arrives any more: {}",
            forwarder.said()
        );
        after.extend(passing(&world, 1).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ids.extend(after);
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Each request's spans came once, or were counted.
    let arrived = arrived(&collector);
    assert!(arrived.values().all(|count| *count == 1), "{arrived:?}");
    let lost = counted(&world, lost).await;
    let missing = (ids.len() - arrived.len()) as u64;
    assert_eq!(lost, missing * 6, "{missing} requests did not arrive");
    assert_eq!(forwarder.get("/readyz").await.unwrap().0, 200);
}

#[tokio::test]
async fn a_collector_that_is_away_busy_or_slow_gets_each_batch_once() {
    let Some(installation) = installation().await else {
        return;
    };
    let addr = free_port().unwrap();
    let endpoint = format!("http://{addr}");
    let patience = [("OTEL_EXPORTER_OTLP_TIMEOUT", "500")];
    let forwarder = Forwarder::start(&installation, &endpoint, "http/protobuf", &patience)
        .await
        .unwrap();
    let world = over_nats(&installation, &[]).await;
    passing(&world, 1).await;
    forwarder
        .wait_for("parapet_forwarder_retries_total", 1)
        .await
        .unwrap();
    let asked = AtomicU32::new(0);
    let answer = move |_: &_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::new(503, "text/plain", "later").header("retry-after", "0"),
        1 => Reply::new(401, "text/plain", "not yet"),
        2 => Reply::silence(),
        _ => Reply::new(200, "application/x-protobuf", ""),
    };
    let collector = Fake::start_at(&addr.to_string(), answer).await.unwrap();
    forwarder.wait_for(DELIVERED, 1).await.unwrap();
    let calls = collector.calls();
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|call| call.body == calls[0].body));
    assert!(calls.iter().all(|call| call.path == "/v1/traces"));
    // What comes now arrives at once, and what has arrived does not come again.
    passing(&world, 1).await;
    forwarder.wait_for(DELIVERED, 2).await.unwrap();
    assert_eq!(collector.calls().len(), 5);
    assert_eq!(forwarder.metric(REFUSED).await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_batch_that_the_collector_refuses_does_not_hold_up_the_next() {
    let Some(installation) = installation().await else {
        return;
    };
    let asked = AtomicU32::new(0);
    let collector = Fake::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::new(400, "text/plain", "no"),
        _ => Reply::new(200, "application/x-protobuf", ""),
    })
    .await
    .unwrap();
    let endpoint = format!("http://{}", collector.addr());
    let header = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hush")];
    let forwarder = Forwarder::start(&installation, &endpoint, "http/protobuf", &header)
        .await
        .unwrap();
    let world = over_nats(&installation, &[]).await;
    passing(&world, 1).await;
    forwarder.wait_for(REFUSED, 1).await.unwrap();
    passing(&world, 1).await;
    forwarder.wait_for(DELIVERED, 1).await.unwrap();
    let calls = collector.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].header("authorization"), Some("Bearer hush"));
    let (_, metrics) = forwarder.get("/metrics").await.unwrap();
    assert!(!forwarder.said().contains("hush") && !metrics.contains("hush"));
}
