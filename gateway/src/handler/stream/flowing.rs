//! A stream that is guarded as it flows.

use std::rc::Rc;
use std::time::{Duration, Instant};

use parapet_guardrails::guardrail::{Guardrail, TextGuardrail};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::Outcome;
use parapet_policy::plan::Planned as Entry;

use super::coverage::Coverage;
use super::delivery::Delivery;
use super::services::Windows;
use super::{Job, Watchers};
use crate::edge::{Cut, Frames};
use crate::handler::error::Failure;
use crate::handler::plan::Planned;
use crate::handler::told::{note_about, note_usage};
use crate::llm::sse::Decoder;
use crate::llm::stream::{Event, EventKind};
use crate::pipeline::block::{Blocked, Blocker};
use crate::pipeline::stream::flow::{Flow, FlowError};
use crate::pipeline::stream::guards::{Guards, Tally, record_stream};

/// Relays the stream through its guardrails until it ends, is stopped, or the client goes away.
pub(super) async fn run(job: Job, watchers: Watchers, frames: Frames) -> Result<(), Cut> {
    let Job {
        planned,
        request,
        limits,
        mut upstream,
        client,
    } = job;
    let (planned, request) = (Rc::new(planned), Rc::new(request));
    let settings = &planned.snapshot.settings;
    let dialect = request.request.dialect();
    let guards = Guards::new(texts(&planned, &watchers.flowing), settings.hold_back_bytes);
    let flow = Flow::new(
        dialect,
        &guards,
        Some(&request.request),
        limits,
        settings.answer_bytes,
    );
    let mut guarded = Guarded::new(&planned, &watchers.flowing, flow);
    let mut windows = Windows::new(&planned, &request, &watchers.windowed, client.clone());
    let mut delivery = Delivery::new(frames, &planned, &request, watchers.observing, client);
    let mut decoder = Decoder::new(settings.stream_event_bytes);
    let mut coverage = Coverage::new(&planned);
    let result = async {
        while let Some(chunk) = upstream
            .chunk()
            .await
            .inspect_err(|e| planned.note_error(e))?
        {
            decoder.push(chunk);
            while let Some(frame) = decoder.next_frame().map_err(|_| unreadable())? {
                let event = Event::read(dialect, frame);
                note(&planned, &event);
                coverage.check(&event)?;
                guarded.event(event)?;
            }
            guarded.settle()?;
            windows
                .send(guarded.flow.take(), dialect, &mut delivery)
                .await?;
        }
        planned.note_complete();
        if let Some(frame) = decoder.finish() {
            let event = Event::read(dialect, frame);
            note(&planned, &event);
            coverage.check(&event)?;
            guarded.event(event)?;
        }
        guarded.finish()?;
        windows
            .send(guarded.flow.take(), dialect, &mut delivery)
            .await?;
        windows.finish(dialect, &mut delivery).await?;
        delivery.finish().await
    }
    .await;
    if let Err(failure) = result {
        // Nothing more of the answer is wanted: the upstream is let go at once.
        drop(upstream);
        // What was judged before still goes.
        if !windows.is_active() {
            let _ = delivery.send(guarded.flow.take()).await;
        }
        delivery.say(planned.stopped(&failure, dialect)).await;
    }
    drop(guarded);
    windows.report();
    Ok(())
}

/// Notes tokens, the time to the first text, and what the stream says about the answer: with its first event that has
/// data, and with those that end an answer.
pub(super) fn note(planned: &Planned, event: &Event) {
    let first = planned.recording.with(|record| {
        let attempt = record.attempts.last();
        attempt.is_some_and(|one| one.response_id.is_none() && one.first_text_us.is_none())
    });
    let says = first && event.kind == EventKind::Chunk;
    let ends = !event.ended.is_empty() || event.usage.is_some();
    if !says && !ends && event.deltas.is_empty() {
        return;
    }
    let about = (says || ends).then(|| event.about());
    let now = planned.recording.now_us();
    planned.recording.with(|record| {
        let Some(attempt) = record.attempts.last_mut() else {
            return;
        };
        if !event.deltas.is_empty() && attempt.first_text_us.is_none() {
            attempt.first_text_us = Some(now.saturating_sub(attempt.start_us));
        }
        attempt.took_us = now.saturating_sub(attempt.start_us);
        if let Some(usage) = event.usage {
            note_usage(attempt, usage);
        }
        if let Some(about) = about {
            note_about(attempt, about);
        }
    });
}

fn texts<'a>(
    planned: &'a Planned,
    entries: &'a [Entry],
) -> impl Iterator<
    Item = (
        &'a dyn TextGuardrail,
        parapet_policy::outcome::Operation,
        parapet_policy::outcome::Strategy,
    ),
> {
    entries.iter().filter_map(|entry| {
        let ready = planned.snapshot.guardrails.get(entry.guardrail as usize)?;
        match ready.guardrail()? {
            Guardrail::Text(text) => Some((&**text, entry.operation, entry.strategy)),
            Guardrail::Context(_) | Guardrail::Service(_) => None,
        }
    })
}

pub(super) fn unreadable() -> Failure {
    Failure::Upstream("the model's stream cannot be read, and a guardrail has to see it".to_owned())
}

/// A flow with the records of its guardrails, which are written however it ends.
struct Guarded<'a> {
    planned: &'a Planned,
    entries: &'a [Entry],
    flow: Flow<'a>,
    start_us: u64,
    busy: Duration,
    /// The guardrail that stopped it.
    stopped: Option<usize>,
}

impl<'a> Guarded<'a> {
    fn new(planned: &'a Planned, entries: &'a [Entry], flow: Flow<'a>) -> Self {
        let start_us = planned.recording.now_us();
        Self {
            planned,
            entries,
            flow,
            start_us,
            busy: Duration::ZERO,
            stopped: None,
        }
    }

    fn event(&mut self, event: Event) -> Result<(), Failure> {
        self.timed(|flow| flow.event(event))
    }

    /// Judges what has arrived.
    fn settle(&mut self) -> Result<(), Failure> {
        self.timed(Flow::settle)
    }

    fn timed(
        &mut self,
        work: impl FnOnce(&mut Flow<'a>) -> Result<(), FlowError>,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let result = work(&mut self.flow);
        self.busy += began.elapsed();
        result.map_err(|error| self.failure(error))
    }

    fn finish(&mut self) -> Result<(), Failure> {
        let result = self.flow.finish();
        result.map_err(|error| self.failure(error))
    }

    fn failure(&mut self, error: FlowError) -> Failure {
        match error {
            FlowError::Unreadable => unreadable(),
            FlowError::Stop(stop) => {
                self.stopped = Some(stop.guard);
                let entry = self.entries.get(stop.guard);
                let tally = self
                    .flow
                    .tally()
                    .get(stop.guard)
                    .cloned()
                    .unwrap_or_default();
                Failure::Blocked(Blocked {
                    hook: Hook::LlmOutput,
                    by: vec![Blocker {
                        selector: entry
                            .map_or_else(|| "?".into(), |entry| self.planned.selector(entry)),
                        outcome: Outcome::Violation {
                            explanation: explain(&tally).into(),
                        },
                        categories: tally
                            .categories
                            .into_iter()
                            .map(|(category, _)| category)
                            .collect(),
                        custom_error_message: entry
                            .and_then(|entry| entry.custom_error_message.clone()),
                    }],
                })
            }
        }
    }
}

impl Drop for Guarded<'_> {
    fn drop(&mut self) {
        let busy_us = u64::try_from(self.busy.as_micros()).unwrap_or(u64::MAX);
        let share = busy_us / self.entries.len().max(1) as u64;
        for (guard, entry) in self.entries.iter().enumerate() {
            let tally = self.flow.tally().get(guard).cloned().unwrap_or_default();
            let stopped = self.stopped == Some(guard);
            let guardrails = &self.planned.snapshot.guardrails;
            let recording = &self.planned.recording;
            record_stream(
                entry,
                guardrails,
                recording,
                &tally,
                stopped,
                (self.start_us, share),
            );
        }
    }
}

/// `us_ssn in the answer's stream`.
fn explain(tally: &Tally) -> String {
    let categories: Vec<&str> = tally
        .categories
        .iter()
        .map(|(category, _)| category.as_ref())
        .collect();
    format!("{} in the answer", categories.join(", "))
}
