//! A namespace of a real API server, and what tests do in it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use parapet_crds::status::ResourceStatus;
use parapet_operator::controller::report::status_of;
use parapet_tests::control_plane::ControlPlane;
use serde_json::{Value, json};

use crate::support::{control_plane, namespace, resource, until};

/// A cluster with one namespace for the policy and one for a team.
pub(crate) struct Cluster {
    pub(crate) server: Arc<ControlPlane>,
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl Cluster {
    pub(crate) async fn new(name: &str) -> Option<Self> {
        Some(Self::of(control_plane().await?, name).await)
    }

    /// The same of a control plane, whose definitions may be missing.
    pub(crate) async fn of(server: Arc<ControlPlane>, name: &str) -> Self {
        let client = server.client("admin").unwrap();
        namespace(&client, name).await;
        namespace(&client, &format!("{name}-team")).await;
        Self {
            server,
            client,
            namespace: name.to_owned(),
        }
    }

    pub(crate) fn api(&self, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource(kind))
    }

    pub(crate) async fn apply(&self, kind: &str, name: &str, spec: Value) {
        let metadata = json!({"name": name, "namespace": self.namespace});
        self.apply_with(kind, metadata, spec).await.unwrap();
    }

    /// The same with any metadata, or what the server says against it.
    pub(crate) async fn apply_with(
        &self,
        kind: &str,
        metadata: Value,
        spec: Value,
    ) -> kube::Result<DynamicObject> {
        let namespace = metadata["namespace"].as_str().unwrap();
        let name = metadata["name"].as_str().unwrap().to_owned();
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &resource(kind));
        let object = json!({
            "apiVersion": parapet_crds::API_VERSION, "kind": kind,
            "metadata": metadata, "spec": spec,
        });
        let params = PatchParams::apply("test").force();
        api.patch(&name, &params, &Patch::Apply(object)).await
    }

    /// Puts another spec in the place of a resource's. An apply that takes the last member out of an object can leave
    /// `null` there, which no definition takes: whoever takes something away does it by this.
    pub(crate) async fn replace(&self, kind: &str, name: &str, spec: &Value) {
        let (api, params) = (self.api(kind), PostParams::default());
        until(&format!("{kind} {name} is replaced"), || async {
            let mut object = api.get(name).await.unwrap();
            object.data["spec"] = spec.clone();
            match api.replace(name, &params, &object).await {
                Ok(_) => Some(()),
                // A status was written in between.
                Err(kube::Error::Api(status)) if status.code == 409 => None,
                Err(error) => panic!("{kind} {name}: {error}"),
            }
        })
        .await;
    }

    pub(crate) async fn delete(&self, kind: &str, name: &str) {
        let deleted = self.api(kind).delete(name, &DeleteParams::default()).await;
        deleted.unwrap();
    }

    pub(crate) async fn secret(&self, name: &str, value: &str, labels: Value) {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "labels": labels}, "stringData": {"token": value},
        });
        let params = PatchParams::apply("test").force();
        api.patch(name, &params, &Patch::Apply(secret))
            .await
            .unwrap();
    }

    /// A gateway's pod, which nobody runs; returns its uid.
    pub(crate) async fn pod(&self, name: &str) -> String {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "gateway"}},
            "spec": {"containers": [{"name": "gateway", "image": "gateway"}]},
        });
        let params = PatchParams::apply("test").force();
        let pod = api.patch(name, &params, &Patch::Apply(pod)).await.unwrap();
        pod.metadata.uid.unwrap()
    }

    /// Takes a pod away at once: nobody runs it, so nobody would end it.
    pub(crate) async fn delete_pod(&self, name: &str) {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let params = DeleteParams::default().grace_period(0);
        api.delete(name, &params).await.unwrap();
    }

    pub(crate) async fn status(&self, kind: &str, name: &str) -> ResourceStatus {
        status_of(&self.api(kind).get(name).await.unwrap())
    }

    /// Waits until a condition is `status reason`, and returns its message.
    pub(crate) async fn condition(
        &self,
        kind: &str,
        name: &str,
        type_: &str,
        expected: &str,
    ) -> String {
        let what = format!("{kind} {name}: {type_} {expected}");
        let found = until(&what, || async {
            let seen = self.api(kind).get(name).await.ok()?;
            let status = status_of(&seen);
            let of_now = status.observed_generation == seen.metadata.generation;
            let mut conditions = status.conditions.into_iter().filter(|_| of_now);
            conditions.find(|one| {
                one.type_ == type_ && format!("{} {}", one.status, one.reason) == expected
            })
        });
        found.await.message
    }

    /// What has been told as events about a resource.
    pub(crate) async fn events(&self, name: &str) -> Vec<String> {
        use k8s_openapi::api::events::v1::Event;
        let api: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let events = api.list(&kube::api::ListParams::default()).await.unwrap();
        let about = events.items.into_iter().filter(|event| {
            let regarding = event.regarding.as_ref();
            regarding.and_then(|it| it.name.as_deref()) == Some(name)
        });
        about
            .map(|event| {
                format!(
                    "{} {}",
                    event.type_.unwrap_or_default(),
                    event.reason.unwrap_or_default()
                )
            })
            .collect()
    }
}
