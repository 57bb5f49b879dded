//! `ModelProvider`: a model account and its models.

use std::collections::BTreeMap;

use parapet_policy::secret::{PlainOrSecret, SecretValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collaborator::Collaborator;
use crate::human_duration::HumanDuration;
use crate::resource::Spec;

/// A model account. `metadata.name` is the account in `account/model`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(feature = "kube", x_kube(cel, validation = crate::status::exactly_one(MEMBERS, "provider")))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ModelProviderSpec {
    /// Who may call it; absent: every authenticated caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub collaborators: Option<Vec<Collaborator>>,
    /// Models by the name that callers use; absent: any name, forwarded as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    #[cfg_attr(feature = "kube", x_kube(merge_strategy = ListMerge::Map(vec!["name".into()])))]
    pub models: Option<Vec<Model>>,
    /// Any server that speaks OpenAI's chat completions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openai: Option<OpenAi>,
    /// Anthropic's messages API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anthropic: Option<Anthropic>,
    /// The embedded model: answers without a key and without a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demo: Option<Demo>,
}

/// The members of a provider, exactly one of which is given. Sorted.
pub const MEMBERS: &[&str] = &["anthropic", "demo", "openai"];

impl Spec for ModelProviderSpec {
    const KIND: &'static str = "ModelProvider";
}

/// The one member of a provider that is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Upstream<'a> {
    /// `openai`.
    OpenAi(&'a OpenAi),
    /// `anthropic`.
    Anthropic(&'a Anthropic),
    /// `demo`.
    Demo(&'a Demo),
}

impl ModelProviderSpec {
    /// The member that is given; none unless it is exactly one.
    pub fn upstream(&self) -> Option<Upstream<'_>> {
        match (&self.openai, &self.anthropic, &self.demo) {
            (Some(openai), None, None) => Some(Upstream::OpenAi(openai)),
            (None, Some(anthropic), None) => Some(Upstream::Anthropic(anthropic)),
            (None, None, Some(demo)) => Some(Upstream::Demo(demo)),
            _ => None,
        }
    }

    /// Callers' name to upstream's name; absent when any name is forwarded.
    pub fn model_names(&self) -> Option<BTreeMap<String, String>> {
        let models = self.models.as_ref()?;
        Some(
            models
                .iter()
                .map(|m| {
                    (
                        m.name.clone(),
                        m.upstream_name.clone().unwrap_or_else(|| m.name.clone()),
                    )
                })
                .collect(),
        )
    }
}

/// One model of an account.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// The name after the slash in `account/model`.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// What the upstream calls it, when that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub upstream_name: Option<String>,
}

/// Any server that speaks OpenAI's chat completions.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OpenAi {
    /// Up to and including `/v1`; `/chat/completions` is added.
    #[schemars(length(max = 2048), regex(pattern = "^https?://"))]
    pub base_url: String,
    /// Sent as `Authorization: Bearer`; absent: none is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretValue>,
    /// Sent with every request.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub headers: BTreeMap<String, PlainOrSecret>,
}

impl Default for OpenAi {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".into(),
            api_key: None,
            headers: BTreeMap::new(),
        }
    }
}

/// Anthropic's messages API.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Anthropic {
    /// Without `/v1`; `/v1/messages` is added.
    #[schemars(length(max = 2048), regex(pattern = "^https?://"))]
    pub base_url: String,
    /// Sent as `x-api-key`; absent: none is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretValue>,
    /// `anthropic-version` for callers that send none.
    #[schemars(length(min = 1, max = 64))]
    pub version: String,
    /// Sent with every request.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub headers: BTreeMap<String, PlainOrSecret>,
}

impl Default for Anthropic {
    fn default() -> Self {
        Self {
            base_url: "https://api.anthropic.com".into(),
            api_key: None,
            version: "2023-06-01".into(),
            headers: BTreeMap::new(),
        }
    }
}

/// The embedded model. `echo` answers with the last user message as the model received it, `echo-all`
/// with the whole request body, `canned` with a fixed text, `slow` like `echo` with a pause between
/// tokens, `script` with the given steps. All of them stream.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Demo {
    /// What `canned` answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub canned_text: Option<String>,
    /// How long `slow` waits between tokens; default 200ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<HumanDuration>,
    /// What `script` does, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    pub script: Vec<DemoStep>,
}

/// One step of the `script` model; what is given of it happens in this order.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DemoStep {
    /// Wait first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<HumanDuration>,
    /// Say this, in one chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub text: Option<String>,
    /// Call this tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_call: Option<DemoToolCall>,
}

/// A tool call that the `script` model makes.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct DemoToolCall {
    /// The name of the tool that it calls.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// The arguments, as the JSON text that a model would write.
    #[serde(default)]
    #[schemars(length(max = 65536))]
    pub arguments: String,
}
