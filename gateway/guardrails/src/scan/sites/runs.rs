//! Long runs of base64 or hexadecimal digits that stand for readable text.

use std::borrow::Cow;

mod readable;

use self::readable::Code;
use super::Sites;
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
    Code::Base64.is_readable_start(digits)
        || (Code::Hex.is_readable_start(digits) && digits.iter().all(u8::is_ascii_hexdigit))
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
        let text = hex.then(|| Code::Hex.readable(&self.digits)).flatten();
        text.or_else(|| Code::Base64.readable(&self.digits))
    }

    /// Whether the run may become readable when it goes on.
    fn readable_so_far(&self) -> bool {
        (self.hex && Code::Hex.is_readable_so_far(&self.digits))
            || Code::Base64.is_readable_so_far(&self.digits)
    }
}
