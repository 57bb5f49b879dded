//! Follows what is published: every replica compiles it again, from the forms that were published with it.
//!
//! So the page shows what gateways run, whoever leads, and not what was written since and not accepted. Of all Secrets only
//! the tokens of virtual accounts are read, to know whose they are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use parapet_connect::{Connector, ConnectorConfig};
use parapet_crds::read::Secrets;
use parapet_identity::{Identities, Refresher};
use parapet_policy::bundle::{Bundle, Revision, SecretId};
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::Watching;
use super::installation::{Policy, Seen};
use crate::controller::accept::Acceptor;
use crate::controller::credentials::Credentials;
use crate::controller::object::Object;
use crate::publisher::Published;

/// Tokens and what is published are looked at so often: a token that was taken back signs nobody in for longer.
const EVERY: Duration = Duration::from_secs(5);
/// What gateways report is followed at once, but not more often than this.
const PACE: Duration = Duration::from_secs(1);

pub(super) struct Follower {
    watching: Watching,
    seen: Arc<Seen>,
    refresher: Refresher,
    credentials: Credentials,
    /// It remembers which guardrails build, so that a change costs what it changes.
    acceptor: Option<Acceptor>,
    bundle: Option<Arc<Bundle>>,
    /// What the identities were made from.
    made: Option<(Revision, Vec<(SecretId, String)>)>,
}

impl Follower {
    pub(super) fn new(watching: Watching, seen: Arc<Seen>) -> anyhow::Result<Self> {
        let connector = Connector::new(&ConnectorConfig::default())
            .context("preparing to fetch the keys of identity providers")?;
        let namespace = watching.policy_namespace.clone();
        Ok(Self {
            refresher: Refresher::new(connector, Handle::current()),
            credentials: Credentials::default(),
            acceptor: Some(Acceptor::new(namespace, &[])),
            bundle: None,
            made: None,
            watching,
            seen,
        })
    }

    pub(super) async fn run(mut self) {
        self.watching.watched.complete().await;
        let mut fleet = self.watching.publisher.fleet();
        loop {
            self.look().await;
            tokio::select! {
                _ = fleet.changed() => {}
                () = sleep(EVERY) => {}
            }
            sleep(PACE).await;
        }
    }

    /// What is published, as far as it can be found out: what was seen before stays.
    async fn look(&mut self) {
        match self.watching.publisher.current().await {
            Ok(Some(published)) => self.compile(published).await,
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "it is not known what is published"),
        }
        if let Some(bundle) = self.bundle.clone() {
            self.identify(bundle).await;
        }
    }

    async fn compile(&mut self, published: Published) {
        let revision = published.revision;
        if self
            .bundle
            .as_ref()
            .is_some_and(|bundle| bundle.revision == revision)
        {
            return;
        }
        let namespace = self.watching.policy_namespace.clone();
        let mut acceptor = self
            .acceptor
            .take()
            .unwrap_or_else(|| Acceptor::new(namespace.clone(), &[]));
        let compiling = tokio::task::spawn_blocking(move || {
            let sources = published.sources.iter();
            let objects: Vec<Object> = sources
                .filter_map(|source| Object::restored(source, &namespace))
                .collect();
            // What is published was compiled with the values that there were.
            let secrets = acceptor.secret_refs(&objects);
            let round = acceptor.round(&objects, &secrets);
            (acceptor, round.bundle)
        });
        match compiling.await {
            Ok((acceptor, mut bundle)) => {
                self.acceptor = Some(acceptor);
                bundle.revision = revision;
                self.bundle = Some(Arc::new(bundle));
            }
            Err(error) => {
                tracing::error!(%error, "what is published cannot be compiled for the page");
            }
        }
    }

    /// Knows again whose tokens are whose, when the policy or a token has changed.
    async fn identify(&mut self, bundle: Arc<Bundle>) {
        let accounts = bundle.accounts.iter();
        let named: BTreeSet<SecretId> = accounts
            .flat_map(|account| account.tokens.iter().cloned())
            .collect();
        let labelled = self.watching.watched.secrets();
        let versions = versions(&named, &labelled);
        let current = (bundle.revision, versions);
        if self.made.as_ref() == Some(&current) {
            return;
        }
        let client = &self.watching.client;
        let read = self.credentials.refresh(client, &named, &labelled).await;
        let values: Secrets = read.values;
        let (identities, _) = Identities::new(&bundle, &values);
        self.refresher.follow(&identities);
        let policy = Policy { bundle, identities };
        self.seen.policy.store(Some(Arc::new(policy)));
        // What could not be read is read again.
        self.made = read.failed.is_empty().then_some(current);
    }
}

/// Which version of each token's Secret there is.
fn versions(
    named: &BTreeSet<SecretId>,
    labelled: &std::collections::BTreeMap<crate::controller::watch_all::SecretName, String>,
) -> Vec<(SecretId, String)> {
    let version = |id: &SecretId| {
        let name = (id.namespace.clone(), id.name.clone());
        Some((id.clone(), labelled.get(&name)?.clone()))
    };
    named.iter().filter_map(version).collect()
}
