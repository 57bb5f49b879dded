//! What service and context guardrails are given.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parapet_policy::facts::Caller;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{FailureClass, Operation};
use parapet_policy::overrides::Scope;

use crate::finding::Edit;
use crate::segment::Segments;

/// The call that is being judged, without its text.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where it is being judged.
    pub hook: Hook,
    /// Who calls.
    pub caller: Caller,
    /// Metadata after merging.
    pub metadata: BTreeMap<String, String>,
    /// Every name of the model: the one asked for first, then what it may be routed or renamed to. Empty for
    /// MCP.
    pub models: Arc<[Arc<str>]>,
    /// What an MCP message is for.
    pub mcp: Option<McpCall>,
    /// As sent to the client in `x-request-id`.
    pub request_id: Arc<str>,
}

/// What an MCP message is for.
#[derive(Clone)]
pub struct McpCall {
    /// Every name of the server: the one asked for first, then the source server behind a virtual one.
    pub servers: Arc<[Arc<str>]>,
    /// The tool, when the message calls one, as the server asked for names it.
    pub tool: Option<Arc<str>>,
    /// The same tool as the source server names it, where a virtual server names it otherwise.
    pub source_tool: Option<Arc<str>>,
    /// The tool call's `arguments` as JSON, as the caller sent them.
    pub arguments: Option<Bytes>,
    /// What is known of the tool.
    pub hints: ToolHints,
}

impl std::fmt::Debug for McpCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the arguments, which are the caller's text.
        f.debug_struct("McpCall")
            .field("servers", &self.servers)
            .field("tool", &self.tool)
            .field("hints", &self.hints)
            .finish_non_exhaustive()
    }
}

/// What a tool does, as the server's resource says. An absent hint is not known: neither the server's own
/// `annotations` nor the protocol's defaults are filled in.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct ToolHints {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// It may delete or overwrite.
    pub destructive: Option<bool>,
    /// Calling it again with the same arguments changes nothing more.
    pub idempotent: Option<bool>,
    /// It reaches beyond the server: the web, mail, other systems.
    pub open_world: Option<bool>,
}

/// A whole exchange as it stands at one hook.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The call.
    pub call: Arc<Call>,
    /// What the guardrail may do.
    pub operation: Operation,
    /// Whether it judges the whole conversation or the newest turn ([`Segment::current_turn`]).
    ///
    /// [`Segment::current_turn`]: crate::segment::Segment::current_turn
    pub scope: Scope,
    /// The texts, as they stand.
    pub segments: Arc<Segments>,
    /// The request as an OpenAI chat body (or `{method, params}` for MCP), as it stands.
    pub request_body: Bytes,
    /// On output hooks: the response as an OpenAI chat completion (or the MCP result), as it stands.
    pub response_body: Option<Bytes>,
}

/// What a service came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing found.
    Pass,
    /// Something found that is to be blocked.
    Violation {
        /// For the client: no matched text.
        explanation: String,
        /// As the service names them.
        categories: Vec<Cow<'static, str>>,
    },
    /// Replacements for parts of segments.
    Edits {
        /// The replacements.
        edits: Vec<Edit>,
        /// What was found, as the service names it.
        categories: Vec<Cow<'static, str>>,
    },
    /// A whole new body in the shape of the one that was judged; it is diffed into edits.
    Body(serde_json::Value),
}

/// Why a service could not judge. Its text is for logs: no body, no secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ServiceError {
    /// For the record.
    pub class: FailureClass,
    /// What was attempted and what happened.
    pub message: String,
}
