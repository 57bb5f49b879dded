//! The page of what happened, on every replica: records that gateways send over NATS, the policy as it is published, and
//! tokens verified with the gateways' own code.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use kube::Client;
use parapet_bus::nats::{ConnectConfig, RecordReader, connect};
use parapet_console::Console;
use parapet_console::session::SealingKey;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::controller::watch_all::Watched;
use crate::publisher::Publisher;

pub mod args;
mod installation;
mod policy;

use installation::Seen;
use policy::Follower;

/// What the console is told.
#[derive(Clone, Debug)]
pub struct ConsoleSettings {
    /// What it keeps, and who may read it.
    pub page: parapet_console::Settings,
    /// How to connect for records: in the account of their own.
    pub records: ConnectConfig,
    /// Whose gateways' records.
    pub class: Arc<str>,
    /// A file that every replica has and nobody else: sessions that one has sealed are good on all.
    pub secret: PathBuf,
}

/// What it looks at.
#[derive(Clone)]
pub struct Watching {
    /// For the tokens of virtual accounts.
    pub client: Client,
    /// What the cluster holds.
    pub watched: Watched,
    /// What is published, and what gateways say.
    pub publisher: Arc<dyn Publisher>,
    /// The namespace whose resources govern the whole installation.
    pub policy_namespace: Arc<str>,
}

/// Starts a console; the tasks keep it up.
///
/// # Errors
/// When the secret cannot be read, its file cannot be used, or a connection cannot even be tried.
pub async fn start(
    settings: &ConsoleSettings,
    watching: Watching,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Arc<Console>> {
    let path = settings.secret.display();
    let secret = std::fs::read(&settings.secret).with_context(|| format!("reading {path}"))?;
    let key = SealingKey::derived(&Zeroizing::new(secret)).context("starting the console")?;
    let seen = Arc::new(Seen::new(
        watching.publisher.fleet(),
        watching.watched.clone(),
    ));
    let console = Arc::new(Console::new(
        &settings.page,
        key,
        Arc::<Seen>::clone(&seen),
    )?);
    tasks.spawn(Follower::new(watching, seen)?.run());
    let connection = connect(&settings.records).await?;
    let mut reader = RecordReader::listen(&connection, &settings.class).await?;
    let page = Arc::clone(&console);
    tasks.spawn(async move {
        let mut unreadable = 0;
        while let Some(batch) = reader.next().await {
            if batch.unreadable > 0 && unreadable == 0 {
                tracing::warn!(pod = &*batch.pod, "records of a gateway cannot be read: it is of another version, and the page does not show them");
            }
            unreadable += batch.unreadable;
            page.add(&batch.pod, batch.records);
        }
        // Held for as long as it is listened to.
        drop(connection);
    });
    Ok(console)
}
