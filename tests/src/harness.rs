//! Starts the real gateway on files of resources and stops it again.

mod binary;
mod log;

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::http_client::{Client, Outgoing};

pub use binary::{gateway_binary, operator_binary};
pub use log::LogLines;

/// How long the gateway may take to become ready. A debug build on a busy machine takes its time.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A gateway to start.
#[derive(Debug, Default)]
pub struct Setup {
    files: Vec<(String, String)>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    binary: Option<PathBuf>,
    core: Option<String>,
    discard_stdout: bool,
    without_manifests: bool,
}

impl Setup {
    /// A gateway with one file of resources.
    pub fn new(manifests: impl Into<String>) -> Self {
        Self::default().file("resources.yaml", manifests)
    }

    /// The same with one more file below the folder of resources.
    #[must_use]
    pub fn file(mut self, name: &str, text: impl Into<String>) -> Self {
        self.files.push((name.into(), text.into()));
        self
    }

    /// The same with one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The same with one more environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The same with another binary than the one of this build, e.g. a release build.
    #[must_use]
    pub fn binary(mut self, path: PathBuf) -> Self {
        self.binary = Some(path);
        self
    }

    /// The same on one core only, e.g. `0`.
    #[must_use]
    pub fn core(mut self, core: &str) -> Self {
        self.core = Some(core.into());
        self
    }

    /// The same with its standard output thrown away: reading a line for each request costs the reader more than
    /// it costs the gateway.
    #[must_use]
    pub const fn discard_stdout(mut self) -> Self {
        self.discard_stdout = true;
        self
    }

    /// The same without a folder of resources: its arguments say where policy comes from.
    #[must_use]
    pub const fn without_manifests(mut self) -> Self {
        self.without_manifests = true;
        self
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready, with what it said.
    pub async fn start(self) -> Result<Gateway> {
        let mut gateway = self.launch().await?;
        gateway.wait_until_ready().await?;
        Ok(gateway)
    }

    /// Starts it without waiting for readiness.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub async fn launch(self) -> Result<Gateway> {
        let dir = tempfile::tempdir().context("making a folder for resources")?;
        for (name, text) in &self.files {
            write_file(&dir.path().join(name), text)?;
        }
        let binary = match self.binary {
            Some(path) => path,
            None => gateway_binary().await?,
        };
        let (traffic, admin) = (free_port()?, free_port()?);
        let mut command = match &self.core {
            None => Command::new(&binary),
            Some(core) => {
                // `taskset` becomes the gateway: its process id stays the same.
                let mut taskset = Command::new("taskset");
                taskset.args(["-c", core]).arg(&binary);
                taskset
            }
        };
        command.arg("serve");
        if !self.without_manifests {
            command.arg("--manifests").arg(dir.path());
        }
        command
            .args([
                "--listen",
                &traffic.to_string(),
                "--admin-listen",
                &admin.to_string(),
            ])
            .args(if self.args.iter().any(|arg| arg == "--threads") {
                &[]
            } else {
                &["--threads", "1"][..]
            })
            // A test that wants servers to be asked by the gateway itself says so.
            .args(if self.args.iter().any(|arg| arg == "--first-look") {
                &[]
            } else {
                &["--first-look", "0s"][..]
            })
            .args(&self.args)
            .envs(self.env)
            .stdin(Stdio::null())
            .stdout(if self.discard_stdout {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let log = LogLines::default();
        if let Some(stdout) = child.stdout.take() {
            log.follow(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            log.follow(stderr);
        }
        Ok(Gateway {
            child,
            traffic,
            admin,
            dir,
            log,
        })
    }
}

/// A running gateway. It is killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    traffic: SocketAddr,
    admin: SocketAddr,
    dir: TempDir,
    log: LogLines,
}

impl Gateway {
    /// Where traffic goes.
    pub const fn traffic(&self) -> SocketAddr {
        self.traffic
    }

    /// Where the admin routes are.
    pub const fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The folder of resources.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Everything it has printed.
    pub const fn log(&self) -> &LogLines {
        &self.log
    }

    /// The process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// A client with its own connections.
    pub fn client(&self) -> Client {
        Client::new(self.traffic)
    }

    /// Writes a file below the folder of resources the way careful tools do: beside it, then renamed over it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let target = self.dir.path().join(name);
        let beside = self.dir.path().join(format!(".{name}.new"));
        write_file(&beside, text)?;
        std::fs::rename(&beside, &target)
            .with_context(|| format!("renaming over {}", target.display()))
    }

    /// What an admin route answers, as text, with its status.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn admin_get(&self, path: &str) -> Result<(u16, String)> {
        let answer = Client::new(self.admin).send(Outgoing::get(path)).await?;
        Ok((answer.status.as_u16(), answer.text()?.to_owned()))
    }

    /// The record of one request, as soon as it has been written.
    ///
    /// # Errors
    /// When it does not come in time.
    pub async fn record(&self, request_id: &str) -> Result<Value> {
        self.log.record(request_id).await
    }

    /// Waits for readiness.
    ///
    /// # Errors
    /// When it does not come in time or the process ends, with what it said.
    pub async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            if let Some(status) = self
                .child
                .try_wait()
                .context("asking for the gateway's state")?
            {
                // What it said last may still be in the pipe.
                tokio::time::sleep(Duration::from_millis(50)).await;
                bail!(
                    "the gateway ended with {status} before it was ready:\n{}",
                    self.said()
                );
            }
            if let Ok((200, _)) = self.admin_get("/readyz").await {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "the gateway is not ready after {START_LIMIT:?}:\n{}",
                    self.said()
                );
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks it to end, as a supervisor does.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub async fn terminate(&self) -> Result<()> {
        let pid = self.pid().context("the gateway has ended already")?;
        let status = Command::new("kill")
            .args(["-TERM", &pid.to_string()])
            .status()
            .await
            .context("running kill")?;
        if !status.success() {
            bail!("kill -TERM {pid}: {status}");
        }
        Ok(())
    }

    /// Waits until the process has ended and returns its exit code.
    ///
    /// # Errors
    /// When it does not end within `limit`.
    pub async fn wait_for_end(&mut self, limit: Duration) -> Result<Option<i32>> {
        let ended = tokio::time::timeout(limit, self.child.wait()).await;
        let status = ended.with_context(|| format!("the gateway still runs after {limit:?}"))?;
        Ok(status.context("waiting for the gateway")?.code())
    }

    /// The last lines of what it printed, for error messages.
    pub fn said(&self) -> String {
        let lines = self.log.lines();
        let mut text = String::new();
        for line in lines.iter().skip(lines.len().saturating_sub(40)) {
            let _ = writeln!(text, "    {line}");
        }
        text
    }
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

/// A local address that nobody listens on, below the range from which the system takes the ports of outgoing
/// connections: one that a connection holds by chance could not be bound, and the gateway's listeners share
/// ports, so two of them on one would not even fail.
///
/// # Errors
/// When no port is free.
pub fn free_port() -> Result<SocketAddr> {
    const FIRST: u16 = 15_000;
    const COUNT: u16 = 15_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two test processes at once start at different places.
    let offset =
        u16::try_from(std::process::id().wrapping_mul(7919) % u32::from(COUNT)).unwrap_or(0);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (offset.wrapping_add(step)) % COUNT;
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(addr).is_ok() {
            return Ok(addr);
        }
    }
    bail!("no free port between {FIRST} and {}", FIRST + COUNT)
}
