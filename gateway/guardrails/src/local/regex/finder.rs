//! Finds what a guardrail's presets are after.

use super::credentials::Credentials;
use super::terms::Terms;
use crate::scan::OpenMatch;
use parapet_policy::compile::HoldBack;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::addresses::{self, Sign};
use super::context::{self, Context, Memory, REACH_BYTES, table};
use super::presets::{How, Preset};
use crate::finding::{Hit, Rank};
use crate::scan::{Layer, Wants};
use crate::segment::Segment;

mod digits;
mod places;
#[cfg(test)]
mod reference;
mod rules;
mod surroundings;
#[cfg(test)]
mod tests;

use places::{LONGEST_TOKEN, Places, may_begin};
use rules::Rules;

/// The presets of one guardrail, ready.
pub(super) struct Finder {
    rules: Option<Rules>,
    email: Option<&'static Preset>,
    url: Option<&'static Preset>,
    credentials: Option<Credentials>,
    terms: Option<Terms>,
    replacement: Arc<str>,
}

impl Finder {
    /// Makes ready to find presets.
    pub(super) fn new(presets: &[&'static Preset], replacement: Arc<str>) -> Result<Self, String> {
        let mut finder = Self {
            rules: None,
            email: None,
            url: None,
            credentials: None,
            terms: None,
            replacement,
        };
        let (mut secrets, mut lists, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for preset in presets {
            match preset.how {
                How::Secret(belongs) => secrets.push((*preset, belongs)),
                How::Terms(list) => lists.push((*preset, list)),
                How::Shapes(rules) => rows.extend(rules.iter().map(|rule| (*preset, rule))),
                How::Email => finder.email = Some(preset),
                How::Url => finder.url = Some(preset),
            }
        }
        if !secrets.is_empty() {
            finder.credentials = Some(Credentials::new(secrets, &finder.replacement));
        }
        if !lists.is_empty() {
            finder.terms = Some(Terms::new(&lists));
        }
        if !rows.is_empty() {
            // Of two that find the same, those that need no word come first, and the later row: see `Places::try_at`.
            rows.sort_by_key(|(_, rule)| !rule.needs_context);
            finder.rules = Some(Rules::new(rows)?);
        }
        Ok(finder)
    }

    /// The shared literals that it needs.
    pub(super) fn wants(&self) -> Wants {
        let letters = self.rules.as_ref().is_some_and(|rules| rules.letters);
        let presets = if self.url.is_some() || letters {
            Wants::PRESETS
        } else {
            Wants::NONE
        };
        let secrets = self.credentials.as_ref();
        presets.and(secrets.map_or(Wants::NONE, |secrets| secrets.detector().wants()))
    }

    /// How many bytes of a stream it holds back at most.
    pub(super) fn hold_back(&self) -> usize {
        // Two characters after a match decide whether it is one.
        let shapes = self.rules.as_ref().map_or(0, |rules| rules.longest + 8);
        let email = self.email.map_or(0, |_| addresses::LONGEST_EMAIL + 1);
        let url = self.url.map_or(0, |_| addresses::LONGEST_HELD_URL);
        let terms = self.terms.as_ref().map_or(0, Terms::longest);
        let secrets =
            self.credentials
                .as_ref()
                .map_or(0, |secrets| match secrets.detector().hold_back() {
                    HoldBack::Bytes(bytes) => bytes as usize,
                    HoldBack::Unbounded => usize::MAX,
                });
        shapes.max(email).max(url).max(terms).max(secrets)
    }

    /// Finds.
    pub(super) fn scan(&self, layer: &Layer<'_>, segment: &Segment, hits: &mut Vec<Hit>) {
        let text = layer.text();
        if let Some(preset) = self.email {
            addresses::emails(text, |range| {
                hits.push(self.hit(preset, range, Rank::Prefix, 0.9))
            });
        }
        if let Some(preset) = self.url {
            let signs = layer.triggers(Wants::PRESETS).iter().filter_map(|trigger| {
                let sign = match trigger.literal {
                    0 => Sign::Scheme,
                    1 => Sign::Www,
                    _ => return None,
                };
                Some((trigger.start as usize..trigger.end as usize, sign))
            });
            addresses::urls(text, signs, |range| {
                hits.push(self.hit(preset, range, Rank::Prefix, 0.9))
            });
        }
        if let Some(credentials) = &self.credentials {
            credentials.scan(layer, segment, hits);
        }
        if let Some(terms) = &self.terms {
            terms.find(text, |preset, range| {
                hits.push(self.hit(preset, range, Rank::Pattern, 0.5));
            });
        }
        if let Some(rules) = &self.rules {
            let memory = Memory::default();
            Places::new(self, rules, text, segment.key.as_deref(), &memory, hits).all(layer);
        }
    }

    /// Whether every text says the same in both segments: what it depends on beside the text is the key above.
    pub(super) fn reads_alike(&self, one: &Segment, other: &Segment) -> bool {
        let credentials = self.credentials.as_ref();
        if credentials.is_some_and(|credentials| !credentials.detector().reads_alike(one, other)) {
            return false;
        }
        let Some(rules) = &self.rules else {
            return true;
        };
        let says = |segment: &Segment| segment.key.as_deref().map_or(Context::NONE, context::above);
        let has_place = |segment: &Segment| rules.letters && segment.key.is_some();
        one.key == other.key || (has_place(one) == has_place(other) && says(one) == says(other))
    }

    fn hit(&self, preset: &'static Preset, range: Range<usize>, rank: Rank, score: f32) -> Hit {
        Hit {
            range,
            category: Cow::Borrowed(preset.id),
            score,
            rank,
            replacement: Some(self.replacement.clone()),
        }
    }

    /// Where a match may have begun that the end of the text cuts off.
    pub(super) fn pending_from(&self, text: &str, from: usize) -> usize {
        let mut pending = text.len();
        if self.email.is_some() {
            pending = pending.min(addresses::email_pending_from(text));
        }
        if self.url.is_some() {
            pending = pending.min(addresses::url_pending_from(text));
        }
        if let Some(credentials) = &self.credentials {
            pending = pending.min(credentials.detector().pending_from(text, from));
        }
        if let Some(terms) = &self.terms {
            pending = pending.min(terms.pending_from(text));
        }
        if let Some(rules) = &self.rules {
            let window = text.len().saturating_sub(rules.longest + 8).max(from);
            let open = |at: &usize| may_begin(text.as_bytes(), *at) && rules.undecided(text, *at);
            pending = (window..pending).find(open).unwrap_or(pending);
        }
        pending.max(from)
    }

    /// A credential that has begun for certain and goes on.
    pub(super) fn open_credential(&self, text: &str, from: usize) -> Option<OpenMatch> {
        self.credentials.as_ref()?.open_match(text, from)
    }

    /// How far before what it judges it has to see.
    pub(super) fn context_from(&self, text: &str, from: usize) -> usize {
        self.credentials.as_ref().map_or(text.len(), |credentials| {
            credentials.detector().context_from(text, from)
        })
    }

    /// The start of a web address that reaches the end of a stream's text.
    pub(super) fn open_url(&self, text: &str) -> Option<(usize, &'static str, Arc<str>)> {
        let preset = self.url?;
        Some((
            addresses::open_url(text)?,
            preset.id,
            self.replacement.clone(),
        ))
    }

    /// How far before a match its context and its neighbours reach, in bytes.
    pub(super) fn reach_back(&self, text: &str) -> usize {
        let words = REACH_BYTES + 2 * LONGEST_TOKEN;
        if self.rules.is_some() && table::in_table(text) {
            words + table::ABOVE + table::LINE
        } else {
            words
        }
    }
}
