//! `make quality`: runs each local detector over labelled rows and scores it.
//!
//! A folder holds one folder for each family (`secrets`, `pii`, `code`, `sql`) with files of JSON lines, plain or
//! gzipped: `text`, `label` (1: something should be reported), `spans` (`start`, `end` in code points, `type`),
//! `source`, `tags`, and for `pii` `full` (everything in the text is annotated). `docs/quality.md` says how the
//! figures are made.

pub mod family;
pub mod report;
pub mod row;
pub mod score;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use parapet_guardrails::finding::Hit;
use parapet_guardrails::guardrail::{BuildContext, Guardrail, TextGuardrail};
use parapet_guardrails::kinds;
use parapet_guardrails::scan::Scanner;
use parapet_guardrails::segment::{Form, Role, Segments};
use parapet_policy::outcome::Operation;
use std::sync::Arc;

use family::{FAMILIES, Family};
use report::{Report, Wrong};
use row::Row;
use score::Scores;

/// A local detector, built.
pub struct Detector {
    guardrail: Arc<dyn TextGuardrail>,
    scanner: Scanner,
    segments: Segments,
}

impl Detector {
    /// Builds a kind from its configuration.
    ///
    /// # Errors
    /// When it does not build.
    pub fn build(kind: &str, config: &serde_json::Value) -> Result<Self> {
        let built = kinds::build(
            kind,
            config,
            &BuildContext::without_secrets(Operation::Validate),
        )
        .map_err(|problems| anyhow!("{kind} does not build: {problems:?}"))?;
        let Guardrail::Text(guardrail) = built.guardrail else {
            return Err(anyhow!("{kind} is not a detector of text"));
        };
        let scanner = Scanner::of(&[&*guardrail]);
        Ok(Self {
            guardrail,
            scanner,
            segments: Segments::of_text("", Role::User, Form::Text),
        })
    }

    /// What it finds in a text.
    pub fn scan(&self, text: &str) -> Vec<Hit> {
        let mut hits = [Vec::new()];
        if let Some(segment) = self.segments.list().first() {
            self.scanner
                .scan(text, segment, &[&*self.guardrail], &mut hits);
        }
        let [hits] = hits;
        hits
    }
}

/// Scores every family of which the folder has rows.
///
/// # Errors
/// When rows cannot be read, or a detector does not build.
pub fn run(dir: &Path) -> Result<Vec<Report>> {
    let mut reports = Vec::new();
    for family in FAMILIES {
        let rows = row::read_family(&dir.join(family.name))?;
        if !rows.is_empty() {
            reports.push(
                score_family(family, &rows).with_context(|| format!("scoring {}", family.name))?,
            );
        }
    }
    Ok(reports)
}

/// What one scan with all families' detectors together costs, over all rows: microseconds for a thousand bytes.
///
/// # Errors
/// When rows cannot be read, or a detector does not build.
pub fn combined_cost(dir: &Path) -> Result<f64> {
    let mut detectors = Vec::new();
    let mut texts = Vec::new();
    for family in FAMILIES {
        detectors.extend(family.detectors()?.into_iter().next());
        texts.extend(
            row::read_family(&dir.join(family.name))?
                .into_iter()
                .map(|row| row.text),
        );
    }
    let guardrails: Vec<&dyn TextGuardrail> = detectors
        .iter()
        .map(|detector| &*detector.guardrail)
        .collect();
    let scanner = Scanner::of(&guardrails);
    let segments = Segments::of_text("", Role::User, Form::Text);
    let segment = segments
        .list()
        .first()
        .context("a text without a segment")?;
    let mut hits = vec![Vec::new(); guardrails.len()];
    let (mut time, mut bytes) = (Duration::ZERO, 0);
    for text in &texts {
        hits.iter_mut().for_each(Vec::clear);
        let started = Instant::now();
        scanner.scan(text, segment, &guardrails, &mut hits);
        time += started.elapsed();
        bytes += text.len();
    }
    Ok(time.as_secs_f64() * 1e9 / bytes.max(1) as f64)
}

fn score_family(family: &Family, rows: &[Row]) -> Result<Report> {
    let detectors = family.detectors()?;
    let mut scores = Scores::default();
    let mut wrong = Vec::new();
    let (mut time, mut bytes) = (Duration::ZERO, 0);
    // Lazily built tables are built before the clock runs.
    for row in rows.iter().take(50) {
        family.detector_for(&detectors, row).scan(&row.text);
    }
    for row in rows {
        let detector = family.detector_for(&detectors, row);
        let started = Instant::now();
        let hits = detector.scan(&row.text);
        time += started.elapsed();
        bytes += row.text.len();
        let hits = family.hits_that_count(row, &hits);
        scores.add(family, row, &hits);
        if row.positive() == hits.is_empty() && !family.keeps_apart(row) {
            wrong.push(Wrong::of(row, &hits));
        }
    }
    Ok(Report {
        family: family.name,
        scores,
        wrong,
        time,
        bytes,
    })
}
