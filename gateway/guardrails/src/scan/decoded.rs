//! Decoded readings of a text, with the way back.

use std::ops::Range;

use super::map::Map;
use super::sites::Sites;

/// Texts up to this size are decoded as a whole; of longer ones only what stands around the sites.
const WHOLE: usize = 4 * 1024;
/// How much of a longer text is read on each side of a site.
const AROUND: usize = 1024;
/// How far from a site a hit can depend on it. What lies farther off is found without decoding.
pub(super) const REACH: usize = 256;

/// A text with its sites decoded.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// The reading.
    pub(super) text: String,
    /// The way back.
    pub(super) map: Map,
}

/// The decoded readings of `text`: one of all of it, or one of each stretch around sites.
pub(super) fn readings(text: &str, sites: &Sites) -> Vec<Decoded> {
    let mut readings = Vec::new();
    let mut sites = sites.iter().peekable();
    while let Some((first, _)) = sites.peek() {
        let mut decoded = Decoded::default();
        let (mut at, mut end) = match text.len() <= WHOLE {
            true => (0, text.len()),
            false => stretch(text, first),
        };
        while let Some((source, stands_for)) = sites.next_if(|(site, _)| site.start < end) {
            end = end.max(match text.len() <= WHOLE {
                true => text.len(),
                false => stretch(text, &source).1,
            });
            decoded.copy(text, at..source.start);
            decoded.text.push_str(stands_for);
            at = source.end;
            decoded.map.changed(source, stands_for.len());
        }
        decoded.copy(text, at..end);
        readings.push(decoded);
    }
    readings
}

impl Decoded {
    fn copy(&mut self, text: &str, range: Range<usize>) {
        let copied = text.get(range.clone()).unwrap_or_default();
        self.map.copied(range.start, copied.len());
        self.text.push_str(copied);
    }
}

/// What is read around a site.
fn stretch(text: &str, site: &Range<usize>) -> (usize, usize) {
    let start = site.start.saturating_sub(AROUND);
    let end = text.len().min(site.end + AROUND);
    (
        text.floor_char_boundary(start),
        text.ceil_char_boundary(end),
    )
}
