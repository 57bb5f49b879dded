//! From a record to the spans of its request.
//!
//! ```text
//! request ─┬─ guardrail ── network call (of a service)
//!          ├─ model, or a message of MCP ── network call
//!          └─ what an MCP server says before its answer ── guardrail
//! ```

use std::time::SystemTime;

use parapet_policy::bundle::Revision;
use parapet_policy::record::{Attempt, End, GuardrailRecord, McpSide, NetworkCall, Record};
use parapet_policy::trace::{SpanId, TraceContext};

use super::names::{self, published};
use super::wire::{self, Attributes};
use crate::telemetry::known::Known;

mod guardrail;
mod mcp;
mod values;

use values::{
    method, millis, put_content, put_count, put_details, put_parameters, put_server, seconds,
};

/// Which names spans and attributes have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Names {
    /// The OpenTelemetry conventions', and `parapet.*` where they have none.
    #[default]
    Standard,
    /// The published product's span names, and its `tfy.*` attributes beside the standard ones.
    Published,
}

/// Numbers of spans that nobody outside hears of begin here; those below are given out on the request path.
const MODELS: u32 = 1 << 30;

/// `ScopeSpans.spans`.
const SPANS: u32 = 2;
/// `Span`.
const TRACE_ID: u32 = 1;
const SPAN_ID: u32 = 2;
const TRACE_STATE: u32 = 3;
const PARENT: u32 = 4;
const NAME: u32 = 5;
const KIND: u32 = 6;
const START: u32 = 7;
const END: u32 = 8;
const ATTRIBUTES: u32 = 9;
const STATUS: u32 = 15;
const FLAGS: u32 = 16;
/// `Status`.
const CODE: u32 = 3;
const CODE_ERROR: u64 = 2;
/// `Span.flags` beside the W3C flags: it is known whether the parent is remote, and it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// `Span.kind`.
#[derive(Clone, Copy)]
enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// What all of a span but its attributes is made from.
struct Span<'a> {
    id: SpanId,
    parent: Option<SpanId>,
    remote: bool,
    name: [&'a str; 2],
    kind: Kind,
    start_us: u64,
    took_us: u64,
    failed: bool,
}

/// Attributes of guardrails that have been written before, for the policy of a revision.
pub(super) type KnownGuardrails = Known<Option<Revision>, guardrail::Same>;

/// Writes a record's spans as fields of a `ScopeSpans`, and tells how many there are.
pub(super) fn write(
    record: &Record,
    trace: &TraceContext,
    names: Names,
    known: &mut KnownGuardrails,
    out: &mut Vec<u8>,
) -> u32 {
    let begun = record.started.duration_since(SystemTime::UNIX_EPOCH);
    // Many spans tell it, and it is written once.
    let revision = record.revision.as_ref().map(ToString::to_string);
    let mut spans = Spans {
        record,
        trace,
        revision: revision.as_deref(),
        published: names == Names::Published,
        begun_ns: begun.map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        }),
        out,
        count: 0,
    };
    match &record.mcp {
        Some(message) if message.from == McpSide::Server => spans.mcp_aside(message),
        Some(_) | None => spans.request(),
    }
    for (index, attempt) in (0..).zip(&record.attempts) {
        match &record.mcp {
            Some(message) => spans.mcp(index, attempt, message),
            None => spans.model(index, attempt),
        }
    }
    for (index, guardrail) in (0..).zip(&record.guardrails) {
        if guardrail.skipped.is_none() || !guardrail.calls.is_empty() {
            spans.guardrail(index, guardrail, known);
        }
    }
    spans.count
}

struct Spans<'a> {
    record: &'a Record,
    trace: &'a TraceContext,
    revision: Option<&'a str>,
    published: bool,
    begun_ns: u64,
    out: &'a mut Vec<u8>,
    count: u32,
}

impl Spans<'_> {
    fn span(&mut self, span: &Span<'_>, attributes: impl FnOnce(&mut Attributes<'_>)) {
        let trace = self.trace;
        let start = self
            .begun_ns
            .saturating_add(span.start_us.saturating_mul(1000));
        let end = start.saturating_add(span.took_us.saturating_mul(1000));
        self.count += 1;
        wire::message(self.out, SPANS, |out| {
            wire::bytes(out, TRACE_ID, &trace.trace_id.to_bytes());
            wire::bytes(out, SPAN_ID, &span.id.to_bytes());
            if let Some(state) = &trace.state {
                wire::bytes(out, TRACE_STATE, state.as_bytes());
            }
            if let Some(parent) = span.parent {
                wire::bytes(out, PARENT, &parent.to_bytes());
            }
            let remote = if span.remote { IS_REMOTE } else { 0 };
            wire::fixed32(
                out,
                FLAGS,
                u32::from(trace.sampled) | HAS_IS_REMOTE | remote,
            );
            wire::message(out, NAME, |out| {
                for (position, part) in span.name.iter().filter(|part| !part.is_empty()).enumerate()
                {
                    if position > 0 {
                        out.push(b' ');
                    }
                    out.extend_from_slice(wire::cut(part, MAX_NAME).as_bytes());
                }
            });
            wire::uint(out, KIND, span.kind as u64);
            wire::fixed64(out, START, start);
            wire::fixed64(out, END, end);
            attributes(&mut Attributes {
                out,
                field: ATTRIBUTES,
            });
            if span.failed {
                wire::message(out, STATUS, |out| wire::uint(out, CODE, CODE_ERROR));
            }
        });
    }

    fn request(&mut self) {
        let (record, revision) = (self.record, self.revision);
        // The published names know model requests only.
        let published = self.published && record.mcp.is_none();
        let model = record.model.as_deref();
        let method = method(record.route);
        let name = match (published, model) {
            (true, Some(model)) => ["ChatCompletion:", model],
            (true, None) => ["ChatCompletion", ""],
            (false, _) => [method, record.route],
        };
        let error = error_of(record);
        let span = Span {
            id: self.trace.span_id,
            parent: self.trace.parent,
            remote: self.trace.parent.is_some(),
            name,
            kind: Kind::Server,
            start_us: 0,
            took_us: record.total_us,
            // A server's span fails with the server, not with what the client asked for.
            failed: record.status >= 500 || (record.status < 300 && error.is_some()),
        };
        self.span(&span, |attributes| {
            attributes
                .str(names::HTTP_METHOD, method)
                .str(names::HTTP_ROUTE, record.route)
                .str(names::REQUEST_ID, &record.request_id)
                .str(names::END, record.end.as_str())
                .int(names::HTTP_REQUEST_SIZE, record.request_bytes)
                .int(names::HTTP_RESPONSE_SIZE, record.response_bytes);
            if record.status > 0 {
                attributes.int(names::HTTP_STATUS, u64::from(record.status));
            }
            if let Some(model) = model {
                attributes
                    .str(names::OPERATION, names::CHAT)
                    .str(names::REQUEST_MODEL, model)
                    .bool(names::REQUEST_STREAM, record.stream);
            }
            if let Some(revision) = revision {
                attributes.str(names::REVISION, revision);
            }
            if let Some(error) = &error {
                attributes.str(names::ERROR_TYPE, &error.as_str());
            }
            let teams = || record.teams.iter().map(|team| &**team);
            let subject = record.subject.as_ref().map(ToString::to_string);
            if let Some(subject) = &subject {
                attributes.str(names::SUBJECT, subject);
            }
            attributes
                .strs(names::TEAMS, teams())
                .strs(
                    names::UNJUDGED,
                    record.unjudged.iter().map(|(class, _)| &**class),
                )
                .ints(
                    names::UNJUDGED_COUNTS,
                    record.unjudged.iter().map(|(_, count)| u64::from(*count)),
                )
                .strs(names::REWRITES, record.rewrites.iter().copied());
            let skipped = record
                .guardrails
                .iter()
                .filter(|entry| entry.skipped.is_some());
            attributes.strs(names::SKIPPED, skipped.map(|entry| &*entry.selector));
            if let Some(content) = &record.content {
                let (input, output) = match published {
                    true => (published::INPUT, published::OUTPUT),
                    false => (names::INPUT, names::OUTPUT),
                };
                put_content(attributes, input, &content.input);
                put_content(attributes, output, &content.output);
            }
            if published {
                attributes.str(published::SPAN_TYPE, "ChatCompletion");
                if let Some(model) = model {
                    attributes.str(published::MODEL_NAME, model);
                }
                if let Some(subject) = &subject {
                    attributes.str(published::SUBJECT, subject);
                }
                attributes.strs(published::TEAMS, teams());
                let triggered = |entry: &&GuardrailRecord| {
                    matches!(entry.outcome, "violation" | "changed" | "failed")
                };
                let triggered = record.guardrails.iter().filter(triggered);
                attributes.strs(
                    published::TRIGGERED,
                    triggered.map(|entry| &*entry.selector),
                );
            }
        });
    }

    fn model(&mut self, index: u32, attempt: &Attempt) {
        let (record, published) = (self.record, self.published);
        let id = self.trace.span(MODELS + index);
        let failure = attempt_error(attempt);
        let operation = if published { "Model:" } else { names::CHAT };
        let mut span = Span {
            id,
            parent: Some(self.trace.span_id),
            remote: false,
            name: [operation, &attempt.model],
            kind: Kind::Client,
            start_us: attempt.start_us,
            took_us: attempt.took_us,
            failed: failure.is_some(),
        };
        self.span(&span, |attributes| {
            attributes
                .str(names::OPERATION, names::CHAT)
                .str(names::PROVIDER, attempt.kind)
                .str(names::REQUEST_MODEL, &attempt.model)
                .str(names::ACCOUNT, &attempt.provider)
                .bool(names::REQUEST_STREAM, record.stream);
            put_server(attributes, attempt.server.as_deref());
            if let Some(first) = attempt.first_text_us {
                attributes.double(names::FIRST_CHUNK, seconds(first));
            }
            put_count(attributes, names::INPUT_TOKENS, attempt.input_tokens);
            put_count(attributes, names::OUTPUT_TOKENS, attempt.output_tokens);
            put_details(attributes, attempt);
            put_parameters(attributes, &record.parameters);
            if let Some(failure) = &failure {
                attributes.str(names::ERROR_TYPE, &failure.as_str());
            }
            if published {
                let fqn = format!("{}/{}", attempt.provider, attempt.model);
                attributes
                    .str(published::SPAN_TYPE, "Model")
                    .str(published::MODEL_ID, &attempt.model)
                    .str(published::MODEL, &attempt.model)
                    .str(published::MODEL_FQN, &fqn)
                    .bool(published::STREAMING, record.stream)
                    .double(published::MODEL_LATENCY, millis(attempt.took_us));
                if let Some(first) = attempt.first_text_us {
                    attributes.double(published::FIRST_TOKEN, millis(first));
                }
                put_count(attributes, published::INPUT_TOKENS, attempt.input_tokens);
                put_count(attributes, published::OUTPUT_TOKENS, attempt.output_tokens);
                let (read, write) = (attempt.cache_read_tokens, attempt.cache_write_tokens);
                put_count(attributes, published::CACHE_READ_TOKENS, read);
                put_count(attributes, published::CACHE_WRITE_TOKENS, write);
            }
        });
        if attempt.server.is_some() {
            span.id = self.trace.span(attempt.span);
            span.parent = Some(id);
            span.name = network_name(published);
            self.span(&span, |attributes| {
                attributes.str(names::HTTP_METHOD, "POST");
                put_server(attributes, attempt.server.as_deref());
                if let Some(status) = attempt.status {
                    attributes.int(names::HTTP_STATUS, u64::from(status));
                }
                if let Some(failure) = &failure {
                    attributes.str(names::ERROR_TYPE, &failure.as_str());
                }
            });
        }
    }

    fn call(&mut self, parent: SpanId, call: &NetworkCall) {
        let status = call
            .status
            .filter(|status| *status >= 400)
            .map(Failure::Status);
        let failure = call.error.map(Failure::Word).or(status);
        let span = Span {
            id: self.trace.span(call.span),
            parent: Some(parent),
            remote: false,
            name: network_name(self.published),
            kind: Kind::Client,
            start_us: call.start_us,
            took_us: call.took_us,
            failed: failure.is_some(),
        };
        self.span(&span, |attributes| {
            attributes.str(names::HTTP_METHOD, "POST");
            put_server(attributes, Some(&call.server));
            if let Some(status) = call.status {
                attributes.int(names::HTTP_STATUS, u64::from(status));
            }
            if let Some(failure) = &failure {
                attributes.str(names::ERROR_TYPE, &failure.as_str());
            }
        });
    }
}

/// Each part of a span's name is cut after so many bytes.
const MAX_NAME: usize = 256;

const fn network_name(published: bool) -> [&'static str; 2] {
    if published {
        ["network call", ""]
    } else {
        ["POST", ""]
    }
}

/// What went wrong: a fixed word, or a status as its digits.
enum Failure {
    Word(&'static str),
    Status(u16),
}

impl Failure {
    fn as_str(&self) -> std::borrow::Cow<'static, str> {
        match self {
            Self::Word(word) => (*word).into(),
            Self::Status(status) => status.to_string().into(),
        }
    }
}

fn error_of(record: &Record) -> Option<Failure> {
    match record.end {
        End::Allowed => None,
        End::BlockedViolation => Some(Failure::Word("guardrail_checks_failed")),
        End::BlockedFailure => Some(Failure::Word("guardrail_unavailable")),
        End::ClientGone => Some(Failure::Word("client_gone")),
        End::Refused => Some(Failure::Status(record.status)),
        End::UpstreamFailed => {
            let last = record.attempts.last().and_then(attempt_error);
            last.or(Some(Failure::Status(record.status)))
        }
    }
}

fn attempt_error(attempt: &Attempt) -> Option<Failure> {
    let status = attempt.status.filter(|status| *status >= 400);
    attempt
        .error
        .map(Failure::Word)
        .or(status.map(Failure::Status))
}

#[cfg(test)]
mod tests;
