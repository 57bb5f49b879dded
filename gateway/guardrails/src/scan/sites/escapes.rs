//! Percent-encoding, HTML entities, JavaScript escapes and terminal colours.

use std::ops::Range;

use memchr::{memchr_iter, memchr3_iter};

use super::Sites;

/// The longest escape that is understood, in bytes.
const LONGEST: usize = 12;

/// Adds the sites of escapes.
pub(super) fn gather(text: &str, sites: &mut Sites) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for at in memchr3_iter(b'%', b'&', b'\\', bytes) {
        let rest = bytes.get(at..).unwrap_or_default();
        match rest {
            _ if at < done => {}
            [b'%', ..] => done = percent(text, at, sites),
            [b'&', ..] => {
                if let Some((length, character)) = entity(rest) {
                    sites.add(at..at + length, |arena| arena.push(character));
                }
            }
            [b'\\', b'u', b'0', b'0', high, low, ..] => script(at..at + 6, *high, *low, sites),
            [b'\\', b'x', high, low, ..] => script(at..at + 4, *high, *low, sites),
            _ => {}
        }
    }
    for at in memchr_iter(0x1b, bytes) {
        if let Some(length) = terminal(bytes.get(at..).unwrap_or_default()) {
            sites.add(at..at + length, |_| {});
        }
    }
}

/// Adds an escape of JavaScript or JSON if it stands for a visible ASCII character.
fn script(range: Range<usize>, high: u8, low: u8, sites: &mut Sites) {
    if let (Some(high), Some(low)) = (hex_value(high), hex_value(low)) {
        let byte = high << 4 | low;
        if byte.is_ascii_graphic() {
            sites.add(range, |arena| arena.push(char::from(byte)));
        }
    }
}

/// Where an escape begins that the end cuts off.
pub(super) fn unfinished(text: &str) -> Option<usize> {
    let from = text.len().saturating_sub(LONGEST);
    let tail = text.as_bytes().get(from..).unwrap_or_default();
    let at = tail
        .iter()
        .position(|byte| matches!(byte, b'%' | b'&' | b'\\' | 0x1b))?;
    let goes_on = |at: usize| {
        let rest = tail.get(at..).unwrap_or_default();
        let (mark, inner) = rest.split_first()?;
        let open = match mark {
            b'%' => inner.len() < 2 && inner.iter().all(u8::is_ascii_hexdigit),
            b'&' => inner
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'#'),
            b'\\' => inner.len() < 5 && (inner.is_empty() || matches!(inner[0], b'u' | b'x')),
            0x1b => inner
                .iter()
                .all(|byte| matches!(byte, b'[' | b';' | b'0'..=b'9')),
            _ => false,
        };
        open.then_some(from + at)
    };
    let begun = (at..tail.len()).find_map(goes_on).unwrap_or(text.len());
    // Percent-encoded bytes that follow each other are one run.
    let head = text.as_bytes().get(..begun).unwrap_or_default();
    let run = head.rchunks_exact(3).take_while(|three| {
        matches!(three, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    });
    let goes_on = begun == text.len() || text.as_bytes().get(begun) == Some(&b'%');
    let start = begun - if goes_on { run.count() * 3 } else { 0 };
    (start < text.len()).then_some(start)
}

/// Adds the run of percent-encoded bytes at `at` if it stands for readable text. Gives its end.
fn percent(text: &str, at: usize, sites: &mut Sites) -> usize {
    let mut end = at;
    let mut decoded = Vec::new();
    while let Some([b'%', high, low]) = text
        .as_bytes()
        .get(end..)
        .and_then(<[u8]>::first_chunk::<3>)
        && let (Some(high), Some(low)) = (hex_value(*high), hex_value(*low))
    {
        decoded.push(high << 4 | low);
        end += 3;
    }
    if decoded
        .iter()
        .any(|byte| byte.is_ascii_graphic() || *byte == b' ')
    {
        sites.add(at..end, |arena| {
            arena.push_str(&String::from_utf8_lossy(&decoded))
        });
    }
    end.max(at + 1)
}

/// The value of a hexadecimal digit.
pub(super) const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Names of ASCII characters in HTML.
const ENTITIES: &[(&str, char)] = &[
    ("amp", '&'),
    ("apos", '\''),
    ("ast", '*'),
    ("bsol", '\\'),
    ("colon", ':'),
    ("comma", ','),
    ("commat", '@'),
    ("dollar", '$'),
    ("equals", '='),
    ("grave", '`'),
    ("gt", '>'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("lbrace", '{'),
    ("lbrack", '['),
    ("lcub", '{'),
    ("lowbar", '_'),
    ("lpar", '('),
    ("lsqb", '['),
    ("lt", '<'),
    ("nbsp", ' '),
    ("NewLine", '\n'),
    ("num", '#'),
    ("percnt", '%'),
    ("period", '.'),
    ("plus", '+'),
    ("quot", '"'),
    ("rbrace", '}'),
    ("rbrack", ']'),
    ("rcub", '}'),
    ("rpar", ')'),
    ("rsqb", ']'),
    ("semi", ';'),
    ("sol", '/'),
    ("Tab", '\t'),
    ("verbar", '|'),
    ("vert", '|'),
];

/// The entity at the start, its length and what it stands for.
fn entity(bytes: &[u8]) -> Option<(usize, char)> {
    let inner = bytes.get(1..)?;
    let length = inner
        .iter()
        .take(LONGEST - 1)
        .position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(inner.get(..length)?).ok()?;
    let character = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|character| !character.is_control())?
        }
        None => ENTITIES.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((length + 2, character))
}

/// The length of a terminal's colour or cursor sequence.
fn terminal(bytes: &[u8]) -> Option<usize> {
    let inner = bytes.strip_prefix(b"\x1b[")?;
    let length = inner
        .iter()
        .take(LONGEST)
        .position(|byte| !matches!(byte, b';' | b'0'..=b'9'))?;
    inner
        .get(length)?
        .is_ascii_alphabetic()
        .then_some(length + 3)
}
