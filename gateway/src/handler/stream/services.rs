//! Guardrails that cannot scan a stream as it flows: asked once, shown the whole, or windows of it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parapet_guardrails::client::HttpClient;
use parapet_policy::hook::Hook;
use parapet_policy::plan::Planned as Entry;

use super::flowing::note;
use super::{Job, Watchers};
use crate::handler::error::Failure;
use crate::handler::payload::{RequestPayload, ResponsePayload};
use crate::handler::plan::Planned;
use crate::llm::sse::Decoder;
use crate::llm::stream::{Event, EventKind};
use crate::llm::{self, Response};
use crate::pipeline::hook;
use crate::pipeline::stage::Stage;
use crate::pipeline::stream::assembly::Assembly;

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
    events.extend(decoder.finish().map(|frame| Event::read(dialect, frame)));
    for event in &events {
        if event.kind == EventKind::Broken {
            return Err(unreadable());
        }
        note(&planned, event);
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
        .cloned()
        .collect();
    let stage = planned.stage_of(Hook::LlmOutput, &entries, client);
    let body = judge(&stage, &request, &assembly, &limits).await?;
    judge_structure(&stage, &request, &mut events).await?;
    Ok(write(&events, &assembly, &body))
}

/// Runs guardrails over an assembled answer, and gives what it reads like afterwards.
async fn judge(
    stage: &Stage<'_>,
    request: &RequestPayload,
    assembly: &Assembly,
    limits: &llm::Limits,
) -> Result<serde_json::Value, Failure> {
    let response = Response::parse(request.request.dialect(), Arc::new(assembly.body()))
        .map_err(|_| unreadable())?;
    let texts = response
        .texts(Some(&request.request), limits)
        .map_err(|_| unreadable())?;
    let mut payload = ResponsePayload {
        request,
        response: Some(&response),
        texts,
    };
    hook::run(stage, &mut payload).await?.finish().await?;
    serde_json::from_slice(&payload.texts.to_bytes()).map_err(|_| unreadable())
}

/// Texts that come whole in an event (citations, results of the provider's tools) are not part of the
/// assembled answer; the local guardrails judge them in their place.
async fn judge_structure(
    stage: &Stage<'_>,
    request: &RequestPayload,
    events: &mut [Event],
) -> Result<(), Failure> {
    let local: Vec<Entry> = stage
        .plan
        .iter()
        .filter(|entry| !stage.is_slow(entry))
        .cloned()
        .collect();
    if local.is_empty() {
        return Ok(());
    }
    for event in events {
        if let Some(whole) = event.whole_mut() {
            let mut payload = ResponsePayload {
                request,
                response: None,
                texts: whole.clone(),
            };
            let stage = Stage {
                plan: &local,
                ..stage.clone()
            };
            hook::run(&stage, &mut payload).await?.finish().await?;
            *whole = payload.texts;
        }
    }
    Ok(())
}

/// The events, each channel's text replaced as a whole where it was changed.
fn write(events: &[Event], assembly: &Assembly, body: &serde_json::Value) -> Bytes {
    let mut changed: Vec<(&llm::stream::ChannelKey, String, bool)> = Vec::new();
    for (key, text) in assembly.channels() {
        if let Some(now) = assembly.read_back(body, key)
            && !same(key, &now, text)
        {
            changed.push((key, now, false));
        }
    }
    let answers: Vec<u32> = changed.iter().map(|(key, _, _)| key.answer).collect();
    let mut out = BytesMut::new();
    for event in events {
        let mut replaced: Vec<(usize, String)> = Vec::new();
        for (index, delta) in event.deltas.iter().enumerate() {
            if let Some((_, text, begun)) = changed
                .iter_mut()
                .find(|(key, _, _)| **key == delta.channel)
            {
                // All of the new text goes with the first piece of the old one.
                let first = !std::mem::replace(begun, true);
                replaced.push((
                    index,
                    if first {
                        std::mem::take(text)
                    } else {
                        String::new()
                    },
                ));
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

/// Arguments that went through JSON may be spaced in another way without having changed.
fn same(key: &llm::stream::ChannelKey, now: &str, before: &str) -> bool {
    if now == before {
        return true;
    }
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    key.kind.is_json() && value(now).is_some_and(|now| Some(now) == value(before))
}

/// Shows services an answer that has gone. They hold nothing, and nothing waits for them but the record.
pub(super) async fn observe(
    planned: &Planned,
    request: &RequestPayload,
    entries: &[Entry],
    assembly: &Assembly,
    client: Arc<dyn HttpClient>,
) {
    let Ok(response) = Response::parse(request.request.dialect(), Arc::new(assembly.body())) else {
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
