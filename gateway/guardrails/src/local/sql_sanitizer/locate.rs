//! Where SQL stands in a text, and what there is to object to in it.

use std::ops::Range;

use super::begin::{AHEAD, begins};
use super::embedded::quoted;
use super::engine::Options;
use super::split::is_batch_end;
use super::statement::{Footing, executed, judge, strong};
use super::style::{is_sentence, is_upper};
use super::token::{Class, Lexer, Token, word_byte};
use super::tokens::Tokens;
use super::verb::Verb;
use super::words::{CLAUSES, STARTS};
use crate::excerpt::{Excerpt, Setting};

/// Texts in variables that are remembered.
const MAX_HELD: usize = 32;

/// What was found, in ranges of the source.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What to object to.
    pub(super) objections: Vec<(&'static str, Range<usize>)>,
    /// Comments of SQL.
    pub(super) comments: Vec<Range<usize>>,
}

/// How far a stretch of SQL goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Extent {
    /// To the end of the text.
    Whole,
    /// To where prose begins.
    Lines,
}

/// Finds SQL in an excerpt and judges it. Takes time linear in the excerpt.
pub(super) fn find(excerpt: &Excerpt<'_>, options: &Options, found: &mut Found) {
    let footing = footing(excerpt);
    if footing == Footing::Sure && begins(excerpt.text, 0, footing) {
        run(excerpt, 0, Extent::Whole, footing, options, found);
        return;
    }
    let bytes = excerpt.text.as_bytes();
    let mut at = 0;
    let mut line_start = true;
    while let Some(&byte) = bytes.get(at) {
        let opens = std::mem::take(&mut line_start);
        if opens {
            let start = skip_markers(bytes, at);
            if begins(excerpt.text, start, Footing::Line) {
                at = run(excerpt, start, Extent::Lines, Footing::Line, options, found)
                    .max(start + 1);
                continue;
            }
        }
        match byte {
            b'\n' => {
                line_start = true;
                at += 1;
            }
            b'"' | b'\'' | b'`' => at = quoted(excerpt, at, options, found),
            b if word_byte(b) => {
                let end = at
                    + bytes
                        .get(at..)
                        .unwrap_or_default()
                        .iter()
                        .take_while(|b| word_byte(**b))
                        .count();
                let word = excerpt.text.get(at..end).unwrap_or_default();
                let after_colon = bytes
                    .get(..at)
                    .is_some_and(|b| b.trim_ascii_end().ends_with(b":"));
                let in_prose = is_upper(word) && Verb::of(word).is_some();
                if (in_prose || (after_colon && STARTS.contains(word)))
                    && begins(excerpt.text, at, Footing::Prose)
                {
                    let footing = if after_colon {
                        Footing::Line
                    } else {
                        Footing::Prose
                    };
                    at = run(excerpt, at, Extent::Lines, footing, options, found).max(end);
                } else {
                    at = end;
                }
            }
            _ => at += 1,
        }
    }
}

/// Finds injection payloads in an excerpt.
pub(super) fn payloads(excerpt: &Excerpt<'_>, found: &mut Found) {
    let begins = |at| begins(excerpt.text, at, Footing::Line);
    super::inject::find(excerpt.text, begins, &mut |range| {
        found
            .objections
            .push(("sql_injection", excerpt.source(&range)));
    });
}

/// How sure it is that an excerpt is SQL.
fn footing(excerpt: &Excerpt<'_>) -> Footing {
    let name = match excerpt.setting {
        Setting::Plain => return Footing::Line,
        Setting::Fence => excerpt.language,
        Setting::Json => excerpt.key,
    };
    let name = name.to_ascii_lowercase();
    if ["sql", "statement", "stmt"]
        .iter()
        .any(|word| name.contains(word))
    {
        Footing::Sure
    } else {
        Footing::Line
    }
}

/// The place after white space and list markers, quote markers and prompts at the beginning of a line.
fn skip_markers(bytes: &[u8], mut at: usize) -> usize {
    let mut marks = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match rest {
            [b' ' | b'\t' | b'\r', ..] => at += 1,
            [b'>' | b'-' | b'*' | b'+', b' ', ..] if marks < 4 => {
                at += 2;
                marks += 1;
            }
            [b'0'..=b'9', b'.' | b')', b' ', ..] if marks < 4 => {
                at += 3;
                marks += 1;
            }
            _ => break,
        }
    }
    let line = bytes.get(at..).unwrap_or_default();
    let line = line.get(..32).unwrap_or(line);
    for prompt in [
        &b"mysql> "[..],
        b"sqlite> ",
        b"postgres=# ",
        b"postgres=> ",
        b"sql> ",
        b"SQL> ",
    ] {
        if line.starts_with(prompt) {
            return at + prompt.len();
        }
    }
    at
}

/// Reads SQL from `start`, judging statement by statement. Gives where it ends.
pub(super) fn run(
    excerpt: &Excerpt<'_>,
    start: usize,
    extent: Extent,
    footing: Footing,
    options: &Options,
    found: &mut Found,
) -> usize {
    let text = excerpt.text;
    let mut list = Vec::new();
    let mut comments = Vec::new();
    let (mut end, mut depth) = (start, 0_u32);
    // Texts given to variables, which a later statement may execute.
    let mut held: Vec<Token> = Vec::new();
    let mut flush = |list: &mut Vec<Token>, ended: bool| {
        let tokens = Tokens { text, list, ended };
        let mut objections = Vec::new();
        judge(&tokens, footing, options, &mut objections, 0);
        if ["SET", "DECLARE", "SELECT"]
            .iter()
            .any(|word| tokens.is(0, word))
        {
            let texts = list.iter().filter(|token| token.class == Class::Text);
            held.extend(texts.take(MAX_HELD.saturating_sub(held.len())).cloned());
        } else if runs_variable(&tokens) && !held.is_empty() {
            held.insert(
                0,
                Token {
                    class: Class::Word,
                    range: 0..0,
                },
            );
            executed(
                &Tokens {
                    text,
                    list: &held,
                    ended,
                },
                options,
                &mut objections,
                0,
            );
            held.clear();
        }
        found.objections.extend(
            objections
                .into_iter()
                .map(|(category, range)| (category, excerpt.source(&range))),
        );
        list.clear();
    };
    for token in Lexer::new(text, start) {
        let gap = text.get(end..token.range.start).unwrap_or_default();
        let newline = gap.contains('\n');
        let word = match token.class {
            Class::Word => text.get(token.range.clone()).unwrap_or_default(),
            _ => "",
        };
        if extent == Extent::Lines && end > start {
            let stops = if list.is_empty() && token.class != Class::Comment {
                !begins(text, token.range.start, Footing::Line)
            } else if newline && !list.is_empty() {
                prose_begins(text, token.range.start, gap, word)
            } else {
                false
            };
            if stops {
                break;
            }
        }
        // Dialects without `;`: a verb at the beginning of a line begins a statement.
        if newline
            && depth == 0
            && !list.is_empty()
            && Verb::of(word).is_some()
            && starts_line(text, token.range.start, alters(&list, text))
        {
            flush(&mut list, true);
        }
        end = token.range.end;
        match token.class {
            Class::Comment => comments.push(token.range),
            Class::End => {
                flush(&mut list, true);
                depth = 0;
            }
            Class::Word if is_batch_end(text, &token.range) => flush(&mut list, true),
            class => {
                match class {
                    Class::Open => depth += 1,
                    Class::Close => depth = depth.saturating_sub(1),
                    _ => {}
                }
                list.push(token);
            }
        }
    }
    flush(&mut list, false);
    found
        .comments
        .extend(comments.iter().map(|range| excerpt.source(range)));
    end
}

/// Whether a statement executes what a variable holds.
fn runs_variable(tokens: &Tokens<'_>) -> bool {
    let executes = ["EXEC", "EXECUTE", "PREPARE"]
        .iter()
        .any(|word| tokens.is(0, word));
    executes && (1..5).any(|at| tokens.class(at) == Some(Class::Bound))
}

/// Whether tokens begin with `ALTER`, whose actions begin with verbs too.
fn alters(list: &[Token], text: &str) -> bool {
    let first = list.first().and_then(|token| text.get(token.range.clone()));
    first.is_some_and(|word| word.eq_ignore_ascii_case("ALTER"))
}

/// Whether a verb at the beginning of a line can be nothing but a new statement.
fn starts_line(text: &str, at: usize, altering: bool) -> bool {
    const OWN: [&str; 9] = [
        "TABLE",
        "DATABASE",
        "SCHEMA",
        "VIEW",
        "USER",
        "ROLE",
        "LOGIN",
        "PROCEDURE",
        "FUNCTION",
    ];
    let words = Lexer::new(text, at).filter(|token| token.class != Class::Comment);
    let list: Vec<_> = words.take(AHEAD).collect();
    let tokens = Tokens {
        text,
        list: &list,
        ended: false,
    };
    let action = altering
        && matches!(Verb::of(tokens.word(0)), Some(Verb::Drop | Verb::Alter))
        && !OWN.iter().any(|word| tokens.is(1, word));
    strong(&tokens) && !action
}

/// Whether the line at `at`, behind a statement without `;`, is no longer part of it.
fn prose_begins(text: &str, at: usize, gap: &str, word: &str) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    let blank = gap.matches('\n').count() > 1;
    let clause = CLAUSES.contains(word) || STARTS.contains(word);
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let item = digits > 0
        && line
            .get(digits..)
            .is_some_and(|rest| rest.starts_with(". ") || rest.starts_with(") "));
    (blank && !clause) || item || line.starts_with("```") || is_sentence(line)
}
