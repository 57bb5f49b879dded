//! One leads, and another takes over.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_leads_and_the_next_has_a_higher_epoch_and_the_last_good_form() {
    let Some(cluster) = Cluster::new("leaders").await else {
        return;
    };
    let bus = Arc::new(Memory::default());
    let first = Operator::start(&cluster.server, &cluster.namespace, "one", &bus);
    cluster
        .apply("GuardrailIntegration", "g", regex("good"))
        .await;
    bundle(&bus, "the first", |bundle| pattern(bundle) == Some("good")).await;
    let second = Operator::start(&cluster.server, &cluster.namespace, "two", &bus);
    cluster.apply("GuardrailIntegration", "g", regex("(")).await;
    cluster
        .condition(
            "GuardrailIntegration",
            "g",
            "Accepted",
            "False NotBuildable",
        )
        .await;
    assert_eq!(bus.bundle().unwrap().revision.epoch, 1);
    until("the second has seen everything", || async {
        (second.admin_get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    assert!(
        second
            .admin_get("/metrics")
            .await
            .1
            .contains("parapet_operator_leader 0")
    );

    // Killed: the lease runs out.
    first.task.abort();
    let next = bundle(&bus, "the second leads", |bundle| {
        bundle.revision.epoch == 2
    })
    .await;
    assert_eq!(
        pattern(&next),
        Some("good"),
        "the last good form is forgotten"
    );

    // Asked to end: the lease is given back, and the next one need not wait for it.
    let third = Operator::start(&cluster.server, &cluster.namespace, "three", &bus);
    until("the third has seen everything", || async {
        (third.admin_get("/readyz").await.0 == 200).then_some(())
    })
    .await;
    second.stop().await;
    bundle(&bus, "the third leads", |bundle| bundle.revision.epoch == 3).await;

    // Somebody deletes the lease: epochs begin anew, and end above what is published.
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    leases
        .delete("operator", &DeleteParams::default())
        .await
        .unwrap();
    let above = bundle(&bus, "a leader above what is published", |bundle| {
        bundle.revision.epoch > 3
    });
    assert_eq!(pattern(&above.await), Some("good"));

    // Somebody takes the lease away: the leader stops at once.
    let taken = json!({"spec": {"holderIdentity": "somebody-else"}});
    let params = PatchParams::default();
    leases
        .patch("operator", &params, &Patch::Merge(taken))
        .await
        .unwrap();
    until("it leads no more", || async {
        let (_, metrics) = third.admin_get("/metrics").await;
        metrics.contains("parapet_operator_leader 0").then_some(())
    })
    .await;
    third.stop().await;
}
