//! A whole answer put together from its stream, for services that judge answers and not pieces.
//!
//! The body is the one that the same answer has without streaming, so the same code locates its texts: what grows
//! is put together, and what comes whole in an event (results of the provider's tools, citations, names) stands
//! where it belongs. Each part remembers its event, so that what is changed in the body changes the events.

mod add;
#[cfg(test)]
mod tests;
mod tree;

use std::ops::Range;

use self::add::{Add, Texts, block};
use self::tree::{Node, Origin, leaf, quoted};
use super::{ChannelKey, ChannelKind, Event, EventKind, LEGACY_CALL};
use crate::llm::json::{Doc, Value};
use crate::llm::{Dialect, Unmappable};

/// The texts of a stream so far, or of a window of it.
#[derive(Clone)]
pub struct Assembly {
    dialect: Dialect,
    root: Node,
    channels: Vec<Channel>,
    /// The numbers of Anthropic's blocks, in the order of `content`.
    blocks: Vec<u32>,
    /// How many events have been added.
    events: usize,
}

/// A text that grows.
#[derive(Clone)]
struct Channel {
    key: ChannelKey,
    /// Text of an earlier window, which cannot change any more.
    before: String,
    text: String,
    /// Whether the body has JSON here, and not a string.
    is_value: bool,
}

/// What guardrails changed in an assembled body, by what the events say.
#[derive(Default, PartialEq)]
pub struct Changes {
    /// Channels with another text, and that text.
    pub channels: Vec<(ChannelKey, String)>,
    /// Values that came whole: the event's number, the value's bytes in its data, and the JSON that stands there
    /// now.
    pub values: Vec<(usize, Range<u32>, String)>,
    /// Answers of which a text has been changed, so that what repeats it goes.
    pub answers: Vec<u32>,
}

impl Assembly {
    /// Nothing yet.
    pub fn new(dialect: Dialect) -> Self {
        let mut root = Node::default();
        match dialect {
            Dialect::OpenAi => {
                *root.member("object") = Node::word("chat.completion");
                root.member("choices").list();
            }
            Dialect::Anthropic => {
                *root.member("type") = Node::word("message");
                *root.member("role") = Node::word("assistant");
                root.member("content").list();
            }
        }
        Self {
            dialect,
            root,
            channels: Vec::new(),
            blocks: Vec::new(),
            events: 0,
        }
    }

    /// Adds an event. Events are counted from 0.
    pub fn push(&mut self, event: &Event) {
        let number = self.events;
        self.events += 1;
        if matches!(event.kind, EventKind::Nothing | EventKind::Broken) {
            return;
        }
        // `[DONE]` says nothing.
        let Ok(doc) = Doc::parse(event.data()) else {
            return;
        };
        let mut add = Add {
            number,
            texts: Texts {
                event,
                channels: &mut self.channels,
            },
        };
        let root = doc.root(event.data());
        match self.dialect {
            Dialect::OpenAi => add.chunk(root, &mut self.root),
            Dialect::Anthropic => {
                add.event(root, event.name(), &mut self.root, &mut self.blocks);
            }
        }
    }

    /// Every channel with its text.
    pub fn channels(&self) -> impl Iterator<Item = (&ChannelKey, &str)> {
        let channels = self.channels.iter();
        channels.map(|channel| (&channel.key, channel.text.as_str()))
    }

    /// Puts earlier text in front of the channels that go on, and the names of the tools whose arguments are here.
    pub fn set_context(&mut self, context: &[(ChannelKey, String)]) {
        for (key, text) in context {
            let known = self.channels.iter_mut().find(|known| known.key == *key);
            if let Some(channel) = known {
                channel.before.clone_from(text);
                continue;
            }
            let called = self.channels.iter().any(|known| {
                known.key.answer == key.answer
                    && known.key.call == key.call
                    && known.key.kind == ChannelKind::Arguments
            });
            if key.kind == ChannelKind::ToolName && called {
                let index = self.channels.len();
                let mut name = Channel::new(key.clone());
                name.before.clone_from(text);
                self.channels.push(name);
                self.called(key).member("name").put_channel(index);
            }
        }
    }

    /// What holds the name of a call.
    fn called(&mut self, key: &ChannelKey) -> &mut Node {
        match self.dialect {
            Dialect::OpenAi => {
                let choice = self.root.member("choices").indexed(key.answer);
                let message = choice.member("message");
                match key.call {
                    LEGACY_CALL => message.member("function_call"),
                    call => message
                        .member("tool_calls")
                        .indexed(call)
                        .member("function"),
                }
            }
            Dialect::Anthropic => block(&mut self.root, &mut self.blocks, key.answer),
        }
    }

    /// The answer as one body.
    pub fn body(&self) -> String {
        let mut out = String::new();
        self.root.write(&mut out, &|index, out| {
            let Some(channel) = self.channels.get(index) else {
                return out.push_str("null");
            };
            let text = [channel.before.as_str(), &channel.text].concat();
            match channel.is_value && is_value(&text) {
                true => out.push_str(&text),
                false => out.push_str(&quoted(&text)),
            }
        });
        out
    }

    /// What has been changed in a body that [`Assembly::body`] made.
    ///
    /// # Errors
    /// The place of a change that the events cannot follow, such as one of text that has gone.
    pub fn changes(&self, now: &str) -> Result<Changes, Unmappable> {
        let doc = Doc::parse(now).map_err(|_| Unmappable {
            path: "body".to_owned(),
        })?;
        let mut found = Found {
            assembly: self,
            changes: Changes::default(),
        };
        self.root
            .compare(doc.root(now), &mut Vec::new(), &mut found)?;
        Ok(found.changes)
    }
}

/// Text stays out of debug output.
impl std::fmt::Debug for Assembly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts = self.channels.len();
        write!(f, "{texts} texts of {} events", self.events)
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            channels, values, ..
        } = self;
        write!(
            f,
            "{} texts and {} values changed",
            channels.len(),
            values.len()
        )
    }
}

impl Channel {
    fn new(key: ChannelKey) -> Self {
        Self {
            key,
            before: String::new(),
            text: String::new(),
            is_value: false,
        }
    }
}

/// Whether a text can stand as JSON. Not one that says a key twice: readers would differ.
fn is_value(text: &str) -> bool {
    Doc::parse(text).is_ok() && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// What a walk along a changed body has found.
struct Found<'a> {
    assembly: &'a Assembly,
    changes: Changes,
}

impl tree::Changes for Found<'_> {
    fn channel(&mut self, index: usize, now: Value<'_>) -> Option<()> {
        let channel = self.assembly.channels.get(index)?;
        let text = [channel.before.as_str(), &channel.text].concat();
        let now = match channel.is_value && is_value(&text) {
            true => now.raw().into(),
            false => now.as_str()?,
        };
        let now = now.strip_prefix(channel.before.as_str())?;
        if now != channel.text {
            let key = channel.key.clone();
            self.changes.answers.push(key.answer);
            self.changes.channels.push((key, now.to_owned()));
        }
        Some(())
    }

    fn value(&mut self, origins: &[Origin], now: Value<'_>) {
        for (event, range) in origins {
            self.changes.values.push((*event, range.clone(), leaf(now)));
        }
    }

    fn dropped(&mut self, path: &[String]) -> Option<()> {
        // Only choices have texts that are repeated beside them.
        let [list, choice, ..] = path else {
            return None;
        };
        let position: usize = choice.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
        let choices = self.assembly.root.get("choices")?;
        if list != "choices" {
            return None;
        }
        self.changes.answers.push(choices.index_of(position)?);
        Some(())
    }
}
