//! MCP servers that are programs: started by a gateway that serves its own files, and spoken to over standard input and output.
//!
//! To what is above, such a server looks like one behind HTTP that has sessions: [`serve`] takes what would be sent there
//! and gives what would come back. Each session is a process, so that nothing of one caller is in the reach of another.
//!
//! - [`programs`]: which processes run, how many may, and when one that did not begin is tried again.
//! - [`process`]: how one is started and ended, with everything that it has started itself.
//! - [`owner`]: one process while it runs.
//! - [`routing`]: which of its messages go where.
//! - [`pipes`], [`lines`]: its input and output, bounded.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

mod lines;
mod owner;
mod pipes;
mod process;
pub(crate) mod programs;
mod routing;
pub(crate) mod serve;

/// The same for the same settings, credentials included.
pub(crate) type Print = [u8; 32];

/// What a resource says of a program, with the values of its Secrets.
pub(crate) struct Written {
    /// A path, or a name to look for in `PATH`.
    pub(crate) program: String,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// Its environment, beside `PATH` and `HOME`.
    pub(crate) env: Vec<(String, Zeroizing<String>)>,
    /// Where it runs; none: where the gateway does.
    pub(crate) cwd: Option<PathBuf>,
    /// How long a process lives that nobody uses.
    pub(crate) idle: Duration,
    /// Whether the log shows what it writes to standard error.
    pub(crate) log_stderr: bool,
}

/// A program, ready to be started. It shows neither arguments nor environment in `Debug`.
pub(crate) struct Command {
    /// The server's name, for log and errors.
    pub(crate) server: Arc<str>,
    /// What it is known by.
    pub(crate) print: Print,
    written: Written,
}

impl Command {
    /// A server that is this program.
    pub(crate) fn new(server: Arc<str>, written: Written) -> Self {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(server.as_bytes());
        part(written.program.as_bytes());
        part(&(written.args.len() as u64).to_le_bytes());
        written.args.iter().for_each(|arg| part(arg.as_bytes()));
        for (name, value) in &written.env {
            part(name.as_bytes());
            part(value.as_bytes());
        }
        let Written {
            cwd,
            idle,
            log_stderr,
            ..
        } = &written;
        part(format!("{cwd:?} {idle:?} {log_stderr}").as_bytes());
        Self {
            server,
            print: hash.finalize().into(),
            written,
        }
    }
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that runs for ten minutes when nobody uses it.
    pub(super) fn command(program: &str, args: &[&str]) -> Command {
        let written = Written {
            program: program.to_owned(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: Vec::new(),
            cwd: None,
            idle: Duration::from_secs(600),
            log_stderr: false,
        };
        Command::new("test".into(), written)
    }

    #[test]
    fn other_settings_are_another_program_and_none_is_shown() {
        let one = command("a", &["b", "c"]);
        assert_eq!(one.print, command("a", &["b", "c"]).print);
        assert_ne!(one.print, command("a", &["bc"]).print);
        let written = Written {
            env: vec![("TOKEN".to_owned(), Zeroizing::new("secret".to_owned()))],
            ..one.written
        };
        let with = Command::new("test".into(), written);
        assert_ne!(with.print, one.print);
        assert_eq!(format!("{with:?}"), "Command { server: \"test\", .. }");
    }
}
