//! JSON read in place: one pass over a body gives a tape of byte ranges; nothing is copied.
//!
//! [`Doc::parse`] checks the whole grammar and refuses what two readers could understand differently:
//! duplicate keys, depth over [`MAX_DEPTH`], anything after the value. [`Value`] walks the tape.
//!
//! A lone surrogate (`\ud800` without its other half) is legal JSON but no character. It is read as
//! U+FFFD, so it cannot hide text, and stays as it is unless an edit covers it: streams of servers
//! that cut an emoji in two contain such halves, and refusing them would refuse honest traffic.

mod scan;
mod string;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

pub use string::{RawCursor, escape_into, text_range, unescape, unescape_into};

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 128;

/// The longest text that is read, so that every offset fits: 1 GiB. Far above any body limit.
pub const MAX_LENGTH: usize = 1 << 30;

/// Why a text was refused. Offsets are bytes; the text itself is never quoted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON.
    #[error("invalid JSON at byte {at}: {expected} expected")]
    Syntax {
        /// Where.
        at: usize,
        /// What would have been legal.
        expected: &'static str,
    },
    /// An object has a key twice: readers differ on which one counts.
    #[error("duplicate object key at byte {at}")]
    DuplicateKey {
        /// Where the second one starts.
        at: usize,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("JSON nested deeper than {MAX_DEPTH} at byte {at}")]
    TooDeep {
        /// Where the limit was passed.
        at: usize,
    },
    /// Longer than [`MAX_LENGTH`].
    #[error("JSON longer than {MAX_LENGTH} bytes")]
    TooLong,
}

/// What a value is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, kept as written.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One value on the tape.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// First byte of the value, quotes and brackets included.
    start: u32,
    /// After its last byte.
    end: u32,
    /// Index of the first node that is not part of this value.
    next: u32,
    /// Content of the member's key, without quotes; 0..0 when there is no key.
    key_start: u32,
    key_end: u32,
    kind: Kind,
    /// For strings: whether it contains escapes.
    escaped: bool,
    key_escaped: bool,
}

/// A parsed text. It holds ranges only; give the text again to walk it.
#[derive(Clone, Debug)]
pub struct Doc {
    nodes: Vec<Node>,
}

impl Doc {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        scan::scan(text).map(|nodes| Self { nodes })
    }

    /// The outermost value. `text` must be the text that was parsed; over another one the values are
    /// meaningless, but nothing panics.
    pub fn root<'a>(&'a self, text: &'a str) -> Value<'a> {
        Value {
            text,
            nodes: &self.nodes,
            index: 0,
        }
    }

    /// The path of the innermost value that contains a byte: `messages[0].content`. Member names that are
    /// not ordinary words may be somebody's text; they read `*`. The outermost value is `body`.
    pub fn path_of(&self, text: &str, at: u32) -> String {
        let mut path = String::new();
        let mut here = self.root(text);
        loop {
            let mut children = here.children().enumerate();
            let Some((index, child)) = children.find(|(_, child)| child.range().contains(&at))
            else {
                return if path.is_empty() {
                    "body".to_owned()
                } else {
                    path
                };
            };
            match child.raw_key() {
                None => path.push_str(&format!("[{index}]")),
                Some(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(if is_ordinary(key.raw) { key.raw } else { "*" });
                }
            }
            here = child;
        }
    }
}

/// Whether a member's name is one that a program chose: short, letters and underscores.
pub(super) fn is_ordinary(name: &str) -> bool {
    name.len() <= 40
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// A value of a [`Doc`] with its text.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    text: &'a str,
    nodes: &'a [Node],
    index: u32,
}

/// Text, like everything that may hold a prompt, stays out of debug output.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {:?}", self.kind(), self.range())
    }
}

const NOWHERE: Node = Node {
    start: 0,
    end: 0,
    next: 0,
    key_start: 0,
    key_end: 0,
    kind: Kind::Null,
    escaped: false,
    key_escaped: false,
};

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
        self.members()
            .find(|(own, _)| own == key)
            .map(|(_, value)| value)
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
