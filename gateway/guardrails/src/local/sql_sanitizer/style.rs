//! How words are written, and whether a line reads as SQL or as a sentence.

use super::token::Class;
use super::tokens::Tokens;
use super::words::{ACTIONS, CLAUSES, OBJECTS, STARTS};

/// Whether a word is written in capitals throughout.
pub(super) fn is_upper(word: &str) -> bool {
    word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

/// Whether only the first letter of a word is a capital, as at the beginning of a sentence.
pub(super) fn is_title(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_uppercase) && letters.all(char::is_lowercase)
}

/// Whether the words after a verb go on as SQL does: to a clause or a sign, or to their end after few
/// words. A sentence goes on with words.
pub(super) fn reads_as_sql(tokens: &Tokens<'_>) -> bool {
    let mut at = 1;
    while OBJECTS.contains(tokens.word(at)) || IDLE.iter().any(|word| tokens.is(at, word)) {
        at += 1;
    }
    let mut bare = 0;
    for at in at..tokens.list.len().min(at + 8) {
        match tokens.class(at) {
            Some(Class::Word) if CLAUSES.contains(tokens.word(at)) => {
                let weak = WEAK.iter().any(|word| tokens.is(at, word));
                let quoted = (at..at + 3).any(|n| tokens.class(n) == Some(Class::Text));
                let query = tokens.is(at, "AS") && STARTS.contains(tokens.word(at + 1));
                return !weak || quoted || query || tokens.ended;
            }
            Some(Class::Word) if ACTIONS.contains(tokens.word(at)) => return true,
            Some(Class::Word) if !tokens.is_name(at) => return false,
            Some(Class::Word) => {
                bare += 1;
                if bare > 1 {
                    return tokens.ended;
                }
            }
            // The full stop of a sentence.
            Some(Class::Sign(b'.')) if at + 1 == tokens.list.len() => {}
            Some(Class::Sign(b'.')) => bare = 0,
            Some(Class::Sign(b'\'' | b'?' | b'!' | b':' | b'-')) => return false,
            Some(_) => return tokens.ended || !is_title(tokens.written(0)),
            None => {}
        }
    }
    tokens.ended || !is_title(tokens.written(0))
}

/// Words between a verb and the name it acts on.
const IDLE: [&str; 8] = [
    "FROM",
    "IF",
    "NOT",
    "EXISTS",
    "ON",
    "ONLY",
    "CONCURRENTLY",
    "PRIVILEGES",
];

/// Clause words that English uses as well.
const WEAK: [&str; 8] = ["AND", "AS", "FROM", "FULL", "LEFT", "ON", "OR", "WITH"];

/// Whether a line that follows a statement is a sentence: it begins with a capital and small letters,
/// and goes on with a word.
pub(super) fn is_sentence(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let (Some(first), second) = (words.next(), words.next()) else {
        return false;
    };
    let mut letters = first.trim_end_matches([',', ':', '.', '!', '?']).chars();
    let capital = letters.next().is_some_and(char::is_uppercase);
    let rest = letters.as_str();
    let contraction = rest.contains(['\'', '’']);
    let small = contraction || rest.chars().all(char::is_lowercase);
    let known = CLAUSES.contains(first)
        || super::words::STARTS.contains(first)
        || first.eq_ignore_ascii_case("by");
    let goes_on = match second {
        Some(word) => word
            .trim_end_matches([',', '.', '?', '!'])
            .chars()
            .all(|c| c.is_alphabetic() || c == '\''),
        None => first.ends_with(['.', '!', '?', ':']),
    };
    capital && small && !known && goes_on
}
