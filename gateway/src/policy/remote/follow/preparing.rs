//! What is being prepared beside the traffic, and what waits for it.

use bytes::Bytes;
use parapet_policy::bundle::wire::Manifest;
use parapet_policy::bundle::{Refusal, Revision};
use tokio::task::JoinHandle;

use crate::policy::remote::cache::Cached;
use crate::policy::remote::prepare::{self, Prepared, Preparer};

/// What preparing ends in. The preparer comes back unless it panicked.
pub(super) type Preparing = JoinHandle<(Preparer, Result<Prepared, Refusal>)>;

/// What came while something was being prepared.
pub(super) struct Waiting {
    pub(super) revision: Revision,
    pub(super) message: Bytes,
    pub(super) body: Option<Bytes>,
}

impl Waiting {
    /// Waits in the place of what waits already, unless that is newer: what is read may come from a server that is behind
    /// what was heard.
    pub(super) fn unless_older(self, place: &mut Option<Self>) {
        if place
            .as_ref()
            .is_none_or(|waits| waits.revision <= self.revision)
        {
            *place = Some(self);
        }
    }
}

/// What is prepared, and the message that it came in.
pub(super) struct UnderWay {
    pub(super) task: Preparing,
    pub(super) manifest: Manifest,
    pub(super) cached: Cached,
}

/// What came of it.
pub(super) struct Done {
    pub(super) preparer: Preparer,
    pub(super) result: Result<Prepared, Refusal>,
    pub(super) manifest: Manifest,
    pub(super) cached: Cached,
}

/// Waits for what is being prepared; for ever when nothing is.
pub(super) async fn next(under_way: &mut Option<UnderWay>) -> Done {
    let Some(current) = under_way else {
        return std::future::pending().await;
    };
    let ended = (&mut current.task).await;
    let (preparer, result) = ended.unwrap_or_else(|error| {
        tracing::error!(%error, "making a bundle ready failed");
        // What was half built may be half remembered.
        let refusal = prepare::failed_inside().of(current.manifest.revision);
        (Preparer::default(), Err(refusal))
    });
    let manifest = current.manifest.clone();
    let cached = current.cached.clone();
    *under_way = None;
    Done {
        preparer,
        result,
        manifest,
        cached,
    }
}
