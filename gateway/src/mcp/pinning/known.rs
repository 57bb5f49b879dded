//! What is known of a server's tools at this moment, by what the server is shown of its caller: for calls.
//!
//! A client may call by a list of yesterday, or by one that another gateway gave it. So what counts is what the
//! server says now, as far as that is not older than the resource allows. Whoever finds nothing fresh lists the tools
//! and all others wait for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use sha2::{Digest as _, Sha256};

use super::List;
use crate::mcp::error::RpcError;

/// Callers of one server whose tools are remembered. Of more, those that were not asked about for the longest time are
/// listed again.
const MAX_SCOPES: usize = 512;
/// After a failure nobody tries again for so long.
const FAILED: Duration = Duration::from_secs(1);

/// What decides which tools a server shows: the protocol's version and all that the server sees of the caller.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct ScopeId([u8; 32]);

impl ScopeId {
    /// Of these parts, in this order.
    pub(crate) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// What is known of one server's tools.
#[derive(Debug, Default)]
pub(crate) struct Known {
    scopes: Mutex<HashMap<ScopeId, Kept, RandomState>>,
    /// Counts what makes everything known old: the server says that its list has changed.
    epoch: AtomicU64,
}

#[derive(Debug)]
struct Kept {
    scope: Arc<Scope>,
    asked: Instant,
}

/// What is known for one sort of caller.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Held by whoever lists the tools.
    pub(crate) turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Nothing,
    Listed {
        list: Arc<List>,
        at: Instant,
        epoch: u64,
    },
    Failed {
        error: RpcError,
        at: Instant,
    },
}

/// The moment at which a list was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    at: Instant,
    epoch: u64,
}

impl Known {
    /// What is known for this sort of caller.
    pub(crate) fn scope(&self, id: ScopeId) -> Arc<Scope> {
        let asked = Instant::now();
        let mut scopes = lock(&self.scopes);
        if scopes.len() >= MAX_SCOPES && !scopes.contains_key(&id) {
            let oldest = scopes.iter().min_by_key(|(_, kept)| kept.asked);
            let oldest = oldest.map(|(id, _)| *id);
            oldest.map(|id| scopes.remove(&id));
        }
        let kept = scopes.entry(id).or_insert_with(|| Kept {
            scope: Arc::default(),
            asked,
        });
        kept.asked = asked;
        Arc::clone(&kept.scope)
    }

    /// From when on a list that is asked for now counts.
    pub(crate) fn now(&self) -> Moment {
        Moment {
            at: Instant::now(),
            epoch: self.epoch.load(Ordering::Acquire),
        }
    }

    /// The server says that its list has changed: nothing that is known counts any more, nor what is on its way.
    pub(crate) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }
}

impl Scope {
    /// The tools, when they are known and were asked for less than `max_age` ago.
    pub(crate) fn fresh(&self, now: Moment, max_age: Duration) -> Option<Arc<List>> {
        match &*lock(&self.state) {
            State::Listed { list, at, epoch }
                if *epoch == now.epoch && now.at.saturating_duration_since(*at) < max_age =>
            {
                Some(Arc::clone(list))
            }
            State::Listed { .. } | State::Failed { .. } | State::Nothing => None,
        }
    }

    /// Why the tools could not be listed, when that was since `arrived` or a moment ago.
    pub(crate) fn failed(&self, arrived: Instant) -> Option<RpcError> {
        match &*lock(&self.state) {
            State::Failed { error, at } if *at >= arrived || at.elapsed() < FAILED => {
                Some(error.clone())
            }
            State::Listed { .. } | State::Failed { .. } | State::Nothing => None,
        }
    }

    /// The tools are known. A list that was asked for earlier than the one that is known is passed over.
    pub(crate) fn note(&self, list: Arc<List>, asked: Moment) {
        let mut state = lock(&self.state);
        if matches!(&*state, State::Listed { at, .. } if *at > asked.at) {
            return;
        }
        *state = State::Listed {
            list,
            at: asked.at,
            epoch: asked.epoch,
        };
    }

    /// A part of the tools was seen and is not as it is known: what is known counts no more.
    pub(crate) fn doubt(&self) {
        *lock(&self.state) = State::Nothing;
    }

    /// The tools could not be listed.
    pub(crate) fn note_failure(&self, error: RpcError) {
        let at = Instant::now();
        *lock(&self.state) = State::Failed { error, at };
    }
}

/// Nothing that panics runs while these are held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_counts_until_it_is_old_or_the_server_says_that_it_changed() {
        let known = Known::default();
        let scope = known.scope(ScopeId::of([&b"a"[..]]));
        let age = Duration::from_secs(60);
        let asked = known.now();
        assert!(scope.fresh(asked, age).is_none());
        scope.note(Arc::default(), asked);
        assert!(scope.fresh(known.now(), age).is_some());
        let later = Moment {
            at: asked.at + age,
            ..asked
        };
        assert!(scope.fresh(later, age).is_none());
        known.forget();
        assert!(scope.fresh(known.now(), age).is_none());
        // One that was on its way when the server said so.
        scope.note(Arc::default(), asked);
        assert!(scope.fresh(known.now(), age).is_none());
        scope.note(Arc::default(), known.now());
        assert!(scope.fresh(known.now(), age).is_some());
        scope.doubt();
        assert!(scope.fresh(known.now(), age).is_none());
    }

    #[test]
    fn an_older_list_does_not_replace_a_newer_one() {
        let known = Known::default();
        let scope = known.scope(ScopeId::of([]));
        let older = known.now();
        let newer = Moment {
            at: older.at + Duration::from_secs(1),
            ..older
        };
        let list = Arc::new(List {
            entries: 7,
            ..List::default()
        });
        scope.note(Arc::clone(&list), newer);
        scope.note(Arc::default(), older);
        let found = scope.fresh(newer, Duration::from_secs(60)).unwrap();
        assert_eq!(found.entries, 7);
    }

    #[test]
    fn a_failure_is_told_to_all_who_waited_and_for_a_moment() {
        let known = Known::default();
        let scope = known.scope(ScopeId::of([]));
        let arrived = Instant::now();
        assert!(scope.failed(arrived).is_none());
        scope.note_failure(RpcError::upstream("gone"));
        assert!(scope.failed(arrived).is_some());
        assert!(scope.failed(Instant::now()).is_some());
        scope.note(Arc::default(), known.now());
        assert!(scope.failed(arrived).is_none());
    }

    #[test]
    fn parts_of_a_scope_do_not_run_together_and_scopes_are_bounded() {
        assert_ne!(
            ScopeId::of([&b"ab"[..], b"c"]),
            ScopeId::of([&b"a"[..], b"bc"])
        );
        let known = Known::default();
        for number in 0..MAX_SCOPES + 10 {
            known.scope(ScopeId::of([&number.to_le_bytes()[..]]));
        }
        assert_eq!(lock(&known.scopes).len(), MAX_SCOPES);
    }
}
