//! Building responses.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use parapet_crds::gateway_settings::ExposeGuardrails;
use parapet_policy::hook::Hook;
use parapet_policy::record::{End, GuardrailRecord, Record};

use super::end_of;
use super::error::Failure;
use super::told::{note_about, note_usage};
use crate::edge::{Body, Ended};
use crate::llm::{AnswerTap, Dialect, FirstText};
use crate::pipeline::recording::Recording;
use crate::upstream::UpstreamBody;

/// The response of a failure, in the route's dialect; the record ends with it.
pub(super) fn failed(failure: &Failure, dialect: Dialect, recording: &Recording) -> Response<Body> {
    let status = failure.status();
    recording.end(end_of(failure), status);
    let request_id = recording.with(|record| record.request_id.clone());
    let body = failure.body(dialect, &request_id);
    recording.with(|record| record.response_bytes = body.len() as u64);
    let mut response = Response::new(Body::full(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some((name, value)) = failure.header() {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

/// A JSON response that the gateway made itself.
pub(super) fn json(value: &serde_json::Value, recording: &Recording) -> Response<Body> {
    let body = Bytes::from(value.to_string());
    recording.end(End::Allowed, 200);
    recording.with(|record| record.response_bytes = body.len() as u64);
    let mut response = Response::new(Body::full(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An upstream's answer with its status and headers and another body; the record ends when the body does.
pub(super) fn relayed(
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
    recording: &Recording,
) -> Response<Body> {
    let end = if status.is_success() {
        End::Allowed
    } else {
        End::UpstreamFailed
    };
    recording.with(|record| record.status = status.as_u16());
    let body = if recording.keeps_content() {
        let keeper = recording.clone();
        body.on_sent(move |piece| keeper.keep_output(piece))
    } else {
        body
    };
    let kept = recording.clone();
    let body = body.on_end(move |ended: Ended| {
        // A stream that was stopped has said so itself.
        let said = kept.with(|record| {
            record.response_bytes = ended.bytes;
            record.end != End::ClientGone
        });
        if said {
            return;
        }
        if ended.complete {
            kept.end(end, status.as_u16());
        } else if ended.cut {
            kept.end(End::UpstreamFailed, status.as_u16());
        }
    });
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    // The client quotes the gateway's id; the upstream's own stays readable.
    if let Some(id) = response.headers_mut().remove("x-request-id") {
        response.headers_mut().insert("x-upstream-request-id", id);
    }
    response
}

/// An upstream's body that is passed on as it comes. What it says about tokens and about itself, and how long it took, goes
/// into the record.
pub(super) fn passed_on(body: UpstreamBody, streams: bool, recording: &Recording) -> Body {
    let tap = Rc::new(RefCell::new(AnswerTap::default()));
    let (taps, recording) = (tap.clone(), recording.clone());
    let mut first = streams.then(|| (FirstText::default(), recording.clone()));
    Body::upstream(body)
        .on_piece(move |piece| {
            if let Some((waiting, recording)) = &mut first
                && waiting.is_in(piece)
            {
                note_first(recording);
                first = None;
            }
            taps.borrow_mut().pass(piece);
        })
        .on_end(move |ended| {
            let (now, (usage, about)) = (recording.now_us(), tap.borrow().told());
            recording.with(|record| {
                let Some(attempt) = record.attempts.last_mut() else {
                    return;
                };
                attempt.took_us = now.saturating_sub(attempt.start_us);
                attempt.complete = ended.complete && attempt.error.is_none();
                if let Some(usage) = usage {
                    note_usage(attempt, usage);
                }
                note_about(attempt, about);
            });
        })
}

fn note_first(recording: &Recording) {
    let now = recording.now_us();
    recording.with(|record| {
        if let Some(attempt) = record.attempts.last_mut() {
            attempt.first_text_us = Some(now.saturating_sub(attempt.start_us));
        }
    });
}

/// Tells which guardrails ran before the head leaves, as far as the settings allow.
pub(super) fn tell(headers: &mut HeaderMap, expose: ExposeGuardrails, recording: &Recording) {
    let none = || Default::default();
    let (list, unjudged, timing) = recording.with(|record| match expose {
        ExposeGuardrails::None => none(),
        ExposeGuardrails::Blocking => (
            listed(record, is_worth_telling),
            unjudged(record),
            timing(record),
        ),
        ExposeGuardrails::All => (listed(record, |_| true), unjudged(record), timing(record)),
    });
    for (name, value) in [
        ("x-parapet-guardrails", list),
        ("x-parapet-unjudged", unjudged),
        ("server-timing", timing),
    ] {
        if !value.is_empty()
            && let Ok(value) = HeaderValue::try_from(value)
        {
            headers.insert(name, value);
        }
    }
}

/// `image=2, remote_url=1`: what no guardrail could judge.
fn unjudged(record: &Record) -> String {
    let told: Vec<String> = record
        .unjudged
        .iter()
        .map(|(class, count)| format!("{class}={count}"))
        .collect();
    told.join(", ")
}

fn is_worth_telling(guardrail: &GuardrailRecord) -> bool {
    guardrail.strategy != parapet_policy::outcome::Strategy::Audit
        && matches!(guardrail.outcome, "changed" | "violation" | "failed")
}

/// `my-guardrails/secrets;outcome=changed`, separated by commas; with `;tool=name` where it is about a tool in a chat.
fn listed(record: &Record, tells: impl Fn(&GuardrailRecord) -> bool) -> String {
    let mut list = String::new();
    for guardrail in record
        .guardrails
        .iter()
        .filter(|guardrail| tells(guardrail))
    {
        let separator = if list.is_empty() { "" } else { ", " };
        let _ = write!(
            list,
            "{separator}{};outcome={}",
            guardrail.selector, guardrail.outcome
        );
        if let Some(tool) = &guardrail.tool {
            let _ = write!(list, ";tool={tool}");
        }
    }
    list
}

/// Milliseconds in guardrails and in the model, as far as they are known.
fn timing(record: &Record) -> String {
    let mut text = String::new();
    for (name, hook) in [
        ("guardrails_input", Hook::LlmInput),
        ("guardrails_output", Hook::LlmOutput),
        ("guardrails_pre_invoke", Hook::McpToolPreInvoke),
        ("guardrails_post_invoke", Hook::McpToolPostInvoke),
    ] {
        let took: u64 = record
            .guardrails
            .iter()
            .filter(|guardrail| guardrail.hook == hook)
            .map(|g| g.took_us)
            .sum();
        if record
            .guardrails
            .iter()
            .any(|guardrail| guardrail.hook == hook)
        {
            add_timing(&mut text, name, took);
        }
    }
    for attempt in record.attempts.iter().filter(|attempt| attempt.took_us > 0) {
        let name = if attempt.kind == "mcp" {
            "server"
        } else {
            "model"
        };
        add_timing(&mut text, name, attempt.took_us);
    }
    text
}

fn add_timing(text: &mut String, name: &str, took_us: u64) {
    let separator = if text.is_empty() { "" } else { ", " };
    let _ = write!(
        text,
        "{separator}{name};dur={}.{:03}",
        took_us / 1000,
        took_us % 1000
    );
}
