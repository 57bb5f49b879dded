//! Runs scenario files against the real gateway.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::base::{self, Places};
use super::check::{self, Seen};
use super::schema::{Case, File, Mode, Turn};
use crate::fake::{Call, Progress};
use crate::fake_guardrail::FakeGuardrails;
use crate::fake_llm::FakeLlm;
use crate::harness::{Gateway, Setup, free_port};
use crate::http_client::{Answered, Client};

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
    let stage = Stage::build(file).await?;
    let mut report = Report::default();
    for case in &file.cases {
        for mode in &case.modes {
            report.ran += 1;
            let mut response = String::new();
            if let Err(why) = stage.play(case, *mode, &mut response).await {
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

/// Everything that a file's cases play on.
struct Stage {
    gateway: Gateway,
    client: Client,
    llm: FakeLlm,
    services: FakeGuardrails,
}

impl Stage {
    async fn build(file: &File) -> Result<Self> {
        let llm = FakeLlm::start().await?;
        let services = FakeGuardrails::start().await?;
        let places = Places {
            llm: format!("http://{}", llm.server().addr()),
            service: format!("http://{}", services.server().addr()),
            closed: format!("http://{}", free_port()?),
        };
        let mut setup = Setup::default()
            .file("base.yaml", places.fill(base::MANIFESTS))
            .file("scenario.yaml", places.fill(&file.manifests));
        for arg in &file.args {
            setup = setup.arg(arg);
        }
        let gateway = setup.start().await?;
        let client = gateway.client();
        Ok(Self {
            gateway,
            client,
            llm,
            services,
        })
    }

    async fn play(&self, case: &Case, mode: Mode, response: &mut String) -> Result<()> {
        self.prepare(case)?;
        let log_before = self.gateway.log().lines().len();
        let outgoing = case.request.outgoing(mode)?;
        let path = outgoing.path.clone();
        let opened = self.client.open(outgoing).await?;
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
        let services = self.services.server().calls();
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
        let record = self.gateway.record(request_id).await?;
        if case.expect.upstream_dropped {
            self.wait_for_drop().await?;
        }
        let seen = Seen {
            mode,
            path,
            answered,
            upstream: self.llm.server().take_calls(),
            services: by_service(self.services.server().take_calls()),
            record,
            log: self.gateway.log().lines().split_off(log_before),
        };
        check::all(&case.expect, &seen, case.request.hang_up_after.is_some())
    }

    fn prepare(&self, case: &Case) -> Result<()> {
        let silence = Turn {
            say: Some("ok".into()),
            ..Turn::default()
        };
        let turns = if case.model.is_empty() {
            std::slice::from_ref(&silence)
        } else {
            &case.model
        };
        self.llm.script(
            turns
                .iter()
                .map(Turn::scripted)
                .collect::<Result<Vec<_>>>()?,
        );
        self.services.reset();
        for (name, entries) in &case.services {
            let entries = entries
                .iter()
                .map(super::schema::Judgement::scripted)
                .collect::<Result<Vec<_>>>()?;
            self.services.script(name, entries);
        }
        self.llm.server().take_calls();
        self.services.server().take_calls();
        Ok(())
    }

    async fn wait_for_drop(&self) -> Result<()> {
        let gone = |calls: &[Call]| calls.iter().any(|call| call.progress == Progress::Gone);
        let calls = self.llm.server().wait_for(DROP_LIMIT, gone).await;
        ensure!(
            gone(&calls),
            "no call to the model was dropped within {DROP_LIMIT:?}"
        );
        Ok(())
    }
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
