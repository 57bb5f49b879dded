//! What each event adds to an assembled answer, dialect by dialect.

use std::ops::Range;

use super::Channel;
use super::tree::{Channels, Node};
use crate::llm::json::Value;
use crate::llm::stream::Event;

/// The growing texts of an event that is being added.
pub(super) struct Texts<'a> {
    pub(super) event: &'a Event,
    pub(super) channels: &'a mut Vec<Channel>,
}

impl Channels for Texts<'_> {
    fn take(&mut self, string: &Range<u32>) -> Option<(usize, bool)> {
        let delta = self.event.delta_at(string)?;
        let known = self
            .channels
            .iter()
            .rposition(|channel| channel.key == delta.channel);
        let index = known.unwrap_or_else(|| {
            self.channels.push(Channel::new(delta.channel.clone()));
            self.channels.len() - 1
        });
        if let Some(channel) = self.channels.get_mut(index) {
            channel.text.push_str(&self.event.text(delta));
        }
        Some((index, known.is_none()))
    }
}

/// An event that is being added.
pub(super) struct Add<'a> {
    pub(super) number: usize,
    pub(super) texts: Texts<'a>,
}

impl Add<'_> {
    fn merge(&mut self, into: &mut Node, value: Value<'_>) {
        into.merge(value, self.number, &mut self.texts);
    }

    /// Items that say their place in the list themselves.
    fn merge_indexed(
        &mut self,
        into: &mut Node,
        list: Value<'_>,
        mut each: impl FnMut(&mut Self, &mut Node, Value<'_>),
    ) {
        if list.items().next().is_none() {
            return self.merge(into, list);
        }
        for (position, item) in list.items().enumerate() {
            let index = item
                .get("index")
                .and_then(Value::as_u64)
                .unwrap_or(position as u64);
            let into = into.indexed(u32::try_from(index).unwrap_or(u32::MAX));
            each(self, into, item);
        }
    }

    fn merge_members(&mut self, into: &mut Node, value: Value<'_>) {
        if value.members().next().is_none() {
            return self.merge(into.member("value"), value);
        }
        for (name, member) in value.members() {
            if name != "index" {
                self.merge(into.member(&name), member);
            }
        }
    }

    /// A chunk of OpenAI's.
    pub(super) fn chunk(&mut self, chunk: Value<'_>, root: &mut Node) {
        for (name, value) in chunk.members() {
            match name.as_ref() {
                // Of every chunk another one, and no part of the answer.
                "object" | "obfuscation" => {}
                "choices" => {
                    let choices = root.member("choices");
                    self.merge_indexed(choices, value, Self::choice);
                }
                name => self.merge(root.member(name), value),
            }
        }
    }

    fn choice(&mut self, into: &mut Node, choice: Value<'_>) {
        let message = into.member("message");
        if message.get("role").is_none() {
            *message.member("role") = Node::word("assistant");
            *message.member("content") = Node::fixed("null");
        }
        if choice.members().next().is_none() {
            return self.merge(into.member("value"), choice);
        }
        for (name, value) in choice.members() {
            match name.as_ref() {
                "index" => {}
                "delta" => self.message(into.member("message"), value),
                name => self.merge(into.member(name), value),
            }
        }
    }

    fn message(&mut self, into: &mut Node, delta: Value<'_>) {
        if delta.members().next().is_none() {
            return self.merge(into, delta);
        }
        for (name, value) in delta.members() {
            let into = into.member(&name);
            match name.as_ref() {
                "tool_calls" | "reasoning_details" => {
                    self.merge_indexed(into, value, Self::merge_members);
                }
                _ => self.merge(into, value),
            }
        }
    }

    /// An event of Anthropic's.
    pub(super) fn event(
        &mut self,
        event: Value<'_>,
        name: &str,
        root: &mut Node,
        blocks: &mut Vec<u32>,
    ) {
        let kind = event.get_str("type").unwrap_or(name.into());
        let index = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let mut more = Node::default();
        for (name, value) in event.members() {
            match (kind.as_ref(), name.as_ref()) {
                (_, "type" | "index") => {}
                ("message_start", "message") | ("message_delta", "delta") => {
                    self.merge_members(root, value);
                }
                ("message_delta", "usage") => self.merge(root.member("usage"), value),
                ("content_block_start", "content_block") => {
                    self.merge(block(root, blocks, index), value);
                }
                ("content_block_delta", "delta") => {
                    self.block_delta(block(root, blocks, index), value);
                }
                (_, name) => self.merge(more.member(name), value),
            }
        }
        if !matches!(more, Node::Missing) {
            // No part of an answer: it is shown behind the blocks.
            let last = root.member("content").push();
            *last.member("type") = Node::word(&kind);
            if let Node::Object(members) = more {
                for (name, member) in members {
                    *last.member(&name) = member;
                }
            }
            blocks.push(u32::MAX);
        }
    }

    fn block_delta(&mut self, block: &mut Node, delta: Value<'_>) {
        let kind = delta.get_str("type").unwrap_or_default();
        if block.get("type").is_none() {
            *block.member("type") = Node::word(match kind.as_ref() {
                "input_json_delta" => "tool_use",
                "thinking_delta" => "thinking",
                _ => "text",
            });
        }
        if delta.members().next().is_none() {
            return self.merge(block.member("delta"), delta);
        }
        for (name, value) in delta.members() {
            match (kind.as_ref(), name.as_ref()) {
                (_, "type") => {}
                ("text_delta", "text") | ("thinking_delta", "thinking") => {
                    self.merge(block.member(&name), value);
                }
                ("input_json_delta", "partial_json") => {
                    self.merge(block.member("input"), value);
                    if let Some(Node::Channel(input)) = block.get("input")
                        && let Some(channel) = self.texts.channels.get_mut(*input)
                    {
                        channel.is_value = true;
                    }
                }
                ("citations_delta", "citation") => {
                    self.merge(block.member("citations").push(), value);
                }
                ("signature_delta", "signature") => {
                    *block.member("signature") = Node::fixed(value.raw());
                }
                // Each unknown member has a place of its own.
                (kind, name) => self.merge(block.member(&format!("{kind}/{name}")), value),
            }
        }
    }
}

/// Anthropic's block with this number.
pub(super) fn block<'n>(root: &'n mut Node, blocks: &mut Vec<u32>, index: u32) -> &'n mut Node {
    let content = root.member("content").list();
    // What the message said before the first block.
    while blocks.len() < content.len() {
        blocks.push(u32::MAX);
    }
    let known = blocks.iter().rposition(|known| *known == index);
    let at = known.unwrap_or_else(|| {
        blocks.push(index);
        content.push(Node::Object(Vec::new()));
        content.len() - 1
    });
    &mut content[at]
}
