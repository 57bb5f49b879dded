//! Passwords in addresses: `scheme://user:password@host`.

use std::ops::Range;

use super::value::{is_made_up, is_reference};

/// An authority longer than this is none.
const LONGEST: usize = 256;

/// Passwords that documentation uses.
const DOCUMENTED: &[&str] = &[
    "password", "pass", "passwd", "pwd", "user", "username", "xxx", "pw", "token", "test", "null",
    "abc123", "admin",
];

/// The password behind the `://` that ends at `at`, and where one may begin that the text's end cuts off.
pub(super) fn password(text: &str, at: usize) -> (Option<Range<usize>>, Option<usize>) {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let user = rest
        .iter()
        .take(LONGEST)
        .take_while(|byte| is_user(**byte))
        .count();
    let Some(b':') = rest.get(user) else {
        return (None, None);
    };
    let begin = user + 1;
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\')
    };
    let inner = rest.get(begin..).unwrap_or_default();
    let port = inner
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if port > 0 && matches!(inner.get(port), Some(b'/' | b'?' | b'#' | b',' | b')')) {
        return (None, None);
    }
    let length = inner
        .iter()
        .take(LONGEST)
        .position(ends)
        .unwrap_or(inner.len().min(LONGEST));
    let open = (length == inner.len()).then_some(at + begin);
    let inner = inner.get(..length).unwrap_or_default();
    // The first `@` with a host behind it: passwords have `/` and `#` in them although they should not.
    let sign = |sign: &usize| {
        inner
            .get(sign + 1)
            .is_some_and(|host| host.is_ascii_alphanumeric() || *host == b'[' || *host == b'$')
    };
    let Some(sign) = memchr::memchr_iter(b'@', inner).find(sign) else {
        return (None, open);
    };
    let password = at + begin..at + begin + sign;
    let value = text.get(password.clone()).unwrap_or_default();
    let names_itself = text.get(at..at + user).is_some_and(|user| {
        user.eq_ignore_ascii_case("user") || user.eq_ignore_ascii_case("username")
    });
    // What would be a reference elsewhere may begin a password. A port left out leaves a path, though.
    let odd = value.starts_with(['/', '@']);
    let path = value.starts_with('/') && value.matches('/').count() > 1;
    let stands_in = is_made_up(value) || path || (is_reference(value) && !odd);
    let documented = DOCUMENTED
        .iter()
        .any(|known| known.eq_ignore_ascii_case(value))
        || (names_itself && value.eq_ignore_ascii_case("secret"));
    let real = value.len() >= 3 && !stands_in && !documented;
    (real.then_some(password), open)
}

fn is_user(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'_' | b'-' | b'.' | b'%' | b'+' | b'$' | b'{' | b'}' | b'@'
        )
}
