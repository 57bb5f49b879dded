//! `run`: puts everything together, and takes it apart again.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kube::Client;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::admin::{self, Admin};
use crate::console::{self, ConsoleSettings};
use crate::controller::Controller;
use crate::controller::watch_all::{Scope, Watched};
use crate::lease::{Campaign, LeaseConfig};
use crate::metrics::Metrics;
use crate::publisher::Publisher;
use crate::webhook::{self, WebhookSettings};

/// How often it is said what is missing.
const REMIND: Duration = Duration::from_secs(30);

/// What an operator is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespace whose resources govern the whole installation.
    pub policy_namespace: Arc<str>,
    /// What is looked at.
    pub scope: Scope,
    /// The election.
    pub lease: LeaseConfig,
    /// Where the admin routes are.
    pub admin_listen: SocketAddr,
    /// The page of what happened; none: there is none.
    pub console: Option<ConsoleSettings>,
    /// The validating webhook; none: there is none.
    pub webhook: Option<WebhookSettings>,
}

/// Runs until `end`: watches always, publishes and writes statuses while it leads.
///
/// # Errors
/// When a listener cannot be bound. Whatever goes wrong later is tried again.
pub async fn run(
    settings: Settings,
    client: Client,
    publisher: Arc<dyn Publisher>,
    end: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(settings.admin_listen)
        .await
        .with_context(|| {
            format!(
                "listening on {} for the admin routes",
                settings.admin_listen
            )
        })?;
    let metrics = Arc::new(Metrics::new().context("registering metrics")?);
    // Dropped at the end, and the tasks with it.
    let mut tasks = JoinSet::new();
    let watched = Watched::start(&client, &settings.scope, &metrics, &mut tasks);
    let admin = Admin {
        watched: watched.clone(),
        metrics: Arc::clone(&metrics),
    };
    let page = match &settings.console {
        Some(page) => {
            let watching = console::Watching {
                client: client.clone(),
                watched: watched.clone(),
                publisher: Arc::clone(&publisher),
                policy_namespace: settings.policy_namespace.clone(),
            };
            Some(console::start(page, watching, &mut tasks).await?)
        }
        None => None,
    };
    tasks.spawn(async move {
        if let Err(error) = axum::serve(listener, admin::router(admin, page)).await {
            tracing::error!(%error, "the admin routes have ended");
        }
    });
    let injection = match settings.webhook {
        Some(webhook) => {
            let watching = webhook::start::Watching {
                watched: watched.clone(),
                scope: settings.scope,
                policy_namespace: settings.policy_namespace.clone(),
                metrics: Arc::clone(&metrics),
            };
            webhook::start::start(webhook, watching, &client, &mut tasks).await?
        }
        None => None,
    };
    let controller = Controller {
        client: client.clone(),
        watched,
        publisher,
        policy_namespace: settings.policy_namespace,
        metrics: Arc::clone(&metrics),
        instance: settings.lease.identity.clone(),
    };
    let campaign = Campaign::new(client, settings.lease);
    tokio::pin!(end);
    // Who has not seen everything cannot lead, and must not keep another from leading.
    tokio::select! {
        () = seen_everything(&controller.watched) => {}
        () = &mut end => return Ok(()),
    }
    loop {
        let leadership = tokio::select! {
            won = campaign.win() => won,
            () = &mut end => return Ok(()),
        };
        tracing::info!(epoch = leadership.epoch(), "won the lease");
        let epoch = i64::try_from(leadership.epoch()).unwrap_or(i64::MAX);
        metrics.epoch.set(epoch);
        metrics.leader.set(1);
        let ended = tokio::select! {
            // First, so that nothing is published after the Lease is lost.
            biased;
            () = leadership.lost() => false,
            () = &mut end => true,
            () = webhook::authority::keep(injection.as_ref()) => false,
            led = controller.lead(&leadership) => {
                if let Err(error) = led {
                    tracing::warn!(%error, "leading has ended");
                }
                false
            }
        };
        metrics.leader.set(0);
        if ended {
            tracing::info!("asked to end: giving the lease back");
            leadership.release().await;
            return Ok(());
        }
        tracing::warn!("leading no more");
    }
}

/// Waits until everything has been listed once, and says what is missing.
async fn seen_everything(watched: &Watched) {
    // On a cluster in order it takes less.
    let mut patience = Duration::from_secs(2);
    loop {
        tokio::select! {
            () = watched.complete() => return,
            () = sleep(patience) => {}
        }
        let missing = watched.missing().join("; ");
        tracing::warn!(missing, "waiting: not everything has been listed yet");
        patience = REMIND;
    }
}
