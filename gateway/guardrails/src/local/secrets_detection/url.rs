//! Passwords in addresses: `scheme://user:password@host`.

use std::ops::Range;

use super::value::is_placeholder;

/// An authority longer than this is none.
const LONGEST: usize = 256;

/// Passwords that documentation uses.
const DOCUMENTED: &[&str] = &[
    "password", "pass", "passwd", "pwd", "secret", "user", "username", "xxx", "pw", "p",
];

/// The password behind the `://` that ends at `at`, and whether the text's end cuts it off.
pub(super) fn password(text: &str, at: usize) -> (Option<Range<usize>>, Option<usize>) {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace()
            || matches!(
                byte,
                b'/' | b'?' | b'#' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | b'(' | b')' | b','
            )
    };
    let length = rest
        .iter()
        .take(LONGEST)
        .position(ends)
        .unwrap_or(rest.len().min(LONGEST));
    let authority = rest.get(..length).unwrap_or_default();
    let Some(colon) = authority.iter().position(|byte| *byte == b':') else {
        return (None, None);
    };
    let begin = at + colon + 1;
    let open = (length == rest.len()).then_some(begin);
    let Some(sign) = authority
        .iter()
        .rposition(|byte| *byte == b'@')
        .filter(|sign| *sign > colon)
    else {
        return (None, open);
    };
    let password = begin..at + sign;
    let value = text.get(password.clone()).unwrap_or_default();
    let real = value.len() >= 3
        && !is_placeholder(value)
        && !value.starts_with('$')
        && !DOCUMENTED
            .iter()
            .any(|known| known.eq_ignore_ascii_case(value));
    (real.then_some(password), open)
}
