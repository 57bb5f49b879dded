//! E-mail and web addresses: found by a sign (`@`, `://`, `www.`), then read to both sides.

use std::ops::Range;

/// Longest local part and longest domain of an e-mail address (RFC 5321).
const LOCAL: usize = 64;
const DOMAIN: usize = 255;
/// The longest e-mail address.
pub(super) const LONGEST_EMAIL: usize = LOCAL + 1 + DOMAIN;
/// How much of a web address a stream holds back; a longer one is followed to its end.
pub(super) const LONGEST_HELD_URL: usize = 512;

/// Schemes of web addresses.
const SCHEMES: [&str; 8] = ["https", "http", "ftp", "ftps", "sftp", "ws", "wss", "file"];
/// Words after a dot that are no domains: `logo@2x.png`, `a@b.T`.
const NOT_DOMAINS: [&str; 16] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "js", "jsx", "ts", "tsx", "css", "scss",
    "json", "html", "shape",
];

/// Calls `found` with every e-mail address.
pub(super) fn emails(text: &str, mut found: impl FnMut(Range<usize>)) {
    let mut done = 0;
    for at in memchr::memchr_iter(b'@', text.as_bytes()) {
        if at >= done
            && let Some(range) = email_around(text, at)
        {
            done = range.end;
            found(range);
        }
    }
}

const fn in_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'')
}

const fn in_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

fn email_around(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let run = bytes
        .get(at.saturating_sub(LOCAL + 1)..at)?
        .iter()
        .rev()
        .take_while(|byte| in_local(**byte))
        .count();
    let mut local = text.get(at - run..at)?;
    while let Some(rest) = local.strip_prefix(['.', '\'', '-', '%']) {
        local = rest;
    }
    let start = at - local.len();
    let fits =
        !local.is_empty() && local.len() <= LOCAL && !local.ends_with('.') && !local.contains("..");
    if !fits || in_user_info(text, start) {
        return None;
    }
    let run = bytes
        .get(at + 1..)?
        .iter()
        .take(DOMAIN)
        .take_while(|byte| in_domain(**byte))
        .count();
    let domain = text.get(at + 1..at + 1 + run)?.trim_end_matches(['.', '-']);
    let end = at + 1 + domain.len();
    let remote = local == "git" && bytes.get(end) == Some(&b':');
    (is_domain(domain) && !remote).then_some(start..end)
}

/// Whether a place lies in the user part of a web address, as in `https://user:word@host`.
fn in_user_info(text: &str, at: usize) -> bool {
    let from = at.saturating_sub(2 * LOCAL);
    let before = text.as_bytes().get(from..at).unwrap_or_default();
    match before.last() {
        Some(b'/') => before.ends_with(b"//"),
        Some(b':') => before
            .rsplit(u8::is_ascii_whitespace)
            .next()
            .is_some_and(|run| memchr::memmem::find(run, b"://").is_some()),
        _ => false,
    }
}

fn is_domain(domain: &str) -> bool {
    let Some((rest, top)) = domain.rsplit_once('.') else {
        return false;
    };
    let top_fits = matches!(top.len(), 2..=24)
        && (top.bytes().all(|byte| byte.is_ascii_alphabetic()) || top.starts_with("xn--"))
        && !NOT_DOMAINS.iter().any(|not| top.eq_ignore_ascii_case(not));
    let mut numbers = 0;
    let labels_fit = rest.split('.').all(|label| {
        numbers += usize::from(label.bytes().all(|byte| byte.is_ascii_digit()));
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    });
    // `package@1.0.beta` is a version; `name@163.com` is not.
    top_fits && labels_fit && numbers < 2
}

/// Calls `found` with every web address. `signs` are the places of `://` and `www.`.
pub(super) fn urls(
    text: &str,
    signs: impl Iterator<Item = (Range<usize>, Sign)>,
    mut found: impl FnMut(Range<usize>),
) {
    let mut done = 0;
    for (at, sign) in signs {
        if at.start >= done
            && let Some(range) = url_around(text, at, sign)
        {
            done = range.end;
            found(range);
        }
    }
}

/// What announces a web address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sign {
    /// `://`
    Scheme,
    /// `www.`
    Www,
}

/// What may stand in a web address, beside letters and digits of any script.
pub(super) const IN_URL: &[u8] = b"-._~:/?#[]@!$&()*+,;=%";

fn in_url(c: char) -> bool {
    match u8::try_from(c) {
        Ok(byte) if byte.is_ascii() => byte.is_ascii_alphanumeric() || IN_URL.contains(&byte),
        _ => c.is_alphanumeric(),
    }
}

fn url_around(text: &str, sign: Range<usize>, kind: Sign) -> Option<Range<usize>> {
    let start = match kind {
        Sign::Scheme => scheme_before(text, sign.start)?,
        Sign::Www => {
            let before = text.get(..sign.start)?.chars().next_back();
            if before
                .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@'))
            {
                return None;
            }
            sign.start
        }
    };
    let rest = text.get(sign.end..)?;
    let run = rest.find(|c| !in_url(c)).unwrap_or(rest.len());
    let body = trimmed(rest.get(..run)?);
    let host = body.trim_start_matches('[');
    let named = host.starts_with(|c: char| c.is_alphanumeric() || c == ':');
    let dotted = kind == Sign::Scheme || body.contains('.');
    (named && dotted).then_some(start..sign.end + body.len())
}

/// The start of a known scheme that ends at `at`.
fn scheme_before(text: &str, at: usize) -> Option<usize> {
    let run = text
        .as_bytes()
        .get(at.saturating_sub(8)..at)?
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let scheme = text.get(at - run..at)?;
    SCHEMES
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
        .then_some(at - run)
}

/// Without the punctuation that belongs to the sentence.
fn trimmed(body: &str) -> &str {
    let mut body = body;
    loop {
        let shorter = body.trim_end_matches([
            '.', ',', ';', ':', '!', '?', '*', '_', '&', '=', '$', '~', '-',
        ]);
        let shorter = match shorter.chars().next_back() {
            Some(')') if !shorter.contains('(') => shorter.trim_end_matches(')'),
            Some(']') if !shorter.contains('[') => shorter.trim_end_matches(']'),
            Some('(' | '[') => shorter.trim_end_matches(['(', '[']),
            _ => shorter,
        };
        if shorter.len() == body.len() {
            return body;
        }
        body = shorter;
    }
}

/// Where an e-mail address may have begun that the end of the text cuts off.
pub(super) fn email_pending_from(text: &str) -> usize {
    let bytes = text.as_bytes();
    let run = bytes
        .iter()
        .rev()
        .take(LONGEST_EMAIL)
        .take_while(|byte| in_local(**byte) || **byte == b'@')
        .count();
    // The byte after the domain decides whether it is one (`git@host:`).
    let after = usize::from(run == 0 && bytes.last() == Some(&b':'));
    bytes.len() - run - after
}

/// Where a web address may have begun that the end of the text cuts off.
pub(super) fn url_pending_from(text: &str) -> usize {
    if let Some(start) = open_url(text) {
        return start;
    }
    // A beginning of `https://` or `www.`.
    let longest = "https://".len();
    let mut from = text.len().saturating_sub(longest);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    (from..text.len())
        .find(|at| {
            text.get(*at..).is_some_and(|rest| {
                begins("www.", rest) || SCHEMES.iter().any(|scheme| begins_scheme(scheme, rest))
            })
        })
        .unwrap_or(text.len())
}

/// The start of a web address that reaches the end of the text.
pub(super) fn open_url(text: &str) -> Option<usize> {
    let run = text
        .char_indices()
        .rev()
        .take_while(|(_, c)| in_url(*c))
        .last();
    let start = run.map_or(text.len(), |(at, _)| at);
    let run = text.get(start..)?;
    let scheme = memchr::memmem::find_iter(run.as_bytes(), b"://")
        .find_map(|at| scheme_before(text, start + at));
    let www = run
        .as_bytes()
        .windows(4)
        .position(|four| four.eq_ignore_ascii_case(b"www."))
        .map(|at| start + at);
    match (scheme, www) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (scheme, www) => scheme.or(www),
    }
}

fn begins(whole: &str, rest: &str) -> bool {
    whole
        .get(..rest.len())
        .is_some_and(|beginning| beginning.eq_ignore_ascii_case(rest))
}

fn begins_scheme(scheme: &str, rest: &str) -> bool {
    match rest.get(..scheme.len()) {
        None => begins(scheme, rest),
        Some(beginning) => {
            beginning.eq_ignore_ascii_case(scheme)
                && rest
                    .get(scheme.len()..)
                    .is_some_and(|rest| "://".starts_with(rest))
        }
    }
}
