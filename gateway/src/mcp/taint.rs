//! Conversations that have read text of strangers.
//!
//! Once a result of a server that is marked `untrusted` has reached a conversation, what the model does next may be what
//! a stranger wrote. So calls of tools that carry data out or destroy it can be stopped from then on, in that
//! conversation. Which conversation a message belongs to is told by its session, its trace and its metadata;
//! each of them is enough.
//!
//! The protocol gives no place for a mark that outlives a session or crosses servers, so marks are kept here,
//! in memory of one pod, as keyed hashes. The table is bounded, and it errs on the side of caution where it can:
//!
//! - A caller with more than [`PER_CALLER`] marked conversations counts as marked as a whole. So nobody can
//!   push out marks, their own or others', by beginning conversations.
//! - A mark is forgotten when its conversation has been silent for [`LIFETIME`] to twice that, or sooner when more than
//!   [`MARKS`] are made in that time, by many callers. [`Taints::forgotten`] counts those.
//! - Another pod does not know of it. Where several pods serve one conversation, route by caller.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use parapet_policy::facts::Subject;

/// How long a mark is kept at least after the last message of its conversation, unless [`MARKS`] is passed.
pub const LIFETIME: Duration = Duration::from_secs(4 * 60 * 60);
/// So many marks are kept at least; twice as many at most, in about 2 MiB.
pub const MARKS: usize = 65_536;
/// So many marks of one caller are kept apart.
pub const PER_CALLER: usize = 2_048;
/// The keys of metadata that name a conversation.
pub const METADATA: [&str; 3] = ["conversation_id", "conversationId", "thread_id"];

/// What tells to which conversation a message belongs. All of it is the caller's: nobody else can mark it.
#[derive(Clone, Copy, Debug)]
pub struct Conversation<'a> {
    /// Who calls.
    pub caller: &'a Subject,
    /// The session's id, as the gateway has given it out.
    pub session: Option<&'a str>,
    /// The trace's id as the caller has sent it, 32 hexadecimal digits; not one that the gateway has made.
    pub trace: Option<&'a str>,
    /// The first of [`METADATA`] that the request's metadata has.
    pub id: Option<&'a str>,
}

/// What a tool can do with what it is given.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Danger {
    /// It can carry data out.
    pub egress: bool,
    /// It destroys or changes what cannot be brought back.
    pub destructive: bool,
}

/// What becomes of a dangerous call in a marked conversation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// It is stopped.
    Block,
    /// It is told, and goes on.
    Audit,
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It may go on.
    Clear,
    /// It goes on and is told.
    Told,
    /// It is stopped.
    Stopped,
}

/// The one table.
pub const fn judge(action: Action, marked: bool, danger: Danger) -> Verdict {
    match (marked && (danger.egress || danger.destructive), action) {
        (false, Action::Block | Action::Audit) => Verdict::Clear,
        (true, Action::Audit) => Verdict::Told,
        (true, Action::Block) => Verdict::Stopped,
    }
}

/// Marked conversations.
#[derive(Debug, Default)]
pub struct Taints {
    hasher: foldhash::quality::RandomState,
    marks: Mutex<Marks>,
}

/// Two generations: marks that are looked at move to the newer one, and the older one is forgotten as a whole.
#[derive(Debug, Default)]
struct Marks {
    began: Option<Instant>,
    newer: HashSet<u64>,
    older: HashSet<u64>,
    /// Marks in `newer`, by caller.
    callers: HashMap<u64, usize>,
    forgotten: u64,
}

impl Taints {
    /// Marks a conversation. One that nothing tells apart from the caller's others marks the caller.
    pub fn mark(&self, conversation: &Conversation<'_>, now: Instant) {
        let caller = self.caller(conversation.caller);
        let names = self.names(conversation);
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.turn(now);
        if names.is_empty() {
            marks.newer.insert(caller);
            return;
        }
        for name in names {
            marks.insert(caller, name);
        }
    }

    /// Whether a conversation is marked. If it is, everything that names it is from now on: a trace that goes on in
    /// another session takes the mark with it.
    pub fn is_marked(&self, conversation: &Conversation<'_>, now: Instant) -> bool {
        let caller = self.caller(conversation.caller);
        let names = self.names(conversation);
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.turn(now);
        if marks.has(caller) {
            marks.newer.insert(caller);
            return true;
        }
        if !names.iter().any(|name| marks.has(*name)) {
            return false;
        }
        for name in names {
            marks.insert(caller, name);
        }
        true
    }

    /// How many marks were forgotten before their time, because there were too many.
    pub fn forgotten(&self) -> u64 {
        let marks = self.marks.lock();
        marks.unwrap_or_else(PoisonError::into_inner).forgotten
    }

    fn caller(&self, caller: &Subject) -> u64 {
        self.hasher.hash_one((0_u8, caller))
    }

    fn names(&self, conversation: &Conversation<'_>) -> Vec<u64> {
        let named = [conversation.session, conversation.trace, conversation.id];
        let kinds = 1_u8..;
        kinds
            .zip(named)
            .filter_map(|(kind, name)| {
                let name = name.filter(|name| !name.is_empty())?;
                Some(self.hasher.hash_one((kind, conversation.caller, name)))
            })
            .collect()
    }
}

impl Marks {
    fn has(&self, key: u64) -> bool {
        self.newer.contains(&key) || self.older.contains(&key)
    }

    fn insert(&mut self, caller: u64, key: u64) {
        if self.newer.contains(&key) || self.newer.contains(&caller) {
            return;
        }
        let own = self.callers.entry(caller).or_default();
        *own += 1;
        let key = if *own > PER_CALLER { caller } else { key };
        self.newer.insert(key);
    }

    /// Begins a generation when the newer one has had its time, or is full.
    fn turn(&mut self, now: Instant) {
        let age = now.saturating_duration_since(*self.began.get_or_insert(now));
        let full = self.newer.len() >= MARKS;
        if age < LIFETIME && !full {
            return;
        }
        if full && age < LIFETIME {
            let kept = self.older.intersection(&self.newer).count();
            self.forgotten += (self.older.len() - kept) as u64;
        }
        self.older = match age < 2 * LIFETIME {
            true => std::mem::take(&mut self.newer),
            // Nobody has asked for so long that both have had their time.
            false => HashSet::new(),
        };
        self.newer.clear();
        self.callers.clear();
        self.began = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> Subject {
        Subject::User(name.into())
    }

    fn conversation<'a>(
        caller: &'a Subject,
        session: &'a str,
        trace: &'a str,
        id: &'a str,
    ) -> Conversation<'a> {
        Conversation {
            caller,
            session: Some(session),
            trace: Some(trace),
            id: Some(id),
        }
    }

    #[test]
    fn the_table() {
        let danger = |egress, destructive| Danger {
            egress,
            destructive,
        };
        let rows = [
            (Action::Block, false, danger(true, true), Verdict::Clear),
            (Action::Block, true, danger(false, false), Verdict::Clear),
            (Action::Block, true, danger(true, false), Verdict::Stopped),
            (Action::Block, true, danger(false, true), Verdict::Stopped),
            (Action::Audit, true, danger(true, false), Verdict::Told),
            (Action::Audit, true, danger(false, false), Verdict::Clear),
            (Action::Audit, false, danger(true, true), Verdict::Clear),
        ];
        for (action, marked, danger, expected) in rows {
            assert_eq!(
                judge(action, marked, danger),
                expected,
                "{action:?} {marked} {danger:?}"
            );
        }
    }

    #[test]
    fn any_name_of_a_conversation_leads_to_its_mark_and_to_nobody_else_s() {
        let (taints, now) = (Taints::default(), Instant::now());
        let (ada, bob) = (user("ada"), user("bob"));
        taints.mark(&conversation(&ada, "s1", "t1", "c1"), now);
        let rows = [
            (&ada, "s1", "", "", true),
            (&ada, "", "t1", "", true),
            (&ada, "", "", "c1", true),
            // The same words in another place.
            (&ada, "t1", "c1", "s1", false),
            (&ada, "s2", "t2", "c2", false),
            (&ada, "", "", "", false),
            (&bob, "s1", "t1", "c1", false),
            // The trace goes on in another session, and takes the mark with it.
            (&ada, "s3", "t1", "", true),
            (&ada, "s3", "", "", true),
        ];
        for (caller, session, trace, id, expected) in rows {
            let of = conversation(caller, session, trace, id);
            assert_eq!(
                taints.is_marked(&of, now),
                expected,
                "{session} {trace} {id}"
            );
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_marked_together() {
        let (taints, now) = (Taints::default(), Instant::now());
        let ada = user("ada");
        let nameless = Conversation {
            caller: &ada,
            session: None,
            trace: None,
            id: None,
        };
        taints.mark(&nameless, now);
        assert!(taints.is_marked(&conversation(&ada, "s", "t", "c"), now));
        assert!(!taints.is_marked(&conversation(&user("bob"), "s", "t", "c"), now));
    }

    #[test]
    fn a_mark_lasts_while_its_conversation_does() {
        let (taints, began) = (Taints::default(), Instant::now());
        let ada = user("ada");
        let (kept, left) = (
            conversation(&ada, "kept", "", ""),
            conversation(&ada, "left", "", ""),
        );
        taints.mark(&kept, began);
        taints.mark(&left, began);
        for step in 1..10 {
            let now = began + LIFETIME / 2 * step;
            assert!(taints.is_marked(&kept, now), "{step}");
        }
        assert!(!taints.is_marked(&left, began + LIFETIME * 5));
        // Nobody asked for long.
        assert!(!taints.is_marked(&kept, began + LIFETIME * 9));
        assert_eq!(taints.forgotten(), 0);
    }

    #[test]
    fn a_caller_with_too_many_marks_is_marked_and_pushes_nobody_out() {
        let (taints, now) = (Taints::default(), Instant::now());
        let (ada, mallory) = (user("ada"), user("mallory"));
        taints.mark(&conversation(&ada, "s", "", ""), now);
        for number in 0..3 * MARKS {
            taints.mark(&conversation(&mallory, &number.to_string(), "", ""), now);
        }
        assert!(taints.is_marked(&conversation(&mallory, "new", "", ""), now));
        assert!(taints.is_marked(&conversation(&ada, "s", "", ""), now));
        assert!(!taints.is_marked(&conversation(&ada, "other", "", ""), now));
        assert_eq!(taints.forgotten(), 0);
    }

    #[test]
    fn more_marks_than_there_is_room_for_push_out_the_oldest_and_are_counted() {
        let (taints, now) = (Taints::default(), Instant::now());
        for number in 0..3 * MARKS {
            let caller = user(&number.to_string());
            taints.mark(&conversation(&caller, "s", "", ""), now);
        }
        let marked = |number: usize| {
            let caller = user(&number.to_string());
            taints.is_marked(&conversation(&caller, "s", "", ""), now)
        };
        assert!(marked(3 * MARKS - 1) && marked(2 * MARKS));
        assert!(!marked(0));
        assert!(taints.forgotten() > 0);
    }
}
