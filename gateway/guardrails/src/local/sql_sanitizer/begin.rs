//! Whether SQL begins at a place of a text.

use super::statement::{Footing, strong};
use super::style::is_upper;
use super::token::{Class, Lexer};
use super::tokens::Tokens;
use super::verb::Verb;
use super::words::{CLAUSES, OBJECTS, PROSE, STARTS};

/// Tokens looked at to tell whether a statement begins.
pub(super) const AHEAD: usize = 12;

/// Whether a statement begins at `at`.
pub(super) fn begins(text: &str, at: usize, footing: Footing) -> bool {
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
