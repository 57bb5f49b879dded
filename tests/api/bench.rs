//! `make bench-control`: how long an edit takes from the API server to ten gateways under load. It prints figures and
//! is no test: nothing is timed in `make test`.

use std::cell::Cell;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parapet_tests::harness::Gateway;
use parapet_tests::installation::Installation;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::whole::{Operator, TOKEN, ask};

const GATEWAYS: usize = 10;
const EDITS: usize = 200;
/// Between two edits: the operator gathers what comes within 100 ms of its last look.
const QUIET: Duration = Duration::from_millis(150);
/// Edits without a pause between them.
const HASTY_EDITS: usize = 20;
/// Between two requests of the load.
const PAUSE: Duration = Duration::from_millis(10);
/// Rules of the big policy, in so many resources.
const RULES: usize = 5_000;
const CONFIGS: usize = 50;
const BIG_EDITS: usize = 20;
/// Integrations beside the one that is edited, at the end.
const INTEGRATIONS: usize = 1_000;

/// Rewrites `marker` into something that tells the edit.
fn guardrail(edit: usize) -> Value {
    let pattern = json!({"pattern": "marker", "redactionText": format!("[edit {edit}]")});
    json!({"guardrails": [{"name": "x", "operation": "mutate", "regex": {"customPatterns": [pattern]}}]})
}

/// Waits until a gateway enforces an edit.
async fn enforces(gateway: &Gateway, edit: usize) {
    let expected = format!("[edit {edit}]");
    while ask(gateway, "marker").await.as_deref() != Ok(&*expected) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Sends one request after the other for ever, and counts those that fail.
async fn load(gateways: &[Gateway], sent: &Cell<u32>, failed: &Cell<u32>) {
    for gateway in gateways.iter().cycle() {
        let answer = ask(gateway, "hello").await;
        sent.set(sent.get() + 1);
        failed.set(failed.get() + u32::from(answer.is_err()));
        tokio::time::sleep(PAUSE).await;
    }
}

/// Applies edits one by one; milliseconds from the answer to each until all gateways enforce it, sorted.
async fn edits(
    cluster: &Cluster,
    gateways: &[Gateway],
    numbers: std::ops::Range<usize>,
    pause: Duration,
) -> Vec<f64> {
    let mut took = Vec::new();
    for edit in numbers {
        cluster
            .apply("GuardrailIntegration", "g", guardrail(edit))
            .await;
        let applied = Instant::now();
        join_all(gateways.iter().map(|gateway| enforces(gateway, edit))).await;
        took.push(applied.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(pause).await;
    }
    took.sort_by(f64::total_cmp);
    took
}

fn percentiles(sorted: &[f64]) -> String {
    let at = |share: f64| {
        let place = (share * sorted.len() as f64) as usize;
        sorted
            .get(place.min(sorted.len() - 1))
            .copied()
            .unwrap_or(0.0)
    };
    format!("p50 {:.0} ms, p99 {:.0} ms", at(0.5), at(0.99))
}

/// Resident memory in MiB.
fn resident(pid: Option<u32>) -> f64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", pid.unwrap_or(0))).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// Rules that never match the traffic.
fn other_rules(config: usize) -> Value {
    let rules: Vec<Value> = (0..RULES / CONFIGS)
        .map(|rule| {
            json!({"id": format!("rule-{rule}"), "llm_input_guardrails": ["g/x"],
                "when": {"target": {"operator": "or", "conditions": {"model":
                    {"values": [format!("demo/model-{config}-{rule}")], "condition": "in"}}}}})
        })
        .collect();
    json!({"rules": rules})
}

/// A guardrail of its own, which no rule names.
fn other_guardrail(number: usize) -> Value {
    let pattern = json!({"pattern": format!("word-{number}")});
    json!({"guardrails": [{"name": "x", "regex": {"customPatterns": [pattern]}}]})
}

#[tokio::test]
#[ignore = "prints figures: make bench-control"]
async fn edits_from_the_api_server_to_ten_gateways() {
    let cluster = Cluster::new("bench").await.unwrap();
    let installation = Installation::start().await.unwrap().unwrap();
    let operator = Operator::start(&cluster, &installation, "operator-1").await;
    operator.leads().await;
    cluster
        .apply("GuardrailIntegration", "g", guardrail(0))
        .await;
    let rules = json!({"rules": [{"id": "all", "llm_input_guardrails": ["g/x"]}]});
    cluster.apply("GuardrailConfig", "rules", rules).await;
    cluster
        .apply("ModelProvider", "demo", json!({"demo": {}}))
        .await;
    let tokens = json!({"tokens": [{"secretKeyRef": {"name": "bot", "key": "token"}}]});
    cluster.apply("VirtualAccount", "bot", tokens).await;
    let label = json!({"parapet.dev/credentials": "true"});
    cluster.secret("bot", TOKEN, label).await;

    let mut report = String::new();
    let mut gateways = Vec::new();
    for n in 0..GATEWAYS {
        let pod = format!("gateway-{n}");
        let uid = cluster.pod(&pod).await;
        let started = Instant::now();
        gateways.push(installation.gateway_of(&pod, &uid).start().await.unwrap());
        if n + 1 == GATEWAYS {
            let _ = writeln!(
                report,
                "start of a gateway to ready: {:.0} ms",
                started.elapsed().as_secs_f64() * 1e3
            );
        }
    }
    join_all(gateways.iter().map(|gateway| enforces(gateway, 0))).await;

    let (sent, failed) = (Cell::new(0), Cell::new(0));
    let took = tokio::select! {
        () = load(&gateways, &sent, &failed) => Vec::new(),
        took = edits(&cluster, &gateways, 1..EDITS + 1, QUIET) => took,
    };
    let _ = writeln!(
        report,
        "{EDITS} edits, from applied to enforced by {GATEWAYS} gateways: {}; {} of {} requests failed",
        percentiles(&took),
        failed.get(),
        sent.get()
    );

    let mut edit = EDITS + 1;
    let took = edits(
        &cluster,
        &gateways,
        edit..edit + HASTY_EDITS,
        Duration::ZERO,
    )
    .await;
    edit += HASTY_EDITS;
    let _ = writeln!(
        report,
        "{HASTY_EDITS} edits without a pause: {}",
        percentiles(&took)
    );

    for config in 0..CONFIGS {
        cluster
            .apply(
                "GuardrailConfig",
                &format!("others-{config}"),
                other_rules(config),
            )
            .await;
    }
    // The first one waits for what was applied before it.
    edits(&cluster, &gateways, edit..edit + 1, QUIET).await;
    edit += 1;
    let took = edits(&cluster, &gateways, edit..edit + BIG_EDITS, QUIET).await;
    let _ = writeln!(
        report,
        "the same with {RULES} rules, {BIG_EDITS} edits: {}",
        percentiles(&took)
    );
    let _ = writeln!(
        report,
        "resident with them: operator {:.0} MiB, gateway {:.0} MiB",
        resident(operator.child.id()),
        resident(gateways.first().and_then(Gateway::pid))
    );
    for integration in 0..INTEGRATIONS {
        let name = format!("group-{integration}");
        let spec = other_guardrail(integration);
        cluster.apply("GuardrailIntegration", &name, spec).await;
    }
    edit += BIG_EDITS;
    edits(&cluster, &gateways, edit..edit + 1, QUIET).await;
    let published = installation.publisher().await.unwrap();
    let (manifest, _) = published.last_good().await.unwrap().unwrap();
    let _ = writeln!(
        report,
        "with {INTEGRATIONS} integrations more: a bundle of {} kB, {} kB as it travels; resident: operator {:.0} MiB, gateway {:.0} MiB",
        manifest.body.plain_bytes / 1000,
        manifest.body.bytes / 1000,
        resident(operator.child.id()),
        resident(gateways.first().and_then(Gateway::pid))
    );
    let metrics = operator.metrics().await;
    for counted in [
        "parapet_operator_publications_total",
        "parapet_operator_status_writes_total",
        "parapet_operator_guardrail_builds",
        "parapet_operator_reconcile_seconds_sum",
        "parapet_operator_reconcile_seconds_count",
    ] {
        for line in metrics.lines().filter(|line| line.starts_with(counted)) {
            let _ = writeln!(report, "{line}");
        }
    }
    println!("{report}");
}
