//! Walking a parsed text.

use std::borrow::Cow;
use std::ops::Range;

use super::{Kind, NOWHERE, Node, unescape};

/// A value of a [`Doc`] with its text.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    pub(super) text: &'a str,
    pub(super) nodes: &'a [Node],
    pub(super) index: u32,
}

/// Text, like everything that may hold a prompt, stays out of debug output.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {:?}", self.kind(), self.range())
    }
}

impl<'a> Value<'a> {
    fn node(self) -> &'a Node {
        self.nodes.get(self.index as usize).unwrap_or(&NOWHERE)
    }

    fn slice(self, start: u32, end: u32) -> &'a str {
        self.text
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Its number on the tape, to come back to it with [`Value::at`].
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Another value of the same text.
    pub const fn at(self, index: u32) -> Self {
        Self { index, ..self }
    }

    /// Its bytes in the text, quotes and brackets included.
    pub fn range(self) -> Range<u32> {
        self.node().start..self.node().end
    }

    /// Its text as written.
    pub fn raw(self) -> &'a str {
        self.slice(self.node().start, self.node().end)
    }

    /// Whether it is `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// A string's content as written, without quotes; none for other kinds.
    pub fn string(self) -> Option<RawStr<'a>> {
        let node = self.node();
        (node.kind == Kind::String).then(|| {
            let range = node.start + 1..node.end.saturating_sub(1);
            RawStr {
                raw: self.slice(range.start, range.end),
                range,
                escaped: node.escaped,
            }
        })
    }

    /// A string's text; none for other kinds.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        self.string().map(RawStr::text)
    }

    /// Whether it is a string with this text.
    pub fn is(self, text: &str) -> bool {
        self.as_str().is_some_and(|own| own == text)
    }

    /// `true` or `false`; none for other kinds.
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == "true")
    }

    /// A number without sign, fraction and exponent that fits; none otherwise.
    pub fn as_u64(self) -> Option<u64> {
        (self.kind() == Kind::Number)
            .then(|| self.raw().parse().ok())
            .flatten()
    }

    /// A whole number with or without a sign that fits; none otherwise.
    pub fn as_i64(self) -> Option<i64> {
        (self.kind() == Kind::Number)
            .then(|| self.raw().parse().ok())
            .flatten()
    }

    /// A number as the nearest finite double; none otherwise.
    pub fn as_f64(self) -> Option<f64> {
        (self.kind() == Kind::Number)
            .then(|| self.raw().parse().ok())
            .flatten()
            .filter(|number: &f64| number.is_finite())
    }

    /// The member's key when this is the value of an object member.
    pub fn key(self) -> Option<Cow<'a, str>> {
        let key = self.raw_key()?;
        Some(key.text())
    }

    /// The member's key as written, when this is the value of an object member.
    pub fn raw_key(self) -> Option<RawStr<'a>> {
        let node = self.node();
        (node.key_start != 0).then(|| RawStr {
            raw: self.slice(node.key_start, node.key_end),
            range: node.key_start..node.key_end,
            escaped: node.key_escaped,
        })
    }

    /// The values in an array or object, in order; nothing for other kinds.
    pub fn children(self) -> Children<'a> {
        Children {
            parent: self,
            index: self.index + 1,
            end: self.node().next,
        }
    }

    /// The elements of an array; nothing for other kinds.
    pub fn items(self) -> Children<'a> {
        if self.kind() == Kind::Array {
            self.children()
        } else {
            Children::none(self)
        }
    }

    /// The members of an object; nothing for other kinds.
    pub fn members(self) -> Members<'a> {
        Members(if self.kind() == Kind::Object {
            self.children()
        } else {
            Children::none(self)
        })
    }

    /// An object's member.
    pub fn get(self, key: &str) -> Option<Self> {
        (self.kind() == Kind::Object)
            .then(|| self.children().find(|member| member.has_key(key)))
            .flatten()
    }

    /// Whether it is the value of an object's member with this key. Hundreds of members are asked in a call, and nearly
    /// all have another key: its length says so, without reading it.
    fn has_key(self, key: &str) -> bool {
        let node = self.node();
        if node.key_escaped {
            return self.key().is_some_and(|own| own == key);
        }
        let length = node.key_end.saturating_sub(node.key_start) as usize;
        node.key_start != 0
            && length == key.len()
            && self.slice(node.key_start, node.key_end) == key
    }

    /// A member's string.
    pub fn get_str(self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?.as_str()
    }
}

/// The children of a value.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    parent: Value<'a>,
    index: u32,
    end: u32,
}

impl<'a> Children<'a> {
    const fn none(parent: Value<'a>) -> Self {
        Self {
            parent,
            index: 0,
            end: 0,
        }
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.index >= self.end {
            return None;
        }
        let value = self.parent.at(self.index);
        // A tape always moves forward; `max` keeps that true over any input.
        self.index = value.node().next.max(self.index + 1);
        Some(value)
    }
}

/// The members of an object: key and value.
#[derive(Clone, Debug)]
pub struct Members<'a>(Children<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.0.next()?;
        Some((value.key().unwrap_or_default(), value))
    }
}

/// The content of a JSON string as written, without its quotes.
#[derive(Clone)]
pub struct RawStr<'a> {
    /// As written.
    pub raw: &'a str,
    /// Its bytes in the text.
    pub range: Range<u32>,
    /// Whether it contains escapes.
    pub escaped: bool,
}

impl<'a> RawStr<'a> {
    /// The text that it means.
    pub fn text(self) -> Cow<'a, str> {
        if self.escaped {
            Cow::Owned(unescape(self.raw))
        } else {
            Cow::Borrowed(self.raw)
        }
    }
}
