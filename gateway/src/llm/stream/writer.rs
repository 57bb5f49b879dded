//! Events of the gateway's own.

use bytes::Bytes;

use super::{ChannelKey, ChannelKind, Event, EventKind, LEGACY_CALL};
use crate::llm::json::{Doc, escape_into};
use crate::llm::{Dialect, sse};

/// Writes events that fit into a stream that is under way.
#[derive(Clone, Debug)]
pub struct Writer {
    dialect: Dialect,
    /// For OpenAI: the members that every chunk of the stream repeats, as written, each with a comma.
    envelope: Option<String>,
}

/// Members of a chunk that say something about the whole stream, and hold no text that is judged.
const ENVELOPE: [&str; 7] = [
    "id",
    "object",
    "created",
    "model",
    "system_fingerprint",
    "service_tier",
    "provider",
];

impl Writer {
    /// For a stream of this dialect.
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            envelope: None,
        }
    }

    /// Learns from an event what events of this stream look like. Cheap once it knows.
    pub fn observe(&mut self, event: &Event) {
        if self.envelope.is_some()
            || self.dialect != Dialect::OpenAi
            || event.kind != EventKind::Chunk
        {
            return;
        }
        let Ok(doc) = Doc::parse(event.data()) else {
            return;
        };
        let mut envelope = String::new();
        for (key, value) in doc.root(event.data()).members() {
            if ENVELOPE.contains(&key.as_ref()) {
                push_string(&key, &mut envelope);
                envelope.push(':');
                envelope.push_str(value.raw());
                envelope.push(',');
            }
        }
        self.envelope = Some(envelope);
    }

    /// An event that adds text to a channel.
    pub fn delta(&self, channel: &ChannelKey, text: &str) -> Bytes {
        match self.dialect {
            Dialect::OpenAi => sse::encode("", &self.chunk(channel, text)),
            Dialect::Anthropic => sse::encode("content_block_delta", &block_delta(channel, text)),
        }
    }

    /// Bytes that keep an idle connection open and mean nothing.
    pub const fn keep_alive(&self) -> Bytes {
        match self.dialect {
            Dialect::OpenAi => Bytes::from_static(b": keep-alive\n\n"),
            Dialect::Anthropic => {
                Bytes::from_static(b"event: ping\ndata: {\"type\": \"ping\"}\n\n")
            }
        }
    }

    fn chunk(&self, channel: &ChannelKey, text: &str) -> String {
        let call = match channel.call {
            LEGACY_CALL => None,
            call => Some(call),
        };
        let text = string(text);
        let delta = match &channel.kind {
            ChannelKind::Text => format!(r#"{{"content":{text}}}"#),
            ChannelKind::Refusal => format!(r#"{{"refusal":{text}}}"#),
            ChannelKind::Reasoning | ChannelKind::SignedReasoning => match channel.call {
                0 => format!(r#"{{"reasoning_content":{text}}}"#),
                _ => format!(r#"{{"reasoning":{text}}}"#),
            },
            ChannelKind::ReasoningDetail => detail(channel.call, "text", &text),
            ChannelKind::ReasoningSummary => detail(channel.call, "summary", &text),
            ChannelKind::ToolName => called(call, "function", "name", &text),
            ChannelKind::Arguments => called(call, "function", "arguments", &text),
            ChannelKind::CustomInput => called(call, "custom", "input", &text),
            ChannelKind::Transcript => format!(r#"{{"audio":{{"transcript":{text}}}}}"#),
            ChannelKind::Other(name) => format!("{{{}:{text}}}", string(name)),
        };
        let envelope = self
            .envelope
            .as_deref()
            .unwrap_or(r#""object":"chat.completion.chunk","#);
        let index = channel.answer;
        format!(
            r#"{{{envelope}"choices":[{{"index":{index},"delta":{delta},"finish_reason":null}}]}}"#
        )
    }
}

fn detail(index: u32, member: &str, text: &str) -> String {
    format!(
        r#"{{"reasoning_details":[{{"type":"reasoning.{member}","{member}":{text},"index":{index}}}]}}"#
    )
}

fn called(call: Option<u32>, kind: &str, member: &str, text: &str) -> String {
    match call {
        None => format!(r#"{{"function_call":{{"{member}":{text}}}}}"#),
        Some(call) => {
            format!(r#"{{"tool_calls":[{{"index":{call},"{kind}":{{"{member}":{text}}}}}]}}"#)
        }
    }
}

fn block_delta(channel: &ChannelKey, text: &str) -> String {
    let (kind, member) = match &channel.kind {
        ChannelKind::Reasoning | ChannelKind::SignedReasoning => ("thinking_delta", "thinking"),
        ChannelKind::Arguments => ("input_json_delta", "partial_json"),
        // Named after the delta's type and member when it was read.
        ChannelKind::Other(name) => name.split_once('/').unwrap_or((name, "text")),
        ChannelKind::Text
        | ChannelKind::Refusal
        | ChannelKind::ReasoningDetail
        | ChannelKind::ReasoningSummary
        | ChannelKind::ToolName
        | ChannelKind::CustomInput
        | ChannelKind::Transcript => ("text_delta", "text"),
    };
    let (index, text) = (channel.answer, string(text));
    let (kind, member) = (string(kind), string(member));
    format!(
        r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":{kind},{member}:{text}}}}}"#
    )
}

fn string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_string(text, &mut out);
    out
}

fn push_string(text: &str, out: &mut String) {
    out.push('"');
    escape_into(text, out);
    out.push('"');
}
