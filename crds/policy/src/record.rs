//! Everything that happened to one request, without its text.
//!
//! The request path fills one [`Record`]; logs, metrics, spans, the console and replay are made from it
//! off the path. It never holds prompt text, tokens or secrets. It can be read back where it travelled to, without
//! what never travels: text, and the numbers of spans.

mod places;

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

pub use places::{MAX_PLACES, Places};

use crate::bundle::Revision;
use crate::facts::Subject;
use crate::hook::Hook;
use crate::outcome::{FailureClass, Operation, SkipReason, Strategy};
use crate::trace::TraceContext;
use crate::word::{self, Word};

/// The version of the record's shape; it changes when a reader could misread an old record.
pub const RECORD_VERSION: u32 = 1;

/// One request, from first byte to last. Times are microseconds since `started`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Record {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// As sent to the client in `x-request-id`.
    pub request_id: Arc<str>,
    /// Its place in a trace; none unless traces are exported.
    #[serde(flatten)]
    pub trace: Option<TraceContext>,
    /// Wall clock at the first byte.
    #[serde(with = "crate::time::rfc3339")]
    pub started: SystemTime,
    /// The policy revision that the request saw from beginning to end; none before policy was reached.
    pub revision: Option<Revision>,
    /// The route, e.g. `/v1/chat/completions`.
    #[serde(deserialize_with = "word::read")]
    pub route: Word,
    /// The caller; none when the caller was not known.
    pub subject: Option<Subject>,
    /// The caller's teams.
    pub teams: Vec<Arc<str>>,
    /// The model as the caller named it.
    pub model: Option<Arc<str>>,
    /// For a message of MCP: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp: Option<McpMessage>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// What else the client asked the model for.
    #[serde(default)]
    pub parameters: Parameters,
    /// One entry for each guardrail of the plan, at each hook, in order.
    pub guardrails: Vec<GuardrailRecord>,
    /// One entry for each upstream attempt.
    pub attempts: Vec<Attempt>,
    /// Text-bearing content that no guardrail judged, by class.
    pub unjudged: Vec<(Arc<str>, u32)>,
    /// What the gateway itself changed in the body, e.g. `store`.
    #[serde(default, deserialize_with = "word::read_all")]
    pub rewrites: Vec<Word>,
    /// How it ended.
    pub end: End,
    /// The status sent to the client.
    pub status: u16,
    /// Bytes of the request body.
    pub request_bytes: u64,
    /// Bytes of the response body sent to the client.
    pub response_bytes: u64,
    /// Microseconds from the first byte to the last.
    pub total_us: u64,
    /// Text, when a setting asks for it in spans. It is in no log line.
    #[serde(skip)]
    pub content: Option<Box<Content>>,
}

/// Parameters of a model request, as far as they are numbers: what is text may hold the prompt's. Absent where the request
/// does not say.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Parameters {
    /// The most tokens that the answer may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// How much chance there is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The share of likely tokens that are chosen from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// The number of likely tokens that are chosen from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<f64>,
    /// How much a token is avoided that was there often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// How much a token is avoided that was there at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// What chance begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// How many answers there are to be, when it is not one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices: Option<u64>,
}

/// A JSON-RPC message of MCP.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct McpMessage {
    /// The server that the client asked for.
    pub server: Arc<str>,
    /// The server that the message is to or of, where the one that was asked for is virtual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Arc<str>>,
    /// The method; `other` for one that the protocol does not have, and `response` for an answer of the client.
    #[serde(deserialize_with = "word::read")]
    pub method: Word,
    /// The tool, when the message calls one by a name that a tool can have.
    pub tool: Option<Arc<str>>,
    /// The protocol's revision.
    #[serde(deserialize_with = "word::read")]
    pub version: Word,
    /// Who sent it.
    pub from: McpSide,
    /// Whether the answer was an error of the protocol, or a result that says that the tool failed.
    pub failed: bool,
    /// Tools that were left out of a list because their annotations are wrong.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub dropped: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_none_of_them(count: &u32) -> bool {
    *count == 0
}

/// A side of an MCP connection.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum McpSide {
    /// Towards the gateway: the agent.
    Client,
    /// Behind the gateway.
    Server,
}

/// The beginnings of what went out, after every redaction.
#[derive(Clone, Default)]
pub struct Content {
    /// The body that the model got.
    pub input: Vec<u8>,
    /// The body that the client got.
    pub output: Vec<u8>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (input, output) = (self.input.len(), self.output.len());
        write!(f, "{input} and {output} bytes")
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// An answer went out in full.
    Allowed,
    /// A guardrail found something.
    BlockedViolation,
    /// An enforced guardrail could not judge.
    BlockedFailure,
    /// The gateway refused the request: bad body, unknown model, no token.
    Refused,
    /// The upstream failed.
    UpstreamFailed,
    /// The client went away before the end.
    ClientGone,
}

impl End {
    /// The word in records, metrics and spans.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::BlockedViolation => "blocked_violation",
            Self::BlockedFailure => "blocked_failure",
            Self::Refused => "refused",
            Self::UpstreamFailed => "upstream_failed",
            Self::ClientGone => "client_gone",
        }
    }
}

/// What one guardrail did at one hook.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct GuardrailRecord {
    /// `group/name`.
    pub selector: Arc<str>,
    /// The family, e.g. `secrets_detection`.
    #[serde(deserialize_with = "word::read")]
    pub kind: Word,
    /// Where it ran.
    pub hook: Hook,
    /// In a chat request or its answer, the tool whose results or calls it judged, by a name that a tool can have: one
    /// entry stands for all of them. A message of MCP is of one tool, which the record names itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Arc<str>>,
    /// What it may do.
    pub operation: Operation,
    /// What its outcome costs.
    pub strategy: Strategy,
    /// `clean`, `changed`, `violation`, `failed` or `skipped`.
    #[serde(deserialize_with = "word::read")]
    pub outcome: Word,
    /// Whether that stopped the request.
    pub blocks: bool,
    /// For `failed`.
    pub failure: Option<FailureClass>,
    /// For `skipped`.
    pub skipped: Option<SkipReason>,
    /// Categories with the number of findings in each.
    pub categories: Vec<(Arc<str>, u32)>,
    /// Edits applied; under audit, edits that would have been.
    pub edits: u32,
    /// Where that was, or where what it found stands; none where nothing was found, or a service does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<Box<Places>>,
    /// When it began, microseconds since the request's start.
    pub start_us: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// Whether the verdict was remembered instead of computed.
    pub cached: bool,
    /// The rules that chose it; empty when a header did.
    pub rules: Arc<[Arc<str>]>,
    /// The calls that it made over the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<NetworkCall>,
}

/// One call over the network: of a guardrail to its service, or for a token.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct NetworkCall {
    /// Host and port.
    pub server: Arc<str>,
    /// The status, when an answer arrived.
    pub status: Option<u16>,
    /// Why there was none, or none of use, as a fixed word: `unavailable`, `address_refused`, `too_large`, `bad_answer`, or
    /// `dropped` when nobody waited any longer; of a token endpoint also `timeout`, `refused` and `failed`.
    #[serde(default, deserialize_with = "word::read_optional")]
    pub error: Option<Word>,
    /// When it began, microseconds since the request's start.
    pub start_us: u64,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// The number of its span.
    #[serde(skip)]
    pub span: u32,
}

/// One call to an upstream.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Attempt {
    /// The account.
    pub provider: Arc<str>,
    /// What the account speaks: `openai`, `anthropic` or `demo`.
    #[serde(deserialize_with = "word::read")]
    pub kind: Word,
    /// Host and port; none for the demo provider, which is inside the process.
    pub server: Option<Arc<str>>,
    /// The upstream's own name of the model.
    pub model: Arc<str>,
    /// The status, when headers arrived.
    pub status: Option<u16>,
    /// When the call began, microseconds since the request's start.
    pub start_us: u64,
    /// Microseconds from the call's beginning to the first text.
    pub first_text_us: Option<u64>,
    /// Microseconds from the call's beginning to its end.
    pub took_us: u64,
    /// Tokens as the upstream counted them.
    pub input_tokens: Option<u64>,
    /// Tokens as the upstream counted them.
    pub output_tokens: Option<u64>,
    /// Of the input's tokens, those that came from the upstream's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_tokens: Option<u64>,
    /// Of the input's tokens, those that went into the upstream's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_tokens: Option<u64>,
    /// Of the answer's tokens, those of reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    /// The answer's own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_id: Option<Arc<str>>,
    /// The model as the answer names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_model: Option<Arc<str>>,
    /// Why the answer, or each of several, ended: words of the dialects, `other` for any that is none of theirs.
    #[serde(
        default,
        deserialize_with = "word::read_all",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub finish_reasons: Vec<Word>,
    /// Why it failed, as a fixed word: `refused`, `timeout`, `cut`, `bad_answer`, `no_token` when no token for it could be
    /// had, or `dropped` when a guardrail or the client ended it before its answer began.
    #[serde(default, deserialize_with = "word::read_optional")]
    pub error: Option<Word>,
    /// Whether its answer was read to the end.
    pub complete: bool,
    /// The calls that had to be made before it: to a token endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<NetworkCall>,
    /// The number of its span.
    #[serde(skip)]
    pub span: u32,
}

#[cfg(test)]
mod tests;
