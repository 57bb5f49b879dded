//! Runs a table against the real gateway and the scripted server.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Era, Reads, Row, Table};
use crate::answer::sse_events;
use crate::fake_mcp::{FakeMcp, LEGACY, MODERN, Manner, Turn};
use crate::http_client::{Answered, Outgoing};
use crate::scenario::pattern;
use crate::world::{TOKEN, World};

/// How long records and calls that nobody waits for may take.
const LIMIT: Duration = Duration::from_secs(5);

/// Runs every row: how many there were with their eras and framings, and what was not as written.
///
/// # Errors
/// When gateway or server cannot be started: then nothing was tested.
pub async fn run(table: &Table) -> Result<(usize, Vec<String>)> {
    let fake = FakeMcp::start().await?;
    let world = World::start(&table.resources(&fake.url())).await?;
    let (mut ran, mut failures) = (0, Vec::new());
    for (index, row) in table.rows.iter().enumerate() {
        for era in [Era::Modern, Era::Legacy] {
            for events in [false, true] {
                if row.era.is_some_and(|only| only != era) {
                    continue;
                }
                ran += 1;
                fake.reset();
                fake.set_manner(Manner {
                    events,
                    ..Manner::default()
                });
                fake.edit(|catalog| catalog.tools.extend(table.tools.iter().cloned()));
                let played = play(&world, &fake, row, index, era).await;
                if let Err(why) = played {
                    let framing = if events { "events" } else { "json" };
                    failures.push(format!("{} [{era:?}, {framing}]: {why:#}", row.name));
                }
            }
        }
    }
    Ok((ran, failures))
}

async fn play(world: &World, fake: &FakeMcp, row: &Row, index: usize, era: Era) -> Result<()> {
    let log_before = world.gateway.log().lines().len();
    let (method, params) = row.message();
    let trace = TRACES.fetch_add(2, Ordering::Relaxed);
    if let Some(reads) = &row.reads {
        let trace = trace + u64::from(reads.elsewhere);
        read(world, fake, reads, era, &format!("read-{index}"), trace).await?;
    }
    let server = format!("row-{index}");
    let session = match era {
        Era::Legacy if method != "initialize" => Some(begin(world, &server).await?),
        Era::Legacy | Era::Modern => None,
    };
    if !row.server.is_null() {
        let turn: Turn = serde_json::from_value(row.server.clone()).context("reading `server`")?;
        fake.script(method, [turn]);
    }
    let before = fake.count(method);
    let request = outgoing(&server, era, session.as_deref(), method, params);
    let request = in_trace(request, trace);
    let answered = world.client.send(request).await?;
    check(world, fake, row, &answered, before, log_before).await
}

/// The conversation reads something of the untrusted server.
async fn read(
    world: &World,
    fake: &FakeMcp,
    reads: &Reads,
    era: Era,
    server: &str,
    trace: u64,
) -> Result<()> {
    if !reads.server.is_null() {
        let turn: Turn = serde_json::from_value(reads.server.clone()).context("reading `reads`")?;
        fake.script("tools/call lookup", [turn]);
    }
    let session = match era {
        Era::Legacy => Some(begin(world, server).await?),
        Era::Modern => None,
    };
    let params = json!({"name": "lookup", "arguments": {"text": "a page"}});
    let request = outgoing(server, era, session.as_deref(), "tools/call", params);
    let answered = world.client.send(in_trace(request, trace)).await?;
    ensure!(
        answered.status == 200,
        "nothing was read: {}",
        answered.text()?
    );
    Ok(())
}

/// Conversations of this run.
static TRACES: AtomicU64 = AtomicU64::new(1);

fn in_trace(request: Outgoing, trace: u64) -> Outgoing {
    request.header(
        "traceparent",
        &format!("00-{trace:032x}-00f067aa0ba902b7-01"),
    )
}

async fn check(
    world: &World,
    fake: &FakeMcp,
    row: &Row,
    answered: &Answered,
    asked_before: usize,
    log_before: usize,
) -> Result<()> {
    let expect = &row.expect;
    ensure!(
        expect.error.is_null() && expect.blocked_by.is_empty() || answered.status == 200,
        "the status is {}: {}",
        answered.status,
        answered.text()?
    );
    let mut messages = messages(answered)?;
    let last = messages.pop().context("there is no answer")?;
    ensure!(last["id"] == 7, "the answer is to another request: {last}");
    if !expect.result.is_null() {
        pattern::matches(&expect.result, &last["result"])
            .with_context(|| format!("the result, in {last}"))?;
    }
    if !expect.error.is_null() {
        pattern::matches(&expect.error, &last["error"])
            .with_context(|| format!("the error, in {last}"))?;
    }
    if !expect.blocked_by.is_empty() {
        blocked(&expect.blocked_by, &last)?;
    }
    let pattern = Value::from(expect.before.clone());
    pattern::matches(&pattern, &messages.into()).context("the messages before the answer")?;
    let (method, _) = row.message();
    let asked = fake.of(method).split_off(asked_before);
    ensure!(
        asked.len() == expect.upstream,
        "the server was asked {} times",
        asked.len()
    );
    if !expect.sent.is_null() {
        let sent = asked.first().map(|message| &message["params"]);
        pattern::matches_optional(&expect.sent, sent).context("what the server got")?;
    }
    let id = answered
        .header("x-request-id")
        .context("the answer has no x-request-id")?;
    let record = tokio::time::timeout(LIMIT, world.gateway.record(id))
        .await
        .context("waiting for the record")??;
    if let Some(end) = &expect.end {
        ensure!(record["end"] == **end, "the record ends {}", record["end"]);
    }
    let outcomes = outcomes(&record);
    for (guardrail, outcome) in &expect.outcomes {
        let found = outcomes.get(guardrail).map_or("", String::as_str);
        ensure!(found == outcome, "{guardrail} came to {found:?}");
    }
    let log = world.gateway.log().lines().split_off(log_before).join("\n");
    let sent = Value::from(asked).to_string();
    for text in &expect.nowhere {
        ensure!(!answered.text()?.contains(text), "the client got {text}");
        ensure!(!sent.contains(text), "the server got {text}");
        ensure!(!log.contains(text), "the log has {text}");
    }
    Ok(())
}

/// Whether an answer says that these stopped the message.
fn blocked(by: &[String], answer: &Value) -> Result<()> {
    let result = &answer["result"];
    let (text, meta) = if result["isError"] == true {
        (&result["content"][0]["text"], &result["_meta"])
    } else {
        (
            &answer["error"]["message"],
            &answer["error"]["data"]["_meta"],
        )
    };
    let name = |name: &String| match &**name {
        "taint" => name.clone(),
        _ => format!("g/{name}"),
    };
    let names: Vec<String> = by.iter().map(name).collect();
    let told = &meta["parapet.dev/guardrail"]["guardrails"];
    ensure!(*told == json!(names), "it is blocked by {told}: {answer}");
    let text = text.as_str().unwrap_or_default();
    ensure!(
        names.iter().all(|name| text.contains(name.as_str())),
        "the text names others: {text}"
    );
    Ok(())
}

fn outcomes(record: &Value) -> BTreeMap<String, String> {
    let entries = record["guardrails"].as_array().into_iter().flatten();
    let outcome = |entry: &Value| {
        let selector = entry["selector"].as_str()?;
        let name = selector.strip_prefix("g/").unwrap_or(selector);
        Some((name.to_owned(), entry["outcome"].as_str()?.to_owned()))
    };
    // What did not run says nothing about what did.
    let ran = entries.filter(|entry| entry["outcome"] != "skipped");
    ran.filter_map(outcome).collect()
}

fn messages(answered: &Answered) -> Result<Vec<Value>> {
    let content_type = answered.header("content-type").unwrap_or_default();
    if !content_type.starts_with("text/event-stream") {
        return Ok(vec![answered.json()?]);
    }
    let events = sse_events(answered.text()?).into_iter();
    let data = events.filter(|event| !event.data.is_empty());
    data.map(|event| Ok(serde_json::from_str(&event.data)?))
        .collect()
}

async fn begin(world: &World, server: &str) -> Result<String> {
    let params = json!({"protocolVersion": LEGACY, "clientInfo": {"name": "rows", "version": "1"},
        "capabilities": {"elicitation": {}, "sampling": {}, "roots": {}}});
    let request = outgoing(server, Era::Legacy, None, "initialize", params);
    let answered = world.client.send(request).await?;
    let session = answered.header("mcp-session-id").map(str::to_owned);
    session.with_context(|| format!("no session began: {:?}", answered.text()))
}

fn outgoing(
    server: &str,
    era: Era,
    session: Option<&str>,
    method: &str,
    mut params: Value,
) -> Outgoing {
    let version = match era {
        Era::Modern => MODERN,
        Era::Legacy => LEGACY,
    };
    if era == Era::Modern {
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({"elicitation": {}, "sampling": {}, "roots": {}});
    }
    let named = match method {
        "tools/call" | "prompts/get" => params["name"].as_str().map(str::to_owned),
        "resources/read" => params["uri"].as_str().map(str::to_owned),
        "tasks/get" => params["taskId"].as_str().map(str::to_owned),
        _ => None,
    };
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string();
    let mut request = Outgoing::post(&format!("/mcp/{server}"), body)
        .bearer(TOKEN)
        .header("accept", "application/json, text/event-stream");
    if method != "initialize" {
        request = request.header("mcp-protocol-version", version);
    }
    if era == Era::Modern {
        request = request.header("mcp-method", method);
        if let Some(named) = named {
            request = request.header("mcp-name", &named);
        }
    }
    match session {
        Some(session) => request.header("mcp-session-id", session),
        None => request,
    }
}
