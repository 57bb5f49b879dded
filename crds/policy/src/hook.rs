//! The four points at which guardrails run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point in a request's life at which guardrails run.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// The prompt, before the model sees it.
    LlmInput,
    /// The model's answer, before the client sees it.
    LlmOutput,
    /// A tool call's name and arguments, before the tool runs.
    McpToolPreInvoke,
    /// A tool's result, before it is handed back.
    McpToolPostInvoke,
}

impl Hook {
    /// All hooks, in the order of a request's life.
    pub const ALL: [Self; 4] = [
        Self::LlmInput,
        Self::LlmOutput,
        Self::McpToolPreInvoke,
        Self::McpToolPostInvoke,
    ];

    /// The hook's published name, as written in headers, spans and diagnostics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LlmInput => "llm_input",
            Self::LlmOutput => "llm_output",
            Self::McpToolPreInvoke => "mcp_tool_pre_invoke",
            Self::McpToolPostInvoke => "mcp_tool_post_invoke",
        }
    }

    /// The key under which a rule or a header lists this hook's guardrails.
    pub const fn list_key(self) -> &'static str {
        match self {
            Self::LlmInput => "llm_input_guardrails",
            Self::LlmOutput => "llm_output_guardrails",
            Self::McpToolPreInvoke => "mcp_tool_pre_invoke_guardrails",
            Self::McpToolPostInvoke => "mcp_tool_post_invoke_guardrails",
        }
    }

    /// This hook's place in [`Hook::ALL`] and in every [`PerHook`].
    pub const fn index(self) -> usize {
        match self {
            Self::LlmInput => 0,
            Self::LlmOutput => 1,
            Self::McpToolPreInvoke => 2,
            Self::McpToolPostInvoke => 3,
        }
    }
}

/// One value for each hook.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct PerHook<T> {
    /// For [`Hook::LlmInput`].
    pub llm_input: T,
    /// For [`Hook::LlmOutput`].
    pub llm_output: T,
    /// For [`Hook::McpToolPreInvoke`].
    pub mcp_tool_pre_invoke: T,
    /// For [`Hook::McpToolPostInvoke`].
    pub mcp_tool_post_invoke: T,
}

impl<T> PerHook<T> {
    /// The value for `hook`.
    pub const fn get(&self, hook: Hook) -> &T {
        match hook {
            Hook::LlmInput => &self.llm_input,
            Hook::LlmOutput => &self.llm_output,
            Hook::McpToolPreInvoke => &self.mcp_tool_pre_invoke,
            Hook::McpToolPostInvoke => &self.mcp_tool_post_invoke,
        }
    }

    /// The value for `hook`, to change it.
    pub const fn get_mut(&mut self, hook: Hook) -> &mut T {
        match hook {
            Hook::LlmInput => &mut self.llm_input,
            Hook::LlmOutput => &mut self.llm_output,
            Hook::McpToolPreInvoke => &mut self.mcp_tool_pre_invoke,
            Hook::McpToolPostInvoke => &mut self.mcp_tool_post_invoke,
        }
    }
}
