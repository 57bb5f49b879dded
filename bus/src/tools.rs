//! What a gateway says about the tools of one MCP server.
//!
//! There are names, digests and categories in it, and no text of a definition. Like a [report](crate::report::Report) it is a hint:
//! it steers statuses and proposals, and what is approved a person says.

use std::time::SystemTime;

use parapet_policy::time::rfc3339;
use serde::{Deserialize, Serialize};

/// The version of [`ToolsReport`] that this build writes.
pub const TOOLS_VERSION: u32 = 1;

/// So many definitions are in one list at most; `more` says how many were left out.
pub const MAX_TOOLS: usize = 1024;

/// So many lists are in one report at most: one for each version of the protocol.
pub const MAX_LISTS: usize = 8;

/// Characters of a tool's name, as `spec.pinning.approved` takes it.
pub const MAX_NAME: usize = 128;

/// What one gateway has seen of one server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolsReport {
    /// [`TOOLS_VERSION`].
    pub v: u32,
    /// The pod's uid.
    pub uid: String,
    /// The server's namespace.
    pub namespace: String,
    /// The server's name.
    pub server: String,
    /// Whether what it offers may depend on who calls: then a list has what all callers together saw.
    pub per_caller: bool,
    /// What the gateway does with what was not approved: `observe` or `enforce`.
    pub mode: String,
    /// By version of the protocol.
    pub lists: Vec<ReportedList>,
}

/// What clients of one version of the protocol see.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedList {
    /// The version.
    pub version: String,
    /// When it was seen last.
    #[serde(with = "rfc3339")]
    pub at: SystemTime,
    /// Whether tools were listed; not when only the instructions were seen.
    pub listed: bool,
    /// The tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ReportedTool>,
    /// How many tools are left out here: too many, or with a name that cannot be approved.
    #[serde(default)]
    pub more: usize,
    /// The digest of the server's instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// What is suspicious in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspicions: Vec<String>,
}

/// One definition.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportedTool {
    /// The tool's name at the server.
    pub name: String,
    /// The definition's digest.
    pub digest: String,
    /// What the gateway does with it: `shown`, `told` or `hidden`.
    pub decision: String,
    /// Whether the list has several of this name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ambiguous: bool,
    /// What is suspicious, as words of a closed list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspicions: Vec<String>,
}
