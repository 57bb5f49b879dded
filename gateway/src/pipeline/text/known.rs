//! Names and keys that a thread has judged before and found clean.
//!
//! The members of an envelope come with every call, those of a row with every row, and tools with every chat. Each is a
//! text of its own and has to be judged as one; what the same guardrails found clean a moment ago is clean. Only names and
//! keys are remembered, never values, and only for guardrails that are still the same: by their place in memory, which no
//! other one gets while it is remembered here.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parapet_guardrails::guardrail::TextGuardrail;
use parapet_guardrails::segment::{Form, Role, Segment};

/// Sets of guardrails that one thread remembers names for.
const SETS: usize = 16;

/// Names that are remembered for a set: one for each place that a text leads to.
const NAMES: usize = 256;

/// The longest name that is remembered, in bytes.
const LONGEST: usize = 46;

thread_local! {
    static SETS_KNOWN: RefCell<Sets> = const { RefCell::new(Sets { list: Vec::new(), next: 0 }) };
}

struct Sets {
    list: Vec<Set>,
    /// Which one goes when another one needs its place.
    next: usize,
}

/// Numbers for sets: a pass may wait, and find another set in the place of its own afterwards.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

struct Set {
    number: u64,
    guardrails: Vec<Weak<dyn TextGuardrail>>,
    names: Vec<Name>,
}

/// A text that was clean as this. A length of none is no name.
#[derive(Clone, Copy)]
struct Name {
    text: [u8; LONGEST],
    length: u8,
    of: (Form, Role),
}

/// No text: what is looked for has at least a byte.
const NOTHING: Name = Name {
    text: [0; LONGEST],
    length: 0,
    of: (Form::Name, Role::User),
};

/// The names that one set of guardrails has found clean on this thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    place: usize,
    number: u64,
}

impl Known {
    /// For these guardrails, all of which judge every name.
    pub(super) fn of(guardrails: &[&Arc<dyn TextGuardrail>]) -> Self {
        SETS_KNOWN.with_borrow_mut(|sets| {
            let mut known = sets.list.iter().enumerate();
            if let Some((place, set)) = known.find(|(_, set)| set.is_of(guardrails)) {
                let number = set.number;
                return Self { place, number };
            }
            let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
            let set = Set {
                number,
                guardrails: guardrails.iter().map(|one| Arc::downgrade(one)).collect(),
                names: vec![NOTHING; NAMES],
            };
            if sets.list.len() < SETS {
                sets.list.push(set);
                let place = sets.list.len() - 1;
                return Self { place, number };
            }
            let place = sets.next % SETS;
            sets.next = place + 1;
            if let Some(old) = sets.list.get_mut(place) {
                *old = set;
            }
            Self { place, number }
        })
    }

    /// Whether the same text was clean.
    pub(super) fn is_clean(self, text: &str, segment: &Segment) -> bool {
        let Some(name) = Name::of(text, segment) else {
            return false;
        };
        SETS_KNOWN.with_borrow(|sets| {
            let set = sets.list.get(self.place);
            let set = set.filter(|set| set.number == self.number);
            let known = set.and_then(|set| set.names.get(name.place()));
            known.is_some_and(|known| {
                (known.length, known.of, &known.text) == (name.length, name.of, &name.text)
            })
        })
    }

    /// Remembers that none of the guardrails found anything.
    pub(super) fn remember(self, text: &str, segment: &Segment) {
        let Some(name) = Name::of(text, segment) else {
            return;
        };
        SETS_KNOWN.with_borrow_mut(|sets| {
            let set = sets.list.get_mut(self.place);
            let set = set.filter(|set| set.number == self.number);
            if let Some(place) = set.and_then(|set| set.names.get_mut(name.place())) {
                *place = name;
            }
        });
    }
}

impl Set {
    fn is_of(&self, guardrails: &[&Arc<dyn TextGuardrail>]) -> bool {
        let same = |(known, one): (&Weak<dyn TextGuardrail>, &&Arc<dyn TextGuardrail>)| {
            std::ptr::addr_eq(known.as_ptr(), Arc::as_ptr(one))
        };
        self.guardrails.len() == guardrails.len()
            && self.guardrails.iter().zip(guardrails).all(same)
    }
}

impl Name {
    /// What is remembered of a segment; none for values, and for what is too long.
    fn of(text: &str, segment: &Segment) -> Option<Self> {
        let is_name = match segment.form {
            Form::JsonKey | Form::Name => segment.key.is_none(),
            Form::Text | Form::JsonLeaf | Form::JsonNumber | Form::JsonRaw => false,
        };
        let mut name = Self {
            length: u8::try_from(text.len()).ok().filter(|_| is_name)?,
            of: (segment.form, segment.role),
            ..NOTHING
        };
        let kept = name
            .text
            .get_mut(..text.len())
            .filter(|kept| !kept.is_empty())?;
        kept.copy_from_slice(text.as_bytes());
        Some(name)
    }

    /// Where it is remembered. Names are compared as a whole: it only has to spread.
    fn place(&self) -> usize {
        let (words, _) = self.text.as_chunks::<8>();
        // The same names come in calls and in results.
        let (form, role) = (self.of.0 as u64, self.of.1 as u64);
        let begun = u64::from(self.length) | form << 8 | role << 16;
        let mixed = words.iter().fold(begun, |mixed, word| {
            (mixed.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x517c_c1b7_2722_0a95)
        });
        (mixed >> 32) as usize % NAMES
    }
}
