//! Many resources at once: what is built, published and written follows what has changed. Counts, no times.

use std::time::Instant;

use futures_util::StreamExt as _;
use parapet_tests::api_proxy::{ApiProxy, Asked};

use super::*;

const GROUPS: usize = 100;
const CONFIGS: usize = 5;
const RULES: usize = 100;
const BURST: usize = 500;

/// The least time between two publications.
const PACE: Duration = Duration::from_millis(100);

fn many_rules(config: usize, count: usize) -> Value {
    let rules: Vec<Value> = (0..count)
        .map(|rule| {
            let group = (config * RULES + rule) % GROUPS;
            json!({"id": format!("rule-{rule}"), "llm_input_guardrails": [format!("g-{group}/x")]})
        })
        .collect();
    json!({"rules": rules})
}

/// Applies edits, many at a time; says how many publications can have begun meanwhile.
async fn apply_all(cluster: &Cluster, edits: Vec<(&str, String, Value)>) -> usize {
    let begun = Instant::now();
    let edits = edits.into_iter().map(|(kind, name, spec)| async move {
        cluster.apply(kind, &name, spec).await;
    });
    futures_util::stream::iter(edits)
        .buffer_unordered(16)
        .collect::<Vec<()>>()
        .await;
    usize::try_from(begun.elapsed().as_millis() / PACE.as_millis()).unwrap() + 2
}

async fn builds(operator: &Operator) -> usize {
    let (_, metrics) = operator.admin_get("/metrics").await;
    let name = "parapet_operator_guardrail_builds ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_built_published_and_written_follows_what_has_changed() {
    let Some(cluster) = Cluster::new("many").await else {
        return;
    };
    let proxy = ApiProxy::start(&cluster.server).await.unwrap();
    let config = cluster.server.config_at(&proxy.url(), "admin").unwrap();
    let client = parapet_operator::cluster::client(config).unwrap();
    let bus = Arc::new(Memory::default());
    let publisher: Arc<Memory> = Arc::clone(&bus);
    let operator = Operator::start_with(client, &cluster.namespace, "one", publisher);
    let pod = cluster.pod("gateway-1").await;
    let report = || {
        let report = GatewayReport {
            applied: bus.bundle().map(|bundle| bundle.revision),
            ..GatewayReport::default()
        };
        bus.report(&pod, report);
    };
    let group = |number: usize, edit: usize| {
        let pattern = format!("word-{number}-{edit}");
        (
            "GuardrailIntegration",
            format!("g-{number}"),
            regex(&pattern),
        )
    };
    let configs = (0..CONFIGS).map(|config| {
        let spec = many_rules(config, RULES);
        ("GuardrailConfig", format!("rules-{config}"), spec)
    });
    let groups = (0..GROUPS).map(|number| group(number, 0));
    let possible = apply_all(&cluster, groups.chain(configs).collect()).await;
    bundle(&bus, "everything", |bundle| {
        bundle.guardrails.len() == GROUPS && bundle.rules.len() == CONFIGS * RULES
    })
    .await;
    let published = bus.publications();
    assert!(
        published <= possible,
        "{published} publications of {possible}"
    );
    // Each configuration once, although each publication was compiled from all of them.
    assert_eq!(builds(&operator).await, GROUPS);
    report();
    for number in 0..GROUPS {
        let name = format!("g-{number}");
        cluster
            .condition(
                "GuardrailIntegration",
                &name,
                "Programmed",
                "True Programmed",
            )
            .await;
    }
    cluster
        .condition(
            "GuardrailConfig",
            "rules-4",
            "Programmed",
            "True Programmed",
        )
        .await;
    // Pending, perhaps of an earlier revision first, and then programmed.
    let written = proxy.count(Asked::writes_status);
    let most = 3 * (GROUPS + CONFIGS);
    assert!(written <= most, "{written} statuses written");

    // Nothing happens: nothing is written. Gateways report all the time.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let quiet = (proxy.count(Asked::writes_status), bus.publications());
    for _ in 0..20 {
        report();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        (proxy.count(Asked::writes_status), bus.publications()),
        quiet
    );

    // One edit: one build, one publication, and only its own status.
    let before = proxy.asked().len();
    apply_all(&cluster, vec![group(7, 1)]).await;
    bundle(&bus, "one edit", |bundle| {
        let mut guardrails = bundle.guardrails.iter();
        guardrails.any(|one| one.config.to_string().contains("word-7-1"))
    })
    .await;
    report();
    cluster
        .condition(
            "GuardrailIntegration",
            "g-7",
            "Programmed",
            "True Programmed",
        )
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(builds(&operator).await, GROUPS + 1);
    assert_eq!(bus.publications(), quiet.1 + 1);
    let asked = proxy.asked().split_off(before);
    let statuses: Vec<&Asked> = asked.iter().filter(|asked| asked.writes_status()).collect();
    assert!(
        statuses.len() <= 2 && statuses.iter().all(|one| one.path.contains("/g-7/status")),
        "{statuses:?}"
    );

    // A burst.
    let before = bus.publications();
    let burst = (0..BURST).map(|edit| group(edit % GROUPS, 2 + edit / GROUPS));
    let possible = apply_all(&cluster, burst.collect()).await;
    let last = format!("word-{}-{}", GROUPS - 1, 1 + BURST / GROUPS);
    bundle(&bus, "the last edit of the burst", |bundle| {
        let mut guardrails = bundle.guardrails.iter();
        guardrails.any(|one| one.config.to_string().contains(&last))
    })
    .await;
    let published = bus.publications() - before;
    assert!(
        published <= possible && published < BURST / 5,
        "{published} publications of {possible}"
    );
    println!(
        "{BURST} edits: {published} publications; {written} statuses for the first {}",
        GROUPS + CONFIGS
    );
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_refused_when_it_is_applied() {
    let Some(cluster) = Cluster::new("large").await else {
        return;
    };
    let refused = async |kind: &str, spec: Value| {
        let metadata = json!({"name": "large", "namespace": cluster.namespace});
        match cluster.apply_with(kind, metadata, spec).await {
            Err(kube::Error::Api(status)) => status.message.clone(),
            other => panic!("{:?}", other.map(|_| "it was taken")),
        }
    };
    let said = refused("GuardrailConfig", many_rules(0, 10_000)).await;
    assert!(
        said.contains("spec.rules: Too many: 10000: must have at most 5000 items"),
        "{said}"
    );
    // Within every bound of its own, and 1.8 and 2.1 MB in all.
    let patterns: Vec<Value> = (0..256)
        .map(|number| json!({"pattern": format!("{number:04}{}", "a".repeat(996))}))
        .collect();
    for (count, expected) in [
        (7, "etcdserver: request is too large"),
        (8, "trying to send message larger than max"),
    ] {
        let guardrails: Vec<Value> = (0..count)
            .map(|number| json!({"name": format!("x{number}"), "regex": {"customPatterns": patterns}}))
            .collect();
        let said = refused("GuardrailIntegration", json!({"guardrails": guardrails})).await;
        assert!(said.contains(expected), "{said}");
    }
}
