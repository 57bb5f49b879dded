//! Where SQL stands in a text, and what there is to object to in it.

use std::ops::Range;

use super::engine::Options;
use super::literal;
use super::split::is_batch_end;
use super::statement::{Footing, Tokens, Verb, judge, strong};
use super::style::{is_sentence, is_upper};
use super::token::{Class, Lexer, word_byte};
use super::words::{CLAUSES, OBJECTS, PROSE, STARTS};
use crate::excerpt::{Excerpt, Setting};

/// Tokens looked at to tell whether a statement begins.
const AHEAD: usize = 12;

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
enum Extent {
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

/// Whether a statement begins at `at`.
fn begins(text: &str, at: usize, footing: Footing) -> bool {
    let mut list = Vec::new();
    let mut commented = false;
    for token in Lexer::new(text, at) {
        match token.class {
            Class::Comment if list.is_empty() => {
                // A comment is passed once; what is behind it is looked at by the run.
                if commented && footing == Footing::Prose {
                    return false;
                }
                commented = true;
            }
            Class::Comment => {}
            Class::Open if list.is_empty() => {}
            Class::Word
                if list.is_empty()
                    && !STARTS.contains(text.get(token.range.clone()).unwrap_or_default()) =>
            {
                return false;
            }
            Class::Word
            | Class::Bound
            | Class::Number
            | Class::Text
            | Class::Quoted
            | Class::Open
            | Class::Close
            | Class::Sign(_)
                if list.is_empty() && token.class != Class::Word =>
            {
                return false;
            }
            Class::End => break,
            _ => {
                list.push(token);
                if list.len() >= AHEAD {
                    break;
                }
            }
        }
    }
    plausible(
        &Tokens {
            text,
            list: &list,
            ended: false,
        },
        footing,
    )
}

/// Whether tokens can be the beginning of a statement.
fn plausible(tokens: &Tokens<'_>, footing: Footing) -> bool {
    let (first, second) = (tokens.word(0), tokens.word(1));
    if first.is_empty() {
        return false;
    }
    let is = |word: &str| first.eq_ignore_ascii_case(word);
    if Verb::of(first).is_some() {
        return strong(tokens)
            || (tokens.list.len() > 1
                && (tokens.is_name(1) || !PROSE.contains(second))
                && (footing == Footing::Sure || footing == Footing::Line));
    }
    if footing == Footing::Sure {
        return true;
    }
    // A value is followed by a sign or a clause, not by a word.
    let alone = tokens.class(2) != Some(Class::Word) || CLAUSES.contains(tokens.word(2));
    let value = match tokens.class(1) {
        Some(Class::Sign(sign)) => sign == b'*' || sign == b'-',
        Some(Class::Number | Class::Bound) => alone,
        Some(Class::Text | Class::Quoted | Class::Open) => true,
        _ => false,
    };
    let has = |word: &str| (1..tokens.list.len()).any(|at| tokens.is(at, word));
    if is("SELECT") {
        let from = (1..tokens.list.len()).find(|at| tokens.is(*at, "FROM"));
        let named = from
            .is_some_and(|at| tokens.is_name(at + 1) || tokens.class(at + 1) != Some(Class::Word));
        return named || (from.is_none() && value) || (is_upper(first) && !PROSE.contains(second));
    }
    if is("INSERT") || is("REPLACE") || is("MERGE") || is("UPSERT") {
        return tokens.is(1, "INTO") || has("INTO") || (is_upper(first) && has("USING"));
    }
    if is("CREATE") {
        return OBJECTS.contains(second) || tokens.is(1, "OR");
    }
    if is("WITH") {
        return tokens.is(1, "RECURSIVE")
            || tokens.is(2, "AS")
            || (tokens.class(2) == Some(Class::Open) && has("AS") && is_upper(first));
    }
    if is("SET") {
        return (1..tokens.list.len()).any(|at| tokens.class(at) == Some(Class::Sign(b'=')))
            || is_upper(first);
    }
    if is("EXEC") || is("EXECUTE") || is("PREPARE") {
        return tokens.is(1, "IMMEDIATE")
            || matches!(tokens.class(1), Some(Class::Text | Class::Bound))
            || (tokens.class(1) == Some(Class::Open)
                && matches!(tokens.class(2), Some(Class::Text | Class::Bound)))
            || tokens.is(2, "FROM")
            || tokens.is(2, "AS")
            || second
                .get(..3)
                .is_some_and(|p| p.eq_ignore_ascii_case("sp_") || p.eq_ignore_ascii_case("xp_"))
            || (is_upper(first) && !PROSE.contains(second));
    }
    if is("DO") {
        return matches!(tokens.class(1), Some(Class::Text)) || tokens.is(1, "LANGUAGE");
    }
    if is("BEGIN") || is("IF") || is("EXPLAIN") || is("DECLARE") || is("WHILE") {
        let known = CLAUSES.contains(second)
            || STARTS.contains(second)
            || ["EXISTS", "NOT", "TRAN", "TRANSACTION", "ANALYZE"]
                .iter()
                .any(|w| tokens.is(1, w));
        return is_upper(first)
            || known
            || (is("IF") && tokens.class(1) == Some(Class::Open))
            || (is("BEGIN") && tokens.list.len() == 1);
    }
    is_upper(first) && !PROSE.contains(second)
}

/// Reads SQL from `start`, judging statement by statement. Gives where it ends.
fn run(
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
    let mut flush = |list: &mut Vec<_>, ended: bool| {
        let mut objections = Vec::new();
        judge(
            &Tokens { text, list, ended },
            footing,
            options,
            &mut objections,
            0,
        );
        found.objections.extend(
            objections
                .into_iter()
                .map(|(verb, range)| (verb.category(), excerpt.source(&range))),
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
            && starts_line(text, token.range.start)
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

/// Whether a verb at the beginning of a line can be nothing but a new statement.
fn starts_line(text: &str, at: usize) -> bool {
    let list: Vec<_> = Lexer::new(text, at)
        .filter(|token| token.class != Class::Comment)
        .take(AHEAD)
        .collect();
    strong(&Tokens {
        text,
        list: &list,
        ended: false,
    })
}

/// Whether the line at `at`, behind a statement without `;`, is no longer part of it.
fn prose_begins(text: &str, at: usize, gap: &str, word: &str) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    let blank = gap.matches('\n').count() > 1;
    let clause = CLAUSES.contains(word) || STARTS.contains(word);
    (blank && !clause) || is_sentence(line) || line.starts_with("```")
}

/// A quote at `at`: a literal or an inline piece that holds SQL is judged. Gives where to go on.
fn quoted(excerpt: &Excerpt<'_>, at: usize, options: &Options, found: &mut Found) -> usize {
    let text = excerpt.text;
    let bytes = text.as_bytes();
    let quote = bytes.get(at).copied().unwrap_or(0);
    let length = bytes
        .get(at..)
        .unwrap_or_default()
        .iter()
        .take(3)
        .take_while(|b| **b == quote)
        .count();
    let open = if length == 3 { 3 } else { 1 };
    if !begins_inside(text, at + open) {
        return at + open;
    }
    let Some(literal) = literal::read(excerpt, at) else {
        return at + open;
    };
    let inner = literal.excerpt(excerpt);
    if !begins(inner.text, 0, Footing::Line) {
        return at + open;
    }
    let end = literal.range.end;
    if literal.interpolated && options.interpolation {
        found
            .objections
            .push(("sql_interpolation", excerpt.source(&literal.range)));
    }
    let mut judged = Found::default();
    run(
        &inner,
        0,
        Extent::Whole,
        Footing::Line,
        options,
        &mut judged,
    );
    if literal.open {
        judged.objections.retain(|(category, _)| {
            *category != Verb::Delete.category() && *category != Verb::Update.category()
        });
    }
    found.objections.append(&mut judged.objections);
    found.comments.append(&mut judged.comments);
    end.max(at + open)
}

/// Whether the first word behind a quote can begin a statement: a cheap look before the literal is read.
fn begins_inside(text: &str, at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let Some(first) = rest
        .bytes()
        .position(|b| !b.is_ascii_whitespace() && b != b'(')
    else {
        return false;
    };
    let word = rest.get(first..).unwrap_or_default();
    let length = word.bytes().take(20).take_while(|b| word_byte(*b)).count();
    word.starts_with("--")
        || word.starts_with("/*")
        || word.get(..length).is_some_and(|word| STARTS.contains(word))
}
