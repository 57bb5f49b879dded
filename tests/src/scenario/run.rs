//! Runs scenario files against the real gateway.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::check::{self, Seen};
use super::schema::{Case, File, Mode, Turn};
use crate::fake::{Call, Progress};
use crate::fake_llm::CASE;
use crate::harness::Setup;
use crate::http_client::Answered;
use crate::world::World;

/// How long a dropped call may take to be seen as dropped by the other side.
const DROP_LIMIT: Duration = Duration::from_secs(2);

/// One case that did not pass in one mode.
#[derive(Debug)]
pub struct Failure {
    /// The case's name.
    pub case: String,
    /// The mode.
    pub mode: Mode,
    /// What was not as expected.
    pub why: anyhow::Error,
    /// What came back, shortened.
    pub response: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]: {:#}", self.case, self.mode.as_str(), self.why)?;
        if !self.response.is_empty() {
            write!(f, "\n    response: {}", self.response)?;
        }
        Ok(())
    }
}

/// What came of a file.
#[derive(Debug, Default)]
pub struct Report {
    /// Cases that ran, once for each mode.
    pub ran: usize,
    /// Those that did not pass.
    pub failures: Vec<Failure>,
}

/// Runs all cases of a file, one after the other, against one gateway.
///
/// # Errors
/// When the gateway or the fakes cannot be started: then nothing was tested.
pub async fn run(file: &File) -> Result<Report> {
    let args = |setup: Setup| file.args.iter().fold(setup, |setup, arg| setup.arg(arg));
    let world = World::start_with(&file.manifests, args).await?;
    let mut report = Report::default();
    for case in &file.cases {
        for mode in &case.modes {
            report.ran += 1;
            let mut response = String::new();
            let id = report.ran.to_string();
            if let Err(why) = play(&world, case, *mode, &id, &mut response).await {
                report.failures.push(Failure {
                    case: case.name.clone(),
                    mode: *mode,
                    why,
                    response,
                });
            }
        }
    }
    Ok(report)
}

/// Plays a case. On a slow machine a call to the model that the case before gave up may only come now: calls say whose they
/// are.
async fn play(
    world: &World,
    case: &Case,
    mode: Mode,
    id: &str,
    response: &mut String,
) -> Result<()> {
    prepare(world, case, id)?;
    let log_before = world.gateway.log().lines().len();
    let outgoing = case.request.outgoing(mode)?.header(CASE, id);
    let path = outgoing.path.clone();
    let opened = world.client.open(outgoing).await?;
    let (status, headers) = (opened.status, opened.headers.clone());
    let (body, cut) = match &case.request.hang_up_after {
        None => opened.rest().await,
        Some(text) => {
            let mut opened = opened;
            (opened.read_until(text).await?.into_bytes(), false)
        }
    };
    let answered = Answered {
        status,
        headers,
        body: body.into(),
        cut,
    };
    *response = shortened(&answered);
    let services = world.services.server().calls();
    let waited = |name: &String| {
        services.iter().any(|call| {
            call.path.trim_start_matches('/') == name && call.progress == Progress::Done
        })
    };
    let too_long = case.expect.not_waited_for.iter().find(|name| waited(name));
    ensure!(
        too_long.is_none(),
        "the response waited for service {}",
        too_long.map_or("", String::as_str)
    );
    let request_id = answered
        .header("x-request-id")
        .context("the response has no x-request-id")?;
    let record = world.gateway.record(request_id).await?;
    if case.expect.upstream_dropped {
        wait_for_drop(world, id).await?;
    }
    let seen = Seen {
        mode,
        path,
        answered,
        upstream: of_case(world.llm.server().take_calls(), id),
        services: by_service(world.services.server().take_calls()),
        record,
        log: world.gateway.log().lines().split_off(log_before),
    };
    check::all(&case.expect, &seen, case.request.hang_up_after.is_some())
}

fn of_case(mut calls: Vec<Call>, id: &str) -> Vec<Call> {
    calls.retain(|call| call.header(CASE) == Some(id));
    calls
}

fn prepare(world: &World, case: &Case, id: &str) -> Result<()> {
    let says_ok = Turn {
        say: Some("ok".into()),
        ..Turn::default()
    };
    let turns = if case.model.is_empty() {
        std::slice::from_ref(&says_ok)
    } else {
        &case.model
    };
    let turns: Result<Vec<_>> = turns.iter().map(Turn::scripted).collect();
    world.llm.script_for(id, turns?);
    world.services.reset();
    for (name, entries) in &case.services {
        let entries = entries
            .iter()
            .map(super::schema::Judgement::scripted)
            .collect::<Result<Vec<_>>>()?;
        world.services.script(name, entries);
    }
    world.llm.server().take_calls();
    world.services.server().take_calls();
    Ok(())
}

async fn wait_for_drop(world: &World, id: &str) -> Result<()> {
    let is_gone = |call: &Call| call.header(CASE) == Some(id) && call.progress == Progress::Gone;
    let gone = |calls: &[Call]| calls.iter().any(is_gone);
    let calls = world.llm.server().wait_for(DROP_LIMIT, gone).await;
    ensure!(
        gone(&calls),
        "no call to the model was dropped within {DROP_LIMIT:?}"
    );
    Ok(())
}

fn by_service(calls: Vec<Call>) -> BTreeMap<String, Vec<Value>> {
    let mut by_service: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for call in calls {
        by_service
            .entry(call.path.trim_start_matches('/').to_owned())
            .or_default()
            .push(call.json());
    }
    by_service
}

fn shortened(answered: &Answered) -> String {
    let body = String::from_utf8_lossy(&answered.body);
    let short: String = body.chars().take(1500).collect();
    format!(
        "{} {short}{}",
        answered.status.as_u16(),
        if answered.cut { " (broken off)" } else { "" }
    )
}
