//! Compares what happened with what a case expects.

mod block;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::pattern::{matches, matches_optional};
use super::schema::{Expect, Mode, UpstreamCall};
use crate::answer::{
    Choice, Received, read_chat, read_chat_stream, read_messages, read_messages_stream, sse_events,
};
use crate::fake::Call;
use crate::http_client::Answered;

/// Everything that came of one request.
pub(super) struct Seen {
    pub(super) mode: Mode,
    pub(super) path: String,
    pub(super) answered: Answered,
    pub(super) upstream: Vec<Call>,
    pub(super) services: BTreeMap<String, Vec<Value>>,
    pub(super) record: Value,
    pub(super) log: Vec<String>,
}

/// Credentials of `base.yaml`: no response and no log line may hold one, whatever the case is about.
const CREDENTIALS: [&str; 3] = ["bot-token", "other-token", "upstream-key"];

/// A text of hexadecimal digits of this length is in an id of 32 once in half a million times.
const SHORTEST_HEX: usize = 6;

/// Checks everything that the case expects, and what must always hold.
pub(super) fn all(expect: &Expect, seen: &Seen, hung_up: bool) -> Result<()> {
    response(expect, seen, hung_up)?;
    upstream(expect, seen)?;
    for (name, patterns) in &expect.services {
        let calls = seen
            .services
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default();
        ensure!(
            calls.len() == patterns.len(),
            "service {name} was called {} times: {calls:?}",
            calls.len()
        );
        for (n, (pattern, call)) in patterns.iter().zip(calls).enumerate() {
            matches(pattern, call).with_context(|| format!("call {n} to service {name}"))?;
        }
    }
    if let Some(expected) = &expect.outcomes {
        let found = outcomes(&seen.record)?;
        ensure!(
            *expected == found,
            "the outcomes are {found:?}, expected {expected:?}"
        );
    }
    if let Some(pattern) = &expect.record {
        matches(pattern, &seen.record).with_context(|| format!("the record {}", seen.record))?;
    }
    secrecy(expect, seen)
}

fn response(expect: &Expect, seen: &Seen, hung_up: bool) -> Result<()> {
    let answered = &seen.answered;
    let status = expect
        .status
        .or(expect
            .block
            .as_ref()
            .map(|expected| block::status(expected, seen)))
        .unwrap_or(200);
    ensure!(
        answered.status.as_u16() == status,
        "the status is {}, expected {status}",
        answered.status.as_u16()
    );
    for (name, pattern) in &expect.headers {
        let found = answered.header(name).map(Value::from);
        matches_optional(pattern, found.as_ref()).with_context(|| format!("header {name}"))?;
    }
    if let Some(text) = &expect.text {
        ensure!(
            answered.text()? == text,
            "the body differs from the expected {text:?}"
        );
    }
    if let Some(pattern) = &expect.body {
        matches(pattern, &answered.json()?).context("the body")?;
    }
    if hung_up {
        return Ok(());
    }
    ensure!(
        !answered.cut || expect.complete == Some(false),
        "the response broke off"
    );
    if let Some(patterns) = &expect.events {
        events(patterns, answered.text()?)?;
    }
    if let Some(expected) = &expect.block {
        block::check(expected, seen)?;
    }
    let words = expect.say.is_some()
        || expect.usage.is_some()
        || expect.choices.is_some()
        || expect.error.is_some();
    let chat = seen.path.contains("/chat/completions") || seen.path.contains("/messages");
    // An answer that the case does not describe in words must still be one that a client can read.
    if words || (chat && status == 200 && expect.text.is_none() && expect.body.is_none()) {
        in_words(expect, seen)?;
    }
    Ok(())
}

/// The answer as a client of the dialect reads it.
pub(super) fn read(seen: &Seen) -> Result<Received> {
    let streamed = seen
        .answered
        .header("content-type")
        .is_some_and(|t| t.starts_with("text/event-stream"));
    match (seen.mode.is_messages(), streamed) {
        (false, false) => read_chat(&seen.answered.json()?),
        (true, false) => read_messages(&seen.answered.json()?),
        (false, true) => read_chat_stream(seen.answered.text()?),
        (true, true) => read_messages_stream(seen.answered.text()?),
    }
}

fn in_words(expect: &Expect, seen: &Seen) -> Result<()> {
    let received = read(seen)?;
    if let Some(pattern) = &expect.error {
        let error = received
            .error
            .as_ref()
            .context("the response has no error")?;
        matches(pattern, error).context("the error")?;
    } else if expect.block.is_none() && expect.status.is_none_or(|status| status == 200) {
        ensure!(
            received.error.is_none(),
            "an error: {}",
            received.error.unwrap_or_default()
        );
    }
    if let Some(pattern) = &expect.usage {
        matches_optional(pattern, received.usage.as_ref()).context("the usage")?;
    }
    let complete = expect.complete.unwrap_or(true);
    ensure!(
        received.complete == complete,
        "complete: {}, expected {complete}",
        received.complete
    );
    if let Some(text) = &expect.say {
        let texts: Vec<&str> = received
            .choices
            .iter()
            .map(|choice| choice.text.as_str())
            .collect();
        ensure!(texts == [text], "it says {texts:?}, expected {text:?}");
    }
    if let Some(choices) = &expect.choices {
        let (found, expected) = (received.choices.len(), choices.len());
        ensure!(found == expected, "{found} choices, expected {expected}");
        for (n, (expected, found)) in choices.iter().zip(&received.choices).enumerate() {
            choice(expected, found).with_context(|| format!("choice {n}"))?;
        }
    }
    Ok(())
}

/// `finish` and the ids of tool calls are compared only where the case gives them.
fn choice(expected: &Choice, found: &Choice) -> Result<()> {
    let mut expected = expected.clone();
    expected.finish = expected.finish.or_else(|| found.finish.clone());
    for (expected, found) in expected.tools.iter_mut().zip(&found.tools) {
        if expected.id.is_empty() {
            expected.id.clone_from(&found.id);
        }
    }
    ensure!(expected == *found, "it is {found:?}, expected {expected:?}");
    Ok(())
}

fn events(patterns: &[Value], body: &str) -> Result<()> {
    let events = sse_events(body);
    ensure!(
        events.len() == patterns.len(),
        "{} events, expected {}",
        events.len(),
        patterns.len()
    );
    for (n, (pattern, event)) in patterns.iter().zip(&events).enumerate() {
        let data =
            serde_json::from_str(&event.data).unwrap_or_else(|_| Value::from(event.data.clone()));
        matches(pattern, &data).with_context(|| format!("event {n}: {}", event.data))?;
    }
    Ok(())
}

fn upstream(expect: &Expect, seen: &Seen) -> Result<()> {
    let calls = &seen.upstream;
    if let Some(expected) = &expect.upstream {
        ensure!(
            calls.len() == expected.len(),
            "{} calls to the model, expected {}",
            calls.len(),
            expected.len()
        );
        for (n, (expected, call)) in expected.iter().zip(calls).enumerate() {
            upstream_call(expected, call).with_context(|| format!("call {n} to the model"))?;
        }
    }
    if let Some(prompt) = &expect.prompt {
        let [call] = calls.as_slice() else {
            bail!("{} calls to the model, expected one", calls.len())
        };
        let found = newest_user_text(&call.json());
        ensure!(
            found.as_ref() == Some(prompt),
            "the model was asked {found:?}, expected {prompt:?}"
        );
    }
    for text in &expect.never_upstream {
        let leaked = calls
            .iter()
            .any(|call| String::from_utf8_lossy(&call.body).contains(text));
        ensure!(!leaked, "{text:?} reached the model");
    }
    for call in calls {
        let headers = format!("{:?}", call.headers);
        ensure!(
            !headers.contains("bot-token") && !headers.contains("other-token"),
            "the caller's token went upstream"
        );
    }
    Ok(())
}

fn upstream_call(expected: &UpstreamCall, call: &Call) -> Result<()> {
    if let Some(path) = &expected.path {
        ensure!(
            call.path == *path,
            "its path is {}, expected {path}",
            call.path
        );
    }
    for (name, pattern) in &expected.headers {
        let found = call.header(name).map(Value::from);
        matches_optional(pattern, found.as_ref()).with_context(|| format!("header {name}"))?;
    }
    if let Some(pattern) = &expected.body {
        matches(pattern, &call.json())
            .with_context(|| format!("the body {}", String::from_utf8_lossy(&call.body)))?;
    }
    if let Some(text) = &expected.text {
        let found = String::from_utf8_lossy(&call.body);
        ensure!(found == *text, "the body is {found:?}, expected {text:?}");
    }
    Ok(())
}

fn newest_user_text(body: &Value) -> Option<String> {
    let messages = body["messages"].as_array()?;
    let message = messages
        .iter()
        .rev()
        .find(|message| message["role"] == "user")?;
    match &message["content"] {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(
            parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect(),
        ),
        _ => None,
    }
}

/// `group/name at hook` to what came of it.
fn outcomes(record: &Value) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for entry in record["guardrails"]
        .as_array()
        .context("a record without guardrails")?
    {
        let text = |key: &str| entry[key].as_str().unwrap_or_default();
        let detail = entry["failure"].as_str().or(entry["skipped"].as_str());
        let outcome = text("outcome").to_owned()
            + &detail
                .map(|detail| format!(": {detail}"))
                .unwrap_or_default();
        let mut key = format!("{} at {}", text("selector"), text("hook"));
        if let Some(tool) = entry["tool"].as_str() {
            key = format!("{key} of {tool}");
        }
        ensure!(
            all.insert(key.clone(), outcome).is_none(),
            "{key} has two entries in the record"
        );
    }
    Ok(all)
}

fn secrecy(expect: &Expect, seen: &Seen) -> Result<()> {
    let response = String::from_utf8_lossy(&seen.answered.body);
    let headers = format!("{:?}", seen.answered.headers);
    // What stands in pieces in a stream, put together; whether it can be read is another check's business.
    let whole = read(seen).map_or_else(
        |_| String::new(),
        |received| format!("{:?}", received.choices),
    );
    for text in expect.never.iter().map(String::as_str).chain(CREDENTIALS) {
        let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        ensure!(
            text.len() >= SHORTEST_HEX || !text.bytes().all(is_hex),
            "{text:?} may be in an id by chance: write at least {SHORTEST_HEX} digits"
        );
        ensure!(!response.contains(text), "{text:?} is in the response");
        ensure!(
            !whole.contains(text),
            "{text:?} is in what the client puts together"
        );
        ensure!(
            !headers.contains(text),
            "{text:?} is in the response's headers"
        );
        let line = seen.log.iter().find(|line| line.contains(text));
        ensure!(
            line.is_none(),
            "{text:?} was logged: {}",
            line.cloned().unwrap_or_default()
        );
    }
    Ok(())
}
