//! The Anthropic dialect.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Choice, Received, StreamOptions, ToolCall, pieces, sse_events, tokens};

/// Covers a scripted thinking block. Opaque to everybody but the model.
const SIGNATURE: &str = "c2lnbmF0dXJlLW9mLXRoZS1mYWtl";

fn stop_reason(choice: &Choice) -> &str {
    match choice.finish_reason() {
        "stop" => "end_turn",
        "length" => "max_tokens",
        "tool_calls" => "tool_use",
        other => other,
    }
}

fn finish_of(stop_reason: &str) -> String {
    match stop_reason {
        "end_turn" => "stop",
        "max_tokens" => "length",
        "tool_use" => "tool_calls",
        other => other,
    }
    .into()
}

fn call_id(call: &ToolCall, index: usize) -> String {
    if call.id.is_empty() {
        format!("call_{index}")
    } else {
        call.id.clone()
    }
}

fn blocks(choice: &Choice) -> Result<Vec<Value>> {
    let mut blocks = Vec::new();
    if !choice.reasoning.is_empty() {
        blocks.push(
            json!({"type": "thinking", "thinking": choice.reasoning, "signature": SIGNATURE}),
        );
    }
    if !choice.text.is_empty() || choice.tools.is_empty() {
        blocks.push(json!({"type": "text", "text": choice.text}));
    }
    for (index, call) in choice.tools.iter().enumerate() {
        let input: Value = serde_json::from_str(&call.arguments)
            .context("scripted arguments that are not JSON")?;
        blocks.push(json!({"type": "tool_use", "id": call_id(call, index), "name": call.name, "input": input}));
    }
    Ok(blocks)
}

/// A message.
///
/// # Errors
/// When scripted arguments are not JSON: this dialect carries them as a value.
pub fn messages_body(model: &str, choice: &Choice) -> Result<Value> {
    Ok(json!({
        "id": "msg_fake", "type": "message", "role": "assistant", "model": model, "content": blocks(choice)?,
        "stop_reason": stop_reason(choice), "stop_sequence": null,
        "usage": {"input_tokens": 7, "output_tokens": tokens(&choice.text)},
    }))
}

/// The same as a stream of events, with a ping in it as the real one has.
///
/// # Errors
/// As [`messages_body`].
pub fn messages_stream(
    model: &str,
    choice: &Choice,
    options: StreamOptions,
) -> Result<Vec<String>> {
    let event = |kind: &str, data: Value| format!("event: {kind}\ndata: {data}\n\n");
    let start = json!({
        "id": "msg_fake", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 7, "output_tokens": 1},
    });
    let mut events = vec![event(
        "message_start",
        json!({"type": "message_start", "message": start}),
    )];
    for (index, block) in blocks(choice)?.into_iter().enumerate() {
        let (empty, deltas) = match block["type"].as_str() {
            Some("thinking") => {
                let text = block["thinking"].as_str().unwrap_or_default();
                let mut deltas: Vec<Value> = pieces(text, options.piece)
                    .into_iter()
                    .map(|piece| json!({"type": "thinking_delta", "thinking": piece}))
                    .collect();
                deltas.push(json!({"type": "signature_delta", "signature": SIGNATURE}));
                (
                    json!({"type": "thinking", "thinking": "", "signature": ""}),
                    deltas,
                )
            }
            Some("tool_use") => {
                // The script's own bytes: what a model streams is not what a printer would print.
                let call = choice
                    .tools
                    .iter()
                    .enumerate()
                    .find(|(i, call)| block["id"] == call_id(call, *i));
                let arguments = call.map_or("", |(_, call)| &call.arguments);
                let mut deltas = vec![json!({"type": "input_json_delta", "partial_json": ""})];
                deltas.extend(
                    pieces(arguments, options.piece)
                        .into_iter()
                        .map(|piece| json!({"type": "input_json_delta", "partial_json": piece})),
                );
                (
                    json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}}),
                    deltas,
                )
            }
            _ => {
                let text = block["text"].as_str().unwrap_or_default();
                let deltas = pieces(text, options.piece)
                    .into_iter()
                    .map(|piece| json!({"type": "text_delta", "text": piece}))
                    .collect();
                (json!({"type": "text", "text": ""}), deltas)
            }
        };
        let begin = json!({"type": "content_block_start", "index": index, "content_block": empty});
        events.push(event("content_block_start", begin));
        if index == 0 {
            events.push(event("ping", json!({"type": "ping"})));
        }
        for delta in deltas {
            let data = json!({"type": "content_block_delta", "index": index, "delta": delta});
            events.push(event("content_block_delta", data));
        }
        events.push(event(
            "content_block_stop",
            json!({"type": "content_block_stop", "index": index}),
        ));
    }
    let delta = json!({"stop_reason": stop_reason(choice), "stop_sequence": null});
    let usage = json!({"output_tokens": tokens(&choice.text)});
    events.push(event(
        "message_delta",
        json!({"type": "message_delta", "delta": delta, "usage": usage}),
    ));
    events.push(event("message_stop", json!({"type": "message_stop"})));
    Ok(events)
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn add_block(choice: &mut Choice, block: &Value, arguments: Option<String>) {
    match block["type"].as_str() {
        Some("text") => choice.text += &text_of(&block["text"]),
        Some("thinking") => choice.reasoning += &text_of(&block["thinking"]),
        Some("tool_use") => choice.tools.push(ToolCall {
            id: text_of(&block["id"]),
            name: text_of(&block["name"]),
            arguments: arguments.unwrap_or_else(|| block["input"].to_string()),
        }),
        _ => {}
    }
}

/// Reads a message or an error body.
///
/// # Errors
/// When the body is neither.
pub fn read_messages(body: &Value) -> Result<Received> {
    let mut received = Received {
        complete: true,
        usage: body.get("usage").cloned(),
        ..Received::default()
    };
    if body["type"] == "error" {
        received.error = body.get("error").cloned();
        return Ok(received);
    }
    let content = body
        .get("content")
        .and_then(Value::as_array)
        .context("neither `content` nor an error")?;
    let mut choice = Choice {
        finish: body["stop_reason"].as_str().map(finish_of),
        ..Choice::default()
    };
    for block in content {
        add_block(&mut choice, block, None);
    }
    received.choices.push(choice);
    Ok(received)
}

/// Reads a message stream and checks what the SDKs rely on: an `event:` field that repeats the type,
/// contiguous blocks that do not interleave, deltas of the block's own type, nothing after the end.
///
/// # Errors
/// When the stream breaks one of those rules or holds something that is not an event of this dialect.
pub fn read_messages_stream(body: &str) -> Result<Received> {
    let mut received = Received::default();
    let mut choice: Option<Choice> = None;
    let mut open: Option<(Value, String)> = None;
    let mut next_index = 0_u64;
    for (n, event) in sse_events(body).into_iter().enumerate() {
        let at = || format!("event {n}: {}", event.data);
        ensure!(!received.complete, "{} after the end", at());
        let data: Value = serde_json::from_str(&event.data).with_context(at)?;
        ensure!(
            data["type"] == event.event.as_str(),
            "{}: `event: {}` differs from its type",
            at(),
            event.event
        );
        match event.event.as_str() {
            "ping" => {}
            "error" => {
                received.error = data.get("error").cloned();
                received.complete = true;
            }
            "message_start" => {
                ensure!(choice.is_none(), "{}: a second start", at());
                choice = Some(Choice::default());
            }
            "content_block_start" => {
                ensure!(choice.is_some() && open.is_none(), "{}: out of place", at());
                ensure!(
                    data["index"] == next_index,
                    "{}: expected index {next_index}",
                    at()
                );
                open = Some((data["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                ensure!(
                    data["index"] == next_index,
                    "{}: expected index {next_index}",
                    at()
                );
                let (block, json) = open.as_mut().with_context(at)?;
                add_delta(block, json, &data["delta"]).with_context(at)?;
            }
            "content_block_stop" => {
                ensure!(
                    data["index"] == next_index,
                    "{}: expected index {next_index}",
                    at()
                );
                let (block, json) = open.take().with_context(at)?;
                let choice = choice.as_mut().with_context(at)?;
                add_block(
                    choice,
                    &block,
                    (block["type"] == "tool_use").then_some(json),
                );
                next_index += 1;
            }
            "message_delta" => {
                ensure!(open.is_none(), "{}: a block is still open", at());
                let choice = choice.as_mut().with_context(at)?;
                choice.finish = data["delta"]["stop_reason"].as_str().map(finish_of);
                received.usage = data.get("usage").cloned();
            }
            "message_stop" => {
                ensure!(
                    choice
                        .as_ref()
                        .is_some_and(|choice| choice.finish.is_some()),
                    "{}: out of place",
                    at()
                );
                received.complete = true;
            }
            other => bail!("{}: unknown event {other:?}", at()),
        }
    }
    // What an open block held when an error came is what a client has shown by then.
    if let (Some((block, json)), Some(choice)) = (open, choice.as_mut()) {
        add_block(
            choice,
            &block,
            (block["type"] == "tool_use").then_some(json),
        );
    }
    received.choices.extend(choice);
    Ok(received)
}

fn add_delta(block: &mut Value, json: &mut String, delta: &Value) -> Result<()> {
    let kind = delta["type"].as_str().unwrap_or_default();
    let (field, of) = match kind {
        "text_delta" => ("text", "text"),
        "thinking_delta" => ("thinking", "thinking"),
        "signature_delta" => ("signature", "thinking"),
        "input_json_delta" => ("partial_json", "tool_use"),
        "citations_delta" => return Ok(()),
        other => bail!("unknown delta {other:?}"),
    };
    ensure!(
        block["type"] == of,
        "a {kind} in a block of type {}",
        block["type"]
    );
    let piece = delta[field].as_str().context("a delta without its text")?;
    if kind == "input_json_delta" {
        json.push_str(piece);
    } else {
        let so_far = text_of(&block[field]);
        block[field] = (so_far + piece).into();
    }
    Ok(())
}
