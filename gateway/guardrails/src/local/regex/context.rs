//! Words that stand before a value and say what it is.
//!
//! A weak pattern counts only when one of its words stands within [`REACH`] words before it, or in the
//! JSON key above it. All words live in one table, so that one look at the words before a candidate
//! answers for every preset.

use std::cell::Cell;

mod reading;
pub(super) mod table;
mod vocabulary;
pub(super) mod words;

use reading::Words;
use vocabulary::{VOCABULARY, pair};

/// How many words before a value are looked at.
pub(super) const REACH: usize = 5;
/// How far back they may stand, in bytes.
pub(super) const REACH_BYTES: usize = 96;

/// A set of word groups.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Context(pub(super) u128);

impl Context {
    /// No group.
    pub(super) const NONE: Self = Self(0);

    /// Both sets.
    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The groups whose words stand near a place: what stands above first (a key, the header of a column), then
/// the words before, nearest first. Words are read as far as they are asked for.
pub(super) struct Near<'a> {
    groups: [u128; REACH + 1],
    /// All of them together.
    seen: u128,
    words: Words<'a>,
    memory: &'a Memory,
    /// How many words have been read.
    read: usize,
    /// The hash of the last one; 0 when it is none of ours.
    later: u64,
}

/// Words of one text that have been read, so that places close to each other do not read them again.
#[derive(Debug, Default)]
pub(super) struct Memory([Cell<Known>; 8]);

/// A word and what it says.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    start: usize,
    /// 0 for none.
    end: usize,
    /// 0 when it is none of ours.
    hash: u64,
    /// What it says alone.
    groups: u128,
}

impl Memory {
    /// The place for a word that ends at `end`.
    fn place(&self, end: usize) -> Option<&Cell<Known>> {
        self.0.get(end % self.0.len())
    }
}

impl<'a> Near<'a> {
    /// At a place with these groups above.
    pub(super) fn new(text: &'a str, at: usize, above: Context, memory: &'a Memory) -> Self {
        let mut groups = [0; REACH + 1];
        groups[0] = above.0;
        Self {
            groups,
            seen: above.0,
            words: Words::before(text, at),
            memory,
            read: 0,
            later: 0,
        }
    }

    /// How many words away the nearest word of `context` stands, at most `reach`; 0 is above.
    pub(super) fn distance(&mut self, context: Context, reach: usize) -> Option<usize> {
        // The second word of two says where they stand.
        while self.read < REACH.min(reach + 1) {
            if let Some(found) = self.known(context, reach.min(self.read.saturating_sub(1))) {
                return Some(found);
            }
            self.next_word();
        }
        self.known(context, reach)
    }

    fn known(&self, context: Context, reach: usize) -> Option<usize> {
        // Mostly there is none at all.
        if self.seen & context.0 == 0 {
            return None;
        }
        self.groups
            .iter()
            .take(reach + 1)
            .position(|groups| groups & context.0 != 0)
    }

    fn next_word(&mut self) {
        self.read += 1;
        let Some(word) = self.next_known() else {
            self.later = 0;
            return;
        };
        let paired = match (self.later, word.hash) {
            (0, _) | (_, 0) => 0,
            (later, hash) => VOCABULARY.of_hash(pair(hash, later)),
        };
        self.later = word.hash;
        self.seen |= word.groups | paired;
        for (place, groups) in [(self.read, word.groups), (self.read - 1, paired)] {
            if let Some(known) = self.groups.get_mut(place) {
                *known |= groups;
            }
        }
    }

    /// The next word, remembered or read.
    fn next_known(&mut self) -> Option<Known> {
        let end = self.words.next_end()?;
        let place = self.memory.place(end)?;
        let known = place.get();
        // A word that begins where the look back ends may be cut.
        if known.end == end && known.start > self.words.stop {
            self.words.at = known.start;
            return Some(known);
        }
        let word = self.words.next()?;
        let (hash, groups) = match word.of(self.words.text) {
            Some(said) if VOCABULARY.may_hold(&word) => VOCABULARY.says(said),
            Some(_) | None => (0, 0),
        };
        let known = Known {
            start: word.start,
            end: word.end,
            hash,
            groups,
        };
        if word.end == end && word.start > self.words.stop {
            place.set(known);
        }
        Some(known)
    }
}

/// What a key or the header of a column says: the groups of all its words.
pub(super) fn above(words: &str) -> Context {
    let mut later = 0;
    let above = Words::before(words, words.len()).take(8);
    let groups = above.filter_map(|word| word.of(words)).map(|word| {
        let (hash, alone) = VOCABULARY.says(word);
        let paired = match (later, hash) {
            (0, _) | (_, 0) => 0,
            (later, hash) => VOCABULARY.of_hash(pair(hash, later)),
        };
        later = hash;
        alone | paired
    });
    Context(groups.fold(0, |all, groups| all | groups))
}

#[cfg(test)]
mod tests {
    use super::vocabulary::split;
    use super::words::{CARD, DRIVER_LICENSE, PASSPORT, PHONE, SSN};
    use super::*;

    #[test]
    fn looks_at_words_and_keys() {
        let rows: [(&str, Option<&str>, Context, Option<usize>); 12] = [
            ("my card is ", None, CARD, Some(2)),
            ("my CARD: ", None, CARD, Some(1)),
            ("discard ", None, CARD, None),
            ("social security number ", None, SSN, Some(2)),
            ("social security is one two three four ", None, SSN, None),
            ("card and then much more of it ", None, CARD, None),
            ("", Some("cardNumber"), CARD, Some(0)),
            ("", Some("home_phone"), PHONE, Some(0)),
            ("{\"phoneNumber\": \"", None, PHONE, Some(2)),
            ("Driver's license ", None, DRIVER_LICENSE, Some(1)),
            ("numéro de téléphone : ", None, PHONE, Some(1)),
            ("여권번호는 ", None, PASSPORT, Some(1)),
        ];
        for (text, key, context, distance) in rows {
            let above = above(key.unwrap_or_default());
            let memory = Memory::default();
            let mut near = Near::new(text, text.len(), above, &memory);
            assert_eq!(near.distance(context, REACH), distance, "{text:?} {key:?}");
            // Asked for less before, it says the same.
            let mut near = Near::new(text, text.len(), above, &memory);
            for reach in 0..=REACH {
                let within = distance.filter(|distance| *distance <= reach);
                assert_eq!(
                    near.distance(context, reach),
                    within,
                    "{text:?} {key:?} {reach}"
                );
            }
        }
    }

    #[test]
    fn a_long_run_is_cut_on_a_character() {
        let text = "é".repeat(200);
        let memory = Memory::default();
        let mut near = Near::new(&text, text.len(), Context::NONE, &memory);
        assert_eq!(near.distance(CARD, REACH), None);
    }

    #[test]
    fn the_table_has_room() {
        let used = VOCABULARY.hashes.iter().filter(|hash| **hash != 0).count();
        assert!((500..1400).contains(&used), "{used}");
    }

    #[test]
    fn every_word_is_lower_case_and_at_most_two_words() {
        for (_, list) in words::ALL {
            for phrase in *list {
                assert_eq!(*phrase, phrase.to_lowercase());
                assert!(split(phrase).count() <= 2, "{phrase}");
            }
        }
    }
}
