//! The shapes of a guardrail's presets in one automaton.
//!
//! A shape is a regular expression that a value matches from its first byte. All shapes of a guardrail
//! are compiled into one DFA. It is never run over a text: cheap signs (a digit, two colons, a literal) say where a value
//! may begin, and the DFA is walked from there until no shape can match any more, which in prose is after a
//! byte or two. The same walk tells a stream what may still become a match.

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
}

/// Shapes in one DFA.
struct Lane {
    dfa: dense::DFA<Vec<u32>>,
    start: StateID,
    /// The bytes with which a match may begin.
    first: Bytes,
    /// The longest match, in bytes.
    longest: usize,
    /// The place in the list of rules and the longest match, by pattern.
    rules: Vec<(usize, usize)>,
}

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
        let all = (shapes.to_vec(), (0..shapes.len()).collect());
        if let Ok(lane) = Lane::compile(&all.0, all.1, ONE_LANE) {
            return Ok(Self { lanes: vec![lane] });
        }
        let mut sorts: [(Vec<&str>, Vec<usize>); 4] = Default::default();
        for (rule, shape) in shapes.iter().enumerate() {
            if let Some((shapes, rules)) = sorts.get_mut(sort_of(shape)) {
                shapes.push(shape);
                rules.push(rule);
            }
        }
        let lanes = sorts
            .into_iter()
            .filter(|(shapes, _)| !shapes.is_empty())
            .map(|(shapes, rules)| Lane::compile(&shapes, rules, SIZE_LIMIT))
            .collect::<Result<_, _>>()?;
        Ok(Self { lanes })
    }

    /// Whether a text with these bytes, one of each set after the other, may be the beginning of a match.
    pub(super) fn admit(&self, text: &[&dyn Fn(u8) -> bool]) -> bool {
        self.lanes.iter().any(|lane| lane.admits(text))
    }

    /// Whether a match may begin with this byte.
    pub(super) fn begin_with(&self, byte: u8) -> bool {
        self.lanes.iter().any(|lane| lane.begins_with(byte))
    }

    /// Calls `found(rule, end, digits)` for every rule and every end of a match that begins at `at`.
    /// Says whether more text could make another match.
    pub(super) fn walk(
        &self,
        text: &[u8],
        at: usize,
        mut found: impl FnMut(usize, usize, usize),
    ) -> bool {
        let mut alive = false;
        let rest = text.get(at..).unwrap_or_default();
        for lane in &self.lanes {
            if rest.first().is_none_or(|first| lane.begins_with(*first)) {
                alive |= lane.walk(rest, &mut |rule, length, digits| {
                    found(rule, at + length, digits);
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
    fn compile(shapes: &[&str], rules: Vec<usize>, limit: usize) -> Result<Self, String> {
        let dfa = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .match_kind(MatchKind::All)
                    .start_kind(StartKind::Anchored)
                    .accelerate(false)
                    .dfa_size_limit(Some(limit)),
            )
            .syntax(ascii())
            .build_many(shapes)
            .map_err(|error| error.to_string())?;
        let start = dfa
            .start_state(&start::Config::new().anchored(Anchored::Yes))
            .map_err(|error| error.to_string())?;
        let longest: Vec<usize> = shapes.iter().map(|shape| longest(shape)).collect();
        let mut first = [false; 256];
        for (byte, first) in (0..=u8::MAX).zip(&mut first) {
            *first = !dfa.is_dead_state(dfa.next_state(start, byte));
        }
        Ok(Self {
            dfa,
            start,
            first,
            longest: longest.iter().copied().max().unwrap_or_default(),
            rules: rules.into_iter().zip(longest).collect(),
        })
    }

    fn begins_with(&self, byte: u8) -> bool {
        self.first.get(usize::from(byte)).is_some_and(|may| *may)
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
    fn walk(&self, rest: &[u8], found: &mut impl FnMut(usize, usize, usize)) -> bool {
        let mut state = self.start;
        let mut digits = 0;
        for (length, byte) in rest.iter().take(self.longest + 1).enumerate() {
            state = self.dfa.next_state(state, *byte);
            if self.dfa.is_special_state(state) {
                if self.dfa.is_dead_state(state) {
                    return false;
                }
                self.report(state, length, digits, found);
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
        found: &mut impl FnMut(usize, usize, usize),
    ) {
        if self.dfa.is_match_state(state) {
            for index in 0..self.dfa.match_len(state) {
                let pattern = self.dfa.match_pattern(state, index).as_usize();
                if let Some((rule, longest)) = self.rules.get(pattern)
                    && length <= *longest
                {
                    found(*rule, length, digits);
                }
            }
        }
    }
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
