//! One task that follows the operator. What takes time runs beside it, one at a time.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use parapet_bus::envelope::{Order, Verified};
use parapet_bus::nats::{BundleReader, Connection, ReadError};
use parapet_policy::bundle::wire::Manifest;
use parapet_policy::bundle::{Refusal, RefusalCode};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

pub(super) mod jitter;
mod preparing;

use jitter::Jitter;
use preparing::{Done, UnderWay, Waiting, next};

use super::RemoteConfig;
use super::cache::{self, Cached};
use super::prepare::{self, Prepared, Preparer};
use super::status::SharedStatus;
use crate::policy::live::{self, LivePolicy};

/// How often the bucket is read although nothing was heard: the guarantee.
const POLL: Duration = Duration::from_secs(15);
/// Up to as much more, so that a fleet does not read at once.
const POLL_JITTER: Duration = Duration::from_secs(15);
/// How soon a reading that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often a report is sent although nothing happened. For operators a gateway is silent after 13 s.
const REPORT: Duration = Duration::from_secs(4);
/// Up to as much more.
const REPORT_JITTER: Duration = Duration::from_secs(1);
/// How long NATS may take at the start before the cached bundle is put in force.
const CACHE_AFTER: Duration = Duration::from_secs(1);

/// The policy in force, as soon as there is one.
pub type First = watch::Receiver<Option<Arc<LivePolicy>>>;

/// Follows until dropped.
#[derive(Debug)]
pub struct Following {
    task: JoinHandle<()>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Begins to follow the operator on this runtime. Following that fails is begun again.
pub fn follow(
    connection: Connection,
    config: RemoteConfig,
    status: SharedStatus,
) -> (Following, First) {
    let (first, receive) = watch::channel(None);
    let config = Arc::new(config);
    let task = tokio::spawn(async move {
        loop {
            let following = run(&connection, &config, &status, &first);
            match AssertUnwindSafe(following).catch_unwind().await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::error!(%error, "following the operator failed"),
                Err(_) => {
                    // The hook has said why; what was half known is forgotten.
                    if let Some(live) = &*first.borrow() {
                        live.reading_failed();
                    }
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    });
    (Following { task }, receive)
}

/// Follows until the connection is given up, which only happens at the end of the process.
async fn run(
    connection: &Connection,
    config: &Arc<RemoteConfig>,
    status: &SharedStatus,
    first: &watch::Sender<Option<Arc<LivePolicy>>>,
) -> Result<(), ReadError> {
    let reader = BundleReader::new(connection, &config.class);
    let mut pushed = reader.listen().await?;
    let mut questions = reader.questions().await?;
    let mut follower = Follower {
        reader,
        config: Arc::clone(config),
        status: Arc::clone(status),
        first: first.clone(),
        preparer: Some(Preparer::default()),
        preparing: None,
        waiting: None,
        kept: None,
        refused: None,
        news: false,
        again: false,
        jitter: Jitter::new(),
    };
    let mut link = connection.state().clone();
    let mut seen = (0, 0);
    let start = Instant::now();
    let mut poll = start + RETRY;
    let mut report = start + RETRY;
    let mut cached = follower.config.cache_dir.clone();
    loop {
        let now = *link.borrow_and_update();
        follower.status.set_connected(now.connected);
        // A connection that came up anew, or messages that were dropped.
        if now.connected && seen != (now.connects, now.slow) {
            seen = (now.connects, now.slow);
            poll = follower.read().await;
            report = Instant::now();
        }
        tokio::select! {
            changed = link.changed() => if changed.is_err() { return Ok(()) },
            Some(message) = pushed.next() => follower.consider(message.payload, None).await,
            Some(_) = questions.next() => report = follower.report().await,
            prepared = next(&mut follower.preparing) => {
                follower.finish(prepared).await;
                report = Instant::now();
            }
            () = sleep_until(poll.into()) => poll = follower.read().await,
            () = sleep_until(report.into()) => report = follower.report().await,
            () = sleep_until((start + CACHE_AFTER).into()), if cached.is_some() => {
                follower.read_cache(cached.take()).await;
            }
        }
        if std::mem::take(&mut follower.news) {
            report = Instant::now();
        }
        if std::mem::take(&mut follower.again) {
            poll = poll.min(Instant::now() + follower.jitter.add(RETRY, RETRY));
        }
    }
}

struct Follower {
    reader: BundleReader,
    config: Arc<RemoteConfig>,
    status: SharedStatus,
    first: watch::Sender<Option<Arc<LivePolicy>>>,
    preparer: Option<Preparer>,
    preparing: Option<UnderWay>,
    /// The newest that came while something was being prepared.
    waiting: Option<Waiting>,
    /// The manifest of what is in the cache.
    kept: Option<Manifest>,
    /// What was refused last: the same message again is no news.
    refused: Option<(Bytes, RefusalCode)>,
    /// Whether something happened that a report should say at once.
    news: bool,
    /// Whether the bucket should be read again soon.
    again: bool,
    jitter: Jitter,
}

impl Follower {
    /// Reads the bucket, and says when to do so again.
    async fn read(&mut self) -> Instant {
        let soon = |follower: &mut Self| Instant::now() + follower.jitter.add(RETRY, RETRY);
        match self.reader.get().await {
            Ok(Some(message)) => {
                self.status.note_read(false);
                self.consider(message, None).await;
            }
            // What is in force stays: an operator will fill it again.
            Ok(None) => self.status.note_read(true),
            Err(error) => {
                tracing::debug!(%error, "the bundle could not be read");
                self.status.note_unreadable(error.to_string());
                return soon(self);
            }
        }
        if self.status.in_force().is_none() && self.preparing.is_none() {
            return soon(self);
        }
        Instant::now() + self.jitter.add(POLL, POLL_JITTER)
    }

    async fn read_cache(&mut self, folder: Option<PathBuf>) {
        let Some(folder) = folder else { return };
        if self.status.in_force().is_some() || self.preparing.is_some() {
            return;
        }
        match tokio::task::spawn_blocking(move || cache::read(&folder)).await {
            Ok(Ok(Some(cached))) => {
                tracing::info!("no bundle over NATS yet: trying the cached one");
                self.consider(cached.message, cached.body).await;
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the cached bundle could not be read"),
            Err(error) => tracing::warn!(%error, "the cached bundle could not be read"),
        }
    }

    /// Verifies a message, and begins to prepare what is new.
    async fn consider(&mut self, message: Bytes, body: Option<Bytes>) {
        let in_force = self.status.in_force();
        let now = SystemTime::now();
        let verified = match prepare::check(&message, &self.config, in_force.as_ref(), now) {
            Ok(verified) => verified,
            Err(refusal) => return self.refuse(&message, &refusal),
        };
        match verified.order() {
            Order::Same => self.confirm(&message, verified.manifest()).await,
            Order::New if self.preparing.is_some() => {
                let waiting = Waiting {
                    revision: verified.manifest().revision,
                    message,
                    body,
                };
                waiting.unless_older(&mut self.waiting);
            }
            Order::New => self.begin(message, body, verified).await,
        }
    }

    async fn begin(&mut self, message: Bytes, body: Option<Bytes>, mut verified: Verified) {
        let mut object = None;
        if let Some(name) = verified.object().map(str::to_owned) {
            object = match body {
                Some(body) => Some(body),
                None => match self.reader.object(&name).await {
                    Ok(body) => body,
                    Err(error) => {
                        self.again = true;
                        tracing::warn!(%error, "the bundle's body could not be read");
                        self.status.note_unreadable(error.to_string());
                        return;
                    }
                },
            };
            if let Some(body) = &object {
                verified = verified.with_object(body.clone());
            }
        }
        let manifest = verified.manifest().clone();
        let (preparer, config) = (
            self.preparer.take().unwrap_or_default(),
            Arc::clone(&self.config),
        );
        let revision = manifest.revision;
        let task = tokio::task::spawn_blocking(move || {
            let result = preparer.prepare(verified, &config);
            (preparer, result.map_err(|refusal| refusal.of(revision)))
        });
        self.preparing = Some(UnderWay {
            task,
            manifest,
            cached: Cached {
                message,
                body: object,
            },
        });
    }

    /// Puts in force what was prepared, or refuses it, and goes on with what came in between.
    async fn finish(&mut self, done: Done) {
        self.preparer = Some(done.preparer);
        match done.result {
            Ok(prepared) => {
                self.status.note_applied(&prepared);
                self.refused = None;
                say(&prepared);
                let live = self.first.borrow().clone();
                match live {
                    Some(live) => live.put(prepared.snapshot),
                    None => {
                        let live = Arc::new(LivePolicy::new(*prepared.snapshot));
                        self.first.send_replace(Some(Arc::clone(&live)));
                        live::say_in_force(&live.snapshot().load());
                    }
                }
                self.keep(done.cached, done.manifest).await;
            }
            Err(refusal) => self.refuse(&done.cached.message, &refusal),
        }
        if let Some(Waiting { message, body, .. }) = self.waiting.take() {
            self.consider(message, body).await;
        }
    }

    async fn confirm(&mut self, message: &Bytes, manifest: &Manifest) {
        if self.status.note_confirmed(manifest) {
            self.refused = None;
            if let Some(live) = &*self.first.borrow() {
                live.note_rejected(None);
            }
            tracing::info!(revision = %manifest.revision, "what is published is in force again");
        }
        // Signed or sealed anew: the cached one would run out, or need a key that is about to go.
        if self.config.cache_dir.is_some() && self.kept.as_ref() != Some(manifest) {
            let mut body = None;
            if manifest.body.object {
                body = self
                    .reader
                    .object(&manifest.body.sha256)
                    .await
                    .ok()
                    .flatten();
                if body.is_none() {
                    return;
                }
            }
            let message = message.clone();
            self.keep(Cached { message, body }, manifest.clone()).await;
        }
    }

    /// Writes what is in force into the cache.
    async fn keep(&mut self, cached: Cached, manifest: Manifest) {
        let Some(folder) = self.config.cache_dir.clone() else {
            return;
        };
        match tokio::task::spawn_blocking(move || cache::write(&folder, &cached)).await {
            Ok(Ok(())) => self.kept = Some(manifest),
            Ok(Err(error)) => tracing::warn!(%error, "the bundle could not be cached"),
            Err(error) => tracing::warn!(%error, "the bundle could not be cached"),
        }
    }

    fn refuse(&mut self, message: &Bytes, refusal: &Refusal) {
        let known = self.refused.as_ref();
        if known.is_some_and(|(before, code)| before == message && *code == refusal.code) {
            return;
        }
        self.refused = Some((message.clone(), refusal.code));
        self.status.note_refused(refusal);
        if let Some(live) = &*self.first.borrow() {
            live.note_rejected(self.status.rejected());
        }
        self.news = true;
        tracing::error!(code = refusal.code.as_str(), why = %refusal.message, "a bundle was refused: the last good one stays in force");
    }

    /// Sends a report, and says when to send the next one.
    async fn report(&mut self) -> Instant {
        let keys = prepare::held_keys(&self.config);
        let live = self.first.borrow().clone();
        let issuers = live.map(|live| live.snapshot().load().identities.issuers());
        let issuers = issuers.unwrap_or_default();
        let report = self.status.report(&self.config.pod, keys, &issuers);
        if let Err(error) = self.reader.report(&report).await {
            tracing::debug!(%error, "no report could be sent");
        }
        Instant::now() + self.jitter.add(REPORT, REPORT_JITTER)
    }
}

/// Says what of a bundle counts as failed here.
fn say(prepared: &Prepared) {
    for problem in &prepared.problems {
        let source = &problem.source;
        tracing::warn!(
            kind = &*source.kind,
            namespace = &*source.namespace,
            name = &*source.name,
            "counts as failed: {}",
            problem.message
        );
    }
    if prepared.more > 0 {
        tracing::warn!(more = prepared.more, "more counts as failed");
    }
}

#[cfg(test)]
mod tests;
