//! Long runs of base64 or hexadecimal digits that stand for readable text.

use std::borrow::Cow;

use super::Sites;
use super::escapes::hex_value;
use crate::scan::open::ByteSet;

/// Shorter runs are words.
const SHORTEST: usize = 24;
/// A line of base64 this long may go on in the next one.
const LINE: usize = 56;

/// The digits of both base64 alphabets.
pub(in crate::scan) const BASE64: ByteSet = ByteSet::alphanumeric_and(b"+/-_");

/// Adds the sites of encoded runs.
pub(super) fn gather(text: &str, sites: &mut Sites) {
    let bytes = text.as_bytes();
    // A run of 24 fills a block of eight at a multiple of sixteen and one of the blocks beside it.
    let mut done = 0;
    let mut at = 0;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        if is_clean(*block) && at >= done {
            let beside = |at: usize| {
                bytes
                    .get(at..)
                    .and_then(<[u8]>::first_chunk::<8>)
                    .is_some_and(|block| is_clean(*block))
            };
            if beside(at + 8) || at.checked_sub(8).is_some_and(beside) {
                done = run_at(text, at, done, sites);
            }
        }
        at += 16;
    }
}

/// Whether all bytes may be base64 digits; a few others pass too.
const fn is_clean(block: [u8; 8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(block);
    let low = word & !HIGH;
    // Adding lifts a byte's highest bit if the byte is at least so much. Letters and what stands beside them:
    let letters = (low | (ONES * 0x20)) + ONES * (0x80 - 0x61);
    // From `+` up to `9`:
    let digits = (low + ONES * (0x80 - 0x2b)) & !(low + ONES * (0x80 - 0x3a));
    ((letters | digits) & !word & HIGH) == HIGH
}

/// Looks at the run that holds the byte at `at`, from `floor` on. Gives its end.
fn run_at(text: &str, at: usize, floor: usize, sites: &mut Sites) -> usize {
    let bytes = text.as_bytes();
    if !bytes.get(at).is_some_and(|byte| BASE64.has(*byte)) {
        return floor;
    }
    let head = bytes.get(floor..at).unwrap_or_default();
    let start = at - digits_before(head);
    let line = bytes.get(start..).unwrap_or_default();
    let line = line.get(..BASE64.run(line)).unwrap_or(line);
    // Nearly all runs end here: names, paths, identifiers. Only a long line may go on in the next one.
    if line.len() < SHORTEST || !may_be_readable(line) {
        return start + line.len();
    }
    let run = Run::at(bytes, start);
    if let Some(decoded) = run.decode() {
        sites.add(start..run.end, |arena| arena.push_str(&decoded));
    }
    run.end
}

/// Whether what begins with these digits may stand for readable text.
fn may_be_readable(digits: &[u8]) -> bool {
    readable_start(digits, base64_byte)
        || (digits.iter().all(u8::is_ascii_hexdigit) && readable_start(digits, hex_byte))
}

/// How many digits stand at the end of `head`.
fn digits_before(head: &[u8]) -> usize {
    head.iter()
        .rev()
        .take_while(|byte| BASE64.has(**byte))
        .count()
}

/// Without the line end that it ends with.
fn without_line_end(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = bytes.strip_suffix(b"\n")?;
    Some(bytes.strip_suffix(b"\r").unwrap_or(bytes))
}

/// Where a run begins that reaches the end and may still turn out to stand for readable text.
pub(super) fn unfinished(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut end = without_line_end(bytes).unwrap_or(bytes).len();
    let padding = bytes
        .get(..end)?
        .iter()
        .rev()
        .take(2)
        .take_while(|byte| **byte == b'=')
        .count();
    end -= padding;
    let mut start = end - digits_before(bytes.get(..end)?);
    // Lines above that are long enough may belong to it.
    while let Some(above) = bytes.get(..start).and_then(without_line_end) {
        let line = digits_before(above);
        if line < LINE || !line.is_multiple_of(4) {
            break;
        }
        start = above.len() - line;
    }
    while start < bytes.len() {
        let run = Run::at(bytes, start);
        if run.goes_on(bytes) {
            return run.readable_so_far().then_some(start);
        }
        start = run.end.max(start + 1);
    }
    None
}

/// A run of digits, possibly over several lines.
struct Run<'a> {
    /// Without padding and line ends.
    digits: Cow<'a, [u8]>,
    hex: bool,
    /// After the last digit or padding.
    end: usize,
    /// Digits in the last line.
    line: usize,
}

impl<'a> Run<'a> {
    /// The run that begins at `start`.
    fn at(bytes: &'a [u8], start: usize) -> Self {
        let mut run = Self {
            digits: Cow::Borrowed(&[]),
            hex: true,
            end: start,
            line: 0,
        };
        loop {
            let rest = bytes.get(run.end..).unwrap_or_default();
            let (line, rest) = rest.split_at(BASE64.run(rest));
            let first = run.line == 0;
            run.line = line.len();
            run.hex &= line.iter().all(u8::is_ascii_hexdigit);
            match first {
                true => run.digits = Cow::Borrowed(line),
                false => run.digits.to_mut().extend_from_slice(line),
            }
            run.end += run.line;
            let skip = match rest {
                [b'\r', b'\n', next, ..] if BASE64.has(*next) => 2,
                [b'\n', next, ..] if BASE64.has(*next) => 1,
                _ => 0,
            };
            if skip == 0 || !run.line_may_go_on() || (first && !run.readable_so_far()) {
                let padding = rest
                    .iter()
                    .take(2)
                    .take_while(|byte| **byte == b'=')
                    .count();
                // `=` after digits that need no padding is an assignment.
                let fits = (run.digits.len() + padding).is_multiple_of(4);
                run.end += if fits { padding } else { 0 };
                return run;
            }
            run.end += skip;
        }
    }

    /// Whether the next line may belong to the run too.
    fn line_may_go_on(&self) -> bool {
        self.line >= LINE && self.line.is_multiple_of(4)
    }

    /// Whether more text behind `bytes` may belong to it.
    fn goes_on(&self, bytes: &[u8]) -> bool {
        let padding = self.digits.len() % 4;
        match bytes.get(self.end..).unwrap_or_default() {
            [] => true,
            [b'\n'] | [b'\r'] | [b'\r', b'\n'] => self.line_may_go_on(),
            [b'='] => padding > 1,
            _ => false,
        }
    }

    /// What it stands for, when that is readable.
    fn decode(&self) -> Option<String> {
        let hex = self.hex && self.digits.len().is_multiple_of(2);
        let text = if hex {
            readable(&self.digits, hex_byte)
        } else {
            None
        };
        text.or_else(|| readable(&self.digits, base64_byte))
    }

    /// Whether the run may become readable when it goes on.
    fn readable_so_far(&self) -> bool {
        let so_far = |decode| {
            readable_start(&self.digits, decode) && beginnings(&self.digits, decode).is_some()
        };
        (self.hex && so_far(hex_byte)) || so_far(base64_byte)
    }
}

/// The byte at an index of what digits stand for; none when they do not reach so far.
type Decode = fn(&[u8], usize) -> Option<u8>;

fn hex_byte(digits: &[u8], index: usize) -> Option<u8> {
    match digits.get(index * 2..index * 2 + 2) {
        Some(&[high, low]) => Some(hex_value(high)? << 4 | hex_value(low)?),
        _ => None,
    }
}

fn base64_byte(digits: &[u8], index: usize) -> Option<u8> {
    // Byte n takes its bits from 8n on; a digit has six.
    let first = index * 8 / 6;
    let (high, low) = (digits.get(first)?, digits.get(first + 1)?);
    let bits = u16::from(base64_value(*high)) << 6 | u16::from(base64_value(*low));
    Some((bits >> (4 - index * 8 % 6)) as u8)
}

const fn base64_value(digit: u8) -> u8 {
    match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    }
}

/// The decoded text if it is readable: valid UTF-8, at least 95 % of it shown. Its beginnings of 1, 2, 4, 8, ...
/// bytes have to be readable too. So most runs are refused after a few bytes, and what is refused stays refused
/// when a stream goes on.
fn readable(digits: &[u8], decode: Decode) -> Option<String> {
    if !readable_start(digits, decode) {
        return None;
    }
    let out = beginnings(digits, decode).filter(|out| mostly_shown(out))?;
    String::from_utf8(out).ok()
}

/// Beginnings that are asked about without an allocation.
const START: usize = 32;

/// Whether the beginnings of up to [`START`] bytes are readable.
fn readable_start(digits: &[u8], decode: Decode) -> bool {
    if let (Some(first), Some(second)) = (decode(digits, 0), decode(digits, 1))
        && !may_begin(first, second)
    {
        return false;
    }
    let mut start = [0; START];
    let mut length = 0;
    let mut step = 1;
    while step <= START {
        while length < step {
            let (Some(slot), Some(byte)) = (start.get_mut(length), decode(digits, length)) else {
                return true;
            };
            *slot = byte;
            length += 1;
        }
        if !mostly_shown(start.get(..length).unwrap_or_default()) {
            return false;
        }
        step *= 2;
    }
    true
}

/// Whether readable text may begin with these two bytes: a quick no for most names and numbers.
fn may_begin(first: u8, second: u8) -> bool {
    match first {
        0..0x80 => shown(char::from(first)),
        0xc2..=0xf4 => second & 0xc0 == 0x80,
        _ => false,
    }
}

/// All of what the digits stand for, unless one of its longer beginnings is not readable.
fn beginnings(digits: &[u8], decode: Decode) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut step = START * 2;
    while let Some(byte) = decode(digits, out.len()) {
        out.push(byte);
        if out.len() == step {
            if !mostly_shown(&out) {
                return None;
            }
            step *= 2;
        }
    }
    Some(out)
}

/// Whether the bytes are UTF-8, but for a last character that is cut off, and nearly all of it shows.
fn mostly_shown(bytes: &[u8]) -> bool {
    if bytes.is_ascii() {
        let hidden = bytes.iter().filter(|byte| !shown(char::from(**byte)));
        return hidden.count() <= bytes.len() / 20;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => bytes
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or(""),
        Err(_) => return false,
    };
    let hidden = text.chars().filter(|character| !shown(*character)).count();
    hidden <= bytes.len() / 20
}

/// Whether text in any language may have this character in it.
fn shown(character: char) -> bool {
    match character {
        ' '..='~' | '\t' | '\n' | '\r' => true,
        '\0'..='\u{9f}' => false,
        _ => character.is_alphanumeric() || character >= '\u{2010}',
    }
}
