//! From edits of texts to edits of the body.
//!
//! Replacements are escaped once per level that they go through: never in a body that is plain text, once
//! in a string, twice in JSON inside of a string.

pub(super) mod pieces;

use std::ops::Range;

use self::pieces::Piece;
use super::data_url;
use super::json::{RawCursor, escape_into, unescape};
use super::texts::{NO_HOST, Part, Place, Wrap};

/// A replacement for a range of the body, or of a host's text, already escaped for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct RawEdit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// Turns what was replaced in one text into edits of what its parts stand in. `original` is the text as it
/// came, `source` gives what a host number stands for.
pub(super) fn text_edits<'a>(
    place: &Place,
    parts: &[Part],
    original: &str,
    replaced: &[Piece],
    source: &dyn Fn(u32) -> &'a str,
    out: &mut Vec<(u32, RawEdit)>,
) {
    match place.wrap {
        Wrap::Fixed => {}
        Wrap::Plain => out.extend(replaced.iter().map(|piece| {
            (
                NO_HOST,
                RawEdit {
                    range: piece.range.clone(),
                    text: piece.text.clone(),
                },
            )
        })),
        Wrap::Data => out.extend(parts.first().map(|part| {
            let raw = source(part.host).get(widen(&part.at)).unwrap_or_default();
            let url = data_url::with_text(&unescape(raw), &pieces::render(original, replaced));
            let mut text = String::with_capacity(url.len());
            escape_into(&url, &mut text);
            let range = widen(&part.at);
            (part.host, RawEdit { range, text })
        })),
        Wrap::Base64 => out.extend(parts.first().map(|part| {
            let text = data_url::to_base64(&pieces::render(original, replaced));
            let range = widen(&part.at);
            (part.host, RawEdit { range, text })
        })),
        Wrap::Number => out.extend(parts.first().map(|part| {
            let mut text = String::from('"');
            escape_into(&pieces::render(original, replaced), &mut text);
            text.push('"');
            (
                part.host,
                RawEdit {
                    range: widen(&part.at),
                    text,
                },
            )
        })),
        Wrap::String => {
            for (index, part) in parts.iter().enumerate() {
                let end = parts
                    .get(index + 1)
                    .map_or(original.len(), |next| next.text_start as usize);
                let text = part.text_start as usize..end;
                part_edits(part, text, replaced, source(part.host), out);
            }
        }
    }
}

fn widen(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// The edits of one part, which holds `text` of the whole text.
fn part_edits(
    part: &Part,
    text: Range<usize>,
    replaced: &[Piece],
    source: &str,
    out: &mut Vec<(u32, RawEdit)>,
) {
    let from = replaced.partition_point(|piece| piece.range.end < text.start);
    let touching = replaced.get(from..).unwrap_or_default().iter();
    let touching = touching.take_while(|piece| piece.range.start <= text.end);
    let raw = source
        .get(part.at.start as usize..part.at.end as usize)
        .unwrap_or_default();
    let mut cursor = RawCursor::new(raw);
    let mut kept = text.len();
    let mut added = 0;
    let first_out = out.len();
    let mut stands_for = None;
    for piece in touching {
        let range = piece.range.start.max(text.start)..piece.range.end.min(text.end);
        // An insertion between two parts belongs to the first; so does a replacement that begins there.
        let insertion = piece.range.is_empty();
        if range.is_empty() && (!insertion || (piece.range.start == text.start && text.start > 0)) {
            continue;
        }
        let begins_here = piece.range.start >= text.start;
        let replacement = if begins_here { piece.text.as_str() } else { "" };
        kept -= range.len();
        added += replacement.len();
        stands_for = Some(piece);
        let local = range.start - text.start..range.end - text.start;
        let raw = if part.escaped {
            let start = cursor.start(local.start);
            start..cursor.end(local.end).max(start)
        } else {
            local
        };
        let base = part.at.start as usize;
        let mut text = String::with_capacity(replacement.len());
        escape_into(replacement, &mut text);
        out.push((
            part.host,
            RawEdit {
                range: base + raw.start..base + raw.end,
                text,
            },
        ));
    }
    // Upstreams refuse empty parts: one that would become empty gets the replacement too.
    if kept == 0
        && added == 0
        && let Some(piece) = stands_for
        && let Some((_, edit)) = out.get_mut(first_out..).and_then(<[_]>::last_mut)
    {
        escape_into(&piece.text, &mut edit.text);
    }
}

/// Edits of the text inside a string become edits of what the string stands in.
pub(super) fn escaped_once_more(
    mut edits: Vec<RawEdit>,
    raw: &str,
    base: usize,
    escaped: bool,
) -> Vec<RawEdit> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut cursor = RawCursor::new(raw);
    edits
        .into_iter()
        .map(|edit| {
            let range = if escaped {
                let start = cursor.start(edit.range.start);
                start..cursor.end(edit.range.end).max(start)
            } else {
                edit.range
            };
            let mut text = String::with_capacity(edit.text.len());
            escape_into(&edit.text, &mut text);
            RawEdit {
                range: base + range.start..base + range.end,
                text,
            }
        })
        .collect()
}

/// `body[window]` with edits applied. An edit inside of a wider one is dropped with it.
pub(super) fn apply(body: &str, window: Range<usize>, mut edits: Vec<RawEdit>) -> String {
    // What is put before a range comes before what is done to the range.
    edits.sort_by_key(|edit| {
        (
            edit.range.start,
            !edit.range.is_empty(),
            std::cmp::Reverse(edit.range.end),
        )
    });
    let grown: usize = edits.iter().map(|edit| edit.text.len()).sum();
    let mut out = String::with_capacity(window.len() + grown);
    let mut at = window.start;
    for edit in &edits {
        if edit.range.start < at {
            continue;
        }
        out.push_str(body.get(at..edit.range.start).unwrap_or_default());
        out.push_str(&edit.text);
        at = edit.range.end;
    }
    out.push_str(body.get(at..window.end).unwrap_or_default());
    out
}
