//! The body that results from the edits.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parapet_guardrails::segment::SegmentText;

use super::{Copy, NO_HOST, Texts};
use crate::llm::splice::{self, RawEdit};

/// Lets a shared body go out without a copy.
struct Shared(Arc<String>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Texts {
    /// The body with all edits. Without any it is the body that came, not copied.
    pub fn to_bytes(&self) -> Bytes {
        if self.own.is_empty() {
            return self.edited_texts();
        }
        let mut edits = self.body_edits();
        edits.extend(self.own.iter().cloned());
        splice::apply(&self.body, 0..self.body.len(), edits).into()
    }

    /// The body with the edits of its texts only, as guardrails are to see it: what the gateway changes for
    /// the upstream (its name of the model and the like) is left out.
    pub fn edited_texts(&self) -> Bytes {
        if self.edited.is_empty() {
            return Bytes::from_owner(Shared(self.body.clone()));
        }
        splice::apply(&self.body, 0..self.body.len(), self.body_edits()).into()
    }

    pub(in crate::llm) fn body_edits(&self) -> Vec<RawEdit> {
        let mut edits = Vec::new();
        for index in self.edited.keys() {
            self.segment_edits(*index, &mut edits);
        }
        let mut out = self.lifted(edits, NO_HOST);
        out.extend(self.dropped().map(|copy| RawEdit {
            range: copy.range.start as usize..copy.range.end as usize,
            text: copy.instead.to_owned(),
        }));
        out
    }

    /// Edits of strings of JSON as edits of the string, or the body, that all of them stand in.
    pub(super) fn lifted(&self, edits: Vec<(u32, RawEdit)>, to: u32) -> Vec<RawEdit> {
        let mut out = Vec::with_capacity(edits.len());
        let mut hosted: BTreeMap<u32, Vec<RawEdit>> = BTreeMap::new();
        for (host, edit) in edits {
            if host == to {
                out.push(edit);
            } else {
                hosted.entry(host).or_default().push(edit);
            }
        }
        // From the innermost out: what a string stands in has a lower number.
        while let Some((host, edits)) = hosted.pop_last() {
            let Some(host) = self.hosts.get(host as usize) else {
                continue;
            };
            let range = host.raw.start as usize..host.raw.end as usize;
            let raw = self.source(host.parent).get(range.clone());
            let raw = raw.unwrap_or_default();
            let edits = splice::escaped_once_more(edits, raw, range.start, host.escaped);
            if host.parent == to {
                out.extend(edits);
            } else {
                hosted.entry(host.parent).or_default().extend(edits);
            }
        }
        out
    }

    /// What a string of JSON reads like now.
    pub(in crate::llm) fn host_now(&self, host: u32) -> String {
        if self.edited.is_empty() {
            return self.source(host).to_owned();
        }
        let mut edits = Vec::new();
        for index in self.edited.keys() {
            self.segment_edits(*index, &mut edits);
        }
        edits.retain(|(own, _)| self.stands_in(*own, host));
        let source = self.source(host);
        splice::apply(source, 0..source.len(), self.lifted(edits, host))
    }

    fn stands_in(&self, mut own: u32, host: u32) -> bool {
        while own != host {
            match self.hosts.get(own as usize) {
                Some(inner) => own = inner.parent,
                None => return false,
            }
        }
        true
    }

    /// The values that repeat a text that has been changed.
    pub(in crate::llm) fn dropped(&self) -> impl Iterator<Item = &Copy> {
        let mut answers: Vec<u32> = self
            .edited
            .keys()
            .filter_map(|index| Some(self.places.get(*index)?.answer))
            .collect();
        answers.sort_unstable();
        self.copies
            .iter()
            .filter(move |copy| answers.binary_search(&copy.answer).is_ok())
    }

    /// The edits of one segment, in what its parts stand in.
    pub(super) fn segment_edits(&self, index: usize, out: &mut Vec<(u32, RawEdit)>) {
        let (Some(edited), Some(place)) = (self.edited.get(&index), self.places.get(index)) else {
            return;
        };
        let parts = self
            .parts
            .get(place.parts.start as usize..place.parts.end as usize);
        let original = self.segments.resolve(&edited.original);
        let pieces = edited.pieces.as_slice();
        let source = |host| self.source(host);
        splice::text_edits(
            place,
            parts.unwrap_or_default(),
            original,
            pieces,
            &source,
            out,
        );
    }

    fn source(&self, host: u32) -> &str {
        match self.hosts.get(host as usize) {
            Some(host) => self.segments.resolve(&host.text),
            None => &self.body,
        }
    }

    /// Writes the whole of a JSON group anew, after an edit in it.
    pub(super) fn render_group(&mut self, number: u32) {
        let Some(group) = (number as usize)
            .checked_sub(1)
            .and_then(|at| self.groups.get(at))
        else {
            return;
        };
        let mut edits = Vec::new();
        for (index, _) in self.edited.range(group.whole as usize..group.end as usize) {
            self.segment_edits(*index, &mut edits);
        }
        let source = self.source(group.host);
        // In the body the value's own range; a host holds nothing but its value.
        let window = match (&group.text, group.host) {
            (SegmentText::Body(range), NO_HOST) => range.start as usize..range.end as usize,
            _ => 0..source.len(),
        };
        let text = splice::apply(source, window, self.lifted(edits, group.host));
        let whole = group.whole as usize;
        self.segments.set_text(whole, text.into());
    }
}
