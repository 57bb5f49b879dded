//! The keys of an installation, in Secrets of a real API server.

use std::time::SystemTime;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, Patch, PatchParams};
use parapet_operator::keys::args::{Command, Ensure, Keys};
use parapet_operator::keys::ring::users::{USERS, nats_users};
use parapet_operator::keys::ring::{Holder, Ring, complete, file, sealing_keys, signing_keys};
use parapet_operator::keys::store::{Done, Store, StoreError};
use parapet_tests::harness::operator_binary;
use serde_json::json;

use crate::support::{control_plane, namespace};

const NAMESPACE: &str = "keys";
const PREFIX: &str = "gate";

fn arguments() -> [String; 7] {
    [
        "keys".to_owned(),
        "ensure".to_owned(),
        format!("--namespace={NAMESPACE}"),
        format!("--prefix={PREFIX}"),
        "--nats-host=nats.example.com".to_owned(),
        "--webhook-host=gate-webhook.keys.svc".to_owned(),
        "--webhook-host=gate-webhook".to_owned(),
    ]
}

fn ensure() -> Ensure {
    use clap::Parser as _;
    let cli = parapet_operator::args::Cli::parse_from(
        std::iter::once("parapet-operator".to_owned()).chain(arguments()),
    );
    match cli.command {
        parapet_operator::args::Command::Keys(Keys {
            command: Command::Ensure(ensure),
        }) => ensure,
        other => panic!("not what was asked for: {other:?}"),
    }
}

async fn make(store: &Store) -> Result<Vec<Done>, StoreError> {
    let wanted = ensure().wanted();
    store
        .change(|ring| Ok(complete(ring, &wanted, SystemTime::now())?))
        .await
}

/// Whether everything that follows from private keys does.
fn fits_together(ring: &Ring) {
    let signing = signing_keys(ring, PREFIX).unwrap();
    let trusted: Vec<_> = signing.iter().map(|key| key.public_text()).collect();
    assert_eq!(ring[&Holder::Gateway].lines(file::TRUSTED), trusted);
    let sealing = sealing_keys(ring, PREFIX).unwrap();
    assert_eq!(
        ring[&Holder::Operator].lines(file::SEALING),
        [sealing[0].text()]
    );
    let accounts = ring[&Holder::Nats].text(file::ACCOUNTS);
    assert_eq!(accounts.matches("nkey:").count(), 5, "{accounts}");
    for (holder, file, _) in USERS {
        let user = &nats_users(ring, PREFIX, holder, file).unwrap()[0].public;
        assert!(accounts.contains(user));
    }
    for holder in [
        Holder::Operator,
        Holder::Gateway,
        Holder::Forwarder,
        Holder::Nats,
        Holder::Webhook,
    ] {
        let authority = ring[&holder].text(file::CA);
        assert_eq!(
            authority.trim(),
            ring[&Holder::Authority].text(file::CA).trim()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_who_make_keys_at_once_make_one_set_and_need_few_rights() {
    let Some(server) = control_plane().await else {
        return;
    };
    let admin = server.client("admin").unwrap();
    namespace(&admin, NAMESPACE).await;
    allow(&admin).await;
    let client = server.client("operator").unwrap();
    let store = || Store::cluster(client.clone(), NAMESPACE, PREFIX);

    let (a, b, c, d) = tokio::join!(
        async { make(&store()).await },
        async { make(&store()).await },
        async { make(&store()).await },
        async { make(&store()).await },
    );
    let done: Vec<Done> = [a, b, c, d]
        .into_iter()
        .flat_map(|result| result.unwrap())
        .collect();
    for holder in Holder::ALL {
        let made = done
            .iter()
            .filter(|done| done.is_new && done.holder == holder);
        assert_eq!(made.count(), 1, "{holder:?}");
    }
    let ring = store().read().await.unwrap();
    fits_together(&ring);

    // The program says what it does and shows nothing.
    let kubeconfig = server.kubeconfig("operator").unwrap();
    let run = || async {
        let output = tokio::process::Command::new(operator_binary().await.unwrap())
            .args(arguments())
            .env("KUBECONFIG", &kubeconfig)
            .output()
            .await
            .unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let said = said.concat();
        assert!(output.status.success(), "{said}");
        said
    };
    assert!(run().await.starts_with("nothing to do"), "something to do");
    assert_eq!(store().read().await.unwrap(), ring);

    // What was lost is made anew, and nothing else changes.
    let api: Api<Secret> = Api::namespaced(admin.clone(), NAMESPACE);
    let lost = Holder::Gateway.secret(PREFIX);
    api.delete(&lost, &kube::api::DeleteParams::default())
        .await
        .unwrap();
    let said = run().await;
    assert!(
        said.starts_with("made gate-gateway-keys: ca.crt, nats.nk, opening, traces.nk, trusted\n")
            && said.contains("changed gate-operator-keys: sealing\n")
            && said.contains("changed gate-nats-server: accounts.conf\n")
            && said.contains("rollout restart statefulset/gate-nats"),
        "{said}"
    );
    let again = store().read().await.unwrap();
    fits_together(&again);
    assert_eq!(again[&Holder::Authority], ring[&Holder::Authority]);
    for contents in again.values() {
        for (file, text) in &contents.files {
            for line in text
                .lines()
                .filter(|line| line.len() > 20 && !line.contains("-----"))
            {
                assert!(!said.contains(line), "{file} is shown");
            }
        }
    }

    let secret = api.get(&lost).await.unwrap();
    let labels = secret.metadata.labels.unwrap();
    assert_eq!(labels["app.kubernetes.io/name"], "parapet");
    assert_eq!(labels["app.kubernetes.io/component"], "gateway");
    assert!(secret.metadata.annotations.unwrap()["parapet.dev/note"].contains("helm uninstall"));
    assert_eq!(secret.metadata.owner_references, None);
}

/// What the chart gives to whoever makes keys, as docs/operations.md says.
async fn allow(admin: &kube::Client) {
    use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
    let names = Holder::ALL.map(|holder| holder.secret(PREFIX));
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "keys"},
        "rules": [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
            {"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get", "patch"]},
        ],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "keys"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "keys"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "operator"}],
    });
    let params = PatchParams::apply("test").force();
    let roles: Api<Role> = Api::namespaced(admin.clone(), NAMESPACE);
    roles
        .patch("keys", &params, &Patch::Apply(role))
        .await
        .unwrap();
    let bindings: Api<RoleBinding> = Api::namespaced(admin.clone(), NAMESPACE);
    bindings
        .patch("keys", &params, &Patch::Apply(binding))
        .await
        .unwrap();
}
