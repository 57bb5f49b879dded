//! What all of these tests need.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use parapet_tests::control_plane::ControlPlane;
use serde_json::Value;

/// The control plane with all definitions installed, or nothing where its programs are not to be had.
pub(crate) async fn control_plane() -> Option<Arc<ControlPlane>> {
    // Both libraries that could be chosen may be compiled in; an error says that one was chosen before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let running = ControlPlane::shared().await.unwrap()?;
    install_crds(&running.client("admin").unwrap()).await;
    Some(running)
}

/// Installs all definitions, and waits until the server serves them.
pub(crate) async fn install_crds(client: &Client) {
    install_some(client, |_| true).await;
}

/// The same for some kinds.
pub(crate) async fn install_some(client: &Client, wanted: impl Fn(&str) -> bool) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams::apply("test").force();
    let all = parapet_crds::crd::all().unwrap().into_iter();
    for crd in all.filter(|crd| wanted(&crd.spec.names.kind)) {
        let name = crd.metadata.name.clone().unwrap();
        // A server that has just started may not know definitions yet.
        until(&format!("{name} is taken"), || async {
            let applied = api.patch(&name, &params, &Patch::Apply(&crd)).await;
            match applied {
                Err(kube::Error::Api(status)) if status.code == 422 => panic!("{name}: {status}"),
                applied => applied.ok(),
            }
        })
        .await;
        until(&format!("{name} is established"), || async {
            let status = api.get(&name).await.ok()?.status?;
            let mut conditions = status.conditions.unwrap_or_default().into_iter();
            conditions.find(|one| one.type_ == "Established" && one.status == "True")
        })
        .await;
        let kind = &crd.spec.names.kind;
        until(&format!("{name} is served"), || async {
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource(kind));
            api.list(&kube::api::ListParams::default().limit(1))
                .await
                .ok()
        })
        .await;
    }
}

/// How to reach resources of one of our kinds.
pub(crate) fn resource(kind: &str) -> ApiResource {
    let names = parapet_crds::crd::KINDS
        .iter()
        .find(|names| names.kind == kind);
    let gvk = GroupVersionKind::gvk(parapet_crds::GROUP, parapet_crds::VERSION, kind);
    ApiResource::from_gvk_with_plural(&gvk, names.unwrap().plural)
}

/// Makes a namespace of its own for a test.
pub(crate) async fn namespace(client: &Client, name: &str) {
    use k8s_openapi::api::core::v1::Namespace;
    let api: Api<Namespace> = Api::all(client.clone());
    let namespace =
        serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let params = PatchParams::apply("test").force();
    api.patch(name, &params, &Patch::Apply(namespace))
        .await
        .unwrap();
}

/// Waits until there is something.
pub(crate) async fn until<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    // A debug build on a busy machine takes its time.
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every document of a YAML text.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
    documents.into_iter().filter(|one| !one.is_null()).collect()
}
