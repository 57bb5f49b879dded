//! A multi-literal search that looks at every second byte.
//!
//! Every literal is known by two three-byte anchors, one at an even and one at an odd distance from its
//! start, so that an occurrence meets an even place of the text wherever it begins. A bit table says
//! whether an anchor may stand at a place, a second one whether the byte beside it fits too; what passes
//! both is compared with the eight bytes around each anchor, and only then with literals. Unlike in an automaton no step waits for the one before and no
//! branch depends on the text, which makes it two to three times faster on texts that hold few literals
//! (`docs/performance.md`).

mod window;

use super::common::commonness;
use window::{
    BITS, BUCKET_BITS, Table, after_hash, around, before_hash, both_at, bucket, eight_at,
    first_hash, folded, four_at, mark, pair, test,
};

/// What is searched for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Literal {
    /// At least three bytes; four and more are much cheaper.
    pub(crate) text: &'static str,
    /// Whether upper and lower case differ.
    pub(crate) exact: bool,
}

/// Drops the fourth byte.
const GRAM: u32 = 0x00ff_ffff;
/// Places that are gathered before they are confirmed.
const GATHERED: usize = 64;
/// Bytes that one step looks at.
const STEP: usize = 16;

/// The literals, prepared.
pub(crate) struct Filter {
    /// Anchors, by three bytes.
    first: Box<Table>,
    /// Anchors with the byte after them, or with the byte before them.
    second: Box<Table>,
    /// Where a bucket's anchors begin in `anchors`; the last one is their number.
    buckets: Box<[u16; (1 << BUCKET_BITS) + 1]>,
    anchors: Vec<Anchor>,
    /// Literals of three bytes, whose odd anchor begins before them, by their first two bytes.
    short: Vec<(u16, u16)>,
    /// Which of their first two bytes occur, by their low ten bits.
    short_pairs: [u64; 16],
    literals: Vec<Literal>,
}

/// Places of a text where an anchor may stand.
struct Places {
    list: [usize; GATHERED],
    count: usize,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            list: [0; GATHERED],
            count: 0,
        }
    }
}

#[derive(Clone, Copy)]
struct Anchor {
    /// The bytes around the anchor as far as they are the literal's, see [`eight_at`].
    around: u64,
    /// Which bits of them count.
    mask: u64,
    bucket: u16,
    literal: u16,
    /// Distance from the literal's start.
    distance: u8,
}

impl Filter {
    /// Prepares the literals. Those shorter than three bytes are never found; more than 10,000 are too
    /// many.
    pub(crate) fn new(literals: Vec<Literal>) -> Self {
        let mut filter = Self {
            first: Box::new([0; 1 << (BITS - 6)]),
            second: Box::new([0; 1 << (BITS - 6)]),
            buckets: Box::new([0; (1 << BUCKET_BITS) + 1]),
            anchors: Vec::new(),
            short: Vec::new(),
            short_pairs: [0; 16],
            literals,
        };
        let mut order: Vec<u16> =
            (0..u16::try_from(filter.literals.len()).unwrap_or(u16::MAX)).collect();
        // Short ones have no choice of anchors; longer ones prefer those that are marked already.
        order.sort_by_key(|index| {
            filter
                .literals
                .get(usize::from(*index))
                .map(|literal| literal.text.len())
        });
        for index in order {
            filter.add(index, 0);
            filter.add(index, 1);
        }
        filter.short.sort_unstable();
        filter.anchors.sort_by_key(|anchor| anchor.bucket);
        for anchor in &filter.anchors {
            filter.buckets[usize::from(anchor.bucket) + 1] += 1;
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
            .min_by_key(|(_, gram)| {
                let marked = test(
                    &self.first,
                    first_hash(folded([gram[0], gram[1], gram[2], 0])),
                );
                (marked == 0).then(|| commonness(gram.map(|byte| byte.to_ascii_uppercase())))
            });
        if let Some((distance, gram)) = anchor {
            let gram = folded([gram[0], gram[1], gram[2], 0]);
            let (around, mask) = around(literal, distance);
            self.anchors.push(Anchor {
                around,
                mask,
                bucket: bucket(gram) as u16,
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
            let pair = pair(folded([0, a, b, 0]));
            self.short.push((pair, index));
            self.short_pairs[usize::from(pair % 1024 / 64)] |= 1 << (pair % 64);
            for before in 0..=255 {
                mark(&mut self.first, first_hash(folded([before, a, b, 0])));
                mark(&mut self.second, after_hash(folded([before, a, b, c])));
            }
        }
    }

    /// Calls `found` with the start of every occurrence and the literal's index, not in order.
    pub(crate) fn find(&self, text: &str, mut found: impl FnMut(usize, u16)) {
        let bytes = text.as_bytes();
        let mut places = Places::default();
        let mut at = 0;
        while let Some(block) = bytes
            .get(at..)
            .and_then(<[u8]>::first_chunk::<{ STEP + 4 }>)
        {
            self.gather(block, at, &mut places);
            at += STEP;
            if places.count > GATHERED - STEP {
                self.confirm(text, &mut places, &mut found);
            }
        }
        // What is left is shorter than a block; what comes after it counts as zeros.
        let rest = bytes.get(at..).unwrap_or_default();
        let mut last = [0; 2 * STEP + 4];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        for offset in (0..rest.len()).step_by(STEP) {
            if let Some(block) = last
                .get(offset..)
                .and_then(<[u8]>::first_chunk::<{ STEP + 4 }>)
            {
                self.gather(block, at + offset, &mut places);
            }
        }
        self.confirm(text, &mut places, &mut found);
    }

    /// Notes the places of a block where an anchor may stand.
    fn gather(&self, block: &[u8; STEP + 4], at: usize, places: &mut Places) {
        for place in (0..STEP).step_by(2) {
            // A load of its own for each place: four bytes out of a block would be put together one by one.
            let four = block.get(place..).and_then(<[u8]>::first_chunk::<4>);
            let gram = four.map_or(0, |four| folded(*four) & GRAM);
            places.list[places.count % GATHERED] = at + place;
            places.count += test(&self.first, first_hash(gram));
        }
    }

    /// Compares what stands at the places with literals, and forgets the places.
    fn confirm(&self, text: &str, places: &mut Places, found: &mut impl FnMut(usize, u16)) {
        let noted = places.count.min(GATHERED);
        let mut count = 0;
        for index in 0..noted {
            let place = places.list[index];
            let (before, four) = both_at(text, place);
            places.list[count] = place;
            count += test(&self.second, after_hash(four)) | test(&self.second, before_hash(before));
        }
        places.count = 0;
        for place in places.list.iter().take(count) {
            let four = four_at(text, *place);
            let gram = four & GRAM;
            let bucket = bucket(gram);
            let anchors = usize::from(self.buckets[bucket])..usize::from(self.buckets[bucket + 1]);
            let around = eight_at(text, *place);
            for anchor in self.anchors.get(anchors).unwrap_or_default() {
                if (anchor.around ^ around) & anchor.mask == 0
                    && let Some(start) = place.checked_sub(usize::from(anchor.distance))
                {
                    self.compare(text, start, anchor.literal, found);
                }
            }
            if self.short_pairs[usize::from(pair(gram) % 1024 / 64)] >> (pair(gram) % 64) & 1 == 0 {
                continue;
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
