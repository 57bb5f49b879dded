//! Where a name ends and its value begins.

use std::ops::Range;

use super::LONGEST;

/// A name reaches so far to either side of the word that it was found by.
const NAME: usize = 50;
/// Words between a name and its operator: `password for staging is`.
const GAP: usize = 32;

/// How a value stands in the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Setting {
    /// In quotes.
    Quoted,
    /// Bare, behind an operator: `PASSWORD=...`.
    Bare,
    /// Bare, with only blanks or words in front: `--token ...`, `the password is ...`.
    Loose,
    /// A line of its own below the name.
    Line,
    /// Behind `Bearer` or `Basic`: a credential by definition.
    Scheme,
}

/// The name that has the word in it.
pub(super) fn name_around(bytes: &[u8], word: Range<usize>) -> Range<usize> {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let before = bytes.get(..word.start).unwrap_or_default();
    let after = bytes.get(word.end..).unwrap_or_default();
    let left = before.iter().rev().take(NAME).take_while(is_name).count();
    let right = after.iter().take(NAME).take_while(is_name).count();
    word.start - left..word.end + right
}

/// Where the value behind a name begins, how it stands there, and the quote around it.
pub(super) fn value_at(bytes: &[u8], name: &Range<usize>) -> Option<(usize, Setting, Option<u8>)> {
    let byte = |at: usize| bytes.get(at).copied();
    let before = name.start.checked_sub(1).and_then(byte);
    // `${NAME:-default}` is a reference.
    if before == Some(b'{') && name.start.checked_sub(2).and_then(byte) == Some(b'$') {
        return None;
    }
    if let Some(scheme) = scheme_length(bytes, name.start) {
        return Some((name.start + scheme, Setting::Scheme, None));
    }
    // What closes the name: quotes, also escaped ones, and brackets.
    let closed_at = name.end
        + run(bytes, name.end, 8, |byte| {
            matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b']' | b')' | b'*')
        });
    if let Some(start) = separate_value(bytes, closed_at) {
        return Some(quoted(bytes, start, Setting::Bare));
    }
    let closed = closed_at > name.end;
    let mut at = closed_at + blanks(bytes, closed_at);
    let is_option = !closed
        && at > closed_at
        && (bytes.get(name.start) == Some(&b'-') || follows_login(bytes, name.start));
    let mut operator = operator_length(bytes, at, closed, before);
    let mut setting = Setting::Bare;
    if operator == 0 {
        setting = Setting::Loose;
        if !is_option {
            at += gap_length(bytes, at)?;
            operator = operator_length(bytes, at, false, before).max(word_operator(bytes, at));
            if operator == 0 {
                return None;
            }
        }
    }
    let last = (at + operator)
        .checked_sub(1)
        .and_then(byte)
        .filter(|_| operator > 0);
    at += operator;
    if operator == 1 && last == Some(b'>') {
        at += run(bytes, at, 40, |byte| byte.is_ascii_whitespace());
    } else {
        at += blanks(bytes, at);
    }
    if last == Some(b':') && matches!(byte(at), Some(b'\n' | b'\r')) {
        return line_below(bytes, at);
    }
    if let Some(scheme) = scheme_length(bytes, at) {
        return Some((at + scheme, Setting::Scheme, None));
    }
    Some(quoted(bytes, at, setting))
}

/// Where the value ends that begins at `start`; the text's end when that cuts it off.
pub(super) fn value_end(bytes: &[u8], start: usize, setting: Setting, quote: Option<u8>) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let ends = |byte: &u8| match quote {
        Some(quote) => *byte == quote || matches!(byte, b'\n' | b'\\'),
        None if byte.is_ascii_whitespace() => true,
        None => match byte {
            b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>' | b'(' | b')' | b'[' | b']' | b'}'
            | b'|' | b'\\' => true,
            b'&' => setting == Setting::Bare,
            _ => false,
        },
    };
    let most = LONGEST + 1;
    start
        + rest
            .iter()
            .take(most)
            .position(ends)
            .unwrap_or(rest.len().min(most))
}

/// How many bytes from `at` on, at most `most`, are such.
fn run(bytes: &[u8], at: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().take(most).take_while(|byte| is(**byte)).count()
}

fn blanks(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, 20, |byte| matches!(byte, b' ' | b'\t'))
}

/// Where the value stands when name and value are two fields: `name: X`, `value: ...` in YAML, JSON or XML.
fn separate_value(bytes: &[u8], at: usize) -> Option<usize> {
    let word = at
        + run(bytes, at, 40, |byte| {
            byte.is_ascii_whitespace() || matches!(byte, b',' | b'"' | b'\'')
        });
    if word == at || !bytes.get(word..word + 5)?.eq_ignore_ascii_case(b"value") {
        return None;
    }
    let operator = word
        + 5
        + run(bytes, word + 5, 2, |byte| {
            matches!(byte, b'"' | b'\'' | b' ')
        });
    let sign = run(bytes, operator, 1, |byte| matches!(byte, b':' | b'='));
    (sign > 0).then(|| operator + sign + blanks(bytes, operator + sign))
}

/// The value of a line of its own below `the key is:`.
fn line_below(bytes: &[u8], at: usize) -> Option<(usize, Setting, Option<u8>)> {
    let line = at + run(bytes, at, 6, |byte| byte.is_ascii_whitespace());
    let length = run(bytes, line, LONGEST, |byte| byte.is_ascii_graphic());
    matches!(bytes.get(line + length), None | Some(b'\n' | b'\r')).then_some((
        line,
        Setting::Line,
        None,
    ))
}

/// The length of the operator at `at`; 0 when there is none.
fn operator_length(bytes: &[u8], at: usize, closed: bool, before: Option<u8>) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let length = run(rest, 0, 5, |byte| {
        matches!(
            byte,
            b'=' | b':' | b'>' | b'?' | b'|' | b'!' | b'~' | b'.' | b'+'
        )
    });
    match rest.get(..length).unwrap_or_default() {
        // The end of a name in a list or a call: `setProperty("token", "...")`.
        [] if closed && rest.first() == Some(&b',') => 1,
        // The end of an opening tag.
        [b'>'] => usize::from(before == Some(b'<')),
        // A table's next cell.
        [b'|'] => 1,
        // A path in a program.
        b"::" => 0,
        operator if operator.contains(&b'=') || operator.contains(&b':') => length,
        _ => 0,
    }
}

/// Whether a `.netrc` entry stands before: `machine a login b password ...`.
fn follows_login(bytes: &[u8], name: usize) -> bool {
    let before = bytes.get(name.saturating_sub(80)..name).unwrap_or_default();
    let login = memchr::memmem::find(before, b"login ");
    login
        .and_then(|at| before.get(at..))
        .is_some_and(|rest| !rest.contains(&b'='))
}

/// The length of an authorization scheme's name and the blank behind it.
fn scheme_length(bytes: &[u8], at: usize) -> Option<usize> {
    let schemes = [&b"bearer "[..], b"basic "];
    let stands = |scheme: &&&[u8]| {
        bytes
            .get(at..at + scheme.len())
            .is_some_and(|word| word.eq_ignore_ascii_case(scheme))
    };
    schemes.iter().find(stands).map(|scheme| scheme.len())
}

/// The length of `is` or `to` as an operator.
fn word_operator(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.starts_with(b"is ") || rest.starts_with(b"to ") {
        3
    } else {
        0
    }
}

/// The length of words between a name and an operator; none when no operator comes.
fn gap_length(bytes: &[u8], at: usize) -> Option<usize> {
    let words = run(bytes, at, GAP, |byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b' ' | b'-' | b'_' | b'(' | b')' | b'/' | b'&' | b'*')
    });
    let gap = bytes.get(at..at + words)?;
    if gap.starts_with(b"is ") {
        return Some(0);
    }
    if let Some(blank) = gap
        .windows(4)
        .position(|word| word == b" is " || word == b" to ")
    {
        return Some(blank + 1);
    }
    matches!(bytes.get(at + words), Some(b':' | b'=')).then_some(words)
}

/// Skips a string's prefix and its opening quote.
fn quoted(bytes: &[u8], at: usize, bare: Setting) -> (usize, Setting, Option<u8>) {
    let prefix = run(bytes, at, 2, |byte| {
        matches!(
            byte,
            b'b' | b'r'
                | b'f'
                | b'u'
                | b'B'
                | b'R'
                | b'F'
                | b'U'
                | b'L'
                | b'@'
                | b'\\'
                | b'('
                | b'['
        )
    });
    let open = at + prefix;
    match bytes.get(open) {
        Some(quote @ (b'"' | b'\'' | b'`')) => {
            // Three quotes open a string; two are an empty one.
            let more = run(bytes, open + 1, 2, |byte| byte == *quote);
            (
                open + if more == 2 { 3 } else { 1 },
                Setting::Quoted,
                Some(*quote),
            )
        }
        _ => (at, bare, None),
    }
}
