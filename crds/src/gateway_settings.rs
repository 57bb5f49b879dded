//! `GatewaySettings`: one per installation.

use std::collections::BTreeMap;

use parapet_policy::outcome::Strategy;
use parapet_policy::rule::{InputExecution, Unscannable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::human_duration::HumanDuration;
use crate::resource::Spec;

/// What holds for the whole installation. Counts only in the policy namespace; the oldest holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GatewaySettingsSpec {
    /// For guardrails and rules that say nothing themselves.
    #[serde(default)]
    pub defaults: Defaults,
    /// What responses tell about the guardrails that ran.
    #[serde(default)]
    pub expose_guardrails: ExposeGuardrails,
    /// Bounds on what the gateway takes in and waits for.
    #[serde(default)]
    pub limits: Limits,
    /// Where the gateway's own calls may go.
    #[serde(default)]
    pub egress: Egress,
    /// How MCP clients reach the gateway, and where else the hooks of tools run.
    #[serde(default)]
    pub mcp: McpEndpoint,
    /// Lets callers in that bring no token at all. Absent, they get a 401. A token that is not accepted gets one in any
    /// case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<Anonymous>,
}

impl Spec for GatewaySettingsSpec {
    const KIND: &'static str = "GatewaySettings";
}

/// For guardrails and rules that say nothing themselves.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Defaults {
    /// How long a guardrail that makes calls may take. Default `5s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<HumanDuration>,
    /// What a violation or a failure costs. Default `enforce`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforcing_strategy: Option<Strategy>,
    /// Whether slow input validators race the model or finish first. Default `parallel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_execution: Option<InputExecution>,
    /// Metadata of requests where neither their account nor their metadata header says anything else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub metadata: BTreeMap<String, String>,
    /// What becomes of a request or an answer with content that no guardrail can judge. Default `allow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unscannable: Option<Unscannable>,
}

/// How MCP clients reach the gateway, and where else the hooks of tools run.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct McpEndpoint {
    /// Scheme, host and port by which clients reach the gateway. It stands in what clients are told about tokens. Default:
    /// what the request came by.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = "^https?://[^/]+$"))]
    pub public_url: Option<String>,
    /// Hosts, without port, by which the gateway may be called. Default: any, but callers without a token on the
    /// gateway's own machine have to call it by a local name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may call, such as `https://app.example.com`. Others may not, but for pages and gateways
    /// that are both on one machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_origins: Vec<String>,
    /// After so long without an event a client is sent a comment, so that nothing on the way takes its stream for dead:
    /// while a server is silent, and while guardrails judge. At least a second. Default `15s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<HumanDuration>,
    /// Runs the guardrails of `mcp_tool_pre_invoke` on the tool calls of models' answers, and those of
    /// `mcp_tool_post_invoke` on the tool results in chat requests, by the tool's name. Default false: only guardrails on
    /// models see them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guard_chat: bool,
}

/// Who calls when no token comes. It is a user like any other: in `team:everyone`, and let in wherever a resource lists
/// no collaborators.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Anonymous {
    /// The user's name.
    #[schemars(length(min = 1, max = 256))]
    pub user: String,
    /// Teams that it belongs to, without prefix.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "set"))]
    pub teams: Vec<String>,
}

impl Default for Anonymous {
    fn default() -> Self {
        Self {
            user: "anonymous".into(),
            teams: Vec::new(),
        }
    }
}

/// What responses tell about the guardrails that ran.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposeGuardrails {
    /// Nothing.
    None,
    /// Those that blocked or changed something.
    #[default]
    Blocking,
    /// All of them.
    All,
}

/// Bounds on what the gateway takes in and waits for. Past one, a caller gets a clear error.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Bytes of a request body. Default 20971520.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub body_bytes: Option<i64>,
    /// Bytes of a request's headers. Default 65536.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 8192, max = 1_048_576))]
    pub header_bytes: Option<i64>,
    /// Bytes of an upstream's answer that is not streamed, after decoding. Default 67108864.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub answer_bytes: Option<i64>,
    /// Pieces of text in one request or answer. Default 65536.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub segments: Option<i64>,
    /// Bytes of one event of a stream. Default 1048576.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024, max = 1_073_741_824))]
    pub stream_event_bytes: Option<i64>,
    /// Bytes of a stream that a local guardrail may hold back. Default 1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 64, max = 1_048_576))]
    pub hold_back_bytes: Option<i64>,
    /// Requests in flight. Default 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub concurrent_requests: Option<i64>,
    /// How long a client may take to send headers, and then between pieces of its body. Default `30s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_timeout: Option<HumanDuration>,
    /// How long a connection to an upstream may take. Default `5s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<HumanDuration>,
    /// How long an upstream may take to its first byte. Default `10m`: a model that thinks says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_timeout: Option<HumanDuration>,
    /// How long an upstream may be silent after that. Default `2m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<HumanDuration>,
}

/// Where the gateway's own calls may go, by address after name resolution. Link-local and metadata
/// addresses are refused unless allowed here; everything else is allowed unless denied here.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Egress {
    /// CIDRs that are allowed although they are refused by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "set"))]
    pub allow: Vec<String>,
    /// CIDRs that are refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "set"))]
    pub deny: Vec<String>,
}
