//! Tokens of program code in any language: names, strings and signs, without comments.

use std::ops::Range;

use super::language::Family;

/// What a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// A name or keyword.
    Name,
    /// A string; the range is its content without quotes.
    Text,
    /// A command in backticks, where the language has them; the range is its content.
    Command,
    /// A number.
    Number,
    /// The end of a line.
    Line,
    /// Any other character. `::`, `->` and `?.` are given as `.`.
    Sign(u8),
}

/// A token with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) class: Class,
    pub(super) range: Range<usize>,
}

/// The longest look ahead for the end of a string.
const LONGEST: usize = 64 * 1024;

/// Cuts code into tokens. Every byte is looked at a bounded number of times, whatever the text.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    family: Family,
    at: usize,
    /// Up to where a quote of a kind (`'`, `"`, `` ` ``) is known not to close.
    open: [usize; 3],
    /// Whether triple quotes and block comments were found not to close.
    no_triple: bool,
    no_block: bool,
}

/// Whether a byte can stand in a name.
pub(super) const fn name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t str, family: Family, at: usize) -> Self {
        Self {
            text,
            family,
            at,
            open: [0; 3],
            no_triple: false,
            no_block: false,
        }
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    fn before(&self, at: usize) -> u8 {
        at.checked_sub(1).map_or(b'\n', |at| self.byte(at))
    }

    fn rest(&self, at: usize) -> &'t [u8] {
        self.text.as_bytes().get(at..).unwrap_or_default()
    }

    fn token(&mut self, class: Class, range: Range<usize>, next: usize) -> Option<Token> {
        self.at = next.min(self.text.len());
        Some(Token { class, range })
    }

    fn skip_line(&mut self, from: usize) {
        self.at = memchr::memchr(b'\n', self.rest(from)).map_or(self.text.len(), |n| from + n);
    }

    /// The end of a string's content that begins at `from`, before its quote.
    fn string_end(&self, quote: u8, from: usize, across_lines: bool) -> Option<usize> {
        let window = self.rest(from);
        let window = window.get(..LONGEST).unwrap_or(window);
        let mut at = 0;
        loop {
            let rest = window.get(at..)?;
            let found = if across_lines {
                memchr::memchr2(quote, b'\\', rest)
            } else {
                memchr::memchr3(quote, b'\\', b'\n', rest)
            };
            at += found?;
            match window.get(at) {
                Some(b'\\') => at += 2,
                Some(b'\n') => return None,
                _ => return Some(from + at),
            }
        }
    }

    fn string(&mut self, quote: u8, start: usize) -> Option<Token> {
        let triple = quote != b'`' && self.rest(start).starts_with(&[quote; 3]);
        if triple && !self.no_triple {
            let from = start + 3;
            let end = memchr::memmem::find(self.rest(from), &[quote; 3]);
            match end {
                Some(n) => return self.token(Class::Text, from..from + n, from + n + 3),
                None => self.no_triple = true,
            }
        }
        let slot = match quote {
            b'\'' => 0,
            b'"' => 1,
            _ => 2,
        };
        let known_open = self.open.get(slot).is_some_and(|open| start < *open);
        if !known_open {
            let across =
                quote == b'`' || matches!(self.family, Family::Php | Family::Ruby | Family::Perl);
            if let Some(end) = self.string_end(quote, start + 1, across) {
                let class = match (quote, self.family) {
                    (b'`', Family::Ruby | Family::Perl | Family::Php) => Class::Command,
                    _ => Class::Text,
                };
                return self.token(class, start + 1..end, end + 1);
            }
            let line =
                memchr::memchr(b'\n', self.rest(start)).map_or(self.text.len(), |n| start + n);
            let until = if across { start + LONGEST } else { line };
            if let Some(open) = self.open.get_mut(slot) {
                *open = until;
            }
        }
        self.token(Class::Sign(quote), start..start + 1, start + 1)
    }

    /// An apostrophe in a word: `don't`, or a lifetime: `'a`.
    fn is_apostrophe(&self, at: usize) -> bool {
        let word = self.before(at).is_ascii_alphabetic() && self.byte(at + 1).is_ascii_alphabetic();
        let prefix = matches!(
            self.before(at),
            b'f' | b'r' | b'b' | b'u' | b'F' | b'R' | b'B' | b'U'
        ) && !name_byte(self.before(at.saturating_sub(1)));
        let lifetime = self.family == Family::Rust
            && name_byte(self.byte(at + 1))
            && self.byte(at + 2) != b'\'';
        (word && !prefix) || lifetime
    }

    /// Whether a comment begins at `at`; if so, goes to its end.
    fn skip_comment(&mut self, at: usize) -> bool {
        use Family::{
            C, DotNet, Go, Java, Lua, Perl, Php, Python, R, Ruby, Rust, Script, Shell, Sql,
            Unknown, Windows,
        };
        let (this, next, before) = (self.byte(at), self.byte(at + 1), self.before(at));
        let apart =
            before.is_ascii_whitespace() || matches!(before, b';' | b'{' | b'}' | b')' | b',');
        let line = match (this, next) {
            (b'#', n) => match self.family {
                Python => true,
                Ruby | Perl | Shell | R | Php => apart && n != b'{',
                Windows => apart,
                Unknown => apart && n != b'{' && n != b'[',
                Script | Java | DotNet | Go | Rust | C | Lua | Sql => false,
            },
            (b'/', b'/') => match self.family {
                Script | Java | DotNet | Go | Rust | C | Php => true,
                Unknown => apart,
                Python | Shell | Windows | Ruby | Perl | Lua | R | Sql => false,
            },
            (b'-', b'-') => matches!(self.family, Lua | Sql),
            _ => false,
        };
        if line {
            self.skip_line(at);
            return true;
        }
        let block = (this, next) == (b'/', b'*')
            && match self.family {
                Script | Java | DotNet | Go | Rust | C | Php => true,
                Unknown => apart,
                Python | Shell | Windows | Ruby | Perl | Lua | R | Sql => false,
            };
        if !block || self.no_block {
            return false;
        }
        match memchr::memmem::find(self.rest(at + 2), b"*/") {
            Some(n) => {
                self.at = at + 2 + n + 2;
                true
            }
            None => {
                self.no_block = true;
                false
            }
        }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let at = self.at;
            let byte = *self.text.as_bytes().get(at)?;
            let next = self.byte(at + 1);
            match byte {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' => return self.token(Class::Line, at..at + 1, at + 1),
                b'#' | b'/' | b'-' if self.skip_comment(at) => {}
                b'\'' if self.is_apostrophe(at) => {
                    return self.token(Class::Sign(b'\''), at..at + 1, at + 1);
                }
                b'"' | b'\'' => return self.string(byte, at),
                // Elsewhere backticks mark code in prose.
                b'`' if matches!(
                    self.family,
                    Family::Script | Family::Go | Family::Ruby | Family::Perl | Family::Php
                ) =>
                {
                    return self.string(byte, at);
                }
                b'0'..=b'9' => {
                    let length = self.rest(at).iter().take_while(|b| name_byte(**b)).count();
                    return self.token(Class::Number, at..at + length, at + length);
                }
                b if name_byte(b) || b == b'$' => {
                    let length = 1 + self
                        .rest(at + 1)
                        .iter()
                        .take_while(|b| name_byte(**b))
                        .count();
                    return self.token(Class::Name, at..at + length, at + length);
                }
                b':' if next == b':' => return self.token(Class::Sign(b'.'), at..at + 2, at + 2),
                b'-' if next == b'>' => return self.token(Class::Sign(b'.'), at..at + 2, at + 2),
                b'?' if next == b'.' => return self.token(Class::Sign(b'.'), at..at + 2, at + 2),
                b => return self.token(Class::Sign(b), at..at + 1, at + 1),
            }
        }
    }
}
