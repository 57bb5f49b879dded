//! Labelled rows.

use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One labelled text.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Row {
    /// The text.
    pub text: String,
    /// 1 when a detector should report something.
    pub label: u8,
    /// What it should report, where that is known.
    #[serde(default)]
    pub spans: Vec<Span>,
    /// Where the text comes from.
    #[serde(default)]
    pub source: String,
    /// Slices for reporting.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Everything in the text is annotated.
    #[serde(default)]
    pub full: bool,
    /// Language or locale.
    #[serde(default)]
    pub lang: Option<String>,
}

/// A place in a text, in code points.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Span {
    start: usize,
    end: usize,
    /// What stands there.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Row {
    /// Whether something should be reported.
    pub const fn positive(&self) -> bool {
        self.label == 1
    }

    /// Whether it has a tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|other| other == tag)
    }

    /// The spans with their ranges in bytes.
    pub fn byte_spans(&self) -> Vec<(Range<usize>, &str)> {
        if self.spans.is_empty() {
            return Vec::new();
        }
        let mut starts: Vec<usize> = self.text.char_indices().map(|(at, _)| at).collect();
        starts.push(self.text.len());
        let at = |point: usize| starts.get(point).copied().unwrap_or(self.text.len());
        self.spans
            .iter()
            .map(|span| (at(span.start)..at(span.end), span.kind.as_str()))
            .collect()
    }
}

/// All rows below a folder; none when there is no such folder.
///
/// # Errors
/// When a file cannot be read or a line is not a row.
pub fn read_family(dir: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    if !dir.is_dir() {
        return Ok(rows);
    }
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .with_context(|| format!("reading {}", dir.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    for path in files {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let open =
            || std::fs::File::open(&path).with_context(|| format!("opening {}", path.display()));
        let reader: Box<dyn Read> = if name.ends_with(".jsonl.gz") {
            Box::new(flate2::read::MultiGzDecoder::new(open()?))
        } else if name.ends_with(".jsonl") {
            Box::new(open()?)
        } else {
            continue;
        };
        for (n, line) in BufReader::new(reader).lines().enumerate() {
            let line = line.with_context(|| format!("reading {}", path.display()))?;
            let row = serde_json::from_str(&line)
                .with_context(|| format!("{} line {}", path.display(), n + 1))?;
            rows.push(row);
        }
    }
    Ok(rows)
}
