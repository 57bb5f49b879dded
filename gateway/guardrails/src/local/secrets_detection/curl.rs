//! `curl -u user:password` and its kin.

use std::ops::Range;

use super::value::{is_placeholder, is_reference};

/// Longer arguments are none.
const LONGEST: usize = 200;

/// The password in the argument that begins at `at`, and where one may begin that the text's end cuts off.
pub(super) fn password(text: &str, at: usize) -> (Option<Range<usize>>, Option<usize>) {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let blanks = rest
        .iter()
        .take(8)
        .take_while(|byte| matches!(byte, b' ' | b'='))
        .count();
    let quote = rest
        .get(blanks)
        .filter(|byte| matches!(byte, b'"' | b'\''))
        .copied();
    let begin = blanks + usize::from(quote.is_some());
    let argument = rest.get(begin..).unwrap_or_default();
    let ends = |byte: &u8| match quote {
        Some(quote) => *byte == quote || *byte == b'\n',
        None => {
            byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'|' | b';' | b')')
        }
    };
    let length = argument
        .iter()
        .take(LONGEST)
        .position(ends)
        .unwrap_or(argument.len().min(LONGEST));
    let open = (length == argument.len()).then_some(at + begin);
    let argument = argument.get(..length).unwrap_or_default();
    let Some(colon) = argument.iter().position(|byte| *byte == b':') else {
        return (None, open);
    };
    // An API key is given as a user without a password.
    let part = match colon + 1 == length {
        true => 0..colon,
        false => colon + 1..length,
    };
    let range = at + begin + part.start..at + begin + part.end;
    let value = text.get(range.clone()).unwrap_or_default();
    let real = value.len() >= 5
        && !is_placeholder(value)
        && !is_reference(std::str::from_utf8(argument).unwrap_or_default())
        && !value.contains(char::is_whitespace)
        && value.bytes().any(|byte| !byte.is_ascii_lowercase());
    (real.then_some(range), open)
}
