//! What only a cluster needs: status, and rules that admission checks.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::Rule;
use serde::{Deserialize, Serialize};

/// What the operator says about a resource.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, kube::KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStatus {
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Accepted`, `ResolvedRefs` and `Programmed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Exactly one of `members` is given.
pub(crate) fn exactly_one(members: &[&str], what: &str) -> Rule {
    let given: Vec<String> = members.iter().map(|m| format!("has(self.{m})")).collect();
    Rule::new(format!(
        "[{}].filter(given, given).size() == 1",
        given.join(", ")
    ))
    .message(&*format!("give exactly one {what}: {}", members.join(", ")))
}

/// A validator has no order.
pub(crate) fn priority_only_with_mutate() -> Rule {
    Rule::new("!has(self.priority) || (has(self.operation) && self.operation == 'mutate')")
        .message("priority is only for operation: mutate")
}

/// Sizes mean nothing in the other modes.
pub(crate) fn size_only_with_windowed() -> Rule {
    Rule::new(
        "(!has(self.size) && !has(self.overlap)) || (has(self.mode) && self.mode == 'windowed')",
    )
    .message("size and overlap are only for mode: windowed")
}
