//! Sessions with members that joined a client's session after it had begun.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use crate::mcp::own::{MemberSession, OwnSession};

/// Clients' sessions that are remembered; then all are forgotten, and their members join again.
const MOST: usize = 4096;
/// How long a member that could not be reached is left alone at least: clients wait for it.
const PAUSE: Duration = Duration::from_secs(1);
/// And so many times as long as it took to find out.
const TIMES: u32 = 3;

/// What one gateway knows.
#[derive(Debug, Default)]
pub(crate) struct Joined(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By the id of the client's session, and the member's name.
    sessions: HashMap<String, HashMap<String, MemberSession>, RandomState>,
    /// Until when servers are left alone, by their names.
    away: HashMap<String, Instant, RandomState>,
}

impl Joined {
    /// The session with a member that joined this one.
    pub(crate) fn get(&self, session: &str, member: &str) -> Option<MemberSession> {
        self.lock().sessions.get(session)?.get(member).cloned()
    }

    /// A client's session with all that joined it.
    pub(crate) fn complete(&self, session: &mut OwnSession) {
        if session.absent.is_none() {
            return;
        }
        if let Some(joined) = self.lock().sessions.get(&session.id) {
            for (member, own) in joined {
                let members = &mut session.members;
                members.entry(member.clone()).or_insert_with(|| own.clone());
            }
        }
    }

    /// Remembers a session with a member. The one that is known already, if one is: it stays.
    pub(crate) fn keep(
        &self,
        session: &str,
        member: &str,
        own: MemberSession,
    ) -> Option<MemberSession> {
        let mut inner = self.lock();
        if inner.sessions.len() >= MOST && !inner.sessions.contains_key(session) {
            inner.sessions.clear();
        }
        let joined = inner.sessions.entry(session.to_owned()).or_default();
        if let Some(known) = joined.get(member) {
            return Some(known.clone());
        }
        joined.insert(member.to_owned(), own);
        None
    }

    /// A client's session has ended.
    pub(crate) fn forget(&self, session: &str) {
        self.lock().sessions.remove(session);
    }

    /// Whether it is worth while to call a member that was away.
    pub(crate) fn may_be_tried(&self, member: &str) -> bool {
        let inner = self.lock();
        let away = inner.away.get(member);
        away.is_none_or(|until| *until <= Instant::now())
    }

    /// A member could not be reached, and it took this long to find out.
    pub(crate) fn note_failure(&self, member: &str, took: Duration) {
        let now = Instant::now();
        let mut inner = self.lock();
        // Resources come and go: only who is away now is remembered.
        inner.away.retain(|_, until| *until > now);
        let until = now + PAUSE.max(took.saturating_mul(TIMES));
        inner.away.insert(member.to_owned(), until);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(id: &str) -> MemberSession {
        MemberSession {
            id: Some(id.to_owned()),
            version: None,
        }
    }

    #[test]
    fn a_member_joins_one_session_once() {
        let joined = Joined::default();
        assert_eq!(joined.keep("s", "github", own("1")), None);
        assert_eq!(joined.keep("s", "github", own("2")), Some(own("1")));
        assert_eq!(joined.get("s", "github"), Some(own("1")));
        assert_eq!(joined.get("t", "github"), None);
        let mut session = OwnSession::new("2025-11-25");
        session.id = "s".to_owned();
        joined.complete(&mut session);
        assert!(session.members.is_empty(), "nobody was away");
        session.absent = Some("{}".to_owned());
        session.members.insert("jira".to_owned(), own("3"));
        joined.complete(&mut session);
        let names: Vec<&String> = session.members.keys().collect();
        assert_eq!(names, ["github", "jira"]);
        joined.forget("s");
        assert_eq!(joined.get("s", "github"), None);
    }

    #[test]
    fn who_is_away_is_left_alone_for_a_moment() {
        let joined = Joined::default();
        assert!(joined.may_be_tried("github"));
        joined.note_failure("github", Duration::ZERO);
        assert!(!joined.may_be_tried("github") && joined.may_be_tried("jira"));
    }

    #[test]
    fn memory_is_bounded() {
        let joined = Joined::default();
        for number in 0..=MOST {
            joined.keep(&number.to_string(), "m", own("1"));
        }
        assert!(joined.lock().sessions.len() <= MOST);
        assert!(joined.get(&MOST.to_string(), "m").is_some());
    }
}
