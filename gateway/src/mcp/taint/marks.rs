//! The table itself: two generations of marks, within bounds.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::{LIFETIME, MARKS, PER_CALLER};

/// So many kinds of names of one caller's marks are kept apart; a caller with more is marked as a whole.
const KINDS: usize = 16;

/// What a message names its conversation by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Kinds {
    /// A session, with this server.
    pub(super) session: Option<u64>,
    /// A trace.
    pub(super) trace: bool,
    /// An id in metadata.
    pub(super) id: bool,
}

impl Kinds {
    /// Whether anything can differ between two messages that name their conversation by these.
    fn can_tell_apart(self, other: Self) -> bool {
        let session = self.session.is_some() && self.session == other.session;
        session || (self.trace && other.trace) || (self.id && other.id)
    }

    const fn is_none(self) -> bool {
        self.session.is_none() && !self.trace && !self.id
    }
}

/// Marks that are looked at move to the newer generation, and the older one is forgotten as a whole.
#[derive(Debug, Default)]
pub(super) struct Marks {
    began: Option<Instant>,
    newer: Generation,
    older: Generation,
    forgotten: u64,
}

#[derive(Debug, Default)]
struct Generation {
    names: HashSet<u64>,
    callers: HashMap<u64, Caller>,
}

/// What is known of a caller with marks.
#[derive(Debug, Default)]
struct Caller {
    /// Marks in this generation.
    count: usize,
    /// Whether everything that it does counts as marked.
    whole: bool,
    /// What its marked conversations are named by.
    kinds: Vec<Kinds>,
}

impl Marks {
    /// Whether this name is marked.
    pub(super) fn has(&self, name: u64) -> bool {
        self.generations().any(|of| of.names.contains(&name))
    }

    /// Whether a caller is marked as a whole.
    pub(super) fn is_whole(&self, caller: u64) -> bool {
        self.of(caller).any(|of| of.whole)
    }

    /// Whether a caller has any mark.
    pub(super) fn has_read(&self, caller: u64) -> bool {
        self.of(caller).next().is_some()
    }

    /// Whether one of a caller's marked conversations may be the one that is named by these.
    pub(super) fn cannot_tell_apart(&self, caller: u64, kinds: Kinds) -> bool {
        let mut marked = self.of(caller).flat_map(|of| &of.kinds);
        marked.any(|marked| !marked.can_tell_apart(kinds))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.generations().all(|of| of.callers.is_empty())
    }

    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Marks a conversation that strangers' text has reached, under all its names.
    pub(super) fn insert(&mut self, caller: u64, names: &[u64], kinds: Kinds) {
        self.keep(caller, names);
        let of = self.newer.callers.entry(caller).or_default();
        if !of.kinds.contains(&kinds) && !of.whole {
            of.kinds.push(kinds);
        }
        of.whole |= kinds.is_none() || of.kinds.len() > KINDS;
    }

    /// Marks the names of a message in a marked conversation. What is known of the caller lives on with it.
    pub(super) fn keep(&mut self, caller: u64, names: &[u64]) {
        let was = self.older.callers.get(&caller);
        let of = self.newer.callers.entry(caller).or_insert_with(|| Caller {
            count: 0,
            whole: was.is_some_and(|was| was.whole),
            kinds: was.map(|was| was.kinds.clone()).unwrap_or_default(),
        });
        for name in names {
            if of.whole {
                return;
            }
            if self.newer.names.insert(*name) {
                of.count += 1;
                of.whole = of.count > PER_CALLER;
            }
        }
    }

    /// Begins a generation when the newer one has had its time, or is full.
    pub(super) fn turn(&mut self, now: Instant) {
        let age = now.saturating_duration_since(*self.began.get_or_insert(now));
        let full = self.newer.len() >= MARKS;
        if age < LIFETIME && !full {
            return;
        }
        if full && age < LIFETIME {
            self.forgotten += self.older.not_in(&self.newer) as u64;
        }
        self.older = match age < 2 * LIFETIME {
            true => std::mem::take(&mut self.newer),
            // Nobody has asked for so long that both have had their time.
            false => Generation::default(),
        };
        self.newer = Generation::default();
        self.began = Some(now);
    }

    fn generations(&self) -> impl Iterator<Item = &Generation> {
        [&self.newer, &self.older].into_iter()
    }

    fn of(&self, caller: u64) -> impl Iterator<Item = &Caller> {
        self.generations()
            .filter_map(move |of| of.callers.get(&caller))
    }
}

impl Generation {
    fn len(&self) -> usize {
        self.names.len().max(self.callers.len())
    }

    /// How many of the marks here are not in another one.
    fn not_in(&self, other: &Self) -> usize {
        let callers = self.callers.keys();
        self.names.difference(&other.names).count()
            + callers
                .filter(|caller| !other.callers.contains_key(caller))
                .count()
    }
}
