//! What gateways have seen of an MCP server's tools.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a server's tools stand to what was approved. It has names and digests, and no text of a definition.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PinningStatus {
    /// Tools that gateways see.
    #[schemars(range(min = 0))]
    pub tools: i32,
    /// Definitions that are as approved.
    #[schemars(range(min = 0))]
    pub approved: i32,
    /// Definitions that are not, of tools of which others are; and of names that a list has twice.
    #[schemars(range(min = 0))]
    pub changed: i32,
    /// Definitions of tools of which none is approved.
    #[schemars(range(min = 0))]
    pub new: i32,
    /// Approved definitions of tools that are not there.
    #[schemars(range(min = 0))]
    pub removed: i32,
    /// Those that are not approved and in which something was found that has no business there.
    #[schemars(range(min = 0))]
    pub suspicious: i32,
    /// Tools that are not listed here: too many, or with a name that cannot be approved.
    #[schemars(range(min = 0))]
    pub omitted: i32,
    /// The same in words: `none`, or `1 changed, 2 new`.
    #[schemars(length(max = 256))]
    pub drift: String,
    /// Every definition that gateways see, by name.
    #[schemars(length(max = 1024))]
    pub definitions: Vec<ToolStatus>,
    /// Digests of the server's instructions, as gateways see them.
    #[schemars(length(max = 16))]
    pub instructions: Vec<String>,
    /// The merge patch that approves what is there by now, without what is suspicious; absent when nothing is to be
    /// approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 524_288))]
    pub proposal: Option<String>,
}

/// One definition.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolStatus {
    /// The tool's name at the server.
    #[schemars(length(max = 128))]
    pub name: String,
    /// The definition's digest.
    #[schemars(length(max = 71))]
    pub digest: String,
    /// How it stands to what was approved.
    pub state: ToolState,
    /// What was found in it that has no business there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub suspicions: Vec<String>,
    /// Since when it is known.
    pub since: Time,
}

/// How a definition stands to what was approved.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolState {
    /// It is the one that was approved.
    Approved,
    /// Another one of this name was approved.
    Changed,
    /// Nothing of this name was approved.
    New,
    /// The list has several tools of this name.
    Ambiguous,
    /// It was approved, and is not there.
    Removed,
}

impl ToolState {
    /// As the status writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Changed => "changed",
            Self::New => "new",
            Self::Ambiguous => "ambiguous",
            Self::Removed => "removed",
        }
    }
}
