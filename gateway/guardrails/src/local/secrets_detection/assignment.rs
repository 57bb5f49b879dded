//! A name, an operator and a value: `api_key = "..."`, `"password": "..."`, `--token ...`, `<token>...`.
//!
//! Written by hand because this rule runs on most texts: as one expression it costs more than all others.

mod parse;

use std::ops::Range;

use self::parse::{Setting, name_around, value_at, value_end};
use super::name::{Class, class_of};
use super::value::{Look, is_placeholder, is_reference, is_wordy};

/// Longer values are no passwords or keys.
const LONGEST: usize = 512;

/// A value that was found, or may be under way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Assigned {
    /// The value.
    pub(super) value: Range<usize>,
    /// Up to where other words need not be looked at.
    pub(super) done: usize,
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
    let (start, setting, quote) = value_at(bytes, &name)?;
    let end = value_end(bytes, start, setting, quote);
    let cut_off = end == bytes.len();
    let value = text.get(start..end)?;
    // A reference may have a telling name in it (`arn:...:secret:...`), and in what is too long every second word
    // may be one.
    let done = if is_reference(value) || value.len() > LONGEST {
        end
    } else {
        name.end
    };
    let none = Assigned {
        value: start..end,
        done,
        class: Class::Weak,
        secret: false,
        cut_off,
    };
    let is_call = setting != Setting::Quoted && matches!(bytes.get(end), Some(b'(' | b'['));
    if is_call || (!cut_off && !may_be_secret(value)) {
        return Some(Assigned {
            cut_off: false,
            ..none
        });
    }
    let Some(class) = class_of(text.get(name)?) else {
        return Some(Assigned {
            cut_off: false,
            ..none
        });
    };
    Some(Assigned {
        class,
        secret: is_secret(value, class, setting),
        ..none
    })
}

/// Whether a value whose name is known from elsewhere, such as a JSON key, is a secret.
pub(super) fn named_secret(name: &str, value: &str) -> Option<Class> {
    let class = may_be_secret(value).then(|| class_of(name)).flatten()?;
    is_secret(value, class, Setting::Quoted).then_some(class)
}

/// What any secret has, cheap to ask.
fn may_be_secret(value: &str) -> bool {
    let is_odd =
        |byte: u8| !byte.is_ascii_alphabetic() && !matches!(byte, b'-' | b'_' | b'.' | b' ');
    (4..=LONGEST).contains(&value.len())
        && !value.starts_with([',', ';', ':', ')', ']', ' '])
        && (value.len() >= 20 || value.bytes().any(is_odd))
}

fn is_secret(value: &str, class: Class, setting: Setting) -> bool {
    let value = value.trim_end_matches(['.', ':', '?', '!', '*']);
    if !may_be_secret(value) || value.contains(char::is_whitespace) || is_placeholder(value) {
        return false;
    }
    let look = Look::of(value);
    match (class, setting) {
        (_, Setting::Scheme) => {
            let random = look.digits > 0 || (look.length >= 20 && !is_wordy(value));
            look.length >= 8 && look.entropy >= 2.5 && random
        }
        (_, Setting::Line) => {
            look.length >= 16 && look.is_mixed() && is_random(look) && !is_wordy(value)
        }
        (Class::Password, Setting::Quoted) => {
            look.is_mixed() || (look.symbols > 0 && look.length >= 6 && !is_wordy(value))
        }
        (Class::Password, Setting::Bare) => {
            let odd = look.digits > 0 && look.letters + look.symbols > 0;
            look.length >= 6 && odd && !is_member(value)
        }
        (Class::Password, Setting::Loose) => {
            let one_word = look.letters + look.digits + look.symbols == look.length;
            look.length >= 6 && look.is_mixed() && (one_word || !is_wordy(value))
        }
        (Class::Secret, Setting::Quoted) => look.length >= 8 && is_random(look) && !is_wordy(value),
        (Class::Secret, Setting::Bare) => {
            look.length >= 8 && is_random(look) && !is_wordy(value) && !is_member(value)
        }
        (Class::Secret, Setting::Loose) => {
            look.length >= 12 && look.is_mixed() && is_random(look) && !is_wordy(value)
        }
        (Class::Weak, Setting::Quoted | Setting::Bare | Setting::Loose) => {
            let plain = look.symbols * 4 <= look.length;
            look.length >= 15 && look.is_mixed() && look.entropy >= 3.3 && plain && !is_wordy(value)
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
fn is_member(value: &str) -> bool {
    let begins =
        |part: &str| part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    value.contains('.') && value.split('.').all(begins) && is_wordy(value)
}

#[cfg(test)]
mod tests;
