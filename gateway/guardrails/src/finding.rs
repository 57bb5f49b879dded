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
    let apart = |pair: &[Hit]| matches!(pair, [a, b] if a.range.end <= b.range.start);
    if hits.windows(2).all(apart) {
        return;
    }
    hits.sort_by(|a, b| {
        (b.rank, b.range.len())
            .cmp(&(a.rank, a.range.len()))
            .then(b.score.total_cmp(&a.score))
            .then(a.range.start.cmp(&b.range.start))
    });
    // Spans that are kept, by start; none overlaps another, so the one before decides.
    let mut spans: BTreeMap<usize, usize> = BTreeMap::new();
    hits.retain(|hit| {
        let before = spans
            .range(..hit.range.end.max(hit.range.start + 1))
            .next_back();
        let free = before.is_none_or(|(_, end)| *end <= hit.range.start);
        if free {
            spans.insert(hit.range.start, hit.range.end);
        }
        free
    });
    hits.sort_by_key(|hit| hit.range.start);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(range: Range<usize>, rank: Rank, score: f32) -> Hit {
        Hit {
            range,
            category: "x".into(),
            score,
            rank,
            replacement: None,
        }
    }

    #[test]
    fn rank_then_length_then_score_wins_an_overlap() {
        for (hits, kept) in [
            (
                vec![hit(0..9, Rank::Pattern, 1.0), hit(3..5, Rank::Prefix, 0.1)],
                vec![(3, 5)],
            ),
            (
                vec![hit(0..4, Rank::Prefix, 1.0), hit(2..9, Rank::Prefix, 0.1)],
                vec![(2, 9)],
            ),
            (
                vec![hit(2..4, Rank::Context, 0.2), hit(2..4, Rank::Context, 0.9)],
                vec![(2, 4)],
            ),
            (
                vec![
                    hit(6..8, Rank::Pattern, 1.0),
                    hit(0..6, Rank::Checksum, 1.0),
                ],
                vec![(0, 6), (6, 8)],
            ),
            (
                vec![
                    hit(0..5, Rank::Pattern, 1.0),
                    hit(4..8, Rank::Context, 1.0),
                    hit(7..9, Rank::Pattern, 1.0),
                ],
                vec![(4, 8)],
            ),
        ] {
            let mut resolved = hits;
            resolve_overlaps(&mut resolved);
            let ranges: Vec<_> = resolved
                .iter()
                .map(|hit| (hit.range.start, hit.range.end))
                .collect();
            assert_eq!(ranges, kept);
        }
        let mut same = vec![hit(2..4, Rank::Context, 0.2), hit(2..4, Rank::Context, 0.9)];
        resolve_overlaps(&mut same);
        assert!(same[0].score > 0.5);
    }

    #[test]
    fn many_hits_resolve_quickly() {
        // Each overlaps its neighbours: pair by pair this would be ten billion comparisons.
        let mut hits: Vec<Hit> = (0..100_000)
            .map(|at| hit(at * 2..at * 2 + 3, Rank::Pattern, 1.0))
            .collect();
        resolve_overlaps(&mut hits);
        assert_eq!(hits.len(), 50_000);
    }
}
