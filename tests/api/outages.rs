//! What the operator needs of the cluster is not there, or not any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parapet_tests::control_plane::{ControlPlane, Program};
use parapet_tests::installation::Installation;
use serde_json::json;

use crate::cluster::Cluster;
use crate::support::{install_crds, install_some, until};
use crate::whole::{Operator, SSN, ask, gets, guardrails};
use crate::world::policy;

/// A control plane that is taken apart.
async fn own(name: &str) -> Option<Cluster> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let server = Arc::new(ControlPlane::own().await.unwrap()?);
    Some(Cluster::of(server, name).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn definitions_that_are_missing_are_named_and_waited_for() {
    let Some(cluster) = own("bare").await else {
        return;
    };
    let Some(installation) = Installation::start().await.unwrap() else {
        return;
    };
    let operator = Operator::start(&cluster, &installation, "operator-1").await;
    let missing = |plural: &str| {
        format!(
            "{plural} in bare: the definition of this kind is not installed: `parapet-operator crds` prints it"
        )
    };
    let named = |plural: &'static str| {
        let (operator, missing) = (&operator, missing(plural));
        async move {
            until(&missing, || async {
                let said = operator.admin_get("/readyz").await;
                said.contains(&missing).then_some(said)
            })
            .await
        }
    };
    named("guardrailconfigs").await;
    named("guardrailintegrations").await;
    let publisher = installation.publisher().await.unwrap();

    // All but one: it still waits, for what is missing could be what protects.
    install_some(&cluster.client, |kind| kind != "GuardrailConfig").await;
    cluster
        .apply("GuardrailIntegration", "g", guardrails("us_ssn"))
        .await;
    until("only one is missing", || async {
        let said = operator.admin_get("/readyz").await;
        (said.lines().skip(1).eq([missing("guardrailconfigs")])).then_some(())
    })
    .await;
    let metrics = operator.metrics().await;
    for expected in [
        "parapet_operator_watch_up{what=\"guardrailconfigs\"} 0",
        "parapet_operator_watch_up{what=\"guardrailintegrations\"} 1",
        "parapet_operator_leader 0",
    ] {
        assert!(metrics.contains(expected), "{expected}\n{metrics}");
    }
    assert!(publisher.last_good().await.unwrap().is_none());
    until("it says so", || async {
        let mut lines = operator.log.lines().into_iter();
        lines.find(|line| {
            line.contains("not everything has been listed yet")
                && line.contains(&missing("guardrailconfigs"))
        })
    })
    .await;

    // It comes, and all goes on by itself.
    install_crds(&cluster.client).await;
    let begun = Instant::now();
    operator.leads().await;
    cluster
        .condition("GuardrailIntegration", "g", "Accepted", "True Accepted")
        .await;
    let waited = begun.elapsed();
    // Not after a wait that has grown with every attempt; a busy machine is slow enough by itself.
    assert!(waited < Duration::from_secs(60), "{waited:?}");
    assert!(publisher.last_good().await.unwrap().is_some());
    assert_eq!(operator.admin_get("/readyz").await, "ready\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_go_on_while_the_cluster_is_dead_and_the_operator_comes_back() {
    let Some(cluster) = own("dead").await else {
        return;
    };
    let Some(installation) = Installation::start().await.unwrap() else {
        return;
    };
    install_crds(&cluster.client).await;
    let operator = Operator::start(&cluster, &installation, "operator-1").await;
    let uid = cluster.pod("gateway-1").await;
    policy(&cluster).await;
    let gateways = [installation
        .gateway_of("gateway-1", &uid)
        .start()
        .await
        .unwrap()];
    gets(&gateways, SSN, Err(400)).await;
    cluster
        .condition("GuardrailIntegration", "g", "Programmed", "True Programmed")
        .await;

    let mut preset = ["email", "us_ssn"].into_iter().cycle();
    for (times, program) in [Program::ApiServer, Program::Etcd].into_iter().enumerate() {
        cluster.server.kill(program).unwrap();
        // Until the lease cannot be kept: nobody leads.
        until("it leads no more", || async {
            // Every request is judged by the same policy, whatever becomes of the cluster.
            assert_eq!(ask(&gateways[0], SSN).await.is_err(), times == 0);
            assert_eq!(
                ask(&gateways[0], "ana@northwind.com").await.is_err(),
                times == 1
            );
            let metrics = operator.metrics().await;
            metrics.contains("parapet_operator_leader 0").then_some(())
        })
        .await;
        cluster.server.start(program).unwrap();
        cluster.server.wait_until_ready().await.unwrap();
        let begun = Instant::now();
        operator.leads().await;
        let preset = preset.next().unwrap();
        until("an edit is taken", || async {
            let metadata = json!({"name": "g", "namespace": cluster.namespace});
            let applied = cluster.apply_with("GuardrailIntegration", metadata, guardrails(preset));
            applied.await.ok()
        })
        .await;
        let message = cluster
            .condition("GuardrailIntegration", "g", "Programmed", "True Programmed")
            .await;
        let epoch = times + 2;
        assert!(
            message.starts_with(&format!("1/1 gateways at revision {epoch}.")),
            "{message}"
        );
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(30), "{took:?}");
    }
    // The rule was never lost: what was published before and after each death had it.
    let said = operator.log.lines();
    let published: Vec<&String> = said
        .iter()
        .filter(|line| line.contains("published"))
        .collect();
    let after_the_first = published
        .iter()
        .skip_while(|line| !line.contains("rules=1"));
    assert!(
        after_the_first.clone().count() > 2
            && after_the_first.clone().all(|line| line.contains("rules=1")),
        "{published:?}"
    );
}
