//! The validating webhook on a real API server: what is refused, what is warned of, and what happens without it.

use std::cell::Cell;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::PostParams;
use parapet_operator::webhook::Missing;
use parapet_tests::kubectl::Kubectl;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use super::*;

/// An authority of its own.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// Replaces certificate and key, one file after the other.
    fn certify(&self, folder: &TempDir) {
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned()];
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(folder.path().join("tls.crt"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("tls.key"), key.serialize_pem()).unwrap();
    }
}

fn trust(folder: &TempDir, authorities: &[&Authority]) {
    let bundle: String = authorities.iter().map(|one| one.pem.as_str()).collect();
    std::fs::write(folder.path().join("ca.crt"), bundle).unwrap();
}

async fn apply_as_cluster<K>(cluster: &Cluster, name: &str, object: Value)
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let api: Api<K> = Api::all(cluster.client.clone());
    let params = PatchParams::apply("test").force();
    api.patch(name, &params, &Patch::Apply(object))
        .await
        .unwrap();
}

/// The configuration as a chart would have it, without an authority, for this test's namespaces alone.
async fn configure(cluster: &Cluster, address: std::net::SocketAddr) {
    let name = &cluster.namespace;
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": "validate.parapet.dev", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "failurePolicy": "Ignore", "timeoutSeconds": 5,
            "clientConfig": {"url": format!("https://{address}/validate")},
            "rules": [{
                "apiGroups": ["parapet.dev"], "apiVersions": ["v1alpha1"],
                "operations": ["CREATE", "UPDATE"], "resources": ["*"],
            }],
            "namespaceSelector": {"matchExpressions": [{
                "key": "kubernetes.io/metadata.name", "operator": "In",
                "values": [name, format!("{name}-team")],
            }]},
        }],
    });
    apply_as_cluster::<ValidatingWebhookConfiguration>(cluster, name, configuration).await;
    let rights = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
        "rules": [{
            "apiGroups": ["admissionregistration.k8s.io"], "resources": ["validatingwebhookconfigurations"],
            "resourceNames": [name], "verbs": ["get", "patch"],
        }],
    });
    apply_as_cluster::<ClusterRole>(cluster, name, rights).await;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "operator"}],
    });
    apply_as_cluster::<ClusterRoleBinding>(cluster, name, binding).await;
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": parapet_crds::API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec,
    })
}

fn group(name: &str, pattern: &str) -> Value {
    object("GuardrailIntegration", name, &regex(pattern))
}

/// Whether a pattern that does not compile is refused now; nothing is kept.
async fn refuses(cluster: &Cluster) -> bool {
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let bad: DynamicObject = serde_json::from_value(group("bad", "(")).unwrap();
    let api = cluster.api("GuardrailIntegration");
    api.create(&params, &bad).await.is_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_not_be_accepted_is_refused_when_it_is_applied() {
    let Some(cluster) = Cluster::new("webhook").await else {
        return;
    };
    let Some(kubectl) = Kubectl::new(&cluster.server, "admin", "webhook").unwrap() else {
        return;
    };
    // Stored before there was a webhook.
    let taken = kubectl.apply(&group("old", "("), &[]).await.unwrap();
    assert!(taken.ok, "{taken:?}");

    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Authority::new(), Authority::new());
    let address = free_port().unwrap();
    super::rights::allow(&cluster, "operator").await;
    configure(&cluster, address).await;
    let bus: Arc<Memory> = Arc::default();
    let settings = WebhookSettings {
        listen: address,
        tls: folder.path().to_owned(),
        configuration: Some(cluster.namespace.as_str().into()),
        missing: Missing::Warn,
    };
    let operator = Operator::start_serving(
        Some(settings),
        cluster.server.client("operator").unwrap(),
        &cluster.namespace,
        "one",
        bus,
    );
    // Without a certificate the operator does what it does, and the webhook lets pass.
    let message = cluster
        .condition(
            "GuardrailIntegration",
            "old",
            "Accepted",
            "False NotBuildable",
        )
        .await;
    assert!(!refuses(&cluster).await);
    first.certify(&folder);
    trust(&folder, &[&first]);
    until("the authority is told", || async {
        refuses(&cluster).await.then_some(())
    })
    .await;

    // By create and by update, with the sentence that the status has; and a dry run is told as well.
    let bad = group("new", "(");
    for args in [
        &["create", "-f", "-"][..],
        &["apply", "-f", "-", "--dry-run=server"],
    ] {
        let refused = kubectl.run_with(args, &bad.to_string()).await.unwrap();
        let expected =
            format!("admission webhook \"validate.parapet.dev\" denied the request: {message}");
        assert!(
            !refused.ok && refused.err.contains(&expected),
            "{refused:?}"
        );
    }
    let taken = kubectl.apply(&group("new", "a+"), &[]).await.unwrap();
    assert!(taken.ok && taken.err.is_empty(), "{taken:?}");
    let refused = kubectl.apply(&bad, &[]).await.unwrap();
    assert!(!refused.ok && refused.err.contains(&message), "{refused:?}");
    cluster
        .condition("GuardrailIntegration", "new", "Accepted", "True Accepted")
        .await;

    // What is not there yet is a warning: resources may come in any order.
    let missing = object("GuardrailConfig", "rules", &rules(&["later/x"]));
    let warned = kubectl.apply(&missing, &[]).await.unwrap();
    assert!(warned.ok, "{warned:?}");
    let expected = "Warning: spec.rules[0].llm_input_guardrails[0]: there is no guardrail later/x in namespace webhook";
    assert!(warned.err.contains(expected), "{warned:?}");
    let strange = kubectl
        .run_with(
            &["apply", "-f", "-", "--namespace=webhook-team"],
            &object("GatewaySettings", "own", &json!({})).to_string(),
        )
        .await
        .unwrap();
    assert!(
        strange.err.contains("move it there") && !strange.ok,
        "{strange:?}"
    );

    // What was bad before can be labelled, and edited as long as nothing more becomes wrong.
    let labelled = kubectl
        .run(&["label", "guardrailintegration", "old", "team=a"])
        .await
        .unwrap();
    assert!(labelled.ok && labelled.err.is_empty(), "{labelled:?}");
    let refused = kubectl.apply(&group("old", "["), &[]).await.unwrap();
    assert!(!refused.ok, "{refused:?}");
    let warned = kubectl
        .run_with(
            &[
                "patch",
                "gi",
                "old",
                "--type=merge",
                "--patch-file=/dev/stdin",
            ],
            &json!({"spec": {"collaborators": [{"subject": "team:everyone", "role": "User"}]}})
                .to_string(),
        )
        .await
        .unwrap();
    assert!(
        warned.ok && warned.err.contains(&format!("Warning: {message}")),
        "{warned:?}"
    );
    let deleted = kubectl.run(&["delete", "gi", "old"]).await.unwrap();
    assert!(deleted.ok, "{deleted:?}");

    // Certificate and authority are replaced, and no call fails: a bad resource is refused at every moment.
    let calls = Cell::new(0);
    let calling = async {
        loop {
            assert!(
                refuses(&cluster).await,
                "let pass after {} calls",
                calls.get()
            );
            calls.set(calls.get() + 1);
        }
    };
    let told = async |expected: String| {
        let api: Api<ValidatingWebhookConfiguration> = Api::all(cluster.client.clone());
        until("the new authority is told", || async {
            let found = api.get(&cluster.namespace).await.ok()?.webhooks?;
            let bundle = found.first()?.client_config.ca_bundle.clone()?;
            (bundle.0 == expected.as_bytes()).then_some(())
        })
        .await;
    };
    let rotating = async {
        trust(&folder, &[&first, &second]);
        told(format!("{}{}", first.pem, second.pem)).await;
        second.certify(&folder);
        // The files are looked at every second.
        tokio::time::sleep(Duration::from_secs(3)).await;
        trust(&folder, &[&second]);
        told(second.pem.clone()).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    tokio::select! {
        () = calling => {}
        () = rotating => {}
    }
    assert!(calls.get() > 10, "{}", calls.get());
    let (_, metrics) = operator.admin_get("/metrics").await;
    for expected in [
        "parapet_operator_admission_requests_total{answer=\"refused\"}",
        "parapet_operator_admission_requests_total{answer=\"warned\"} 2",
        "parapet_operator_admission_refusals_total{reason=\"NotBuildable\"}",
        "parapet_operator_admission_refusals_total{reason=\"WrongNamespace\"} 1",
        "parapet_operator_admission_seconds_count",
    ] {
        assert!(metrics.contains(expected), "{expected}\n{metrics}");
    }

    // Nobody is there to ask: what is applied is taken, and the status tells later.
    operator.stop().await;
    let taken = kubectl.apply(&bad, &[]).await.unwrap();
    assert!(taken.ok, "{taken:?}");
}
