//! The demo's answers in OpenAI's dialect.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Playback};

fn finish_reason(answer: &Answer<'_>) -> &'static str {
    if answer.tool_calls().next().is_some() {
        "tool_calls"
    } else {
        "stop"
    }
}

fn usage(answer: &Answer<'_>) -> Value {
    let output = answer.output_tokens() * answer.choices;
    json!({
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": output,
        "total_tokens": answer.input_tokens + output,
    })
}

pub(super) fn whole(answer: &Answer<'_>) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.text(), "refusal": null});
    let calls: Vec<Value> = answer
        .tool_calls()
        .enumerate()
        .map(|(index, call)| {
            let function = json!({"name": call.name, "arguments": call.arguments});
            json!({"id": format!("call_demo_{index}"), "type": "function", "function": function})
        })
        .collect();
    if let (false, Some(fields)) = (calls.is_empty(), message.as_object_mut()) {
        if answer.text().is_empty() {
            fields.insert("content".to_owned(), Value::Null);
        }
        fields.insert("tool_calls".to_owned(), calls.into());
    }
    let choice = |index| json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish_reason(answer)});
    json!({
        "id": format!("chatcmpl-{}", answer.id),
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": (0..answer.choices).map(choice).collect::<Vec<_>>(),
        "usage": usage(answer),
    })
}

/// Writes chunks.
struct Writer<'a> {
    playback: Playback,
    answer: &'a Answer<'a>,
}

impl Writer<'_> {
    fn chunk(&self, choices: Value) -> Value {
        json!({
            "id": format!("chatcmpl-{}", self.answer.id),
            "object": "chat.completion.chunk",
            "created": self.answer.created,
            "model": self.answer.model,
            "choices": choices,
        })
    }

    /// The same delta in every choice; the pause comes once.
    fn say(&mut self, mut after: Duration, delta: &Value, finish: Option<&str>) {
        for index in 0..self.answer.choices {
            let choice =
                json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": finish});
            let chunk = self.chunk(json!([choice])).to_string();
            self.playback
                .event(std::mem::take(&mut after), None, &chunk);
        }
    }
}

pub(super) fn stream(answer: &Answer<'_>) -> Playback {
    let mut out = Writer {
        playback: Playback::default(),
        answer,
    };
    out.say(
        Duration::ZERO,
        &json!({"role": "assistant", "content": "", "refusal": null}),
        None,
    );
    let mut calls = 0;
    for step in &answer.steps {
        let mut after = Duration::from_millis(step.pause_ms);
        if let Some(text) = &step.text {
            out.say(std::mem::take(&mut after), &json!({"content": text}), None);
        }
        if let Some(call) = &step.tool_call {
            let begin = json!({
                "index": calls, "id": format!("call_demo_{calls}"), "type": "function",
                "function": {"name": call.name, "arguments": ""},
            });
            out.say(
                std::mem::take(&mut after),
                &json!({"tool_calls": [begin]}),
                None,
            );
            for piece in pieces(&call.arguments) {
                let more = json!({"index": calls, "function": {"arguments": piece}});
                out.say(Duration::ZERO, &json!({"tool_calls": [more]}), None);
            }
            calls += 1;
        }
        if let Some(raw) = &step.raw {
            out.playback.push(after, raw.clone());
        }
    }
    out.say(Duration::ZERO, &json!({}), Some(finish_reason(answer)));
    if answer.include_usage {
        let mut last = out.chunk(json!([]));
        if let Some(fields) = last.as_object_mut() {
            fields.insert("usage".to_owned(), usage(answer));
        }
        out.playback.event(Duration::ZERO, None, &last.to_string());
    }
    out.playback.event(Duration::ZERO, None, "[DONE]");
    out.playback
}

/// Arguments arrive in pieces, as from a model.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = String> {
    let letters: Vec<char> = text.chars().collect();
    letters
        .chunks(8)
        .map(|piece| piece.iter().collect())
        .collect::<Vec<String>>()
        .into_iter()
}
