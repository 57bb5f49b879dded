//! What has been replaced in one text, in offsets of the text as it came.

use std::ops::Range;

/// A replaced range of the original text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::llm) struct Piece {
    pub(in crate::llm) range: Range<usize>,
    pub(in crate::llm) text: String,
}

/// Replaced ranges of one text, in order, not overlapping.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::llm) struct Pieces(Vec<Piece>);

/// A piece with the place of its text in the current text.
struct Placed {
    piece: Piece,
    start: usize,
    end: usize,
    /// The head of a piece whose rest an edit replaced: an insertion at its end comes before that edit.
    cut: bool,
}

impl Pieces {
    pub(in crate::llm) fn as_slice(&self) -> &[Piece] {
        &self.0
    }

    /// Adds edits of the current text. They are in order, do not overlap and lie on character boundaries.
    pub(in crate::llm) fn edit(&mut self, edits: Vec<Piece>) {
        if self.0.is_empty() {
            self.0 = edits;
            return;
        }
        let mut before = place(std::mem::take(&mut self.0));
        let mut after: Vec<Piece> = Vec::with_capacity(before.len() + edits.len());
        // From the end to the start, so that what lies before an edit is still where it was.
        for edit in edits.into_iter().rev() {
            let mut touched = Touched::default();
            while let Some(last) = before.pop() {
                if last.start >= edit.range.end {
                    after.push(last.piece);
                } else if last.end > edit.range.start || (last.cut && last.end == edit.range.start)
                {
                    touched.add(last);
                } else {
                    before.push(last);
                    break;
                }
            }
            before.push(touched.merge(edit, before.last()));
        }
        self.0 = before.into_iter().map(|placed| placed.piece).collect();
        self.0.extend(after.into_iter().rev());
    }
}

fn place(pieces: Vec<Piece>) -> Vec<Placed> {
    let mut original = 0;
    let mut current = 0;
    let mut placed = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let start = current + (piece.range.start - original);
        let end = start + piece.text.len();
        (original, current) = (piece.range.end, end);
        placed.push(Placed {
            piece,
            start,
            end,
            cut: false,
        });
    }
    placed
}

/// The pieces that one edit overlaps: only the outermost matter.
#[derive(Default)]
struct Touched {
    last: Option<Placed>,
    first: Option<Placed>,
}

impl Touched {
    fn add(&mut self, placed: Placed) {
        if self.last.is_none() {
            self.last = Some(placed);
        } else {
            self.first = Some(placed);
        }
    }

    /// One piece for the edit and all that it touches.
    fn merge(self, edit: Piece, left: Option<&Placed>) -> Placed {
        let first = self.first.as_ref().or(self.last.as_ref());
        let to_original = |current: usize, left: Option<&Placed>| {
            left.map_or(current, |left| left.piece.range.end + (current - left.end))
        };
        let (start, mut text, original_start) = match first {
            Some(first) if first.start < edit.range.start => {
                let kept = first.piece.text.get(..edit.range.start - first.start);
                (
                    first.start,
                    kept.unwrap_or_default().to_owned(),
                    first.piece.range.start,
                )
            }
            Some(_) | None => (
                edit.range.start,
                String::new(),
                to_original(edit.range.start, left),
            ),
        };
        let kept_end = edit.range.start;
        text.push_str(&edit.text);
        let original_end = match &self.last {
            Some(last) if edit.range.end <= last.end => {
                let kept = last.piece.text.get(edit.range.end - last.start..);
                text.push_str(kept.unwrap_or_default());
                last.piece.range.end
            }
            Some(last) => to_original(edit.range.end, Some(last)),
            None => to_original(edit.range.end, left),
        };
        let piece = Piece {
            range: original_start..original_end,
            text,
        };
        // Edits still to come end where this one starts, at the latest: only the kept head can be touched.
        Placed {
            piece,
            start,
            end: kept_end,
            cut: start < kept_end,
        }
    }
}

/// `original` with its pieces replaced.
pub(in crate::llm) fn render(original: &str, pieces: &[Piece]) -> String {
    let grown: usize = pieces.iter().map(|piece| piece.text.len()).sum();
    let mut out = String::with_capacity(original.len() + grown);
    let mut at = 0;
    for piece in pieces {
        out.push_str(original.get(at..piece.range.start).unwrap_or_default());
        out.push_str(&piece.text);
        at = piece.range.end.max(at);
    }
    out.push_str(original.get(at..).unwrap_or_default());
    out
}

/// Puts edits in order, widens them to character boundaries of `text`, and joins what overlaps: the first
/// replacement then stands for both.
pub(in crate::llm) fn in_order(text: &str, mut edits: Vec<Piece>) -> Vec<Piece> {
    for edit in &mut edits {
        let start = text.floor_char_boundary(edit.range.start.min(text.len()));
        let end = text.ceil_char_boundary(edit.range.end.clamp(start, text.len()));
        edit.range = start..end;
    }
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut joined: Vec<Piece> = Vec::with_capacity(edits.len());
    for edit in edits {
        match joined.last_mut() {
            Some(last) if edit.range.start < last.range.end => {
                last.range.end = last.range.end.max(edit.range.end);
            }
            Some(_) | None => joined.push(edit),
        }
    }
    joined
}
