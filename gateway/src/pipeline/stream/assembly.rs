//! A whole answer put together from its stream, for services that judge answers and not pieces.
//!
//! The body has the shape that the same answer has without streaming, so the same code locates its texts;
//! what was changed in it is read back channel by channel.

use serde_json::{Map, Value, json};

use crate::llm::Dialect;
use crate::llm::stream::{ChannelKey, ChannelKind, Event, LEGACY_CALL};

/// The texts of a stream so far.
#[derive(Clone, Debug)]
pub struct Assembly {
    dialect: Dialect,
    channels: Vec<(ChannelKey, String)>,
}

impl Assembly {
    /// Nothing yet.
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            channels: Vec::new(),
        }
    }

    /// Adds the text of an event.
    pub fn push(&mut self, event: &Event) {
        for delta in &event.deltas {
            let known = self
                .channels
                .iter()
                .rposition(|(key, _)| *key == delta.channel);
            let index = known.unwrap_or_else(|| {
                self.channels.push((delta.channel.clone(), String::new()));
                self.channels.len() - 1
            });
            if let Some((_, text)) = self.channels.get_mut(index) {
                text.push_str(&event.text(delta));
            }
        }
    }

    /// Every channel with its text.
    pub fn channels(&self) -> &[(ChannelKey, String)] {
        &self.channels
    }

    /// The answer as one body.
    pub fn body(&self) -> String {
        match self.dialect {
            Dialect::OpenAi => self.chat_completion(),
            Dialect::Anthropic => self.message(),
        }
    }

    /// The text of a channel in a body that [`Assembly::body`] made and guardrails changed.
    pub fn read_back(&self, body: &Value, key: &ChannelKey) -> Option<String> {
        let holder = match self.dialect {
            Dialect::OpenAi => {
                let choice = self
                    .answers()
                    .iter()
                    .position(|answer| *answer == key.answer)?;
                body.get("choices")?.get(choice)?.get("message")?
            }
            Dialect::Anthropic => {
                let block = self
                    .answers()
                    .iter()
                    .position(|answer| *answer == key.answer)?;
                body.get("content")?.get(block)?
            }
        };
        match (self.dialect, &key.kind) {
            (Dialect::OpenAi, kind) => text_of(holder.pointer(&self.pointer(key, kind))?),
            (Dialect::Anthropic, ChannelKind::Arguments) => match holder.get("input") {
                Some(input) => Some(input.to_string()),
                None => text_of(holder.get("text")?),
            },
            (Dialect::Anthropic, kind) => text_of(holder.get(block_member(kind))?),
        }
    }

    /// The same texts with earlier text in front of each.
    pub fn with_context(&self, context: &[(ChannelKey, String)]) -> Self {
        let mut window = self.clone();
        for (key, text) in &mut window.channels {
            text.insert_str(0, before(context, key));
        }
        window
    }

    /// Takes the earlier text away again, in a body that [`Assembly::body`] made of the texts with it. None
    /// when it was changed.
    pub fn without_context(&self, context: &[(ChannelKey, String)], body: &Value) -> Option<Value> {
        let mut fresh = self.clone();
        for (key, text) in &mut fresh.channels {
            let now = self.read_back(body, key)?;
            *text = now.strip_prefix(before(context, key))?.to_owned();
        }
        serde_json::from_str(&fresh.body()).ok()
    }

    /// Choices, or blocks, in order.
    fn answers(&self) -> Vec<u32> {
        let mut answers: Vec<u32> = self.channels.iter().map(|(key, _)| key.answer).collect();
        answers.sort_unstable();
        answers.dedup();
        answers
    }

    /// The calls of a choice, in order.
    fn calls(&self, answer: u32) -> Vec<u32> {
        let mut calls: Vec<u32> = self
            .channels
            .iter()
            .filter(|(key, _)| {
                key.answer == answer && is_call(&key.kind) && key.call != LEGACY_CALL
            })
            .map(|(key, _)| key.call)
            .collect();
        calls.sort_unstable();
        calls.dedup();
        calls
    }

    fn pointer(&self, key: &ChannelKey, kind: &ChannelKind) -> String {
        if is_call(kind) && key.call != LEGACY_CALL {
            let position = self
                .calls(key.answer)
                .iter()
                .position(|call| *call == key.call)
                .unwrap_or(0);
            let (holder, member) = called(kind);
            return format!("/tool_calls/{position}/{holder}/{member}");
        }
        match kind {
            ChannelKind::Text => "/content".into(),
            ChannelKind::Refusal => "/refusal".into(),
            ChannelKind::Reasoning | ChannelKind::SignedReasoning => {
                format!("/{}", reasoning(key.call))
            }
            ChannelKind::ReasoningDetail => format!("/reasoning_texts/{}", key.call),
            ChannelKind::ReasoningSummary => format!("/reasoning_summaries/{}", key.call),
            ChannelKind::ToolName => "/function_call/name".into(),
            ChannelKind::Arguments => "/function_call/arguments".into(),
            ChannelKind::CustomInput => "/function_call/input".into(),
            ChannelKind::Transcript => "/audio/transcript".into(),
            ChannelKind::Other(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        }
    }

    fn chat_completion(&self) -> String {
        let choices: Vec<Value> = self
            .answers()
            .iter()
            .map(|answer| {
                let mut message = json!({"role": "assistant", "content": null});
                for (key, text) in self
                    .channels
                    .iter()
                    .filter(|(key, _)| key.answer == *answer)
                {
                    put(&mut message, &self.pointer(key, &key.kind), text);
                }
                if let Some(Value::Array(calls)) = message.get_mut("tool_calls") {
                    for call in calls {
                        let kind = if call.get("custom").is_some() {
                            "custom"
                        } else {
                            "function"
                        };
                        if let Value::Object(members) = call {
                            members.insert("type".into(), kind.into());
                        }
                    }
                }
                json!({"index": answer, "message": message, "finish_reason": "stop"})
            })
            .collect();
        json!({"object": "chat.completion", "choices": choices}).to_string()
    }

    fn message(&self) -> String {
        let blocks: Vec<Value> = self
            .answers()
            .iter()
            .map(|answer| self.block(*answer))
            .collect();
        json!({"type": "message", "role": "assistant", "content": blocks}).to_string()
    }

    fn block(&self, answer: u32) -> Value {
        let mut block = Map::new();
        for (key, text) in self.channels.iter().filter(|(key, _)| key.answer == answer) {
            let kind = match key.kind {
                ChannelKind::Arguments | ChannelKind::ToolName => "tool_use",
                ChannelKind::Reasoning | ChannelKind::SignedReasoning => "thinking",
                ChannelKind::Text
                | ChannelKind::Refusal
                | ChannelKind::ReasoningDetail
                | ChannelKind::ReasoningSummary
                | ChannelKind::CustomInput
                | ChannelKind::Transcript
                | ChannelKind::Other(_) => "text",
            };
            block.insert("type".into(), kind.into());
            match (&key.kind, input(text)) {
                (ChannelKind::Arguments, Some(input)) => {
                    block.insert("input".into(), input);
                }
                (kind, _) => {
                    block.insert(block_member(kind).into(), text.as_str().into());
                }
            }
        }
        Value::Object(block)
    }
}

fn before<'a>(context: &'a [(ChannelKey, String)], key: &ChannelKey) -> &'a str {
    context
        .iter()
        .find(|(known, _)| known == key)
        .map_or("", |(_, text)| text)
}

const fn is_call(kind: &ChannelKind) -> bool {
    matches!(
        kind,
        ChannelKind::ToolName | ChannelKind::Arguments | ChannelKind::CustomInput
    )
}

const fn called(kind: &ChannelKind) -> (&'static str, &'static str) {
    match kind {
        ChannelKind::ToolName => ("function", "name"),
        ChannelKind::CustomInput => ("custom", "input"),
        ChannelKind::Arguments
        | ChannelKind::Text
        | ChannelKind::Refusal
        | ChannelKind::Reasoning
        | ChannelKind::SignedReasoning
        | ChannelKind::ReasoningDetail
        | ChannelKind::ReasoningSummary
        | ChannelKind::Transcript
        | ChannelKind::Other(_) => ("function", "arguments"),
    }
}

const fn reasoning(call: u32) -> &'static str {
    match call {
        0 => "reasoning_content",
        _ => "reasoning",
    }
}

fn block_member(kind: &ChannelKind) -> &str {
    match kind {
        ChannelKind::Reasoning | ChannelKind::SignedReasoning => "thinking",
        ChannelKind::ToolName => "name",
        // Each unknown member has a place of its own.
        ChannelKind::Other(name) => name,
        ChannelKind::Text
        | ChannelKind::Refusal
        | ChannelKind::ReasoningDetail
        | ChannelKind::ReasoningSummary
        | ChannelKind::Arguments
        | ChannelKind::CustomInput
        | ChannelKind::Transcript => "text",
    }
}

/// A tool's input as a value. Not one that says a key twice: a value would keep only the last of them.
fn input(text: &str) -> Option<Value> {
    crate::llm::json::Doc::parse(text).ok()?;
    serde_json::from_str(text).ok()
}

fn text_of(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Puts a text at a pointer, making what is missing on the way. A number in the pointer is a place in a list.
fn put(root: &mut Value, pointer: &str, text: &str) {
    let mut at = root;
    for step in pointer.split('/').skip(1) {
        at = match step.parse::<usize>() {
            Ok(index) if !at.is_object() => {
                if !at.is_array() {
                    *at = Value::Array(Vec::new());
                }
                let Value::Array(list) = at else { return };
                while list.len() <= index {
                    list.push(Value::Null);
                }
                let Some(next) = list.get_mut(index) else {
                    return;
                };
                next
            }
            Ok(_) | Err(_) => {
                if !at.is_object() {
                    *at = Value::Object(Map::new());
                }
                let Value::Object(members) = at else { return };
                members
                    .entry(step.replace("~1", "/").replace("~0", "~"))
                    .or_insert(Value::Null)
            }
        };
    }
    *at = text.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(answer: u32, kind: ChannelKind, call: u32) -> ChannelKey {
        ChannelKey { answer, kind, call }
    }

    #[test]
    fn every_channel_is_read_back_from_where_it_was_put() {
        let openai = vec![
            (key(0, ChannelKind::Text, 0), "one"),
            (key(0, ChannelKind::Reasoning, 0), "two"),
            (key(0, ChannelKind::ToolName, 2), "f"),
            (key(0, ChannelKind::Arguments, 2), "{\"a\":1}"),
            (key(1, ChannelKind::Refusal, 0), "three"),
            (key(1, ChannelKind::Arguments, LEGACY_CALL), "{}"),
            (key(1, ChannelKind::Transcript, 0), "four"),
            (key(1, ChannelKind::Other("x/y".into()), 0), "five"),
            (key(1, ChannelKind::ReasoningDetail, 3), "six"),
        ];
        let anthropic = vec![
            (key(0, ChannelKind::SignedReasoning, 0), "hm"),
            (key(1, ChannelKind::Text, 0), "one"),
            (key(3, ChannelKind::ToolName, 0), "f"),
            (key(3, ChannelKind::Arguments, 0), "{\"a\":1}"),
            (key(4, ChannelKind::Arguments, 0), "{\"a\":1,\"a\":2}"),
            (key(5, ChannelKind::Text, 0), "one"),
            (key(5, ChannelKind::Other("x_delta/one".into()), 0), "two"),
            (
                key(5, ChannelKind::Other("x_delta/other".into()), 0),
                "three",
            ),
        ];
        for (dialect, channels) in [(Dialect::OpenAi, openai), (Dialect::Anthropic, anthropic)] {
            let channels: Vec<_> = channels
                .into_iter()
                .map(|(key, text)| (key, text.to_owned()))
                .collect();
            let assembly = Assembly { dialect, channels };
            let body: Value = serde_json::from_str(&assembly.body()).unwrap();
            for (key, text) in assembly.channels() {
                assert_eq!(
                    assembly.read_back(&body, key).as_deref(),
                    Some(text.as_str()),
                    "{key:?} in {body}"
                );
            }
        }
    }
}
