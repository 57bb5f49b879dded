//! Characters that fold to ASCII or do not show at all.

use super::Sites;
use crate::scan::fold::{Fold, fold, may_fold};

/// Adds the sites of non-ASCII characters.
pub(super) fn gather(text: &str, open: bool, sites: &mut Sites) {
    let mut at = 0;
    // Up to where the words with look-alike letters have been settled.
    let mut words = 0;
    while let Some(next) = next_candidate(text, at) {
        let Some(character) = text.get(next..).and_then(|rest| rest.chars().next()) else {
            return;
        };
        at = next + character.len_utf8();
        match fold(character) {
            Fold::Keep => {}
            Fold::Remove => {
                at = end_of(text, at, |next| fold(next) == Fold::Remove);
                let shown = before(text, next).is_some_and(matchable)
                    && text
                        .get(at..)
                        .and_then(|rest| rest.chars().next())
                        .map_or(open, matchable);
                if shown {
                    sites.add(next..at, |_| {});
                }
            }
            // Tag characters say something of their own, apart from what stands around them.
            Fold::Always(_) if is_tag(character) => {
                at = end_of(text, at, is_tag);
                let message = text.get(next..at).unwrap_or_default().chars().map(fold);
                sites.add(next..at, |arena| {
                    arena.push(' ');
                    arena.extend(message.filter_map(|fold| match fold {
                        Fold::Always(ascii) => Some(ascii),
                        Fold::Keep | Fold::Remove | Fold::Between(_) | Fold::InMixedWord(_) => None,
                    }));
                    arena.push(' ');
                });
            }
            Fold::Always(ascii) => sites.add(next..at, |arena| arena.push(ascii)),
            Fold::Between(ascii) => {
                let next_character = text.get(at..).and_then(|rest| rest.chars().next());
                if before(text, next).is_some_and(matchable)
                    && next_character.map_or(open, matchable)
                {
                    sites.add(next..at, |arena| arena.push(ascii));
                }
            }
            Fold::InMixedWord(_) => {
                if next >= words {
                    words = mixed_word(text, words.max(start_of_word(text, next, words)), sites);
                }
                at = at.max(words);
            }
        }
    }
}

/// A hidden message at the end, or a word whose look-alike letters may turn out to be mixed with ASCII ones.
pub(super) fn unfinished(text: &str) -> Option<usize> {
    let mut start = text.len();
    for (at, character) in text.char_indices().rev() {
        if !is_tag(character) {
            break;
        }
        start = at;
    }
    if start < text.len() {
        return Some(start);
    }
    let mut look_alike = false;
    // Longer words are no words.
    for (at, character) in text.char_indices().rev().take(64) {
        if !in_word(character) {
            break;
        }
        look_alike |= matches!(fold(character), Fold::InMixedWord(_));
        start = at;
    }
    look_alike.then_some(start)
}

fn next_candidate(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
            if !block.is_ascii() {
                break;
            }
            at += 16;
        }
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| *byte >= 0xc0)?;
        let lead = *bytes.get(at)?;
        if may_fold(lead) {
            return Some(at);
        }
        at += 1;
    }
}

const fn is_tag(character: char) -> bool {
    matches!(character, '\u{e0000}'..='\u{e007f}')
}

/// Where the characters from `from` on that are such end.
fn end_of(text: &str, from: usize, is: impl Fn(char) -> bool) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.char_indices()
        .find(|(_, character)| !is(*character))
        .map_or(text.len(), |(offset, _)| from + offset)
}

fn before(text: &str, at: usize) -> Option<char> {
    text.get(..at).and_then(|head| head.chars().next_back())
}

/// Whether a pattern may have this character in it.
fn matchable(character: char) -> bool {
    character.is_ascii_graphic()
        || (!character.is_ascii()
            && matches!(fold(character), Fold::Always(_) | Fold::InMixedWord(_)))
}

/// Whether a word may go on with this character: Latin, Greek, Cyrillic and their neighbours, full-width letters.
fn in_word(character: char) -> bool {
    match character {
        '_' | '-' | '\u{c0}'..='\u{1fff}' | '\u{ff10}'..='\u{ff5a}' => true,
        _ => character.is_ascii_alphanumeric(),
    }
}

fn start_of_word(text: &str, at: usize, floor: usize) -> usize {
    let head = text.get(floor..at).unwrap_or_default();
    head.char_indices()
        .rev()
        .take_while(|(_, character)| in_word(*character))
        .last()
        .map_or(at, |(offset, _)| floor + offset)
}

/// Folds the look-alike letters of the word at `start` if ASCII letters stand in it too. Gives its end.
fn mixed_word(text: &str, start: usize, sites: &mut Sites) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let length = rest
        .char_indices()
        .find(|(_, character)| !in_word(*character))
        .map_or(rest.len(), |(offset, _)| offset);
    let word = rest.get(..length).unwrap_or_default();
    if word.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        for (offset, character) in word.char_indices() {
            if let Fold::InMixedWord(ascii) | Fold::Always(ascii) = fold(character) {
                let at = start + offset;
                sites.add(at..at + character.len_utf8(), |arena| arena.push(ascii));
            }
        }
    }
    start + length
}
