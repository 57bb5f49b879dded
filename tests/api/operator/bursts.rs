//! Nothing is written without a reason.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_when_nothing_has_changed_and_a_burst_ends_in_few_publications() {
    let Some(cluster) = Cluster::new("quiet").await else {
        return;
    };
    let bus = Arc::new(Memory::default());
    let operator = Operator::start(&cluster.server, &cluster.namespace, "one", &bus);
    cluster
        .apply("GuardrailConfig", "rules", rules(&["g/x"]))
        .await;
    cluster
        .apply("GuardrailIntegration", "g", regex("first"))
        .await;
    bundle(&bus, "the first", |bundle| pattern(bundle) == Some("first")).await;
    let pod = cluster.pod("gateway-1").await;
    let report = |bus: &Memory| {
        let applied = bus.bundle().map(|bundle| bundle.revision);
        bus.report(
            &pod,
            GatewayReport {
                applied,
                ..GatewayReport::default()
            },
        );
    };
    report(&bus);
    cluster
        .condition("GuardrailConfig", "rules", "Programmed", "True Programmed")
        .await;
    let version = |seen: DynamicObject| seen.resource_version();
    let config = cluster.api("GuardrailConfig").get("rules").await.unwrap();
    let publications = bus.publications();

    const EDITS: usize = 100;
    for edit in 0..EDITS {
        cluster
            .apply("GuardrailIntegration", "g", regex(&format!("edit-{edit}")))
            .await;
    }
    let last = format!("edit-{}", EDITS - 1);
    bundle(&bus, "the last edit", |bundle| {
        pattern(bundle) == Some(&*last)
    })
    .await;
    let published = bus.publications() - publications;
    assert!(published < EDITS, "{published} publications");
    report(&bus);
    cluster
        .condition("GuardrailIntegration", "g", "Programmed", "True Programmed")
        .await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let now = cluster.api("GuardrailConfig").get("rules").await.unwrap();
    assert_eq!(
        version(now),
        version(config),
        "the status of what has not changed was written again"
    );
    // A label is no change of policy.
    let publications = bus.publications();
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    let api = cluster.api("GuardrailConfig");
    api.patch("rules", &PatchParams::default(), &Patch::Merge(label))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(bus.publications(), publications);
    // Other keys: the same policy once more, under the next generation. No status says anything else than before.
    let revision = bus.bundle().unwrap().revision;
    let config = cluster.api("GuardrailConfig").get("rules").await.unwrap();
    bus.change_keys();
    let next = bundle(&bus, "with other keys", |bundle| bundle.revision > revision).await;
    assert_eq!(next.revision.generation, revision.generation + 1);
    report(&bus);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(bus.publications(), publications + 1);
    let now = cluster.api("GuardrailConfig").get("rules").await.unwrap();
    assert_eq!(version(now), version(config));
    println!("{EDITS} edits: {published} publications");
    operator.stop().await;
}
