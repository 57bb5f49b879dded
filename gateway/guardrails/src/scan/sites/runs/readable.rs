//! What runs of digits stand for, and whether that is text.

use crate::scan::sites::escapes::hex_value;

/// Beginnings that are asked about without an allocation.
const START: usize = 32;
/// In beginnings up to here nothing may be hidden: 5 % of them are no character.
const CLEAR: usize = 16;

/// How digits stand for bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Code {
    /// Two hexadecimal digits for each.
    Hex,
    /// Four digits of either base64 alphabet for three.
    Base64,
}

impl Code {
    /// How many bytes so many digits stand for.
    const fn bytes_of(self, digits: usize) -> usize {
        match self {
            Self::Hex => digits / 2,
            Self::Base64 => digits / 4 * 3 + (digits % 4).saturating_sub(1),
        }
    }

    /// The byte at an index of what digits stand for; 0 where they do not reach or are no digits.
    fn byte(self, digits: &[u8], index: usize) -> u8 {
        let digit = |at: usize| digits.get(at).copied().unwrap_or(0);
        match self {
            Self::Hex => {
                let value = |at| hex_value(digit(at)).unwrap_or(0);
                value(index * 2) << 4 | value(index * 2 + 1)
            }
            Self::Base64 => {
                // Byte n takes its bits from 8n on; a digit has six.
                let first = index * 8 / 6;
                let value = |at| u16::from(VALUES[usize::from(digit(at))]);
                let bits = value(first) << 6 | value(first + 1);
                (bits >> (4 - index * 8 % 6)) as u8
            }
        }
    }

    /// The decoded text if it is readable: valid UTF-8, at least 95 % of it shown. Its beginnings of 1, 2, 4, 8,
    /// ... bytes have to be readable too. So most runs are refused after a few bytes, and what is refused stays
    /// refused when a stream goes on.
    pub(super) fn readable(self, digits: &[u8]) -> Option<String> {
        if !self.is_readable_start(digits) {
            return None;
        }
        let out = self.beginnings(digits).filter(|out| mostly_shown(out))?;
        String::from_utf8(out).ok()
    }

    /// Whether it may become readable when it goes on.
    pub(super) fn is_readable_so_far(self, digits: &[u8]) -> bool {
        self.is_readable_start(digits) && self.beginnings(digits).is_some()
    }

    /// Whether the beginnings of up to [`START`] bytes are readable.
    pub(super) fn is_readable_start(self, digits: &[u8]) -> bool {
        let Some(steps) = self.bytes_of(digits.len()).min(START).checked_ilog2() else {
            return true;
        };
        // The longest beginning there is; nothing is hidden in it or in a shorter one up to `CLEAR`.
        let longest = 1 << steps;
        // Most runs are refused here: their second byte does not go on with the character that the first begins.
        if longest > 1 && !may_begin(self.byte(digits, 0), self.byte(digits, 1)) {
            return false;
        }
        let mut start = [0; START];
        for (index, slot) in start.iter_mut().enumerate().take(longest.min(CLEAR)) {
            *slot = self.byte(digits, index);
            if slot.is_ascii() && !shown(char::from(*slot)) {
                return false;
            }
        }
        if !mostly_shown(start.get(..longest.min(CLEAR)).unwrap_or_default()) {
            return false;
        }
        for (index, slot) in start.iter_mut().enumerate().take(longest).skip(CLEAR) {
            *slot = self.byte(digits, index);
        }
        longest <= CLEAR || mostly_shown(&start)
    }

    /// All of what the digits stand for, unless one of its longer beginnings is not readable.
    fn beginnings(self, digits: &[u8]) -> Option<Vec<u8>> {
        let length = self.bytes_of(digits.len());
        let mut out = Vec::with_capacity(length.min(START * 2));
        for index in 0..length {
            out.push(self.byte(digits, index));
            let step = out.len() >= START * 2 && out.len().is_power_of_two();
            if step && !mostly_shown(&out) {
                return None;
            }
        }
        Some(out)
    }
}

/// The value of each byte as a base64 digit of either alphabet; that of what is none does not matter.
const VALUES: [u8; 256] = {
    let mut values = [63; 256];
    let mut digit = 0;
    while digit < 26 {
        values[(b'A' + digit) as usize] = digit;
        values[(b'a' + digit) as usize] = digit + 26;
        digit += 1;
    }
    let mut digit = 0;
    while digit < 10 {
        values[(b'0' + digit) as usize] = digit + 52;
        digit += 1;
    }
    values[b'+' as usize] = 62;
    values[b'-' as usize] = 62;
    values
};

/// Whether a character may begin with the first byte and go on with the second, or ends with the first.
const fn may_begin(first: u8, second: u8) -> bool {
    match first {
        0..0x80 => true,
        0xc2..=0xf4 => second & 0xc0 == 0x80,
        _ => false,
    }
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
