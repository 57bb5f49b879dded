//! A name, an operator and a value: `api_key = "..."`, `"password": "..."`, `--token ...`, `<token>...`.
//!
//! Written by hand because this rule runs on most texts: as one expression it costs more than all others.

use std::ops::Range;

use super::name::{Class, class_of};
use super::value::{Look, is_placeholder};

/// A name reaches so far to either side of the word that it was found by.
const NAME: usize = 50;
/// Words between a name and its operator: `password for staging is`.
const GAP: usize = 32;
/// Longer values are no passwords or keys.
const LONGEST: usize = 512;

/// How a value stands in the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Setting {
    /// In quotes.
    Quoted,
    /// Bare, behind an operator: `PASSWORD=...`.
    Bare,
    /// Bare, with only blanks or words in front: `--token ...`, `the password is ...`.
    Loose,
}

/// A value that was found, or may be under way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Assigned {
    /// The value.
    pub(super) value: Range<usize>,
    /// After the name, so that another word of the same name is not looked at again.
    pub(super) name_end: usize,
    pub(super) class: Class,
    /// Whether it is a secret as it stands.
    pub(super) secret: bool,
    /// Whether the end of the text cuts it off.
    pub(super) cut_off: bool,
}

/// Reads the assignment around the word at `word`; none when there is none.
pub(super) fn read(text: &str, word: Range<usize>) -> Option<Assigned> {
    let bytes = text.as_bytes();
    let name = name_around(bytes, word);
    let (start, setting, quote) = value_start(bytes, &name)?;
    let end = value_end(bytes, start, setting, quote);
    let cut_off = end == bytes.len();
    let value = text.get(start..end)?;
    if value.len() > LONGEST || (value.is_empty() && !cut_off) {
        return None;
    }
    let class = class_of(text.get(name.clone())?)?;
    let calls = setting != Setting::Quoted && matches!(bytes.get(end), Some(b'(' | b'['));
    let secret = !calls && is_secret(value, class, setting);
    Some(Assigned {
        value: start..end,
        name_end: name.end,
        class,
        secret,
        cut_off,
    })
}

/// Whether a value whose name is known from elsewhere, such as a JSON key, is a secret.
pub(super) fn is_named_secret(name: &str, value: &str) -> Option<Class> {
    let plain = !value.is_empty() && value.len() <= LONGEST && !value.contains(char::is_whitespace);
    let class = plain.then(|| class_of(name)).flatten()?;
    is_secret(value, class, Setting::Quoted).then_some(class)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

fn name_around(bytes: &[u8], word: Range<usize>) -> Range<usize> {
    let before = bytes.get(..word.start).unwrap_or_default();
    let after = bytes.get(word.end..).unwrap_or_default();
    let left = before
        .iter()
        .rev()
        .take(NAME)
        .take_while(|byte| is_name(**byte))
        .count();
    let right = after
        .iter()
        .take(NAME)
        .take_while(|byte| is_name(**byte))
        .count();
    word.start - left..word.end + right
}

/// Where the value behind a name begins, how it stands there, and the quote around it.
fn value_start(bytes: &[u8], name: &Range<usize>) -> Option<(usize, Setting, Option<u8>)> {
    let mut at = name.end;
    let byte = |at: usize| bytes.get(at).copied();
    let before = name.start.checked_sub(1).and_then(byte);
    // What closes the name: quotes, also escaped ones, and brackets.
    let closing = at;
    while let Some(b'"' | b'\'' | b'`' | b'\\' | b']' | b')' | b'*') = byte(at) {
        at += 1;
    }
    let closed = at > closing;
    let blanks = at;
    at = skip_blanks(bytes, at);
    let option = bytes
        .get(name.clone())
        .is_some_and(|name| name.starts_with(b"-"))
        && at > blanks
        && !closed;
    let mut operator = operator_length(bytes, at, closed, before);
    let mut loose = false;
    if operator == 0 && !option {
        let gap = gap_length(bytes, at)?;
        at += gap;
        operator = operator_length(bytes, at, false, before);
        loose = true;
        if operator == 0 {
            return None;
        }
    }
    let xml = operator == 1 && byte(at) == Some(b'>');
    at += operator;
    at = match xml {
        true => {
            at + bytes
                .get(at..)?
                .iter()
                .take(40)
                .take_while(|byte| byte.is_ascii_whitespace())
                .count()
        }
        false => skip_blanks(bytes, at),
    };
    // `Bearer` and `Basic` in front of the credential itself.
    for scheme in [&b"bearer "[..], b"basic ", b"token "] {
        if bytes
            .get(at..at + scheme.len())
            .is_some_and(|word| word.eq_ignore_ascii_case(scheme))
        {
            at += scheme.len();
        }
    }
    let (start, quote) = open_quote(bytes, at);
    let setting = match quote {
        Some(_) => Setting::Quoted,
        None if option || loose => Setting::Loose,
        None => Setting::Bare,
    };
    Some((start, setting, quote))
}

fn skip_blanks(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest
        .iter()
        .take(20)
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

/// The length of the operator at `at`; 0 when there is none.
fn operator_length(bytes: &[u8], at: usize, closed: bool, before: Option<u8>) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let run = rest
        .iter()
        .take(5)
        .take_while(|byte| {
            matches!(
                byte,
                b'=' | b':' | b'>' | b'?' | b'|' | b'!' | b'~' | b'.' | b'+'
            )
        })
        .count();
    match rest.get(..run).unwrap_or_default() {
        // The end of a name in a list or a call: `setProperty("token", "...")`.
        [] if closed && rest.first() == Some(&b',') => 1,
        [] => 0,
        // The end of an opening tag.
        [b'>'] => usize::from(before == Some(b'<')),
        [b'|'] => 1,
        // A path, a member, a question.
        operator if operator.contains(&b'=') || operator.contains(&b':') => {
            if operator == b"::" {
                0
            } else {
                run
            }
        }
        [b'-', b'>'] => run,
        _ => 0,
    }
}

/// The length of words between a name and an operator; none when no operator comes.
fn gap_length(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let words = rest
        .iter()
        .take(GAP)
        .take_while(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b' ' | b'-' | b'_' | b'(' | b')' | b'/' | b'&' | b'*')
        })
        .count();
    let gap = rest.get(..words)?;
    if let Some(is) = gap
        .windows(4)
        .position(|word| word == b" is " || word == b" to ")
    {
        return Some(is);
    }
    if gap.starts_with(b"is ") {
        return Some(0);
    }
    matches!(rest.get(words), Some(b':' | b'=')).then_some(words)
}

/// Skips a string's prefix and its opening quote.
fn open_quote(bytes: &[u8], at: usize) -> (usize, Option<u8>) {
    let rest = bytes.get(at..).unwrap_or_default();
    let prefix = rest
        .iter()
        .take(2)
        .take_while(|byte| {
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
        })
        .count();
    match rest.get(prefix) {
        Some(quote @ (b'"' | b'\'' | b'`')) => {
            let more = rest
                .get(prefix + 1..)
                .unwrap_or_default()
                .iter()
                .take(2)
                .take_while(|byte| *byte == quote)
                .count();
            // An empty string is no opening of three quotes.
            let opening = prefix + 1 + if more == 2 { 2 } else { 0 };
            (at + opening, Some(*quote))
        }
        _ => (at, None),
    }
}

fn value_end(bytes: &[u8], start: usize, setting: Setting, quote: Option<u8>) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let ends = |byte: &u8| match quote {
        Some(quote) => *byte == quote || *byte == b'\n' || *byte == b'\\',
        None => {
            byte.is_ascii_whitespace()
                || matches!(
                    byte,
                    b'"' | b'\''
                        | b'`'
                        | b','
                        | b';'
                        | b'<'
                        | b'>'
                        | b')'
                        | b']'
                        | b'}'
                        | b'|'
                        | b'\\'
                        | b'('
                        | b'['
                )
                || (*byte == b'&' && setting != Setting::Quoted)
        }
    };
    start
        + rest
            .iter()
            .take(LONGEST + 1)
            .position(ends)
            .unwrap_or(rest.len().min(LONGEST + 1))
}

fn is_secret(value: &str, class: Class, setting: Setting) -> bool {
    let value = value.trim_end_matches(['.', ':', '?', '!']);
    if value.len() < 4 || value.contains(char::is_whitespace) || is_placeholder(value) {
        return false;
    }
    let look = Look::of(value);
    match (class, setting) {
        (Class::Password, Setting::Quoted) => {
            look.digits > 0 && look.lower + look.upper > 0
                || (look.symbols > 0 && look.length >= 6 && !look.wordy)
        }
        (Class::Password, Setting::Bare) => {
            look.length >= 6
                && look.digits > 0
                && look.lower + look.upper + look.symbols > 0
                && !member(value)
        }
        (Class::Password, Setting::Loose) => look.length >= 6 && look.is_mixed() && !look.wordy,
        (Class::Secret, Setting::Quoted | Setting::Bare) => {
            look.length >= 8
                && !look.wordy
                && is_random(look)
                && !(setting == Setting::Bare && member(value))
        }
        (Class::Secret, Setting::Loose) => {
            look.length >= 12 && !look.wordy && is_random(look) && look.is_mixed()
        }
        (Class::Weak, _) => {
            look.length >= 15
                && look.is_mixed()
                && !look.wordy
                && look.entropy >= 3.3
                && look.symbols * 4 <= look.length
        }
    }
}

fn is_random(look: Look) -> bool {
    match look.length {
        ..16 => look.is_mixed() && look.entropy >= 2.5,
        16..20 => look.digits > 0 && look.entropy >= 3.0,
        _ => look.entropy >= if look.digits > 0 { 3.0 } else { 4.0 },
    }
}

/// Whether a bare value reads like code: names joined by dots.
fn member(value: &str) -> bool {
    value.contains('.')
        && value
            .split('.')
            .all(|part| part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_'))
}
