//! `GuardrailIntegration`: a group of guardrails.

use parapet_guardrails::kinds::Members;
use parapet_policy::bundle::{StreamMode, ValidatorInput};
use parapet_policy::outcome::{Operation, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collaborator::Collaborator;
use crate::human_duration::HumanDuration;
use crate::resource::Spec;

/// A group of guardrails. `metadata.name` is the group in the selector `group/name`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GuardrailIntegrationSpec {
    /// Who may name these guardrails in a header; absent: every authenticated caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub collaborators: Option<Vec<Collaborator>>,
    /// Namespaces whose rules may name these guardrails as `namespace/group/name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_namespaces: Vec<String>,
    /// The guardrails.
    #[schemars(length(max = 64))]
    #[cfg_attr(feature = "kube", x_kube(merge_strategy = ListMerge::Map(vec!["name".into()])))]
    pub guardrails: Vec<GuardrailSpec>,
}

impl Spec for GuardrailIntegrationSpec {
    const KIND: &'static str = "GuardrailIntegration";
}

/// One guardrail: what it does, and exactly one member that says of which kind it is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(
    feature = "kube",
    x_kube(
        cel,
        validation = crate::status::exactly_one(parapet_guardrails::kinds::MEMBERS, "kind of guardrail"),
        validation = crate::status::priority_only_with_mutate(),
    )
)]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GuardrailSpec {
    /// Its name in the group; the selector is `group/name`.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = "^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
    )]
    pub name: String,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub description: Option<String>,
    /// `validate` passes or blocks; `mutate` may also rewrite.
    #[serde(default)]
    pub operation: Operation,
    /// Order among mutators, lower first, negative ones too; only with `operation: mutate`. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    pub priority: Option<i32>,
    /// What a violation or a failure costs. Default: from `GatewaySettings`, then `enforce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcing_strategy: Option<Strategy>,
    /// How long it may take, for kinds that make calls. Default: from `GatewaySettings`, then `5s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<HumanDuration>,
    /// What a validator sees: the text as it came, or what is sent on after the mutators.
    #[serde(default)]
    pub input: ValidatorInput,
    /// How a guardrail that makes calls sees a streamed answer. Default: `buffered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streaming: Option<Streaming>,
    /// The one member that is given, with its configuration.
    #[serde(flatten)]
    pub members: Members,
}

/// How a guardrail that makes calls sees a streamed answer.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(feature = "kube", x_kube(cel, validation = crate::status::size_only_with_windowed()))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Streaming {
    /// `buffered` holds the whole answer, `windowed` holds a piece at a time, `observe` holds nothing.
    #[serde(default)]
    pub mode: StreamingMode,
    /// Bytes of new text in a window; only with `windowed`. Default 4096.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 64, max = 1_048_576))]
    pub size: Option<i32>,
    /// Bytes of earlier text shown before it; only with `windowed`. Default 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_048_576))]
    pub overlap: Option<i32>,
}

/// How much of a streamed answer is held back until it is judged.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamingMode {
    /// All of it.
    #[default]
    Buffered,
    /// A window at a time.
    Windowed,
    /// Nothing; with `audit` only.
    Observe,
}

/// The size of a window when none is given, in bytes.
pub const DEFAULT_WINDOW: u32 = 4096;

/// The overlap of windows when none is given, in bytes.
pub const DEFAULT_OVERLAP: u32 = 256;

impl Streaming {
    /// The mode as policy knows it.
    pub fn stream_mode(&self) -> StreamMode {
        let bytes = |given: Option<i32>, default| {
            given.and_then(|n| u32::try_from(n).ok()).unwrap_or(default)
        };
        match self.mode {
            StreamingMode::Buffered => StreamMode::Buffered,
            StreamingMode::Windowed => StreamMode::Windowed {
                size: bytes(self.size, DEFAULT_WINDOW),
                overlap: bytes(self.overlap, DEFAULT_OVERLAP),
            },
            StreamingMode::Observe => StreamMode::Observe,
        }
    }
}
