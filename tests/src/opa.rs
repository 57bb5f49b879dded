//! A real Open Policy Agent.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::harness::free_port;
use crate::tools::{Missing, tools};

/// How long it may take to listen on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// A running agent. It is killed when dropped.
#[derive(Debug)]
pub struct Opa {
    addr: SocketAddr,
    _dir: TempDir,
    _child: Child,
}

impl Opa {
    /// Starts one with a policy in Rego; none when it is not to be had on this machine, which is said.
    ///
    /// # Errors
    /// When it cannot be built although it must, or does not start, as with a policy that it cannot read.
    pub async fn start(policy: &str) -> Result<Option<Self>> {
        let folder = match tools(&["opa"])? {
            Ok(folder) => folder,
            Err(Missing(why)) => {
                eprintln!("SKIPPED: tests against a real Open Policy Agent: {why}");
                return Ok(None);
            }
        };
        let dir = tempfile::tempdir().context("making a folder for OPA")?;
        let file = dir.path().join("policy.rego");
        std::fs::write(&file, policy).context("writing the policy")?;
        let said = dir.path().join("log");
        let log = std::fs::File::create(&said).context("making a log file")?;
        let addr = free_port()?;
        let mut child = Command::new(folder.join("opa"))
            .args([
                "run",
                "--server",
                "--disable-telemetry",
                "--log-level=error",
            ])
            .arg(format!("--addr={addr}"))
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("starting OPA")?;
        let deadline = Instant::now() + LIMIT;
        while TcpStream::connect(addr).await.is_err() {
            let ended = child.try_wait().context("asking for OPA's state")?;
            if ended.is_some() || Instant::now() > deadline {
                let said = std::fs::read_to_string(&said).unwrap_or_default();
                bail!("OPA did not start ({ended:?}):\n{said}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Some(Self {
            addr,
            _dir: dir,
            _child: child,
        }))
    }

    /// Where it listens, as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}
