//! The command line's part of [`Settings`](super::Settings), the same for whoever has a console.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use parapet_policy::subject;

use super::{Limits, Settings};

/// Whether there is a page of what happened, who may read it, and how much it keeps.
#[derive(Args, Clone, Debug)]
pub struct ConsoleArgs {
    /// Whether the admin listener has a page of recent requests, below /console/. Default: where policy is from files, it
    /// has; a gateway in a cluster has none.
    #[arg(long, env = "PARAPET_CONSOLE", value_name = "WHETHER")]
    pub console: Option<Switch>,
    /// Who may read it: role:NAME, team:NAME, user:NAME or virtualaccount:NAME; may be given several times, or with commas.
    #[arg(
        long = "console-reader",
        env = "PARAPET_CONSOLE_READERS",
        value_name = "SUBJECT",
        value_delimiter = ',',
        default_value = "role:console-reader",
        value_parser = reader
    )]
    pub console_readers: Vec<String>,
    /// How many requests it keeps in memory, the newest.
    #[arg(
        long,
        env = "PARAPET_CONSOLE_REQUESTS",
        value_name = "N",
        default_value_t = Limits::default().records as u32,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub console_requests: u32,
    /// How many MiB of memory they may take; when they do, it keeps fewer.
    #[arg(
        long,
        env = "PARAPET_CONSOLE_MIB",
        value_name = "N",
        default_value_t = (Limits::default().bytes / MIB) as u32,
        value_parser = clap::value_parser!(u32).range(1..=4096)
    )]
    pub console_mib: u32,
    /// An SQLite file that follows what is kept, so that a restart begins with it; default: none.
    #[arg(long, env = "PARAPET_CONSOLE_FILE", value_name = "FILE")]
    pub console_file: Option<PathBuf>,
}

const MIB: usize = 1024 * 1024;

/// On or off.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Switch {
    /// There is one.
    On,
    /// There is none.
    Off,
}

impl ConsoleArgs {
    /// Whether there is one, where `default` holds when nothing is said.
    pub fn is_on(&self, default: bool) -> bool {
        self.console.map_or(default, |switch| switch == Switch::On)
    }

    /// For the console.
    pub fn settings(&self) -> Settings {
        Settings {
            limits: Limits {
                records: self.console_requests as usize,
                bytes: self.console_mib as usize * MIB,
            },
            readers: self.console_readers.clone(),
            file: self.console_file.clone(),
        }
    }
}

fn reader(text: &str) -> Result<String, String> {
    match subject::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
