//! The command line of `forward`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use parapet_bus::nats::TraceStreamConfig;
use parapet_bus::nats::args::NatsArgs;

use crate::args::{CopiesArgs, ProcessArgs};

/// `forward`. Where to is said by the standard OTEL_* variables.
#[derive(Args, Clone, Debug)]
#[command(group(clap::ArgGroup::new("traces_over_nats").arg("urls").required(true)))]
pub struct Forward {
    /// How NATS is reached, and whose traces are meant.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Bytes that the stream of traces may have; the oldest go when it is full.
    #[arg(
        long,
        env = "PARAPET_TRACES_MAX_BYTES",
        value_name = "BYTES",
        default_value_t = 134_217_728,
        value_parser = clap::value_parser!(i64).range(1_048_576..)
    )]
    pub max_bytes: i64,
    /// How long traces are kept for a collector that does not take them.
    #[arg(long, env = "PARAPET_TRACES_MAX_AGE", value_name = "TIME", default_value = "1h", value_parser = crate::args::duration)]
    pub max_age: Duration,
    /// Of the stream.
    #[command(flatten)]
    pub copies: CopiesArgs,
    /// Who this replica is, for NATS' monitoring; its pod's name.
    #[arg(long, env = "PARAPET_POD_NAME", value_name = "NAME")]
    pub pod_name: Option<String>,
    /// A PEM file with certificate authorities to trust beside the system's.
    #[arg(long, env = "PARAPET_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// What the process says about itself.
    #[command(flatten)]
    pub process: ProcessArgs,
}

impl Forward {
    /// How traces are kept.
    pub fn stream_config(&self) -> TraceStreamConfig {
        TraceStreamConfig {
            class: self.nats.class.clone(),
            max_bytes: self.max_bytes,
            max_age: self.max_age,
            replicas: self.copies.nats_replicas,
        }
    }
}
