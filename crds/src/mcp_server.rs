//! `MCPServer`: an MCP upstream, its credentials and its tools.

use std::collections::BTreeMap;

use parapet_policy::secret::PlainOrSecret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collaborator::Collaborator;
use crate::resource::Spec;
use crate::tls::Tls;

mod auth;
mod command;
mod openapi;
mod pinning;
mod problems;
mod protocol;
mod tool;
mod virtual_server;

pub use auth::{
    AUTH_MEMBERS, ClientAuth, ClientCredentials, McpAuth, PerUser, TokenExchange, TokenType,
};
pub use command::Command;
pub use openapi::{OpenApi, OperationSelector};
pub use pinning::{ApprovedTool, MAX_AGE, Pinning, PinningMode};
pub use protocol::Protocol;
pub use tool::McpTool;
pub use virtual_server::{OnMemberFailure, VirtualMember, VirtualServer};

/// An MCP server. `metadata.name` is the name in `/mcp/<name>`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kube", derive(kube::KubeSchema))]
#[cfg_attr(feature = "kube", x_kube(cel, validation = crate::status::exactly_one(MEMBERS, "upstream")))]
#[cfg_attr(not(feature = "kube"), derive(JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpServerSpec {
    /// Who may use it; absent: every authenticated caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub collaborators: Option<Vec<Collaborator>>,
    /// The server's Streamable HTTP endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = "^https?://"))]
    pub url: Option<String>,
    /// Which revisions of the protocol the server speaks.
    #[serde(default, skip_serializing_if = "is_default")]
    pub protocol: Protocol,
    /// How the server is known at an `https` URL, and what it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Tools of other servers under one endpoint, instead of a server of its own.
    #[serde(rename = "virtual", default, skip_serializing_if = "Option::is_none")]
    pub virtual_server: Option<VirtualServer>,
    /// An HTTP API that an OpenAPI document describes, instead of an MCP server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openapi: Option<OpenApi>,
    /// The server is a program, which a gateway that serves a folder of resources starts. In a cluster it is refused: there a
    /// program runs in a container, beside a bridge that gives it a `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Command>,
    /// Sent to the server with every request. The caller's own `Authorization` never is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub headers: BTreeMap<String, PlainOrSecret>,
    /// How the server is shown who calls, beside `headers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<McpAuth>,
    /// Headers of the caller's request that go on to the server. Not for credentials of the gateway's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub pass_headers: Vec<String>,
    /// What is known about tools beside what the server says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024))]
    #[cfg_attr(feature = "kube", x_kube(merge_strategy = ListMerge::Map(vec!["name".into()])))]
    pub tools: Vec<McpTool>,
    /// Whether what the server returns may steer an agent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub trust: Trust,
    /// Whether the server's own word for what its tools do (`annotations`) counts where `tools` says nothing.
    #[serde(default, skip_serializing_if = "is_default")]
    pub trust_annotations: bool,
    /// Whether tools are held to the definitions that were approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinning: Option<Pinning>,
}

/// The members that say where a server is, exactly one of which is given. Sorted.
pub const MEMBERS: &[&str] = &["command", "openapi", "url", "virtual"];

impl Spec for McpServerSpec {
    const KIND: &'static str = "MCPServer";
}

/// Whether what a server returns may steer an agent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// Its results come from those who run the agent.
    #[default]
    Trusted,
    /// Its results hold text of strangers: web pages, mail, issues.
    Untrusted,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Headers of callers that are the gateway's own business: `passHeaders` cannot name them.
const OWN_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "origin",
    "proxy-authorization",
    "transfer-encoding",
];

/// Those of [`OWN_HEADERS`] that say who calls: a server may be shown one of its own.
const CREDENTIALS: &[&str] = &["authorization", "cookie"];

/// What is wrong with the name of a header in `passHeaders`; none when it may stand there.
pub fn refused_header(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    if OWN_HEADERS.contains(&lower.as_str()) {
        return Some("is never passed on: give the server's own credentials under headers");
    }
    is_of_protocol(name).then_some("belongs to the protocol or to the gateway")
}

/// Whether a header is one that the protocol, the connection or the gateway sets.
fn is_of_protocol(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let prefixes = ["mcp-", "x-tfy-", "x-parapet-"];
    let framing = OWN_HEADERS.contains(&lower.as_str()) && !CREDENTIALS.contains(&lower.as_str());
    framing || prefixes.iter().any(|prefix| lower.starts_with(prefix))
}

#[cfg(test)]
mod tests;
