//! What the strings of a body read like at the moment.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use parapet_guardrails::segment::SegmentText;

use crate::llm::data_url;
use crate::llm::json::Value;
use crate::llm::texts::{NO_HOST, Texts, Wrap};

type Map<K, V> = HashMap<K, V, foldhash::quality::RandomState>;

/// Finds, for a string or number of the body as it came, the text that stands there now.
pub(super) struct Now<'t> {
    pub(super) texts: &'t Texts,
    /// The same to the segment of what is packed into a `data:` URL, which stands there as the URL that it is.
    data: Map<(u32, u32), usize>,
    /// From where a value's content starts, in the body or in a host's text, to segment and part.
    parts: Map<(u32, u32), (usize, usize)>,
    /// From where a host's content starts, in the body or in its parent's text, to its number.
    hosts: Map<(u32, u32), u32>,
    /// From a host to its group's whole, if it has a group of its own.
    wholes: Map<u32, usize>,
    /// From where a JSON value starts in the body, to its group's whole.
    values: Map<u32, usize>,
    /// From where a dropped repetition starts, to what stands there instead.
    dropped: Map<u32, &'static str>,
}

impl<'t> Now<'t> {
    pub(super) fn new(texts: &'t Texts) -> Self {
        let mut parts = Map::default();
        let mut data = Map::default();
        for (segment, place) in texts.places.iter().enumerate() {
            if matches!(place.wrap, Wrap::Data | Wrap::Base64) {
                let part = texts.parts.get(place.parts.start as usize);
                data.extend(part.map(|part| ((part.host, part.at.start), segment)));
                continue;
            }
            let range = place.parts.start as usize..place.parts.end as usize;
            for (part, at) in texts
                .parts
                .get(range)
                .unwrap_or_default()
                .iter()
                .enumerate()
            {
                parts.insert((at.host, at.at.start), (segment, part));
            }
        }
        let hosts = texts
            .hosts
            .iter()
            .zip(0..)
            .map(|(host, number)| ((host.parent, host.raw.start), number))
            .collect();
        let (mut wholes, mut values) = (Map::default(), Map::default());
        for group in &texts.groups {
            let whole = group.whole as usize;
            match (texts.hosts.get(group.host as usize), &group.text) {
                (Some(_), _) => {
                    wholes.insert(group.host, whole);
                }
                (None, SegmentText::Body(range)) => {
                    values.insert(range.start, whole);
                }
                (None, SegmentText::Unescaped(_) | SegmentText::Owned(_)) => {}
            }
        }
        let dropped = texts
            .dropped()
            .map(|copy| (copy.range.start, copy.instead))
            .collect();
        Self {
            texts,
            data,
            parts,
            hosts,
            wholes,
            values,
            dropped,
        }
    }

    /// The segment and part that a string or number is.
    pub(super) fn part(&self, host: u32, value: Value<'_>) -> Option<(usize, usize)> {
        let start = match value.string() {
            Some(string) => string.range.start,
            None => value.range().start,
        };
        self.parts.get(&(host, start)).copied()
    }

    /// The host that a string is.
    pub(super) fn host(&self, host: u32, value: Value<'_>) -> Option<u32> {
        let string = value.string()?;
        self.hosts.get(&(host, string.range.start)).copied()
    }

    /// What stands instead of a value that repeats a changed text.
    pub(super) fn dropped(&self, host: u32, value: Value<'_>) -> Option<&'static str> {
        self.dropped
            .get(&value.range().start)
            .copied()
            .filter(|_| host == NO_HOST)
    }

    /// A string as it reads now.
    pub(super) fn string<'v>(&'v self, host: u32, value: Value<'v>) -> Cow<'v, str> {
        if let Some(inner) = self.host(host, value) {
            return match self.wholes.get(&inner) {
                Some(whole) => self.texts.segments().text(*whole).into(),
                None => self.texts.host_now(inner).into(),
            };
        }
        match self.part(host, value) {
            Some((segment, part)) => self.texts.part_now(segment, part).0.into(),
            None => {
                let url = value.as_str().unwrap_or_default();
                match self.data_segment(host, value) {
                    Some(segment) if self.texts.is_segment_edited(segment) => {
                        let text = self.texts.segments().text(segment);
                        match self.texts.places.get(segment).map(|place| place.wrap) {
                            Some(Wrap::Base64) => data_url::to_base64(text).into(),
                            Some(_) | None => data_url::with_text(&url, text).into(),
                        }
                    }
                    Some(_) | None => url,
                }
            }
        }
    }

    fn data_segment(&self, host: u32, value: Value<'_>) -> Option<usize> {
        let start = value.string()?.range.start;
        self.data.get(&(host, start)).copied()
    }

    /// Strings that are to be one, as they read now, each with the value that it comes from. Between parts of
    /// different texts there is a line feed of nobody's.
    pub(super) fn joined<'v>(
        &'v self,
        strings: &[Value<'v>],
    ) -> Vec<(Cow<'v, str>, Option<Value<'v>>)> {
        let segment = |value| self.part(NO_HOST, value).map(|(segment, _)| segment);
        let mut texts: Vec<(Cow<'v, str>, Option<Value<'v>>)> = Vec::new();
        let mut before = None;
        for value in strings {
            if before.is_some_and(|before| before != segment(*value)) {
                texts.push(("\n".into(), None));
            }
            before = Some(segment(*value));
            texts.push((self.string(NO_HOST, *value), Some(*value)));
        }
        texts
    }

    /// What a number reads like now, if it has been changed.
    pub(super) fn number(&self, host: u32, value: Value<'_>) -> Option<&str> {
        let (segment, _) = self.part(host, value)?;
        self.texts
            .is_segment_edited(segment)
            .then(|| self.texts.segments().text(segment))
    }

    /// A JSON value of the body, written as it reads now.
    pub(super) fn whole<'v>(&'v self, value: Value<'v>) -> Cow<'v, str> {
        match self.values.get(&value.range().start) {
            Some(whole) => self.texts.segments().text(*whole).into(),
            None => value.raw().into(),
        }
    }
}

impl Texts {
    fn is_segment_edited(&self, segment: usize) -> bool {
        self.pieces(segment).is_some()
    }

    /// One part of a segment as it reads now, and where that stands in the segment's text. A part that
    /// repeats a replacement because it would be empty stands nowhere.
    pub(super) fn part_now(&self, segment: usize, part: usize) -> (String, Option<Range<usize>>) {
        let now = self.segments.text(segment);
        let Some(place) = self.places.get(segment) else {
            return Default::default();
        };
        let parts = self
            .parts
            .get(place.parts.start as usize..place.parts.end as usize);
        let parts = parts.unwrap_or_default();
        let start_of = |part: usize| parts.get(part).map(|part| part.text_start as usize);
        let Some(pieces) = self.pieces(segment).filter(|_| place.wrap == Wrap::String) else {
            let range = start_of(part).unwrap_or(0)..start_of(part + 1).unwrap_or(now.len());
            return (
                now.get(range.clone()).unwrap_or_default().to_owned(),
                Some(range),
            );
        };
        // Where an offset of the original is now; a replacement belongs to the part that it begins in.
        let moved = |original: usize| {
            let mut offset = original;
            let mut grown = 0_isize;
            for piece in pieces {
                let before = piece.range.start < original
                    || (piece.range.is_empty() && piece.range.start == original && original > 0);
                if !before {
                    break;
                }
                offset = offset.max(piece.range.end);
                grown += piece.text.len() as isize - piece.range.len() as isize;
            }
            offset.saturating_add_signed(grown)
        };
        let start = start_of(part).map_or(0, moved);
        let end = start_of(part + 1).map_or(now.len(), moved);
        let text = now.get(start..end).unwrap_or_default();
        let original_start = start_of(part).unwrap_or(0);
        let emptied = |piece: &&crate::llm::splice::pieces::Piece| {
            piece.range.start < original_start && piece.range.end > original_start
        };
        if text.is_empty()
            && let Some(piece) = pieces.iter().rfind(emptied)
        {
            return (piece.text.clone(), None);
        }
        (text.to_owned(), Some(start..end))
    }
}
