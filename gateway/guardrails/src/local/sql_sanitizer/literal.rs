//! String literals of program code that hold SQL: their text, and what is put into it.

use std::ops::Range;

use crate::excerpt::{Excerpt, Setting, Unescaped};

/// How far the end of a literal is looked for.
const LONGEST: usize = 16 * 1024;
/// Pieces of a concatenation that are joined.
const MAX_PIECES: usize = 64;

/// A literal, or several that are concatenated.
#[derive(Debug, Default)]
pub(super) struct Literal {
    /// The joined text.
    pub(super) joined: Unescaped,
    /// Bytes of the excerpt it takes, with its quotes.
    pub(super) range: Range<usize>,
    /// Whether values are put into it other than as parameters.
    pub(super) interpolated: bool,
    /// Whether something that is not known may follow its end: `"DELETE FROM t " + condition`.
    pub(super) open: bool,
}

fn get(text: &str, at: usize) -> u8 {
    text.as_bytes().get(at).copied().unwrap_or(0)
}

/// The length of the opening quote at `at`: 1 or 3.
fn quote_length(text: &str, at: usize) -> usize {
    let quote = get(text, at);
    let triple = quote != b'`' && get(text, at + 1) == quote && get(text, at + 2) == quote;
    if triple { 3 } else { 1 }
}

/// The content of the literal whose quote stands at `at`; none when it does not end.
fn content(text: &str, at: usize) -> Option<Range<usize>> {
    let quote = get(text, at);
    let length = quote_length(text, at);
    let begin = at + length;
    let bytes = text.as_bytes();
    let window = bytes.get(begin..(begin + LONGEST).min(bytes.len()))?;
    let mut from = 0;
    loop {
        let found = from + memchr::memchr2(quote, b'\\', window.get(from..)?)?;
        if window.get(found) == Some(&b'\\') {
            from = found + 2;
            continue;
        }
        let closes = length == 1 || window.get(found..found + 3) == Some(&[quote; 3]);
        if closes {
            // `''` and `""` inside are one quote, if the literal goes on after them on the line.
            let doubled =
                length == 1 && quote != b'`' && window.get(found + 1) == Some(&quote) && found > 0;
            if doubled {
                from = found + 2;
                continue;
            }
            return Some(begin..begin + found);
        }
        from = found + 1;
    }
}

/// Undoes the escapes that matter in SQL: quotes and line breaks.
fn push_unescaped(out: &mut Unescaped, excerpt: &Excerpt<'_>, range: Range<usize>) {
    let text = excerpt.text.get(range.clone()).unwrap_or_default();
    let mut done = 0;
    while let Some(found) = memchr::memchr(b'\\', text.as_bytes().get(done..).unwrap_or_default()) {
        let slash = done + found;
        out.push_str(
            text.get(done..slash).unwrap_or_default(),
            excerpt,
            range.start + done,
        );
        let Some(c) = text.get(slash + 1..).and_then(|rest| rest.chars().next()) else {
            return;
        };
        let at = excerpt
            .source(&(range.start + slash..range.start + slash))
            .start;
        let plain = match c {
            'n' | 'r' => '\n',
            't' => '\t',
            other => other,
        };
        out.push(plain, at);
        done = slash + 1 + c.len_utf8();
    }
    out.push_str(
        text.get(done..).unwrap_or_default(),
        excerpt,
        range.start + done,
    );
}

/// The letters before a quote: `f`, `rb`, `$`, `@$`, `N`.
fn prefix(text: &str, quote: usize) -> &str {
    let bytes = text.as_bytes().get(..quote).unwrap_or_default();
    let length = bytes
        .iter()
        .rev()
        .take(4)
        .take_while(|b| b.is_ascii_alphabetic() || matches!(b, b'$' | b'@'))
        .count();
    if length > 3 {
        ""
    } else {
        text.get(quote - length..quote).unwrap_or_default()
    }
}

/// Whether a hole of a template stands in `content`.
fn has_hole(content: &str, quote: u8, prefix: &str) -> bool {
    let bytes = content.as_bytes();
    // Swift.
    if quote == b'"' && memchr::memmem::find(bytes, b"\\(").is_some() {
        return true;
    }
    let formatted = prefix
        .bytes()
        .any(|b| matches!(b, b'f' | b'F' | b'$' | b's'));
    let name = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    memchr::memchr3_iter(b'{', b'$', b'#', bytes).any(|at| {
        let (before, next) = (
            at.checked_sub(1).and_then(|n| bytes.get(n)),
            bytes.get(at + 1),
        );
        match bytes.get(at) {
            // f"{x}", $"{x}"; `{{` is a brace.
            Some(b'{') => {
                (formatted && next != Some(&b'{') && before != Some(&b'{'))
                    || (quote == b'"' && next == Some(&b'$'))
            }
            // `${x}`, "${x}", "$x" of PHP, Perl and shells; `$1` is a parameter, `$$` a quote.
            Some(b'$') => {
                (next == Some(&b'{') && quote != b'\'')
                    || (quote == b'"' && name(next) && before != Some(&b'$'))
            }
            // Ruby.
            _ => next == Some(&b'{') && quote == b'"',
        }
    })
}

/// Whether a function takes a template apart, as libraries do that bind its values: `` sql`..` ``.
fn is_tagged(text: &str, quote: usize) -> bool {
    let head = text.get(..quote).unwrap_or_default();
    let tag = head
        .bytes()
        .next_back()
        .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    get(text, quote) == b'`' && tag && !head.ends_with("raw")
}

/// Functions that format their first argument.
const FORMATTERS: [&str; 9] = [
    "string.format(",
    "sprintf(",
    "fmt.sprintf(",
    "format!(",
    "fmt.fprintf(",
    "util.format(",
    "stringf(",
    "printf(",
    "format(",
];

/// What stands behind a literal, with where it ends.
enum Behind {
    /// Another literal that belongs to it.
    Piece(usize),
    /// A value that is added or formatted into it.
    Value,
    /// Neither.
    Nothing,
}

fn skip_space(text: &str, mut at: usize) -> usize {
    loop {
        while get(text, at).is_ascii_whitespace() || get(text, at) == b'\\' {
            at += 1;
        }
        // A comment between two pieces: `"SELECT * "  # nosec`.
        let comment = get(text, at) == b'#' || (get(text, at) == b'/' && get(text, at + 1) == b'/');
        let line = text.as_bytes().get(at..).unwrap_or_default();
        match memchr::memchr(b'\n', line.get(..256).unwrap_or(line)) {
            Some(end) if comment => at += end,
            _ => return at,
        }
    }
}

/// The place of a quote behind a short prefix at `at`.
fn quote_at(text: &str, at: usize) -> Option<usize> {
    let length = text
        .as_bytes()
        .get(at..)?
        .iter()
        .take(3)
        .take_while(|b| b.is_ascii_alphabetic() || matches!(b, b'$' | b'@'))
        .count();
    matches!(get(text, at + length), b'"' | b'\'' | b'`').then_some(at + length)
}

fn behind(text: &str, end: usize) -> Behind {
    let at = skip_space(text, end);
    let same_line = !text.get(end..at).unwrap_or_default().contains('\n');
    let (this, next) = (get(text, at), get(text, at + 1));
    let joint = match (this, next) {
        (b'+', b'=') => return Behind::Nothing,
        (b'+' | b'&', _) => 1,
        (b'.', n) if n.is_ascii_whitespace() || matches!(n, b'$' | b'"' | b'\'') => 1,
        (b'|', b'|') => 2,
        (b'.', _) => {
            let method = text.get(at..).unwrap_or_default();
            let formats = [".format(", ".formatted(", ".Format("]
                .iter()
                .any(|name| method.starts_with(name));
            return if formats {
                Behind::Value
            } else {
                Behind::Nothing
            };
        }
        (b'%', n) if n != b'=' => return Behind::Value,
        (b'"' | b'\'' | b'`', _) => 0,
        (b, _) if b.is_ascii_alphabetic() && !same_line => 0,
        _ => return Behind::Nothing,
    };
    let operand = skip_space(text, at + joint);
    match quote_at(text, operand) {
        Some(quote) if joint > 0 || quote == operand || !same_line => Behind::Piece(quote),
        _ if joint == 0 => Behind::Nothing,
        _ if matches!(get(text, operand), b'=' | b'|' | 0) => Behind::Nothing,
        _ => Behind::Value,
    }
}

/// Whether a value that is added ends before another literal, and where that begins.
fn resumed(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes().get(from..(from + 200).min(text.len()))?;
    let mut depth = 0_i32;
    for (n, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => {
                depth -= 1;
                if depth < 0 {
                    return None;
                }
            }
            b';' | b'\n' if depth == 0 => return None,
            b'"' | b'\'' if depth == 0 => {
                let before = bytes
                    .get(..n)?
                    .iter()
                    .rev()
                    .find(|b| !b.is_ascii_whitespace());
                return matches!(before, Some(b'+' | b'.' | b'|' | b'&')).then_some(from + n);
            }
            _ => {}
        }
    }
    None
}

/// Reads the literal whose quote stands at `quote`, with all that is concatenated to it. None when it
/// does not end.
pub(super) fn read(excerpt: &Excerpt<'_>, quote: usize) -> Option<Literal> {
    let text = excerpt.text;
    let mut literal = Literal {
        range: quote..quote,
        ..Literal::default()
    };
    let (mut at, mut content_end) = (quote, quote);
    // Whether a formatter finds names in the text: `format!("{id}")`.
    let mut inline = false;
    let head = text
        .get(..quote - prefix(text, quote).len())
        .unwrap_or_default()
        .trim_end();
    for _ in 0..MAX_PIECES {
        let Some(range) = content(text, at) else {
            if literal.range.is_empty() {
                return None;
            }
            break;
        };
        let piece = text.get(range.clone()).unwrap_or_default();
        literal.interpolated |=
            !is_tagged(text, at) && has_hole(piece, get(text, at), prefix(text, at));
        inline |= piece.contains('{');
        let end = range.end + quote_length(text, at);
        content_end = range.end;
        push_unescaped(&mut literal.joined, excerpt, range);
        literal.range.end = end;
        literal.open = false;
        match behind(text, end) {
            Behind::Piece(next) => at = next,
            Behind::Value => {
                literal.interpolated = true;
                literal.open = true;
                match resumed(text, end) {
                    Some(next) => {
                        literal.joined.push(' ', excerpt.source(&(end..end)).start);
                        literal.joined.push('?', excerpt.source(&(end..end)).start);
                        literal.joined.push(' ', excerpt.source(&(end..end)).start);
                        at = next;
                    }
                    None => break,
                }
            }
            Behind::Nothing => break,
        }
    }
    literal
        .joined
        .close(excerpt.source(&(content_end..content_end)).start);
    let call: String = head
        .chars()
        .rev()
        .take(14)
        .collect::<String>()
        .chars()
        .rev()
        .collect();
    let call = call.to_ascii_lowercase();
    let formats = FORMATTERS.iter().any(|name| call.ends_with(name));
    let filled = text.as_bytes().get(skip_space(text, literal.range.end)) == Some(&b',');
    literal.interpolated |= formats && (filled || (inline && call.ends_with("!(")));
    Some(literal)
}

impl Literal {
    /// Its text as an excerpt.
    pub(super) fn excerpt<'a>(&'a self, of: &Excerpt<'a>) -> Excerpt<'a> {
        self.joined.excerpt(of, Setting::Plain)
    }
}
