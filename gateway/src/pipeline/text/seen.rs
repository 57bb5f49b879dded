//! Texts that have been scanned in one pass: a tool's result often says the same twice, as text and as structured content.

use parapet_guardrails::segment::Segments;

/// Scanning shorter ones again costs no more than finding out.
const LEAST: usize = 64;

/// How many are remembered: one for each place that length and ending lead to.
const PLACES: usize = 32;

/// The last segment scanned, by length and ending of its text.
#[derive(Debug, Default)]
pub(super) struct Seen([Option<u32>; PLACES]);

impl Seen {
    /// A segment before with the same text, if one is remembered. This one is remembered from here on.
    pub(super) fn same(&mut self, segments: &Segments, index: usize) -> Option<usize> {
        let text = segments.text(index).as_bytes();
        if text.len() < LEAST {
            return None;
        }
        let place = self.0.get_mut(place(text))?;
        let before = place.replace(u32::try_from(index).ok()?)? as usize;
        (segments.text(before).as_bytes() == text).then_some(before)
    }
}

/// Whatever it is, texts are compared: it only has to spread.
fn place(text: &[u8]) -> usize {
    let ending = text
        .last_chunk::<8>()
        .map_or(0, |ending| u64::from_le_bytes(*ending));
    let mixed = (ending ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize % PLACES
}
