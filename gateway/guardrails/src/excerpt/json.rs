//! Strings in JSON that stands in a text: also when it is cut off, or followed by something else.

use super::{Excerpt, Setting, Unescaped};

/// Strings shorter than this hold nothing to judge.
const SHORT: usize = 4;

/// Visits the string values of JSON objects in `excerpt`, unescaped. Reads forward only: where the
/// grammar breaks, the object ends and the search goes on from there.
pub(super) fn for_each_string(excerpt: &Excerpt<'_>, each: &mut dyn FnMut(&Excerpt<'_>)) {
    let bytes = excerpt.text.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'{', bytes.get(at..).unwrap_or_default()) {
        at = object(excerpt, at + found + 1, each);
    }
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// The offset of the quote that ends the string whose content begins at `at`, and whether there are
/// escapes in it. A string that is cut off ends with the text.
fn string_end(bytes: &[u8], mut at: usize) -> (usize, bool) {
    let mut escapes = false;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes.get(at) == Some(&b'"') {
            return (at, escapes);
        }
        escapes = true;
        at += 2;
    }
    (bytes.len(), escapes)
}

/// Reads what follows a `{` at `at`. Gives the offset up to which it has read.
fn object(excerpt: &Excerpt<'_>, at: usize, each: &mut dyn FnMut(&Excerpt<'_>)) -> usize {
    let bytes = excerpt.text.as_bytes();
    let first = skip_space(bytes, at);
    if bytes.get(first) != Some(&b'"') {
        return at;
    }
    let (mut at, mut depth, mut key) = (first, 1_u32, "");
    let mut keys = 0_u32;
    loop {
        at = skip_space(bytes, at);
        match bytes.get(at) {
            Some(b'"') => {
                let (end, escapes) = string_end(bytes, at + 1);
                let Some(part) = excerpt.part(at + 1..end) else {
                    return at + 1;
                };
                let after = skip_space(bytes, end + 1);
                if bytes.get(after) == Some(&b':') {
                    key = part.text;
                    keys += 1;
                    at = after + 1;
                    continue;
                }
                if keys == 0 {
                    return at + 1;
                }
                if part.text.len() >= SHORT {
                    let part = Excerpt { key, ..part };
                    if escapes {
                        let unescaped = unescape(&part);
                        each(&unescaped.excerpt(&part, Setting::Json));
                    } else {
                        each(&Excerpt {
                            setting: Setting::Json,
                            ..part
                        });
                    }
                }
                at = end + 1;
            }
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
            }
            Some(b'}' | b']') => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return at;
                }
            }
            Some(b',' | b'0'..=b'9' | b'-' | b'+' | b'.' | b'a'..=b'z' | b'E') => at += 1,
            _ => return at,
        }
    }
}

/// Undoes JSON's escapes.
fn unescape(part: &Excerpt<'_>) -> Unescaped {
    let mut out = Unescaped::default();
    let mut rest = part.text;
    loop {
        let at = part.text.len() - rest.len();
        let Some(slash) = memchr::memchr(b'\\', rest.as_bytes()) else {
            out.push_str(rest, part, at);
            break;
        };
        let (plain, escape) = rest.split_at(slash);
        out.push_str(plain, part, at);
        let at = at + slash;
        let mut chars = escape.chars().skip(1);
        let Some(kind) = chars.next() else { break };
        let (c, length) = match kind {
            'n' => ('\n', 2),
            't' => ('\t', 2),
            'r' => ('\r', 2),
            'b' | 'f' => (' ', 2),
            'u' => match escape
                .get(2..6)
                .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            {
                Some(code) => (char::from_u32(code).unwrap_or('\u{fffd}'), 6),
                None => ('u', 2),
            },
            other => (other, 1 + other.len_utf8()),
        };
        out.push(c, part.offset(at));
        rest = escape.get(length..).unwrap_or_default();
    }
    out.close(part.offset(part.text.len()));
    out
}
