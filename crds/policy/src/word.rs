//! Words of a fixed vocabulary: constants of the program that writes them, and read back from a record that travelled.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer};

/// A word of a fixed vocabulary: a route, a kind, an outcome.
pub type Word = &'static str;

/// What stands for a word that is too long, not plain, or one too many.
pub const OTHER: Word = "other";

/// Words that a process learns at most. There are some dozens; whoever can write records can make up others.
const MOST: usize = 1024;
/// Bytes of the longest word.
const LONGEST: usize = 64;

/// Words that readers decide by: they are known from the beginning, so that nobody can fill the vocabulary before them.
const KNOWN: [Word; 7] = [
    "clean",
    "changed",
    "violation",
    "failed",
    "skipped",
    "dropped",
    OTHER,
];

/// The words that were learned. They stay for the life of the process: 64 KiB at most.
struct Vocabulary(Mutex<Option<HashSet<Word>>>);

static LEARNED: Vocabulary = Vocabulary(Mutex::new(None));

impl Vocabulary {
    /// The same word as a constant.
    fn learned(&self, word: &str) -> Word {
        if let Some(known) = KNOWN.iter().find(|known| **known == word) {
            return known;
        }
        // Ours are plain, so that whoever shows one need not look at what it is made of.
        let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if word.len() > LONGEST || !word.bytes().all(plain) {
            return OTHER;
        }
        let mut learned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = learned.get_or_insert_default();
        if let Some(known) = learned.get(word) {
            return known;
        }
        if learned.len() >= MOST {
            return OTHER;
        }
        let new: Word = Box::leak(word.to_owned().into_boxed_str());
        learned.insert(new);
        new
    }
}

/// For `#[serde(deserialize_with = "word::read")]`.
///
/// # Errors
/// When there is no text.
pub fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    Ok(LEARNED.learned(&String::deserialize(from)?))
}

/// The same for a word that may be absent.
///
/// # Errors
/// When there is something else than a text.
pub fn read_optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Word>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(|word| LEARNED.learned(&word)))
}

/// The same for a list.
///
/// # Errors
/// When there is something else than texts.
pub fn read_all<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Word>, D::Error> {
    let words = Vec::<String>::deserialize(from)?;
    Ok(words.iter().map(|word| LEARNED.learned(word)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_learned_once_and_only_so_many_are() {
        let vocabulary = Vocabulary(Mutex::new(None));
        let learned = |word: &str| vocabulary.learned(word);
        assert!(std::ptr::eq(
            learned("secrets_detection"),
            learned("secrets_detection")
        ));
        assert_eq!(learned(&"x".repeat(LONGEST + 1)), OTHER);
        for strange in ["a\u{0}b", "a\u{202e}b", "naïve", "a\nb"] {
            assert_eq!(learned(strange), OTHER);
        }
        assert_eq!(learned("/v1/models/{model}"), "/v1/models/{model}");
        for number in 0..2 * MOST {
            learned(&format!("made-up-{number}"));
        }
        assert_eq!(learned("one-more"), OTHER);
        for outcome in ["clean", "changed", "violation", "failed", "skipped"] {
            assert_eq!(learned(outcome), outcome);
        }
    }
}
