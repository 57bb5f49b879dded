//! `VirtualAccount`: a machine identity.

use std::collections::BTreeMap;

use parapet_policy::secret::SecretValue;
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16))]
    pub tokens: Vec<SecretValue>,
    /// Tokens of identity providers that are this account's: a workload needs no secret of its own then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub identities: Vec<AccountIdentity>,
    /// Teams that it belongs to, without prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "set"))]
    pub teams: Vec<String>,
    /// Roles that it has, without prefix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "set"))]
    pub roles: Vec<String>,
    /// Metadata of its requests where their metadata header says nothing else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub metadata: BTreeMap<String, String>,
    /// Metadata of its requests whatever their metadata header says: what rules can rely on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub fixed_metadata: BTreeMap<String, String>,
    /// From when on it is refused, RFC 3339; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: Option<String>,
}

/// Tokens of an identity provider that are an account's.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountIdentity {
    /// The `IdentityProvider`'s name.
    #[schemars(length(min = 1, max = 253))]
    pub provider: String,
    /// What the token says in the provider's `claims.virtualAccount`, to the letter.
    #[schemars(length(min = 1, max = 256))]
    pub value: String,
}

impl Spec for VirtualAccountSpec {
    const KIND: &'static str = "VirtualAccount";
}
