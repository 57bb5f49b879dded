//! From the whole of a JSON value back to one of its leaves.

use std::ops::Range;

use parapet_guardrails::segment::SegmentText;

use super::{NO_HOST, Texts, Wrap};
use crate::llm::json::text_range;

/// Where a leaf stands in the whole of its group.
struct Leaf {
    /// Its bytes in the whole as it came.
    at: Range<usize>,
    /// By how much it has grown.
    grown: isize,
    /// Whether it stands in JSON in a string of the whole; the bytes are that string's then.
    nested: bool,
}

impl Texts {
    /// For a range of the text of a [`Form::JsonRaw`] segment, as it stands: the leaf or number that it lies
    /// in, with the range in that one's text. None when it reaches over anything else, such as a key, a
    /// quote or a comma.
    ///
    /// [`Form::JsonRaw`]: parapet_guardrails::segment::Form::JsonRaw
    pub fn leaf_of_raw(
        &self,
        segment: usize,
        range: Range<usize>,
    ) -> Option<(usize, Range<usize>)> {
        let whole = self.segments.list().get(segment)?;
        let group = self
            .groups
            .get((whole.json_group as usize).checked_sub(1)?)?;
        if group.whole as usize != segment {
            return None;
        }
        let window = match (&group.text, group.host) {
            (SegmentText::Body(range), NO_HOST) => range.start as usize,
            _ => 0,
        };
        let leaves = group.whole as usize + 1..group.end as usize;
        // Edited leaves move what comes after them.
        let mut moved = 0_isize;
        let mut candidates = leaves.clone();
        for (index, _) in self.edited.range(leaves.clone()) {
            let Leaf { at, grown, nested } = self.leaf(*index, group.host, window)?;
            let start = at.start.checked_add_signed(moved)?;
            let end = at.end.checked_add_signed(moved + grown)?;
            if range.start < start {
                candidates.end = *index;
                break;
            }
            if range.end <= end {
                if nested {
                    return None;
                }
                let range = self.within_leaf(segment, *index, start..end, range)?;
                return Some((*index, range));
            }
            candidates.start = index + 1;
            moved += grown;
        }
        // Keys are in between, but in order too.
        let (mut low, mut high) = (candidates.start, candidates.end);
        while low < high {
            let middle = self.leaf_from(low + (high - low) / 2, high);
            let leaf =
                middle.and_then(|index| Some((index, self.leaf(index, group.host, window)?)));
            let Some((index, Leaf { at, nested, .. })) = leaf else {
                high = low + (high - low) / 2;
                continue;
            };
            let at = at.start.checked_add_signed(moved)?..at.end.checked_add_signed(moved)?;
            if range.start < at.start {
                high = low + (high - low) / 2;
            } else if range.start >= at.end {
                low = index + 1;
            } else if range.end <= at.end && !nested {
                return Some((index, self.within_leaf(segment, index, at, range)?));
            } else {
                return None;
            }
        }
        None
    }

    /// The first leaf or number from `index` on.
    fn leaf_from(&self, index: usize, end: usize) -> Option<usize> {
        (index..end).find(|index| {
            self.places
                .get(*index)
                .is_some_and(|place| matches!(place.wrap, Wrap::String | Wrap::Number))
        })
    }

    fn leaf(&self, index: usize, host: u32, window: usize) -> Option<Leaf> {
        let place = self.places.get(index)?;
        let part = self.parts.get(place.parts.start as usize)?;
        let mut edits = Vec::new();
        self.segment_edits(index, &mut edits);
        let edits = self.lifted(edits, host);
        let grown = edits
            .iter()
            .map(|edit| edit.text.len() as isize - edit.range.len() as isize)
            .sum();
        let (mut own, mut at) = (part.host, &part.at);
        while own != host {
            let inner = self.hosts.get(own as usize)?;
            (own, at) = (inner.parent, &inner.raw);
        }
        let start = (at.start as usize).checked_sub(window)?;
        Some(Leaf {
            at: start..(at.end as usize).checked_sub(window)?,
            grown,
            nested: part.host != host,
        })
    }

    /// A range of the whole in offsets of the leaf's text.
    fn within_leaf(
        &self,
        whole: usize,
        leaf: usize,
        at: Range<usize>,
        range: Range<usize>,
    ) -> Option<Range<usize>> {
        let mut raw = self.segments.text(whole).get(at.clone())?;
        let mut local = range.start - at.start..range.end - at.start;
        // An edited number stands in quotes.
        let number = self.places.get(leaf)?.wrap == Wrap::Number;
        if number && let Some(content) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'))
        {
            raw = content;
            local = local.start.saturating_sub(1)..local.end.saturating_sub(1).min(raw.len());
        }
        Some(text_range(raw, local))
    }
}
