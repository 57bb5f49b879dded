//! Finds what a guardrail's presets are after.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::addresses::{self, Sign};
use super::context::{Context, Near, REACH_BYTES};
use super::presets::{Checked, How, Preset, Rule};
use super::shapes::{self, Shapes};
use crate::finding::{Hit, Rank};
use crate::scan::{Layer, Wants};
use crate::segment::Segment;

/// A run of letters and digits that is longer is no identifier.
const LONGEST_TOKEN: usize = 128;
/// A month or a code that may stand before the digits of a value.
const LONGEST_LEAD: usize = 12;
/// So many rules may match at one place; more than this never do, a test says.
const MOST_AT_ONCE: usize = 32;

/// The presets of one guardrail, ready.
pub(super) struct Finder {
    rules: Vec<(&'static Preset, &'static Rule)>,
    shapes: Option<Arc<Shapes>>,
    email: Option<&'static Preset>,
    url: Option<&'static Preset>,
    /// The longest match of a shape.
    longest: usize,
    replacement: Arc<str>,
}

impl Finder {
    /// Makes ready to find presets.
    pub(super) fn new(presets: &[&'static Preset], replacement: Arc<str>) -> Result<Self, String> {
        let mut finder = Self {
            rules: Vec::new(),
            shapes: None,
            email: None,
            url: None,
            longest: 0,
            replacement,
        };
        for preset in presets {
            match preset.how {
                How::Shapes(rules) => finder
                    .rules
                    .extend(rules.iter().map(|rule| (*preset, rule))),
                How::Email => finder.email = Some(preset),
                How::Url => finder.url = Some(preset),
            }
        }
        if !finder.rules.is_empty() {
            let list: Vec<&'static str> = finder.rules.iter().map(|(_, rule)| rule.shape).collect();
            finder.shapes = Some(shapes::shared(list)?);
            finder.longest = finder
                .rules
                .iter()
                .filter_map(|(_, rule)| shapes::longest(rule))
                .max()
                .unwrap_or_default();
        }
        Ok(finder)
    }

    /// The shared literals that it needs.
    pub(super) const fn wants(&self) -> Wants {
        match self.url {
            Some(_) => Wants::PRESETS,
            None => Wants::NONE,
        }
    }

    /// How many bytes of a stream it holds back at most.
    pub(super) fn hold_back(&self) -> usize {
        // Two characters after a match decide whether it is one.
        let shapes = if self.shapes.is_some() {
            self.longest + 8
        } else {
            0
        };
        let email = self.email.map_or(0, |_| addresses::LONGEST_EMAIL + 1);
        let url = self.url.map_or(0, |_| addresses::LONGEST_HELD_URL);
        shapes.max(email).max(url)
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
        if let Some(shapes) = &self.shapes {
            let mut places = Places {
                finder: self,
                shapes,
                text,
                key: segment.key.as_deref(),
                hits,
            };
            places.tokens();
            places.colons();
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
        if let Some(shapes) = &self.shapes {
            let window = text.len().saturating_sub(self.longest + 8).max(from);
            pending = (window..pending)
                .find(|at| may_begin(text.as_bytes(), *at) && self.undecided(shapes, text, *at))
                .unwrap_or(pending);
        }
        pending.max(from)
    }

    /// Whether more text could make a match at `at`, or unmake one.
    fn undecided(&self, shapes: &Shapes, text: &str, at: usize) -> bool {
        let mut undecided = false;
        let alive = shapes.walk(text.as_bytes(), at, |rule, end| {
            if let Some((_, rule)) = self.rules.get(rule) {
                undecided |= rule.edge.undecided(text, end);
            }
        });
        alive || undecided
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
    pub(super) const fn reach_back(&self) -> usize {
        REACH_BYTES + 2 * LONGEST_TOKEN
    }
}

/// Whether a value may begin at a place, judged by its byte and the one before.
fn may_begin(bytes: &[u8], at: usize) -> bool {
    let Some(byte) = bytes.get(at) else {
        return false;
    };
    let before = at.checked_sub(1).and_then(|at| bytes.get(at));
    match byte {
        b'+' | b'(' | b'-' | b':' => true,
        _ => in_token(*byte) && !before.is_some_and(|before| in_token(*before)),
    }
}

const fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// The walk over one text's places at which a value may begin.
struct Places<'a> {
    finder: &'a Finder,
    shapes: &'a Shapes,
    text: &'a str,
    key: Option<&'a str>,
    hits: &'a mut Vec<Hit>,
}

impl Places<'_> {
    /// Every run of letters and digits with a digit in it, and what may belong before it.
    fn tokens(&mut self) {
        let bytes = self.text.as_bytes();
        let mut done = 0;
        while let Some(digit) = next_digit(bytes, done) {
            let start = run_start(bytes, digit, done);
            let end = run_end(bytes, digit);
            if end - start <= LONGEST_TOKEN {
                self.lead(start);
                self.try_at(start);
            }
            done = end;
        }
    }

    /// What may belong before a token: signs, parentheses, a month, a country.
    fn lead(&mut self, start: usize) {
        let bytes = self.text.as_bytes();
        let byte = |back: usize| {
            start
                .checked_sub(back)
                .and_then(|at| bytes.get(at))
                .copied()
        };
        let Some(before) = byte(1) else {
            return;
        };
        match (byte(2), before) {
            (Some(b'('), b'+') | (Some(b'+'), b'(') => self.try_at(start - 2),
            _ => {}
        }
        match before {
            b'+' | b'(' | b'-' => self.try_at(start - 1),
            _ => {}
        }
        let gap = match (byte(2), before) {
            (Some(b'.'), b' ') => 2,
            (_, b' ' | b'-' | b'.') => 1,
            _ => return,
        };
        let end = start - gap;
        let lead = run_start(bytes, end, end.saturating_sub(LONGEST_LEAD + 1));
        if (1..=LONGEST_LEAD).contains(&(end - lead))
            && bytes.get(lead).is_some_and(u8::is_ascii_uppercase)
        {
            self.try_at(lead);
        }
    }

    /// Hexadecimal pairs and groups without any digit in front: `AA:BB:`, `::`.
    fn colons(&mut self) {
        let bytes = self.text.as_bytes();
        let mut done = 0;
        for at in memchr::memchr_iter(b':', bytes) {
            let next = |offset: usize| bytes.get(at + offset).copied();
            let pair = next(3) == Some(b':') || next(1) == Some(b':');
            if at < done || !pair {
                continue;
            }
            let start = bytes
                .get(at.saturating_sub(4).max(done)..at)
                .unwrap_or_default()
                .iter()
                .rev()
                .take_while(|byte| byte.is_ascii_hexdigit())
                .count();
            let digits = bytes.get(at - start..at).unwrap_or_default();
            // With a digit in front it has been tried as a token.
            if digits.iter().all(u8::is_ascii_alphabetic) && (start > 0 || next(1) == Some(b':')) {
                self.try_at(at - start);
            }
            // One attempt for one run of groups.
            done = at
                + bytes
                    .get(at..)
                    .unwrap_or_default()
                    .iter()
                    .take(48)
                    .take_while(|byte| byte.is_ascii_hexdigit() || **byte == b':')
                    .count();
        }
    }

    /// Judges every match that begins at a place.
    fn try_at(&mut self, at: usize) {
        let mut ends = [(0, 0); MOST_AT_ONCE];
        let mut count = 0;
        let finder = self.finder;
        self.shapes.walk(self.text.as_bytes(), at, |rule, end| {
            let closes = finder
                .rules
                .get(rule)
                .is_some_and(|(_, rule)| rule.edge.closes(self.text, end));
            if !closes {
                return;
            }
            // The longest end of each rule counts.
            let known = ends
                .iter()
                .take(count)
                .position(|(known, _)| *known == rule);
            if let Some(place) = ends.get_mut(known.unwrap_or(count)) {
                *place = (rule, end);
                count += usize::from(known.is_none());
            }
        });
        let mut near = None;
        for (rule, end) in ends.iter().take(count) {
            if let Some((preset, rule)) = finder.rules.get(*rule) {
                self.judge(preset, rule, at..*end, &mut near);
            }
        }
    }

    fn judge(
        &mut self,
        preset: &'static Preset,
        rule: &Rule,
        range: Range<usize>,
        near: &mut Option<Near>,
    ) {
        let Some(value) = self.text.get(range.clone()) else {
            return;
        };
        if !rule.edge.opens(self.text, range.start) {
            return;
        }
        let checked = (rule.check)(value);
        if checked == Checked::No {
            return;
        }
        let mut distance = None;
        if rule.context.or(rule.unless) != Context::NONE {
            let near = near.get_or_insert_with(|| Near::look(self.text, range.start, self.key));
            distance = near.distance(rule.context);
            let against = near.distance(rule.unless);
            if distance.is_none() && rule.needs_context {
                return;
            }
            if against.is_some_and(|against| distance.is_none_or(|distance| against < distance)) {
                return;
            }
        }
        let (rank, sure) = match (checked, distance) {
            (Checked::Proven, _) => (Rank::Checksum, 1.0),
            (_, Some(_)) => (Rank::Context, (rule.base + 0.35).clamp(0.4, 0.95)),
            (_, None) => (Rank::Pattern, rule.base),
        };
        // Of two readings of one number the one counts whose word stands nearer.
        let far = distance.map_or(0.06, |distance| {
            f32::from(u8::try_from(distance).unwrap_or(6)) * 0.01
        });
        let part = (rule.part)(value);
        let range = range.start + part.start..range.start + part.end;
        self.hits
            .push(self.finder.hit(preset, range, rank, sure - far));
    }
}

/// The next ASCII digit. Looks at 32 bytes at a time, which compiles to vector instructions.
fn next_digit(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    for chunk in bytes.get(from..)?.chunks(32) {
        if chunk
            .iter()
            .fold(false, |any, byte| any | byte.is_ascii_digit())
        {
            return chunk
                .iter()
                .position(u8::is_ascii_digit)
                .map(|place| at + place);
        }
        at += chunk.len();
    }
    None
}

/// Where the run of letters and digits begins that ends before or goes on at `at`.
fn run_start(bytes: &[u8], at: usize, least: usize) -> usize {
    let run = bytes.get(least..at).unwrap_or_default();
    at - run.iter().rev().take_while(|byte| in_token(**byte)).count()
}

fn run_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| in_token(**byte)).count()
}
