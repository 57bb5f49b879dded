//! A chunk of a streamed answer.

use super::{logprobs, message};
use crate::llm::json::{Kind, Value};
use crate::llm::stream::{ASSISTANT, ChannelKind, EventKind, LEGACY_CALL, Reading};
use crate::llm::unjudged::Unjudged;
use crate::llm::usage::Usage;

/// Reads a chunk.
pub(in crate::llm) fn chunk(root: Value<'_>, out: &mut Reading) {
    let mut choices = 0;
    for (key, value) in root.members() {
        match key.as_ref() {
            "choices" => {
                for (position, one) in out.items(value).enumerate() {
                    choices += 1;
                    choice(one, position, out);
                }
            }
            "usage" => out.usage = Usage::read(value),
            "error" if !value.is_null() => {
                out.kind = EventKind::Error;
                out.strings(value);
            }
            "id"
            | "object"
            | "created"
            | "model"
            | "system_fingerprint"
            | "service_tier"
            | "obfuscation"
            | "provider"
            | "prompt_filter_results" => out.word(value),
            "prompt_token_ids" => {
                out.whole.tokens(value);
            }
            _ => out.strings(value),
        }
    }
    if choices == 0 {
        out.bare = false;
        if out.usage.is_some() && out.kind == EventKind::Chunk {
            out.kind = EventKind::UsageOnly;
        }
    }
}

fn index(value: Value<'_>, position: usize) -> u32 {
    let index = value
        .get("index")
        .and_then(Value::as_u64)
        .unwrap_or(position as u64);
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn choice(choice: Value<'_>, position: usize, out: &mut Reading) {
    let answer = index(choice, position);
    for (key, value) in out.members(choice) {
        match key.as_ref() {
            "delta" => delta(value, answer, out),
            "logprobs" => {
                if !logprobs::repeat(value, choice.get("delta")) {
                    out.whole.unjudged(Unjudged::Tokens);
                }
                out.repeats(answer, value, "null");
            }
            "token_ids" => {
                out.whole.tokens(value);
                out.repeats(answer, value, "null");
            }
            "finish_reason" => {
                // Some servers write an empty reason into every chunk.
                if !value.is_null() && !value.is("") {
                    out.ended.push(answer);
                }
                out.word(value);
            }
            "index" | "content_filter_results" | "content_filter_result" => out.word(value),
            _ => out.strings(value),
        }
    }
}

fn delta(delta: Value<'_>, answer: u32, out: &mut Reading) {
    for (key, value) in out.members(delta) {
        match key.as_ref() {
            "content" => content(value, answer, out),
            "refusal" => out.delta(value, answer, ChannelKind::Refusal, 0),
            "reasoning_content" => out.delta(value, answer, ChannelKind::Reasoning, 0),
            "reasoning" => out.delta(value, answer, ChannelKind::Reasoning, 1),
            "tool_calls" => {
                for (position, call) in out.items(value).enumerate() {
                    tool_call(call, answer, index(call, position), out);
                }
            }
            "function_call" => called(value, answer, LEGACY_CALL, out),
            "reasoning_details" => {
                for (position, detail) in out.items(value).enumerate() {
                    reasoning_detail(detail, answer, index(detail, position), out);
                }
            }
            "annotations" => {
                out.repeats(answer, value, "[]");
                out.strings(value);
            }
            "audio" => audio(value, answer, out),
            "images" => {
                for image in out.items(value) {
                    parts(image, out);
                }
            }
            "role" | "id" => {
                out.bare &= value.is_null();
                out.word(value);
            }
            _ => out.unknown(value, answer, &key),
        }
    }
}

/// Content: a string, or parts with some servers.
fn content(value: Value<'_>, answer: u32, out: &mut Reading) {
    if value.kind() != Kind::Array {
        return out.delta(value, answer, ChannelKind::Text, 0);
    }
    for part in value.items() {
        if part.kind() == Kind::String {
            out.delta(part, answer, ChannelKind::Text, 0);
            continue;
        }
        match part.get("text") {
            Some(text) if text.kind() == Kind::String => {
                out.delta(text, answer, ChannelKind::Text, 0);
                for (key, value) in part.members() {
                    match key.as_ref() {
                        "text" => {}
                        "type" => out.word(value),
                        _ => out.unknown(value, answer, &key),
                    }
                }
            }
            Some(_) | None => parts(part, out),
        }
    }
}

/// A part that comes whole: an image and its like.
fn parts(part: Value<'_>, out: &mut Reading) {
    out.bare = false;
    message::part(part, ASSISTANT, &mut out.whole);
    out.whole.end_run(ASSISTANT);
}

fn tool_call(call: Value<'_>, answer: u32, index: u32, out: &mut Reading) {
    for (key, value) in out.members(call) {
        match key.as_ref() {
            "function" | "custom" => called(value, answer, index, out),
            "id" => {
                out.bare &= value.is_null();
                out.word(value);
            }
            "index" | "type" => out.word(value),
            _ => out.strings(value),
        }
    }
}

fn called(call: Value<'_>, answer: u32, index: u32, out: &mut Reading) {
    for (key, value) in out.members(call) {
        match key.as_ref() {
            "name" => out.delta(value, answer, ChannelKind::ToolName, index),
            "arguments" => out.delta(value, answer, ChannelKind::Arguments, index),
            "input" => out.delta(value, answer, ChannelKind::CustomInput, index),
            _ => out.strings(value),
        }
    }
}

fn reasoning_detail(detail: Value<'_>, answer: u32, index: u32, out: &mut Reading) {
    for (key, value) in out.members(detail) {
        match key.as_ref() {
            "text" => out.delta(value, answer, ChannelKind::ReasoningDetail, index),
            "summary" => out.delta(value, answer, ChannelKind::ReasoningSummary, index),
            "data" => {
                if !value.is_null() {
                    out.bare = false;
                    out.whole.unjudged(Unjudged::Opaque);
                }
            }
            // What it signs is judged.
            "signature" => {
                out.bare &= value.is_null();
                out.whole.sealed(value, ASSISTANT);
            }
            "id" => {
                out.bare &= value.is_null();
                out.word(value);
            }
            "type" | "format" | "index" => out.word(value),
            _ => out.strings(value),
        }
    }
}

fn audio(audio: Value<'_>, answer: u32, out: &mut Reading) {
    for (key, value) in out.members(audio) {
        match key.as_ref() {
            "transcript" => out.delta(value, answer, ChannelKind::Transcript, 0),
            "data" | "id" | "expires_at" => {
                out.bare = false;
                out.whole.unjudged(Unjudged::Audio);
            }
            _ => out.strings(value),
        }
    }
}
