//! The provider inside the process: answers without a key and without a network, in both dialects.
//!
//! | model | answers with |
//! |---|---|
//! | `echo` | the last user message, as the model received it |
//! | `echo-all` | the whole request body |
//! | `canned` | a fixed text |
//! | `slow` | like `echo`, with a pause before every token |
//! | `script`, `scripted` | the steps of the account, or else the steps that the last user message holds as JSON |

mod chat;
mod messages;
mod playback;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::UpstreamBody;
use super::call::UpstreamResponse;
use super::provider::Dialect;
pub(super) use playback::Playback;

/// The models that there are.
const MODELS: [&str; 5] = ["canned", "echo", "echo-all", "script", "slow"];

/// What `canned` says when the account says nothing else.
const CANNED: &str = "This is the demo model. It always says the same.";
/// How long `slow` waits when the account says nothing else.
const PAUSE: Duration = Duration::from_millis(200);

/// An account of the demo provider.
#[derive(Clone, Debug)]
pub struct Demo {
    /// What `canned` answers.
    pub canned_text: String,
    /// How long `slow` waits before every token.
    pub pause: Duration,
    /// What `script` does; empty: what the last user message says.
    pub script: Vec<Step>,
}

impl Default for Demo {
    fn default() -> Self {
        Self {
            canned_text: CANNED.to_owned(),
            pause: PAUSE,
            script: Vec::new(),
        }
    }
}

/// One step of an answer. In a request it reads `{"pause_ms": 5, "text": "…", "tool_call": {"name": "…", "arguments":
/// "…"}, "raw": "…"}`; every part may be absent, and what is given happens in this order.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// Wait first, in milliseconds.
    pub pause_ms: u64,
    /// Say this, in one chunk.
    pub text: Option<String>,
    /// Call this tool.
    pub tool_call: Option<ToolCall>,
    /// Only in a stream: these bytes as they are, for trying what a broken upstream does.
    pub raw: Option<String>,
}

/// A tool call that the `script` model makes.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct ToolCall {
    /// The tool.
    pub name: String,
    /// The arguments, as the JSON text that a model would write.
    #[serde(default)]
    pub arguments: String,
}

/// What is answered, whatever the dialect.
struct Answer<'a> {
    model: &'a str,
    id: String,
    created: u64,
    steps: Vec<Step>,
    /// Copies of the answer, OpenAI's `n`.
    choices: usize,
    input_tokens: usize,
    /// Whether the client asked for the usage chunk.
    include_usage: bool,
}

impl Answer<'_> {
    fn text(&self) -> String {
        self.steps
            .iter()
            .filter_map(|step| step.text.as_deref())
            .collect()
    }

    fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.steps.iter().filter_map(|step| step.tool_call.as_ref())
    }

    fn output_tokens(&self) -> usize {
        let arguments: usize = self.tool_calls().map(|call| tokens(&call.arguments)).sum();
        tokens(&self.text()) + arguments
    }
}

/// A rough count: nobody pays for it.
fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

/// More copies than this are nonsense.
const MAX_CHOICES: u64 = 128;

impl Demo {
    /// The models, by name.
    pub(super) const fn models() -> &'static [&'static str] {
        &MODELS
    }

    /// Answers a request body of either dialect.
    pub(super) fn answer(&self, dialect: Dialect, body: &Bytes) -> UpstreamResponse {
        let Ok(request) = serde_json::from_slice::<Value>(body) else {
            return failure(
                dialect,
                StatusCode::BAD_REQUEST,
                "the demo model was sent a body that is not JSON",
            );
        };
        let Some(model) = request.get("model").and_then(Value::as_str) else {
            return failure(
                dialect,
                StatusCode::BAD_REQUEST,
                "the demo model was sent a body without `model`",
            );
        };
        let steps = match self.steps(model, &request, body) {
            Ok(Some(steps)) => steps,
            Ok(None) => {
                let message = format!(
                    "the demo provider has no model {model:?}; it has {}",
                    MODELS.join(", ")
                );
                return failure(dialect, StatusCode::NOT_FOUND, &message);
            }
            Err(message) => return failure(dialect, StatusCode::BAD_REQUEST, &message),
        };
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let flag = |path: &str| {
            request
                .pointer(path)
                .and_then(Value::as_bool)
                .unwrap_or(false)
        };
        let choices = request
            .get("n")
            .and_then(Value::as_u64)
            .unwrap_or(1)
            .clamp(1, MAX_CHOICES);
        let answer = Answer {
            model,
            id: format!("demo-{:x}", now.as_nanos()),
            created: now.as_secs(),
            steps,
            choices: usize::try_from(choices).unwrap_or(1),
            input_tokens: tokens(&String::from_utf8_lossy(body)),
            include_usage: flag("/stream_options/include_usage"),
        };
        match (dialect, flag("/stream")) {
            (Dialect::OpenAi, false) => whole(StatusCode::OK, &chat::whole(&answer)),
            (Dialect::OpenAi, true) => stream(chat::stream(&answer)),
            (Dialect::Anthropic, false) => whole(StatusCode::OK, &messages::whole(&answer)),
            (Dialect::Anthropic, true) => stream(messages::stream(&answer)),
        }
    }

    fn steps(
        &self,
        model: &str,
        request: &Value,
        body: &Bytes,
    ) -> Result<Option<Vec<Step>>, String> {
        let say = |text: &str, pause: Duration| {
            let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            words(text)
                .map(|word| Step {
                    pause_ms,
                    text: Some(word.to_owned()),
                    ..Step::default()
                })
                .collect()
        };
        let none = Duration::ZERO;
        Ok(Some(match model {
            "echo" => say(&last_user_text(request), none),
            "echo-all" => say(&String::from_utf8_lossy(body), none),
            "canned" => say(&self.canned_text, none),
            "slow" => say(&last_user_text(request), self.pause),
            "script" | "scripted" if !self.script.is_empty() => self.script.clone(),
            "script" | "scripted" => serde_json::from_str(&last_user_text(request)).map_err(|error| {
                format!(
                    "the account has no script, and the last user message is not a list of steps like \
                     [{{\"pause_ms\": 5, \"text\": \"…\"}}]: {}",
                    error.classify_as_text()
                )
            })?,
            _ => return Ok(None),
        }))
    }
}

/// What went wrong in a message without repeating it.
trait ClassifyAsText {
    fn classify_as_text(&self) -> String;
}

impl ClassifyAsText for serde_json::Error {
    fn classify_as_text(&self) -> String {
        let what = match self.classify() {
            serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
                "it is not JSON"
            }
            serde_json::error::Category::Data => "a step has an unknown or a wrong field",
            serde_json::error::Category::Io => "it cannot be read",
        };
        format!("{what} (line {}, column {})", self.line(), self.column())
    }
}

/// Pieces of a text, each with the white space before it, as models stream them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let lead = rest.len() - rest.trim_start().len();
        let end = rest[lead..]
            .find(char::is_whitespace)
            .map_or(rest.len(), |at| lead + at);
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

/// The text of the last user message; its text parts joined.
fn last_user_text(request: &Value) -> String {
    let messages = request
        .get("messages")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let last = messages
        .iter()
        .rev()
        .find(|message| message.get("role").and_then(Value::as_str) == Some("user"));
    match last.and_then(|message| message.get("content")) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect(),
        Some(_) | None => String::new(),
    }
}

fn whole(status: StatusCode, body: &Value) -> UpstreamResponse {
    let body = UpstreamBody::whole(Bytes::from(body.to_string()));
    UpstreamResponse {
        status,
        headers: content_type("application/json"),
        body,
    }
}

fn stream(playback: Playback) -> UpstreamResponse {
    let headers = content_type("text/event-stream; charset=utf-8");
    UpstreamResponse {
        status: StatusCode::OK,
        headers,
        body: UpstreamBody::demo(playback),
    }
}

fn content_type(value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])
}

fn failure(dialect: Dialect, status: StatusCode, message: &str) -> UpstreamResponse {
    let kind = if status == StatusCode::NOT_FOUND {
        "not_found_error"
    } else {
        "invalid_request_error"
    };
    let body = match dialect {
        Dialect::OpenAi => {
            json!({"error": {"message": message, "type": kind, "param": null, "code": null}})
        }
        Dialect::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
    };
    whole(status, &body)
}

#[cfg(test)]
mod tests;
