//! The scan itself: literals, layers, hits mapped back.

use std::cell::Cell;
use std::ops::Range;

use super::decoded::{REACH, readings};
use super::literals::{self, Places};
use super::sites::Sites;
use super::{Layer, Wants};
use crate::finding::{Hit, resolve_overlaps};
use crate::guardrail::TextGuardrail;
use crate::segment::Segment;

/// How many times what was decoded is decoded again.
pub(super) const DEPTH: u8 = 2;

thread_local! {
    /// Lists that the next scan of this thread uses again, so that a text without hits allocates nothing.
    static PLACES: Cell<Option<Box<Places>>> = const { Cell::new(None) };
}

/// Scans texts for one plan's text guardrails. Cheap to make: what is expensive is shared by the process.
#[derive(Clone, Copy, Debug)]
pub struct Scanner {
    wants: Wants,
}

/// The guardrails of a scan and where each one's hits go.
struct Run<'a> {
    segment: &'a Segment,
    guardrails: &'a [&'a dyn TextGuardrail],
    hits: &'a mut [Vec<Hit>],
}

impl Scanner {
    /// A scanner for guardrails that want `wants`.
    pub const fn new(wants: Wants) -> Self {
        Self { wants }
    }

    /// A scanner for these guardrails.
    pub fn of(guardrails: &[&dyn TextGuardrail]) -> Self {
        Self::new(
            guardrails
                .iter()
                .fold(Wants::NONE, |all, one| all.and(one.wants())),
        )
    }

    /// Runs every guardrail over every layer of `text`; `hits[i]` receives what `guardrails[i]` found,
    /// in ranges of `text`, overlaps resolved. A hit in a decoded layer covers all of what was encoded.
    pub fn scan(
        &self,
        text: &str,
        segment: &Segment,
        guardrails: &[&dyn TextGuardrail],
        hits: &mut [Vec<Hit>],
    ) {
        if text.is_empty() || guardrails.is_empty() {
            return;
        }
        let mut places = PLACES.take().unwrap_or_default();
        literals::find(text, self.wants, &mut places);
        let layer = Layer::new(text, &*places, 0);
        for (guardrail, hits) in guardrails.iter().zip(hits.iter_mut()) {
            guardrail.scan(&layer, segment, hits);
        }
        let sites = Sites::of(text, false);
        if !sites.is_empty() {
            let mut run = Run {
                segment,
                guardrails,
                hits,
            };
            self.scan_decoded(text, &sites, 1, &mut places, &|range| range, &mut run);
        }
        PLACES.set(Some(places));
        for hits in hits {
            resolve_overlaps(hits);
        }
    }

    /// Scans the readings of a text with its sites decoded. `back` maps its bytes to the first text.
    fn scan_decoded(
        &self,
        text: &str,
        sites: &Sites,
        depth: u8,
        places: &mut Places,
        back: &dyn Fn(Range<usize>) -> Range<usize>,
        run: &mut Run<'_>,
    ) {
        let mut found = Vec::new();
        for reading in readings(text, sites) {
            literals::find(&reading.text, self.wants, places);
            let layer = Layer::new(&reading.text, places, depth);
            let back = |range: Range<usize>| back(reading.map.source(&range));
            for (guardrail, hits) in run.guardrails.iter().zip(run.hits.iter_mut()) {
                guardrail.scan(&layer, run.segment, &mut found);
                hits.extend(found.drain(..).filter_map(|hit| {
                    let near = reading.map.changed_near(&hit.range, REACH);
                    near.then(|| Hit {
                        range: back(hit.range.clone()),
                        ..hit
                    })
                }));
            }
            let deeper = if depth < DEPTH {
                Sites::of(&reading.text, false)
            } else {
                Sites::default()
            };
            if !deeper.is_empty() {
                self.scan_decoded(&reading.text, &deeper, depth + 1, places, &back, run);
            }
        }
    }
}
