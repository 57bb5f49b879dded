//! Lists of terms: whole words and phrases, plural forms included.

use std::cmp::Reverse;
use std::ops::Range;

use super::presets::Preset;
use crate::scan::{Filter, Literal};

/// The lists of the presets that a guardrail names, in one search.
pub(super) struct Terms {
    filter: Filter,
    /// For each term its length, in bytes.
    lengths: Vec<usize>,
    /// For each term its preset.
    presets: Vec<&'static Preset>,
    /// The terms, sorted, to tell what may still become one.
    sorted: Vec<&'static str>,
    longest: usize,
}

impl Terms {
    /// Lists of lower-case ASCII terms.
    pub(super) fn new(lists: &[(&'static Preset, &[&'static str])]) -> Self {
        let mut presets = Vec::new();
        let mut terms: Vec<&'static str> = Vec::new();
        for (preset, list) in lists {
            for term in *list {
                presets.push(*preset);
                terms.push(term);
            }
        }
        let literal = |text: &&'static str| Literal { text, exact: false };
        let filter = Filter::new(terms.iter().map(literal).collect());
        let lengths = terms.iter().map(|term| term.len()).collect();
        let longest = terms.iter().map(|term| term.len()).max().unwrap_or(0);
        terms.sort_unstable();
        Self {
            filter,
            lengths,
            presets,
            sorted: terms,
            longest,
        }
    }

    /// The longest match, in bytes.
    pub(super) const fn longest(&self) -> usize {
        self.longest + PLURAL
    }

    /// Every term that stands as words of its own.
    pub(super) fn find(&self, text: &str, mut found: impl FnMut(&'static Preset, Range<usize>)) {
        let bytes = text.as_bytes();
        let mut places = Vec::new();
        self.filter.find(text, |start, term| {
            let term = usize::from(term);
            let length = self.lengths.get(term).copied().unwrap_or_default();
            places.push((start, Reverse(length), term));
        });
        places.sort_unstable();
        // The first, and of those that begin together the longest.
        let mut done = 0;
        for (start, Reverse(length), term) in places {
            if start < done {
                continue;
            }
            done = start + length;
            let before = start.checked_sub(1).and_then(|at| bytes.get(at));
            if before.is_some_and(|byte| in_word(*byte)) {
                continue;
            }
            if let (Some(end), Some(preset)) = (word_end(bytes, done), self.presets.get(term)) {
                found(preset, start..end);
            }
        }
    }

    /// Where a term may have begun that the end of the text cuts off.
    pub(super) fn pending_from(&self, text: &str) -> usize {
        let bytes = text.as_bytes();
        let window = text.floor_char_boundary(text.len().saturating_sub(self.longest()));
        let begins = |at: &usize| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            !before.is_some_and(|byte| in_word(*byte))
        };
        (window..text.len())
            .filter(|at| text.is_char_boundary(*at))
            .filter(begins)
            .find(|at| self.may_become(text.get(*at..).unwrap_or_default()))
            .unwrap_or(text.len())
    }

    /// Whether more text can make a term of this, or unmake one.
    fn may_become(&self, rest: &str) -> bool {
        let rest = rest.to_ascii_lowercase();
        let at = self.sorted.partition_point(|term| *term < rest.as_str());
        let ahead = self
            .sorted
            .get(at)
            .is_some_and(|term| term.starts_with(&rest));
        // A whole term at the end is one only if the word ends there.
        let complete = |cut: usize| {
            rest.get(..cut)
                .is_some_and(|head| self.sorted.binary_search(&head).is_ok())
        };
        ahead || (0..=PLURAL).any(|tail| rest.len().checked_sub(tail).is_some_and(complete))
    }
}

/// Bytes of the ending `es`.
const PLURAL: usize = 2;

const fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The end of the word, with an `s` or `es`; none when the word goes on.
fn word_end(bytes: &[u8], end: usize) -> Option<usize> {
    let rest = bytes.get(end..).unwrap_or_default();
    ["", "s", "es"].iter().find_map(|ending| {
        let tail = rest.get(..ending.len())?;
        let fits = tail.eq_ignore_ascii_case(ending.as_bytes());
        let apart = !rest.get(ending.len()).is_some_and(|byte| in_word(*byte));
        (fits && apart).then_some(end + ending.len())
    })
}
