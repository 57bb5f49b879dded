//! The texts of one payload, with the way back to its bytes.

mod leaf;
mod output;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use parapet_guardrails::finding::Edit;
use parapet_guardrails::segment::{Rewrite, SegmentText, Segments};

use super::defined;
use super::json::Doc;
use super::splice::RawEdit;
use super::splice::pieces::{Piece, Pieces, in_order, render};
use super::unjudged::UnjudgedCounts;

/// Number for "in the body itself" where a host is named.
pub(super) const NO_HOST: u32 = u32::MAX;

/// How a text stands in the payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wrap {
    /// It is the whole body, which is not JSON.
    Plain,
    /// It is the content of one or several strings.
    String,
    /// It is a number; once changed it becomes a string.
    Number,
    /// It is packed into a `data:` URL, which is the content of one string.
    Data,
    /// It is packed in base64, which is the content of one string.
    Base64,
    /// It cannot be changed by itself.
    Fixed,
}

/// Where a segment stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its parts in [`Texts::parts`].
    pub(super) parts: Range<u32>,
    pub(super) wrap: Wrap,
    /// The answer whose copies go when it changes; 0 for none.
    pub(super) answer: u32,
}

/// One string of a segment.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Where its text starts in the segment's text.
    pub(super) text_start: u32,
    /// Its content as written: bytes of the body, or of the host's text.
    pub(super) at: Range<u32>,
    /// The string that it stands in, as JSON; [`NO_HOST`] for the body.
    pub(super) host: u32,
    pub(super) escaped: bool,
}

/// A string that holds JSON.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// Its content as written, in the body or in its parent's text.
    pub(super) raw: Range<u32>,
    /// The string of JSON that it stands in; [`NO_HOST`] for the body. Its number is always lower.
    pub(super) parent: u32,
    /// Its text.
    pub(super) text: SegmentText,
    pub(super) escaped: bool,
}

/// Segments of one JSON value.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The segment of the whole.
    pub(super) whole: u32,
    /// After the last segment of the group.
    pub(super) end: u32,
    /// The whole as it came.
    pub(super) text: SegmentText,
    pub(super) host: u32,
}

/// A value that repeats the text of an answer.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) answer: u32,
    pub(super) range: Range<u32>,
    pub(super) instead: &'static str,
}

/// A segment that has been edited.
#[derive(Clone, Debug)]
struct Edited {
    original: SegmentText,
    pieces: Pieces,
}

/// The texts of one payload: what guardrails judge, what they changed, and the bytes that result.
///
/// [`Texts::apply`] may be called again and again; each mutator's edits are ranges of the texts as the one
/// before left them. The body is built once, by [`Texts::to_bytes`].
#[derive(Clone)]
pub struct Texts {
    body: Arc<String>,
    /// The body's structure, to tell places; none when it is not JSON.
    doc: Option<Arc<Doc>>,
    pub(super) segments: Segments,
    pub(super) places: Vec<Place>,
    pub(super) parts: Vec<Part>,
    pub(super) hosts: Vec<Host>,
    pub(super) groups: Vec<Group>,
    pub(super) copies: Vec<Copy>,
    pub(super) unjudged: UnjudgedCounts,
    edited: BTreeMap<usize, Edited>,
    own: Vec<RawEdit>,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} texts, {} edited",
            self.places.len(),
            self.edited.len()
        )
    }
}

impl Texts {
    /// A body without texts.
    pub(crate) fn none(body: Arc<String>, doc: Option<Arc<Doc>>) -> Self {
        Self {
            segments: Segments::new(body.clone(), Vec::new()),
            body,
            doc,
            places: Vec::new(),
            parts: Vec::new(),
            hosts: Vec::new(),
            groups: Vec::new(),
            copies: Vec::new(),
            unjudged: UnjudgedCounts::default(),
            edited: BTreeMap::new(),
            own: Vec::new(),
        }
    }

    /// The texts as they stand.
    pub const fn segments(&self) -> &Segments {
        &self.segments
    }

    /// The body as it came.
    pub const fn original_body(&self) -> &Arc<String> {
        &self.body
    }

    /// Content that holds no text to judge.
    pub const fn unjudged(&self) -> &UnjudgedCounts {
        &self.unjudged
    }

    /// Where a segment stands, such as `messages[0].content`. For people; it never contains text of the
    /// payload that is not an ordinary member name.
    pub fn place(&self, segment: usize) -> String {
        let (Some(doc), Some(segment)) = (&self.doc, self.segments.list().get(segment)) else {
            return "body".to_owned();
        };
        doc.path_of(&self.body, segment.at)
    }

    /// Where a segment stands, said with the names that the wire format defines and no others, so that it can be
    /// shown to whoever may not see the text: `messages[2].content`, `params.arguments.*[0]`.
    pub fn public_place(&self, segment: usize) -> String {
        let (Some(doc), Some(of)) = (&self.doc, self.segments.list().get(segment)) else {
            return "body".to_owned();
        };
        // A leaf of JSON has a place of its own; inside of a string, the string's is all that there is.
        let first = self
            .places
            .get(segment)
            .and_then(|place| {
                self.parts
                    .get(place.parts.start as usize..place.parts.end as usize)
            })
            .and_then(<[Part]>::first);
        let at = match first {
            Some(part) if part.host == NO_HOST => part.at.start,
            Some(_) | None => of.at,
        };
        defined::path(doc, &self.body, at)
    }

    /// Whether any text has been changed.
    pub fn is_edited(&self) -> bool {
        !self.edited.is_empty()
    }

    /// Changes texts. Ranges are bytes of the texts as they stand; they are widened to whole characters,
    /// and overlapping ones are joined, the first replacement standing for both.
    ///
    /// Edits of segments that cannot be rewritten, or do not exist, are refused: nothing is applied then and
    /// the index of the segment comes back. The whole of a JSON group follows the edits of its leaves.
    pub fn apply(&mut self, edits: &[Edit]) -> Result<(), NotRewritable> {
        let mut by_segment: BTreeMap<usize, Vec<Piece>> = BTreeMap::new();
        for edit in edits {
            let segment = self.segments.list().get(edit.segment);
            if segment.is_none_or(|segment| segment.rewrite != Rewrite::Yes) {
                return Err(NotRewritable {
                    segment: edit.segment,
                });
            }
            by_segment.entry(edit.segment).or_default().push(Piece {
                range: edit.range.clone(),
                text: edit.replacement.as_ref().to_owned(),
            });
        }
        let mut groups = Vec::new();
        for (index, edits) in by_segment {
            let Some(segment) = self.segments.list().get(index) else {
                continue;
            };
            let (group, current) = (segment.json_group, segment.text.clone());
            let edits = in_order(self.segments.text(index), edits);
            let edited = self.edited.entry(index).or_insert_with(|| Edited {
                original: current,
                pieces: Pieces::default(),
            });
            edited.pieces.edit(edits);
            let text = render(
                self.segments.resolve(&edited.original),
                edited.pieces.as_slice(),
            );
            self.segments.set_text(index, text.into());
            if group != 0 && groups.last() != Some(&group) {
                groups.push(group);
            }
        }
        for group in groups {
            self.render_group(group);
        }
        Ok(())
    }

    /// What has been replaced in a segment; none when nothing has.
    pub(super) fn pieces(&self, segment: usize) -> Option<&[Piece]> {
        self.edited
            .get(&segment)
            .map(|edited| edited.pieces.as_slice())
    }

    /// The gateway's own change of the body, for a value that is not a text. A later one for the same
    /// range replaces it.
    pub(super) fn put(&mut self, range: Range<u32>, text: String) {
        let range = range.start as usize..range.end as usize;
        self.own.retain(|edit| edit.range != range);
        self.own.push(RawEdit { range, text });
    }
}

/// An edit of a text that cannot be rewritten.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("segment {segment} cannot be rewritten")]
pub struct NotRewritable {
    /// Its index.
    pub segment: usize,
}
