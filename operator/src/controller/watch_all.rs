//! Keeps what the cluster holds at hand: every resource, the metadata of labelled Secrets, the gateways' pods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::FutureExt as _;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::core::GroupVersionKind;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt as _};
use parapet_crds::crd;
use tokio::sync::Notify;
use tokio::task::JoinSet;

mod follow;
mod health;

use crate::cluster::WATCH_FOR;
use crate::metrics::Metrics;
use follow::Follow;
use health::Health;

/// The label that a Secret must carry to be used.
pub const CREDENTIALS_LABEL: &str = "parapet.dev/credentials=true";

/// Which objects are looked at.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Namespaces with resources; empty: all.
    pub namespaces: BTreeSet<String>,
    /// Where the gateways run.
    pub gateway_namespace: String,
    /// Which pods there are gateways: a label selector.
    pub gateway_selector: String,
}

/// Everything that is watched.
#[derive(Clone)]
pub struct Watched {
    kinds: Vec<(Arc<str>, ApiResource, Vec<Store<DynamicObject>>)>,
    secrets: Vec<Store<PartialObjectMeta<Secret>>>,
    pods: Store<PartialObjectMeta<Pod>>,
    health: Health,
    /// Rung when a resource or a Secret has changed.
    pub policy_changed: Arc<Notify>,
    /// Rung when the gateways' pods have changed.
    pub pods_changed: Arc<Notify>,
}

/// Namespace and name of a Secret.
pub type SecretName = (Arc<str>, Arc<str>);

impl Watched {
    /// Begins to watch; the tasks do it.
    pub fn start(
        client: &Client,
        scope: &Scope,
        metrics: &Arc<Metrics>,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let policy_changed = Arc::new(Notify::new());
        let pods_changed = Arc::new(Notify::new());
        let everywhere = [None];
        let namespaces: Vec<Option<&str>> = if scope.namespaces.is_empty() {
            everywhere.to_vec()
        } else {
            scope.namespaces.iter().map(|name| Some(&**name)).collect()
        };
        let health = Health::new(Arc::clone(metrics));
        let mut start = Start {
            metrics,
            tasks,
            changed: &policy_changed,
            health: &health,
        };
        let mut kinds = Vec::with_capacity(crd::KINDS.len());
        for names in crd::KINDS {
            let kind =
                GroupVersionKind::gvk(parapet_crds::GROUP, parapet_crds::VERSION, names.kind);
            let resource = ApiResource::from_gvk_with_plural(&kind, names.plural);
            let stores = namespaces.iter().map(|namespace| {
                let api = match namespace {
                    Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
                    None => Api::all_with(client.clone(), &resource),
                };
                start.watch(
                    names.plural,
                    *namespace,
                    api,
                    resource.clone(),
                    watcher::Config::default(),
                )
            });
            let stores = stores.collect();
            kinds.push((Arc::from(names.kind), resource, stores));
        }
        let labelled = watcher::Config::default().labels(CREDENTIALS_LABEL);
        let secrets = namespaces.iter().map(|namespace| {
            let api = match namespace {
                Some(namespace) => Api::namespaced(client.clone(), namespace),
                None => Api::all(client.clone()),
            };
            start.watch("secrets", *namespace, api, (), labelled.clone())
        });
        let secrets = secrets.collect();
        start.changed = &pods_changed;
        let running = watcher::Config::default()
            .labels(&scope.gateway_selector)
            .fields("status.phase!=Succeeded,status.phase!=Failed");
        let api = Api::namespaced(client.clone(), &scope.gateway_namespace);
        let place = Some(&*scope.gateway_namespace);
        let pods = start.watch("pods", place, api, (), running);
        Self {
            kinds,
            secrets,
            pods,
            health,
            policy_changed,
            pods_changed,
        }
    }

    /// Whether everything has been listed once.
    pub fn is_complete(&self) -> bool {
        self.complete().now_or_never().is_some()
    }

    /// What has not been listed yet, and why.
    pub fn missing(&self) -> Vec<String> {
        self.health.missing()
    }

    /// Waits until everything has been listed once: what has not been seen must not look as if it were not there.
    pub async fn complete(&self) {
        for (_, _, stores) in &self.kinds {
            for store in stores {
                wait(store).await;
            }
        }
        for store in &self.secrets {
            wait(store).await;
        }
        wait(&self.pods).await;
    }

    /// Every resource, with its kind.
    pub fn resources(&self) -> impl Iterator<Item = (&Arc<str>, Arc<DynamicObject>)> {
        self.kinds.iter().flat_map(|(kind, _, stores)| {
            stores
                .iter()
                .flat_map(move |store| store.state().into_iter().map(move |seen| (kind, seen)))
        })
    }

    /// How to reach resources of a kind.
    pub fn api_resource(&self, kind: &str) -> Option<&ApiResource> {
        let mut kinds = self.kinds.iter();
        kinds
            .find(|(known, _, _)| &**known == kind)
            .map(|(_, resource, _)| resource)
    }

    /// One resource as it was seen last.
    pub fn resource(&self, kind: &str, namespace: &str, name: &str) -> Option<Arc<DynamicObject>> {
        let (_, resource, stores) = self.kinds.iter().find(|(known, _, _)| &**known == kind)?;
        let wanted = ObjectRef::new_with(name, resource.clone()).within(namespace);
        stores.iter().find_map(|store| store.get(&wanted))
    }

    /// The labelled Secrets, with their resource versions.
    pub fn secrets(&self) -> BTreeMap<SecretName, String> {
        let seen = self.secrets.iter().flat_map(Store::state);
        let seen = seen.map(|secret| {
            let name = (
                secret.namespace().unwrap_or_default().into(),
                secret.name_any().into(),
            );
            (name, secret.resource_version().unwrap_or_default())
        });
        seen.collect()
    }

    /// The gateways' pods that are not about to end: uid, name, and since when they are there.
    pub fn pods(&self) -> Vec<(String, String, Option<Timestamp>)> {
        let pods = self.pods.state().into_iter();
        pods.filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .filter_map(|pod| {
                let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
                Some((pod.metadata.uid.clone()?, pod.name_any(), created))
            })
            .collect()
    }
}

async fn wait<K>(store: &Store<K>)
where
    K: Resource + Clone + 'static,
    K::DynamicType: Clone + Eq + std::hash::Hash,
{
    // The writer is gone only when the process is about to end.
    if store.wait_until_ready().await.is_err() {
        std::future::pending::<()>().await;
    }
}

struct Start<'a> {
    metrics: &'a Arc<Metrics>,
    tasks: &'a mut JoinSet<()>,
    changed: &'a Arc<Notify>,
    health: &'a Health,
}

impl Start<'_> {
    fn watch<K>(
        &mut self,
        what: &'static str,
        namespace: Option<&str>,
        api: Api<K>,
        of: K::DynamicType,
        config: watcher::Config,
    ) -> Store<K>
    where
        K: Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + Sync + 'static,
        K::DynamicType: Clone + Eq + std::hash::Hash + Send + Sync,
    {
        let (store, task) = Follow {
            what,
            api,
            of,
            config: config.timeout(WATCH_FOR),
            changed: Arc::clone(self.changed),
            health: self.health.begin(what, namespace),
            metrics: Arc::clone(self.metrics),
        }
        .start();
        self.tasks.spawn(task);
        store
    }
}
