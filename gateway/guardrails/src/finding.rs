//! What guardrails find and propose.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Something found in one text. Offsets are bytes of that text, on character boundaries.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Where.
    pub range: Range<usize>,
    /// What, from the kind's closed list, or a custom pattern's name.
    pub category: Cow<'static, str>,
    /// How sure, 0 to 1; a valid check digit is 1. Overlaps resolve by rank, then length, then score.
    pub score: f32,
    /// How it was confirmed.
    pub rank: Rank,
    /// What a mutator puts in its place; none: it can't be rewritten, so it is a violation.
    pub replacement: Option<Arc<str>>,
}

/// How a hit was confirmed; the higher wins an overlap (`Checksum` over `Prefix` over ...).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rank {
    /// The pattern alone.
    Pattern,
    /// A context word or a key name stood near.
    Context,
    /// A provider's own prefix.
    Prefix,
    /// A check digit, checksum or structure was verified.
    Checksum,
}

/// A hit in one segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Index of the segment.
    pub segment: usize,
    /// What was found in it.
    pub hit: Hit,
}

/// A replacement for a byte range of a segment's text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edit {
    /// Index of the segment.
    pub segment: usize,
    /// Bytes of the segment's text, on character boundaries.
    pub range: Range<usize>,
    /// What to put there.
    pub replacement: Arc<str>,
}

/// Keeps one hit per span: higher rank, then longer, then higher score, then earlier. Sorts by start.
pub fn resolve_overlaps(hits: &mut Vec<Hit>) {
    if hits.len() < 2 {
        return;
    }
    hits.sort_by(|a, b| {
        (b.rank, b.range.len())
            .cmp(&(a.rank, a.range.len()))
            .then(b.score.total_cmp(&a.score))
            .then(a.range.start.cmp(&b.range.start))
    });
    // What is kept does not overlap, so only the last one that begins before a hit's end can reach it.
    let mut taken = BTreeMap::new();
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits.drain(..) {
        let before = taken.range(..hit.range.end).next_back();
        if before.is_none_or(|(_, end)| *end <= hit.range.start) {
            taken.insert(hit.range.start, hit.range.end);
            kept.push(hit);
        }
    }
    kept.sort_by_key(|hit| hit.range.start);
    *hits = kept;
}
