//! For tests: a text that streams in pieces is judged like the whole.

use std::ops::Range;

use super::{Scanner, Tail, plain_segment};
use crate::guardrail::TextGuardrail;

/// What was found, and what.
type Found = Vec<(Range<usize>, String)>;

/// Asserts that `guardrail` finds the same in `text` however it is cut in two, and character by character, and
/// that no hit begins in text that has been released.
///
/// Matches may be held without bound here.
pub(crate) fn assert_streams(guardrail: &dyn TextGuardrail, text: &str) {
    let whole = whole(guardrail, text);
    for cut in (0..=text.len()).filter(|cut| text.is_char_boundary(*cut)) {
        let (first, second) = text.split_at(cut);
        assert_eq!(
            streamed(guardrail, [first, second]),
            whole,
            "{text:?} cut at {cut}: {first:?}"
        );
    }
    assert_streams_in(1, guardrail, text);
}

/// The same, in pieces of about so many bytes only.
pub(crate) fn assert_streams_in(size: usize, guardrail: &dyn TextGuardrail, text: &str) {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rest.ceil_char_boundary(size));
        pieces.push(piece);
        rest = more;
    }
    assert_eq!(
        streamed(guardrail, pieces),
        whole(guardrail, text),
        "{text:?} in pieces of {size}"
    );
}

fn whole(guardrail: &dyn TextGuardrail, text: &str) -> Found {
    super::scan_text(guardrail, text)
        .into_iter()
        .map(|hit| (hit.range, hit.category.into_owned()))
        .collect()
}

fn streamed<'a>(guardrail: &dyn TextGuardrail, pieces: impl IntoIterator<Item = &'a str>) -> Found {
    let scanner = Scanner::of(&[guardrail]);
    let segment = plain_segment();
    let mut text = String::new();
    // Text before `base` has been forgotten; `safe` and `taken` count from the beginning.
    let (mut base, mut safe, mut taken) = (0, 0, 0);
    let mut found = Found::new();
    let mut pieces = pieces.into_iter();
    loop {
        let piece = pieces.next();
        text.push_str(piece.unwrap_or_default());
        let mut hits = [Vec::new()];
        scanner.scan(&text, &segment, &[guardrail], &mut hits);
        let judged = match piece {
            Some(_) => base + Tail::of(&text, safe - base).judged_to(guardrail),
            None => base + text.len(),
        };
        for hit in hits.into_iter().flatten() {
            let range = base + hit.range.start..base + hit.range.end;
            if (taken..judged).contains(&range.start) {
                assert!(
                    range.start >= safe,
                    "{range:?} begins in released text, which reaches to {safe}"
                );
                found.push((range, hit.category.into_owned()));
            }
        }
        taken = judged.max(taken);
        if piece.is_none() {
            return found;
        }
        safe = base + Tail::of(&text, safe - base).pending_from(guardrail);
        let keep = scanner
            .context_from(&text, safe - base, &[guardrail])
            .min((safe - base).saturating_sub(256));
        let keep = text.floor_char_boundary(keep);
        text.drain(..keep);
        base += keep;
    }
}
