//! A stream's events on their way through: held, released, rewritten, in order.
//!
//! Events wait in [`lanes`]. An event leaves when all the text before it in its lane has been judged; of an event
//! whose text is safe in part, that part leaves as an event of its own.

mod lanes;

use bytes::Bytes;
use std::ops::Range;

use self::lanes::{Item, Lanes};
use super::channel::{Channel, Stop};
use super::guards::{Guards, Tally};
use super::held::HeldCall;
use super::spot::Spot;
use crate::llm::stream::{ChannelKey, ChannelKind, Event, EventKind, Writer};
use crate::llm::{Dialect, Limits, Request};

/// A stream may have so many channels; more are taken for an attack.
const MAX_CHANNELS: usize = 4096;

/// Why a stream ends before its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FlowError {
    /// A guardrail stops it.
    Stop(Stop),
    /// It cannot be judged: an event that cannot be read, text after its end, or more held than is allowed.
    Unreadable,
}

impl From<Stop> for FlowError {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// One stream on its way through the text guardrails.
pub struct Flow<'a> {
    dialect: Dialect,
    guards: &'a Guards<'a>,
    request: Option<&'a Request>,
    limits: Limits,
    /// Bytes of events that may wait.
    max_held: usize,
    held: usize,
    tally: Vec<Tally>,
    channels: Vec<(ChannelKey, State)>,
    lanes: Lanes,
    /// Events that come after everything else: the usage chunk.
    tail: Vec<Bytes>,
    /// Answers of which some text has been changed.
    changed: Vec<u32>,
    /// Answers that are complete.
    ended: Vec<u32>,
    /// Text blocks that go on where another one ended, and the first of their run: like in an answer that does
    /// not stream, consecutive text blocks are one text.
    runs: Vec<(u32, u32)>,
    /// The first block of a run of which nobody knows yet whether it goes on.
    open_run: Option<u32>,
    /// Whether the stream has said that it is complete.
    over: bool,
    writer: Writer,
    out: Vec<Bytes>,
}

/// A channel, by how its text is judged.
enum State {
    Flowing(Box<Channel>),
    Held(HeldCall),
}

impl<'a> Flow<'a> {
    /// A stream of `dialect` that answers `request`.
    pub fn new(
        dialect: Dialect,
        guards: &'a Guards<'a>,
        request: Option<&'a Request>,
        limits: Limits,
        max_held: usize,
    ) -> Self {
        Self {
            dialect,
            guards,
            request,
            limits,
            max_held,
            held: 0,
            tally: vec![Tally::default(); guards.len()],
            channels: Vec::new(),
            lanes: Lanes::default(),
            tail: Vec::new(),
            changed: Vec::new(),
            ended: Vec::new(),
            runs: Vec::new(),
            open_run: None,
            over: false,
            writer: Writer::new(dialect),
            out: Vec::new(),
        }
    }

    /// What each guardrail has found so far.
    pub fn tally(&self) -> &[Tally] {
        &self.tally
    }

    /// What may leave now.
    pub fn take(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.out)
    }

    /// Takes the next event. Its text waits for [`Self::settle`]: events that arrive together are judged together.
    ///
    /// # Errors
    /// See [`FlowError`]. What has been released before may still leave.
    pub fn event(&mut self, event: Event) -> Result<(), FlowError> {
        let taken = self.take_event(event);
        if taken.is_err() {
            // What was judged before still leaves.
            self.release();
        }
        taken
    }

    fn take_event(&mut self, mut event: Event) -> Result<(), FlowError> {
        if event.whole().is_some() {
            // What came before it leaves, whatever it says.
            self.settle()?;
        }
        if let Some(whole) = event.whole_mut() {
            self.guards.judge_whole(whole, &mut self.tally, None)?;
        }
        match event.kind {
            EventKind::Nothing | EventKind::Ping => {
                self.settle()?;
                self.out.push(event.with(&[], &[]));
                return Ok(());
            }
            EventKind::Broken => {
                self.settle()?;
                if self.guards.holds() {
                    return Err(FlowError::Unreadable);
                }
                // Audits hold nothing, not even what cannot be read.
                self.out.push(event.raw().clone());
                return Ok(());
            }
            EventKind::UsageOnly => {
                self.settle()?;
                self.tail.push(event.with(&[], &[]));
                self.flush_tail();
                return Ok(());
            }
            // Nothing is expected after these, so nothing waits.
            EventKind::Done | EventKind::Error if event.deltas.is_empty() => {
                self.finish()?;
                self.over |= event.kind == EventKind::Done;
                self.out.push(event.with(&[], &self.changed));
                return Ok(());
            }
            EventKind::Chunk | EventKind::Error | EventKind::Done => {}
        }
        self.go_on_or_end(&event)?;
        self.writer.observe(&event);
        let spans = self.judge(&event)?;
        let ended = event.ended.clone();
        self.held += event.raw().len();
        self.lanes.push(self.dialect, event, spans);
        for answer in ended {
            match self.text_run(answer) {
                Some(first) => self.open_run = Some(first),
                None => self.end_answer(answer)?,
            }
            if !self.ended.contains(&answer) {
                self.ended.push(answer);
            }
        }
        if self.held > self.max_held {
            self.settle()?;
        }
        if self.held > self.max_held {
            return Err(FlowError::Unreadable);
        }
        Ok(())
    }

    /// Judges the text that has come, and lets go what is safe: when no further event has arrived yet.
    ///
    /// # Errors
    /// See [`FlowError`]. What stands before a violation may still leave.
    pub fn settle(&mut self) -> Result<(), FlowError> {
        let mut settled = Ok(());
        for (_, state) in &mut self.channels {
            if let State::Flowing(channel) = state {
                settled = settled.and(channel.settle(self.guards, &mut self.tally));
            }
        }
        self.release();
        self.flush_tail();
        Ok(settled?)
    }

    /// Says that no more events come: everything is judged and leaves.
    ///
    /// # Errors
    /// See [`FlowError`].
    pub fn finish(&mut self) -> Result<(), FlowError> {
        let ended = (0..self.channels.len()).try_for_each(|index| self.end_channel(index));
        self.release();
        self.flush_tail();
        ended
    }

    /// Gives an event's text to its channels.
    fn judge(&mut self, event: &Event) -> Result<Vec<(usize, Range<usize>)>, FlowError> {
        let mut spans = Vec::with_capacity(event.deltas.len());
        for delta in &event.deltas {
            // What came before it was judged as complete, and has gone.
            if self.over || self.ended.contains(&delta.channel.answer) {
                return Err(FlowError::Unreadable);
            }
            let index = self.channel(&self.run_of(&delta.channel))?;
            let text = event.text(delta);
            if delta.channel.kind == ChannelKind::ToolName {
                self.name_call(&delta.channel, &text)?;
            }
            let Some((_, state)) = self.channels.get_mut(index) else {
                continue;
            };
            let start = state.end();
            match state {
                State::Flowing(channel) => channel.push(&text),
                State::Held(call) => call.push(&text),
            }
            spans.push((index, start..start + text.len()));
        }
        Ok(spans)
    }

    /// The place of a channel, which is made when it is new.
    fn channel(&mut self, key: &ChannelKey) -> Result<usize, FlowError> {
        if let Some(index) = self.channels.iter().rposition(|(known, _)| known == key) {
            return Ok(index);
        }
        if self.channels.len() >= MAX_CHANNELS {
            return Err(FlowError::Unreadable);
        }
        let spot = Spot::new(self.dialect, key.clone());
        let state = if key.kind.is_json() {
            State::Held(HeldCall::new(spot))
        } else {
            let channel = Channel::new(key.kind.segment(), spot, self.guards);
            State::Flowing(Box::new(channel))
        };
        self.channels.push((key.clone(), state));
        Ok(self.channels.len() - 1)
    }

    /// Tells a call's arguments the name of the tool: its schema says which numbers must stay numbers.
    fn name_call(&mut self, key: &ChannelKey, piece: &str) -> Result<(), FlowError> {
        let arguments = ChannelKey {
            kind: ChannelKind::Arguments,
            ..key.clone()
        };
        let index = self.channel(&arguments)?;
        if let Some((_, State::Held(call))) = self.channels.get_mut(index) {
            call.name(piece);
        }
        Ok(())
    }

    /// The first block of the run that a text block belongs to; none for what is no text block.
    fn text_run(&self, block: u32) -> Option<u32> {
        if self.dialect != Dialect::Anthropic {
            return None;
        }
        let key = self.run_of(&ChannelKey {
            answer: block,
            kind: ChannelKind::Text,
            call: 0,
        });
        let of_block = |known: &&(ChannelKey, State)| known.0.answer == block || known.0 == key;
        let mut channels = self.channels.iter().filter(of_block);
        // A block with other texts too is judged to its end.
        (channels.next()?.0 == key && channels.next().is_none()).then_some(key.answer)
    }

    /// The channel that a text belongs to: the first of the run of its block.
    fn run_of(&self, key: &ChannelKey) -> ChannelKey {
        let mut key = key.clone();
        if key.kind == ChannelKind::Text
            && let Some((_, first)) = self.runs.iter().rfind(|(block, _)| *block == key.answer)
        {
            key.answer = *first;
        }
        key
    }

    /// After a text block: another one goes on with its text, anything else ends it.
    fn go_on_or_end(&mut self, event: &Event) -> Result<(), FlowError> {
        let Some(first) = self.open_run.take() else {
            return Ok(());
        };
        if let Some((block, true)) = event.begins
            && !self.ended.contains(&block)
        {
            self.runs.push((block, first));
            return Ok(());
        }
        self.end_answer(first)
    }

    fn end_answer(&mut self, answer: u32) -> Result<(), FlowError> {
        for index in 0..self.channels.len() {
            if self
                .channels
                .get(index)
                .is_some_and(|(key, _)| key.answer == answer)
            {
                self.end_channel(index)?;
            }
        }
        Ok(())
    }

    fn end_channel(&mut self, index: usize) -> Result<(), FlowError> {
        let Some((key, state)) = self.channels.get_mut(index) else {
            return Ok(());
        };
        match state {
            State::Flowing(channel) => channel.finish(self.guards, &mut self.tally)?,
            State::Held(call) => {
                call.judge(self.guards, &mut self.tally, self.request, &self.limits)?;
                if call.is_changed() && !self.changed.contains(&key.answer) {
                    self.changed.push(key.answer);
                }
            }
        }
        Ok(())
    }

    fn release(&mut self) {
        let mut lanes = std::mem::take(&mut self.lanes);
        lanes.release(|item| self.release_item(item));
        self.lanes = lanes;
        for (_, state) in &mut self.channels {
            if let State::Flowing(channel) = state {
                channel.forget(channel.released(), self.guards);
            }
        }
    }

    /// Lets an event go, or what of it is safe; gives it back while some of it is not.
    fn release_item(&mut self, mut item: Item) -> Option<Item> {
        let safe = |flow: &Self, channel: usize| {
            flow.channels
                .get(channel)
                .map_or(usize::MAX, |(_, state)| state.safe())
        };
        if item
            .spans
            .iter()
            .any(|(channel, span)| safe(self, *channel) < span.end)
        {
            // Only a single text can be cut in two; several wait for each other.
            if let ([(channel, span)], [delta]) =
                (item.spans.as_mut_slice(), item.event.deltas.as_slice())
            {
                let to = safe(self, *channel);
                if to > span.start {
                    self.release_part(*channel, &delta.channel, span.start..to);
                    span.start = to;
                    item.begun = true;
                }
            }
            return Some(item);
        }
        self.held = self.held.saturating_sub(item.event.raw().len());
        self.release_whole(item);
        None
    }

    fn release_part(&mut self, channel: usize, key: &ChannelKey, span: Range<usize>) {
        let Some((_, State::Flowing(text))) = self.channels.get_mut(channel) else {
            return;
        };
        let rendered = text.render(span.clone());
        if !rendered.is_empty() {
            self.out.push(self.writer.delta(key, &rendered));
        }
        if text.is_edited(&span) && !self.changed.contains(&key.answer) {
            self.changed.push(key.answer);
        }
        text.let_go(span.end);
    }

    fn release_whole(&mut self, item: Item) {
        let Item {
            event,
            spans,
            begun,
            ..
        } = item;
        let mut replaced: Vec<(usize, String)> = Vec::new();
        for (delta, (channel, span)) in spans.iter().enumerate() {
            let (Some((_, state)), Some(key)) = (
                self.channels.get_mut(*channel),
                event.deltas.get(delta).map(|delta| &delta.channel),
            ) else {
                continue;
            };
            let edited = match state {
                State::Flowing(text) => {
                    let edited = text.is_edited(span);
                    if edited || begun {
                        replaced.push((delta, text.render(span.clone()).into_owned()));
                    }
                    text.let_go(span.end);
                    edited
                }
                State::Held(call) => {
                    if let Some(text) = call.render(span) {
                        replaced.push((delta, text.to_owned()));
                    }
                    call.is_changed()
                }
            };
            if edited && !self.changed.contains(&key.answer) {
                self.changed.push(key.answer);
            }
        }
        let nothing_left = !spans.is_empty()
            && replaced.len() == spans.len()
            && replaced.iter().all(|(_, t)| t.is_empty());
        if nothing_left && event.is_bare() {
            return;
        }
        let replaced: Vec<(usize, &str)> = replaced
            .iter()
            .map(|(i, text)| (*i, text.as_str()))
            .collect();
        // What repeats text that is yet to come would come before the judgement.
        let early = event.repeats_alone().filter(|_| self.guards.holds());
        let changed: Vec<u32> = self.changed.iter().copied().chain(early).collect();
        self.out.push(event.with(&replaced, &changed));
    }

    fn flush_tail(&mut self) {
        if self.lanes.is_empty() {
            self.out.append(&mut self.tail);
        }
    }
}

impl State {
    fn end(&self) -> usize {
        match self {
            Self::Flowing(channel) => channel.end(),
            Self::Held(call) => call.len(),
        }
    }

    fn safe(&self) -> usize {
        match self {
            Self::Flowing(channel) => channel.safe(),
            Self::Held(call) => call.safe(),
        }
    }
}

#[cfg(test)]
mod tests;
