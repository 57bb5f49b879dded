//! A resource as it stands in a document, without Kubernetes.

use serde::{Deserialize, Serialize};

/// A document: what it is, what it is called, what it says.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource<S> {
    /// Group and version, [`crate::API_VERSION`].
    pub api_version: String,
    /// The kind, e.g. `GuardrailConfig`.
    pub kind: String,
    /// Name and namespace.
    pub metadata: Metadata,
    /// What it declares.
    pub spec: S,
}

/// The part of a Kubernetes object's metadata that policy looks at.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The resource's name.
    pub name: String,
    /// Its namespace; absent means the policy namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// When the cluster made it, RFC 3339. Absent in files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
}

/// A `spec` that stands in a document of its own kind.
pub trait Spec: serde::de::DeserializeOwned + Serialize + schemars::JsonSchema {
    /// The document's `kind`.
    const KIND: &'static str;
}
