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
mod value;

pub use string::{RawCursor, escape_into, text_of, text_range, unescape, unescape_into};
pub use value::{Children, Members, RawStr, Value};

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
        for step in self.steps(text, at) {
            match step {
                Step::Item(index) => path.push_str(&format!("[{index}]")),
                Step::Member(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(if is_ordinary(name) { name } else { "*" });
                }
            }
        }
        if path.is_empty() {
            path.push_str("body");
        }
        path
    }

    /// The steps from the outermost value to the innermost one that contains a byte.
    pub(super) fn steps<'a>(
        &'a self,
        text: &'a str,
        at: u32,
    ) -> impl Iterator<Item = Step<'a>> + use<'a> {
        let mut here = self.root(text);
        std::iter::from_fn(move || {
            let mut children = here.children().enumerate();
            let (index, child) = children.find(|(_, child)| child.range().contains(&at))?;
            here = child;
            Some(match child.raw_key() {
                None => Step::Item(index),
                Some(key) => Step::Member(key.raw),
            })
        })
    }
}

/// A step on the way to a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    /// An array's item.
    Item(usize),
    /// An object's member, by its name as written: escapes are not read.
    Member(&'a str),
}

/// Whether a member's name is one that a program chose: short, letters and underscores.
pub(super) fn is_ordinary(name: &str) -> bool {
    name.len() <= 40
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// Stands for a node that is not there.
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
