//! An answer that streams: relayed as it comes, guarded as it flows, or judged whole before it goes.

mod checked;
mod coverage;
mod delivery;
mod flowing;
pub(super) mod services;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use parapet_guardrails::guardrail::Guardrail;
use parapet_policy::bundle::StreamMode;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::Strategy;
use parapet_policy::plan::Planned as Entry;

use super::error::Failure;
use super::payload::RequestPayload;
use super::plan::Planned;
use super::{Gateway, answer};
use crate::edge::Body;
use crate::llm;
use crate::upstream::{UpstreamBody, UpstreamError, UpstreamResponse};

/// A stream to guard, with everything that its body needs once the handler is done.
pub(super) struct Job {
    pub(super) planned: Planned,
    pub(super) request: RequestPayload,
    pub(super) limits: llm::Limits,
    pub(super) upstream: UpstreamBody,
    pub(super) client: std::sync::Arc<dyn parapet_guardrails::client::HttpClient>,
}

/// How the output guardrails of a plan see a stream.
#[derive(Default)]
pub(super) struct Watchers {
    /// Local guardrails: they scan as it flows.
    pub(super) flowing: Vec<Entry>,
    /// What judges no text: it is asked once, before the stream.
    pub(super) at_once: Vec<Entry>,
    /// Services that see it whole before anything goes.
    pub(super) buffered: Vec<Entry>,
    /// Services that see it piece by piece.
    pub(super) windowed: Vec<Entry>,
    /// Services that are shown it afterwards, and hold nothing.
    pub(super) observing: Vec<Entry>,
}

impl Watchers {
    fn of(planned: &Planned) -> Self {
        let mut watchers = Self::default();
        for entry in planned.entries(Hook::LlmOutput) {
            let ready = planned.snapshot.guardrails.get(entry.guardrail as usize);
            let guardrail = ready.and_then(|ready| ready.guardrail());
            let mode = ready.map_or(StreamMode::Buffered, |ready| ready.streaming);
            let list = match (guardrail, entry.strategy, mode) {
                (Some(Guardrail::Text(_)), _, _) => &mut watchers.flowing,
                (Some(Guardrail::Context(_)) | None, _, _) => &mut watchers.at_once,
                (Some(Guardrail::Service(_)), Strategy::Audit, _)
                | (Some(Guardrail::Service(_)), _, StreamMode::Observe) => &mut watchers.observing,
                (Some(Guardrail::Service(_)), _, StreamMode::Buffered) => &mut watchers.buffered,
                (Some(Guardrail::Service(_)), _, StreamMode::Windowed { .. }) => {
                    &mut watchers.windowed
                }
            };
            list.push(entry.clone());
        }
        for entry in &mut watchers.observing {
            // It cannot stop what has gone.
            entry.strategy = Strategy::Audit;
        }
        watchers
    }
}

impl Gateway {
    /// Answers with a stream. Every input guardrail has passed.
    pub(super) async fn stream(
        &self,
        planned: Planned,
        request: RequestPayload,
        limits: llm::Limits,
        answer: UpstreamResponse,
    ) -> Result<Response<Body>, Failure> {
        let UpstreamResponse {
            status,
            mut headers,
            body,
        } = answer;
        let recording = planned.recording.clone();
        let expose = planned.snapshot.settings.expose_guardrails;
        // Nobody on the way may wait for more before passing it on.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        headers
            .entry(http::header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-cache"));
        let client = self.client.clone();
        if !planned.sees_answers() {
            answer::tell(&mut headers, expose, &recording);
            let dialect = request.request.dialect();
            let body = answer::passed_on(body, true, &recording)
                .last_words(move |error| cut(&planned, dialect, error));
            return Ok(answer::relayed(status, headers, body, &recording));
        }
        let job = Job {
            planned,
            request,
            limits,
            upstream: body,
            client,
        };
        if !job.planned.has(Hook::LlmOutput) {
            answer::tell(&mut headers, expose, &recording);
            let body = Body::produced(move |frames| checked::run(job, frames));
            return Ok(answer::relayed(status, headers, body, &recording));
        }
        let watchers = Watchers::of(&job.planned);
        services::ask_at_once(&job, &watchers).await?;
        if !watchers.buffered.is_empty() {
            let body = services::judge_whole(job, &watchers).await?;
            answer::tell(&mut headers, expose, &recording);
            return Ok(answer::relayed(
                status,
                headers,
                Body::full(body),
                &recording,
            ));
        }
        answer::tell(&mut headers, expose, &recording);
        Ok(guarded(status, headers, job, watchers, &recording))
    }
}

/// Ends a stream whose upstream has broken off, so that the client does not take it for complete. The break
/// may be inside of an event, which an empty line ends.
fn cut(planned: &Planned, dialect: llm::Dialect, error: UpstreamError) -> Bytes {
    planned.note_error(&error);
    let words = planned.stopped(&Failure::from(error), dialect);
    [&b"\n\n"[..], &words].concat().into()
}

impl Planned {
    /// Ends the record of a stream that is stopped, and gives the events that tell the client.
    fn stopped(&self, failure: &Failure, dialect: llm::Dialect) -> Bytes {
        let (id, status) = self
            .recording
            .with(|record| (record.request_id.clone(), record.status));
        self.recording.end(super::end_of(failure), status);
        failure.events(dialect, &id)
    }
}

fn guarded(
    status: StatusCode,
    headers: HeaderMap,
    job: Job,
    watchers: Watchers,
    recording: &crate::pipeline::recording::Recording,
) -> Response<Body> {
    let body = Body::produced(move |frames| flowing::run(job, watchers, frames));
    answer::relayed(status, headers, body, recording)
}
