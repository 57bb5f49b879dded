//! The path of an operation: what stands in it, and what arguments fill in.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::Problem;

/// A part of a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece {
    /// As it is sent.
    Literal(String),
    /// The value of this one of the operation's parameters.
    Parameter(usize),
}

/// What a path of a document may hold that a URL may not as it is; `%` stays, for what is encoded already.
const LITERAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'|');

/// A part of a path as written: a text, or the name of a parameter.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Takes a path apart.
pub(super) fn parts<'a>(path: &'a str, at: &str) -> Result<Vec<Part<'a>>, Problem> {
    let bad = |message: &str| Err(Problem::new(at, message));
    if path.contains(['?', '#']) {
        return bad("a path has no query and no fragment: describe parameters instead");
    }
    let mut parts = Vec::new();
    let mut rest = path;
    while let Some((text, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return bad("the path has a { without a }");
        };
        if name.is_empty() || name.contains('{') {
            return bad("the path has a parameter without a name");
        }
        parts.push(Part::Text(text));
        parts.push(Part::Name(name));
        rest = after;
    }
    parts.push(Part::Text(rest));
    parts.retain(|part| *part != Part::Text(""));
    let texts = parts.iter().map(|part| match part {
        Part::Text(text) => text,
        // Any value: what matters is that it is none of the dots.
        Part::Name(_) => "x",
    });
    let shown: String = texts.collect();
    let lower = shown.to_ascii_lowercase();
    let leads_away = lower.replace("%2e", ".");
    if shown.contains('}')
        || leads_away.starts_with("//")
        || leads_away.contains('\\')
        || leads_away
            .split('/')
            .any(|part| part == "." || part == "..")
    {
        return bad("the path leads out of its place");
    }
    Ok(parts)
}

/// A text of a path as it is sent.
pub(super) fn literal(text: &str) -> String {
    utf8_percent_encode(text, LITERAL).to_string()
}
