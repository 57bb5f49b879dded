//! A multi-literal search that looks at every second byte.
//!
//! Every literal is known by two three-byte anchors, one at an even and one at an odd distance from its
//! start, so that an occurrence meets an even place of the text wherever it begins. A bit table says
//! whether an anchor may stand at a place, a second one whether the byte beside it fits too; only what
//! passes both is compared with literals. Unlike in an automaton no step waits for the one before and no
//! branch depends on the text, which makes it two to three times faster on texts that hold few literals
//! (`docs/performance.md`).

use super::common::commonness;

/// What is searched for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Literal {
    /// At least three bytes; four and more are much cheaper.
    pub(super) text: &'static str,
    /// Whether upper and lower case differ.
    pub(super) exact: bool,
}

/// Bits of an index into a table: 16 KiB each, so that they stay in the first-level cache.
const BITS: u32 = 17;
/// Bits of a bucket's index.
const BUCKET_BITS: u32 = 12;
/// Clears the case bit of four bytes.
const FOLD: u32 = 0xdfdf_dfdf;
/// Drops the fourth byte.
const GRAM: u32 = 0x00ff_ffff;
/// Places that are gathered before they are confirmed.
const GATHERED: usize = 256;
/// Bytes that one step looks at.
const STEP: usize = 16;

type Table = [u64; 1 << (BITS - 6)];

/// The literals, prepared.
pub(super) struct Filter {
    /// Anchors, by three bytes.
    first: Box<Table>,
    /// Anchors with the byte after them, or with the byte before them.
    second: Box<Table>,
    /// Where a bucket's anchors begin in `anchors`; the last one is their number.
    buckets: Box<[u16; (1 << BUCKET_BITS) + 1]>,
    anchors: Vec<Anchor>,
    /// Literals of three bytes, whose odd anchor begins before them, by their first two bytes.
    short: Vec<(u16, u16)>,
    literals: Vec<Literal>,
}

#[derive(Clone, Copy)]
struct Anchor {
    gram: u32,
    literal: u16,
    /// Distance from the literal's start.
    distance: u8,
}

impl Filter {
    /// Prepares the literals. Those shorter than three bytes are never found; more than 10,000 are too
    /// many.
    pub(super) fn new(literals: Vec<Literal>) -> Self {
        let mut filter = Self {
            first: Box::new([0; 1 << (BITS - 6)]),
            second: Box::new([0; 1 << (BITS - 6)]),
            buckets: Box::new([0; (1 << BUCKET_BITS) + 1]),
            anchors: Vec::new(),
            short: Vec::new(),
            literals,
        };
        for index in 0..u16::try_from(filter.literals.len()).unwrap_or(u16::MAX) {
            filter.add(index, 0);
            filter.add(index, 1);
        }
        filter.short.sort_unstable();
        filter.anchors.sort_by_key(|anchor| bucket(anchor.gram));
        for anchor in &filter.anchors {
            filter.buckets[bucket(anchor.gram) + 1] += 1;
        }
        for at in 1..filter.buckets.len() {
            filter.buckets[at] += filter.buckets[at - 1];
        }
        filter
    }

    /// Adds a literal's even or odd anchor.
    fn add(&mut self, index: u16, odd: usize) {
        let Some(literal) = self.literals.get(usize::from(index)) else {
            return;
        };
        let bytes = literal.text.as_bytes();
        let anchor = (odd..bytes.len().min(200))
            .step_by(2)
            .filter_map(|distance| Some((distance, bytes.get(distance..)?.first_chunk::<3>()?)))
            .min_by_key(|(_, gram)| commonness(gram.map(|byte| byte.to_ascii_uppercase())));
        if let Some((distance, gram)) = anchor {
            let gram = folded([gram[0], gram[1], gram[2], 0]);
            self.anchors.push(Anchor {
                gram,
                literal: index,
                distance: distance as u8,
            });
            mark(&mut self.first, first_hash(gram));
            if let Some(after) = bytes.get(distance + 3) {
                mark(
                    &mut self.second,
                    after_hash(gram | folded([0, 0, 0, *after])),
                );
            } else if let Some(before) = distance.checked_sub(1).and_then(|at| bytes.get(at)) {
                mark(
                    &mut self.second,
                    before_hash(gram << 8 | folded([*before, 0, 0, 0])),
                );
            } else {
                for after in 0..=255 {
                    mark(
                        &mut self.second,
                        after_hash(gram | folded([0, 0, 0, after])),
                    );
                }
            }
        } else if let (1, &[a, b, c]) = (odd, bytes) {
            self.short.push((pair(folded([0, a, b, 0])), index));
            for before in 0..=255 {
                mark(&mut self.first, first_hash(folded([before, a, b, 0])));
                mark(&mut self.second, after_hash(folded([before, a, b, c])));
            }
        }
    }

    /// Calls `found` with the start of every occurrence and the literal's index, not in order.
    pub(super) fn find(&self, text: &str, mut found: impl FnMut(usize, u16)) {
        let bytes = text.as_bytes();
        let mut places = [0usize; GATHERED];
        let mut count = 0;
        let mut at = 0;
        while let Some(block) = bytes
            .get(at..)
            .and_then(<[u8]>::first_chunk::<{ STEP + 4 }>)
        {
            for place in (0..STEP).step_by(2) {
                let four = [
                    block[place],
                    block[place + 1],
                    block[place + 2],
                    block[place + 3],
                ];
                places[count % GATHERED] = at + place;
                count += test(&self.first, first_hash(folded(four) & GRAM));
            }
            at += STEP;
            if count > GATHERED - STEP {
                self.confirm(text, &mut places[..count % GATHERED], &mut found);
                count = 0;
            }
        }
        while at + 1 < bytes.len() {
            let byte = |offset: usize| bytes.get(at + offset).copied().unwrap_or(0);
            places[count % GATHERED] = at;
            count += test(
                &self.first,
                first_hash(folded([byte(0), byte(1), byte(2), 0])),
            );
            at += 2;
        }
        self.confirm(text, &mut places[..count % GATHERED], &mut found);
    }

    fn confirm(&self, text: &str, places: &mut [usize], found: &mut impl FnMut(usize, u16)) {
        let mut count = 0;
        for index in 0..places.len() {
            let place = places[index];
            let four = four_at(text, place);
            let before = place
                .checked_sub(1)
                .map_or(four << 8, |place| four_at(text, place));
            places[count] = place;
            count += test(&self.second, after_hash(four)) | test(&self.second, before_hash(before));
        }
        for place in places.iter().take(count) {
            let gram = four_at(text, *place) & GRAM;
            let bucket = bucket(gram);
            let anchors = usize::from(self.buckets[bucket])..usize::from(self.buckets[bucket + 1]);
            for anchor in self.anchors.get(anchors).unwrap_or_default() {
                if anchor.gram == gram
                    && let Some(start) = place.checked_sub(usize::from(anchor.distance))
                {
                    self.compare(text, start, anchor.literal, found);
                }
            }
            let first = self.short.partition_point(|(of, _)| *of < pair(gram));
            let same = self
                .short
                .iter()
                .skip(first)
                .take_while(|(of, _)| *of == pair(gram));
            for (_, literal) in same {
                self.compare(text, place + 1, *literal, found);
            }
        }
    }

    fn compare(&self, text: &str, start: usize, index: u16, found: &mut impl FnMut(usize, u16)) {
        let Some(literal) = self.literals.get(usize::from(index)) else {
            return;
        };
        let wanted = literal.text.as_bytes();
        let same = text
            .as_bytes()
            .get(start..start + wanted.len())
            .is_some_and(|bytes| match literal.exact {
                true => bytes == wanted,
                false => bytes.eq_ignore_ascii_case(wanted),
            });
        if same {
            found(start, index);
        }
    }
}

/// Four bytes without their case bit, the first one lowest. It merges more than upper and lower case,
/// which the comparison sorts out.
fn folded(four: [u8; 4]) -> u32 {
    u32::from_le_bytes(four) & FOLD
}

/// The four bytes at a place, folded; missing ones are 0.
fn four_at(text: &str, place: usize) -> u32 {
    let rest = text.as_bytes().get(place..).unwrap_or_default();
    folded(rest.first_chunk::<4>().copied().unwrap_or_else(|| {
        let byte = |at: usize| rest.get(at).copied().unwrap_or(0);
        [byte(0), byte(1), byte(2), byte(3)]
    }))
}

/// The last two of an anchor's three bytes.
fn pair(gram: u32) -> u16 {
    (gram >> 8) as u16
}

fn first_hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9e37_79b1) >> (32 - BITS)
}

/// Of an anchor and the byte after it.
fn after_hash(four: u32) -> u32 {
    four.wrapping_mul(0x85eb_ca6b) >> (32 - BITS)
}

/// Of the byte before an anchor and the anchor.
fn before_hash(four: u32) -> u32 {
    four.wrapping_mul(0xc2b2_ae35) >> (32 - BITS)
}

fn bucket(gram: u32) -> usize {
    (first_hash(gram) >> (BITS - BUCKET_BITS)) as usize
}

fn test(table: &Table, hash: u32) -> usize {
    (table[(hash >> 6) as usize % (1 << (BITS - 6))] >> (hash & 63) & 1) as usize
}

fn mark(table: &mut Table, hash: u32) {
    table[(hash >> 6) as usize % (1 << (BITS - 6))] |= 1 << (hash & 63);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LITERALS: &[(&str, bool)] = &[
        ("abc", false),
        ("bca", true),
        ("aaa", false),
        ("abca", false),
        ("cabB", true),
        ("_-a_", false),
        ("caabcabbac", false),
        ("é-a", false),
    ];

    fn filter() -> Filter {
        Filter::new(
            LITERALS
                .iter()
                .map(|&(text, exact)| Literal { text, exact })
                .collect(),
        )
    }

    fn naive(text: &str) -> Vec<(usize, u16)> {
        let mut found = Vec::new();
        for start in 0..text.len() {
            for (index, (literal, exact)) in (0u16..).zip(LITERALS) {
                let Some(bytes) = text.as_bytes().get(start..start + literal.len()) else {
                    continue;
                };
                let same = match exact {
                    true => bytes == literal.as_bytes(),
                    false => bytes.eq_ignore_ascii_case(literal.as_bytes()),
                };
                if same {
                    found.push((start, index));
                }
            }
        }
        found
    }

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(text in "[abcABC_é-]{0,600}") {
            let mut found = Vec::new();
            filter().find(&text, |start, literal| found.push((start, literal)));
            found.sort_unstable();
            prop_assert_eq!(found, naive(&text));
        }
    }

    #[test]
    fn a_text_of_nothing_but_literals_is_searched_once() {
        let text = "abc".repeat(100_000);
        let mut count = 0;
        filter().find(&text, |_, _| count += 1);
        // `abc`, `bca` and `abca` at every third byte.
        assert_eq!(count, 3 * 100_000 - 2);
    }
}
