//! Tables of scores.

use std::fmt;
use std::time::Duration;

use parapet_guardrails::finding::Hit;

use super::family::FAMILIES;
use super::row::Row;
use super::score::{Counts, Scores};
use crate::bench::table::Table;

/// The scores of one family, with what they cost.
#[derive(Clone, Debug)]
pub struct Report {
    /// The family.
    pub family: &'static str,
    /// The scores.
    pub scores: Scores,
    /// Time spent scanning.
    pub time: Duration,
    /// Bytes scanned.
    pub bytes: usize,
    /// The texts that were judged wrong, what is kept apart left out.
    pub wrong: Vec<Wrong>,
}

/// A text that was reported and should not have been, or the other way round.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// What was found in it; empty when it was missed.
    found: Vec<String>,
    /// Where it comes from.
    source: String,
    /// The line around the first finding, or the beginning.
    text: String,
}

/// Characters of a text that are shown.
const SHOWN: usize = 160;

impl Wrong {
    /// The row with what was found in it.
    pub(super) fn of(row: &Row, hits: &[&Hit]) -> Self {
        let at = hits.first().map_or(0, |hit| hit.range.start);
        let before = row.text.get(..at).unwrap_or_default();
        let near = before.char_indices().rev().nth(SHOWN / 3);
        let from = near.map_or(0, |(from, _)| from);
        let text = row.text.get(from..).unwrap_or_default();
        Self {
            found: hits
                .iter()
                .map(|hit| {
                    let text = row.text.get(hit.range.clone()).unwrap_or_default();
                    format!("{} {text:.60?}", hit.category)
                })
                .collect(),
            source: row.source.clone(),
            text: text.chars().take(SHOWN).collect(),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = match self.found.as_slice() {
            [] => "missed".to_owned(),
            found => format!("false: {}", found.join(", ")),
        };
        write!(f, "{found} in {}: {:?}", self.source, self.text)
    }
}

impl Report {
    /// Microseconds for a thousand bytes.
    pub fn micros_per_kb(&self) -> f64 {
        self.time.as_secs_f64() * 1e9 / self.bytes.max(1) as f64
    }
}

const HEAD: [&str; 7] = [
    "",
    "rows",
    "precision",
    "recall",
    "F1",
    "FPR",
    "missed / false",
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = FAMILIES.iter().find(|family| family.name == self.family);
        let (kind, aim) = family.map_or(("", ""), |family| (family.kind, family.aim));
        writeln!(
            f,
            "## {} ({kind}), {:.1} µs per KB",
            self.family,
            self.micros_per_kb()
        )?;
        writeln!(f, "\nAim: {aim}\n")?;
        let mut table = Table::new(&HEAD);
        table.row(cells("all texts", &self.scores.texts));
        if self.scores.spans.total() > 0 {
            table.row(cells("all places", &self.scores.spans));
        }
        writeln!(f, "{table}")?;
        let typed = family.is_some_and(|family| !family.types.is_empty());
        let slices = [
            ("places by type", &self.scores.spans_by_type, typed),
            ("texts by source", &self.scores.by_source, true),
            ("texts by tag", &self.scores.by_tag, true),
        ];
        for (name, slices, shown) in slices {
            if !shown || slices.is_empty() {
                continue;
            }
            let mut head = HEAD;
            head[0] = name;
            let mut table = Table::new(&head);
            for (name, counts) in slices {
                table.row(cells(name, counts));
            }
            writeln!(f, "{table}")?;
        }
        Ok(())
    }
}

fn cells(name: &str, counts: &Counts) -> Vec<String> {
    let figure =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    vec![
        name.to_owned(),
        counts.total().to_string(),
        figure(counts.precision()),
        figure(counts.recall()),
        figure(counts.f1()),
        figure(counts.false_positive_rate()),
        format!("{} / {}", counts.false_negatives, counts.false_positives),
    ]
}

/// One line for each family.
pub fn summary(reports: &[Report]) -> Table {
    let mut table = Table::new(&[
        "family",
        "precision",
        "recall",
        "F1",
        "FPR",
        "right-type recall",
        "µs per KB",
    ]);
    let figure =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    for report in reports {
        let (texts, spans) = (&report.scores.texts, &report.scores.spans);
        table.row([
            report.family.to_owned(),
            figure(texts.precision()),
            figure(texts.recall()),
            figure(texts.f1()),
            figure(texts.false_positive_rate()),
            figure(spans.recall()),
            format!("{:.1}", report.micros_per_kb()),
        ]);
    }
    table
}
