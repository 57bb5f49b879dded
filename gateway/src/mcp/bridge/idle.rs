//! Sessions with servers that wait for the next call of a stateless client.
//!
//! A call has a session for itself: what a server sends meanwhile belongs to that call, and so does the level of its log.
//! Sessions are given back when the answer is there; who is next to call with the same credentials goes on with one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use http::HeaderMap;

/// How long a session waits for the next call before it is ended at the server.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);
/// Sessions that wait for one server and caller: what a client has under way at the same time.
const MOST_OF_ONE: usize = 8;
/// Sessions that wait in all.
const MOST: usize = 1024;

/// A session with a server.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The server's id; none where it gives none out.
    pub(crate) id: Option<String>,
    /// The revision that was agreed on.
    pub(crate) version: &'static str,
    /// Whether the server has levels for its log.
    pub(crate) logs: bool,
    /// The level that the server was told last.
    pub(crate) level: Option<String>,
    /// The number of the last request.
    pub(crate) requests: u64,
    /// What every request to this server says for this caller.
    pub(crate) signed: HeaderMap,
}

impl Session {
    /// A number that no request of this session had.
    pub(crate) const fn number(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }
}

/// Server, caller and credentials: whose session it is.
pub(crate) type Key = [u8; 32];

/// What became of a session that was given back.
#[derive(Debug)]
pub(crate) enum Given {
    /// It waits, and somebody looks after it.
    Waits,
    /// It waits, and whoever gave it looks after it: [`Idle::outdated`] after [`LONGEST`], until nothing is left.
    First,
    /// There is no room.
    NoRoom(Box<Session>),
}

/// Sessions that wait.
#[derive(Debug, Default)]
pub(crate) struct Idle(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// A key stands here as long as somebody looks after it.
    by_key: HashMap<Key, Vec<(Instant, Session)>, RandomState>,
    all: usize,
}

impl Idle {
    /// A session to go on with: the one that was used last.
    pub(crate) fn take(&self, key: &Key) -> Option<Session> {
        let mut waiting = self.waiting();
        let (_, session) = waiting.by_key.get_mut(key)?.pop()?;
        waiting.all -= 1;
        Some(session)
    }

    /// Keeps a session for the next call.
    pub(crate) fn give(&self, key: Key, session: Session, now: Instant) -> Given {
        let mut waiting = self.waiting();
        let is_first = !waiting.by_key.contains_key(&key);
        let of_one = waiting.by_key.get(&key).map_or(0, Vec::len);
        if of_one >= MOST_OF_ONE || waiting.all >= MOST {
            return Given::NoRoom(Box::new(session));
        }
        waiting.all += 1;
        waiting.by_key.entry(key).or_default().push((now, session));
        if is_first { Given::First } else { Given::Waits }
    }

    /// Takes the sessions out that have waited for too long. None: no session waits, and nobody has to look any more.
    pub(crate) fn outdated(&self, key: &Key, now: Instant) -> Option<Vec<Session>> {
        let mut waiting = self.waiting();
        let sessions = waiting.by_key.get_mut(key)?;
        if sessions.is_empty() {
            waiting.by_key.remove(key);
            return None;
        }
        let is_old = |since: &Instant| now.saturating_duration_since(*since) >= LONGEST;
        let old: Vec<Session> = sessions
            .extract_if(.., |(since, _)| is_old(since))
            .map(|(_, session)| session)
            .collect();
        waiting.all -= old.len();
        Some(old)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str) -> Session {
        Session {
            id: Some(id.to_owned()),
            version: "2025-11-25",
            logs: false,
            level: None,
            requests: 0,
            signed: HeaderMap::new(),
        }
    }

    #[test]
    fn sessions_wait_for_their_own_and_not_for_ever() {
        let (idle, one, other) = (Idle::default(), [1; 32], [2; 32]);
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert!(matches!(idle.give(one, session("a"), at(0)), Given::First));
        assert!(matches!(idle.give(one, session("b"), at(30)), Given::Waits));
        assert!(idle.take(&other).is_none());
        let old = idle.outdated(&one, at(60)).unwrap();
        assert_eq!(old.len(), 1);
        assert_eq!(idle.take(&one).unwrap().id.as_deref(), Some("b"));
        // Somebody still looks after the key until it finds nothing.
        assert!(matches!(idle.give(one, session("b"), at(61)), Given::Waits));
        assert_eq!(idle.outdated(&one, at(200)).unwrap().len(), 1);
        assert!(idle.outdated(&one, at(200)).is_none());
        assert!(matches!(
            idle.give(one, session("c"), at(201)),
            Given::First
        ));
    }

    #[test]
    fn there_is_a_limit() {
        let idle = Idle::default();
        let now = Instant::now();
        for number in 0..MOST_OF_ONE {
            let given = idle.give([1; 32], session(&number.to_string()), now);
            assert!(!matches!(given, Given::NoRoom(_)));
        }
        assert!(matches!(
            idle.give([1; 32], session("x"), now),
            Given::NoRoom(_)
        ));
        assert_eq!(idle.take(&[1; 32]).unwrap().number(), 1);
        let mut kept = 0;
        for key in 0_u64..MOST as u64 {
            let mut bytes = [2; 32];
            bytes[..8].copy_from_slice(&key.to_be_bytes());
            kept += usize::from(!matches!(
                idle.give(bytes, session("y"), now),
                Given::NoRoom(_)
            ));
        }
        assert_eq!(kept + MOST_OF_ONE - 1, MOST);
    }
}
