//! What a resource says about one tool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known about one tool beside what the server says.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct McpTool {
    /// The tool's name at the server.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// Neither listed nor called.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// Shown to clients instead of the server's own description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub description: Option<String>,
    /// Shown to clients as `readOnlyHint` instead of what the server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// It destroys or changes what cannot be brought back; shown to clients as `destructiveHint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destructive: Option<bool>,
    /// Calling it again with the same arguments changes nothing more; shown to clients as `idempotentHint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    /// It reaches beyond the server: the web, mail, other systems; shown to clients as `openWorldHint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_world: Option<bool>,
    /// It can carry data out: mail, web requests, uploads.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub egress: bool,
}
