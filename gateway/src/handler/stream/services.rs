//! Guardrails that cannot scan a stream as it flows: asked once, shown the whole, or windows of it.

use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parapet_guardrails::client::HttpClient;
use parapet_policy::hook::Hook;
use parapet_policy::plan::Planned as Entry;

use super::coverage::Coverage;
use super::flowing::note;
use super::{Job, Watchers};
use crate::handler::error::Failure;
use crate::handler::payload::{AssembledPayload, RequestPayload, ResponsePayload};
use crate::handler::plan::Planned;
use crate::handler::tools::Gate;
use crate::llm::sse::Decoder;
use crate::llm::stream::assembly::{Assembly, Changes};
use crate::llm::stream::{ChannelKey, Event, EventKind};
use crate::llm::{self, Response};
use crate::pipeline::hook;
use crate::pipeline::stage::Stage;

mod windows;

pub(super) use windows::Windows;

/// Guardrails that judge no text, and those that do not build.
pub(super) async fn ask_at_once(job: &Job, watchers: &Watchers) -> Result<(), Failure> {
    if watchers.at_once.is_empty() {
        return Ok(());
    }
    let texts = job.request.request.no_texts();
    let mut payload = ResponsePayload {
        request: &job.request,
        response: None,
        texts,
    };
    let stage = job
        .planned
        .stage_of(Hook::LlmOutput, &watchers.at_once, job.client.clone());
    hook::run(&stage, &mut payload).await?.finish().await?;
    Ok(())
}

/// Reads the whole stream, judges it like an answer that does not stream, and gives its events with what
/// was changed.
pub(super) async fn judge_whole(job: Job, watchers: &Watchers) -> Result<Bytes, Failure> {
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
    let mut decoder = Decoder::new(settings.stream_event_bytes);
    let mut events: Vec<Event> = Vec::new();
    let mut assembly = Assembly::new(dialect);
    let mut held = 0;
    while let Some(chunk) = upstream
        .chunk()
        .await
        .inspect_err(|e| planned.note_error(e))?
    {
        held += chunk.len();
        if held > settings.answer_bytes {
            return Err(Failure::Upstream(
                "the model's answer is too large".to_owned(),
            ));
        }
        decoder.push(chunk);
        while let Some(frame) = decoder.next_frame().map_err(|_| unreadable())? {
            events.push(Event::read(dialect, frame));
        }
    }
    planned.note_complete();
    events.extend(decoder.finish().map(|frame| Event::read(dialect, frame)));
    let mut coverage = Coverage::new(&planned);
    for event in &events {
        if event.kind == EventKind::Broken {
            return Err(unreadable());
        }
        note(&planned, event);
        coverage.check(event)?;
        assembly.push(event);
    }
    let asked = |entry: &&Entry| {
        watchers
            .at_once
            .iter()
            .any(|at_once| at_once.guardrail == entry.guardrail)
    };
    let entries: Vec<Entry> = planned
        .entries(Hook::LlmOutput)
        .iter()
        .filter(|entry| !asked(entry))
        .map(|entry| {
            // Who observes does so under audit, in whatever company.
            let mut observing = watchers.observing.iter();
            observing
                .find(|observing| observing.guardrail == entry.guardrail)
                .unwrap_or(entry)
                .clone()
        })
        .collect();
    let stage = planned.stage_of(Hook::LlmOutput, &entries, client.clone());
    let changes = judge(&stage, &request, &assembly, &limits).await?;
    drop(stage);
    let judged = write(&mut events, changes);
    let Some(mut gate) = Gate::of(&planned, &request, &client) else {
        return Ok(judged);
    };
    let mut passed = Vec::new();
    gate.pass(vec![judged], &mut passed).await?;
    gate.finish(&mut passed).await?;
    Ok(passed.concat().into())
}

/// Runs guardrails over an assembled answer, and gives what they changed.
async fn judge(
    stage: &Stage<'_>,
    request: &RequestPayload,
    assembly: &Assembly,
    limits: &llm::Limits,
) -> Result<Changes, Failure> {
    let response = Response::parse(request.request.dialect(), Arc::new(assembly.body()))
        .map_err(|_| unreadable())?;
    let texts = response
        .texts(Some(&request.request), limits)
        .map_err(|_| unreadable())?;
    let answer = ResponsePayload {
        request,
        response: Some(&response),
        texts,
    };
    let mut payload = AssembledPayload { answer, assembly };
    hook::run(stage, &mut payload).await?.finish().await?;
    let texts = payload.answer.texts;
    if !texts.is_edited() {
        return Ok(Changes::default());
    }
    let body = texts.to_bytes();
    let body = std::str::from_utf8(&body).map_err(|_| unreadable())?;
    assembly.changes(body).map_err(|_| unreadable())
}

/// The events with what was changed, each channel's text as a whole.
pub(in crate::handler) fn write(events: &mut [Event], changes: Changes) -> Bytes {
    let Changes {
        channels,
        values,
        answers,
    } = changes;
    for (event, at, json) in values {
        if let Some(event) = events.get_mut(event) {
            event.put(&at, json);
        }
    }
    let mut changed: Vec<(ChannelKey, Option<String>)> = channels
        .into_iter()
        .map(|(key, text)| (key, Some(text)))
        .collect();
    let mut out = BytesMut::new();
    for event in events {
        let mut replaced: Vec<(usize, String)> = Vec::new();
        for (index, delta) in event.deltas.iter().enumerate() {
            let changed = changed.iter_mut().find(|(key, _)| *key == delta.channel);
            if let Some((_, text)) = changed {
                // All of the new text goes with the first piece of the old one.
                replaced.push((index, text.take().unwrap_or_default()));
            }
        }
        let empty =
            replaced.len() == event.deltas.len() && replaced.iter().all(|(_, t)| t.is_empty());
        if event.is_bare() && empty && !replaced.is_empty() {
            continue;
        }
        let replaced: Vec<(usize, &str)> = replaced
            .iter()
            .map(|(i, text)| (*i, text.as_str()))
            .collect();
        out.extend_from_slice(&event.with(&replaced, &answers));
    }
    out.freeze()
}

/// Shows services an answer, or what of it has gone. They hold nothing, and nothing waits for them but the
/// record.
pub(super) async fn observe(
    planned: &Planned,
    request: &RequestPayload,
    entries: &[Entry],
    body: String,
    client: Arc<dyn HttpClient>,
) {
    let Ok(response) = Response::parse(request.request.dialect(), Arc::new(body)) else {
        return;
    };
    let Ok(texts) = response.texts(Some(&request.request), &llm::Limits::default()) else {
        return;
    };
    let mut payload = ResponsePayload {
        request,
        response: Some(&response),
        texts,
    };
    let stage = planned.stage_of(Hook::LlmOutput, entries, client);
    if let Ok(mut race) = hook::run(&stage, &mut payload).await {
        // Under audit nothing runs in the race.
        let _ = race.finish().await;
    }
}

fn unreadable() -> Failure {
    Failure::Upstream("the model's stream cannot be read, and a guardrail has to see it".to_owned())
}
