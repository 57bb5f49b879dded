//! Conversations that have read text of strangers.
//!
//! Once a result of a server that is marked `untrusted` has reached a conversation, what the model does next may be what
//! a stranger wrote. So calls of tools that carry data out or destroy it can be stopped from then on, in that
//! conversation. Which conversation a message belongs to is told by its session, its trace and its metadata;
//! each of them is enough. Two messages of one caller are of different conversations only if something that both of them
//! carry differs: what nothing tells apart counts as one, or leaving a header out would be a way out.
//!
//! The protocol gives no place for a mark that outlives a session or crosses servers, so marks are kept here,
//! in memory of one pod, as keyed hashes; a session's id carries one where a response has it. The table is bounded, and
//! it errs on the side of caution where it can:
//!
//! - A caller with more than [`PER_CALLER`] marked conversations counts as marked as a whole. So nobody can
//!   push out marks, their own or others', by beginning conversations.
//! - A mark is forgotten when its conversation has been silent for [`LIFETIME`] to twice that, or sooner when more than
//!   [`MARKS`] are made in that time, by many callers. [`Taints::forgotten`] counts those.
//! - Another pod does not know of it. Where several pods serve one conversation, route by caller.

mod marks;

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use parapet_policy::facts::Subject;
use parapet_policy::rule::{Taint, TaintScope};

use marks::{Kinds, Marks};

/// How long a mark is kept at least after the last message of its conversation, unless [`MARKS`] is passed.
pub const LIFETIME: Duration = Duration::from_secs(4 * 60 * 60);
/// So many marks are kept at least; twice as many at most, in about 4 MiB.
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
    /// The session, by its server's name and the server's id of it. It tells nothing about other servers.
    pub session: Option<(&'a str, &'a str)>,
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

impl Danger {
    /// Whether it is any.
    pub const fn is_any(self) -> bool {
        self.egress || self.destructive
    }
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
pub const fn judge(action: Taint, marked: bool, danger: Danger) -> Verdict {
    match (marked && danger.is_any(), action) {
        (false, Taint::Block | Taint::Audit) => Verdict::Clear,
        (true, Taint::Audit) => Verdict::Told,
        (true, Taint::Block) => Verdict::Stopped,
    }
}

/// What brings no text of strangers to a client: what servers say of themselves and of what they offer, and what only
/// tells that something has been done or has changed. Everything else may.
const NO_TEXT: &[&str] = &[
    "initialize",
    "logging/setLevel",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/subscriptions/acknowledged",
    "notifications/tools/list_changed",
    "ping",
    "prompts/list",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "roots/list",
    "server/discover",
    "subscriptions/listen",
    "tools/list",
];

/// Whether the answer to a method, or a server's own message of it, may hold text of strangers.
pub fn may_hold_text(method: &str) -> bool {
    !NO_TEXT.contains(&method)
}

/// Marked conversations.
#[derive(Debug)]
pub struct Taints {
    hasher: foldhash::quality::RandomState,
    /// Whether there may be any mark: most installations have none, and need no lock.
    any: AtomicBool,
    marks: Mutex<Marks>,
    pod: u64,
}

impl Default for Taints {
    fn default() -> Self {
        let hasher = foldhash::quality::RandomState::default();
        Self {
            pod: hasher.hash_one("pod"),
            hasher,
            any: AtomicBool::new(false),
            marks: Mutex::default(),
        }
    }
}

impl Taints {
    /// Names this table: a session that another one has begun may have been marked there.
    pub const fn pod(&self) -> u64 {
        self.pod
    }

    /// Marks a conversation. One that nothing tells apart from the caller's others marks the caller.
    pub fn mark(&self, conversation: &Conversation<'_>, now: Instant) {
        let (caller, names) = (self.caller(conversation.caller), self.names(conversation));
        let mut marks = self.lock();
        marks.turn(now);
        marks.insert(caller, &names, self.kinds(conversation));
        self.any.store(true, Ordering::Release);
    }

    /// Whether a conversation is marked by one of its names. If it is, everything that names it is from now on: a trace
    /// that goes on in another session takes the mark with it. To be asked for every message of a client, because a mark
    /// lives as long as its conversation does.
    pub fn follow(&self, conversation: &Conversation<'_>, now: Instant) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let (caller, names) = (self.caller(conversation.caller), self.names(conversation));
        let mut marks = self.lock();
        marks.turn(now);
        let marked = names.iter().any(|name| marks.has(*name)) || marks.is_whole(caller);
        if marked {
            marks.keep(caller, &names);
        } else if marks.is_empty() {
            self.any.store(false, Ordering::Release);
        }
        marked
    }

    /// Whether a call in this conversation may be what a stranger wrote: by one of its names, because nothing tells it
    /// apart from a marked one, or because its caller has read anything at all, where that is what counts.
    pub fn taints(&self, conversation: &Conversation<'_>, scope: TaintScope, now: Instant) -> bool {
        if self.follow(conversation, now) {
            return true;
        }
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let caller = self.caller(conversation.caller);
        let kinds = self.kinds(conversation);
        let marks = self.lock();
        match scope {
            TaintScope::Conversation => marks.cannot_tell_apart(caller, kinds),
            TaintScope::Caller => marks.has_read(caller),
        }
    }

    /// How many marks were forgotten before their time, because there were too many.
    pub fn forgotten(&self) -> u64 {
        self.lock().forgotten()
    }

    fn lock(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn caller(&self, caller: &Subject) -> u64 {
        self.hasher.hash_one((0_u8, caller))
    }

    fn names(&self, conversation: &Conversation<'_>) -> Vec<u64> {
        let caller = conversation.caller;
        let session = conversation
            .session
            .map(|session| self.hasher.hash_one((1_u8, caller, session)));
        let trace = given(conversation.trace).map(|id| self.hasher.hash_one((2_u8, caller, id)));
        let id = given(conversation.id).map(|id| self.hasher.hash_one((3_u8, caller, id)));
        [session, trace, id].into_iter().flatten().collect()
    }

    fn kinds(&self, conversation: &Conversation<'_>) -> Kinds {
        let server = conversation.session.map(|(server, _)| server);
        Kinds {
            session: server.map(|server| self.hasher.hash_one(server)),
            trace: given(conversation.trace).is_some(),
            id: given(conversation.id).is_some(),
        }
    }
}

/// An empty name names nothing.
fn given(name: Option<&str>) -> Option<&str> {
    name.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
