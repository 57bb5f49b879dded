//! One process: how it is started and ended, with everything that it has started itself.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};

use super::Command;

/// What a process is given to end by itself once its input is closed, and again once it is asked to.
const TO_END: Duration = Duration::from_secs(2);
/// What of the gateway's environment a program has as well: where programs are, and where their files.
const INHERITED: [&str; 2] = ["PATH", "HOME"];

/// A process. It is killed when it is dropped, and so is what it has started.
pub(super) struct Process {
    child: Child,
    group: Group,
}

/// Its standard streams.
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Process {
    /// Starts a process without a shell, in a group of its own, with nothing of the gateway's environment but [`INHERITED`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(command: &Command) -> io::Result<(Self, Pipes)> {
        let written = &command.written;
        let mut to_start = tokio::process::Command::new(&written.program);
        to_start.args(&written.args).env_clear();
        for name in INHERITED {
            to_start.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        for (name, value) in &written.env {
            to_start.env(name, value.as_str());
        }
        if let Some(cwd) = &written.cwd {
            to_start.current_dir(cwd);
        }
        to_start
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = to_start.spawn()?;
        let group = Group::of(&child);
        let piped = || io::Error::other("its standard streams cannot be had");
        let pipes = Pipes {
            stdin: child.stdin.take().ok_or_else(piped)?,
            stdout: child.stdout.take().ok_or_else(piped)?,
            stderr: child.stderr.take().ok_or_else(piped)?,
        };
        Ok((Self { child, group }, pipes))
    }

    /// Waits until it has ended. May be given up and begun again.
    pub(super) async fn ended(&mut self) -> Option<ExitStatus> {
        self.child.wait().await.ok()
    }

    /// Ends it, whose input is closed, and everything that it has started.
    pub(super) async fn end(mut self) -> Option<ExitStatus> {
        for signal in [None, Some(Signal::TERM)] {
            if let Some(signal) = signal {
                self.group.signal(signal);
            }
            if let Ok(status) = tokio::time::timeout(TO_END, self.ended()).await {
                self.group.kill();
                return status;
            }
        }
        self.group.kill();
        self.ended().await
    }
}

/// The processes that one has started, itself included.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // Who has ended already hears nothing.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Its number may be another's later, so that this happens once.
    fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
