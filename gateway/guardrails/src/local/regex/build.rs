//! From configuration to guardrail.

use std::sync::Arc;

use parapet_policy::compile::{HoldBack, Problem};
use parapet_policy::diagnostic::{Reason, Severity};

use super::custom::Customs;
use super::finder::Finder;
use super::{Regex, addresses, presets};
use crate::finding::Hit;
use crate::guardrail::{Built, Guardrail, TextGuardrail, problem};
use crate::kinds::Kind;
use crate::scan::{ByteSet, Layer, OpenMatch, Until, Wants};
use crate::segment::Segment;

/// A presets list and custom patterns, ready to run.
struct Patterns {
    finder: Option<Finder>,
    customs: Option<Customs>,
    hold_back: HoldBack,
}

/// Builds the guardrail, or says everything that is wrong.
pub(super) fn build(config: &Regex) -> Result<Built, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut remarks = Vec::new();
    let finder = finder(config, &mut problems);
    let customs = Customs::build(&config.custom_patterns, &mut problems, &mut remarks);
    if finder.is_none() && customs.is_none() && problems.is_empty() {
        remarks.push(Problem {
            path: String::new(),
            severity: Severity::Warning,
            reason: Reason::Suspicious,
            message: "there is nothing to find: name presets or give custom patterns".into(),
        });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let hold_back = customs
        .as_ref()
        .map_or(HoldBack::Bytes(0), Customs::hold_back);
    let presets = finder.as_ref().map_or(0, Finder::hold_back);
    let hold_back = match hold_back {
        HoldBack::Bytes(bytes) => {
            HoldBack::Bytes(bytes.max(u32::try_from(presets).unwrap_or(u32::MAX)))
        }
        HoldBack::Unbounded => HoldBack::Unbounded,
    };
    Ok(Built {
        guardrail: Guardrail::Text(Arc::new(Patterns {
            finder,
            customs,
            hold_back,
        })),
        kind: Regex::NAME,
        hooks: Regex::HOOKS,
        remarks,
    })
}

fn finder(config: &Regex, problems: &mut Vec<Problem>) -> Option<Finder> {
    let wanted = config.preset_patterns.as_ref()?;
    let mut list = Vec::new();
    for (place, id) in wanted.presets.iter().enumerate() {
        match presets::named(id) {
            // A preset that is named twice counts once.
            Some(preset)
                if list
                    .iter()
                    .any(|known: &&presets::Preset| known.id == preset.id) => {}
            Some(preset) => list.push(preset),
            None => problems.push(problem(
                format!("presetPatterns.presets[{place}]"),
                unknown_preset(id),
            )),
        }
    }
    if list.is_empty() {
        return None;
    }
    match Finder::new(&list, wanted.redaction_text.as_str().into()) {
        Ok(finder) => Some(finder),
        Err(error) => {
            problems.push(problem(
                "presetPatterns",
                format!("cannot prepare the presets: {error}"),
            ));
            None
        }
    }
}

fn unknown_preset(id: &str) -> String {
    let likeness = |known: &str| {
        let shared = known
            .chars()
            .zip(id.chars())
            .take_while(|(a, b)| a == b)
            .count();
        let inside = known.contains(id) || id.contains(known);
        let near = shared + if inside { 16 } else { 0 };
        (near, std::cmp::Reverse(known.len().abs_diff(id.len())))
    };
    let nearest = presets::all()
        .map(|preset| preset.id)
        .filter(|known| likeness(known).0 >= 3)
        .max_by_key(|known| likeness(known));
    match nearest {
        Some(nearest) => format!("there is no preset {id:?}: did you mean {nearest:?}?"),
        None => format!("there is no preset {id:?}: the documentation lists all of them"),
    }
}

impl TextGuardrail for Patterns {
    fn wants(&self) -> Wants {
        self.finder.as_ref().map_or(Wants::NONE, Finder::wants)
    }

    fn scan(&self, layer: &Layer<'_>, segment: &Segment, hits: &mut Vec<Hit>) {
        if let Some(finder) = &self.finder {
            finder.scan(layer, segment, hits);
        }
        if let Some(customs) = &self.customs {
            customs.scan(layer.text(), hits);
        }
    }

    fn reads_alike(&self, one: &Segment, other: &Segment) -> bool {
        // Patterns that somebody wrote see the text and nothing else.
        let finder = self.finder.as_ref();
        finder.is_none_or(|finder| finder.reads_alike(one, other))
    }

    fn hold_back(&self) -> HoldBack {
        self.hold_back
    }

    fn pending_from(&self, text: &str, from: usize) -> usize {
        let presets = self
            .finder
            .as_ref()
            .map_or(text.len(), |finder| finder.pending_from(text, from));
        let customs = self
            .customs
            .as_ref()
            .map_or(text.len(), |customs| customs.pending_from(text, from));
        presets.min(customs)
    }

    fn context_from(&self, text: &str, from: usize) -> usize {
        let judged = self.judged_to(text, from);
        let reach = self
            .finder
            .as_ref()
            .map_or(8, |finder| finder.reach_back(text));
        let finder = self.finder.as_ref();
        let needed = finder.map_or(text.len(), |finder| finder.context_from(text, from));
        let mut at = judged.saturating_sub(reach).min(needed);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    fn open_match(&self, text: &str, from: usize) -> Option<OpenMatch> {
        let finder = self.finder.as_ref()?;
        if let Some(open) = finder.open_credential(text, from) {
            return Some(open);
        }
        let (start, category, replacement) = finder.open_url(text)?;
        (start >= from).then(|| OpenMatch {
            start,
            category: category.into(),
            replacement: Some(replacement),
            until: Until::Outside(ByteSet::alphanumeric_and(addresses::IN_URL)),
        })
    }
}
