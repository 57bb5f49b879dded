//! The bytes around a place of a text, as the search compares and hashes them.

use super::Literal;

/// Bits of an index into a table: 32 KiB each. The first one stays in the first-level cache; the second one
/// is seldom asked.
pub(super) const BITS: u32 = 18;
/// Bits of a bucket's index.
pub(super) const BUCKET_BITS: u32 = 12;
/// Clears the case bit of four bytes.
const FOLD: u32 = 0xdfdf_dfdf;
/// Bytes before an anchor that are compared at once with it.
const LEAD: usize = 2;

/// A bit for each hash.
pub(super) type Table = [u64; 1 << (BITS - 6)];

/// Four bytes without their case bit, the first one lowest. It merges more than upper and lower case,
/// which the comparison sorts out.
pub(super) fn folded(four: [u8; 4]) -> u32 {
    u32::from_le_bytes(four) & FOLD
}

/// The four bytes at a place, folded; missing ones are 0.
pub(super) fn four_at(text: &str, place: usize) -> u32 {
    let rest = text.as_bytes().get(place..).unwrap_or_default();
    folded(rest.first_chunk::<4>().copied().unwrap_or_else(|| {
        let byte = |at: usize| rest.get(at).copied().unwrap_or(0);
        [byte(0), byte(1), byte(2), byte(3)]
    }))
}

/// [`four_at`] one byte before a place and there. Nearly everywhere both come out of one look at the text.
pub(super) fn both_at(text: &str, place: usize) -> (u32, u32) {
    let from = place.checked_sub(1);
    let five = from.and_then(|from| text.as_bytes().get(from..)?.first_chunk::<5>());
    if let Some(&[a, b, c, d, e]) = five {
        return (folded([a, b, c, d]), folded([b, c, d, e]));
    }
    let four = four_at(text, place);
    (from.map_or(four << 8, |from| four_at(text, from)), four)
}

/// The eight bytes from [`LEAD`] before a place on; missing ones are 0.
pub(super) fn eight_at(text: &str, place: usize) -> u64 {
    let bytes = text.as_bytes();
    let whole = place
        .checked_sub(LEAD)
        .and_then(|from| bytes.get(from..)?.first_chunk::<8>());
    u64::from_le_bytes(whole.copied().unwrap_or_else(|| {
        std::array::from_fn(|at| {
            let at = (place + at).checked_sub(LEAD);
            at.and_then(|at| bytes.get(at)).copied().unwrap_or(0)
        })
    }))
}

/// What [`eight_at`] gives where a literal's anchor stands, and which bits of it are certain.
pub(super) fn around(literal: &Literal, distance: usize) -> (u64, u64) {
    let (mut around, mut mask) = ([0; 8], [0; 8]);
    for (at, (around, mask)) in around.iter_mut().zip(&mut mask).enumerate() {
        let byte = (distance + at)
            .checked_sub(LEAD)
            .and_then(|at| literal.text.as_bytes().get(at));
        if let Some(byte) = byte {
            *mask = if literal.exact || !byte.is_ascii_alphabetic() {
                0xff
            } else {
                0xdf
            };
            *around = *byte & *mask;
        }
    }
    (u64::from_le_bytes(around), u64::from_le_bytes(mask))
}

/// The last two of an anchor's three bytes.
pub(super) fn pair(gram: u32) -> u16 {
    (gram >> 8) as u16
}

pub(super) fn first_hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9e37_79b1) >> (32 - BITS)
}

/// Of an anchor and the byte after it.
pub(super) fn after_hash(four: u32) -> u32 {
    four.wrapping_mul(0x85eb_ca6b) >> (32 - BITS)
}

/// Of the byte before an anchor and the anchor.
pub(super) fn before_hash(four: u32) -> u32 {
    four.wrapping_mul(0xc2b2_ae35) >> (32 - BITS)
}

pub(super) fn bucket(gram: u32) -> usize {
    (first_hash(gram) >> (BITS - BUCKET_BITS)) as usize
}

pub(super) fn test(table: &Table, hash: u32) -> usize {
    (table[(hash >> 6) as usize % (1 << (BITS - 6))] >> (hash & 63) & 1) as usize
}

pub(super) fn mark(table: &mut Table, hash: u32) {
    table[(hash >> 6) as usize % (1 << (BITS - 6))] |= 1 << (hash & 63);
}
