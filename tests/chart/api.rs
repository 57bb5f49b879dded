//! A real API server takes everything that is rendered, strictly.

use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::core::GroupVersionKind;
use kube::{Client, discovery};
use parapet_tests::control_plane::ControlPlane;
use serde_json::{Value, json};

use crate::support::{Helm, documents, file};
use crate::value_sets::{RELEASE, VALUE_SETS};

/// Kinds of other projects, whose definitions are not here.
pub(crate) const FOREIGN: &[&str] = &[
    "HTTPRoute",
    "PodMonitor",
    "PrometheusRule",
    "ServiceMonitor",
];

/// The API server with the definitions that the chart installs.
pub(crate) async fn server(helm: &Helm) -> Option<std::sync::Arc<ControlPlane>> {
    // Both libraries that could be chosen may be compiled in; an error says that one was chosen before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let server = ControlPlane::shared().await.unwrap()?;
    let client = server.client("admin").unwrap();
    for object in helm.render("") {
        if object["kind"] == "CustomResourceDefinition" {
            apply(&client, &object, false).await.unwrap();
        }
    }
    for namespace in [RELEASE, "policy", "team-a", "team-b"] {
        let object =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        apply(&client, &object, false).await.unwrap();
    }
    // Definitions are served a moment after they are taken.
    for _ in 0..600 {
        let group = discovery::group(&client, parapet_crds::GROUP).await;
        let known = group.map_or(0, |group| group.recommended_resources().len());
        if known == parapet_crds::crd::KINDS.len() {
            return Some(server);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the definitions are not served");
}

/// Applies as `kubectl apply --server-side` does, where an unknown field is an error.
async fn apply(client: &Client, object: &Value, dry_run: bool) -> Result<(), String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, version) = match text(&object["apiVersion"]).split_once('/') {
        Some((group, version)) => (group.to_owned(), version.to_owned()),
        None => (String::new(), text(&object["apiVersion"])),
    };
    let kind = text(&object["kind"]);
    let gvk = GroupVersionKind::gvk(&group, &version, &kind);
    let resource = match parapet_crds::crd::KINDS.iter().find(|one| one.kind == kind) {
        Some(ours) => ApiResource::from_gvk_with_plural(&gvk, ours.plural),
        None => ApiResource::from_gvk(&gvk),
    };
    let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let params = PatchParams {
        dry_run,
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("helm").force()
    };
    let name = text(&object["metadata"]["name"]);
    let applied = api.patch(&name, &params, &Patch::Apply(object)).await;
    applied.map(drop).map_err(|error| match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_rendered_is_taken() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let Some(server) = server(&helm).await else {
        return;
    };
    let client = server.client("admin").unwrap();
    let mut taken = 0;
    for (set, values) in VALUE_SETS {
        for object in helm.render(values) {
            let kind = object["kind"].as_str().unwrap();
            if FOREIGN.contains(&kind) {
                continue;
            }
            let applied = apply(&client, &object, true).await;
            let name = &object["metadata"]["name"];
            assert_eq!(applied, Ok(()), "{set}: {kind} {name}");
            taken += 1;
        }
    }
    assert!(taken > 150, "{taken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_steps_that_it_prints_are_taken() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let Some(server) = server(&helm).await else {
        return;
    };
    let client = server.client("admin").unwrap();
    let printed = helm
        .run(&["install", RELEASE, "--dry-run=client"], "")
        .unwrap();
    let (_, notes) = printed.split_once("\nNOTES:\n").unwrap();
    let (_, document) = notes.split_once("-f - <<'END'\n").unwrap();
    let (document, rest) = document.split_once("\nEND\n").unwrap();
    assert!(rest.contains("helm test parapet -n parapet"), "{rest}");
    let objects = documents(document);
    assert_eq!(objects.len(), 5);
    for mut object in objects {
        object["metadata"]["namespace"] = RELEASE.into();
        let applied = apply(&client, &object, true).await;
        assert_eq!(applied, Ok(()), "{object}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_guardrail_of_the_documents_is_taken() {
    let Some(helm) = Helm::new() else {
        return;
    };
    let Some(server) = server(&helm).await else {
        return;
    };
    let client = server.client("admin").unwrap();
    let page = file("docs/installation.md");
    let mut taken = 0;
    for block in page.split("```yaml\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        if block.starts_with("apiVersion:") {
            for object in documents(block) {
                assert_eq!(apply(&client, &object, true).await, Ok(()), "{object}");
                taken += 1;
            }
        } else {
            // The others are values.
            let rendered = helm.template(block);
            assert!(rendered.is_ok(), "{block}: {rendered:?}");
        }
    }
    assert_eq!(taken, 2);
}
