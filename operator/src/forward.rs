//! `forward`: traces that gateways sent over NATS, posted to a collector.
//!
//! Gateways may stand where no collector can be reached. What they send is kept in a stream; forwarders share a consumer of
//! it, so that each batch goes to one of them, and say that it is done when the collector has taken it. Nothing of a batch is
//! looked into.

pub mod args;
mod metrics;
mod remembered;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use parapet_bus::nats::{self, Connection, Role, TraceReader};
use parapet_connect::{Connector, ConnectorConfig};
use parapet_otlp::{Settings, Signal, Transport};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::{asked_to_end, start_log};
use args::Forward;
use metrics::Metrics;
use worker::Shared;

/// Batches that one forwarder works on at once: while a collector thinks about one, others travel.
const WORKERS: usize = 4;
/// How long what is under way may take at the end: one attempt is over by then, or somebody else gets the batch.
const LAST: Duration = Duration::from_secs(12);
/// How long NATS may take for the last words.
const FLUSH: Duration = Duration::from_secs(1);
/// What a forwarder calls itself.
const AGENT: &str = concat!("parapet-operator/", env!("CARGO_PKG_VERSION"));

/// Runs until it is asked to end.
///
/// # Errors
/// When it cannot start: it is not said where to, or a listener or certificate is not to be had. NATS and the collector are
/// waited for.
pub fn run(args: &Forward) -> anyhow::Result<()> {
    start_log(&args.process.log)?;
    // Both libraries that could be chosen may be compiled in; an error says that one was chosen before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let signal = destination(Settings::from_env())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(forward(args, signal))
}

/// Where to, as the variables say.
fn destination(settings: Settings) -> anyhow::Result<Signal> {
    match settings.traces {
        Some(signal) => {
            for remark in &settings.remarks {
                tracing::warn!("{remark}");
            }
            Ok(signal)
        }
        None if settings.remarks.is_empty() => {
            bail!("OTEL_EXPORTER_OTLP_ENDPOINT does not say where to post traces")
        }
        None => bail!("{}", settings.remarks.join("\n")),
    }
}

async fn forward(args: &Forward, signal: Signal) -> anyhow::Result<()> {
    let end = asked_to_end()?;
    let connector = Connector::new(&ConnectorConfig {
        extra_ca: args.ca_file.clone(),
        ..ConnectorConfig::default()
    })?;
    let transport = Transport::new(&connector, signal, AGENT)?;
    let metrics = Metrics::new().context("registering metrics")?;
    let listener = TcpListener::bind(args.process.admin_listen)
        .await
        .with_context(|| {
            format!(
                "listening on {} for the admin routes",
                args.process.admin_listen
            )
        })?;
    let name = args.pod_name.clone().unwrap_or_default();
    let connection = nats::connect(&args.nats.connect_config(Role::Forwarder, name)).await?;
    let reader = TraceReader::new(&connection, args.stream_config());
    let shared = Arc::new(Shared::new(reader, transport, metrics, args.max_age));
    // Dropped at the end, and the tasks with it.
    let mut admin = JoinSet::new();
    let routes = routes(Arc::clone(&shared), connection.clone());
    admin.spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the admin routes have ended");
        }
    });
    tracing::info!(class = args.nats.class, "forwarding traces");
    let (ending, ends) = watch::channel(false);
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        workers.spawn(worker::run(Arc::clone(&shared), ends.clone()));
    }
    end.await;
    tracing::info!("asked to end: finishing what is under way");
    ending.send_replace(true);
    let all = async { while workers.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST, all).await.is_err() {
        tracing::warn!("the collector did not answer in time: another forwarder gets what is left");
    }
    // What was handed back may still wait in the client.
    let _ = tokio::time::timeout(FLUSH, connection.client().flush()).await;
    Ok(())
}

/// Health, readiness, metrics.
fn routes(shared: Arc<Shared>, connection: Connection) -> Router {
    let (of_ready, for_ready) = (Arc::clone(&shared), connection.clone());
    let ready = move || async move { ready(&of_ready.ready, &for_ready) };
    let metrics = move || async move {
        let connected = connection.state().borrow().connected;
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        let text = shared.metrics.render(connected);
        ([(header::CONTENT_TYPE, kind)], text).into_response()
    };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// Ready is who can get batches; whether the collector takes them is told by metrics, for nothing else could help it.
fn ready(prepared: &AtomicBool, connection: &Connection) -> Response {
    if !connection.state().borrow().connected {
        let said = format!("not ready: {}\n", connection.trouble());
        return (StatusCode::SERVICE_UNAVAILABLE, said).into_response();
    }
    if !prepared.load(Ordering::Relaxed) {
        let said = "not ready: NATS does not give the stream of traces\n";
        return (StatusCode::SERVICE_UNAVAILABLE, said).into_response();
    }
    "ready\n".into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> anyhow::Result<Signal> {
        destination(Settings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }))
    }

    #[test]
    fn somebody_has_to_say_where_to() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        let signal = read(&[endpoint]).unwrap();
        assert_eq!(signal.uri, "http://collector:4318/v1/traces");
        let error = read(&[]).unwrap_err().to_string();
        assert!(error.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{error}");
        let wrong = ("OTEL_EXPORTER_OTLP_PROTOCOL", "pigeons");
        let error = read(&[endpoint, wrong]).unwrap_err().to_string();
        assert!(error.contains("OTEL_EXPORTER_OTLP_PROTOCOL"), "{error}");
    }
}
