//! Words that stand before a value and say what it is.
//!
//! A weak pattern counts only when one of its words stands within [`REACH`] words before it, or in the
//! JSON key above it. All words live in one table, so that one look at the words before a candidate
//! answers for every preset.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

pub(super) mod table;
pub(super) mod words;

/// How many words before a value are looked at.
pub(super) const REACH: usize = 5;
/// How far back they may stand, in bytes.
pub(super) const REACH_BYTES: usize = 96;

/// How much of a run without spaces is near, in bytes.
const NEAR_END: usize = 36;

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
    words: Words<'a>,
    /// How many words have been read.
    read: usize,
    /// The hash of the last one; 0 when it is none of ours.
    later: u64,
}

impl<'a> Near<'a> {
    /// At a place with these groups above.
    pub(super) fn new(text: &'a str, at: usize, above: Context) -> Self {
        let mut groups = [0; REACH + 1];
        groups[0] = above.0;
        Self {
            groups,
            words: Words::before(text, at),
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
        self.groups
            .iter()
            .take(reach + 1)
            .position(|groups| groups & context.0 != 0)
    }

    fn next_word(&mut self) {
        self.read += 1;
        let table = &*TABLE;
        let word = self.words.next().filter(|word| table.may_hold(word));
        let Some(word) = word.and_then(|word| word.of(self.words.text)) else {
            self.later = 0;
            return;
        };
        let (alone, paired) = table.groups(word, &mut self.later);
        for (place, groups) in [(self.read, alone), (self.read - 1, paired)] {
            if let Some(known) = self.groups.get_mut(place) {
                *known |= groups;
            }
        }
    }
}

/// What a key or the header of a column says: the groups of all its words.
pub(super) fn above(words: &str) -> Context {
    let mut later = 0;
    let above = Words::before(words, words.len()).take(8);
    let groups = above.filter_map(|word| word.of(words)).map(|word| {
        let (alone, paired) = TABLE.groups(word, &mut later);
        alone | paired
    });
    Context(groups.fold(0, |all, groups| all | groups))
}

/// Groups by hash of a word, or of two words in a row. Open addressing; 0 is an empty place.
struct Table {
    /// Which beginnings and lengths words have: most words of a text are none of ours.
    shortlist: [u64; 256],
    hashes: Vec<u64>,
    groups: Vec<u128>,
    /// Words of scripts that are written without spaces are looked for inside runs.
    inside: Option<AhoCorasick>,
    /// The groups of those words.
    inside_groups: Vec<u128>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        shortlist: [0; 256],
        hashes: vec![0; 2048],
        groups: vec![0; 2048],
        inside: None,
        inside_groups: Vec::new(),
    };
    let mut inside = Vec::new();
    for (context, list) in words::ALL {
        for phrase in *list {
            if phrase.chars().any(without_spaces) {
                inside.push(*phrase);
                table.inside_groups.push(context.0);
                continue;
            }
            for word in split(phrase) {
                let place = usize::from(sign_of(word.as_bytes()));
                table.shortlist[place / 64] |= 1 << (place % 64);
            }
            let hash = split(phrase).map(hash_of).reduce(pair).unwrap_or_default();
            let place = table.place(hash);
            table.hashes[place] = hash;
            table.groups[place] |= context.0;
        }
    }
    table.inside = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .build(&inside)
        .ok();
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
    fn may_hold(&self, word: &Word) -> bool {
        let place = usize::from(word.sign);
        let listed = self
            .shortlist
            .get(place / 64)
            .is_some_and(|bits| bits >> (place % 64) & 1 == 1);
        // Upper and lower case of other letters may begin with other bytes.
        listed || word.foreign
    }

    fn of_hash(&self, hash: u64) -> u128 {
        let place = self.place(hash);
        self.groups.get(place).copied().unwrap_or_default()
    }

    /// The groups of a word alone, and together with the word after it.
    fn groups(&self, word: &str, later: &mut u64) -> (u128, u128) {
        if word.bytes().any(|byte| byte >= 0xe0) && word.chars().any(without_spaces) {
            *later = 0;
            return (self.groups_inside(word), 0);
        }
        let hash = hash_of(word);
        let paired = match *later {
            0 => 0,
            later => self.of_hash(pair(hash, later)),
        };
        *later = hash;
        (self.of_hash(hash), paired)
    }

    /// The groups of the words in a run without spaces; only its end is near.
    fn groups_inside(&self, run: &str) -> u128 {
        let mut from = run.len().saturating_sub(NEAR_END);
        while !run.is_char_boundary(from) {
            from += 1;
        }
        let found = self
            .inside
            .iter()
            .flat_map(|inside| inside.find_overlapping_iter(run.get(from..).unwrap_or_default()));
        found
            .filter_map(|found| self.inside_groups.get(found.pattern().as_usize()))
            .fold(0, |groups, found| groups | found)
    }
}

/// The sign of a word in the short list: its first two letters and its length.
fn sign_of(word: &[u8]) -> u16 {
    let letter = |at: usize| u16::from(word.get(at).copied().unwrap_or_default() & 31);
    let length = u16::try_from(word.len().min(15)).unwrap_or(15);
    letter(0) | letter(1) << 5 | length << 10
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

/// Where a word stands, and what is known of it without comparing it.
struct Word {
    start: usize,
    end: usize,
    sign: u16,
    /// Whether it has characters other than ASCII.
    foreign: bool,
}

impl Word {
    /// The word. One that is cut in the middle of a character begins after it.
    fn of<'a>(&self, text: &'a str) -> Option<&'a str> {
        (self.start..self.end).find_map(|start| text.get(start..self.end))
    }
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

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let bytes = self.text.as_bytes();
        loop {
            let window = bytes.get(self.stop..self.at)?;
            let end = self.stop + 1 + window.iter().rposition(|byte| in_word(*byte))?;
            let mut start = end;
            let mut foreign = false;
            let mut later = b' ';
            for byte in bytes.get(self.stop..end)?.iter().rev() {
                // A capital after a small letter begins a word.
                let hump = later.is_ascii_uppercase() && byte.is_ascii_lowercase();
                if hump || !in_word(*byte) {
                    break;
                }
                foreign |= *byte >= 0x80;
                later = *byte;
                start -= 1;
            }
            self.at = start;
            let word = bytes.get(start..end)?;
            // The rest of `driver's`.
            if word != b"s" {
                return Some(Word {
                    start,
                    end,
                    sign: sign_of(word),
                    foreign,
                });
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
            let above = above(key.unwrap_or_default());
            let mut near = Near::new(text, text.len(), above);
            assert_eq!(near.distance(context, REACH), distance, "{text:?} {key:?}");
            // Asked for less before, it says the same.
            let mut near = Near::new(text, text.len(), above);
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
        let mut near = Near::new(&text, text.len(), Context::NONE);
        assert_eq!(near.distance(CARD, REACH), None);
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
