//! The demo's answers in Anthropic's dialect.

use std::time::Duration;

use serde_json::{Value, json};

use super::chat::pieces;
use super::{Answer, Playback, ToolCall};

fn stop_reason(answer: &Answer<'_>) -> &'static str {
    if answer.tool_calls().next().is_some() {
        "tool_use"
    } else {
        "end_turn"
    }
}

fn message(answer: &Answer<'_>, content: Vec<Value>, stop: Option<&str>, output: usize) -> Value {
    json!({
        "id": format!("msg_{}", answer.id),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": null,
        "usage": {"input_tokens": answer.input_tokens, "output_tokens": output},
    })
}

fn tool_use(number: usize, call: &ToolCall, input: Value) -> Value {
    json!({"type": "tool_use", "id": format!("toolu_demo_{number}"), "name": call.name, "input": input})
}

pub(super) fn whole(answer: &Answer<'_>) -> Value {
    let mut content = Vec::new();
    if !answer.text().is_empty() || answer.tool_calls().next().is_none() {
        content.push(json!({"type": "text", "text": answer.text()}));
    }
    for (number, call) in answer.tool_calls().enumerate() {
        let input = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
        content.push(tool_use(number, call, input));
    }
    message(
        answer,
        content,
        Some(stop_reason(answer)),
        answer.output_tokens(),
    )
}

/// Writes events with their names.
struct Writer(Playback);

impl Writer {
    fn event(&mut self, after: Duration, name: &str, mut data: Value) {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("type".to_owned(), name.into());
        }
        self.0.event(after, Some(name), &data.to_string());
    }

    fn delta(&mut self, after: Duration, index: usize, delta: Value) {
        self.event(
            after,
            "content_block_delta",
            json!({"index": index, "delta": delta}),
        );
    }

    fn start(&mut self, after: Duration, index: usize, block: Value) {
        self.event(
            after,
            "content_block_start",
            json!({"index": index, "content_block": block}),
        );
    }

    fn stop(&mut self, index: usize) {
        self.event(
            Duration::ZERO,
            "content_block_stop",
            json!({"index": index}),
        );
    }
}

pub(super) fn stream(answer: &Answer<'_>) -> Playback {
    let now = Duration::ZERO;
    let mut out = Writer(Playback::default());
    out.event(
        now,
        "message_start",
        json!({"message": message(answer, Vec::new(), None, 1)}),
    );
    out.event(now, "ping", json!({}));
    let (mut index, mut text_open, mut calls) = (0, false, 0);
    for step in &answer.steps {
        let mut after = Duration::from_millis(step.pause_ms);
        if let Some(text) = &step.text {
            if !text_open {
                out.start(now, index, json!({"type": "text", "text": ""}));
                text_open = true;
            }
            out.delta(
                std::mem::take(&mut after),
                index,
                json!({"type": "text_delta", "text": text}),
            );
        }
        if let Some(call) = &step.tool_call {
            if std::mem::take(&mut text_open) {
                out.stop(index);
                index += 1;
            }
            out.start(
                std::mem::take(&mut after),
                index,
                tool_use(calls, call, json!({})),
            );
            for piece in pieces(&call.arguments) {
                out.delta(
                    now,
                    index,
                    json!({"type": "input_json_delta", "partial_json": piece}),
                );
            }
            out.stop(index);
            index += 1;
            calls += 1;
        }
        if let Some(raw) = &step.raw {
            out.0.push(after, raw.clone());
        }
    }
    if text_open {
        out.stop(index);
    }
    let delta = json!({"stop_reason": stop_reason(answer), "stop_sequence": null});
    out.event(
        now,
        "message_delta",
        json!({"delta": delta, "usage": {"output_tokens": answer.output_tokens()}}),
    );
    out.event(now, "message_stop", json!({}));
    out.0
}
