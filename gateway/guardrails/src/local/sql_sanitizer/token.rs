//! SQL tokens: enough of every dialect to know strings, comments, names and nesting.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// A bare word: keyword or name.
    Word,
    /// A quoted name or, in some dialects, a string: `"x"`, `` `x` ``, `[x]`.
    Quoted,
    /// A string: `'x'`, `N'x'`, `E'x'`, `$$x$$`.
    Text,
    /// A number.
    Number,
    /// A bound value: `?`, `:x`, `$1`, `@p`, `%s`, `{{x}}`.
    Bound,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `;`
    End,
    /// Any other character.
    Sign(u8),
    /// `--`, `#` or `/* */`; the range ends before the line's end.
    Comment,
}

/// A token with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    /// What it is.
    pub(super) class: Class,
    /// Bytes of the lexer's text.
    pub(super) range: Range<usize>,
}

/// How many dollar quotes may lack their end before the lexer stops to look for one: the search runs
/// to the end of the text each time.
const MAX_OPEN_DOLLARS: u8 = 4;

/// Cuts a text into tokens. Every byte is looked at a bounded number of times, whatever the text.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// Whether block comments may nest; cleared when one did not close.
    nesting: bool,
    /// Inside `/*! ... */`, which MySQL executes.
    executed_comment: bool,
    open_dollars: u8,
    /// Quotes of which no further one follows.
    spent: [bool; 3],
    /// The last token that was not a comment, to tell `#tmp` from a `#` comment.
    names_follow: bool,
}

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t str, at: usize) -> Self {
        Self {
            text,
            at,
            nesting: true,
            executed_comment: false,
            open_dollars: 0,
            spent: [false; 3],
            names_follow: false,
        }
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    fn rest(&self, at: usize) -> &'t [u8] {
        self.text.as_bytes().get(at..).unwrap_or_default()
    }

    fn token(&mut self, class: Class, start: usize, end: usize) -> Option<Token> {
        let end = end.min(self.text.len());
        self.at = end;
        if class != Class::Comment {
            self.names_follow = class == Class::Word
                && self
                    .text
                    .get(start..end)
                    .is_some_and(|word| super::words::TABLE_FOLLOWS.contains(word));
        }
        Some(Token {
            class,
            range: start..end,
        })
    }

    /// The end of the line at `from`, without its line break.
    fn line_end(&self, from: usize) -> usize {
        memchr::memchr2(b'\n', b'\r', self.rest(from)).map_or(self.text.len(), |n| from + n)
    }

    fn block_comment(&mut self, start: usize) -> Option<Token> {
        let mut first_end = None;
        let mut depth = 1_u32;
        let mut at = start + 2;
        while let Some(found) = memchr::memchr2(b'*', b'/', self.rest(at)) {
            at += found;
            match (self.byte(at), self.byte(at + 1)) {
                (b'*', b'/') => {
                    at += 2;
                    first_end.get_or_insert(at);
                    depth -= 1;
                    if depth == 0 || !self.nesting {
                        return self.token(Class::Comment, start, at);
                    }
                }
                (b'/', b'*') => {
                    at += 2;
                    depth += 1;
                }
                _ => at += 1,
            }
        }
        // Not nested after all, or never closed.
        self.nesting = false;
        self.token(Class::Comment, start, first_end.unwrap_or(self.text.len()))
    }

    /// Whether a quote behind a backslash at `at` still ends the string: only MySQL escapes that way.
    fn ends_though_escaped(&self, at: usize) -> bool {
        let rest = self.rest(at + 1);
        let word = rest.iter().position(|b| !b.is_ascii_whitespace());
        match word.and_then(|n| rest.get(n..)) {
            None => true,
            Some(rest) => match rest.first() {
                Some(b';' | b',' | b')' | b'=' | b'<' | b'>' | b'|') => true,
                Some(b) if b.is_ascii_alphabetic() => {
                    let end = rest.iter().position(|b| !b.is_ascii_alphabetic());
                    word != Some(0)
                        && std::str::from_utf8(&rest[..end.unwrap_or(rest.len()).min(12)])
                            .is_ok_and(|word| super::words::CLAUSES.contains(word))
                }
                _ => false,
            },
        }
    }

    /// A string or quoted name from `open` (the quote's place) of a token that began at `start`.
    fn quoted(&mut self, start: usize, open: usize, class: Class, escapes: bool) -> Option<Token> {
        let quote = self.byte(open);
        let slot = match quote {
            b'\'' => 0,
            b'"' => 1,
            _ => 2,
        };
        if self.spent.get(slot).copied().unwrap_or(false) {
            return self.token(Class::Sign(quote), start, open + 1);
        }
        let mut at = open + 1;
        while let Some(found) = memchr::memchr(quote, self.rest(at)) {
            at += found;
            if self.byte(at + 1) == quote {
                at += 2;
                continue;
            }
            let slashes = self.text.as_bytes()[open + 1..at]
                .iter()
                .rev()
                .take_while(|b| **b == b'\\')
                .count();
            if slashes % 2 == 1 && (escapes || !self.ends_though_escaped(at)) {
                at += 1;
                continue;
            }
            return self.token(class, start, at + 1);
        }
        // It never ends: an apostrophe, not a string. No later one ends either.
        if let Some(spent) = self.spent.get_mut(slot) {
            *spent = true;
        }
        self.token(Class::Sign(quote), start, open + 1)
    }

    /// What a bracket may enclose: a bounded look ahead, because it may never close.
    fn near(&self, at: usize) -> &'t [u8] {
        let rest = self.rest(at);
        rest.get(..256).unwrap_or(rest)
    }

    /// A template's hole: `{x}`, `{{x}}`, `${x}`, `#{x}`.
    fn braced(&mut self, start: usize, opening: usize) -> Option<Token> {
        match memchr::memchr2(b'}', b'\n', self.near(start)) {
            Some(n) if self.byte(start + n) == b'}' => {
                let double = usize::from(self.byte(start + n + 1) == b'}');
                self.token(Class::Bound, start, start + n + 1 + double)
            }
            _ => self.token(Class::Sign(b'{'), start, start + opening),
        }
    }

    fn dollar(&mut self, start: usize) -> Option<Token> {
        let tag = self
            .rest(start + 1)
            .iter()
            .take(64)
            .take_while(|b| word_byte(**b))
            .count();
        let tag_end = start + 1 + tag;
        if self.byte(tag_end) == b'$' && self.open_dollars < MAX_OPEN_DOLLARS {
            let opening = self.text.get(start..=tag_end).unwrap_or_default();
            let found = memchr::memmem::find(self.rest(tag_end + 1), opening.as_bytes());
            if let Some(found) = found {
                return self.token(Class::Text, start, tag_end + 1 + found + opening.len());
            }
            self.open_dollars += 1;
        }
        if tag > 0 {
            return self.token(Class::Bound, start, tag_end);
        }
        if self.byte(start + 1) == b'{' {
            return self.braced(start, 2);
        }
        self.token(Class::Sign(b'$'), start, start + 1)
    }

    fn hash(&mut self, start: usize) -> Option<Token> {
        let next = self.byte(start + 1);
        let name = word_byte(next) || next == b'#';
        if next == b'{' {
            return self.braced(start, 2);
        }
        if matches!(next, b'>' | b'-' | b'=') {
            return self.token(Class::Sign(b'#'), start, start + 1);
        }
        if name && self.names_follow {
            let end = start
                + self
                    .rest(start)
                    .iter()
                    .take_while(|b| word_byte(**b) || **b == b'#')
                    .count();
            return self.token(Class::Word, start, end);
        }
        let end = self.line_end(start);
        self.token(Class::Comment, start, end)
    }

    fn word(&mut self, start: usize) -> Option<Token> {
        let rest = self.rest(start);
        let end = start + rest.iter().take_while(|b| word_byte(**b)).count();
        if self.byte(end) == b'\'' && end - start <= 2 {
            let prefix = self.text.get(start..end).unwrap_or_default();
            if ["n", "e", "b", "x", "r", "u", "q"]
                .iter()
                .any(|p| prefix.eq_ignore_ascii_case(p))
            {
                let escapes = prefix.eq_ignore_ascii_case("e");
                return self.quoted(start, end, Class::Text, escapes);
            }
        }
        let class = if rest.first().is_some_and(u8::is_ascii_digit) {
            Class::Number
        } else {
            Class::Word
        };
        self.token(class, start, end.max(start + 1))
    }
}

/// Whether a byte can stand in a bare name. Bytes of other scripts can.
pub(super) const fn word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let start = self.at;
            let byte = *self.text.as_bytes().get(start)?;
            let next = self.byte(start + 1);
            return match (byte, next) {
                (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, _) => {
                    self.at += 1;
                    continue;
                }
                (b'-', b'-') => {
                    let end = self.line_end(start);
                    self.token(Class::Comment, start, end)
                }
                (b'/', b'*') if self.byte(start + 2) == b'!' => {
                    let digits = self
                        .rest(start + 3)
                        .iter()
                        .take_while(|b| b.is_ascii_digit())
                        .count();
                    self.executed_comment = true;
                    self.at = start + 3 + digits;
                    continue;
                }
                (b'*', b'/') if self.executed_comment => {
                    self.executed_comment = false;
                    self.at += 2;
                    continue;
                }
                (b'/', b'*') => self.block_comment(start),
                (b'#', _) => self.hash(start),
                (b'\'', _) => self.quoted(start, start, Class::Text, false),
                (b'"' | b'`', _) => self.quoted(start, start, Class::Quoted, false),
                (b'[', n) if word_byte(n) && !n.is_ascii_digit() => {
                    // A T-SQL name, if it closes on its line.
                    let end = memchr::memchr3(b']', b'\n', b'\'', self.near(start));
                    match end {
                        Some(n) if self.byte(start + n) == b']' => {
                            self.token(Class::Quoted, start, start + n + 1)
                        }
                        _ => self.token(Class::Sign(b'['), start, start + 1),
                    }
                }
                (b'$', _) => self.dollar(start),
                (b'?', _) => self.token(Class::Bound, start, start + 1),
                (b':', b':') => self.token(Class::Sign(b':'), start, start + 2),
                (b':' | b'@', n) if word_byte(n) || n == b'@' => {
                    let end = self
                        .rest(start + 1)
                        .iter()
                        .take_while(|b| word_byte(**b) || **b == b'@')
                        .count();
                    self.token(Class::Bound, start, start + 1 + end)
                }
                (b'%', b's' | b'd' | b'(') if !word_byte(self.byte(start + 2)) || next == b'(' => {
                    self.token(Class::Bound, start, start + 2)
                }
                (b'{', _) => self.braced(start, 1),
                (b'(', _) => self.token(Class::Open, start, start + 1),
                (b')', _) => self.token(Class::Close, start, start + 1),
                (b';', _) => self.token(Class::End, start, start + 1),
                (b, _) if word_byte(b) => self.word(start),
                (b, _) => self.token(Class::Sign(b), start, start + 1),
            };
        }
    }
}
