//! A publisher that remembers what was ever published.

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use parapet_operator::publisher::{Fleet, KeysInUse, Publication, Published};
use parapet_policy::bundle::Revision;
use tokio::sync::watch;

use super::*;

/// Publishes in memory, and remembers the size of every policy.
#[derive(Default)]
pub(super) struct Recorded {
    pub(super) bus: Memory,
    sizes: Mutex<Vec<(Revision, usize, usize)>>,
}

impl Recorded {
    /// Every policy that was published: its revision, its rules and its guardrails.
    pub(super) fn sizes(&self) -> Vec<(Revision, usize, usize)> {
        self.sizes.lock().unwrap().clone()
    }
}

impl Publisher for Recorded {
    fn current(&self) -> BoxFuture<'_, Result<Option<Published>, PublishError>> {
        self.bus.current()
    }

    fn publish<'a>(
        &'a self,
        publication: &'a Publication,
    ) -> BoxFuture<'a, Result<(), PublishError>> {
        let bundle = &publication.bundle;
        let size = (bundle.revision, bundle.rules.len(), bundle.guardrails.len());
        self.sizes.lock().unwrap().push(size);
        self.bus.publish(publication)
    }

    fn keep(&self) -> BoxFuture<'_, ()> {
        self.bus.keep()
    }

    fn keys(&self) -> watch::Receiver<KeysInUse> {
        self.bus.keys()
    }

    fn fleet(&self) -> watch::Receiver<Arc<Fleet>> {
        self.bus.fleet()
    }
}
