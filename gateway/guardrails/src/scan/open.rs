//! Matches that have begun for certain and outgrow what a stream may hold back.

use std::borrow::Cow;
use std::sync::Arc;

/// A match that has begun for certain and that the end of a stream's text cuts off. A mutator puts the
/// replacement in the place of everything from `start` on, and swallows what follows until the match
/// ends; a validator blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenMatch {
    /// Byte offset where it begins.
    pub start: usize,
    /// What it is, from the kind's closed list.
    pub category: Cow<'static, str>,
    /// What a mutator puts in its place; none: it can't be rewritten.
    pub replacement: Option<Arc<str>>,
    /// What ends it.
    pub until: Until,
}

/// What ends a match.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Until {
    /// The first byte that does not belong to it.
    Outside(ByteSet),
    /// The end of the closing mark that begins with the first text and ends with the second, such as
    /// `-----END` and `-----`. What stands between the two is at most [`MARK_LIMIT`] bytes.
    Mark(&'static str, &'static str),
}

/// How many bytes a closing mark may have between its two fixed ends.
pub const MARK_LIMIT: usize = 64;

/// A set of ASCII bytes: a bit for each byte there is, so that asking takes no branch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// The bytes of `list`; non-ASCII ones are left out.
    pub const fn of(list: &[u8]) -> Self {
        let mut set = Self([0; 4]);
        let mut at = 0;
        while at < list.len() {
            if list[at] < 128 {
                set = set.with(list[at]);
            }
            at += 1;
        }
        set
    }

    /// Letters and digits, and the bytes of `list`.
    pub const fn alphanumeric_and(list: &[u8]) -> Self {
        let mut set = Self::of(list);
        let mut byte = 0u8;
        while byte < 128 {
            if byte.is_ascii_alphanumeric() {
                set = set.with(byte);
            }
            byte += 1;
        }
        set
    }

    const fn with(mut self, byte: u8) -> Self {
        self.0[(byte >> 6) as usize] |= 1 << (byte & 63);
        self
    }

    /// Whether `byte` is in it.
    pub const fn has(self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 == 1
    }

    /// How many bytes of it `bytes` begins with.
    pub(crate) fn run(self, bytes: &[u8]) -> usize {
        bytes
            .iter()
            .position(|byte| !self.has(*byte))
            .unwrap_or(bytes.len())
    }
}

/// Follows an open match through the rest of a stream.
#[derive(Clone, Debug)]
pub struct Swallow {
    until: Until,
    /// For a mark: what of its beginning has been seen, possibly over several pieces.
    seen: String,
}

impl Swallow {
    /// A follower. `text` is what the match holds already, from its start on.
    pub fn new(until: Until, text: &str) -> Self {
        let mut swallow = Self {
            until,
            seen: String::new(),
        };
        swallow.feed(text);
        swallow
    }

    /// Takes the next piece of the stream. Gives the offset in it where the match ends, or none when all
    /// of the piece belongs to it.
    pub fn feed(&mut self, piece: &str) -> Option<usize> {
        match self.until {
            Until::Outside(set) => piece.bytes().position(|byte| !set.has(byte)),
            Until::Mark(open, close) => self.mark(piece, open, close),
        }
    }

    fn mark(&mut self, piece: &str, open: &str, close: &str) -> Option<usize> {
        let before = self.seen.len();
        self.seen.push_str(piece);
        let mut from = 0;
        while let Some(at) = self.seen.get(from..).and_then(|rest| rest.find(open)) {
            let begin = from + at;
            let inner = begin + open.len();
            let rest = self.seen.get(inner..).unwrap_or_default();
            match rest.find(close) {
                Some(length) if length <= MARK_LIMIT => {
                    return Some((inner + length + close.len()).saturating_sub(before));
                }
                None if rest.len() <= MARK_LIMIT => {
                    self.seen.drain(..begin);
                    return None;
                }
                Some(_) | None => from = inner,
            }
        }
        let keep = partial(&self.seen, open);
        self.seen.drain(..self.seen.len() - keep);
        None
    }
}

/// How many bytes at the end of `text` may be the beginning of `literal`.
pub(crate) fn partial(text: &str, literal: &str) -> usize {
    (1..literal.len())
        .rev()
        .find(|&length| literal.is_char_boundary(length) && text.ends_with(&literal[..length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Until = Until::Mark("-----END", "-----");

    #[test]
    fn a_mark_ends_a_match_however_the_stream_is_cut() {
        let text = "AAAA\n-----EN-----END PRIVATE KEY-----rest";
        let end = text.len() - "rest".len();
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut swallow = Swallow::new(END, "-----BEGIN PRIVATE KEY-----\n");
                let mut at = 0;
                let mut found = None;
                for piece in [&text[..first], &text[first..second], &text[second..]] {
                    if let Some(offset) = swallow.feed(piece) {
                        found = Some(at + offset);
                        break;
                    }
                    at += piece.len();
                }
                assert_eq!(found, Some(end), "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_mark_that_never_closes_keeps_little() {
        let mut swallow = Swallow::new(END, "");
        for _ in 0..1000 {
            assert_eq!(swallow.feed(&format!("-----END {}", "A".repeat(70))), None);
            assert!(swallow.seen.len() < 256);
        }
    }

    #[test]
    fn a_byte_outside_the_set_ends_a_match() {
        let hex = ByteSet::of(b"0123456789abcdef");
        let mut swallow = Swallow::new(Until::Outside(hex), "00");
        assert_eq!(swallow.feed("abc"), None);
        assert_eq!(swallow.feed(""), None);
        assert_eq!(swallow.feed("12 34"), Some(2));
        assert!(ByteSet::alphanumeric_and(b"_").has(b'_'));
        assert!(!hex.has(0xe9));
    }
}
