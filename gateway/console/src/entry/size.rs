//! How much memory a record takes, and that it is not too much. Records come from gateways, over a bus that whoever has a
//! gateway's credential can write to: what they hold is bounded here, whatever they say.
//!
//! Structures are taken apart whole, so that a new field has to be thought of.

use std::sync::Arc;

use parapet_policy::facts::Subject;
use parapet_policy::record::{Attempt, GuardrailRecord, McpMessage, NetworkCall, Places, Record};

/// Bytes of a name. No model is called longer.
const MAX_NAME: usize = 512;
/// Teams of a caller that are kept.
const MAX_TEAMS: usize = 50;
/// What a shared text takes besides its bytes: two counters, and the rounding of the allocation.
const TEXT: usize = 24;

/// Cuts what is too long, and leaves out what no page shows.
pub(super) fn bound(record: &mut Record) {
    record.content = None;
    if let Some(trace) = &mut record.trace {
        trace.state = None;
    }
    record.teams.truncate(MAX_TEAMS);
    record.teams.shrink_to_fit();
    shorten(&mut record.request_id);
    if let Some(Subject::User(name) | Subject::VirtualAccount(name)) = &mut record.subject {
        shorten(name);
    }
    record.teams.iter_mut().for_each(shorten);
    record.model.iter_mut().for_each(shorten);
    if let Some(message) = &mut record.mcp {
        shorten(&mut message.server);
        message.source.iter_mut().for_each(shorten);
        message.tool.iter_mut().for_each(shorten);
    }
    record.guardrails.shrink_to_fit();
    record.guardrails.iter_mut().for_each(guardrail);
    for attempt in &mut record.attempts {
        attempt.response_id = None;
        attempt.response_model = None;
        attempt.finish_reasons = Vec::new();
        shorten(&mut attempt.provider);
        attempt.server.iter_mut().for_each(shorten);
        shorten(&mut attempt.model);
        calls(&mut attempt.calls);
    }
    for (class, _) in &mut record.unjudged {
        shorten(class);
    }
}

fn guardrail(one: &mut GuardrailRecord) {
    shorten(&mut one.selector);
    for (category, _) in &mut one.categories {
        shorten(category);
    }
    if let Some(places) = &mut one.places {
        places.first.iter_mut().for_each(shorten);
    }
    if one.rules.iter().any(|rule| rule.len() > MAX_NAME) {
        one.rules = one.rules.iter().cloned().map(cut).collect();
    }
    calls(&mut one.calls);
}

fn calls(all: &mut [NetworkCall]) {
    for call in all {
        shorten(&mut call.server);
    }
}

fn shorten(name: &mut Arc<str>) {
    if name.len() > MAX_NAME {
        *name = cut(Arc::clone(name));
    }
}

/// At most [`MAX_NAME`] bytes of a name.
pub(super) fn cut(name: Arc<str>) -> Arc<str> {
    if name.len() <= MAX_NAME {
        return name;
    }
    let end = name.floor_char_boundary(MAX_NAME);
    format!("{}…", name.get(..end).unwrap_or_default()).into()
}

/// Bytes that a record takes beside its own structure, nearly.
pub(super) fn heap(record: &Record) -> usize {
    let Record {
        version: _,
        request_id,
        trace,
        started: _,
        revision: _,
        route: _,
        subject,
        teams,
        model,
        mcp,
        stream: _,
        parameters: _,
        guardrails,
        attempts,
        unjudged,
        rewrites,
        end: _,
        status: _,
        request_bytes: _,
        response_bytes: _,
        total_us: _,
        content,
    } = record;
    let state = trace.as_ref().and_then(|trace| trace.state.as_ref());
    let content = content.as_ref().map_or(0, |content| {
        size_of_val(&**content) + content.input.capacity() + content.output.capacity()
    });
    text(request_id)
        + state.map_or(0, text)
        + subject.as_ref().map_or(0, |one| text(one.name()))
        + texts(teams)
        + optional(model)
        + mcp.as_ref().map_or(0, of_message)
        + list(guardrails, of_guardrail)
        + list(attempts, of_attempt)
        + list(unjudged, |(class, _)| text(class))
        + list(rewrites, |_| 0)
        + content
}

fn of_message(message: &McpMessage) -> usize {
    let McpMessage {
        server,
        source,
        method: _,
        tool,
        version: _,
        from: _,
        failed: _,
        dropped: _,
    } = message;
    text(server) + optional(source) + optional(tool)
}

fn of_guardrail(one: &GuardrailRecord) -> usize {
    let GuardrailRecord {
        selector,
        kind: _,
        hook: _,
        tool,
        operation: _,
        strategy: _,
        outcome: _,
        blocks: _,
        failure: _,
        skipped: _,
        categories,
        edits: _,
        places,
        start_us: _,
        took_us: _,
        cached: _,
        rules,
        calls,
    } = one;
    let places = places.as_ref().map_or(0, |places| {
        let Places { first, more: _ } = &**places;
        size_of::<Places>() + texts(first)
    });
    let rules = TEXT + size_of_val(&**rules) + rules.iter().map(text).sum::<usize>();
    let found = list(categories, |(one, _)| text(one)) + places;
    text(selector) + optional(tool) + found + rules + list(calls, of_call)
}

fn of_attempt(one: &Attempt) -> usize {
    let Attempt {
        provider,
        kind: _,
        server,
        model,
        status: _,
        start_us: _,
        first_text_us: _,
        took_us: _,
        input_tokens: _,
        output_tokens: _,
        cache_read_tokens: _,
        cache_write_tokens: _,
        reasoning_tokens: _,
        response_id,
        response_model,
        finish_reasons,
        error: _,
        complete: _,
        calls,
        span: _,
    } = one;
    text(provider)
        + optional(server)
        + text(model)
        + optional(response_id)
        + optional(response_model)
        + list(finish_reasons, |_| 0)
        + list(calls, of_call)
}

fn of_call(call: &NetworkCall) -> usize {
    let NetworkCall {
        server,
        status: _,
        error: _,
        start_us: _,
        took_us: _,
        span: _,
    } = call;
    text(server)
}

/// A list's own memory with that of what it holds.
fn list<T>(all: &Vec<T>, one: impl Fn(&T) -> usize) -> usize {
    size_of::<T>() * all.capacity() + all.iter().map(one).sum::<usize>()
}

fn texts(all: &Vec<Arc<str>>) -> usize {
    list(all, text)
}

fn optional(one: &Option<Arc<str>>) -> usize {
    one.as_ref().map_or(0, text)
}

fn text(one: &Arc<str>) -> usize {
    TEXT + one.len()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Entry;

    /// A record with this text wherever one can stand, as somebody sends it who is no gateway.
    fn hostile(text: &str) -> Record {
        let call = json!({"server": text, "status": 200, "error": text, "start_us": u64::MAX, "took_us": u64::MAX});
        let guardrail = json!({
            "selector": text, "kind": text, "hook": "llm_input", "operation": "validate", "strategy": "enforce",
            "outcome": text, "blocks": true, "failure": null, "skipped": null, "categories": [[text, u32::MAX]],
            "edits": u32::MAX, "places": {"first": [text], "more": u32::MAX}, "start_us": u64::MAX, "took_us": u64::MAX,
            "cached": true, "rules": [text], "calls": [call],
        });
        let attempt = json!({
            "provider": text, "kind": text, "server": text, "model": text, "status": 65535, "start_us": u64::MAX,
            "first_text_us": u64::MAX, "took_us": u64::MAX, "input_tokens": u64::MAX, "output_tokens": u64::MAX,
            "response_id": text, "response_model": text, "finish_reasons": [text], "error": text, "complete": false,
            "calls": [call],
        });
        let record = json!({
            "version": 1, "request_id": text, "started": "9999-12-31T23:59:59Z", "revision": null, "route": text,
            "subject": {"type": "user", "name": text}, "teams": vec![text; 60], "model": text,
            "mcp": {"server": text, "source": text, "method": text, "tool": text, "version": text, "from": "client",
                "failed": true, "dropped": u32::MAX},
            "stream": true, "guardrails": [guardrail], "attempts": [attempt], "unjudged": [[text, u32::MAX]],
            "rewrites": [text], "end": "blocked_violation", "status": 65535, "request_bytes": u64::MAX,
            "response_bytes": u64::MAX, "total_us": u64::MAX,
        });
        serde_json::from_value(record).unwrap()
    }

    /// Bytes of all texts in what a record is written as.
    fn written(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(list) => list.iter().map(written).sum(),
            Value::Object(object) => object.values().map(written).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
    }

    #[test]
    fn no_text_of_a_record_is_kept_whole_and_none_is_not_counted() {
        let long = "é".repeat(100_000);
        let entry = Entry::new(long.as_str().into(), hostile(&long));
        let bytes = entry.bytes();
        assert!(bytes < 70 * 600, "{bytes}");
        let whole = serde_json::to_value(&entry.record).unwrap();
        assert!(written(&whole) <= bytes, "{} of {bytes}", written(&whole));
        assert!(entry.gateway.len() < 600);
    }

    #[test]
    fn what_a_record_says_of_times_and_counts_is_shown_and_breaks_nothing() {
        let entry = Arc::new(Entry::new("gw".into(), hostile("x")));
        let reader = parapet_policy::facts::Caller {
            subject: Subject::User("reader".into()),
            teams: Vec::new(),
            roles: Vec::new(),
        };
        let page = crate::pages::request::page(&entry, &reader).into_string();
        assert!(page.contains("4294967295 places"), "{page}");
        assert_eq!(entry.position(), (u64::MAX, "x"));
        crate::pages::health::page(&[entry], &reader);
    }
}
