//! Finds what a guardrail's presets are after.

use super::credentials::Credentials;
use super::terms::Terms;
use crate::scan::OpenMatch;
use parapet_policy::compile::HoldBack;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::addresses::{self, Sign};
use super::context::{Context, REACH_BYTES, table};
use super::presets::{How, Preset, Rule};
use super::shapes::{self, Shapes};
use crate::finding::{Hit, Rank};
use crate::scan::{Layer, Wants};
use crate::segment::Segment;

mod places;

use places::{LONGEST_TOKEN, Places, may_begin};

/// Rules whose shapes are walked together.
#[derive(Default)]
struct Rules {
    list: Vec<(&'static Preset, &'static Rule)>,
    shapes: Option<Arc<Shapes>>,
    /// The words of all of them.
    context: u128,
    /// The longest match.
    longest: usize,
}

impl Rules {
    fn prepare(&mut self) -> Result<(), String> {
        let list: Vec<&'static str> = self.list.iter().map(|(_, rule)| rule.shape).collect();
        for (_, rule) in &self.list {
            self.context |= rule.context.0;
            self.longest = self.longest.max(shapes::longest(rule.shape));
        }
        if !list.is_empty() {
            self.shapes = Some(shapes::shared(list)?);
        }
        Ok(())
    }

    const fn context(&self) -> Context {
        Context(self.context)
    }

    /// Whether more text could make a match at `at`, or unmake one.
    fn undecided(&self, text: &str, at: usize) -> bool {
        let Some(shapes) = &self.shapes else {
            return false;
        };
        let mut undecided = false;
        let alive = shapes.walk(text.as_bytes(), at, |rule, end, _| {
            if let Some((_, rule)) = self.list.get(rule) {
                undecided |= rule.edge.undecided(text, end);
            }
        });
        alive || undecided
    }
}

/// The presets of one guardrail, ready.
pub(super) struct Finder {
    /// Rules that need no word beside them.
    free: Rules,
    /// Rules that do. Their shapes are walked only where one of their words stands near.
    bound: Rules,
    email: Option<&'static Preset>,
    url: Option<&'static Preset>,
    credentials: Option<Credentials>,
    terms: Option<Terms>,
    /// Whether a value may be without digits.
    letters: bool,
    replacement: Arc<str>,
}

impl Finder {
    /// Makes ready to find presets.
    pub(super) fn new(presets: &[&'static Preset], replacement: Arc<str>) -> Result<Self, String> {
        let mut finder = Self {
            free: Rules::default(),
            bound: Rules::default(),
            email: None,
            url: None,
            credentials: None,
            terms: None,
            letters: false,
            replacement,
        };
        let (mut secrets, mut lists) = (Vec::new(), Vec::new());
        for preset in presets {
            match preset.how {
                How::Secret(belongs) => secrets.push((*preset, belongs)),
                How::Terms(list) => lists.push((*preset, list)),
                How::Shapes(rules) => finder.take(preset, rules),
                How::Email => finder.email = Some(preset),
                How::Url => finder.url = Some(preset),
            }
        }
        if !secrets.is_empty() {
            finder.credentials = Some(Credentials::new(secrets, &finder.replacement));
        }
        if !lists.is_empty() {
            finder.terms = Some(Terms::new(&lists)?);
        }
        finder.free.prepare()?;
        finder.bound.prepare()?;
        Ok(finder)
    }

    fn take(&mut self, preset: &'static Preset, rules: &'static [Rule]) {
        for rule in rules {
            self.letters |= rule.letters;
            let group = if rule.needs_context {
                &mut self.bound
            } else {
                &mut self.free
            };
            group.list.push((preset, rule));
        }
    }

    fn has_shapes(&self) -> bool {
        self.free.shapes.is_some() || self.bound.shapes.is_some()
    }

    /// The longest match of a shape.
    fn longest(&self) -> usize {
        self.free.longest.max(self.bound.longest)
    }

    /// The shared literals that it needs.
    pub(super) fn wants(&self) -> Wants {
        let presets = if self.url.is_some() || self.letters {
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
        let shapes = if self.has_shapes() {
            self.longest() + 8
        } else {
            0
        };
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
        if self.has_shapes() {
            Places::new(self, text, segment.key.as_deref(), hits).all(layer);
        }
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
        if self.has_shapes() {
            let window = text.len().saturating_sub(self.longest() + 8).max(from);
            let open = |at: &usize| {
                may_begin(text.as_bytes(), *at)
                    && (self.free.undecided(text, *at) || self.bound.undecided(text, *at))
            };
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
        if self.has_shapes() && table::in_table(text) {
            words + table::ABOVE + table::LINE
        } else {
            words
        }
    }
}
