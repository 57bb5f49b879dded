//! An event of a streamed answer.

use super::block;
use crate::llm::json::Value;
use crate::llm::stream::{ASSISTANT, ChannelKind, EventKind, Reading};
use crate::llm::tools::Tools;
use crate::llm::usage::Usage;

/// Reads an event. `name` is its SSE event field, for data without a type.
pub(in crate::llm) fn event(root: Value<'_>, name: &str, out: &mut Reading) {
    let kind = root.get_str("type").unwrap_or(name.into());
    let index = root.get("index").and_then(Value::as_u64).unwrap_or(0);
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    out.bare = kind == "content_block_delta";
    for (key, value) in root.members() {
        match (kind.as_ref(), key.as_ref()) {
            (_, "type" | "index") => out.word(value),
            ("message_start", "message") => message(value, out),
            ("content_block_start", "content_block") => block_start(value, index, out),
            ("content_block_delta", "delta") => delta(value, index, out),
            ("message_delta", "delta") => message_delta(value, out),
            ("message_delta", "usage") => out.usage = Usage::read(value),
            _ => out.strings(value),
        }
    }
    match kind.as_ref() {
        "content_block_stop" => out.ended.push(index),
        "message_stop" => out.kind = EventKind::Done,
        "ping" => out.kind = EventKind::Ping,
        "error" => out.kind = EventKind::Error,
        _ => {}
    }
}

fn message(message: Value<'_>, out: &mut Reading) {
    out.usage = message.get("usage").and_then(Usage::read);
    super::response(message, &Tools::default(), &mut out.whole);
}

fn block_start(block: Value<'_>, index: u32, out: &mut Reading) {
    let kind = block.get_str("type");
    out.begins = Some((index, kind.as_deref() == Some("text")));
    match kind.as_deref() {
        Some(kind @ ("text" | "thinking")) => {
            let (text, channel) = match kind {
                "text" => ("text", ChannelKind::Text),
                _ => ("thinking", ChannelKind::SignedReasoning),
            };
            for (key, value) in block.members() {
                match key.as_ref() {
                    "type" => out.word(value),
                    "signature" => out.whole.sealed(value, ASSISTANT),
                    key if key == text => out.delta(value, index, channel.clone(), 0),
                    "citations" => block::citations(value, ASSISTANT, &mut out.whole),
                    _ => out.strings(value),
                }
            }
        }
        Some("tool_use" | "server_tool_use" | "mcp_tool_use") => {
            for (key, value) in block.members() {
                match key.as_ref() {
                    "type" | "id" => out.word(value),
                    "name" => out.delta(value, index, ChannelKind::ToolName, 0),
                    // Empty as a rule: it comes in pieces.
                    "input" => {
                        out.whole
                            .json_value(value, ASSISTANT, crate::llm::schema::Schema::UNKNOWN)
                    }
                    _ => out.strings(value),
                }
            }
        }
        Some(_) | None => block::block(block, &Tools::default(), ASSISTANT, &mut out.whole),
    }
}

fn citation(citation: Value<'_>, out: &mut Reading) {
    out.bare = false;
    block::citation(citation, ASSISTANT, &mut out.whole);
}

fn delta(delta: Value<'_>, index: u32, out: &mut Reading) {
    let kind = delta.get_str("type").unwrap_or_default();
    for (key, value) in out.members(delta) {
        let channel = match (kind.as_ref(), key.as_ref()) {
            (_, "type") => {
                out.word(value);
                continue;
            }
            ("text_delta", "text") => ChannelKind::Text,
            ("input_json_delta", "partial_json") => ChannelKind::Arguments,
            ("thinking_delta", "thinking") => ChannelKind::SignedReasoning,
            ("signature_delta", "signature") => {
                out.signs |= !value.is("");
                out.bare = false;
                out.whole.sealed(value, ASSISTANT);
                continue;
            }
            ("citations_delta", "citation") => {
                citation(value, out);
                continue;
            }
            (kind, key) => {
                out.unknown(value, index, &format!("{kind}/{key}"));
                continue;
            }
        };
        out.delta(value, index, channel, 0);
    }
}

fn message_delta(delta: Value<'_>, out: &mut Reading) {
    for (key, value) in out.members(delta) {
        match key.as_ref() {
            "stop_reason" | "container" => out.word(value),
            _ => out.strings(value),
        }
    }
}
