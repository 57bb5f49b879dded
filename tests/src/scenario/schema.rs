//! The format of scenario files. Unknown fields are errors: a misspelt expectation would expect nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::Choice;

/// A scenario file: resources, and cases that run one after the other against one gateway that serves them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// What this file specifies, in a sentence or two.
    pub about: String,
    /// Resources beside those of `base.yaml`, as the documents a user would write. `${llm}` is the address of the
    /// scripted model (without `/v1`), `${service}` that of the scripted services (`${service}/name`), `${closed}`
    /// one where nobody listens.
    #[serde(default)]
    pub manifests: String,
    /// Further arguments of `parapet-gateway serve`.
    #[serde(default)]
    pub args: Vec<String>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One request and everything that is expected to come of it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A sentence that is true when the case passes.
    pub name: String,
    /// The dialects and forms in which the case runs, once in each.
    #[serde(default = "chat_only")]
    pub modes: Vec<Mode>,
    /// What the client sends.
    #[serde(default)]
    pub request: Request,
    /// What the model does, call by call; the last turn stays. Default: it says `ok`.
    #[serde(default)]
    pub model: Vec<Turn>,
    /// What each service does, call by call; the last entry stays. A service without entries passes everything.
    #[serde(default)]
    pub services: BTreeMap<String, Vec<Judgement>>,
    /// What is expected.
    #[serde(default)]
    pub expect: Expect,
}

fn chat_only() -> Vec<Mode> {
    vec![Mode::Chat]
}

/// A dialect, and whether the answer is streamed.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// OpenAI's chat completions.
    #[default]
    Chat,
    /// The same as a stream.
    ChatStream,
    /// Anthropic's messages.
    Messages,
    /// The same as a stream.
    MessagesStream,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [
        Self::Chat,
        Self::ChatStream,
        Self::Messages,
        Self::MessagesStream,
    ];

    /// Whether the answer is streamed.
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::ChatStream | Self::MessagesStream)
    }

    /// Whether the dialect is Anthropic's.
    pub const fn is_messages(self) -> bool {
        matches!(self, Self::Messages | Self::MessagesStream)
    }

    /// As written in scenario files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::ChatStream => "chat_stream",
            Self::Messages => "messages",
            Self::MessagesStream => "messages_stream",
        }
    }
}

/// What the client sends. The body comes from `ask`, `body` or `raw`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// Default: `POST`.
    pub method: Option<String>,
    /// Default: the mode's route, `/v1/chat/completions` or `/v1/messages`.
    pub path: Option<String>,
    /// The bearer token; `""` sends none. Default: that of the account `bot`.
    pub token: Option<String>,
    /// Headers as they are to be sent.
    pub headers: BTreeMap<String, String>,
    /// The model. Default: `model/m` or, in Anthropic's dialect, `claude/m`; both reach the scripted model.
    pub model: Option<String>,
    /// One user message with this text.
    pub ask: Option<String>,
    /// A JSON body. `model`, `stream` and, in Anthropic's dialect, `max_tokens` are added where they are missing.
    pub body: Option<Value>,
    /// A body that is sent byte for byte.
    pub raw: Option<String>,
    /// Lets the client hang up as soon as its stream holds this text.
    pub hang_up_after: Option<String>,
}

/// What the model does with one call: `say` or `choices` in the dialect and form that the call asks for, or an
/// answer spelled out as `json`, `text` or `events`, or `silence`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// Says this.
    pub say: Option<String>,
    /// Says this, one entry for each choice.
    pub choices: Option<Vec<Choice>>,
    /// Characters in each delta of a stream. Default 5.
    pub piece: Option<usize>,
    /// Milliseconds of silence between two events of a stream.
    pub pause_ms: u64,
    /// A JSON body.
    pub json: Option<Value>,
    /// A body of any kind; `content_type` says which.
    pub text: Option<String>,
    /// The type of `text`. Default `text/plain`.
    pub content_type: Option<String>,
    /// The events of a stream, each without its empty line.
    pub events: Option<Vec<String>>,
    /// Takes the call and never answers.
    pub silence: bool,
    /// The status. Default 200.
    pub status: Option<u16>,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// Milliseconds before the head of the answer.
    pub after_ms: u64,
    /// Sends the body gzipped.
    pub gzip: bool,
    /// Sends the body in writes of so many bytes, wherever that cuts.
    pub cut_every: Option<usize>,
    /// What happens when everything has been sent.
    pub then: Then,
}

/// The end of an answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It ends properly.
    #[default]
    End,
    /// It stays open, and nothing more comes.
    Hang,
    /// The connection breaks.
    Cut,
}

/// What a service does with one call, in the `custom` contract: exactly one of `pass`, `block`, `replace`,
/// `replace_bare`, `json`, `text` and `silence`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Judgement {
    /// Passes.
    pub pass: bool,
    /// Blocks, with this message.
    pub block: Option<String>,
    /// Rewrites every occurrence of a text in the judged body.
    pub replace: Option<Replace>,
    /// The same in the legacy contract: the bare body.
    pub replace_bare: Option<Replace>,
    /// A JSON answer.
    pub json: Option<Value>,
    /// An answer of any kind; `content_type` says which.
    pub text: Option<String>,
    /// The type of `text`. Default `text/plain`.
    pub content_type: Option<String>,
    /// Takes the call and never answers.
    pub silence: bool,
    /// The status. Default 200.
    pub status: Option<u16>,
    /// Further headers.
    pub headers: BTreeMap<String, String>,
    /// Milliseconds before the head of the answer.
    pub after_ms: u64,
}

/// A replacement of every occurrence.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// What is replaced.
    pub from: String,
    /// By what.
    pub to: String,
}

/// What is expected. What is absent is not looked at, but `status` is always 200 unless something else is said.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The status. Default: 200, or what `block` implies.
    pub status: Option<u16>,
    /// Headers of the response, as patterns.
    pub headers: BTreeMap<String, Value>,
    /// The response as JSON, as a pattern.
    pub body: Option<Value>,
    /// The response byte for byte.
    pub text: Option<String>,
    /// The events of a streamed response, each as a pattern for its data.
    pub events: Option<Vec<Value>>,
    /// The response says exactly this, in one choice.
    pub say: Option<String>,
    /// The choices of the response as a pattern; in each, an absent channel must be empty.
    pub choices: Option<Vec<Choice>>,
    /// Whether a stream comes to its proper end. Default: it does unless an error is expected.
    pub complete: Option<bool>,
    /// The error object of the response or of the event that ends the stream, as a pattern.
    pub error: Option<Value>,
    /// The `usage` object of the response, as a pattern.
    pub usage: Option<Value>,
    /// The request is blocked; stands for status, error and `guardrail_checks` in the dialect of the mode.
    pub block: Option<Block>,
    /// Exactly these calls to the model.
    pub upstream: Option<Vec<UpstreamCall>>,
    /// Exactly one call to the model, whose newest user message reads so.
    pub prompt: Option<String>,
    /// For each service exactly these calls, their bodies as patterns.
    pub services: BTreeMap<String, Vec<Value>>,
    /// These services had not answered yet when the response was complete.
    pub not_waited_for: Vec<String>,
    /// The call to the model was dropped before its answer ended.
    pub upstream_dropped: bool,
    /// What came of each guardrail: `group/name at hook` to `clean`, `changed`, `violation`, `failed: class` or
    /// `skipped: reason`. Exactly these. What is about one tool in a chat is `group/name at hook of tool`.
    pub outcomes: Option<BTreeMap<String, String>>,
    /// The record, as a pattern.
    pub record: Option<Value>,
    /// Texts that appear neither in the response nor in anything that the gateway logs.
    pub never: Vec<String>,
    /// Texts that do not reach the model.
    pub never_upstream: Vec<String>,
}

/// A block.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// At which hook.
    pub at: BlockAt,
    /// The guardrails that blocked, in order.
    pub by: Vec<String>,
    /// Because they could not judge; otherwise because they found something.
    #[serde(default)]
    pub failure: bool,
    /// The message, as a pattern.
    #[serde(default)]
    pub message: Option<Value>,
    /// The categories of the first of them.
    #[serde(default)]
    pub categories: Option<Vec<String>>,
    /// Whether something had gone out before, so that the block is an error event of a stream. Absent: in a
    /// stream either will do.
    #[serde(default)]
    pub mid_stream: Option<bool>,
}

/// The hook of a block.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockAt {
    /// `llm_input`
    #[default]
    Input,
    /// `llm_output`
    Output,
    /// `mcp_tool_pre_invoke`, on a call in the model's answer
    PreInvoke,
    /// `mcp_tool_post_invoke`, on a result in the request
    PostInvoke,
}

/// One call to the model.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamCall {
    /// The path.
    pub path: Option<String>,
    /// The headers, as patterns.
    pub headers: BTreeMap<String, Value>,
    /// The body, as a pattern.
    pub body: Option<Value>,
    /// The body byte for byte.
    pub text: Option<String>,
}
