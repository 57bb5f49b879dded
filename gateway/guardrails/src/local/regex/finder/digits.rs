//! Where the digits of a text stand, and where runs of letters and digits end.

/// Bytes that one step looks at.
const BLOCK: usize = 64;

const HIGH: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;

/// The digits of a text, from its beginning to its end.
pub(super) struct Digits<'a> {
    bytes: &'a [u8],
    /// Where the block begins that has been looked at.
    block: usize,
    /// A bit for each of its bytes: whether it is a digit.
    bits: u64,
}

impl<'a> Digits<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            block: 0,
            bits: bytes.first_chunk().map_or_else(|| tail(bytes), digits),
        }
    }

    /// The next digit at `from` or after it. What lies before `from` is not asked for again.
    pub(super) fn next_from(&mut self, from: usize) -> Option<usize> {
        if let Some(bits) = u32::try_from(from - self.block)
            .ok()
            .and_then(|behind| u64::MAX.checked_shl(behind))
            && self.bits & bits != 0
        {
            return Some(self.block + (self.bits & bits).trailing_zeros() as usize);
        }
        loop {
            self.block = from.max(self.block + BLOCK);
            let rest = self
                .bytes
                .get(self.block..)
                .filter(|rest| !rest.is_empty())?;
            self.bits = rest.first_chunk().map_or_else(|| tail(rest), digits);
            if self.bits != 0 {
                return Some(self.block + self.bits.trailing_zeros() as usize);
            }
        }
    }
}

/// A bit for each digit.
fn digits(block: &[u8; BLOCK]) -> u64 {
    // Compiles to a few vector instructions; most blocks have no digit.
    if !block
        .iter()
        .fold(false, |any, byte| any | byte.is_ascii_digit())
    {
        return 0;
    }
    let (eights, _) = block.as_chunks::<8>();
    let bits = eights.iter().map(|eight| {
        // Moves the lowest bit of each byte to the highest byte, in order.
        (in_digits(u64::from_le_bytes(*eight)) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    });
    bits.rev().fold(0, |all, bits| all << 8 | bits)
}

/// The same for the end of a text.
fn tail(rest: &[u8]) -> u64 {
    let mut block = [0; BLOCK];
    let length = rest.len().min(BLOCK);
    if let (Some(head), Some(rest)) = (block.get_mut(..length), rest.get(..length)) {
        head.copy_from_slice(rest);
    }
    digits(&block)
}

/// Where the run of letters and digits ends that goes on at `at`.
pub(super) fn run_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let (eights, tail) = rest.as_chunks::<8>();
    let mut end = at;
    for eight in eights {
        let outside = !in_tokens(u64::from_le_bytes(*eight)) & HIGH;
        if outside != 0 {
            return end + outside.trailing_zeros() as usize / 8;
        }
        end += 8;
    }
    end + tail
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count()
}

/// The highest bit of each byte that is an ASCII letter or digit.
const fn in_tokens(word: u64) -> u64 {
    let folded = (word & !HIGH) | (ONES * 0x20);
    // Adding lifts a byte's highest bit if the byte is at least so much.
    let letters = (folded + ONES * (0x80 - 0x61)) & !(folded + ONES * (0x80 - 0x7b));
    in_digits(word) | (letters & !word & HIGH)
}

/// The highest bit of each byte that is an ASCII digit.
const fn in_digits(word: u64) -> u64 {
    let low = word & !HIGH;
    (low + ONES * (0x80 - 0x30)) & !(low + ONES * (0x80 - 0x3a)) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_found_and_nothing_else() {
        for length in 0..200 {
            for step in 1..9 {
                let byte = |at: usize| {
                    if at.is_multiple_of(step) {
                        b'0' + (at % 10) as u8
                    } else {
                        b'/'
                    }
                };
                let bytes: Vec<u8> = (0..length).map(byte).collect();
                let mut digits = Digits::of(&bytes);
                let (mut found, mut from) = (Vec::new(), 0);
                while let Some(at) = digits.next_from(from) {
                    found.push(at);
                    from = at + 1;
                }
                let expected: Vec<usize> = (0..length).step_by(step).collect();
                assert_eq!(found, expected, "{length} {step}");
            }
        }
    }

    #[test]
    fn digits_are_skipped_to() {
        let bytes = [b'7'; 300];
        for from in [0, 1, 63, 64, 65, 127, 128, 250, 299] {
            assert_eq!(Digits::of(&bytes).next_from(from), Some(from));
        }
        assert_eq!(Digits::of(&bytes).next_from(300), None);
    }

    #[test]
    fn a_run_ends_where_no_letter_or_digit_stands() {
        for byte in 0..=u8::MAX {
            for place in 0..20 {
                let mut bytes = [b'a'; 20];
                bytes[place] = byte;
                let end = if byte.is_ascii_alphanumeric() {
                    20
                } else {
                    place
                };
                assert_eq!(run_end(&bytes, 0), end, "{byte} at {place}");
            }
        }
    }
}
