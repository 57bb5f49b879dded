//! `GuardrailConfig`: which guardrails run for whom, on what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resource::Spec;

/// Rules: which guardrails run for whom, on which models, MCP servers and tools.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GuardrailConfigSpec {
    /// The rules; every one that matches applies.
    #[serde(default)]
    #[schemars(length(max = 5000))]
    #[cfg_attr(feature = "kube", schemars(transform = crate::status::admit_rules))]
    #[cfg_attr(feature = "kube", x_kube(merge_strategy = ListMerge::Map(vec!["id".into()])))]
    pub rules: Vec<parapet_policy::rule::Rule>,
    /// Who may do more in a header than add guardrails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrides: Option<HeaderOverrides>,
}

impl Spec for GuardrailConfigSpec {
    const KIND: &'static str = "GuardrailConfig";
}

/// Who may do more in a header than add guardrails.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default)]
pub struct HeaderOverrides {
    /// Subjects whose header replaces, on the hooks that it names, what this resource's rules chose;
    /// `mandatory` rules excepted.
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "set"))]
    pub replace: Vec<String>,
}
