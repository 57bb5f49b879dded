//! What tokens look like: runs of characters from a set, and fixed text between them.

use crate::scan::ByteSet;

/// Lower-case hexadecimal digits.
pub(super) const LHEX: ByteSet = ByteSet::of(b"0123456789abcdef");
/// Lower-case hexadecimal digits and upper-case ones.
pub(super) const HEX: ByteSet = ByteSet::of(b"0123456789abcdefABCDEF");
/// Decimal digits.
pub(super) const DIGIT: ByteSet = ByteSet::of(b"0123456789");
/// Upper-case letters and digits.
pub(super) const UPPER: ByteSet = ByteSet::of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
/// Lower-case letters and digits.
pub(super) const LOWER: ByteSet = ByteSet::of(b"abcdefghijklmnopqrstuvwxyz0123456789");
/// Letters and digits.
pub(super) const ALNUM: ByteSet = ByteSet::alphanumeric_and(b"");
/// Base64.
pub(super) const BASE64: ByteSet = ByteSet::alphanumeric_and(b"+/");
/// Base64 with padding.
pub(super) const PADDED: ByteSet = ByteSet::alphanumeric_and(b"+/=");
/// Base64 for URLs.
pub(super) const URL: ByteSet = ByteSet::alphanumeric_and(b"_-");
/// Base64 for URLs, dots and padding.
pub(super) const DOTTED: ByteSet = ByteSet::alphanumeric_and(b"_-.=");
/// Hexadecimal digits and hyphens, as in a UUID.
pub(super) const UUID: ByteSet = ByteSet::of(b"0123456789abcdefABCDEF-");
/// Slack's tokens.
pub(super) const SLACK: ByteSet = ByteSet::alphanumeric_and(b"-");
/// The path of a webhook's address.
pub(super) const PATH: ByteSet = ByteSet::alphanumeric_and(b"/+_-");
/// Letters, digits and hyphens where a UUID should stand.
pub(super) const UUIDISH: ByteSet = ByteSet::alphanumeric_and(b"-");
/// Letters, digits and percent-encoding.
pub(super) const PERCENT: ByteSet = ByteSet::alphanumeric_and(b"%");
/// Hashes of passwords.
pub(super) const CRYPT: ByteSet = ByteSet::alphanumeric_and(b"./");
/// Parameters of an Argon2 hash.
pub(super) const ARGON: ByteSet = ByteSet::alphanumeric_and(b",=");
/// What Django's key generator picks from.
pub(super) const DJANGO: ByteSet = ByteSet::alphanumeric_and(b"!@#$%^&*(-_=+)");

/// One part of a shape.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// From so many to so many characters of a set, as many as there are.
    Run(ByteSet, u16, u16),
    /// This text.
    Text(&'static str),
    /// One of these texts; the first that fits.
    OneOf(&'static [&'static str]),
}

/// How a shape fits a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fit {
    /// It does not, and more text would not change that.
    No,
    /// It does, up to this offset.
    Yes(usize),
    /// The text ends before it can be said. With an offset: it fits as it stands.
    CutOff(Option<usize>),
}

/// Fits the parts to `text` from `at` on. What follows a match must not be a letter, a digit or `_`.
pub(super) fn fit(text: &str, at: usize, parts: &[Part]) -> Fit {
    let bytes = text.as_bytes();
    let mut at = at;
    for (index, part) in parts.iter().enumerate() {
        let rest = bytes.get(at..).unwrap_or_default();
        at += match part {
            Part::Run(set, least, most) => {
                let most = usize::from(*most);
                let length = rest
                    .iter()
                    .take(most)
                    .take_while(|byte| set.has(**byte))
                    .count();
                if length == rest.len() && length < most {
                    let last = index + 1 == parts.len() && length >= usize::from(*least);
                    return Fit::CutOff(last.then_some(bytes.len()));
                }
                if length < usize::from(*least) {
                    return Fit::No;
                }
                length
            }
            Part::Text(text) => match of_texts(rest, &[text]) {
                Ok(length) => length,
                Err(fit) => return fit,
            },
            Part::OneOf(texts) => match of_texts(rest, texts) {
                Ok(length) => length,
                Err(fit) => return fit,
            },
        };
    }
    match bytes.get(at) {
        None => Fit::CutOff(Some(at)),
        Some(next) if next.is_ascii_alphanumeric() || *next == b'_' => Fit::No,
        Some(_) => Fit::Yes(at),
    }
}

fn of_texts(rest: &[u8], texts: &[&str]) -> Result<usize, Fit> {
    if let Some(text) = texts.iter().find(|text| rest.starts_with(text.as_bytes())) {
        return Ok(text.len());
    }
    let cut_off = texts.iter().any(|text| text.as_bytes().starts_with(rest));
    Err(if cut_off { Fit::CutOff(None) } else { Fit::No })
}

/// The set of the last part, which says what ends an open match.
pub(super) fn last_set(parts: &[Part]) -> ByteSet {
    match parts.last() {
        Some(Part::Run(set, _, _)) => *set,
        Some(Part::Text(_) | Part::OneOf(_)) | None => ALNUM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_fit_or_not() {
        use Part::{OneOf, Run, Text};
        let shape = &[
            Text("a-"),
            OneOf(&["live", "test"]),
            Text("-"),
            Run(HEX, 4, 6),
        ];
        for (text, expected) in [
            ("a-live-0123", Fit::CutOff(Some(11))),
            ("a-live-0123 ", Fit::Yes(11)),
            ("a-test-012345.", Fit::Yes(13)),
            ("a-test-0123456.", Fit::No),
            ("a-test-0123_", Fit::No),
            ("a-test-012.", Fit::No),
            ("a-test-012", Fit::CutOff(None)),
            ("a-te", Fit::CutOff(None)),
            ("a-tx", Fit::No),
            ("b", Fit::No),
            ("", Fit::CutOff(None)),
        ] {
            assert_eq!(fit(text, 0, shape), expected, "{text:?}");
        }
    }
}
