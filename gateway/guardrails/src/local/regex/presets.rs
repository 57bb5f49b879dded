//! The presets: what each finds, as data.
//!
//! A preset is a row in one of the tables below, by topic. Most presets are *shapes*: bounded expressions
//! with a check (digits, dates), the words that must stand near a weak one, and what may stand beside it. A
//! row carries examples of what it finds and what it leaves alone; a test runs all of them.

use std::ops::Range;

use super::context::Context;
use super::spans::Edge;

mod cards;
mod contact;
mod network;
mod united_states;

/// A preset.
pub(super) struct Preset {
    /// The name in the configuration, and the category of its findings.
    pub(super) id: &'static str,
    /// What it finds, for people.
    pub(super) what: &'static str,
    /// How.
    pub(super) how: How,
    /// Texts with the part of them that is found.
    pub(super) finds: &'static [(&'static str, &'static str)],
    /// Texts in which it finds nothing.
    pub(super) ignores: &'static [&'static str],
}

/// How a preset finds.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// By shapes.
    Shapes(&'static [Rule]),
    /// By `@`.
    Email,
    /// By `://` and `www.`.
    Url,
}

/// One shape of a preset, and when a match of it counts.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// What a value looks like: a bounded expression, ASCII classes only, without look-around.
    pub(super) shape: &'static str,
    /// What may stand beside it.
    pub(super) edge: Edge,
    /// Looks closer.
    pub(super) check: fn(&str) -> Checked,
    /// The words that support it.
    pub(super) context: Context,
    /// Whether one of them must stand near.
    pub(super) needs_context: bool,
    /// Words that speak against it, when none of `context` stands nearer.
    pub(super) unless: Context,
    /// The part of the match that is the value.
    pub(super) part: fn(&str) -> Range<usize>,
    /// How sure a match is without context and proof, 0 to 1.
    pub(super) base: f32,
}

/// What a closer look says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Checked {
    /// It is not one.
    No,
    /// It may be one.
    Plain,
    /// A check digit or a strict structure fits.
    Proven,
}

impl Checked {
    /// Proven or nothing.
    pub(super) const fn proven(fits: bool) -> Self {
        if fits { Self::Proven } else { Self::No }
    }

    /// Plain or nothing.
    pub(super) const fn plain(fits: bool) -> Self {
        if fits { Self::Plain } else { Self::No }
    }
}

/// A rule for a shape, without conditions; the methods add them.
pub(super) const fn rule(shape: &'static str) -> Rule {
    Rule {
        shape,
        edge: Edge::Number,
        check: |_| Checked::Plain,
        context: Context::NONE,
        needs_context: false,
        unless: Context::NONE,
        part: |text| 0..text.len(),
        base: 0.5,
    }
}

impl Rule {
    /// Only when this check agrees.
    pub(super) const fn check(mut self, check: fn(&str) -> Checked) -> Self {
        self.check = check;
        self
    }

    /// Surer when one of these words stands near.
    pub(super) const fn with(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Only when one of these words stands near.
    pub(super) const fn only_with(mut self, context: Context) -> Self {
        self.context = context;
        self.needs_context = true;
        self
    }

    /// Not when one of these words stands near and none that speaks for it stands nearer.
    pub(super) const fn unless(mut self, context: Context) -> Self {
        self.unless = context;
        self
    }

    /// May adjoin punctuation with more letters or digits behind it.
    pub(super) const fn edge(mut self, edge: Edge) -> Self {
        self.edge = edge;
        self
    }

    /// How sure a match is by itself.
    pub(super) const fn base(mut self, base: f32) -> Self {
        self.base = base;
        self
    }
}

/// The tables, in the order in which they are documented.
static TABLES: &[&[Preset]] = &[
    united_states::PRESETS,
    contact::PRESETS,
    cards::PRESETS,
    network::PRESETS,
];

/// Literals whose places the shared scan reports to this kind, ASCII case-insensitive. A place gives the
/// index in this list.
pub(crate) static LITERALS: &[&str] = &["://", "www."];

/// All presets.
pub(super) fn all() -> impl Iterator<Item = &'static Preset> {
    TABLES.iter().copied().flatten()
}

/// The preset with this name.
pub(super) fn named(id: &str) -> Option<&'static Preset> {
    all().find(|preset| preset.id == id)
}

/// A preset as it is documented.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Described {
    /// The name in the configuration, and the category of its findings.
    pub id: &'static str,
    /// What it finds.
    pub what: &'static str,
    /// A text, and the part of it that is found.
    pub example: Option<(&'static str, &'static str)>,
}

/// Every preset, for documents and tools.
pub fn catalogue() -> impl Iterator<Item = Described> {
    all().map(|preset| Described {
        id: preset.id,
        what: preset.what,
        example: preset.finds.first().copied(),
    })
}
