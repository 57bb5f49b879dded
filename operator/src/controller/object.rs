//! Resources as they were seen in the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt as _;
use kube::api::DynamicObject;
use parapet_crds::read;
use parapet_policy::compile::Created;
use parapet_policy::diagnostic::Source;
use serde_json::{Value as Json, json};

/// A resource, read. It is read once for each of its generations.
#[derive(Clone, Debug)]
pub struct Object {
    /// Kind, namespace and name.
    pub source: Source,
    /// Tells it from one with the same name that was there before.
    pub uid: Arc<str>,
    /// Counts the changes of its spec.
    pub generation: i64,
    /// `apiVersion`, `kind`, `metadata` and `spec`, without what the cluster adds.
    pub resource: Arc<Json>,
    /// What it says.
    pub read: Arc<read::Object>,
}

impl Object {
    /// Reads a resource.
    pub fn new(source: Source, seen: &DynamicObject, policy_namespace: &Arc<str>) -> Self {
        let resource = json!({
            "apiVersion": parapet_crds::API_VERSION,
            "kind": source.kind,
            "metadata": {
                "name": source.name,
                "namespace": source.namespace,
                "uid": seen.metadata.uid,
                "generation": generation(seen),
                "creationTimestamp": seen.metadata.creation_timestamp,
            },
            "spec": seen.data.get("spec").unwrap_or(&Json::Null),
        });
        Self::of(source, resource, policy_namespace)
    }

    /// A resource as an earlier leader has left it; none when it is not one.
    pub fn restored(resource: &Json, policy_namespace: &Arc<str>) -> Option<Self> {
        let text = |pointer: &str| resource.pointer(pointer).and_then(Json::as_str);
        let source = Source {
            kind: text("/kind")?.into(),
            namespace: text("/metadata/namespace")?.into(),
            name: text("/metadata/name")?.into(),
            file: None,
        };
        Some(Self::of(source, resource.clone(), policy_namespace))
    }

    fn of(source: Source, resource: Json, policy_namespace: &Arc<str>) -> Self {
        let read = read::Object::read(&resource, policy_namespace);
        let metadata = |field: &str| resource.pointer(&format!("/metadata/{field}"));
        Self {
            uid: metadata("uid")
                .and_then(Json::as_str)
                .unwrap_or_default()
                .into(),
            generation: metadata("generation")
                .and_then(Json::as_i64)
                .unwrap_or_default(),
            source,
            read: Arc::new(read),
            resource: Arc::new(resource),
        }
    }

    /// When it was made.
    pub fn created(&self) -> Created {
        let created = self.resource.pointer("/metadata/creationTimestamp");
        created.and_then(Json::as_str).map(str::to_owned)
    }

    /// Whether it is the same resource as `other`, whatever it says now.
    pub fn is_same_resource(&self, other: &Self) -> bool {
        self.uid == other.uid
    }
}

/// Resources as they were read last: none is read twice in one form.
#[derive(Debug, Default)]
pub struct Readings(BTreeMap<Source, Object>);

impl Readings {
    /// Reads what is seen, and forgets what is not seen any more.
    pub fn read<'a>(
        &mut self,
        seen: impl Iterator<Item = (&'a Arc<str>, Arc<DynamicObject>)>,
        policy_namespace: &Arc<str>,
    ) -> Vec<Object> {
        let mut before = std::mem::take(&mut self.0);
        let mut objects = Vec::with_capacity(before.len());
        for (kind, seen) in seen {
            let source = source_of(kind, &seen);
            let known = before.remove(&source).filter(|object| {
                Some(&*object.uid) == seen.metadata.uid.as_deref()
                    && object.generation == generation(&seen)
            });
            let object =
                known.unwrap_or_else(|| Object::new(source.clone(), &seen, policy_namespace));
            self.0.insert(source, object.clone());
            objects.push(object);
        }
        objects
    }
}

/// The generation of a resource; every custom resource has one.
pub fn generation(seen: &DynamicObject) -> i64 {
    seen.metadata.generation.unwrap_or_default()
}

/// Which resource it is.
pub fn source_of(kind: &Arc<str>, seen: &DynamicObject) -> Source {
    Source {
        kind: kind.clone(),
        namespace: seen.namespace().unwrap_or_default().into(),
        name: seen.name_any().into(),
        file: None,
    }
}
