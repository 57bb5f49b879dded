//! The inside of JSON strings: finding their end, reading and writing escapes, and mapping offsets of the
//! text back to what was written.

use std::ops::Range;

/// Bytes of a word, for arithmetic on all of them at once.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// Bytes that are copied at once where there is no escape.
const BLOCK: usize = 32;

/// Bytes up to the first quote, backslash or control character; all of them when there is none.
pub(super) fn special(bytes: &[u8]) -> usize {
    // Words of eight give an exact position; blocks of them, which the compiler turns into vector code, only
    // tell whether there is one. Most strings are short (keys, roles) or have an escape in every line.
    if let Some(first) = bytes.first_chunk::<8>()
        && let Some(found) = in_words(std::slice::from_ref(first))
    {
        return found;
    }
    let (words, tail) = bytes.as_chunks::<8>();
    let (blocks, words) = words.as_chunks::<4>();
    let mut at = 0;
    for block in blocks {
        // Numbers, not truth values, are what it makes vectors of.
        let all = block.as_flattened().iter();
        if all.fold(0, |any, byte| any | u8::from(is_special(*byte))) != 0 {
            return at + in_words(block).unwrap_or(0);
        }
        at += 32;
    }
    if let Some(found) = in_words(words) {
        return at + found;
    }
    at += words.len() * 8;
    at + tail
        .iter()
        .position(|byte| is_special(*byte))
        .unwrap_or(tail.len())
}

const fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// Position of the first special byte in some words. The subtraction marks a byte wrongly only above one
/// that it marks rightly, so the lowest mark is always right.
fn in_words(words: &[[u8; 8]]) -> Option<usize> {
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        let marks = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let marks = marks & HIGH;
        if marks != 0 {
            return Some(index * 8 + (marks.trailing_zeros() / 8) as usize);
        }
    }
    None
}

/// The text that a string's content means. Half a surrogate pair reads as U+FFFD.
pub fn unescape(raw: &str) -> String {
    let mut text = Vec::with_capacity(raw.len());
    unescape_into(raw, &mut text);
    text_of(text)
}

/// What [`unescape_into`] has put together, as text.
pub fn text_of(unescaped: Vec<u8>) -> String {
    // Nothing but whole characters went in, so nothing is ever lost here.
    String::from_utf8(unescaped)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Appends the text that a string's content means, in UTF-8. Bytes, because whether a text is UTF-8 is cheaper
/// to ask once for all of it; see [`text_of`].
pub fn unescape_into(raw: &str, out: &mut Vec<u8>) {
    out.reserve(raw.len() + BLOCK);
    let bytes = raw.as_bytes();
    let mut at = 0;
    // JSON in strings has an escape every few bytes. Copying a whole word and taking back what is too much
    // is cheaper than looking for the end first.
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let escapes = block
            .iter()
            .fold(0, |any, byte| any | u8::from(*byte == b'\\'));
        if escapes == 0 {
            out.extend_from_slice(block);
            at += BLOCK;
            continue;
        }
        for word in block.as_chunks::<8>().0 {
            out.extend_from_slice(word);
            let backslash = u64::from_le_bytes(*word) ^ (ONES * b'\\' as u64);
            let marks = backslash.wrapping_sub(ONES) & !backslash & HIGH;
            if marks != 0 {
                let plain = (marks.trailing_zeros() / 8) as usize;
                out.truncate(out.len() - 8 + plain);
                at += plain;
                at += push_escape(raw, at, out);
                break;
            }
            at += 8;
        }
    }
    while let Some(byte) = bytes.get(at) {
        if *byte == b'\\' {
            at += push_escape(raw, at, out);
        } else {
            out.push(*byte);
            at += 1;
        }
    }
}

/// Appends the character of the escape at `at`; gives the escape's length.
fn push_escape(raw: &str, at: usize, out: &mut Vec<u8>) -> usize {
    let (character, length) = read_escape(raw.get(at..).unwrap_or_default());
    match u8::try_from(character) {
        Ok(ascii) if ascii.is_ascii() => out.push(ascii),
        _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
    length
}

/// The character at the head of `escape`, which starts with a backslash, and the bytes it takes.
fn read_escape(escape: &str) -> (char, usize) {
    let character = match escape.as_bytes().get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return read_unicode(escape),
        Some(other) => char::from(*other),
        None => return (char::REPLACEMENT_CHARACTER, escape.len().max(1)),
    };
    (character, 2)
}

fn read_unicode(escape: &str) -> (char, usize) {
    let Some(unit) = hex(escape, 2) else {
        return (char::REPLACEMENT_CHARACTER, escape.len().min(2));
    };
    if let Some(character) = char::from_u32(unit) {
        return (character, 6);
    }
    if (0xd800..0xdc00).contains(&unit)
        && escape.get(6..8) == Some("\\u")
        && let Some(low @ 0xdc00..0xe000) = hex(escape, 8)
        && let Some(character) = char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
    {
        return (character, 12);
    }
    (char::REPLACEMENT_CHARACTER, 6)
}

fn hex(escape: &str, at: usize) -> Option<u32> {
    u32::from_str_radix(escape.get(at..at + 4)?, 16).ok()
}

/// Appends `text` as the content of a JSON string, without quotes.
pub fn escape_into(text: &str, out: &mut String) {
    let mut rest = text;
    loop {
        let at = special(rest.as_bytes());
        let (plain, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let mut characters = after.chars();
        match characters.next() {
            None => return,
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => {
                const HEX: [char; 16] = [
                    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
                ];
                out.push_str("\\u00");
                for nibble in [u32::from(control) >> 4, u32::from(control) & 15] {
                    out.push(HEX.get(nibble as usize).copied().unwrap_or('0'));
                }
            }
        }
        rest = characters.as_str();
    }
}

/// Maps offsets of a string's text to offsets of its content as written. Ask in rising order; the walk is
/// then one pass. No offset map is stored: only edits need one.
#[derive(Debug)]
pub struct RawCursor<'a> {
    raw: &'a str,
    raw_at: usize,
    text_at: usize,
}

impl<'a> RawCursor<'a> {
    /// At the head of `raw`.
    pub const fn new(raw: &'a str) -> Self {
        Self {
            raw,
            raw_at: 0,
            text_at: 0,
        }
    }

    /// Where the character at `text` starts. In the middle of an escaped character: where its escape starts.
    pub fn start(&mut self, text: usize) -> usize {
        self.seek(text, false)
    }

    /// Where the character before `text` ends. In the middle of an escaped character: where its escape ends.
    pub fn end(&mut self, text: usize) -> usize {
        self.seek(text, true)
    }

    fn seek(&mut self, target: usize, past: bool) -> usize {
        while self.text_at < target {
            let rest = self.raw.get(self.raw_at..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
            let wanted = target - self.text_at;
            if wanted <= plain {
                self.raw_at += wanted;
                self.text_at = target;
                break;
            }
            self.raw_at += plain;
            self.text_at += plain;
            let Some(escape) = rest.get(plain..).filter(|escape| !escape.is_empty()) else {
                break;
            };
            let (character, length) = read_escape(escape);
            if !past && self.text_at + character.len_utf8() > target {
                break;
            }
            self.raw_at += length;
            self.text_at += character.len_utf8();
        }
        self.raw_at
    }
}

/// The range of the text that a range of a string's content as written means, widened to whole characters.
/// Counterpart of [`RawCursor`].
pub fn text_range(raw: &str, range: Range<usize>) -> Range<usize> {
    let mut found = 0..0;
    let (mut raw_at, mut text_at) = (0, 0);
    let mut started = false;
    while let Some(rest) = raw.get(raw_at..).filter(|rest| !rest.is_empty()) {
        let (length, means) = match rest.strip_prefix('\\') {
            Some(_) => {
                let (character, length) = read_escape(rest);
                (length, character.len_utf8())
            }
            None => {
                let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
                // A run of plain text ends where the range starts or ends, if that lies in it.
                let inside = [range.start, range.end]
                    .into_iter()
                    .filter(|edge| *edge > raw_at);
                let next = inside.map(|edge| edge - raw_at).min().unwrap_or(plain);
                (plain.min(next), plain.min(next))
            }
        };
        if !started && raw_at + length > range.start {
            found.start = text_at;
            started = true;
        }
        if raw_at >= range.end {
            break;
        }
        raw_at += length;
        text_at += means;
        found.end = text_at;
    }
    if !started {
        found.start = found.end;
    }
    found
}
