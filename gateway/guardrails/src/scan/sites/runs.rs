//! Long runs of base64 or hexadecimal digits that stand for readable text.

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
    // A run of 24 holds two neighbouring blocks of eight, counted from the text's start.
    let mut done = 0;
    let mut previous = false;
    let mut at = 0;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let (first, second) = clean_halves(block);
        if previous & first && at >= done {
            done = run_at(text, at, done, sites);
        }
        if first & second && at + 8 >= done {
            done = run_at(text, at + 8, done, sites);
        }
        previous = second;
        at += 16;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    if previous && rest.len() >= 8 && at >= done {
        run_at(text, at, done, sites);
    }
}

/// Whether each half has bytes only that may be base64 digits, or nearly so.
fn clean_halves(block: &[u8; 16]) -> (bool, bool) {
    let mut bad = [0u8; 16];
    for (bad, byte) in bad.iter_mut().zip(block) {
        let letter = (byte | 0x20).wrapping_sub(0x61) < 0x1f;
        let digit = byte.wrapping_sub(0x2b) < 0x0f;
        *bad = u8::from(!(letter | digit));
    }
    let bad = u128::from_le_bytes(bad);
    (bad as u64 == 0, bad >> 64 == 0)
}

/// Looks at the run that holds the byte at `at`, from `floor` on. Gives its end.
fn run_at(text: &str, at: usize, floor: usize, sites: &mut Sites) -> usize {
    let bytes = text.as_bytes();
    if !bytes.get(at).is_some_and(|byte| BASE64.has(*byte)) {
        return floor;
    }
    let head = bytes.get(floor..at).unwrap_or_default();
    let start = at - digits_before(head);
    let run = Run::at(bytes, start);
    if run.digits.len() >= SHORTEST
        && let Some(decoded) = run.decode()
    {
        sites.add(start..run.end, |arena| arena.push_str(&decoded));
    }
    run.end
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

struct Run {
    /// The digits, without padding and line ends.
    digits: Vec<u8>,
    hex: bool,
    /// After the last digit or padding.
    end: usize,
    /// Digits in the last line.
    line: usize,
}

impl Run {
    /// The run that begins at `start`.
    fn at(bytes: &[u8], start: usize) -> Self {
        let mut run = Self {
            digits: Vec::new(),
            hex: true,
            end: start,
            line: 0,
        };
        loop {
            let rest = bytes.get(run.end..).unwrap_or_default();
            run.line = rest.iter().take_while(|byte| BASE64.has(**byte)).count();
            let (line, rest) = rest.split_at(run.line);
            run.hex &= line.iter().all(u8::is_ascii_hexdigit);
            let first = run.digits.is_empty();
            run.digits.extend_from_slice(line);
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
            readable(&self.digits, from_hex)
        } else {
            None
        };
        text.or_else(|| readable(&self.digits, from_base64))
    }

    /// Whether the run may become readable when it goes on.
    fn readable_so_far(&self) -> bool {
        (self.hex && checked(&self.digits, from_hex, &mut Vec::new()))
            || checked(&self.digits, from_base64, &mut Vec::new())
    }
}

/// Decodes as many whole bytes as the digits hold.
type Decode = fn(&[u8], usize, &mut Vec<u8>);

fn from_hex(digits: &[u8], bytes: usize, out: &mut Vec<u8>) {
    for pair in digits
        .chunks_exact(2)
        .skip(out.len())
        .take(bytes.saturating_sub(out.len()))
    {
        if let [high, low] = pair {
            out.push(hex_value(*high).unwrap_or(0) << 4 | hex_value(*low).unwrap_or(0));
        }
    }
}

fn from_base64(digits: &[u8], bytes: usize, out: &mut Vec<u8>) {
    // Byte n takes bits 8n.. of the digits' six each.
    while out.len() < bytes {
        let first = out.len() * 8 / 6;
        let (Some(high), Some(low)) = (digits.get(first), digits.get(first + 1)) else {
            return;
        };
        let bits = u16::from(base64_value(*high)) << 6 | u16::from(base64_value(*low));
        let shift = 4 - out.len() * 8 % 6;
        out.push((bits >> shift) as u8);
    }
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

/// The decoded text if it is readable: valid UTF-8, at least 95 % of it shown.
fn readable(digits: &[u8], decode: Decode) -> Option<String> {
    let mut out = Vec::new();
    if !checked(digits, decode, &mut out) || !mostly_shown(&out) {
        return None;
    }
    String::from_utf8(out).ok()
}

/// Decodes all of it, unless a beginning of 1, 2, 4, 8, ... bytes is not readable. So most runs are
/// refused after a few bytes, and what is refused stays refused when a stream goes on.
fn checked(digits: &[u8], decode: Decode, out: &mut Vec<u8>) -> bool {
    let mut step = 1;
    loop {
        decode(digits, step, out);
        if out.len() < step {
            return true;
        }
        if !mostly_shown(out) {
            return false;
        }
        step *= 2;
    }
}

/// Whether the bytes are UTF-8, but for a last character that is cut off, and nearly all of it shows.
fn mostly_shown(bytes: &[u8]) -> bool {
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
