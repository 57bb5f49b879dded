//! Puts the webhook together.

use std::sync::Arc;

use anyhow::Context as _;
use kube::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::authority::Injection;
use super::judge::Judge;
use super::server::Webhook;
use super::{WebhookSettings, certificate, listener};
use crate::controller::watch_all::{Scope, Watched};
use crate::metrics::Metrics;

/// What the webhook answers from.
pub struct Watching {
    /// What the cluster holds.
    pub watched: Watched,
    /// What is looked at: the rest is not ours.
    pub scope: Scope,
    /// The namespace whose resources govern the whole installation.
    pub policy_namespace: Arc<str>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Begins to serve; the tasks do it. Returns what is left for the leader to do, when there is something.
///
/// # Errors
/// When the listener cannot be bound. A certificate that is not there yet is waited for.
pub async fn start(
    settings: WebhookSettings,
    from: Watching,
    client: &Client,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Option<Injection>> {
    let address = settings.listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listening on {address} for the webhook"))?;
    let (tell, certificate) = watch::channel(None);
    tasks.spawn(certificate::follow(settings.tls, tell));
    let judge = Judge::new(from.policy_namespace, settings.missing);
    let webhook = Webhook::new(judge, from.watched, from.scope, from.metrics);
    tasks.spawn(webhook.clone().warm());
    tasks.spawn(listener::serve(
        listener,
        certificate.clone(),
        webhook.router(),
    ));
    Ok(settings.configuration.map(|name| Injection {
        client: client.clone(),
        name,
        certificate,
    }))
}
