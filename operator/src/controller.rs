//! What the leader does: look at everything, compile, publish, and say what became of it.
//!
//! Level-based: each round starts from all that is known and not from what has changed. Rounds follow changes at once
//! after quiet, and at most every [`PACE`] while changes arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use parapet_crds::read::Secrets;
use parapet_policy::bundle::Revision;
use parapet_policy::diagnostic::Source;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::keys::adoption;
use crate::lease::{Leadership, RaiseError};
use crate::metrics::Metrics;
use crate::publisher::{KeysInUse, Publication, PublishError, Publisher};

pub mod accept;
pub mod conditions;
pub mod credentials;
pub mod object;
pub mod reasons;
pub mod report;
pub mod tools;
pub mod watch_all;

use accept::{Acceptor, Round};
use credentials::{Credentials, Values};
use object::Readings;
use report::{Facts, Report, Since, status_of};
use watch_all::Watched;

/// The least time from the beginning of one round to the next.
const PACE: Duration = Duration::from_millis(100);

/// What could not be read or published is tried again after this time, then after twice as long.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const MAX_RETRY: Duration = Duration::from_secs(5);

/// A call to the publisher that hangs is one that failed.
const PUBLISH_WITHIN: Duration = Duration::from_secs(10);

/// Everything is looked at again after this time, whatever was heard.
const ROUND_AT_LEAST_EVERY: Duration = Duration::from_mins(5);

/// What a leader needs.
#[derive(Clone)]
pub struct Controller {
    /// For Secrets and statuses.
    pub client: Client,
    /// What the cluster holds.
    pub watched: Watched,
    /// The way to the gateways.
    pub publisher: Arc<dyn Publisher>,
    /// The namespace whose resources govern the whole installation.
    pub policy_namespace: Arc<str>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who reports events.
    pub instance: String,
}

/// What makes two publications the same: the bundle's digest, the values of Secrets, which no bundle holds, and the keys
/// that it was made with.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Identity {
    digest: String,
    secrets: [u8; 32],
    keys: u64,
}

/// What a leader remembers from round to round.
struct Session<'a> {
    controller: &'a Controller,
    leadership: &'a Leadership,
    /// None until it is known what is published: what was good before must not be forgotten.
    acceptor: Option<Acceptor>,
    credentials: Credentials,
    read: Readings,
    published: Option<(Identity, Revision)>,
    since: BTreeMap<Source, Since>,
    failure: Option<PublishError>,
    retries: u32,
    keys: watch::Receiver<KeysInUse>,
}

impl Controller {
    /// Leads until the epoch cannot be raised above what is published, which means that somebody else leads. Dropped, it
    /// stops at once.
    ///
    /// # Errors
    /// When somebody else leads.
    pub async fn lead(&self, leadership: &Leadership) -> Result<(), RaiseError> {
        let (tell, facts) = watch::channel(None);
        let report = Report::new(
            self.client.clone(),
            self.watched.clone(),
            Arc::clone(&self.metrics),
            self.instance.clone(),
            leadership.reference().await,
        );
        let session = Session {
            controller: self,
            leadership,
            acceptor: None,
            credentials: Credentials::default(),
            read: Readings::default(),
            published: None,
            since: BTreeMap::new(),
            failure: None,
            retries: 0,
            keys: self.publisher.keys(),
        };
        tokio::select! {
            () = adoption::note(&*self.publisher, leadership) => Ok(()),
            () = report.run(facts, self.publisher.fleet()) => Ok(()),
            () = self.publisher.keep() => Ok(()),
            ended = session.run(&tell) => ended,
        }
    }
}

impl Session<'_> {
    async fn run(mut self, tell: &watch::Sender<Option<Arc<Facts>>>) -> Result<(), RaiseError> {
        let watched = &self.controller.watched;
        loop {
            let begun = Instant::now();
            let is_whole = self.round(tell).await?;
            let wait = if is_whole {
                self.retries = 0;
                ROUND_AT_LEAST_EVERY
            } else {
                self.retries = self.retries.saturating_add(1);
                let times = 2u32.saturating_pow(self.retries.min(16) - 1);
                FIRST_RETRY.saturating_mul(times).min(MAX_RETRY)
            };
            tokio::select! {
                () = watched.policy_changed.notified() => {}
                // The publisher lives as long as the controller.
                _ = self.keys.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
            tokio::time::sleep_until(begun + PACE).await;
        }
    }

    /// One round; false when something has to be tried again.
    async fn round(
        &mut self,
        tell: &watch::Sender<Option<Arc<Facts>>>,
    ) -> Result<bool, RaiseError> {
        let controller = self.controller;
        let timer = controller.metrics.round.start_timer();
        self.find_out_what_is_published().await?;
        let seen = controller.watched.resources();
        let objects = self.read.read(seen, &controller.policy_namespace);
        let is_known = self.acceptor.is_some();
        let mut acceptor = self
            .acceptor
            .take()
            .unwrap_or_else(|| Acceptor::new(controller.policy_namespace.clone(), &[]));
        let labelled = controller.watched.secrets();
        let named = acceptor.secret_refs(&objects);
        let Values { values, failed } = self
            .credentials
            .refresh(&controller.client, &named, &labelled)
            .await;
        for ((namespace, name), error) in &failed {
            tracing::warn!(%namespace, %name, error, "a Secret could not be read; trying again");
        }
        let ids: BTreeSet<_> = values.ids().cloned().collect();
        let compiling = tokio::task::spawn_blocking(move || {
            let round = acceptor.round(&objects, &ids);
            (acceptor, objects, round)
        });
        let Ok((acceptor, objects, round)) = compiling.await else {
            // It has panicked: a bug, and not one that may stop what works.
            tracing::error!("compiling failed; trying again");
            self.acceptor = None;
            return Ok(false);
        };
        controller
            .metrics
            .builds
            .set(i64::try_from(acceptor.builds()).unwrap_or(i64::MAX));
        timer.observe_duration();
        let facts_named = objects
            .iter()
            .map(|object| (object.source.clone(), object.read.secret_refs()))
            .filter(|(_, refs)| !refs.is_empty())
            .collect();
        let Round {
            bundle,
            verdicts,
            sources,
        } = round;
        if is_known {
            self.acceptor = Some(acceptor);
            let identity = Identity {
                digest: bundle.digest.clone(),
                secrets: fingerprint(&values),
                keys: self.keys.borrow_and_update().change,
            };
            self.publish(
                identity,
                Publication {
                    bundle,
                    secrets: values,
                    sources,
                },
            )
            .await?;
        }
        if self.failure.is_none() {
            self.note_since(&verdicts);
        }
        let is_whole = self.failure.is_none() && failed.is_empty();
        let facts = Facts {
            verdicts,
            since: self.since.clone(),
            labelled: labelled.into_keys().collect(),
            named: facts_named,
            failure: self.failure.clone(),
            published: self.published.as_ref().map(|(_, revision)| *revision),
        };
        // The other side lives as long as this one.
        let _ = tell.send(Some(Arc::new(facts)));
        Ok(is_whole)
    }

    /// Once: takes over the last good forms, and lifts the epoch above what is published.
    async fn find_out_what_is_published(&mut self) -> Result<(), RaiseError> {
        if self.acceptor.is_some() {
            return Ok(());
        }
        let current = within(self.controller.publisher.current()).await;
        match current {
            Ok(current) => {
                let sources = current.as_ref().map_or(&[][..], |it| &it.sources);
                if let Some(current) = &current {
                    self.leadership.raise(current.revision.epoch + 1).await?;
                }
                let namespace = self.controller.policy_namespace.clone();
                self.acceptor = Some(Acceptor::new(namespace, sources));
                self.failure = None;
                let epoch = self.leadership.epoch();
                self.controller
                    .metrics
                    .epoch
                    .set(i64::try_from(epoch).unwrap_or(i64::MAX));
                tracing::info!(epoch, before = ?current.map(|it| it.revision.to_string()), "leading");
            }
            Err(error) => {
                if self.failure.as_ref() != Some(&error) {
                    tracing::warn!(%error, "it cannot be found out what is published; trying again");
                }
                self.failure = Some(error);
            }
        }
        Ok(())
    }

    /// Publishes, unless it is what is published already.
    async fn publish(
        &mut self,
        identity: Identity,
        mut publication: Publication,
    ) -> Result<(), RaiseError> {
        let before = self.published.as_ref();
        if self.failure.is_none() && before.is_some_and(|(published, _)| *published == identity) {
            return Ok(());
        }
        let epoch = self.leadership.epoch();
        // Even what failed may have arrived, so it has a generation of its own.
        let generation = match before {
            Some((_, revision)) if revision.epoch == epoch => revision.generation + 1,
            Some(_) | None => 1,
        };
        let revision = Revision { epoch, generation };
        publication.bundle.revision = revision;
        let result = within(self.controller.publisher.publish(&publication)).await;
        let metrics = &self.controller.metrics;
        match result {
            Ok(()) => {
                metrics.published("ok");
                metrics
                    .generation
                    .set(i64::try_from(generation).unwrap_or(i64::MAX));
                let bundle = &publication.bundle;
                tracing::info!(%revision, digest = bundle.digest, rules = bundle.rules.len(), guardrails = bundle.guardrails.len(), "published");
                self.published = Some((identity, revision));
                self.failure = None;
            }
            Err(error) => {
                metrics.published("failed");
                if self.failure.as_ref() != Some(&error) {
                    tracing::warn!(%revision, %error, "not published; trying again");
                }
                if let PublishError::Fenced(newer) = error {
                    // The Lease was lost, and then this fails; or it was deleted, and began to count anew.
                    self.leadership.raise(newer.epoch + 1).await?;
                }
                self.published = Some((Identity::unknown(), revision));
                self.failure = Some(error);
            }
        }
        Ok(())
    }

    /// Notes from which revision on each resource is published. A leader that has just begun believes the statuses.
    fn note_since(&mut self, verdicts: &BTreeMap<Source, accept::Verdict>) {
        let Some((_, revision)) = &self.published else {
            return;
        };
        let mut since = std::mem::take(&mut self.since);
        for (source, verdict) in verdicts {
            let Some(generation) = verdict.in_force else {
                continue;
            };
            let known = since
                .remove(source)
                .filter(|since| since.uid == verdict.uid && since.generation == generation);
            let noted = known.unwrap_or_else(|| Since {
                uid: verdict.uid.clone(),
                generation,
                revision: self.told(source, verdict, generation).unwrap_or(*revision),
                at: Instant::now(),
            });
            self.since.insert(source.clone(), noted);
        }
    }

    /// The revision that a resource's status names for a generation, when it was written under an earlier leader.
    fn told(
        &self,
        source: &Source,
        verdict: &accept::Verdict,
        generation: i64,
    ) -> Option<Revision> {
        let watched = &self.controller.watched;
        let seen = watched.resource(&source.kind, &source.namespace, &source.name)?;
        let status = status_of(&seen);
        let is_programmed = status
            .conditions
            .iter()
            .any(|one| one.type_ == reasons::Kind::Programmed.as_str() && one.status == "True");
        let fits = seen.metadata.uid.as_deref() == Some(&*verdict.uid)
            && status.observed_generation == Some(generation);
        let (epoch, generation) = status.gateways.as_ref()?.snapshot.split_once('.')?;
        let told = Revision {
            epoch: epoch.parse().ok()?,
            generation: generation.parse().ok()?,
        };
        (is_programmed && fits && told.epoch < self.leadership.epoch()).then_some(told)
    }
}

impl Identity {
    /// Of what may or may not have been published.
    const fn unknown() -> Self {
        Self {
            digest: String::new(),
            secrets: [0; 32],
            keys: 0,
        }
    }
}

/// A call that hangs is one that failed.
async fn within<T>(call: impl Future<Output = Result<T, PublishError>>) -> Result<T, PublishError> {
    match tokio::time::timeout(PUBLISH_WITHIN, call).await {
        Ok(result) => result,
        Err(_) => Err(PublishError::Unavailable("no answer in time".to_owned())),
    }
}

fn fingerprint(secrets: &Secrets) -> [u8; 32] {
    let mut hash = Sha256::new();
    for id in secrets.ids() {
        let value = secrets.get(id).unwrap_or_default();
        for part in [&*id.namespace, &*id.name, &*id.key, value] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().into()
}
