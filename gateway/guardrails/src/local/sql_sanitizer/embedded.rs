//! SQL in string literals of program code, and values that are put into it.

use super::begin::begins;
use super::engine::Options;
use super::literal::{self, Literal};
use super::locate::{Extent, Found, run};
use super::statement::Footing;
use super::style::is_upper;
use super::token::{Class, Lexer, Token, word_byte};
use super::tokens::Tokens;
use super::verb::Verb;
use super::words::{OBJECTS, PROSE, STARTS};
use crate::excerpt::Excerpt;

/// Tokens of a literal that are looked at to tell whether it is a query.
const QUERY: usize = 96;

/// A quote at `at`: a literal or an inline piece that holds SQL is judged. Gives where to go on.
pub(super) fn quoted(
    excerpt: &Excerpt<'_>,
    at: usize,
    options: &Options,
    found: &mut Found,
) -> usize {
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
    let open = at + if length == 3 { 3 } else { 1 };
    let fragment = options.interpolation && begins_fragment(text, at, open);
    if !fragment && !begins_inside(text, open) {
        return open;
    }
    let Some(literal) = literal::read(excerpt, at) else {
        return open;
    };
    let inner = literal.excerpt(excerpt);
    if !begins(inner.text, 0, Footing::Line) {
        if fragment && literal.interpolated {
            found
                .objections
                .push(("sql_interpolation", excerpt.source(&literal.range)));
        }
        return open;
    }
    if literal.interpolated && options.interpolation && is_query(&inner) {
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
    found.objections.extend(
        judged
            .objections
            .into_iter()
            .filter(|(category, _)| is_certain(&literal, category)),
    );
    found.comments.append(&mut judged.comments);
    literal.range.end.max(open)
}

/// Whether a finding holds whatever is added to a literal: a `WHERE` may be.
fn is_certain(literal: &Literal, category: &str) -> bool {
    !literal.open || (category != Verb::Delete.category() && category != Verb::Update.category())
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

/// Whether a literal is a part of a query: it goes on with a condition, or a query builder takes it as one.
fn begins_fragment(text: &str, quote: usize, open: usize) -> bool {
    let rest = text.get(open..).unwrap_or_default().trim_start();
    let clause = ["WHERE ", "AND ", "OR ", "ORDER BY ", "VALUES (", "SET "]
        .iter()
        .any(|word| rest.starts_with(word));
    let head = text
        .as_bytes()
        .get(quote.saturating_sub(12)..quote)
        .unwrap_or_default();
    let builder = [&b".where("[..], b".whereRaw(", b".andWhere(", b".having("]
        .iter()
        .any(|call| head.ends_with(call));
    let line = rest.lines().next().unwrap_or_default();
    (clause && line.contains('=')) || (builder && line.contains("= '"))
}

/// Whether a literal, with `?` for what is put into it, has the shape of a query rather than of a message.
fn is_query(inner: &Excerpt<'_>) -> bool {
    let list: Vec<Token> = Lexer::new(inner.text, 0)
        .filter(|token| token.class != Class::Comment)
        .take(QUERY)
        .collect();
    let tokens = Tokens {
        text: inner.text,
        list: &list,
        ended: false,
    };
    let is = |word: &str| tokens.is(0, word);
    let upper = is_upper(tokens.word(0));
    let value = |at: usize| {
        matches!(
            tokens.class(at),
            Some(Class::Bound | Class::Quoted | Class::Text)
        )
    };
    // A name, a value in its place, or the end, behind which a value is added.
    let named =
        |at: usize| value(at) || tokens.class(at).is_none() || !PROSE.contains(tokens.word(at));
    let find = |from: usize, word: &str| tokens.at_depth_0(from, |t, n| t.is(n, word));
    if is("SELECT") {
        // `Select an item from the list` is a message.
        let small = tokens.word(0).starts_with('s');
        return match find(1, "FROM") {
            Some(at) => {
                (upper || small) && (tokens.class(at + 1) == Some(Class::Open) || named(at + 1))
            }
            None => upper,
        };
    }
    if is("INSERT") || is("REPLACE") {
        let into = if tokens.is(1, "INTO") { 2 } else { 1 };
        let after = tokens.after_name(into).unwrap_or(into);
        return tokens.class(after) == Some(Class::Open)
            || ["VALUES", "SELECT", "SET"]
                .iter()
                .any(|word| tokens.is(after, word))
            || (upper && tokens.class(after).is_none());
    }
    if is("UPDATE") {
        let set = find(2, "SET");
        return set.is_some_and(|at| {
            find(at, "WHERE").is_some()
                || (at..list.len()).any(|n| tokens.class(n) == Some(Class::Sign(b'=')))
                || list.len() == at + 1
        }) || (upper && list.len() == 1);
    }
    if is("DELETE") {
        return tokens.is(1, "FROM") && (upper || find(2, "WHERE").is_some());
    }
    if is("CREATE") || is("DROP") || is("ALTER") || is("TRUNCATE") {
        return OBJECTS.contains(tokens.word(1)) && (upper || tokens.ended || value(2));
    }
    if is("WITH") {
        return find(1, "AS").is_some();
    }
    upper
        && STARTS.contains(tokens.word(0))
        && list.len() > 1
        && tokens.class(1) == Some(Class::Word)
}
