//! `VirtualAccount`: a machine identity.

use std::collections::BTreeMap;

use parapet_policy::secret::SecretValue;
#[cfg(not(feature = "kube"))]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resource::Spec;

/// A machine identity. `metadata.name` is the name in the subject `virtualaccount:<name>`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct VirtualAccountSpec {
    /// Its tokens, any of which is accepted: two while one is being replaced.
    #[schemars(length(min = 1, max = 16))]
    pub tokens: Vec<SecretValue>,
    /// Teams that it belongs to, without prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "set"))]
    pub teams: Vec<String>,
    /// Metadata of its requests; wins over the metadata header.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub metadata: BTreeMap<String, String>,
    /// From when on it is refused, RFC 3339; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: Option<String>,
}

impl Spec for VirtualAccountSpec {
    const KIND: &'static str = "VirtualAccount";
}
