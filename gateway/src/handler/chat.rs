//! A model request: from its body to the answer.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::Strategy;
use parapet_policy::record::Attempt;
use parapet_policy::rule::InputExecution;

use super::error::Failure;
use super::payload::{RequestPayload, ResponsePayload};
use super::plan::{Planned, authenticate};
use super::told::note_answer;
use super::{Gateway, answer};
use crate::edge::{Body, ReadLimits, read_body};
use crate::llm::{self, Dialect, Request};
use crate::pipeline::calls;
use crate::pipeline::hook;
use crate::pipeline::race::Race;
use crate::pipeline::recording::Recording;
use crate::upstream::{Call, CallLimits, Endpoint, UpstreamError, UpstreamResponse};

impl Gateway {
    /// Answers `/v1/chat/completions` and `/v1/messages`.
    pub(super) async fn chat(
        &self,
        head: Parts,
        body: Incoming,
        dialect: Dialect,
        recording: &Recording,
    ) -> Result<Response<Body>, Failure> {
        let snapshot = self.policy.load_full();
        recording.with(|record| record.revision = Some(snapshot.revision));
        let identity = authenticate(&snapshot, &head.headers, recording)?;
        let settings = &snapshot.settings;
        let read = ReadLimits {
            max: settings.body_bytes,
            idle: settings.client_timeout,
        };
        let limits = llm::Limits {
            max_segments: settings.segments,
            ..llm::Limits::default()
        };
        let body = read_body(&head.headers, body, read).await?;
        recording.with(|record| record.request_bytes = body.len() as u64);
        let request = Request::parse(dialect, Arc::new(body), &limits)?;
        let expose = settings.expose_guardrails;
        let planned = Planned::new(snapshot, &identity, &head.headers, &request, recording)?;
        let result = self.exchange(planned, head, request, &limits).await;
        Ok(result.unwrap_or_else(|failure| {
            let mut response = answer::failed(&failure, dialect, recording);
            answer::tell(response.headers_mut(), expose, recording);
            response
        }))
    }

    /// The request through its input guardrails, the model, and the answer through its output guardrails.
    async fn exchange(
        &self,
        planned: Planned,
        head: Parts,
        request: Request,
        limits: &llm::Limits,
    ) -> Result<Response<Body>, Failure> {
        let request = planned.guard_results(&self.client, request, limits).await?;
        let guarded = planned.sees(Hook::LlmInput);
        let texts = if guarded {
            request.texts(limits)?
        } else {
            request.no_texts()
        };
        planned.check_unjudged(Hook::LlmInput, &texts)?;
        let mut payload = RequestPayload { request, texts };
        let mut race = Race::new(Hook::LlmInput, planned.recording.clone());
        if guarded {
            race = hook::run(&planned.stage(self, Hook::LlmInput), &mut payload).await?;
            if planned.input_execution(&payload.request) == InputExecution::Sequential {
                race.finish().await?;
            }
        }
        let body = body_for_upstream(&planned, &mut payload);
        if planned.recording.keeps_content() {
            planned.recording.keep_input(&body);
        }
        let answer = self
            .call(&planned, head, payload.request.dialect(), body, &mut race)
            .await?;
        if !is_event_stream(&answer.headers) {
            return self.whole(&planned, &payload, limits, answer, race).await;
        }
        race.finish().await?;
        self.stream(planned, payload, *limits, answer).await
    }

    /// Calls the model while slow input validators go on.
    async fn call(
        &self,
        planned: &Planned,
        head: Parts,
        dialect: Dialect,
        body: Bytes,
        race: &mut Race,
    ) -> Result<UpstreamResponse, Failure> {
        let settings = &planned.snapshot.settings;
        let limits = CallLimits {
            first_byte: settings.first_byte_timeout,
            idle: settings.idle_timeout,
        };
        let endpoint = match dialect {
            Dialect::OpenAi => Endpoint::ChatCompletions,
            Dialect::Anthropic => Endpoint::Messages,
        };
        let mut call = Call {
            endpoint,
            query: head.uri.query().map(str::to_owned),
            headers: head.headers,
            body,
        };
        let provider = planned.provider()?;
        let start_us = planned.recording.now_us();
        let attempt = planned.recording.attempt(Attempt {
            provider: provider.account.clone(),
            kind: provider.kind(),
            server: provider.server(),
            model: planned.upstream_model.clone(),
            start_us,
            ..Attempt::default()
        });
        planned.recording.with(|record| {
            if let (Some(trace), Some(attempt)) = (&record.trace, record.attempts.get(attempt)) {
                calls::put(&mut call.headers, trace, trace.span(attempt.span));
            }
        });
        let result = race
            .alongside(self.upstreams.call(provider, call, limits))
            .await?;
        let took_us = planned.recording.now_us() - start_us;
        planned.recording.with(|record| {
            if let Some(attempt) = record.attempts.get_mut(attempt) {
                attempt.took_us = took_us;
                attempt.status = result.as_ref().ok().map(|answer| answer.status.as_u16());
                attempt.error = result.as_ref().err().map(UpstreamError::word);
            }
        });
        Ok(result?)
    }

    /// An answer that is not a stream.
    async fn whole(
        &self,
        planned: &Planned,
        request: &RequestPayload,
        limits: &llm::Limits,
        answer: UpstreamResponse,
        mut race: Race,
    ) -> Result<Response<Body>, Failure> {
        let UpstreamResponse {
            status,
            mut headers,
            mut body,
        } = answer;
        let settings = &planned.snapshot.settings;
        if !planned.sees_answers() {
            let begun = race.alongside(body.begin()).await?;
            begun.inspect_err(|error| planned.note_error(error))?;
            race.finish().await?;
            answer::tell(&mut headers, settings.expose_guardrails, &planned.recording);
            return Ok(answer::relayed(
                status,
                headers,
                answer::passed_on(body, false, &planned.recording),
                &planned.recording,
            ));
        }
        let collected = race.alongside(body.collect(settings.answer_bytes)).await?;
        let bytes = collected.inspect_err(|error| planned.note_error(error))?;
        planned.note_complete();
        // An output service is not shown the answer to a prompt that may still be blocked.
        race.finish().await?;
        let judged = match planned.sees(Hook::LlmOutput) {
            true => {
                self.judge_answer(planned, request, limits, status, bytes)
                    .await?
            }
            false => bytes,
        };
        let judged = match status.is_success() {
            true => {
                let request = &request.request;
                planned
                    .guard_answer(&self.client, request, judged, limits)
                    .await?
            }
            // An error calls no tool.
            false => judged,
        };
        answer::tell(&mut headers, settings.expose_guardrails, &planned.recording);
        Ok(answer::relayed(
            status,
            headers,
            Body::full(judged),
            &planned.recording,
        ))
    }

    /// Runs the output guardrails over a whole answer. One that cannot be read is relayed as it is, unless a
    /// guardrail that can block has to see it.
    async fn judge_answer(
        &self,
        planned: &Planned,
        request: &RequestPayload,
        limits: &llm::Limits,
        status: StatusCode,
        bytes: Bytes,
    ) -> Result<Bytes, Failure> {
        let output = planned.stage(self, Hook::LlmOutput);
        let must_see = output
            .plan
            .iter()
            .any(|guardrail| guardrail.strategy != Strategy::Audit)
            || planned.refuses_unscannable();
        let Ok(text) = String::from_utf8(bytes.to_vec()) else {
            return if must_see {
                Err(unreadable())
            } else {
                Ok(bytes)
            };
        };
        let text = Arc::new(text);
        let response = match status.is_success() {
            true => llm::Response::parse(request.request.dialect(), text.clone()).ok(),
            false => None,
        };
        let texts = match &response {
            Some(response) => response.texts(Some(&request.request), limits),
            // An error's words may quote the prompt, or what a provider has kept.
            None if !status.is_success() => llm::texts_of_other(text, limits),
            None if must_see => return Err(unreadable()),
            None => return Ok(bytes),
        };
        let Ok(texts) = texts else {
            return if must_see {
                Err(unreadable())
            } else {
                Ok(bytes)
            };
        };
        if let Some(response) = &response {
            note_answer(&planned.recording, response);
        }
        planned.check_unjudged(Hook::LlmOutput, &texts)?;
        let mut payload = ResponsePayload {
            request,
            response: response.as_ref(),
            texts,
        };
        hook::run(&output, &mut payload).await?.finish().await?;
        Ok(payload.texts.to_bytes())
    }
}

/// The body as the upstream gets it: edits, the upstream's name of the model, and no `store` when the answer
/// may be changed on its way out, because a stored answer could be read back unchanged.
fn body_for_upstream(planned: &Planned, payload: &mut RequestPayload) -> Bytes {
    let RequestPayload { request, texts } = payload;
    if **request.model() != *planned.upstream_model {
        request.put_model(texts, &planned.upstream_model);
    }
    if planned.may_change_output() && request.put_no_store(texts) {
        planned
            .recording
            .with(|record| record.rewrites.push("store"));
    }
    texts.to_bytes()
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    const EVENT_STREAM: &[u8] = b"text/event-stream";
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let value = value.as_bytes().trim_ascii_start();
        value
            .get(..EVENT_STREAM.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(EVENT_STREAM))
    })
}

fn unreadable() -> Failure {
    Failure::Upstream("the model's answer cannot be read, and a guardrail has to see it".to_owned())
}
