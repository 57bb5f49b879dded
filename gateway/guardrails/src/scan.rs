//! One scan for all text guardrails of a plan.
//!
//! A [`Scanner`] is built for the text guardrails of a plan. It walks a text once with one literal
//! automaton (the union of what the guardrails want), decodes what evades plain matching into further
//! layers, hands each layer to each guardrail and maps hits back to the text.

use crate::finding::Hit;
use crate::guardrail::TextGuardrail;
use crate::segment::Segment;

mod common;
mod filter;
mod literals;
mod open;

pub use open::{ByteSet, MARK_LIMIT, OpenMatch, Swallow, Until};

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

/// Scans texts for one plan's text guardrails. Cheap to make: what is expensive is shared by the process.
#[derive(Clone, Copy, Debug)]
pub struct Scanner {
    wants: Wants,
}

/// Builds what all scanners of the process share, so that no request pays for it. Call it at start.
pub fn warm() {
    literals::warm();
}

impl Scanner {
    /// A scanner for guardrails that want `wants`.
    pub const fn new(wants: Wants) -> Self {
        Self { wants }
    }

    /// A scanner for these guardrails.
    pub fn of(guardrails: &[&dyn TextGuardrail]) -> Self {
        Self::new(
            guardrails
                .iter()
                .fold(Wants::NONE, |wants, guardrail| wants.and(guardrail.wants())),
        )
    }

    /// Runs every guardrail over every layer of `text`; `hits[i]` receives what `guardrails[i]` found,
    /// in ranges of `text`, overlaps resolved.
    pub fn scan(
        &self,
        text: &str,
        segment: &Segment,
        guardrails: &[&dyn TextGuardrail],
        hits: &mut [Vec<Hit>],
    ) {
        if text.is_empty() {
            return;
        }
        let mut places = literals::Places::default();
        literals::find(text, self.wants, &mut places);
        let layer = Layer::new(text, &places, 0);
        for (guardrail, hits) in guardrails.iter().zip(hits) {
            guardrail.scan(&layer, segment, hits);
            crate::finding::resolve_overlaps(hits);
        }
    }
}

/// What a stream asks, for several guardrails at once. Bytes of `text`, the channel's text so far from
/// [`Self::context_from`] on; `from` is how much of it has been released.
impl Scanner {
    /// The earliest offset, at least `from`, at which a match of any of the guardrails, in the text or in
    /// a decoded form of it, may have begun that the end of `text` cuts off. Hold back from there.
    pub fn pending_from(
        &self,
        text: &str,
        from: usize,
        guardrails: &[&dyn TextGuardrail],
    ) -> usize {
        Self::least(text, guardrails, |guardrail| {
            guardrail.pending_from(text, from)
        })
        .max(from)
    }

    /// The earliest [`TextGuardrail::context_from`].
    pub fn context_from(
        &self,
        text: &str,
        from: usize,
        guardrails: &[&dyn TextGuardrail],
    ) -> usize {
        Self::least(text, guardrails, |guardrail| {
            guardrail.context_from(text, from)
        })
    }

    /// The first match that has begun for certain and goes on, with the index of its guardrail.
    pub fn open_match(
        &self,
        text: &str,
        from: usize,
        guardrails: &[&dyn TextGuardrail],
    ) -> Option<(usize, OpenMatch)> {
        guardrails
            .iter()
            .enumerate()
            .filter_map(|(index, guardrail)| Some((index, guardrail.open_match(text, from)?)))
            .min_by_key(|(_, open)| open.start)
    }

    fn least(
        text: &str,
        guardrails: &[&dyn TextGuardrail],
        of: impl Fn(&dyn TextGuardrail) -> usize,
    ) -> usize {
        guardrails
            .iter()
            .map(|guardrail| of(*guardrail))
            .fold(text.len(), usize::min)
    }
}

/// Runs one guardrail over one text that belongs to no payload. For tests and tools.
pub fn scan_text(guardrail: &dyn TextGuardrail, text: &str) -> Vec<Hit> {
    use crate::segment::{Form, Role, Segments};
    let segments = Segments::of_text("", Role::User, Form::Text);
    let mut hits = [Vec::new()];
    if let Some(segment) = segments.list().first() {
        Scanner::of(&[guardrail]).scan(text, segment, &[guardrail], &mut hits);
    }
    let [hits] = hits;
    hits
}
