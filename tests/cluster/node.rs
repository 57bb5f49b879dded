//! What only somebody on the node can do: kill processes, cut the network, take the control plane away.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::jiff::Timestamp;
use tokio::process::Command;

use crate::installed::Pod;
use crate::tool::{run, script, until};

/// Clock ticks of `/proc/<pid>/stat` in a second; Linux shows 100 on every architecture.
const TICKS: f64 = 100.0;

/// The node of the cluster that the tests have made.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    dir: PathBuf,
}

impl Node {
    /// The cluster in `PARAPET_CLUSTER`.
    pub(crate) fn from_env() -> Option<Self> {
        let dir = std::env::var_os("PARAPET_CLUSTER")?;
        Some(Self { dir: dir.into() })
    }

    /// Runs a program in all namespaces of the node.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) async fn run(&self, args: &[&str]) -> Result<String> {
        run(
            Command::new(script("in-cluster")).arg("-a").args(args),
            None,
        )
        .await
    }

    /// The process of a pod's container, by its id on the node.
    ///
    /// # Errors
    /// When it is not running.
    pub(crate) async fn process(&self, pod: &Pod) -> Result<String> {
        let tasks = self.run(&["ctr", "-n", "k8s.io", "tasks", "list"]).await?;
        let line = tasks
            .lines()
            .find(|line| line.starts_with(&pod.container) && !pod.container.is_empty());
        let pid = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(pid
            .with_context(|| format!("{} has no process", pod.name))?
            .to_owned())
    }

    /// Kills a pod's process without notice.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn kill(&self, pod: &Pod) -> Result<()> {
        let pid = self.process(pod).await?;
        self.run(&["kill", "-KILL", &pid]).await.map(|_| ())
    }

    /// Drops, or no longer drops, everything between a pod and a TCP port elsewhere.
    ///
    /// # Errors
    /// When iptables fails.
    pub(crate) async fn cut(&self, pod: &Pod, port: u16, cut: bool) -> Result<()> {
        let pid = self.process(pod).await?;
        let (what, port) = (if cut { "-A" } else { "-D" }, port.to_string());
        for (chain, side) in [("OUTPUT", "--dport"), ("INPUT", "--sport")] {
            let rule = [
                "nsenter", "-t", &pid, "--net", "iptables", "-w", what, chain, "-p", "tcp", side,
                &port, "-j", "DROP",
            ];
            self.run(&rule).await?;
        }
        Ok(())
    }

    /// When a pod's process began, and how much memory it holds, in MiB.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) async fn facts(&self, pod: &Pod) -> Result<(Timestamp, f64)> {
        let pid = self.process(pod).await?;
        let shown = self
            .run(&[
                "cat",
                &format!("/proc/{pid}/stat"),
                "/proc/uptime",
                &format!("/proc/{pid}/status"),
            ])
            .await?;
        let now = Timestamp::now();
        let mut lines = shown.lines();
        // Behind the name, which may hold spaces, the start is the 20th.
        let stat = lines
            .next()
            .and_then(|line| line.rsplit(") ").next())
            .context("reading stat")?;
        let ticks: f64 = stat.split(' ').nth(19).context("reading stat")?.parse()?;
        let uptime: f64 = lines
            .next()
            .and_then(|line| line.split(' ').next())
            .context("reading uptime")?
            .parse()?;
        let age = Duration::from_secs_f64((uptime - ticks / TICKS).max(0.0));
        let resident = lines
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("reading status")?;
        let kib: f64 = resident
            .split_whitespace()
            .next()
            .context("reading status")?
            .parse()?;
        Ok((now - age, kib / 1024.0))
    }

    /// Ends etcd or the API server, and keeps it away until [`Node::give_back`].
    ///
    /// # Errors
    /// When it cannot be killed.
    pub(crate) async fn take_away(&self, daemon: &str) -> Result<()> {
        std::fs::write(self.dir.join("hold").join(daemon), "").context("holding a daemon")?;
        let pid = std::fs::read_to_string(self.dir.join("pids").join(daemon))
            .context("reading a process id")?;
        self.run(&["kill", "-KILL", pid.trim()]).await.map(|_| ())
    }

    /// Whether it is kept away.
    pub(crate) fn is_away(&self, daemon: &str) -> bool {
        self.dir.join("hold").join(daemon).exists()
    }

    /// Lets it start again, and waits until the API server is ready; how long that took.
    ///
    /// # Errors
    /// When it does not become ready.
    pub(crate) async fn give_back(&self, daemon: &str) -> Result<Duration> {
        std::fs::remove_file(self.dir.join("hold").join(daemon)).context("letting a daemon go")?;
        let ready = || async {
            crate::tool::kubectl(&["--request-timeout=2s", "get", "--raw", "/readyz"]).await
        };
        let (_, took) = until(Duration::from_secs(60), "the API server is ready", ready).await?;
        Ok(took)
    }

    /// Makes volumes for claims, as there is nobody who would.
    ///
    /// # Errors
    /// When they are refused.
    pub(crate) async fn volumes(&self, count: usize) -> Result<()> {
        for number in 0..count {
            self.share(&number.to_string())?;
            let yaml = format!(
                "apiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: disk-{number}}}\nspec:\n  capacity: {{storage: 2Gi}}\n  \
                 accessModes: [ReadWriteOnce]\n  hostPath: {{path: /var/volumes/{number}}}\n"
            );
            crate::tool::apply("default", &yaml).await?;
        }
        Ok(())
    }

    /// Where a volume lies on this machine.
    pub(crate) fn volume(&self, number: usize) -> PathBuf {
        self.shared(&number.to_string())
    }

    /// Makes a folder, `/var/volumes/<name>` on the node, that every pod may write into.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn share(&self, name: &str) -> Result<()> {
        let path = self.shared(name);
        std::fs::create_dir_all(&path).context("making a volume")?;
        // The pods are not root.
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .context("opening a volume")
    }

    /// Where such a folder lies on this machine.
    pub(crate) fn shared(&self, name: &str) -> PathBuf {
        self.dir.join("var/volumes").join(name)
    }

    /// The API server's audit log.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn audit_log(&self) -> Result<String> {
        std::fs::read_to_string(self.dir.join("log/audit.log")).context("reading the audit log")
    }
}
