//! All words that say what a number is, by hash.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::reading::{Word, sign_of};
use super::words;

/// How much of a run without spaces is near, in bytes.
const NEAR_END: usize = 36;

/// Groups by hash of a word, or of two words in a row. Open addressing; 0 is an empty place.
pub(super) struct Vocabulary {
    /// Which beginnings and lengths words have: most words of a text are none of ours.
    shortlist: [u64; 256],
    pub(super) hashes: Vec<u64>,
    groups: Vec<u128>,
    /// The longest word, in bytes. In upper case it may be longer, but not twice as long.
    longest: usize,
    /// Words of scripts that are written without spaces are looked for inside runs.
    inside: Option<AhoCorasick>,
    /// The groups of those words.
    inside_groups: Vec<u128>,
}

pub(super) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let mut table = Vocabulary {
        shortlist: [0; 256],
        hashes: vec![0; 2048],
        groups: vec![0; 2048],
        longest: 0,
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
                table.longest = table.longest.max(word.len());
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

impl Vocabulary {
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
    pub(super) fn may_hold(&self, word: &Word) -> bool {
        let place = usize::from(word.sign);
        let listed = self
            .shortlist
            .get(place / 64)
            .is_some_and(|bits| bits >> (place % 64) & 1 == 1);
        // Upper and lower case of other letters may begin with other bytes.
        listed || word.foreign
    }

    pub(super) fn of_hash(&self, hash: u64) -> u128 {
        let place = self.place(hash);
        self.groups.get(place).copied().unwrap_or_default()
    }

    /// The hash of a word and its groups. A run without spaces has no hash.
    pub(super) fn says(&self, word: &str) -> (u64, u128) {
        if word.bytes().any(|byte| byte >= 0xe0) && word.chars().any(without_spaces) {
            return (0, self.groups_inside(word));
        }
        if word.len() > 2 * self.longest {
            return (0, 0);
        }
        let hash = hash_of(word);
        (hash, self.of_hash(hash))
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
pub(super) const fn pair(first: u64, second: u64) -> u64 {
    first.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ second | 1
}

/// The words of a phrase.
pub(super) fn split(phrase: &str) -> impl Iterator<Item = &str> {
    phrase
        .split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
}
