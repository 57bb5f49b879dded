//! The rules of the presets that find by shape, with what is asked of every match laid out close together.

use std::sync::Arc;

use super::super::context::Context;
use super::super::presets::{Check, Preset, Rule};
use super::super::shapes::{self, Shapes};
use super::super::spans::Edge;
use super::places;

/// The rules of one guardrail.
pub(super) struct Rules {
    list: Vec<(&'static Preset, &'static Rule)>,
    pub(super) shapes: Arc<Shapes>,
    /// What a match must have, by rule.
    gates: Vec<Gate>,
    /// What a match of any rule must have, by set of rules that match together.
    sets: Vec<Gate>,
    /// The longest match.
    pub(super) longest: usize,
    /// Whether a value may begin with what may stand before digits: a month, the code of a country.
    pub(super) leads: bool,
    /// Whether a value may be groups with colons between.
    pub(super) colons: bool,
    /// Whether a value may be without digits.
    pub(super) letters: bool,
}

/// What a match must have before anything else is asked.
#[derive(Clone, Copy)]
struct Gate {
    /// Bytes, least and most.
    length: (usize, usize),
    digits: (usize, usize),
    /// What may stand behind it; not asked of a set.
    edge: Edge,
    /// Words of which one must stand near, and how many words away at most.
    words: Option<(Context, usize)>,
}

impl Gate {
    fn of(rule: &Rule) -> Self {
        // Check digits are cheaper than words, and refuse more.
        let late = matches!(rule.check, Check::Proves(_));
        Self {
            length: (rule.least, shapes::longest(rule.shape)),
            digits: rule.digits,
            edge: rule.edge,
            words: (rule.needs_context && !late).then_some((rule.context, rule.reach)),
        }
    }

    /// Lets through what one of the two lets through.
    fn or(self, other: Self) -> Self {
        let words = self.words.zip(other.words);
        Self {
            length: wider(self.length, other.length),
            digits: wider(self.digits, other.digits),
            edge: Edge::Word,
            words: words.map(|(one, two)| (one.0.or(two.0), one.1.max(two.1))),
        }
    }

    fn admits(
        &self,
        length: usize,
        digits: usize,
        near: &mut impl FnMut(Context, usize) -> bool,
    ) -> bool {
        (self.length.0..=self.length.1).contains(&length)
            && (self.digits.0..=self.digits.1).contains(&digits)
            && self.words.is_none_or(|(words, reach)| near(words, reach))
    }
}

/// What lies in one of the two.
fn wider(one: (usize, usize), two: (usize, usize)) -> (usize, usize) {
    (one.0.min(two.0), one.1.max(two.1))
}

impl Rules {
    pub(super) fn new(list: Vec<(&'static Preset, &'static Rule)>) -> Result<Self, String> {
        let shapes = shapes::shared(list.iter().map(|(_, rule)| rule.shape).collect())?;
        let gates: Vec<Gate> = list.iter().map(|(_, rule)| Gate::of(rule)).collect();
        let closed = Gate {
            length: (usize::MAX, 0),
            digits: (usize::MAX, 0),
            edge: Edge::Word,
            words: Some((Context::NONE, 0)),
        };
        let of_set = |set: &Vec<u16>| {
            let gates = set.iter().filter_map(|rule| gates.get(usize::from(*rule)));
            gates.fold(closed, |all, gate| all.or(*gate))
        };
        Ok(Self {
            sets: shapes.sets().iter().map(of_set).collect(),
            longest: gates
                .iter()
                .map(|gate| gate.length.1)
                .max()
                .unwrap_or_default(),
            leads: (0..=u8::MAX).any(|byte| places::is_lead(byte) && shapes.begin_with(byte)),
            colons: places::may_have_colons(&shapes),
            letters: list.iter().any(|(_, rule)| rule.letters),
            list,
            shapes,
            gates,
        })
    }

    /// A rule and its preset.
    pub(super) fn get(&self, rule: u16) -> Option<(&'static Preset, &'static Rule)> {
        self.list.get(usize::from(rule)).copied()
    }

    /// Calls `found(rule, end)` for every match at `at` that stands free, has the length and the digits that its rule
    /// asks for, and if it needs a word is not without one. `near` says whether one of some words stands near.
    pub(super) fn matches(
        &self,
        text: &str,
        at: usize,
        mut near: impl FnMut(Context, usize) -> bool,
        mut found: impl FnMut(u16, usize),
    ) {
        self.shapes.walk(text.as_bytes(), at, |set, end, digits| {
            let together = self.sets.get(usize::from(set));
            if !together.is_some_and(|gate| gate.admits(end - at, digits, &mut near)) {
                return;
            }
            for rule in self.of_set(set) {
                if let Some(gate) = self.gates.get(usize::from(*rule))
                    && gate.admits(end - at, digits, &mut near)
                    && gate.edge.closes(text, end)
                {
                    found(*rule, end);
                }
            }
        });
    }

    fn of_set(&self, set: u16) -> &[u16] {
        let set = self.shapes.sets().get(usize::from(set));
        set.map_or(&[], Vec::as_slice)
    }

    /// Whether more text could make a match at `at`, or unmake one.
    pub(super) fn undecided(&self, text: &str, at: usize) -> bool {
        if !self.shapes.may_begin(text.as_bytes(), at) {
            return false;
        }
        let mut undecided = false;
        let alive = self.shapes.walk(text.as_bytes(), at, |set, end, _| {
            let rules = self.of_set(set).iter().filter_map(|rule| self.get(*rule));
            undecided |= rules
                .into_iter()
                .any(|(_, rule)| rule.edge.undecided(text, end));
        });
        alive || undecided
    }
}
