//! Tools that are held to the definitions that were approved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How tools are held to the definitions that were approved.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pinning {
    /// What happens to a tool that is new or changed.
    #[serde(default)]
    pub mode: PinningMode,
    /// The definitions that were approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    #[cfg_attr(feature = "kube", x_kube(merge_strategy = ListMerge::Map(vec!["name".into()])))]
    pub approved: Vec<ApprovedTool>,
}

/// What happens to a tool that is new or changed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PinningMode {
    /// Nothing.
    #[default]
    Off,
    /// It is told, and can be called.
    Observe,
    /// It is told, hidden from lists and refused when it is called.
    Enforce,
}

/// A tool's definition that was approved.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovedTool {
    /// The tool's name at the server.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// `sha256:` and the lower-case hexadecimal SHA-256 of the definition's canonical JSON (RFC 8785).
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: String,
}
