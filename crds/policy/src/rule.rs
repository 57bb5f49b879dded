//! A rule as written. The rule block is a published language, so it keeps its published spelling.

mod given;
mod taint;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hook::Hook;

pub use given::{Given, split_tool};
pub use taint::{Taint, TaintScope};

/// Which guardrails run, for whom and on what.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Rule {
    /// Names the rule in records and diagnostics; unique in its resource.
    #[schemars(length(min = 1, max = 128))]
    pub id: String,
    /// When the rule applies. An absent part does not filter; `{}` matches everything.
    #[serde(default)]
    pub when: When,
    /// Guardrails on the prompt, as `group/name` or `namespace/group/name`.
    #[serde(default, alias = "input_guardrails")]
    #[schemars(length(max = 64))]
    pub llm_input_guardrails: Vec<String>,
    /// Guardrails on the model's answer.
    #[serde(default, alias = "output_guardrails")]
    #[schemars(length(max = 64))]
    pub llm_output_guardrails: Vec<String>,
    /// Guardrails on a tool's name and arguments, before it runs.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub mcp_tool_pre_invoke_guardrails: Vec<String>,
    /// Guardrails on a tool's result.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub mcp_tool_post_invoke_guardrails: Vec<String>,
    /// Replaces the message of a block; `{{guardrail_message}}` inserts the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub custom_error_message: Option<String>,
    /// Keeps this rule's guardrails on the whole conversation, whatever a header says.
    #[serde(default)]
    pub mandatory: bool,
    /// Whether slow input validators race the model or finish first. Default: from `GatewaySettings`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_execution: Option<InputExecution>,
    /// Replaces the enforcing strategy of this rule's guardrails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforcing_strategy: Option<crate::outcome::Strategy>,
    /// What becomes of a request or an answer with content that no guardrail can judge: images, sound, files, links,
    /// encrypted blocks. Default: from `GatewaySettings`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unscannable: Option<Unscannable>,
    /// What becomes of a call of a tool marked `egress` or `destructive` in a conversation that results of an MCP server
    /// marked `untrusted` have reached. Absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taint: Option<Taint>,
    /// What such a result marks. Default `conversation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taint_scope: Option<TaintScope>,
}

/// What becomes of content that no guardrail can judge.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Unscannable {
    /// It goes on, and is counted.
    #[default]
    Allow,
    /// The request is refused with 400, or the answer is kept back.
    Block,
}

/// Whether slow input validators race the model call.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum InputExecution {
    /// The model call starts when the input mutators are done; slow validators race it.
    #[default]
    Parallel,
    /// Every input guardrail finishes before the model is called.
    Sequential,
}

/// When a rule applies: all given parts must match.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default)]
pub struct When {
    /// Models, MCP servers and tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetWhen>,
    /// Who calls: users, teams, roles, virtual accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subjects: Option<SubjectsWhen>,
    /// Metadata that the request must carry, every pair.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// The target's conditions, any of which must match.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default)]
pub struct TargetWhen {
    /// Only `or`.
    pub operator: TargetOperator,
    /// The conditions. One on a dimension that the request does not have is ignored.
    pub conditions: TargetConditions,
}

/// How the target's conditions combine.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetOperator {
    /// Any of them.
    #[default]
    Or,
}

/// Conditions on where a request goes.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default)]
pub struct TargetConditions {
    /// Model names as callers write them, `account/model`; `*` stands for any run of characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ValuesCondition>,
    /// MCP servers, `server` or `server:tool`; `*` stands for any run of characters.
    #[serde(rename = "mcpServers", skip_serializing_if = "Option::is_none")]
    pub mcp_servers: Option<ValuesCondition>,
    /// MCP tools by server.
    #[serde(rename = "mcpTools", skip_serializing_if = "Option::is_none")]
    pub mcp_tools: Option<ToolsCondition>,
}

/// A list of names and whether to be in it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ValuesCondition {
    /// The names.
    #[schemars(length(max = 1024))]
    pub values: Vec<String>,
    /// `in` or `not_in`.
    #[serde(default)]
    pub condition: Membership,
}

/// Whether a name must be listed or must not.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    /// Any of the request's names is listed.
    #[default]
    In,
    /// None of the request's names is listed.
    NotIn,
}

/// A list of tools and whether to be in it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ToolsCondition {
    /// Servers with the tools meant.
    #[schemars(length(max = 256))]
    pub values: Vec<ServerTools>,
    /// `in` or `not_in`.
    #[serde(default)]
    pub condition: Membership,
}

/// Tools of one server.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ServerTools {
    /// The server.
    pub name: String,
    /// Every tool of the server.
    #[serde(default)]
    pub enable_all_tools: bool,
    /// The tools meant, when not all.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub enabled_tools: Vec<String>,
}

/// Conditions on who calls.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default)]
pub struct SubjectsWhen {
    /// `and`: in `in` and not in `not_in`; `or`: either of the two.
    pub operator: SubjectsOperator,
    /// The lists.
    pub conditions: SubjectsConditions,
}

/// How the two subject lists combine.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectsOperator {
    /// Both.
    #[default]
    And,
    /// Either.
    Or,
}

/// Subjects as `user:`, `team:`, `virtualaccount:` or `role:` and a name; `*` is a wildcard in the name.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default)]
pub struct SubjectsConditions {
    /// Callers that the rule is for.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub r#in: Option<Vec<String>>,
    /// Callers that the rule is not for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub not_in: Option<Vec<String>>,
}

/// What a [`Rule::custom_error_message`] inserts the default message for.
pub const MESSAGE_PLACEHOLDER: &str = "{{guardrail_message}}";

impl Rule {
    /// The selectors for one hook, as written.
    pub fn selectors(&self, hook: Hook) -> &[String] {
        match hook {
            Hook::LlmInput => &self.llm_input_guardrails,
            Hook::LlmOutput => &self.llm_output_guardrails,
            Hook::McpToolPreInvoke => &self.mcp_tool_pre_invoke_guardrails,
            Hook::McpToolPostInvoke => &self.mcp_tool_post_invoke_guardrails,
        }
    }
}

/// The message of a block: `custom` with the default message in place of `{{guardrail_message}}`.
pub fn custom_message(custom: &str, guardrail_message: &str) -> String {
    custom.replace(MESSAGE_PLACEHOLDER, guardrail_message)
}
