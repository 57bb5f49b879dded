//! What a gateway sends over NATS beside its reports.

use std::path::PathBuf;

use clap::Args;
use parapet_bus::nats::args::NatsArgs;
use parapet_bus::nats::{ConnectConfig, Credentials, Role};

use crate::telemetry::otlp::Traces;

/// What leaves over NATS, in an account of its own.
#[derive(Args, Clone, Debug)]
pub struct SharingArgs {
    /// Where traces go: to a collector, as the standard OTEL_* variables say; over NATS to a forwarder; nowhere.
    #[arg(
        long,
        env = "PARAPET_TRACES",
        value_name = "WAY",
        default_value = "otlp"
    )]
    pub traces: Traces,
    /// Send the record of each request over NATS as well, to the operators, which show it on their page.
    #[arg(long, env = "PARAPET_SHARE_RECORDS", conflicts_with = "manifests")]
    pub share_records: bool,
    /// A file with the seed of the nkey to connect with for records and traces; it is read again at every connection. Policy comes
    /// over another connection, in another account.
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

impl SharingArgs {
    /// How to connect: to the servers that policy comes from, as another user.
    pub fn connect_config(&self, nats: &NatsArgs, name: String) -> ConnectConfig {
        ConnectConfig {
            credentials: match (&self.traces_nkey, &self.traces_creds) {
                (Some(file), _) => Credentials::NkeySeedFile(file.clone()),
                (None, Some(file)) => Credentials::CredsFile(file.clone()),
                (None, None) => Credentials::None,
            },
            ..nats.connect_config(Role::Recorder, name)
        }
    }
}
