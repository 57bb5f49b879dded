//! The presets: what each finds, as data.
//!
//! A preset is a row in one of the tables below, by topic. Most presets are *shapes*: bounded expressions
//! with a check (digits, dates), the words that must stand near a weak one, and what may stand beside it. A
//! row carries examples of what it finds and what it leaves alone; a test runs all of them.

use super::context::{Context, REACH};
use super::credentials::Belongs;
use super::spans::Edge;

mod americas;
mod asia;
mod bank;
mod britain;
mod cards;
mod contact;
mod credentials;
mod devices;
mod europe_east;
mod europe_north;
mod europe_south;
mod europe_west;
mod generic;
mod health;
mod network;
mod passports;
mod person;
mod phones;
mod terms;
mod united_states;
mod vehicles;

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
    /// By secrets detection: which of its findings belong to the preset.
    Secret(Belongs),
    /// By whole words and phrases, in lower case.
    Terms(&'static [&'static str]),
}

/// One shape of a preset, and when a match of it counts.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// What a value looks like: a bounded expression, ASCII classes only, without look-around.
    pub(super) shape: &'static str,
    /// What may stand beside it.
    pub(super) edge: Edge,
    /// Looks closer.
    pub(super) check: Check,
    /// The words that support it.
    pub(super) context: Context,
    /// Whether one of them must stand near.
    pub(super) needs_context: bool,
    /// How many words away it may stand.
    pub(super) reach: usize,
    /// Words that speak against it, when none of `context` stands nearer.
    pub(super) unless: Context,
    /// How many digits a value has: from, to.
    pub(super) digits: (usize, usize),
    /// How long a match is at least, in bytes.
    pub(super) least: usize,
    /// How sure a match is without context and proof, 0 to 1.
    pub(super) base: f32,
    /// Whether a value may be without digits: then a label among [`LITERALS`] announces it.
    pub(super) letters: bool,
}

/// A closer look at a match.
#[derive(Clone, Copy)]
pub(super) enum Check {
    /// None.
    Nothing,
    /// Whether it can be one at all.
    Fits(fn(&str) -> bool),
    /// Whether check digits or a strict structure prove it.
    Proves(fn(&str) -> bool),
}

/// A rule for a shape, without conditions; the methods add them.
pub(super) const fn rule(shape: &'static str) -> Rule {
    Rule {
        shape,
        edge: Edge::Number,
        check: Check::Nothing,
        context: Context::NONE,
        needs_context: false,
        reach: REACH,
        unless: Context::NONE,
        digits: (0, usize::MAX),
        least: 1,
        base: 0.5,
        letters: false,
    }
}

impl Rule {
    /// Only when it can be one at all.
    pub(super) const fn fits(mut self, check: fn(&str) -> bool) -> Self {
        self.check = Check::Fits(check);
        self
    }

    /// Only when check digits or a strict structure prove it.
    pub(super) const fn proves(mut self, check: fn(&str) -> bool) -> Self {
        self.check = Check::Proves(check);
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

    /// A word counts only so many words away; 0 is the key above.
    pub(super) const fn within(mut self, reach: usize) -> Self {
        self.reach = reach;
        self
    }

    /// May be without digits.
    pub(super) const fn letters(mut self) -> Self {
        self.letters = true;
        self
    }

    /// Not when one of these words stands near and none that speaks for it stands nearer.
    pub(super) const fn unless(mut self, context: Context) -> Self {
        self.unless = context;
        self
    }

    /// Only with so many digits. For shapes that repeat without counting.
    pub(super) const fn digits(mut self, least: usize, most: usize) -> Self {
        self.digits = (least, most);
        self
    }

    /// Only if it is so long, in bytes.
    pub(super) const fn least(mut self, least: usize) -> Self {
        self.least = least;
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
    phones::PRESETS,
    cards::PRESETS,
    network::PRESETS,
    credentials::PRESETS,
    passports::PRESETS,
    person::PRESETS,
    bank::PRESETS,
    health::PRESETS,
    britain::PRESETS,
    europe_west::PRESETS,
    europe_south::PRESETS,
    europe_north::PRESETS,
    europe_east::PRESETS,
    americas::PRESETS,
    asia::PRESETS,
    generic::PRESETS,
    devices::PRESETS,
    vehicles::PRESETS,
    terms::PRESETS,
];

/// Literals whose places the shared scan reports to this kind, ASCII case-insensitive. A place gives the
/// index in this list.
pub(crate) static LITERALS: &[&str] = &[
    "://", "www.", "swift", "bic ", "bic:", "bic=", "bic\"", "bic-", "bic/",
];

/// Where in [`LITERALS`] the words begin that announce a value without digits.
pub(super) const FIRST_LABEL: u16 = 2;

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
    /// Texts, and the part of each that is found.
    pub finds: &'static [(&'static str, &'static str)],
    /// Texts in which nothing is found.
    pub ignores: &'static [&'static str],
}

/// Every preset, for documents and tools.
pub fn catalogue() -> impl Iterator<Item = Described> {
    all().map(|preset| Described {
        id: preset.id,
        what: preset.what,
        finds: preset.finds,
        ignores: preset.ignores,
    })
}
