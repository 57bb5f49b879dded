//! A publisher without a network: for tests, and for trying the operator without gateways.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parapet_policy::bundle::{Bundle, Revision};
use tokio::sync::watch;

use super::{Fleet, GatewayReport, KeysInUse, Publication, PublishError, Published, Publisher};

/// Keeps what is published, and says of gateways what it is told.
#[derive(Debug)]
pub struct Memory {
    state: Mutex<State>,
    fleet: watch::Sender<Arc<Fleet>>,
    keys: watch::Sender<KeysInUse>,
}

#[derive(Debug, Default)]
struct State {
    published: Option<(Bundle, Published)>,
    publications: usize,
    failure: Option<PublishError>,
}

impl Default for Memory {
    fn default() -> Self {
        let fleet = Fleet {
            reachable: true,
            ..Fleet::default()
        };
        Self {
            state: Mutex::default(),
            fleet: watch::Sender::new(Arc::new(fleet)),
            keys: watch::Sender::default(),
        }
    }
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is published.
    pub fn bundle(&self) -> Option<Bundle> {
        let state = self.state();
        state.published.as_ref().map(|(bundle, _)| bundle.clone())
    }

    /// How often something was published.
    pub fn publications(&self) -> usize {
        self.state().publications
    }

    /// From now on everything fails like this; none: nothing does.
    pub fn fail(&self, failure: Option<PublishError>) {
        self.fleet.send_modify(|fleet| {
            Arc::make_mut(fleet).reachable = !matches!(failure, Some(PublishError::Unavailable(_)));
        });
        self.state().failure = failure;
    }

    /// From now on publications are made with other keys.
    pub fn change_keys(&self) {
        self.keys.send_modify(|keys| keys.change += 1);
    }

    /// A gateway says something.
    pub fn report(&self, pod_uid: &str, report: GatewayReport) {
        self.fleet.send_modify(|fleet| {
            Arc::make_mut(fleet)
                .gateways
                .insert(pod_uid.to_owned(), report);
        });
    }

    /// A gateway has fallen silent.
    pub fn forget(&self, pod_uid: &str) {
        self.fleet.send_modify(|fleet| {
            Arc::make_mut(fleet).gateways.remove(pod_uid);
        });
    }

    fn put(&self, publication: &Publication) -> Result<(), PublishError> {
        let mut state = self.state();
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        let revision = publication.bundle.revision;
        let newest: Option<Revision> = state.published.as_ref().map(|(_, is)| is.revision);
        if let Some(newest) = newest.filter(|newest| *newest > revision) {
            return Err(PublishError::Fenced(newest));
        }
        state.publications += 1;
        let published = Published {
            revision,
            sources: publication.sources.clone(),
        };
        state.published = Some((publication.bundle.clone(), published));
        Ok(())
    }
}

impl Publisher for Memory {
    fn current(&self) -> BoxFuture<'_, Result<Option<Published>, PublishError>> {
        let state = self.state();
        let current = match &state.failure {
            Some(failure) => Err(failure.clone()),
            None => Ok(state.published.as_ref().map(|(_, is)| is.clone())),
        };
        std::future::ready(current).boxed()
    }

    fn publish<'a>(
        &'a self,
        publication: &'a Publication,
    ) -> BoxFuture<'a, Result<(), PublishError>> {
        std::future::ready(self.put(publication)).boxed()
    }

    fn keep(&self) -> BoxFuture<'_, ()> {
        std::future::pending().boxed()
    }

    fn keys(&self) -> watch::Receiver<KeysInUse> {
        self.keys.subscribe()
    }

    fn fleet(&self) -> watch::Receiver<Arc<Fleet>> {
        self.fleet.subscribe()
    }
}
