//! One scan for all text guardrails of a plan.
//!
//! A [`Scanner`] is built for the text guardrails of a plan. It walks a text once with one literal
//! automaton (the union of what the guardrails want), decodes what evades plain matching into further
//! layers, hands each layer to each guardrail and maps hits back to the text.

use crate::finding::Hit;
use crate::segment::Segment;

/// The families of literals that guardrails share. One process-wide automaton holds all of them; a plan
/// masks the families it does not want.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Wants(pub u32);

impl Wants {
    /// Nothing: the guardrail finds its own way.
    pub const NONE: Self = Self(0);
    /// Literals of secrets detection.
    pub const SECRETS: Self = Self(1);
    /// Literals of the regex presets.
    pub const PRESETS: Self = Self(2);
    /// Literals of the SQL sanitizer.
    pub const SQL: Self = Self(4);
    /// Literals of the code safety linter.
    pub const CODE: Self = Self(8);

    /// Both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in it.
    pub const fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Where a shared literal stands in a layer's text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Trigger {
    /// First byte.
    pub start: u32,
    /// After the last byte.
    pub end: u32,
    /// The family.
    pub family: Wants,
    /// Index in the family's list of literals.
    pub literal: u16,
}

/// One reading of a text: as it is, or decoded.
#[derive(Debug)]
pub struct Layer<'a> {
    text: &'a str,
    triggers: &'a [Trigger],
    /// 0 for the text as it is; the number of decoding steps otherwise.
    depth: u8,
}

impl<'a> Layer<'a> {
    /// A layer of given text and triggers.
    pub const fn new(text: &'a str, triggers: &'a [Trigger], depth: u8) -> Self {
        Self { text, triggers, depth }
    }

    /// The layer's text.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// 0 for the text as it is; the number of decoding steps otherwise.
    pub const fn depth(&self) -> u8 {
        self.depth
    }

    /// The places of a family's literals, in order of their start.
    pub fn triggers(&self, family: Wants) -> impl Iterator<Item = &'a Trigger> {
        self.triggers.iter().filter(move |trigger| trigger.family == family)
    }
}

/// Scans texts for one plan's text guardrails.
pub struct Scanner {
    _private: (),
}

impl Scanner {
    /// A scanner for guardrails that want `wants`.
    pub const fn new(_wants: Wants) -> Self {
        Self { _private: () }
    }

    /// Runs every guardrail over every layer of `text`; `hits[i]` receives what `guardrails[i]` found,
    /// in ranges of `text`, overlaps resolved.
    pub fn scan(
        &self,
        text: &str,
        segment: &Segment,
        guardrails: &[&dyn crate::guardrail::TextGuardrail],
        hits: &mut [Vec<Hit>],
    ) {
        let layer = Layer::new(text, &[], 0);
        for (guardrail, hits) in guardrails.iter().zip(hits) {
            guardrail.scan(&layer, segment, hits);
            crate::finding::resolve_overlaps(hits);
        }
    }
}
