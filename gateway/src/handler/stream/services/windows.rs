//! Services that see a stream in windows: each piece leaves when it has been judged.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use parapet_guardrails::client::HttpClient;
use parapet_policy::bundle::StreamMode;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::FailureClass;
use parapet_policy::plan::Planned as Entry;
use parapet_policy::record::{GuardrailRecord, Record};

use super::super::delivery::Delivery;
use super::{judge, unreadable, write};
use crate::handler::error::Failure;
use crate::handler::payload::RequestPayload;
use crate::handler::plan::Planned;
use crate::llm::sse::Decoder;
use crate::llm::stream::assembly::{Assembly, Changes};
use crate::llm::stream::{ChannelKey, ChannelKind, Event, EventKind};
use crate::llm::{self, Dialect};
use crate::pipeline::merged;
use crate::pipeline::recording::Recording;
use crate::pipeline::stage::Stage;

/// How much of a tool's name is kept at most.
const TOOL_NAME: usize = 256;

/// The windowed guardrails of one stream. Without any, everything passes at once.
pub(in crate::handler::stream) struct Windows<'a> {
    planned: &'a Planned,
    request: &'a RequestPayload,
    /// Those that are asked. One that did not answer in time is not asked again: each window would wait for it.
    entries: Vec<Entry>,
    active: bool,
    client: Arc<dyn HttpClient>,
    /// Bytes of new text that make a window, and of earlier text that go with it: the smallest window and
    /// the largest overlap of all guardrails.
    size: usize,
    overlap: usize,
    decoder: Decoder,
    waiting: Vec<Event>,
    waiting_text: usize,
    /// The end of each text that has gone, as it left.
    context: Vec<(ChannelKey, String)>,
    records: Vec<GuardrailRecord>,
}

impl<'a> Windows<'a> {
    pub(in crate::handler::stream) fn new(
        planned: &'a Planned,
        request: &'a RequestPayload,
        entries: &'a [Entry],
        client: Arc<dyn HttpClient>,
    ) -> Self {
        let (mut smallest, mut largest) = (usize::MAX, 0);
        for entry in entries {
            let ready = planned.snapshot.guardrails.get(entry.guardrail as usize);
            if let Some(StreamMode::Windowed { size, overlap }) = ready.map(|ready| ready.streaming)
            {
                smallest = smallest.min(size as usize);
                largest = largest.max(overlap as usize);
            }
        }
        Self {
            planned,
            request,
            entries: entries.to_vec(),
            active: !entries.is_empty(),
            client,
            size: smallest,
            overlap: largest,
            decoder: Decoder::new(usize::MAX),
            waiting: Vec::new(),
            waiting_text: 0,
            context: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Whether anything is held here.
    pub(in crate::handler::stream) const fn is_active(&self) -> bool {
        self.active
    }

    /// Takes events that the local guardrails have let go, and sends those whose window is judged.
    pub(in crate::handler::stream) async fn send(
        &mut self,
        out: Vec<Bytes>,
        dialect: Dialect,
        delivery: &mut Delivery,
    ) -> Result<(), Failure> {
        if !self.is_active() {
            return delivery.send(out).await;
        }
        for piece in out {
            self.decoder.push(piece);
            while let Ok(Some(frame)) = self.decoder.next_frame() {
                self.wait(Event::read(dialect, frame))?;
            }
        }
        if self.waiting_text >= self.size || self.entries.is_empty() {
            self.judge(dialect, delivery).await
        } else {
            Ok(())
        }
    }

    /// Judges and sends what is left.
    pub(in crate::handler::stream) async fn finish(
        &mut self,
        dialect: Dialect,
        delivery: &mut Delivery,
    ) -> Result<(), Failure> {
        if !self.is_active() {
            return Ok(());
        }
        if let Some(frame) = self.decoder.finish() {
            self.wait(Event::read(dialect, frame))?;
        }
        self.judge(dialect, delivery).await
    }

    fn wait(&mut self, event: Event) -> Result<(), Failure> {
        if event.kind == EventKind::Broken {
            return Err(unreadable());
        }
        let texts = event.deltas.iter().map(|delta| event.text(delta).len());
        self.waiting_text += texts.sum::<usize>();
        if let Some(whole) = event.whole() {
            let texts = whole.segments();
            let lengths = (0..texts.list().len()).map(|index| texts.text(index).len());
            self.waiting_text += lengths.sum::<usize>();
        }
        self.waiting.push(event);
        Ok(())
    }

    async fn judge(&mut self, dialect: Dialect, delivery: &mut Delivery) -> Result<(), Failure> {
        let mut events = std::mem::take(&mut self.waiting);
        self.waiting_text = 0;
        let says = |event: &Event| !event.deltas.is_empty() || event.whole().is_some();
        if self.entries.is_empty() || !events.iter().any(says) {
            let raw = events.iter().map(|event| event.raw().clone());
            return delivery.send(raw.collect()).await;
        }
        let mut window = Assembly::new(dialect);
        for event in &events {
            window.push(event);
        }
        window.set_context(&self.context);
        let (recording, records) = self.recording();
        let stage = self
            .planned
            .stage_of(Hook::LlmOutput, &self.entries, self.client.clone());
        let stage = Stage {
            recording: &recording,
            ..stage
        };
        let result = judge(&stage, self.request, &window, &llm::Limits::default()).await;
        drop(stage);
        drop(recording);
        self.merge(records.take());
        let changes = result?;
        self.remember(&window, &changes);
        delivery.send(vec![write(&mut events, changes)]).await
    }

    /// Keeps the end of each text, as it leaves, for the next window.
    fn remember(&mut self, window: &Assembly, changes: &Changes) {
        for (key, text) in window.channels().filter(|(key, _)| !key.kind.is_json()) {
            let changed = changes.channels.iter().find(|(changed, _)| changed == key);
            let text = changed.map_or(text, |(_, text)| text);
            let known = self.context.iter().position(|(known, _)| known == key);
            let index = known.unwrap_or_else(|| {
                self.context.push((key.clone(), String::new()));
                self.context.len() - 1
            });
            if let Some((_, kept)) = self.context.get_mut(index) {
                kept.push_str(text);
                // The name of a tool goes with its arguments, however late they come.
                let keep = match key.kind {
                    ChannelKind::ToolName => TOOL_NAME,
                    _ => self.overlap,
                };
                let mut cut = kept.len().saturating_sub(keep);
                while !kept.is_char_boundary(cut) {
                    cut += 1;
                }
                kept.drain(..cut);
            }
        }
    }

    /// A record of one window, which is merged into one entry for each guardrail.
    fn recording(&self) -> (Recording, Rc<RefCell<Vec<Record>>>) {
        let records: Rc<RefCell<Vec<Record>>> = Rc::default();
        let kept = records.clone();
        let sink = Rc::new(move |record| kept.borrow_mut().push(record));
        (self.planned.recording.part(sink), records)
    }

    fn merge(&mut self, records: Vec<Record>) {
        for entry in records.into_iter().flat_map(|record| record.guardrails) {
            if entry.failure == Some(FailureClass::Timeout) {
                let guardrails = &self.planned.snapshot.guardrails;
                self.entries.retain(|asked| {
                    guardrails
                        .get(asked.guardrail as usize)
                        .is_none_or(|ready| ready.selector != entry.selector)
                });
            }
            let known = self
                .records
                .iter_mut()
                .find(|known| known.selector == entry.selector);
            match known {
                Some(known) => merged::add(known, entry),
                None => self.records.push(entry),
            }
        }
    }

    /// Writes down what the windows came to.
    pub(in crate::handler::stream) fn report(&mut self) {
        for entry in self.records.drain(..) {
            self.planned.recording.guardrail(entry);
        }
    }
}

impl Drop for Windows<'_> {
    fn drop(&mut self) {
        self.report();
    }
}
