//! `run` as a process: log, signals, connections.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::args::Run;
use crate::publisher::nats::Nats;
use crate::{cluster, run};

/// Threads: one may be busy compiling while the Lease is renewed.
const THREADS: usize = 2;

/// Runs until it is asked to end.
///
/// # Errors
/// When it cannot start. A cluster or a NATS that does not answer is waited for.
pub fn run(args: &Run) -> anyhow::Result<()> {
    start_log(&args.process.log)?;
    // Both libraries that could be chosen may be compiled in; an error says that one was chosen before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async {
        let end = asked_to_end()?;
        let config = kube::Config::infer()
            .await
            .context("reading how to reach the cluster")?;
        let client = cluster::client(config).context("preparing to call the cluster")?;
        let settings = args.settings();
        let publisher = Nats::start(&args.bus.settings(settings.lease.identity.clone())).await?;
        run::run(settings, client, publisher, end).await
    })
}

/// Sets up what `tracing` prints.
///
/// # Errors
/// When the filter cannot be read.
pub(crate) fn start_log(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)
        .with_context(|| format!("reading the filter {filter:?} for the log"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}

/// Comes to its end when somebody asks the process to end.
///
/// # Errors
/// When signals cannot be waited for.
pub(crate) fn asked_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("waiting for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("waiting for signals")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
