//! What is known about a request when rules are matched.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::hook::Hook;

/// Who calls.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "name")]
pub enum Subject {
    /// A person, by the claim that the identity provider names.
    User(Arc<str>),
    /// A machine, by the `VirtualAccount`'s name.
    VirtualAccount(Arc<str>),
}

impl Subject {
    /// The bare name.
    pub const fn name(&self) -> &Arc<str> {
        match self {
            Self::User(name) | Self::VirtualAccount(name) => name,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::VirtualAccount(name) => write!(f, "virtualaccount:{name}"),
        }
    }
}

/// The caller: who, and what they belong to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Caller {
    /// Who calls.
    pub subject: Subject,
    /// Teams without prefix. `everyone` is implied for users and never listed.
    pub teams: Vec<Arc<str>>,
    /// Roles without prefix.
    pub roles: Vec<Arc<str>>,
}

/// Where the request goes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A model call.
    Model {
        /// The namespace of the provider resource: rules outside the policy namespace see only their own.
        namespace: Arc<str>,
        /// Every name of the model: the one asked for (`account/model`) first, then what it may be
        /// routed or renamed to.
        names: Arc<[Arc<str>]>,
    },
    /// A tool call, or another MCP message.
    Mcp {
        /// The namespace of the server resource.
        namespace: Arc<str>,
        /// The server asked for first, then the source server behind a virtual one; [`UNKNOWN_SERVER`] alone for a tool
        /// of which only the name is known.
        servers: Arc<[Arc<str>]>,
        /// The tool, when the message names one, as the server asked for names it.
        tool: Option<Arc<str>>,
        /// The same tool as the source server names it, where a virtual server names it otherwise.
        source_tool: Option<Arc<str>>,
        /// Whether it belongs to a call of a tool that is not known: what holds for any tool holds for it.
        #[serde(default)]
        of_any_tool: bool,
    },
}

/// Stands for a server's name where nobody knows it: the name of a tool in a chat request says nothing of a server as a
/// rule. No resource has this name.
pub const UNKNOWN_SERVER: &str = "";

/// Every server of an MCP target with the tool as that server names it.
pub fn tools_by_server<'a>(
    servers: &'a [Arc<str>],
    tool: Option<&'a str>,
    source_tool: Option<&'a str>,
) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
    servers.iter().enumerate().map(move |(index, server)| {
        let tool = if index == 0 {
            tool
        } else {
            source_tool.or(tool)
        };
        (&**server, tool)
    })
}

impl Target {
    /// The hooks that a request to this target passes, in order.
    pub const fn hooks(&self) -> [Hook; 2] {
        match self {
            Self::Model { .. } => [Hook::LlmInput, Hook::LlmOutput],
            Self::Mcp { .. } => [Hook::McpToolPreInvoke, Hook::McpToolPostInvoke],
        }
    }

    /// Every name of the model, the one asked for first; none for MCP.
    pub fn models(&self) -> Arc<[Arc<str>]> {
        match self {
            Self::Model { names, .. } => names.clone(),
            Self::Mcp { .. } => Arc::default(),
        }
    }

    /// The namespace of the resource that the request goes to.
    pub const fn namespace(&self) -> &Arc<str> {
        match self {
            Self::Model { namespace, .. } | Self::Mcp { namespace, .. } => namespace,
        }
    }
}

/// Everything that rules may look at.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Facts {
    /// Who calls.
    pub caller: Caller,
    /// Where the request goes.
    pub target: Target,
    /// Metadata after merging: account and claims over header.
    pub metadata: BTreeMap<String, String>,
}
