//! Conditions that are always true: `1=1`, `true`, `'a'='a' OR x`.

use super::token::Class;
use super::tokens::Tokens;

/// Parentheses around a condition that are looked through.
const MAX_DEPTH: u8 = 8;

/// Words that end a condition.
const ENDS: [&str; 8] = [
    "ORDER",
    "LIMIT",
    "RETURNING",
    "GROUP",
    "OPTION",
    "FETCH",
    "OFFSET",
    "WINDOW",
];

/// Whether the condition at the beginning of `tokens` holds for every row.
pub(super) fn always_true(tokens: &Tokens<'_>) -> bool {
    let end = tokens.at_depth_0(0, |t, n| ENDS.iter().any(|word| t.is(n, word)));
    let mut length = end.unwrap_or(tokens.list.len());
    // A parenthesis that was not opened here ends it too.
    let mut depth = 0_i64;
    for at in 0..length {
        match tokens.class(at) {
            Some(Class::Open) => depth += 1,
            Some(Class::Close) => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            length = at;
            break;
        }
    }
    any(&tokens.part(0..length), 0)
}

/// Cuts at a connective of depth 0; `BETWEEN a AND b` is not cut.
fn cut<'t>(tokens: &Tokens<'t>, word: &str) -> Vec<Tokens<'t>> {
    let mut parts = Vec::new();
    let (mut begin, mut depth, mut between) = (0, 0_u32, false);
    for at in 0..tokens.list.len() {
        match tokens.class(at) {
            Some(Class::Open) => depth += 1,
            Some(Class::Close) => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            _ if tokens.is(at, "BETWEEN") => between = true,
            _ if tokens.is(at, word) => {
                if word == "AND" && between {
                    between = false;
                    continue;
                }
                parts.push(tokens.part(begin..at));
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(tokens.part(begin..tokens.list.len()));
    parts
}

fn any(tokens: &Tokens<'_>, depth: u8) -> bool {
    depth < MAX_DEPTH && cut(tokens, "OR").iter().any(|part| all(part, depth))
}

fn all(tokens: &Tokens<'_>, depth: u8) -> bool {
    cut(tokens, "AND").iter().all(|part| holds(part, depth))
}

/// Whether one comparison or constant holds for every row.
fn holds(tokens: &Tokens<'_>, depth: u8) -> bool {
    let last = tokens.list.len().saturating_sub(1);
    if tokens.class(0) == Some(Class::Open) && tokens.class(last) == Some(Class::Close) {
        let inner = tokens.part(1..last);
        let closed = inner.at_depth_0(0, |_, _| false).is_none();
        return closed && any(&inner, depth + 1);
    }
    match tokens.list.len() {
        1 => match tokens.class(0) {
            Some(Class::Word) => tokens.is(0, "TRUE"),
            Some(Class::Number) => tokens.written(0).bytes().any(|b| matches!(b, b'1'..=b'9')),
            _ => false,
        },
        2 => tokens.is(0, "NOT") && (tokens.is(1, "FALSE") || tokens.written(1) == "0"),
        3 => {
            let (left, right) = (tokens.written(0), tokens.written(2));
            let constants = |at| matches!(tokens.class(at), Some(Class::Number | Class::Text));
            match tokens.class(1) {
                Some(Class::Sign(b'=')) => left == right && tokens.class(0) == tokens.class(2),
                Some(Class::Sign(b'<' | b'>')) if constants(0) && constants(2) => {
                    match (left.parse::<f64>(), right.parse::<f64>(), tokens.written(1)) {
                        (Ok(left), Ok(right), "<") => left < right,
                        (Ok(left), Ok(right), _) => left > right,
                        _ => false,
                    }
                }
                Some(Class::Word) => tokens.is(1, "LIKE") && right == "'%'",
                _ => false,
            }
        }
        4 => {
            let constant = matches!(tokens.class(0), Some(Class::Number | Class::Text));
            let signs = (tokens.written(1), tokens.written(2));
            if matches!(signs, ("<", ">") | ("!", "=")) {
                return constant
                    && tokens.class(0) == tokens.class(3)
                    && tokens.written(0) != tokens.written(3);
            }
            if matches!(signs, ("=", "=") | (">", "=") | ("<", "=")) {
                return tokens.written(0) == tokens.written(3);
            }
            constant && tokens.is(1, "IS") && tokens.is(2, "NOT") && tokens.is(3, "NULL")
        }
        _ => false,
    }
}
