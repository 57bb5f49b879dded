//! Forwarders of traces: the real program, beside an installation's NATS server.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, Command};

use crate::harness::{LogLines, free_port, operator_binary};
use crate::http_client::{Client, Outgoing};
use crate::installation::{CLASS, Installation};

/// How long a forwarder may take to become ready or to end, on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// A running forwarder. It is killed when dropped.
#[derive(Debug)]
pub struct Forwarder {
    child: Child,
    admin: SocketAddr,
    log: LogLines,
}

impl Forwarder {
    /// Starts one that posts to `endpoint`, and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready, with what it said.
    pub async fn start(
        installation: &Installation,
        endpoint: &str,
        protocol: &str,
        more: &[(&str, &str)],
    ) -> Result<Self> {
        let forwarder = Self::launch(installation, endpoint, protocol, more).await?;
        let deadline = Instant::now() + LIMIT;
        while forwarder
            .get("/readyz")
            .await
            .ok()
            .map(|(status, _)| status)
            != Some(200)
        {
            if Instant::now() > deadline {
                bail!("the forwarder is not ready:\n{}", forwarder.said());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(forwarder)
    }

    /// The same without waiting.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub async fn launch(
        installation: &Installation,
        endpoint: &str,
        protocol: &str,
        more: &[(&str, &str)],
    ) -> Result<Self> {
        let admin = free_port()?;
        let mut child = Command::new(operator_binary().await?)
            .args(["forward", "--nats", &installation.nats.url()])
            .arg("--nats-nkey")
            .arg(installation.file("forwarder.nk"))
            .args(["--class", CLASS, "--admin-listen", &admin.to_string()])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting a forwarder")?;
        let log = LogLines::default();
        if let Some(stderr) = child.stderr.take() {
            log.follow(stderr);
        }
        Ok(Self { child, admin, log })
    }

    /// Asks an admin route; its status and body.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn get(&self, path: &str) -> Result<(u16, String)> {
        let answer = Client::new(self.admin).send(Outgoing::get(path)).await?;
        Ok((answer.status.as_u16(), answer.text()?.to_owned()))
    }

    /// The value of a metric, with its labels as they are shown; none when it is not there.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn metric(&self, name: &str) -> Result<Option<u64>> {
        let (_, text) = self.get("/metrics").await?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map(|value| value.parse().context("reading a metric"))
            .transpose()
    }

    /// Waits until a metric has at least a value, and tells which.
    ///
    /// # Errors
    /// When it does not in time, with what the forwarder said.
    pub async fn wait_for(&self, name: &str, at_least: u64) -> Result<u64> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let value = self.metric(name).await?.unwrap_or(0);
            if value >= at_least {
                return Ok(value);
            }
            if Instant::now() > deadline {
                bail!("{name} is {value}:\n{}", self.said());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything it has printed.
    pub fn said(&self) -> String {
        self.log.lines().join("\n")
    }

    /// Waits until it has ended by itself; its exit code.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn ended(mut self) -> Result<Option<i32>> {
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await;
        Ok(ended.context("the forwarder does not end")??.code())
    }

    /// Asks it to end, and waits until it has; its exit code.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn end(self) -> Result<Option<i32>> {
        let pid = self.child.id().context("the forwarder has ended already")?;
        let kill = Command::new("kill").arg(pid.to_string()).status().await?;
        anyhow::ensure!(kill.success(), "the forwarder cannot be asked to end");
        self.ended().await
    }
}
