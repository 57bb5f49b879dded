//! Collecting the texts of one payload.
//!
//! The wire formats walk a payload and call a [`Locator`] for each place that holds text; it builds the
//! segments and remembers, for each of them, which bytes it came from.

mod value;
mod word;

pub(crate) use value::{hides_letters, may_hold_json};

use std::ops::Range;
use std::sync::Arc;

use parapet_guardrails::segment::{Form, Rewrite, Role, Segment, SegmentText, Segments};

use super::data_url::{self, Data};
use super::json::{Doc, Kind, RawStr, Value, text_of, unescape_into};
use super::schema::{Budget, Schema};
use super::texts::{Copy, Group, Host, NO_HOST, Part, Place, Texts, Wrap};
use super::unjudged::{Unjudged, UnjudgedCounts};
use super::{Limits, LlmError};

/// Room that is made for unescaped texts in advance, at most.
const MOST_AT_ONCE: usize = 1 << 20;

/// What is the same for all texts of one place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) role: Role,
    pub(crate) form: Form,
    pub(crate) rewrite: Rewrite,
    pub(crate) current_turn: bool,
    /// The answer that the text belongs to, where its duplicates are listed; 0 for none.
    pub(crate) answer: u32,
}

impl Context {
    /// Rewritable text.
    pub(crate) const fn text(role: Role) -> Self {
        Self {
            role,
            form: Form::Text,
            rewrite: Rewrite::Yes,
            current_turn: false,
            answer: 0,
        }
    }

    pub(crate) const fn in_turn(self, current_turn: bool) -> Self {
        Self {
            current_turn,
            ..self
        }
    }

    pub(crate) const fn of_answer(self, answer: u32) -> Self {
        Self { answer, ..self }
    }

    /// The name of something: it is judged but never rewritten.
    pub(crate) const fn name(self) -> Self {
        Self {
            form: Form::Name,
            rewrite: Rewrite::No("name"),
            ..self
        }
    }

    pub(crate) const fn form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    pub(crate) const fn fixed(self, why: &'static str) -> Self {
        Self {
            rewrite: Rewrite::No(why),
            ..self
        }
    }
}

/// Where the strings that are being read stand.
#[derive(Clone, Copy)]
struct Source {
    /// The string in the body that holds them as JSON, or [`NO_HOST`] for the body itself.
    host: u32,
    /// Where they are to be told to stand; none: each at its own place.
    at: Option<u32>,
    group: u32,
    /// In how many strings of JSON they stand.
    level: u8,
}

impl Source {
    const BODY: Self = Self {
        host: NO_HOST,
        at: None,
        group: 0,
        level: 0,
    };
}

/// Collects the texts of one payload.
pub(crate) struct Locator {
    body: Arc<String>,
    /// Texts that do not stand in the body as they are, in UTF-8.
    unescaped: Vec<u8>,
    list: Vec<Segment>,
    places: Vec<Place>,
    parts: Vec<Part>,
    hosts: Vec<Host>,
    groups: Vec<Group>,
    copies: Vec<Copy>,
    unjudged: UnjudgedCounts,
    /// Parts of the run that is being collected, and where the first stands.
    run: Vec<(Range<u32>, bool)>,
    max_segments: usize,
    /// How deep JSON that stands in strings of JSON is read.
    nested: u8,
    /// Whether a text that is JSON is read as such.
    texts_as_json: bool,
    budget: Budget,
    answers: u32,
}

impl Locator {
    pub(crate) fn new(body: Arc<String>, limits: &Limits) -> Self {
        Self {
            body,
            unescaped: Vec::new(),
            list: Vec::new(),
            places: Vec::new(),
            parts: Vec::new(),
            hosts: Vec::new(),
            groups: Vec::new(),
            copies: Vec::new(),
            unjudged: UnjudgedCounts::default(),
            run: Vec::new(),
            max_segments: limits.max_segments,
            nested: 0,
            texts_as_json: false,
            budget: Budget::default(),
            answers: 0,
        }
    }

    /// Also reads JSON that stands in a string of JSON, so many levels deep.
    pub(crate) const fn reading_nested(mut self, levels: u8) -> Self {
        self.nested = levels;
        self
    }

    /// Also reads texts that are JSON as such: what tools answer often is.
    pub(crate) const fn reading_texts_as_json(mut self) -> Self {
        self.texts_as_json = true;
        self
    }

    /// The texts; an error when there are more than the limit allows.
    pub(crate) fn finish(self, doc: Option<Arc<Doc>>) -> Result<Texts, LlmError> {
        if self.list.len() > self.max_segments {
            return Err(LlmError::TooManyTexts {
                limit: self.max_segments,
            });
        }
        let unescaped = Arc::new(text_of(self.unescaped));
        let segments = Segments::with_unescaped(self.body.clone(), unescaped, self.list);
        let mut texts = Texts::none(self.body, doc);
        texts.segments = segments;
        texts.places = self.places;
        texts.parts = self.parts;
        texts.hosts = self.hosts;
        texts.groups = self.groups;
        texts.copies = self.copies;
        texts.unjudged = self.unjudged;
        Ok(texts)
    }

    /// Makes room for about so many texts.
    pub(crate) fn expect(&mut self, texts: usize) {
        let texts = texts.min(self.max_segments);
        self.list.reserve(texts);
        self.places.reserve(texts);
        self.parts.reserve(texts);
    }

    /// Whether nothing has been collected.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.unjudged.is_empty()
    }

    /// Whether the limit has been passed: then nothing more is worth collecting.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() > self.max_segments
    }

    /// The body is one text, not JSON.
    pub(crate) fn whole_body(&mut self, context: Context) {
        let range = 0..self.body.len() as u32;
        let part = Part {
            text_start: 0,
            at: range.clone(),
            host: NO_HOST,
            escaped: false,
        };
        let text = SegmentText::Body(range);
        self.push(text, Wrap::Plain, &[part], context, Source::BODY, None);
    }

    /// A string is a text of its own. Anything else there is walked for strings.
    pub(crate) fn text(&mut self, value: Value<'_>, context: Context) {
        match value.string() {
            Some(_) if self.is_json_text(value, context) => {
                self.json_string(value, context, Schema::UNKNOWN);
            }
            Some(string) => self.string(&string, context, Source::BODY, None),
            None => self.strings_in(value, context),
        }
    }

    /// Whether a text is JSON that is to be read as such. Names are what they are.
    fn is_json_text(&self, value: Value<'_>, context: Context) -> bool {
        self.texts_as_json
            && context.form == Form::Text
            && value
                .string()
                .is_some_and(|text| may_hold_json(text.raw) && Doc::parse(&text.text()).is_ok())
    }

    /// A part of the run of texts that began with the last part or with [`Locator::end_run`].
    pub(crate) fn part(&mut self, value: Value<'_>, context: Context) {
        match value.string() {
            Some(string) if string.range.is_empty() => {}
            Some(_) if self.is_json_text(value, context) => {
                self.end_run(context);
                self.json_string(value, context, Schema::UNKNOWN);
            }
            Some(string) => self.run.push((string.range, string.escaped)),
            None => self.strings_in(value, context),
        }
    }

    /// Ends a run of consecutive parts: they become one text, joined without separator.
    pub(crate) fn end_run(&mut self, context: Context) {
        let run = std::mem::take(&mut self.run);
        if let [(range, escaped)] = run.as_slice() {
            let raw = self.body.clone();
            let raw = raw
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default();
            let string = RawStr {
                raw,
                range: range.clone(),
                escaped: *escaped,
            };
            self.string(&string, context, Source::BODY, None);
        } else if !run.is_empty() {
            let start = self.unescaped.len() as u32;
            let mut parts = Vec::with_capacity(run.len());
            for (range, escaped) in &run {
                let text_start = self.unescaped.len() as u32 - start;
                parts.push(Part {
                    text_start,
                    at: range.clone(),
                    host: NO_HOST,
                    escaped: *escaped,
                });
                let raw = self.body.get(range.start as usize..range.end as usize);
                unescape_into(raw.unwrap_or_default(), &mut self.unescaped);
            }
            let text = SegmentText::Unescaped(start..self.unescaped.len() as u32);
            self.push(text, Wrap::String, &parts, context, Source::BODY, None);
        }
        // Keep the allocation for the next run.
        self.run = run;
        self.run.clear();
    }

    const fn unjudged_so_far(&self) -> &UnjudgedCounts {
        &self.unjudged
    }

    /// Content of this class is there and is not judged.
    pub(crate) fn unjudged(&mut self, class: Unjudged) {
        self.unjudged.add(class);
    }

    /// Data in the body, as a `data:` URL or bare: text in it is judged, anything else is `data`.
    pub(crate) fn data(&mut self, value: Value<'_>, data: Unjudged, context: Context) {
        if !self.data_url(value, data, context) && !value.is_null() {
            self.base64(value, data, context);
        }
    }

    /// Takes a `data:` URL; false for anything else.
    fn data_url(&mut self, value: Value<'_>, data: Unjudged, context: Context) -> bool {
        let Some(string) = value.string() else {
            return false;
        };
        let url = match string.escaped {
            true => string.clone().text(),
            false => string.raw.into(),
        };
        match data_url::read(&url) {
            None => return false,
            Some(Data::TooLong) => self.unjudged(Unjudged::OverLimit),
            Some(Data::Other) => self.unjudged(data),
            Some(Data::Text(text)) => {
                if data == Unjudged::Image {
                    // What a picture's description paints is not judged.
                    self.unjudged(data);
                }
                self.packed(&string, &text, Wrap::Data, context);
            }
        }
        true
    }

    /// Text that a string holds in packed form.
    fn packed(&mut self, string: &RawStr<'_>, text: &str, wrap: Wrap, context: Context) {
        let start = self.unescaped.len() as u32;
        self.unescaped.extend_from_slice(text.as_bytes());
        let part = Part {
            text_start: 0,
            at: string.range.clone(),
            host: NO_HOST,
            escaped: string.escaped,
        };
        let text = SegmentText::Unescaped(start..self.unescaped.len() as u32);
        self.push(text, wrap, &[part], context, Source::BODY, None);
    }

    /// Bytes in base64: text in them is judged, whatever they are said to be; anything else is `class`.
    pub(crate) fn base64(&mut self, value: Value<'_>, class: Unjudged, context: Context) {
        let Some(string) = value.string() else {
            return self.strings_in(value, context);
        };
        let packed = string.clone().text();
        match data_url::read_base64(&packed) {
            Data::Text(text) => self.packed(&string, &text, Wrap::Base64, context),
            Data::TooLong => self.unjudged(Unjudged::OverLimit),
            Data::Other => self.unjudged(class),
        }
    }

    /// An address that nobody fetches before it is asked for: text in a `data:` URL is judged as such, and
    /// anything else in one is `data`.
    pub(crate) fn uri(&mut self, value: Value<'_>, data: Unjudged, context: Context) {
        if !self.data_url(value, data, context) {
            self.text(value, context);
        }
    }

    /// A link: data in it is read like [`Locator::data`], anything else is judged as text and counted as remote.
    pub(crate) fn link(&mut self, value: Value<'_>, data: Unjudged, context: Context) {
        if !self.data_url(value, data, context) && !value.is_null() {
            self.unjudged(Unjudged::RemoteUrl);
            self.text(value, context);
        }
    }

    /// Takes text that is written as tokens: a list of numbers, or of such lists; false for anything else.
    pub(super) fn tokens(&mut self, value: Value<'_>) -> bool {
        let of_numbers = |list: Value<'_>| {
            let mut items = list.items().peekable();
            items.peek().is_some() && items.all(|item| item.kind() == Kind::Number)
        };
        let mut lists = value.items().peekable();
        let is_tokens = of_numbers(value) || lists.peek().is_some() && lists.all(of_numbers);
        if is_tokens {
            self.unjudged(Unjudged::Tokens);
        }
        is_tokens
    }

    /// Opens an answer (a choice): its number goes into the context of its texts.
    pub(crate) const fn open_answer(&mut self) -> u32 {
        self.answers += 1;
        self.answers
    }

    /// A value that repeats text of an answer: once that text is changed, `instead` stands there.
    pub(crate) fn repeats(&mut self, answer: u32, value: Value<'_>, instead: &'static str) {
        if !value.is_null() {
            self.copies.push(Copy {
                answer,
                range: value.range(),
                instead,
            });
        }
    }

    fn string(
        &mut self,
        string: &RawStr<'_>,
        context: Context,
        source: Source,
        key: Option<&Arc<str>>,
    ) {
        if string.range.is_empty() {
            return;
        }
        let text = self.read(string, source.host);
        let part = Part {
            text_start: 0,
            at: string.range.clone(),
            host: source.host,
            escaped: string.escaped,
        };
        self.push(text, Wrap::String, &[part], context, source, key);
    }

    /// The place of a string's text, unescaped if need be.
    fn read(&mut self, string: &RawStr<'_>, host: u32) -> SegmentText {
        if !string.escaped {
            return self.within(string.range.clone(), host);
        }
        if self.unescaped.capacity() == 0 {
            // Only JSON in strings makes it longer than what is left of the body.
            let left = self.body.len().saturating_sub(string.range.start as usize);
            self.unescaped.reserve(left.min(MOST_AT_ONCE));
        }
        let start = self.unescaped.len() as u32;
        unescape_into(string.raw, &mut self.unescaped);
        SegmentText::Unescaped(start..self.unescaped.len() as u32)
    }

    /// A range of the body or of a host's text.
    fn within(&self, range: Range<u32>, host: u32) -> SegmentText {
        match self.hosts.get(host as usize).map(|host| &host.text) {
            None => SegmentText::Body(range),
            Some(SegmentText::Body(text)) => {
                SegmentText::Body(text.start + range.start..text.start + range.end)
            }
            Some(SegmentText::Unescaped(text)) => {
                SegmentText::Unescaped(text.start + range.start..text.start + range.end)
            }
            // A host's text is never owned; an owned one would have no ranges in it.
            Some(SegmentText::Owned(text)) => SegmentText::Owned(text.clone()),
        }
    }

    fn push(
        &mut self,
        text: SegmentText,
        wrap: Wrap,
        parts: &[Part],
        context: Context,
        source: Source,
        key: Option<&Arc<str>>,
    ) {
        if self.is_full() {
            return;
        }
        let at = source
            .at
            .or_else(|| parts.first().map(|part| part.at.start))
            .unwrap_or(0);
        let first = self.parts.len() as u32;
        self.parts.extend_from_slice(parts);
        self.places.push(Place {
            parts: first..self.parts.len() as u32,
            wrap,
            answer: context.answer,
        });
        self.list.push(Segment {
            text,
            role: context.role,
            form: context.form,
            rewrite: context.rewrite,
            key: key.cloned(),
            current_turn: context.current_turn,
            json_group: source.group,
            at,
        });
    }
}
