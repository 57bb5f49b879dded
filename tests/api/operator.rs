//! The operator against a real API server, with a publisher in memory: what it publishes, and what statuses say.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::ResourceExt as _;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use parapet_operator::controller::watch_all::Scope;
use parapet_operator::lease::LeaseConfig;
use parapet_operator::publisher::memory::Memory;
use parapet_operator::publisher::{GatewayReport, PublishError, Rejection};
use parapet_operator::run::{Settings, run};
use parapet_policy::bundle::Bundle;
use parapet_tests::control_plane::ControlPlane;
use parapet_tests::harness::free_port;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::cluster::Cluster;
use crate::support::until;

/// One operator in this process.
struct Operator {
    end: Option<oneshot::Sender<()>>,
    task: JoinHandle<anyhow::Result<()>>,
    admin: std::net::SocketAddr,
}

impl Operator {
    fn start(server: &ControlPlane, namespace: &str, identity: &str, bus: &Arc<Memory>) -> Self {
        Self::start_as("admin", server, namespace, identity, bus)
    }

    fn start_as(
        user: &str,
        server: &ControlPlane,
        namespace: &str,
        identity: &str,
        bus: &Arc<Memory>,
    ) -> Self {
        let admin = free_port().unwrap();
        let mut lease = LeaseConfig::new(namespace.into(), "operator".into(), identity.into());
        // Tests have no time to wait for a quarter of a minute.
        lease.duration = Duration::from_secs(3);
        lease.renew_deadline = Duration::from_secs(2);
        lease.retry = Duration::from_millis(300);
        let settings = Settings {
            policy_namespace: namespace.into(),
            scope: Scope {
                namespaces: [namespace.to_owned(), format!("{namespace}-team")].into(),
                gateway_namespace: namespace.into(),
                gateway_selector: "app=gateway".into(),
            },
            lease,
            admin_listen: admin,
        };
        let client = server.client(user).unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let bus = Arc::clone(bus);
        let task = tokio::spawn(run(settings, client, bus, async {
            // Dropped is told as well.
            let _ = ended.await;
        }));
        Self {
            end: Some(end),
            task,
            admin,
        }
    }

    /// As a supervisor ends it.
    async fn stop(mut self) {
        let _ = self.end.take().unwrap().send(());
        self.task.await.unwrap().unwrap();
    }

    /// What an admin route answers; the listener is there a moment after the start.
    async fn admin_get(&self, path: &str) -> (u16, String) {
        use parapet_tests::http_client::{Client, Outgoing};
        until(path, || async {
            let answer = Client::new(self.admin)
                .send(Outgoing::get(path))
                .await
                .ok()?;
            Some((answer.status.as_u16(), answer.text().ok()?.to_owned()))
        })
        .await
    }
}

fn regex(pattern: &str) -> Value {
    json!({"guardrails": [{"name": "x", "regex": {"customPatterns": [{"pattern": pattern}]}}]})
}

fn rules(selectors: &[&str]) -> Value {
    json!({"rules": [{"id": "all", "llm_input_guardrails": selectors}]})
}

async fn bundle(bus: &Memory, what: &str, fits: impl Fn(&Bundle) -> bool) -> Bundle {
    until(what, || async {
        bus.bundle().filter(|bundle| fits(bundle))
    })
    .await
}

fn pattern(bundle: &Bundle) -> Option<&str> {
    let first = bundle.guardrails.first()?;
    first.config.pointer("/customPatterns/0/pattern")?.as_str()
}

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
    println!("{EDITS} edits: {published} publications");
    operator.stop().await;
}

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

/// The table of `docs/status.md`: resources, verbs, and whether they are for the operator's own namespace only.
fn documented_rights() -> Vec<(String, Vec<String>, bool)> {
    let page = include_str!("../../docs/status.md");
    let (_, section) = page.split_once("\n## What the operator may do\n").unwrap();
    let quoted = |cell: &str| -> Vec<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let rows = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(2);
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let resource = match quoted(cells[1]).pop().unwrap().as_str() {
            "parapet.dev" => "*.parapet.dev".to_owned(),
            "/status" => "*/status.parapet.dev".to_owned(),
            other => other.to_owned(),
        };
        let own = !cells[3].contains("cluster");
        (resource, quoted(cells[2]), own)
    })
    .collect()
}

/// Lets a user do what is documented, and nothing else.
async fn allow(cluster: &Cluster, user: &str) {
    use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
    let team = format!("{}-team", cluster.namespace);
    for namespace in [&cluster.namespace, &team] {
        let rules = documented_rights()
            .into_iter()
            .filter(|(_, _, own)| !own || *namespace == cluster.namespace)
            .flat_map(|(resource, verbs, _)| {
                let (name, group) = resource.split_once('.').unwrap_or((&resource, ""));
                let names: Vec<String> = match name.split_once('*') {
                    Some((_, rest)) => parapet_crds::crd::KINDS
                        .iter()
                        .map(|kind| format!("{}{rest}", kind.plural))
                        .collect(),
                    None => vec![name.to_owned()],
                };
                [json!({"apiGroups": [group], "resources": names, "verbs": verbs})]
            });
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "operator"}, "rules": rules.collect::<Vec<_>>(),
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "operator"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operator"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
        });
        let params = PatchParams::apply("test").force();
        let roles: Api<Role> = Api::namespaced(cluster.client.clone(), namespace);
        roles
            .patch("operator", &params, &Patch::Apply(role))
            .await
            .unwrap();
        let bindings: Api<RoleBinding> = Api::namespaced(cluster.client.clone(), namespace);
        bindings
            .patch("operator", &params, &Patch::Apply(binding))
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_needs_the_rights_that_are_documented_and_waits_for_them() {
    let Some(cluster) = Cluster::new("rights").await else {
        return;
    };
    assert_eq!(documented_rights().len(), 6);
    let bus = Arc::new(Memory::default());
    let operator = Operator::start_as("operator", &cluster.server, &cluster.namespace, "one", &bus);
    cluster.apply("GuardrailIntegration", "g", regex("x")).await;
    let token = json!({"tokens": [{"secretKeyRef": {"name": "bot", "key": "token"}}]});
    cluster.apply("VirtualAccount", "bot", token).await;
    let label = json!({"parapet.dev/credentials": "true"});
    cluster.secret("bot", "hush-token", label).await;
    // Without any right it neither ends nor says that it is ready.
    assert_eq!(operator.admin_get("/readyz").await.0, 503);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!operator.task.is_finished());

    allow(&cluster, "operator").await;
    cluster
        .condition("VirtualAccount", "bot", "ResolvedRefs", "True ResolvedRefs")
        .await;
    cluster.apply("GuardrailIntegration", "g", regex("(")).await;
    cluster
        .condition(
            "GuardrailIntegration",
            "g",
            "Accepted",
            "False NotBuildable",
        )
        .await;
    until("the event", || async {
        (!cluster.events("g").await.is_empty()).then_some(())
    })
    .await;
    assert_eq!(operator.admin_get("/readyz").await.0, 200);
    operator.stop().await;
}
