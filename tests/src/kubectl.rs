//! The real `kubectl`, as one user in one namespace.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::control_plane::ControlPlane;
use crate::tools::{Missing, tools};

/// Runs `kubectl` against a control plane.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    config: PathBuf,
    namespace: String,
}

/// What it has said.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Whether it ended well.
    pub ok: bool,
    /// What it printed.
    pub out: String,
    /// Warnings and errors.
    pub err: String,
}

impl Kubectl {
    /// None when it is not to be had, which is said.
    ///
    /// # Errors
    /// When its configuration cannot be written, or when it is missing although `CI` is set.
    pub fn new(server: &ControlPlane, user: &str, namespace: &str) -> Result<Option<Self>> {
        let program = match tools(&["kubectl"])? {
            Ok(tools) => tools.join("kubectl"),
            Err(Missing(_)) => return Ok(None),
        };
        Ok(Some(Self {
            program,
            config: server.kubeconfig(user)?,
            namespace: namespace.to_owned(),
        }))
    }

    /// Runs it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn run(&self, args: &[&str]) -> Result<Ran> {
        self.run_with(args, "").await
    }

    /// `kubectl apply -f -` of one object, with more arguments.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn apply(&self, object: &Value, more: &[&str]) -> Result<Ran> {
        let args = [&["apply", "-f", "-"], more].concat();
        self.run_with(&args, &object.to_string()).await
    }

    /// Runs it with something on its standard input.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn run_with(&self, args: &[&str], input: &str) -> Result<Ran> {
        let mut command = Command::new(&self.program);
        command.env("KUBECONFIG", &self.config);
        if let Some(home) = self.config.parent() {
            // It remembers what servers know by their address, and ports come again.
            command.env("HOME", home);
        }
        let mut child = command
            .args(["--namespace", &self.namespace])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting kubectl")?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may end without reading to the end; what it says then is what matters.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child
            .wait_with_output()
            .await
            .context("waiting for kubectl")?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Ran {
            ok: output.status.success(),
            out: text(output.stdout),
            err: text(output.stderr),
        })
    }
}
