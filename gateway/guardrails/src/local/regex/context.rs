//! Words that stand before a value and say what it is.
//!
//! A weak pattern counts only when one of its words stands within [`REACH`] words before it, or in the
//! JSON key above it. All words live in one table, so that one look at the words before a candidate
//! answers for every preset.

use std::sync::LazyLock;

pub(super) mod table;
pub(super) mod words;

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
/// the words before, nearest first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Near {
    groups: [u128; REACH + 1],
    any: u128,
}

impl Near {
    /// How many words away the nearest word of `context` stands; 0 is above.
    pub(super) fn distance(&self, context: Context) -> Option<usize> {
        if self.any & context.0 == 0 {
            return None;
        }
        self.groups
            .iter()
            .position(|groups| groups & context.0 != 0)
    }

    /// Whether a word of `context` stands near.
    pub(super) const fn has(&self, context: Context) -> bool {
        self.any & context.0 != 0
    }

    fn add(&mut self, place: usize, groups: u128) {
        if groups != 0
            && let Some(known) = self.groups.get_mut(place)
        {
            *known |= groups;
            self.any |= groups;
        }
    }

    /// Adds what stands above: all words of a key or of a table's header.
    pub(super) fn above(&mut self, words: &str) {
        let mut later = 0;
        for word in Words::before(words, words.len()).take(8) {
            let (alone, paired) = TABLE.groups(word, &mut later);
            self.add(0, alone | paired);
        }
    }

    /// Adds the words before `at`.
    pub(super) fn before(&mut self, text: &str, at: usize) {
        let table = &*TABLE;
        let mut later = 0;
        for (word, place) in Words::before(text, at).take(REACH).zip(1..) {
            if !table.may_hold(word) {
                later = 0;
                continue;
            }
            let (alone, paired) = table.groups(word, &mut later);
            self.add(place, alone);
            // Two words stand where the nearer one stands.
            self.add(place - 1, paired);
        }
    }
}

/// Groups by hash of a word, or of two words in a row. Open addressing; 0 is an empty place.
struct Table {
    /// Which beginnings and lengths words have: most words of a text are none of ours.
    shortlist: [u64; 256],
    hashes: Vec<u64>,
    groups: Vec<u128>,
    /// Words of scripts that are written without spaces are looked for inside runs.
    inside: Vec<(&'static str, u128)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        shortlist: [0; 256],
        hashes: vec![0; 2048],
        groups: vec![0; 2048],
        inside: Vec::new(),
    };
    for (context, list) in words::ALL {
        for phrase in *list {
            if phrase.chars().any(without_spaces) {
                table.inside.push((phrase, context.0));
                continue;
            }
            for word in split(phrase) {
                let place = shortlist_place(word.as_bytes());
                table.shortlist[place / 64] |= 1 << (place % 64);
            }
            let hash = split(phrase).map(hash_of).reduce(pair).unwrap_or_default();
            let place = table.place(hash);
            table.hashes[place] = hash;
            table.groups[place] |= context.0;
        }
    }
    table
});

impl Table {
    /// The place of a hash: where it is, or where it would be put. The table is never full.
    fn place(&self, hash: u64) -> usize {
        let mask = self.hashes.len() - 1;
        let mut place = usize::try_from(hash >> 40).unwrap_or_default() & mask;
        while self
            .hashes
            .get(place)
            .is_some_and(|found| *found != 0 && *found != hash)
        {
            place = (place + 1) & mask;
        }
        place
    }

    /// Whether a word may be ours, alone or as one of two.
    fn may_hold(&self, word: &str) -> bool {
        let bytes = word.as_bytes();
        let place = shortlist_place(bytes);
        let listed = self
            .shortlist
            .get(place / 64)
            .is_some_and(|bits| bits >> (place % 64) & 1 == 1);
        // Upper and lower case of other letters may begin with other bytes.
        listed || bytes.iter().any(|byte| *byte >= 0x80)
    }

    fn of_hash(&self, hash: u64) -> u128 {
        let place = self.place(hash);
        self.groups.get(place).copied().unwrap_or_default()
    }

    /// The groups of a word alone, and together with the word after it.
    fn groups(&self, word: &str, later: &mut u64) -> (u128, u128) {
        let hash = hash_of(word);
        let mut groups = self.of_hash(hash);
        let paired = match *later {
            0 => 0,
            later => self.of_hash(pair(hash, later)),
        };
        *later = hash;
        if word.bytes().any(|byte| byte >= 0xe0) && word.chars().any(without_spaces) {
            for (inside, context) in &self.inside {
                if word.contains(inside) {
                    groups |= context;
                }
            }
        }
        (groups, paired)
    }
}

/// Where a word stands in the short list: by its first two letters and its length.
fn shortlist_place(word: &[u8]) -> usize {
    let letter = |at: usize| usize::from(word.get(at).copied().unwrap_or_default() & 31);
    letter(0) | letter(1) << 5 | word.len().min(15) << 10
}

/// Whether a character belongs to a script that does not separate words by spaces, or glues particles to them.
fn without_spaces(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1100}'..='\u{11ff}' | '\u{3040}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}')
}

/// FNV-1a over the lower-cased word, mixed; never 0.
fn hash_of(word: &str) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut step = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    if word.is_ascii() {
        word.bytes()
            .for_each(|byte| step(byte.to_ascii_lowercase()));
    } else {
        let mut utf8 = [0; 4];
        for c in word.chars().flat_map(char::to_lowercase) {
            c.encode_utf8(&mut utf8).bytes().for_each(&mut step);
        }
    }
    (hash ^ (hash >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
}

/// The hash of two words in a row.
const fn pair(first: u64, second: u64) -> u64 {
    first.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ second | 1
}

/// The words before a place, nearest first. `cardNumber` is two words.
struct Words<'a> {
    text: &'a str,
    at: usize,
    stop: usize,
}

impl<'a> Words<'a> {
    fn before(text: &'a str, at: usize) -> Self {
        Self {
            text,
            at: at.min(text.len()),
            stop: at.min(text.len()).saturating_sub(REACH_BYTES),
        }
    }
}

/// The words of a phrase.
fn split(phrase: &str) -> impl Iterator<Item = &str> {
    phrase
        .split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
}

const fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        loop {
            let mut end = self.at;
            while end > self.stop && !in_word(*bytes.get(end - 1)?) {
                end -= 1;
            }
            let mut start = end;
            while start > self.stop && in_word(*bytes.get(start - 1)?) {
                start -= 1;
                let hump = bytes.get(start).is_some_and(u8::is_ascii_uppercase)
                    && start > 0
                    && bytes.get(start - 1).is_some_and(u8::is_ascii_lowercase);
                if hump {
                    break;
                }
            }
            if start == end {
                return None;
            }
            self.at = start;
            while !self.text.is_char_boundary(start) {
                start += 1;
            }
            let word = self.text.get(start..end)?;
            // The rest of `driver's`.
            if word != "s" {
                return Some(word);
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
            let mut near = Near::default();
            near.above(key.unwrap_or_default());
            near.before(text, text.len());
            assert_eq!(near.distance(context), distance, "{text:?} {key:?}");
        }
    }

    #[test]
    fn a_long_run_is_cut_on_a_character() {
        let text = "é".repeat(200);
        let mut near = Near::default();
        near.before(&text, text.len());
        assert_eq!(near.distance(CARD), None);
    }

    #[test]
    fn the_table_has_room() {
        let used = TABLE.hashes.iter().filter(|hash| **hash != 0).count();
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
