//! The shapes of a guardrail's presets in one automaton.
//!
//! A shape is a regular expression that a value matches from its first byte. The shapes of a few presets are compiled
//! into one DFA, those of many into one for each sort. It is never run over a text: cheap signs (a digit, two colons, a
//! literal) say where a value may begin, and unless the first two bytes begin no shape the DFA is walked from there until
//! no shape can match any more, which in prose is after a byte or two. The same walk tells a stream what may still become
//! a match.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};

/// What the DFA may take, in bytes. A test says how much it really takes.
const SIZE_LIMIT: usize = 24 << 20;

/// No match is longer, in bytes. Shapes that count nothing but repeat keep the DFA small; their checks count.
pub(super) const LONGEST: usize = 96;

/// And none of a shape that repeats without naming a bound.
const LONGEST_LOOP: usize = 48;

/// Shapes that fit into so much, in bytes, are one DFA; more of them are sorted into several.
const ONE_LANE: usize = 256 << 10;

/// The shapes of a list of rules, compiled.
pub(super) struct Shapes {
    lanes: Vec<Lane>,
    /// A bit for every two bytes: whether a match may begin with them.
    pairs: Box<[u64; 1 << 10]>,
    /// Rules that match together, as places in the list, the last one first.
    sets: Vec<Vec<u16>>,
}

/// Shapes in one DFA.
struct Lane {
    dfa: dense::DFA<Vec<u32>>,
    start: StateID,
    /// The bytes with which a match may begin.
    first: Bytes,
    /// The longest match, in bytes.
    longest: usize,
    /// The set of rules that match in a state, by the state's number.
    matches: Vec<u16>,
}

/// Sets of rules, numbered.
type Sets = BTreeMap<Vec<u16>, u16>;

/// A set of bytes.
type Bytes = [bool; 256];

/// The compiled shapes of this list. Guardrails with the same presets share one automaton.
pub(super) fn shared(list: Vec<&'static str>) -> Result<Arc<Shapes>, String> {
    static KNOWN: Mutex<BTreeMap<Vec<&'static str>, Weak<Shapes>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shapes) = known.get(&list).and_then(Weak::upgrade) {
        return Ok(shapes);
    }
    known.retain(|_, shapes| shapes.strong_count() > 0);
    let shapes = Arc::new(Shapes::compile(&list)?);
    known.insert(list, Arc::downgrade(&shapes));
    Ok(shapes)
}

/// The sort of a shape.
fn sort_of(shape: &str) -> usize {
    if shape.contains("(?i:") {
        0
    } else if bound(shape).is_none() {
        1
    } else if shape.starts_with("[A-") || shape.starts_with("([A-") {
        2
    } else {
        3
    }
}

impl Shapes {
    /// Compiles shapes. They are ASCII: no Unicode classes, no look-around.
    fn compile(shapes: &[&str]) -> Result<Self, String> {
        let mut sets = Sets::new();
        let all = (0..)
            .zip(shapes)
            .map(|(rule, shape)| (rule, *shape))
            .collect();
        if let Ok(lane) = Lane::compile(all, ONE_LANE, &mut sets) {
            return Ok(Self::of(vec![lane], &sets));
        }
        let mut sorts: [Vec<(u16, &str)>; 4] = Default::default();
        for (rule, shape) in (0..).zip(shapes) {
            if let Some(sort) = sorts.get_mut(sort_of(shape)) {
                sort.push((rule, *shape));
            }
        }
        let lanes = sorts
            .into_iter()
            .filter(|sort| !sort.is_empty())
            .map(|sort| Lane::compile(sort, SIZE_LIMIT, &mut sets))
            .collect::<Result<_, _>>()?;
        Ok(Self::of(lanes, &sets))
    }

    fn of(lanes: Vec<Lane>, numbered: &Sets) -> Self {
        let mut sets = vec![Vec::new(); numbered.len()];
        for (set, number) in numbered {
            if let Some(place) = sets.get_mut(usize::from(*number)) {
                place.clone_from(set);
            }
        }
        let mut pairs = Box::new([0; 1 << 10]);
        for (first, row) in (0..=u8::MAX).zip(pairs.chunks_mut(4)) {
            for second in 0..=u8::MAX {
                let begins = lanes.iter().any(|lane| lane.begins_with(first, second));
                if begins && let Some(bits) = row.get_mut(usize::from(second) / 64) {
                    *bits |= 1 << (second % 64);
                }
            }
        }
        Self { lanes, pairs, sets }
    }

    /// The sets of rules that [`Self::walk`] speaks of.
    pub(super) fn sets(&self) -> &[Vec<u16>] {
        &self.sets
    }

    /// Whether a match may begin at a place, judged by its first two bytes.
    pub(super) fn may_begin(&self, text: &[u8], at: usize) -> bool {
        match text.get(at..).unwrap_or_default() {
            [first, second, ..] => {
                let row = usize::from(*first) * 4 + usize::from(*second) / 64;
                self.pairs
                    .get(row)
                    .is_some_and(|bits| bits >> (second % 64) & 1 == 1)
            }
            _ => true,
        }
    }

    /// Whether a text with these bytes, one of each set after the other, may be the beginning of a match.
    pub(super) fn admit(&self, text: &[&dyn Fn(u8) -> bool]) -> bool {
        self.lanes.iter().any(|lane| lane.admits(text))
    }

    /// Whether a match may begin with this byte.
    pub(super) fn begin_with(&self, byte: u8) -> bool {
        self.lanes.iter().any(|lane| lane.first_is(byte))
    }

    /// Calls `found(set, end, digits)` for every end of a match that begins at `at` and that neither a letter nor a
    /// digit follows, with the number of the set of rules that match. Says whether more text could make another match.
    pub(super) fn walk(
        &self,
        text: &[u8],
        at: usize,
        mut found: impl FnMut(u16, usize, usize),
    ) -> bool {
        let mut alive = false;
        let rest = text.get(at..).unwrap_or_default();
        for lane in &self.lanes {
            if rest.first().is_none_or(|first| lane.first_is(*first)) {
                alive |= lane.walk(rest, &mut |set, length, digits| {
                    found(set, at + length, digits);
                });
            }
        }
        alive
    }

    /// What it takes, in bytes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.lanes.iter().map(|lane| lane.dfa.memory_usage()).sum()
    }
}

impl Lane {
    fn compile(rules: Vec<(u16, &str)>, limit: usize, sets: &mut Sets) -> Result<Self, String> {
        let shapes: Vec<&str> = rules.iter().map(|(_, shape)| *shape).collect();
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .match_kind(MatchKind::All)
                    .start_kind(StartKind::Anchored)
                    .accelerate(false)
                    .dfa_size_limit(Some(limit)),
            )
            .syntax(ascii())
            .build_many(&shapes)
            .map_err(|error| error.to_string())?;
        let start = dfa
            .start_state(&start::Config::new().anchored(Anchored::Yes))
            .map_err(|error| error.to_string())?;
        let mut first = [false; 256];
        for (byte, first) in (0..=u8::MAX).zip(&mut first) {
            *first = !dfa.is_dead_state(dfa.next_state(start, byte));
        }
        let longest = shapes.iter().map(|shape| longest(shape)).max();
        let mut lane = Self {
            dfa,
            start,
            first,
            longest: longest.unwrap_or_default(),
            matches: Vec::new(),
        };
        lane.number(&rules, sets);
        Ok(lane)
    }

    /// Numbers the sets of rules that match in the states.
    fn number(&mut self, rules: &[(u16, &str)], sets: &mut Sets) {
        let mut seen = BTreeSet::from([self.start]);
        let mut open = vec![self.start];
        while let Some(state) = open.pop() {
            let bytes = self.dfa.byte_classes().representatives(..);
            for next in bytes.map(|unit| match unit.as_u8() {
                Some(byte) => self.dfa.next_state(state, byte),
                None => self.dfa.next_eoi_state(state),
            }) {
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        for state in seen {
            if !self.dfa.is_match_state(state) {
                continue;
            }
            let patterns = (0..self.dfa.match_len(state))
                .map(|index| self.dfa.match_pattern(state, index).as_usize());
            let mut set: Vec<u16> = patterns
                .filter_map(|pattern| rules.get(pattern))
                .map(|(rule, _)| *rule)
                .collect();
            set.sort_unstable_by(|a, b| b.cmp(a));
            let count = u16::try_from(sets.len()).unwrap_or(u16::MAX);
            let set = *sets.entry(set).or_insert(count);
            let place = self.place(state);
            self.matches.resize(self.matches.len().max(place + 1), 0);
            if let Some(number) = self.matches.get_mut(place) {
                *number = set;
            }
        }
    }

    /// The number of a state.
    fn place(&self, state: StateID) -> usize {
        state.as_usize() >> self.dfa.stride2()
    }

    fn first_is(&self, byte: u8) -> bool {
        self.first.get(usize::from(byte)).is_some_and(|may| *may)
    }

    fn begins_with(&self, first: u8, second: u8) -> bool {
        let after = |state, byte| self.dfa.next_state(state, byte);
        self.first_is(first)
            && !self
                .dfa
                .is_dead_state(after(after(self.start, first), second))
    }

    fn admits(&self, text: &[&dyn Fn(u8) -> bool]) -> bool {
        let mut states = BTreeSet::from([self.start]);
        for set in text {
            let bytes: Vec<u8> = (0..=u8::MAX).filter(|byte| set(*byte)).collect();
            let next = states
                .iter()
                .flat_map(|state| bytes.iter().map(|byte| self.dfa.next_state(*state, *byte)));
            states = next
                .filter(|state| !self.dfa.is_dead_state(*state))
                .collect();
        }
        !states.is_empty()
    }

    /// Lengths and digits of matches that `rest` begins with.
    fn walk(&self, rest: &[u8], found: &mut impl FnMut(u16, usize, usize)) -> bool {
        let mut state = self.start;
        let mut digits = 0;
        for (length, byte) in rest.iter().take(self.longest + 1).enumerate() {
            state = self.dfa.next_state(state, *byte);
            if self.dfa.is_special_state(state) {
                if self.dfa.is_dead_state(state) {
                    return false;
                }
                // What goes on is no value: no edge admits it.
                if !goes_on(*byte) {
                    self.report(state, length, digits, found);
                }
            }
            digits += usize::from(byte.is_ascii_digit());
        }
        // A match shows one byte late: the end of the text counts as one.
        let whole = rest.len() <= self.longest;
        if whole {
            self.report(self.dfa.next_eoi_state(state), rest.len(), digits, found);
        }
        whole
    }

    fn report(
        &self,
        state: StateID,
        length: usize,
        digits: usize,
        found: &mut impl FnMut(u16, usize, usize),
    ) {
        if self.dfa.is_match_state(state)
            && let Some(set) = self.matches.get(self.place(state))
        {
            found(*set, length, digits);
        }
    }
}

/// Whether a byte behind a match makes it a part of something longer, whatever the rule.
const fn goes_on(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn ascii() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// The longest match of a shape, in bytes, if it has a bound.
fn bound(shape: &str) -> Option<usize> {
    syntax::parse_with(shape, &ascii())
        .ok()?
        .properties()
        .maximum_len()
}

/// The longest match of a shape that counts, in bytes.
pub(super) fn longest(shape: &str) -> usize {
    bound(shape).unwrap_or(LONGEST_LOOP).min(LONGEST)
}
