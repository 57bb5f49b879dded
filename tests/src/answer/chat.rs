//! The OpenAI dialect.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Choice, Received, StreamOptions, ToolCall, pieces, sse_events, tokens};

fn call_id(call: &ToolCall, index: usize) -> String {
    if call.id.is_empty() {
        format!("call_{index}")
    } else {
        call.id.clone()
    }
}

fn usage(choices: &[Choice]) -> Value {
    let output: usize = choices.iter().map(|choice| tokens(&choice.text)).sum();
    json!({"prompt_tokens": 7, "completion_tokens": output, "total_tokens": 7 + output})
}

/// A chat completion.
pub fn chat_body(model: &str, choices: &[Choice]) -> Value {
    let choices_json: Vec<Value> = choices
        .iter()
        .enumerate()
        .map(|(index, choice)| {
            let mut message = json!({"role": "assistant", "content": choice.text});
            if choice.text.is_empty() && (!choice.tools.is_empty() || !choice.refusal.is_empty()) {
                message["content"] = Value::Null;
            }
            if !choice.refusal.is_empty() {
                message["refusal"] = choice.refusal.clone().into();
            }
            if !choice.reasoning.is_empty() {
                message["reasoning_content"] = choice.reasoning.clone().into();
            }
            if !choice.tools.is_empty() {
                message["tool_calls"] = choice
                    .tools
                    .iter()
                    .enumerate()
                    .map(|(i, call)| {
                        let function = json!({"name": call.name, "arguments": call.arguments});
                        json!({"id": call_id(call, i), "type": "function", "function": function})
                    })
                    .collect();
            }
            json!({"index": index, "message": message, "logprobs": null, "finish_reason": choice.finish_reason()})
        })
        .collect();
    json!({
        "id": "chatcmpl-fake", "object": "chat.completion", "created": 1_790_000_000, "model": model,
        "choices": choices_json, "usage": usage(choices), "system_fingerprint": "fp_fake",
    })
}

/// The same as a stream of `data:` events. The choices take turns, piece by piece.
pub fn chat_stream(model: &str, choices: &[Choice], options: StreamOptions) -> Vec<String> {
    let chunk = |index: usize, delta: Value, finish: Option<&str>| {
        let mut chunk = json!({
            "id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": model,
            "system_fingerprint": "fp_fake",
            "choices": [{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish}],
        });
        if options.usage {
            chunk["usage"] = Value::Null;
        }
        format!("data: {chunk}\n\n")
    };
    let mut turns: Vec<std::vec::IntoIter<String>> = Vec::new();
    for (index, choice) in choices.iter().enumerate() {
        let mut out = vec![chunk(
            index,
            json!({"role": "assistant", "content": "", "refusal": null}),
            None,
        )];
        for (key, text) in [
            ("reasoning_content", &choice.reasoning),
            ("content", &choice.text),
            ("refusal", &choice.refusal),
        ] {
            out.extend(
                pieces(text, options.piece)
                    .into_iter()
                    .map(|piece| chunk(index, json!({ key: piece }), None)),
            );
        }
        for (i, call) in choice.tools.iter().enumerate() {
            let function = json!({"name": call.name, "arguments": ""});
            let start = json!({"index": i, "id": call_id(call, i), "type": "function", "function": function});
            out.push(chunk(index, json!({"tool_calls": [start]}), None));
            out.extend(
                pieces(&call.arguments, options.piece)
                    .into_iter()
                    .map(|piece| {
                        let part = json!({"index": i, "function": {"arguments": piece}});
                        chunk(index, json!({"tool_calls": [part]}), None)
                    }),
            );
        }
        out.push(chunk(index, json!({}), Some(choice.finish_reason())));
        turns.push(out.into_iter());
    }
    let mut events = Vec::new();
    loop {
        let before = events.len();
        events.extend(turns.iter_mut().filter_map(Iterator::next));
        if events.len() == before {
            break;
        }
    }
    if options.usage {
        let last = json!({
            "id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": model,
            "system_fingerprint": "fp_fake", "choices": [], "usage": usage(choices),
        });
        events.push(format!("data: {last}\n\n"));
    }
    events.push("data: [DONE]\n\n".into());
    events
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn slot<T: Default>(list: &mut Vec<T>, index: u64) -> Result<&mut T> {
    let index = usize::try_from(index).context("an index that is too large")?;
    ensure!(index < 4096, "index {index} is out of all proportion");
    if list.len() <= index {
        list.resize_with(index + 1, T::default);
    }
    list.get_mut(index).context("no such index")
}

/// Reads a chat completion or an error body.
///
/// # Errors
/// When the body is neither.
pub fn read_chat(body: &Value) -> Result<Received> {
    let mut received = Received {
        complete: true,
        usage: body.get("usage").cloned(),
        ..Received::default()
    };
    if let Some(error) = body.get("error") {
        received.error = Some(error.clone());
        return Ok(received);
    }
    let choices = body
        .get("choices")
        .and_then(Value::as_array)
        .context("neither `choices` nor `error`")?;
    for choice in choices {
        let message = choice.get("message").context("a choice without message")?;
        let calls = message.get("tool_calls").and_then(Value::as_array);
        received.choices.push(Choice {
            text: text_of(&message["content"]),
            refusal: text_of(&message["refusal"]),
            reasoning: text_of(&message["reasoning_content"]),
            tools: calls
                .into_iter()
                .flatten()
                .map(|call| ToolCall {
                    id: text_of(&call["id"]),
                    name: text_of(&call["function"]["name"]),
                    arguments: text_of(&call["function"]["arguments"]),
                })
                .collect(),
            finish: choice["finish_reason"].as_str().map(str::to_owned),
        });
    }
    Ok(received)
}

/// Reads a chat stream and checks what clients rely on: the role comes first, nothing follows a choice's
/// `finish_reason`, nothing follows the end or an error.
///
/// # Errors
/// When the stream breaks one of those rules or holds something that is not a chunk.
pub fn read_chat_stream(body: &str) -> Result<Received> {
    let mut received = Received::default();
    for (n, event) in sse_events(body).into_iter().enumerate() {
        ensure!(!received.complete, "event {n} after [DONE]");
        if event.data == "[DONE]" {
            received.complete = true;
            continue;
        }
        ensure!(
            received.error.is_none(),
            "event {n} after the error: {}",
            event.data
        );
        let chunk: Value = serde_json::from_str(&event.data)
            .with_context(|| format!("event {n} is not JSON: {}", event.data))?;
        if let Some(error) = chunk.get("error") {
            received.error = Some(error.clone());
            continue;
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| !usage.is_null()) {
            received.usage = Some(usage.clone());
        }
        let choices = chunk
            .get("choices")
            .and_then(Value::as_array)
            .with_context(|| format!("event {n}: no choices"))?;
        for choice in choices {
            read_delta(&mut received.choices, choice)
                .with_context(|| format!("event {n}: {}", event.data))?;
        }
    }
    Ok(received)
}

fn read_delta(choices: &mut Vec<Choice>, chunk: &Value) -> Result<()> {
    let delta = &chunk["delta"];
    let index = chunk["index"].as_u64().context("a choice without index")?;
    let is_new = usize::try_from(index).is_ok_and(|index| index >= choices.len());
    if is_new {
        ensure!(
            delta.get("role").is_some(),
            "the first delta of a choice has no role"
        );
    }
    let choice = slot(choices, index)?;
    if choice.finish.is_some() {
        bail!("a delta after finish_reason");
    }
    choice.text += &text_of(&delta["content"]);
    choice.refusal += &text_of(&delta["refusal"]);
    choice.reasoning += &text_of(&delta["reasoning_content"]);
    for part in delta
        .get("tool_calls")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let index = part["index"]
            .as_u64()
            .context("a tool call without index")?;
        let is_new = usize::try_from(index).is_ok_and(|index| index >= choice.tools.len());
        let call = slot(&mut choice.tools, index)?;
        if is_new {
            ensure!(
                part["id"].is_string() && part["function"]["name"].is_string(),
                "a tool call begins without id and name"
            );
        }
        call.id += &text_of(&part["id"]);
        call.name += &text_of(&part["function"]["name"]);
        call.arguments += &text_of(&part["function"]["arguments"]);
    }
    choice.finish = chunk["finish_reason"].as_str().map(str::to_owned);
    Ok(())
}
