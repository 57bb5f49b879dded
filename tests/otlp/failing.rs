//! Collectors that are away, slow, refuse, or are none: requests go on, what is lost is counted, and the end comes in time.

use std::time::{Duration, Instant};

use parapet_tests::fake::{Fake, Reply};
use parapet_tests::world::World;

use crate::support::{PROMPT, ask, body, exporting};

/// How much was lost, by signal and reason, as soon as it is any.
pub(crate) async fn lost(world: &World, signal: &str, why: &str) -> u64 {
    let begun = format!("parapet_telemetry_lost_total{{signal=\"{signal}\",why=\"{why}\"}} ");
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (_, metrics) = world.gateway.admin_get("/metrics").await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(&begun));
        let count = line.and_then(|count| count.parse().ok()).unwrap_or(0);
        if count > 0 {
            return count;
        }
        assert!(Instant::now() < deadline, "nothing was lost:\n{metrics}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn ends_in_time(mut world: World) {
    world.gateway.terminate().await.unwrap();
    let ended = world.gateway.wait_for_end(Duration::from_secs(15)).await;
    assert_eq!(ended.unwrap(), Some(0));
}

#[tokio::test]
async fn one_that_is_away_costs_a_counter() {
    let nobody = parapet_tests::harness::free_port().unwrap();
    let endpoint = format!("http://{nobody}");
    for protocol in ["grpc", "http/protobuf"] {
        let world = exporting(&endpoint, protocol, &[]).await;
        let (status, _) = ask(&world, &body("local", PROMPT)).await;
        assert_eq!(status, 200);
        assert_eq!(lost(&world, "traces", "not_delivered").await, 6);
        lost(&world, "metrics", "not_delivered").await;
        let said = world.gateway.log().lines().join("\n");
        assert!(said.contains("the collector did not take what was sent"));
        ends_in_time(world).await;
    }
}

#[tokio::test]
async fn a_slow_one_costs_the_queue_and_nothing_else() {
    let collector = Fake::start(|_| Reply::silence()).await.unwrap();
    let endpoint = format!("http://{}", collector.addr());
    let small = [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "20"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "60000"),
    ];
    let world = exporting(&endpoint, "http/protobuf", &small).await;
    for _ in 0..10 {
        let (status, _) = ask(&world, &body("local", PROMPT)).await;
        assert_eq!(status, 200);
    }
    lost(&world, "traces", "queue_full").await;
    ends_in_time(world).await;
}

#[tokio::test]
async fn one_that_refuses_is_not_asked_again() {
    let collector = Fake::start(|_| Reply::new(401, "text/plain", "no"))
        .await
        .unwrap();
    let endpoint = format!("http://{}", collector.addr());
    let more = [
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20collector-token",
        ),
        ("OTEL_METRICS_EXPORTER", "none"),
    ];
    let world = exporting(&endpoint, "http/protobuf", &more).await;
    ask(&world, &body("local", PROMPT)).await;
    lost(&world, "traces", "not_delivered").await;
    let calls = collector.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].path, "/v1/traces");
    assert_eq!(
        calls[0].header("authorization"),
        Some("Bearer collector-token")
    );
    assert_eq!(
        calls[0].header("content-type"),
        Some("application/x-protobuf")
    );
    assert!(!world.gateway.said().contains("collector-token"));
    ends_in_time(world).await;
}

#[tokio::test]
async fn one_that_is_busy_is_asked_again() {
    let asked = std::sync::atomic::AtomicU32::new(0);
    let collector =
        Fake::start(
            move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                0 => Reply::new(503, "text/plain", "later").header("retry-after", "0"),
                _ => Reply::new(200, "application/x-protobuf", ""),
            },
        );
    let collector = collector.await.unwrap();
    let endpoint = format!("http://{}", collector.addr());
    let more = [("OTEL_METRICS_EXPORTER", "none")];
    let world = exporting(&endpoint, "http/protobuf", &more).await;
    ask(&world, &body("local", PROMPT)).await;
    let calls = collector
        .wait_for(Duration::from_secs(20), |calls| calls.len() == 2)
        .await;
    assert_eq!(calls[0].body, calls[1].body);
}

#[tokio::test]
async fn a_setting_that_cannot_be_read_keeps_nobody_from_serving() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem"),
    ] {
        let world = exporting("http://127.0.0.1:9", "http/protobuf", &[(name, value)]).await;
        let (status, _) = ask(&world, &body("local", PROMPT)).await;
        assert_eq!(status, 200);
        let said = world.gateway.log().lines().join("\n");
        assert!(said.contains("nothing is exported"), "{said}");
    }
}
