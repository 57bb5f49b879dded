//! Check digits. Each function says whether a number can exist at all.

use std::ops::Range;

mod crypto;
mod dates;
mod iban;
mod letters;
mod numbers;

pub(super) use crypto::{base58check, bech32, ethereum};
pub(super) use dates::{date, is_day};
pub(super) use iban::iban;
pub(super) use letters::{
    curp, de_health, de_pension, dea, es_nif, fi_hetu, gstin, hk_id, ie_pps, it_fiscal_code, nric,
    tw_id, vin,
};
pub(super) use numbers::*;

/// The digits of a text, at most [`Digits::MOST`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Digits {
    digits: [u8; Self::MOST],
    len: usize,
}

/// The ASCII digits of a text.
pub(super) fn digits(text: &str) -> Digits {
    let mut found = Digits {
        digits: [0; Digits::MOST],
        len: 0,
    };
    for byte in text.bytes().filter(u8::is_ascii_digit) {
        if let Some(place) = found.digits.get_mut(found.len) {
            *place = byte - b'0';
            found.len += 1;
        }
    }
    found
}

impl Digits {
    /// No number that is checked has more.
    const MOST: usize = 40;

    /// How many.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// All of them.
    pub(super) fn all(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }

    /// One digit; 0 beyond the end.
    pub(super) fn at(&self, place: usize) -> u64 {
        self.all().get(place).copied().map_or(0, u64::from)
    }

    /// Some of them as a number; 0 for a range beyond the end.
    pub(super) fn number(&self, range: Range<usize>) -> u64 {
        let digits = self.all().get(range).unwrap_or_default();
        digits.iter().fold(0, |number: u64, digit| {
            number.wrapping_mul(10).wrapping_add(u64::from(*digit))
        })
    }

    /// Whether it is one digit over and over.
    pub(super) fn all_same(&self) -> bool {
        self.all().windows(2).all(|two| two[0] == two[1])
    }

    /// Luhn: every second digit from the right doubled, less 9 when above 9, sum divisible by 10.
    pub(super) fn luhn(&self) -> bool {
        let sum: u64 = (0..self.len)
            .map(|place| {
                let digit = self.at(self.len - 1 - place);
                match (place % 2, digit) {
                    (0, _) => digit,
                    (_, 0..=4) => digit * 2,
                    _ => digit * 2 - 9,
                }
            })
            .sum();
        sum.is_multiple_of(10) && self.len > 0
    }

    /// The sum of digits times weights, from the left.
    pub(super) fn weighted(&self, weights: &[u64]) -> u64 {
        (0..)
            .map(|place| self.at(place))
            .zip(weights)
            .map(|(digit, weight)| digit * weight)
            .sum()
    }

    /// The number modulo something, for numbers that no integer holds.
    pub(super) fn modulo(&self, range: Range<usize>, by: u64) -> u64 {
        let digits = self.all().get(range).unwrap_or_default();
        digits
            .iter()
            .fold(0, |rest, digit| (rest * 10 + u64::from(*digit)) % by)
    }
}
