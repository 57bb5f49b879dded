//! One event of a stream.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use parapet_guardrails::segment::Role;

use super::{ChannelKey, ChannelKind};
use crate::llm::about::About;
use crate::llm::json::{Children, Doc, Kind, Members, RawStr, Value, escape_into};
use crate::llm::locate::{Context, Locator};
use crate::llm::splice::{self, RawEdit};
use crate::llm::sse::Frame;
use crate::llm::{Dialect, Limits, Texts, Usage, chat, messages};

/// What sort of event it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventKind {
    /// No data: a comment, a keep-alive, a `retry` field.
    Nothing,
    /// A part of the answer, or of the structure around it.
    Chunk,
    /// The extra chunk with nothing but usage. It goes when the gateway asked for it and the client did not.
    UsageOnly,
    /// Anthropic's keep-alive.
    Ping,
    /// The stream is complete: `[DONE]`, `message_stop`.
    Done,
    /// The upstream reports an error. Its words are in [`Event::whole`].
    Error,
    /// Not JSON, not UTF-8, not an object, or no event: nothing is known about what it says.
    Broken,
}

/// A piece of a channel's text.
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// The channel that it belongs to.
    pub channel: ChannelKey,
    /// Its content as written, in the event's data.
    at: Range<u32>,
    escaped: bool,
}

/// A value that repeats the text of an answer.
#[derive(Clone, Debug)]
struct Copy {
    answer: u32,
    at: Range<u32>,
    instead: &'static str,
}

/// One event of a stream, read.
pub struct Event {
    frame: Frame,
    data: Arc<String>,
    /// What sort of event it is.
    pub kind: EventKind,
    /// The text that it adds, in order.
    pub deltas: Vec<Delta>,
    /// The answers that are complete after it. `message_delta` ends none: its blocks have ended before.
    pub ended: Vec<u32>,
    /// The content block that begins with it, and whether that is text (Anthropic).
    pub begins: Option<(u32, bool)>,
    /// Tokens so far, when it says so. Anthropic reports input and output in different events: 0 means not said.
    pub usage: Option<Usage>,
    /// Whether it signs reasoning (Anthropic).
    pub signs: bool,
    whole: Option<Texts>,
    copies: Vec<Copy>,
    bare: bool,
    /// Values that have been replaced.
    put: Vec<RawEdit>,
}

/// Text stays out of debug output.
impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} with {} deltas", self.kind, self.deltas.len())
    }
}

/// What an answer says, apart from what grows.
pub(in crate::llm) const ASSISTANT: Context = Context::text(Role::Assistant).in_turn(true);

/// Collects what an event says. The dialects fill it.
pub(in crate::llm) struct Reading {
    pub(in crate::llm) kind: EventKind,
    pub(in crate::llm) deltas: Vec<Delta>,
    pub(in crate::llm) ended: Vec<u32>,
    pub(in crate::llm) begins: Option<(u32, bool)>,
    pub(in crate::llm) usage: Option<Usage>,
    pub(in crate::llm) signs: bool,
    copies: Vec<Copy>,
    /// False as soon as the event says anything besides its deltas.
    pub(in crate::llm) bare: bool,
    /// Texts that do not grow.
    pub(in crate::llm) whole: Locator,
}

impl Reading {
    /// A piece of text; anything that is not a string is judged on its own.
    pub(in crate::llm) fn delta(
        &mut self,
        value: Value<'_>,
        answer: u32,
        kind: ChannelKind,
        call: u32,
    ) {
        match value.string() {
            Some(RawStr { range, .. }) if range.is_empty() => {}
            Some(RawStr { range, escaped, .. }) => {
                let channel = ChannelKey { answer, kind, call };
                self.deltas.push(Delta {
                    channel,
                    at: range,
                    escaped,
                });
            }
            None => self.strings(value),
        }
    }

    /// Every string below a value is a text of its own.
    pub(in crate::llm) fn strings(&mut self, value: Value<'_>) {
        if value.is_null() {
            self.whole.unknown_key(value, ASSISTANT);
        } else {
            self.bare = false;
            self.whole.strings_in(value, ASSISTANT);
        }
    }

    /// A word of the format, or an id.
    pub(in crate::llm) fn word(&mut self, value: Value<'_>) {
        self.whole.word(value, ASSISTANT);
    }

    /// The members of an object; strings of anything else that stands there are texts of their own.
    pub(in crate::llm) fn members<'v>(&mut self, value: Value<'v>) -> Members<'v> {
        if value.kind() != Kind::Object {
            self.strings(value);
        }
        value.members()
    }

    /// The items of an array; strings of anything else that stands there are texts of their own.
    pub(in crate::llm) fn items<'v>(&mut self, value: Value<'v>) -> Children<'v> {
        if value.kind() != Kind::Array {
            self.strings(value);
        }
        value.items()
    }

    /// A string under an unknown name may be a text that grows; anything else is judged on its own.
    pub(in crate::llm) fn unknown(&mut self, value: Value<'_>, answer: u32, name: &str) {
        if value.kind() == Kind::String {
            self.whole.unknown_key(value, ASSISTANT);
            self.delta(value, answer, ChannelKind::Other(name.into()), 0);
        } else {
            self.strings(value);
        }
    }

    /// A value that repeats text of an answer.
    pub(in crate::llm) fn repeats(&mut self, answer: u32, value: Value<'_>, instead: &'static str) {
        if !value.is_null() {
            self.copies.push(Copy {
                answer,
                at: value.range(),
                instead,
            });
        }
    }
}

impl Event {
    /// Reads a frame.
    pub fn read(dialect: Dialect, mut frame: Frame) -> Self {
        let data = Arc::new(frame.data.take().unwrap_or_default());
        let kind = if frame.broken || frame.strange {
            EventKind::Broken
        } else if data.is_empty() {
            EventKind::Nothing
        } else if data.trim_end() == "[DONE]" {
            EventKind::Done
        } else {
            return Self::read_json(dialect, frame, data);
        };
        Self::bare_of_text(frame, data, kind)
    }

    fn bare_of_text(frame: Frame, data: Arc<String>, kind: EventKind) -> Self {
        Self {
            frame,
            data,
            kind,
            deltas: Vec::new(),
            ended: Vec::new(),
            begins: None,
            usage: None,
            signs: false,
            whole: None,
            copies: Vec::new(),
            bare: false,
            put: Vec::new(),
        }
    }

    fn read_json(dialect: Dialect, frame: Frame, data: Arc<String>) -> Self {
        let doc = match Doc::parse(&data) {
            Ok(doc) if doc.root(&data).kind() == Kind::Object => doc,
            Ok(_) | Err(_) => return Self::bare_of_text(frame, data, EventKind::Broken),
        };
        // The length of an event is limited already.
        let limits = Limits {
            max_messages: usize::MAX,
            max_segments: usize::MAX,
        };
        let mut reading = Reading {
            kind: EventKind::Chunk,
            deltas: Vec::new(),
            ended: Vec::new(),
            begins: None,
            usage: None,
            signs: false,
            copies: Vec::new(),
            bare: true,
            whole: Locator::new(data.clone(), &limits),
        };
        match dialect {
            Dialect::OpenAi => chat::chunk(doc.root(&data), &mut reading),
            Dialect::Anthropic => messages::event(doc.root(&data), &frame.event, &mut reading),
        }
        let Reading {
            kind,
            deltas,
            ended,
            begins,
            usage,
            signs,
            copies,
            bare,
            whole,
        } = reading;
        let whole = match whole.is_empty() {
            true => None,
            false => whole.finish(Some(Arc::new(doc))).ok(),
        };
        let bare =
            bare && whole.is_none() && !deltas.is_empty() && ended.is_empty() && usage.is_none();
        Self {
            frame,
            data,
            kind,
            deltas,
            ended,
            begins,
            usage,
            signs,
            whole,
            copies,
            bare,
            put: Vec::new(),
        }
    }

    /// Answers of which the event repeats text that it does not add.
    pub fn repeats_alone(&self) -> impl Iterator<Item = u32> {
        let adds = |answer| {
            let mut deltas = self.deltas.iter();
            deltas.any(|delta| delta.channel.answer == answer)
        };
        let answers = self.copies.iter().map(|copy| copy.answer);
        answers.filter(move |answer| !adds(*answer))
    }

    /// As it came.
    pub const fn raw(&self) -> &Bytes {
        &self.frame.raw
    }

    /// The event's data; empty when there is none.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// What it says about the answer, read now: only a stream's first event and its last ones say anything new.
    pub fn about(&self) -> About {
        About::of_event(&self.data)
    }

    /// Its name in the stream's framing; empty when it has none.
    pub fn name(&self) -> &str {
        &self.frame.event
    }

    /// The delta whose content, without quotes, is these bytes of the data.
    pub(super) fn delta_at(&self, at: &Range<u32>) -> Option<&Delta> {
        self.deltas.iter().find(|delta| delta.at == *at)
    }

    /// Puts JSON in the place of a value of the data; [`Event::with`] writes it.
    pub fn put(&mut self, at: &Range<u32>, json: String) {
        self.put.push(RawEdit {
            range: range(at),
            text: json,
        });
    }

    /// Whether it says nothing besides its deltas, so that it can be left out once they are empty.
    pub const fn is_bare(&self) -> bool {
        self.bare
    }

    /// Texts that do not grow, if there are any.
    pub const fn whole(&self) -> Option<&Texts> {
        self.whole.as_ref()
    }

    /// Texts that do not grow, to edit them.
    pub const fn whole_mut(&mut self) -> Option<&mut Texts> {
        self.whole.as_mut()
    }

    /// The text of a delta of this event.
    pub fn text(&self, delta: &Delta) -> Cow<'_, str> {
        let raw = self
            .data
            .get(delta.at.start as usize..delta.at.end as usize);
        let raw = raw.unwrap_or_default();
        RawStr {
            raw,
            range: delta.at.clone(),
            escaped: delta.escaped,
        }
        .text()
    }

    /// The event with other text in some of its deltas (index and text), with the edits of its whole
    /// texts and with what was [put](Event::put) in it. What repeats a changed answer's text (log probabilities, annotations) is dropped, for answers
    /// that change here and for those in `changed`, which did before. If nothing changes it is [`Event::raw`].
    pub fn with(&self, replaced: &[(usize, &str)], changed: &[u32]) -> Bytes {
        let whole = self
            .whole
            .as_ref()
            .map(Texts::body_edits)
            .unwrap_or_default();
        let mut edits: Vec<RawEdit> = whole;
        edits.extend(self.put.iter().cloned());
        let mut answers = changed.to_vec();
        for (index, text) in replaced {
            let Some(delta) = self.deltas.get(*index) else {
                continue;
            };
            let mut escaped = String::with_capacity(text.len());
            escape_into(text, &mut escaped);
            edits.push(RawEdit {
                range: range(&delta.at),
                text: escaped,
            });
            answers.push(delta.channel.answer);
        }
        let copies = self
            .copies
            .iter()
            .filter(|copy| answers.contains(&copy.answer));
        edits.extend(copies.map(|copy| RawEdit {
            range: range(&copy.at),
            text: copy.instead.into(),
        }));
        if edits.is_empty() {
            return self.frame.raw.clone();
        }
        self.frame
            .with_data(&splice::apply(&self.data, 0..self.data.len(), edits))
    }
}

fn range(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}
