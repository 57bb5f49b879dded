//! What becomes of resources, and what their statuses say.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_applied_is_published_and_its_status_tells_what_became_of_it() {
    let Some(cluster) = Cluster::new("flow").await else {
        return;
    };
    let bus = Arc::new(Memory::default());
    let operator = Operator::start(&cluster.server, &cluster.namespace, "one", &bus);
    cluster
        .apply("GuardrailIntegration", "g", regex("old"))
        .await;
    cluster
        .apply("GuardrailConfig", "rules", rules(&["g/x"]))
        .await;
    cluster
        .apply("ModelProvider", "demo", json!({"demo": {}}))
        .await;
    let token = json!({"tokens": [{"secretKeyRef": {"name": "bot", "key": "token"}}]});
    cluster.apply("VirtualAccount", "bot", token).await;

    // Without gateways.
    let first = bundle(&bus, "everything is published", |bundle| {
        bundle.rules.len() == 1 && bundle.accounts.len() == 1 && bundle.providers.len() == 1
    })
    .await;
    assert_eq!(
        (first.revision.epoch, &*first.policy_namespace),
        (1, "flow")
    );
    cluster
        .condition("GuardrailConfig", "rules", "Programmed", "False NoGateways")
        .await;
    assert_eq!(operator.admin_get("/readyz").await.0, 200);

    // A Secret that is missing, then there without its label, then with it.
    let message = cluster
        .condition(
            "VirtualAccount",
            "bot",
            "ResolvedRefs",
            "False SecretNotFound",
        )
        .await;
    assert!(
        message.contains("kubectl label secret bot -n flow parapet.dev/credentials=true"),
        "{message}"
    );
    cluster.secret("bot", "hush-token", json!({})).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    cluster
        .condition(
            "VirtualAccount",
            "bot",
            "ResolvedRefs",
            "False SecretNotFound",
        )
        .await;
    let label = json!({"parapet.dev/credentials": "true"});
    cluster.secret("bot", "hush-token", label).await;
    cluster
        .condition("VirtualAccount", "bot", "ResolvedRefs", "True ResolvedRefs")
        .await;

    // Gateways come, and say what they have.
    let (one, two) = (
        cluster.pod("gateway-1").await,
        cluster.pod("gateway-2").await,
    );
    cluster
        .condition("GuardrailConfig", "rules", "Programmed", "False Pending")
        .await;
    let newest = bus.bundle().unwrap().revision;
    let applied = |revision| GatewayReport {
        applied: Some(revision),
        ..GatewayReport::default()
    };
    bus.report(&one, applied(newest));
    bus.report(&two, applied(newest));
    let message = cluster
        .condition("GuardrailConfig", "rules", "Programmed", "True Programmed")
        .await;
    assert!(
        message.starts_with("2/2 gateways at revision 1."),
        "{message}"
    );

    // A pattern that does not compile keeps the last good form, and nothing is published for it.
    let before = bus.publications();
    cluster.apply("GuardrailIntegration", "g", regex("(")).await;
    let message = cluster
        .condition(
            "GuardrailIntegration",
            "g",
            "Accepted",
            "False NotBuildable",
        )
        .await;
    assert!(
        message.starts_with("spec.guardrails[0].regex.customPatterns[0].pattern: "),
        "{message}"
    );
    assert!(
        message.ends_with("generation 1 stays in force"),
        "{message}"
    );
    assert_eq!(pattern(&bus.bundle().unwrap()), Some("old"));
    assert_eq!(bus.publications(), before);
    cluster
        .condition("GuardrailConfig", "rules", "Programmed", "True Programmed")
        .await;

    // An edit is published at once; one gateway refuses it.
    cluster
        .apply("GuardrailIntegration", "g", regex("new"))
        .await;
    let edited = bundle(&bus, "the edit", |bundle| pattern(bundle) == Some("new")).await;
    bus.report(&one, applied(edited.revision));
    let refuses = GatewayReport {
        rejected: Some(Rejection {
            revision: Some(edited.revision),
            code: "TooLarge".into(),
            message: "over the limit".into(),
        }),
        ..applied(newest)
    };
    bus.report(&two, refuses);
    let message = cluster
        .condition(
            "GuardrailIntegration",
            "g",
            "Programmed",
            "False RejectedByGateway",
        )
        .await;
    assert!(
        message.starts_with("1/2 gateways at revision "),
        "{message}"
    );
    assert!(
        message.ends_with("; gateway-2: TooLarge: over the limit"),
        "{message}"
    );
    bus.report(&two, applied(edited.revision));
    cluster
        .condition("GuardrailIntegration", "g", "Programmed", "True Programmed")
        .await;

    // What is deleted is gone; what still names it fails in its place.
    cluster.delete("GuardrailIntegration", "g").await;
    let without = bundle(&bus, "the deletion", |bundle| pattern(bundle).is_none()).await;
    assert!(without.guardrails[0].is_stand_in());
    cluster
        .condition(
            "GuardrailConfig",
            "rules",
            "ResolvedRefs",
            "False IntegrationNotFound",
        )
        .await;
    cluster.delete("GuardrailConfig", "rules").await;
    bundle(&bus, "no rules", |bundle| bundle.rules.is_empty()).await;

    // The way to the gateways is down, and comes back.
    bus.fail(Some(PublishError::Unavailable("refused".into())));
    cluster
        .apply("ModelProvider", "more", json!({"demo": {}}))
        .await;
    cluster
        .condition(
            "ModelProvider",
            "more",
            "Programmed",
            "Unknown DistributionUnavailable",
        )
        .await;
    bus.fail(None);
    bundle(&bus, "what was to be published", |bundle| {
        bundle.providers.len() == 2
    })
    .await;

    let events = cluster.events("g").await;
    for expected in [
        "Warning NotBuildable",
        "Normal Accepted",
        "Warning RejectedByGateway",
        "Normal Programmed",
    ] {
        assert!(
            events.iter().any(|event| event == expected),
            "{expected}: {events:?}"
        );
    }
    assert_eq!(events.len(), 4, "{events:?}");
    let (_, metrics) = operator.admin_get("/metrics").await;
    for expected in [
        "parapet_operator_leader 1",
        "parapet_operator_epoch 1",
        "parapet_operator_gateways{state=\"desired\"} 2",
        "parapet_operator_publications_total{result=\"failed\"}",
    ] {
        assert!(metrics.contains(expected), "{expected}\n{metrics}");
    }
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_is_of_the_resource_that_is_there() {
    let Some(cluster) = Cluster::new("anew").await else {
        return;
    };
    let bus = Arc::new(Memory::default());
    let operator = Operator::start(&cluster.server, &cluster.namespace, "one", &bus);
    cluster
        .apply("GuardrailIntegration", "g", regex("good"))
        .await;
    cluster
        .condition("GuardrailIntegration", "g", "Accepted", "True Accepted")
        .await;
    // Made anew under the same name it has no earlier form to keep.
    cluster.delete("GuardrailIntegration", "g").await;
    cluster.apply("GuardrailIntegration", "g", regex("(")).await;
    let message = cluster
        .condition(
            "GuardrailIntegration",
            "g",
            "Accepted",
            "False NotBuildable",
        )
        .await;
    assert!(!message.contains("stays in force"), "{message}");
    let status = cluster.status("GuardrailIntegration", "g").await;
    assert_eq!(status.observed_generation, Some(1));
    operator.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_refused_with_what_to_do_instead() {
    let Some(cluster) = Cluster::new("program").await else {
        return;
    };
    let bus = Arc::new(Memory::default());
    let operator = Operator::start(&cluster.server, &cluster.namespace, "one", &bus);
    let spec = json!({"command": {"program": "uvx", "args": ["mcp-server-git"]}});
    cluster.apply("MCPServer", "git", spec).await;
    let message = cluster
        .condition("MCPServer", "git", "Accepted", "False Invalid")
        .await;
    assert!(
        message.contains("spec.command") && message.contains("a container with a bridge"),
        "{message}"
    );
    let published = bundle(&bus, "the server", |bundle| !bundle.mcp_servers.is_empty()).await;
    assert_eq!(published.mcp_servers[0].spec, json!({}));
    operator.stop().await;
}
