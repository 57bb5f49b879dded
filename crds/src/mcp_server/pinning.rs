//! Tools that are held to the definitions that were approved.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::human_duration::HumanDuration;

/// For how long a gateway relies on a list of tools, unless the resource says otherwise.
pub const MAX_AGE: Duration = Duration::from_mins(1);

/// How tools are held to the definitions that were approved.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pinning {
    /// What happens to a tool that is new or changed.
    #[serde(default)]
    pub mode: PinningMode,
    /// The definitions that were approved; several of one name, when callers or versions of the protocol see different ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    #[cfg_attr(feature = "kube", x_kube(merge_strategy = ListMerge::Map(vec!["name".into(), "digest".into()])))]
    pub approved: Vec<ApprovedTool>,
    /// The digests of the server's `instructions` that were approved. With `enforce` clients see no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(regex(pattern = "^sha256:[0-9a-f]{64}$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub approved_instructions: Vec<String>,
    /// With `enforce`: for how long a gateway relies on what it knows of the tools before it lists them again to let a call
    /// through; `1m` when absent, at least `1s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<HumanDuration>,
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
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovedTool {
    /// The tool's name at the server.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// `sha256:` and the lower-case hexadecimal SHA-256 of the definition's canonical JSON (RFC 8785).
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: String,
}

impl Pinning {
    /// What is wrong with it, as (path below `spec.pinning`, message).
    pub(super) fn problems(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let digests = self.approved.iter().map(|tool| &tool.digest);
        let digests = digests
            .enumerate()
            .map(|(index, digest)| (format!("approved[{index}].digest"), digest));
        let instructions = self.approved_instructions.iter().enumerate();
        let instructions =
            instructions.map(|(index, digest)| (format!("approvedInstructions[{index}]"), digest));
        for (path, digest) in digests.chain(instructions) {
            if !is_digest(digest) {
                let message = "this is no digest: sha256: and 64 lower-case hexadecimal digits";
                found.push((path, message.to_owned()));
            }
        }
        let mut known = std::collections::BTreeSet::new();
        for (index, tool) in self.approved.iter().enumerate() {
            if !known.insert(tool) {
                let message = format!("{:?} is approved with this digest before", tool.name);
                found.push((format!("approved[{index}]"), message));
            }
        }
        if self
            .max_age
            .is_some_and(|age| age.0 < Duration::from_secs(1))
        {
            let message = "at least 1s: every call would list the server's tools";
            found.push(("maxAge".to_owned(), message.to_owned()));
        }
        found
    }
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64
        && hex
            .bytes()
            .all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}
