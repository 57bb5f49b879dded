//! The console's part of the command line.

use std::path::PathBuf;

use clap::Args;
use parapet_bus::nats::{Credentials, Role};
use parapet_console::args::ConsoleArgs;

use super::ConsoleSettings;
use crate::args::BusArgs;

/// The page of what happened, and how records come to it.
#[derive(Args, Clone, Debug)]
pub struct PageArgs {
    /// The page.
    #[command(flatten)]
    pub console: ConsoleArgs,
    /// A file with the seed of the nkey to connect with for records; it is read again at every connection.
    #[arg(
        long,
        env = "PARAPET_TRACES_NKEY",
        value_name = "FILE",
        conflicts_with = "traces_creds"
    )]
    pub traces_nkey: Option<PathBuf>,
    /// The same with a JWT and a seed.
    #[arg(long, env = "PARAPET_TRACES_CREDS", value_name = "FILE")]
    pub traces_creds: Option<PathBuf>,
}

impl PageArgs {
    /// For the console; none unless it is switched on.
    pub fn settings(&self, bus: &BusArgs, name: String) -> Option<ConsoleSettings> {
        if !self.console.is_on(false) {
            return None;
        }
        let mut records = bus.nats.connect_config(Role::Watcher, name);
        records.credentials = match (&self.traces_nkey, &self.traces_creds) {
            (Some(file), _) => Credentials::NkeySeedFile(file.clone()),
            (None, Some(file)) => Credentials::CredsFile(file.clone()),
            (None, None) => Credentials::None,
        };
        Some(ConsoleSettings {
            page: self.console.settings(),
            records,
            class: bus.nats.class.as_str().into(),
            secret: bus.digest_key.clone(),
        })
    }
}
