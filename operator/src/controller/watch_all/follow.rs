//! One watch, kept up for good, and the store that it fills.

use std::fmt::Debug;
use std::hash::Hash;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use kube::runtime::reflector::{Lookup, Store, store::Writer};
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::health::One;
use crate::cluster::asked_to_wait;
use crate::metrics::Metrics;

/// A watch that keeps failing says so again after this time.
const REMIND: Duration = Duration::from_secs(30);

/// What fails is tried again after this time, then after twice as long, at most [`MAX_RETRY`]: what a missing definition
/// is waited for, and what an edit waits for when an API server comes back.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const MAX_RETRY: Duration = Duration::from_secs(3);

/// After this time without an error the pauses begin anew.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);

/// A watch that was begun anew says nothing until something happens. Without an error for so long it works.
const PROVEN_AFTER: Duration = Duration::from_secs(10);

/// Pauses that grow while errors follow upon each other.
#[derive(Debug, Default)]
struct Pauses {
    last: Option<(Instant, Duration)>,
}

impl Pauses {
    /// The pause after an error of now: between a half and all of what it may be, so that not all watches call at once.
    fn next(&mut self, now: Instant) -> Duration {
        let grown = match self.last {
            Some((at, pause)) if now.duration_since(at) < pause + FORGIVEN_AFTER => pause * 2,
            Some(_) | None => FIRST_RETRY,
        };
        let most = grown.min(MAX_RETRY);
        self.last = Some((now, most));
        let salt = SystemTime::now().duration_since(UNIX_EPOCH);
        let part = salt.map_or(0, |since| since.subsec_micros() % 1000);
        most / 2 + most * part / 2000
    }
}

/// What one watch needs.
pub(super) struct Follow<K: Resource + Clone + 'static>
where
    K::DynamicType: Clone + Eq + Hash,
{
    pub(super) what: &'static str,
    pub(super) api: Api<K>,
    pub(super) of: K::DynamicType,
    pub(super) config: watcher::Config,
    /// Rung when what policy is made of has changed.
    pub(super) changed: Arc<Notify>,
    pub(super) health: One,
    pub(super) metrics: Arc<Metrics>,
}

impl<K> Follow<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    K::DynamicType: Clone + Eq + Hash + Send + Sync,
{
    /// The store, and what fills it for ever.
    pub(super) fn start(self) -> (Store<K>, impl Future<Output = ()>) {
        let writer = Writer::new(self.of.clone());
        (writer.as_reader(), self.run(writer))
    }

    async fn run(self, mut writer: Writer<K>) {
        let mut pauses = Pauses::default();
        let mut said = None;
        loop {
            let mut events = pin!(watcher(self.api.clone(), self.config.clone()));
            loop {
                let error = match tokio::time::timeout(PROVEN_AFTER, events.next()).await {
                    Ok(Some(Ok(event))) => {
                        self.take(event, &mut writer, &mut said);
                        continue;
                    }
                    Ok(Some(Err(error))) => error,
                    Ok(None) => break,
                    Err(_) => {
                        self.works(false, &mut said);
                        continue;
                    }
                };
                self.note(&error, &mut said);
                tokio::time::sleep(pauses.next(Instant::now()).max(wish(&error))).await;
                if is_lost(&error) {
                    // Listed anew. What is known stays until the new list is whole.
                    break;
                }
            }
        }
    }

    fn take(
        &self,
        mut event: watcher::Event<K>,
        writer: &mut Writer<K>,
        said: &mut Option<Instant>,
    ) {
        let (is_listed, is_news) = match &mut event {
            watcher::Event::Init => (None, false),
            watcher::Event::InitApply(object) => {
                object.meta_mut().managed_fields = None;
                (None, false)
            }
            watcher::Event::InitDone => (Some(true), true),
            watcher::Event::Apply(object) => {
                object.meta_mut().managed_fields = None;
                (Some(false), self.is_news(object, &writer.as_reader()))
            }
            watcher::Event::Delete(_) => (Some(false), true),
        };
        writer.apply_watcher_event(&event);
        if let Some(is_listed) = is_listed {
            self.works(is_listed, said);
        }
        if is_news {
            self.changed.notify_one();
        }
    }

    fn works(&self, is_listed: bool, said: &mut Option<Instant>) {
        if self.health.works(is_listed) && said.take().is_some() {
            tracing::info!(what = self.what, "the watch works again");
        }
    }

    /// Whether anything but a status or a label is another than before: our own statuses come back through the watch too.
    fn is_news(&self, now: &K, known: &Store<K>) -> bool {
        let Some(before) = known.get(&now.to_object_ref(self.of.clone())) else {
            return true;
        };
        let (before, now) = (before.meta(), now.meta());
        // Secrets have no generation.
        now.generation.is_none()
            || (&before.uid, before.generation, &before.deletion_timestamp)
                != (&now.uid, now.generation, &now.deletion_timestamp)
    }

    fn note(&self, error: &watcher::Error, said: &mut Option<Instant>) {
        self.metrics.watch_error(self.what);
        let cause = self.health.fails(error);
        if said.is_none_or(|at| at.elapsed() > REMIND) {
            *said = Some(Instant::now());
            tracing::warn!(what = self.what, %error, cause, "cannot watch; trying again");
        }
    }
}

/// How long the server asks to be left alone.
fn wish(error: &watcher::Error) -> Duration {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => asked_to_wait(error),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => Duration::ZERO,
    }
}

/// Whether a watch cannot be begun again where it was: it is asked for a version that the server does not have any more
/// (410), or does not take. The library asks for it for ever.
fn is_lost(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::WatchStartFailed(kube::Error::Api(status)) => {
            (400..500).contains(&status.code) && status.code != 429
        }
        watcher::Error::WatchStartFailed(_)
        | watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchError(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_begin_anew_after_a_quiet_time() {
        let mut pauses = Pauses::default();
        let mut now = Instant::now();
        let mut pause = |after: Duration| {
            now += after;
            pauses.next(now)
        };
        assert!(pause(Duration::ZERO) <= FIRST_RETRY);
        for _ in 0..10 {
            pause(Duration::from_secs(1));
        }
        let longest = pause(MAX_RETRY);
        assert!(
            (MAX_RETRY / 2..=MAX_RETRY).contains(&longest),
            "{longest:?}"
        );
        assert!(pause(MAX_RETRY + FORGIVEN_AFTER) <= FIRST_RETRY);
    }
}
