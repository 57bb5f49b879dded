//! Judges one statement, given as tokens without comments.

use std::ops::Range;

use super::condition;
use super::engine::Options;
use super::reading::is_statement;
use super::token::Class;
use super::tokens::Tokens;
use super::verb::Verb;
use super::words::{OBJECTS, PRIVILEGES};

/// How many verbs are judged in one statement: each looks to the statement's end.
const MAX_VERBS: usize = 16;

/// How deep `EXECUTE '...'` within `EXECUTE '...'` is followed.
const MAX_DEPTH: u8 = 3;

/// Something to object to: its category, and the bytes from the verb to what it acts on.
pub(super) type Objection = (&'static str, Range<usize>);

/// How sure it is that the text is SQL at all.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Footing {
    /// In a sentence.
    Prose,
    /// At the beginning of a line or text.
    Line,
    /// In a SQL fence or string, or behind another statement.
    Sure,
}

/// Judges a statement; `strings` receives texts that it executes as SQL.
pub(super) fn judge(
    tokens: &Tokens<'_>,
    footing: Footing,
    options: &Options,
    found: &mut Vec<Objection>,
    depth: u8,
) {
    let mut at = 0;
    while tokens.class(at) == Some(Class::Open) {
        at += 1;
    }
    let first = tokens.word(at);
    if Verb::of(first).is_some() {
        return verb(tokens, at, footing, options, found);
    }
    let is = |word: &str| first.eq_ignore_ascii_case(word);
    if is("EXPLAIN") {
        // Only ANALYZE executes.
        if let Some(analyze) = tokens.at_depth_0(at, |t, n| {
            n < 6 && (t.is(n, "ANALYZE") || t.is(n, "ANALYSE"))
        }) {
            judge(
                &tokens.part(analyze + 1..tokens.list.len()),
                footing,
                options,
                found,
                depth,
            );
        }
    } else if is("WITH") || is("SELECT") || is("INSERT") {
        with(tokens, at, options, found);
    } else if is("EXEC") || is("EXECUTE") || is("PREPARE") {
        if tokens.is(at + 2, "AS") {
            return judge(
                &tokens.part(at + 3..tokens.list.len()),
                footing,
                options,
                found,
                depth,
            );
        }
        executed(tokens, options, found, depth);
    } else if is("DO") {
        // PostgreSQL: DO $$ ... $$
        executed(tokens, options, found, depth);
    } else if [
        "BEGIN", "IF", "ELSE", "WHILE", "FOR", "LOOP", "DECLARE", "THEN", "CASE", "END",
    ]
    .iter()
    .any(|word| is(word))
    {
        block(tokens, at, options, found, depth);
    }
}

/// A block of a script: verbs behind the words that begin a body, or behind a condition.
fn block(
    tokens: &Tokens<'_>,
    from: usize,
    options: &Options,
    found: &mut Vec<Objection>,
    depth: u8,
) {
    let mut verbs = 0;
    for at in from + 1..tokens.list.len() {
        let word = tokens.word(at);
        if verbs < MAX_VERBS && Verb::of(word).is_some() {
            verbs += 1;
            let before = tokens.word(at - 1);
            let opens = [
                "THEN",
                "ELSE",
                "BEGIN",
                "LOOP",
                "DO",
                "TRAN",
                "TRANSACTION",
                "TRY",
                "CATCH",
            ]
            .iter()
            .any(|word| before.eq_ignore_ascii_case(word))
                || tokens.class(at - 1) == Some(Class::Close);
            let rest = tokens.part(at..tokens.list.len());
            if opens || strong(&rest) {
                verb(tokens, at, Footing::Line, options, found);
                return;
            }
        } else if word.eq_ignore_ascii_case("EXEC") || word.eq_ignore_ascii_case("EXECUTE") {
            return executed(&tokens.part(at..tokens.list.len()), options, found, depth);
        } else if word.eq_ignore_ascii_case("WITH") || word.eq_ignore_ascii_case("MERGE") {
            return;
        }
    }
}

/// A statement behind common table expressions, and statements in them.
fn with(tokens: &Tokens<'_>, from: usize, options: &Options, found: &mut Vec<Objection>) {
    let mut verbs = 0;
    for at in from + 1..tokens.list.len() {
        let behind = tokens.class(at - 1);
        if !matches!(behind, Some(Class::Open | Class::Close)) {
            continue;
        }
        if verbs < MAX_VERBS
            && matches!(Verb::of(tokens.word(at)), Some(Verb::Delete | Verb::Update))
        {
            verbs += 1;
            verb(tokens, at, Footing::Sure, options, found);
        }
    }
}

/// Strings that a statement executes.
pub(super) fn executed(
    tokens: &Tokens<'_>,
    options: &Options,
    found: &mut Vec<Objection>,
    depth: u8,
) {
    if depth >= MAX_DEPTH {
        return;
    }
    for at in 1..tokens.list.len() {
        let (Some(Class::Text | Class::Quoted), written) = (tokens.class(at), tokens.written(at))
        else {
            continue;
        };
        let place = tokens.range(at, at);
        // What is concatenated to it is not known; a value stands for it.
        let goes_on = matches!(tokens.class(at + 1), Some(Class::Sign(b'|' | b'+')));
        let inner = if goes_on {
            format!("{} ?", content(written))
        } else {
            content(written).to_owned()
        };
        let mut objections = Vec::new();
        super::split::statements(&inner, &mut |statement| {
            judge(
                &statement,
                Footing::Sure,
                options,
                &mut objections,
                depth + 1,
            );
        });
        found.extend(
            objections
                .into_iter()
                .map(|(category, _)| (category, place.clone())),
        );
        if goes_on && options.interpolation {
            found.push(("sql_interpolation", place));
        }
    }
}

/// What a string's quotes enclose.
fn content(written: &str) -> &str {
    if let Some(tagged) = written.strip_prefix('$') {
        let tag = tagged.find('$').map_or(0, |n| n + 2);
        return written
            .get(tag..written.len().saturating_sub(tag))
            .unwrap_or_default();
    }
    let open = written.find(['\'', '"', '`', '[']).map_or(0, |n| n + 1);
    written
        .get(open..written.len().saturating_sub(1))
        .unwrap_or_default()
}

/// Whether a verb with what follows can hardly be anything but SQL.
pub(super) fn strong(tokens: &Tokens<'_>) -> bool {
    let second = tokens.word(1);
    match Verb::of(tokens.word(0)) {
        Some(Verb::Drop | Verb::Alter) => OBJECTS.contains(second),
        Some(Verb::Truncate) => tokens.is(1, "TABLE"),
        Some(Verb::Grant | Verb::Revoke) => PRIVILEGES.contains(second),
        Some(Verb::Delete) => tokens.is(1, "FROM"),
        Some(Verb::Update) => set_clause(tokens, 0).is_some(),
        None => false,
    }
}

/// The place of `SET` of an update that begins at `at`.
pub(super) fn set_clause(tokens: &Tokens<'_>, at: usize) -> Option<usize> {
    // Names, hints, aliases and joins stand between.
    let set = tokens.at_depth_0(at + 2, |t, n| t.is(n, "SET"))?;
    let assigns = tokens.at_depth_0(set + 1, |t, n| {
        matches!(t.class(n), Some(Class::Sign(b'=')))
    });
    let listed = matches!(tokens.class(set + 1), Some(Class::Open | Class::Bound));
    (assigns.is_some() || listed).then_some(set)
}

/// Judges a verb at `at`, in the position of a statement.
fn verb(
    tokens: &Tokens<'_>,
    at: usize,
    footing: Footing,
    options: &Options,
    found: &mut Vec<Objection>,
) {
    let Some(verb) = Verb::of(tokens.word(at)) else {
        return;
    };
    if !verb.is_blocked(options) {
        return;
    }
    let rest = tokens.part(at..tokens.list.len());
    if !is_statement(verb, &rest, footing) {
        return;
    }
    let objects = match verb {
        Verb::Drop | Verb::Truncate | Verb::Alter | Verb::Grant | Verb::Revoke => true,
        Verb::Delete | Verb::Update => {
            let condition = rest.at_depth_0(1, |t, n| t.is(n, "WHERE"));
            condition.is_none_or(|at| condition::always_true(&rest.part(at + 1..rest.list.len())))
        }
    };
    if objects {
        found.push((verb.category(), tokens.range(at, at + 2)));
    }
}
