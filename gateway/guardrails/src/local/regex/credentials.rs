//! Presets for credentials: what secrets detection finds, under the published names.

use std::ops::Range;
use std::sync::Arc;

use super::presets::Preset;
use crate::finding::Hit;
use crate::guardrail::TextGuardrail;
use crate::scan::{Layer, OpenMatch};
use crate::segment::Segment;

/// Whether a finding of secrets detection belongs to a preset: its category, the text, and where it stands.
pub(super) type Belongs = fn(&str, &str, &Range<usize>) -> bool;

/// The credential presets of one guardrail.
pub(super) struct Credentials {
    detector: Arc<dyn TextGuardrail>,
    presets: Vec<(&'static Preset, Belongs)>,
}

impl Credentials {
    pub(super) fn new(presets: Vec<(&'static Preset, Belongs)>, replacement: &Arc<str>) -> Self {
        let detector = crate::local::secrets_detection::detector(replacement.clone());
        Self { detector, presets }
    }

    /// The guardrail behind it, for what a stream asks.
    pub(super) fn detector(&self) -> &dyn TextGuardrail {
        &*self.detector
    }

    pub(super) fn scan(&self, layer: &Layer<'_>, segment: &Segment, hits: &mut Vec<Hit>) {
        let mut found = Vec::new();
        self.detector.scan(layer, segment, &mut found);
        hits.extend(found.into_iter().filter_map(|hit| {
            let id = self.id_of(&hit.category, layer.text(), &hit.range)?;
            Some(Hit {
                category: id.into(),
                ..hit
            })
        }));
    }

    pub(super) fn open_match(&self, text: &str, from: usize) -> Option<OpenMatch> {
        let open = self.detector.open_match(text, from)?;
        let id = self.id_of(&open.category, text, &(open.start..text.len()))?;
        Some(OpenMatch {
            category: id.into(),
            ..open
        })
    }

    fn id_of(&self, category: &str, text: &str, range: &Range<usize>) -> Option<&'static str> {
        let belongs = |(_, belongs): &&(&'static Preset, Belongs)| belongs(category, text, range);
        self.presets
            .iter()
            .find(belongs)
            .map(|(preset, _)| preset.id)
    }
}
