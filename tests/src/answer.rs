//! What a model says, whatever the dialect: the scripts of the fake model are written in it, and what a
//! client received is read back into it.

mod chat;
mod messages;
mod sse;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use chat::{chat_body, chat_stream, read_chat, read_chat_stream};
pub use messages::{messages_body, messages_stream, read_messages, read_messages_stream};
pub use sse::{SseEvent, sse_events};

/// One of a model's alternative answers. Anthropic's dialect has exactly one.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Choice {
    /// The visible text; none when only tools are called.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The refusal channel of the OpenAI dialect.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub refusal: String,
    /// `reasoning_content`, or a signed thinking block.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    /// The tools that are called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolCall>,
    /// Why it ended, in OpenAI's words (`stop`, `length`, `tool_calls`); absent: what fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
}

/// One call of a tool.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolCall {
    /// The call's id; absent: `call_0`, `call_1`, ...
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as JSON text, byte for byte.
    pub arguments: String,
}

impl Choice {
    /// A choice that only says something.
    pub fn saying(text: &str) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Why it ends, in OpenAI's words.
    pub fn finish_reason(&self) -> &str {
        match &self.finish {
            Some(reason) => reason,
            None if self.tools.is_empty() => "stop",
            None => "tool_calls",
        }
    }
}

/// What a client made of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Received {
    /// The choices by their index, as far as they came.
    pub choices: Vec<Choice>,
    /// The error object of the body, or of the event that ended the stream.
    pub error: Option<serde_json::Value>,
    /// Whether the answer came to its proper end: `[DONE]`, `message_stop`, or a whole body.
    pub complete: bool,
    /// The `usage` object, when there was one.
    pub usage: Option<serde_json::Value>,
}

/// Options of a scripted stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamOptions {
    /// Characters of text in each delta.
    pub piece: usize,
    /// Whether the extra chunk with `usage` is wanted (OpenAI).
    pub usage: bool,
}

/// Text in pieces of `size` characters; one empty piece for no text.
fn pieces(text: &str, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars
        .chunks(size.max(1))
        .map(|piece| piece.iter().collect())
        .collect()
}

/// Tokens as the fake model counts them: one for every four bytes.
fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

#[cfg(test)]
mod tests;
