//! Services that see a stream in windows: each piece leaves when it has been judged.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use parapet_guardrails::client::HttpClient;
use parapet_policy::bundle::StreamMode;
use parapet_policy::hook::Hook;
use parapet_policy::plan::Planned as Entry;
use parapet_policy::record::{GuardrailRecord, Record};

use super::super::flowing::send;
use super::{judge, write};
use crate::edge::Frames;
use crate::handler::error::Failure;
use crate::handler::payload::RequestPayload;
use crate::handler::plan::Planned;
use crate::llm::sse::Decoder;
use crate::llm::stream::{ChannelKey, Event};
use crate::llm::{self, Dialect};
use crate::pipeline::recording::Recording;
use crate::pipeline::stage::Stage;
use crate::pipeline::stream::assembly::Assembly;

/// The windowed guardrails of one stream. Without any, everything passes at once.
pub(in crate::handler::stream) struct Windows<'a> {
    planned: &'a Planned,
    request: &'a RequestPayload,
    entries: &'a [Entry],
    client: Arc<dyn HttpClient>,
    /// Bytes of new text that make a window, and of earlier text that go with it: the smallest window and
    /// the largest overlap of all guardrails.
    size: usize,
    overlap: usize,
    decoder: Decoder,
    waiting: Vec<Event>,
    waiting_text: usize,
    /// The end of each text that has gone.
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
            entries,
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
        !self.entries.is_empty()
    }

    /// Takes events that the local guardrails have let go, and sends those whose window is judged.
    pub(in crate::handler::stream) async fn send(
        &mut self,
        out: Vec<Bytes>,
        dialect: Dialect,
        frames: &Frames,
    ) -> Result<(), Failure> {
        if !self.is_active() {
            send(out, frames).await;
            return Ok(());
        }
        for piece in out {
            self.decoder.push(piece);
            while let Ok(Some(frame)) = self.decoder.next_frame() {
                let event = Event::read(dialect, frame);
                self.waiting_text += event
                    .deltas
                    .iter()
                    .map(|delta| event.text(delta).len())
                    .sum::<usize>();
                self.waiting.push(event);
            }
        }
        if self.waiting_text >= self.size {
            self.judge(dialect, frames).await
        } else {
            Ok(())
        }
    }

    /// Judges and sends what is left.
    pub(in crate::handler::stream) async fn finish(
        &mut self,
        dialect: Dialect,
        frames: &Frames,
    ) -> Result<(), Failure> {
        if self.is_active() {
            self.judge(dialect, frames).await
        } else {
            Ok(())
        }
    }

    async fn judge(&mut self, dialect: Dialect, frames: &Frames) -> Result<(), Failure> {
        let events = std::mem::take(&mut self.waiting);
        self.waiting_text = 0;
        let mut fresh = Assembly::new(dialect);
        for event in &events {
            fresh.push(event);
        }
        if fresh.channels().is_empty() {
            send(
                events.iter().map(|event| event.raw().clone()).collect(),
                frames,
            )
            .await;
            return Ok(());
        }
        let window = fresh.with_context(&self.context);
        let (recording, records) = self.recording();
        let stage = self
            .planned
            .stage_of(Hook::LlmOutput, self.entries, self.client.clone());
        let stage = Stage {
            recording: &recording,
            ..stage
        };
        let result = judge(&stage, self.request, &window, &llm::Limits::default()).await;
        drop(stage);
        drop(recording);
        self.merge(records.take());
        let body = result?;
        let Some(body) = window.without_context(&self.context, &body) else {
            // A service that changes what has gone already: that cannot be done, so it must not go on.
            return Err(Failure::Upstream(
                "a guardrail changed text that has left already".to_owned(),
            ));
        };
        send(vec![write(&events, &fresh, &body)], frames).await;
        self.remember(&fresh);
        Ok(())
    }

    /// Keeps the end of each text for the next window.
    fn remember(&mut self, fresh: &Assembly) {
        for (key, text) in fresh
            .channels()
            .iter()
            .filter(|(key, _)| !key.kind.is_json())
        {
            let known = self.context.iter().position(|(known, _)| known == key);
            let index = known.unwrap_or_else(|| {
                self.context.push((key.clone(), String::new()));
                self.context.len() - 1
            });
            if let Some((_, kept)) = self.context.get_mut(index) {
                kept.push_str(text);
                let mut cut = kept.len().saturating_sub(self.overlap);
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
        let id = self
            .planned
            .recording
            .with(|record| record.request_id.clone());
        let sink = Rc::new(move |record| kept.borrow_mut().push(record));
        (Recording::begin(id, "window", sink), records)
    }

    fn merge(&mut self, records: Vec<Record>) {
        for mut entry in records.into_iter().flat_map(|record| record.guardrails) {
            let known = self
                .records
                .iter_mut()
                .find(|known| known.selector == entry.selector);
            let Some(known) = known else {
                entry.start_us = self
                    .planned
                    .recording
                    .now_us()
                    .saturating_sub(entry.took_us);
                self.records.push(entry);
                continue;
            };
            known.took_us += entry.took_us;
            known.edits += entry.edits;
            if rank(entry.outcome) > rank(known.outcome) {
                known.outcome = entry.outcome;
                known.failure = entry.failure;
                known.skipped = entry.skipped;
            }
            for (category, count) in entry.categories {
                match known
                    .categories
                    .iter_mut()
                    .find(|(seen, _)| *seen == category)
                {
                    Some((_, seen)) => *seen += count,
                    None => known.categories.push((category, count)),
                }
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

/// Which outcome stands for several windows.
fn rank(outcome: &str) -> u8 {
    match outcome {
        "violation" => 4,
        "failed" => 3,
        "changed" => 2,
        "clean" => 1,
        _ => 0,
    }
}
