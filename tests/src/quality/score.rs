//! Counting.

use std::collections::BTreeMap;

use parapet_guardrails::finding::Hit;

use super::family::Family;
use super::row::Row;

/// Texts by what was expected and what was reported.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Reported and right.
    pub true_positives: u32,
    /// Reported and wrong.
    pub false_positives: u32,
    /// Rightly silent.
    pub true_negatives: u32,
    /// Missed.
    pub false_negatives: u32,
}

fn ratio(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

impl Counts {
    /// Counts one decision.
    pub const fn add(&mut self, expected: bool, reported: bool) {
        match (expected, reported) {
            (true, true) => self.true_positives += 1,
            (true, false) => self.false_negatives += 1,
            (false, true) => self.false_positives += 1,
            (false, false) => self.true_negatives += 1,
        }
    }

    /// How much of what was reported is right.
    pub fn precision(&self) -> Option<f64> {
        ratio(
            self.true_positives,
            self.true_positives + self.false_positives,
        )
    }

    /// How much of what should be reported is.
    pub fn recall(&self) -> Option<f64> {
        ratio(
            self.true_positives,
            self.true_positives + self.false_negatives,
        )
    }

    /// How much of what should not be reported is.
    pub fn false_positive_rate(&self) -> Option<f64> {
        ratio(
            self.false_positives,
            self.false_positives + self.true_negatives,
        )
    }

    /// The harmonic mean of precision and recall.
    pub fn f1(&self) -> Option<f64> {
        let (precision, recall) = (self.precision()?, self.recall()?);
        (precision + recall > 0.0).then(|| 2.0 * precision * recall / (precision + recall))
    }

    /// How many decisions there were.
    pub const fn total(&self) -> u32 {
        self.true_positives + self.false_positives + self.true_negatives + self.false_negatives
    }
}

/// The scores of one family.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    /// Whole texts: was anything reported? Without what is kept apart.
    pub texts: Counts,
    /// The same by source, everything included.
    pub by_source: BTreeMap<String, Counts>,
    /// The same by tag, everything included.
    pub by_tag: BTreeMap<String, Counts>,
    /// Annotated places: was something of the right type reported there? And was what was reported, in texts that
    /// are annotated in full, at a place of its type?
    pub spans: Counts,
    /// The same by type.
    pub spans_by_type: BTreeMap<String, Counts>,
}

impl Scores {
    /// Counts one row.
    pub(super) fn add(&mut self, family: &Family, row: &Row, hits: &[&Hit]) {
        let reported = !hits.is_empty();
        // A text whose only annotated places are of types that nobody claims to find is not one to report.
        let claimed =
            row.spans.is_empty() || row.spans.iter().any(|span| family.claims(&span.kind));
        let apart = family.keeps_apart(row);
        if !apart && (claimed || !row.positive()) {
            self.texts.add(row.positive(), reported);
        }
        if claimed || !row.positive() {
            self.by_source
                .entry(row.source.clone())
                .or_default()
                .add(row.positive(), reported);
            for tag in row.tags.iter().filter(|tag| !is_fine_grained(tag)) {
                self.by_tag
                    .entry(tag.clone())
                    .or_default()
                    .add(row.positive(), reported);
            }
        }
        self.add_spans(family, row, hits);
    }

    fn add_spans(&mut self, family: &Family, row: &Row, hits: &[&Hit]) {
        let spans = row.byte_spans();
        let right = |hit: &Hit, kind: &str| {
            family.types.is_empty() || family.type_of(&hit.category) == Some(kind)
        };
        let overlaps = |hit: &Hit, range: &std::ops::Range<usize>| {
            hit.range.start < range.end && range.start < hit.range.end
        };
        for (range, kind) in spans.iter().filter(|(_, kind)| family.claims(kind)) {
            let found = hits
                .iter()
                .any(|hit| overlaps(hit, range) && right(hit, kind));
            self.spans.add(true, found);
            self.spans_by_type
                .entry((*kind).to_owned())
                .or_default()
                .add(true, found);
        }
        if !row.full {
            return;
        }
        for hit in hits {
            if !spans
                .iter()
                .any(|(range, kind)| overlaps(hit, range) && right(hit, kind))
            {
                self.spans.false_positives += 1;
                let kind = family.type_of(&hit.category).unwrap_or("?");
                self.spans_by_type
                    .entry(kind.to_owned())
                    .or_default()
                    .false_positives += 1;
            }
        }
    }
}

/// Tags that stand for single templates, rules or types: too many to print.
fn is_fine_grained(tag: &str) -> bool {
    ["template:", "near:", "type:", "locale:"]
        .iter()
        .any(|prefix| tag.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_from_counts() {
        let mut counts = Counts::default();
        for (expected, reported, times) in [
            (true, true, 6),
            (true, false, 2),
            (false, true, 1),
            (false, false, 11),
        ] {
            (0..times).for_each(|_| counts.add(expected, reported));
        }
        assert_eq!(counts.precision(), Some(6.0 / 7.0));
        assert_eq!(counts.recall(), Some(0.75));
        assert_eq!(counts.false_positive_rate(), Some(1.0 / 12.0));
        assert!(counts.f1().is_some_and(|f1| (f1 - 0.8).abs() < 1e-9));
        assert_eq!(counts.total(), 20);
        assert_eq!(Counts::default().f1(), None);
    }
}
