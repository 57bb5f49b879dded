//! Finds what a guardrail's presets are after.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::addresses::{self, Sign};
use super::context::{Context, Near, REACH_BYTES};
use super::presets::{Check, FIRST_LABEL, How, Preset, Rule};
use super::shapes::{self, Shapes};
use crate::finding::{Hit, Rank};
use crate::scan::{Layer, Wants};
use crate::segment::Segment;

/// A run of letters and digits that is longer is no identifier.
const LONGEST_TOKEN: usize = 128;
/// A month or a code that may stand before the digits of a value.
const LONGEST_LEAD: usize = 14;
/// How many of them may stand there.
const MOST_LEADS: usize = 2;
/// How many tokens after a label may be its value.
const AFTER_LABEL: usize = 3;

/// The presets of one guardrail, ready.
pub(super) struct Finder {
    rules: Vec<(&'static Preset, &'static Rule)>,
    shapes: Option<Arc<Shapes>>,
    email: Option<&'static Preset>,
    url: Option<&'static Preset>,
    /// Whether a value may be without digits.
    letters: bool,
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
            letters: false,
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
            finder.letters = finder.rules.iter().any(|(_, rule)| rule.letters);
            finder.longest = finder
                .rules
                .iter()
                .map(|(_, rule)| shapes::longest(rule))
                .max()
                .unwrap_or_default();
        }
        Ok(finder)
    }

    /// The shared literals that it needs.
    pub(super) const fn wants(&self) -> Wants {
        if self.url.is_some() || self.letters {
            Wants::PRESETS
        } else {
            Wants::NONE
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
                ends: Vec::new(),
            };
            places.tokens();
            places.colons();
            if self.letters {
                places.labels(layer);
            }
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
    /// Rules and ends of the matches at one place; kept to be used again.
    ends: Vec<(usize, usize)>,
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
        let mut end = start;
        for _ in 0..MOST_LEADS {
            let byte = |back: usize| end.checked_sub(back).and_then(|at| bytes.get(at)).copied();
            let gap = match (byte(2), byte(1)) {
                (Some(b'.'), Some(b' ')) => 2,
                (_, Some(b' ' | b'-' | b'.')) => 1,
                _ => return,
            };
            end -= gap;
            let lead = lead_start(bytes, end);
            let run = bytes.get(lead..end).unwrap_or_default();
            let code = run
                .first()
                .is_some_and(|byte| byte.is_ascii_uppercase() || *byte >= 0x80);
            let pair = run.len() == 2 && run.iter().all(u8::is_ascii_hexdigit);
            if !(code || pair) || run.len() > LONGEST_LEAD || run.iter().any(u8::is_ascii_digit) {
                return;
            }
            self.try_at(lead);
            end = lead;
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

    /// Values without digits, after a label or below a key.
    fn labels(&mut self, layer: &Layer<'_>) {
        let bytes = self.text.as_bytes();
        if self.key.is_some() {
            self.try_at(0);
        }
        for trigger in layer.triggers(Wants::PRESETS) {
            if trigger.literal < FIRST_LABEL {
                continue;
            }
            let mut at = trigger.end as usize;
            if at
                .checked_sub(1)
                .and_then(|last| bytes.get(last))
                .copied()
                .is_some_and(in_token)
            {
                at = run_end(bytes, at);
            }
            for _ in 0..AFTER_LABEL {
                let gap = bytes.get(at..).unwrap_or_default().iter().take(4);
                let start = at + gap.take_while(|byte| !in_token(**byte)).count();
                at = run_end(bytes, start);
                if at == start {
                    break;
                }
                // A token with a digit has been tried.
                let token = bytes.get(start..at).unwrap_or_default();
                if !token.iter().any(u8::is_ascii_digit) {
                    self.try_at(start);
                }
            }
        }
    }

    /// Judges every match that begins at a place.
    fn try_at(&mut self, at: usize) {
        let mut ends = std::mem::take(&mut self.ends);
        ends.clear();
        let finder = self.finder;
        self.shapes.walk(self.text.as_bytes(), at, |rule, end| {
            let rule_at = finder.rules.get(rule);
            if rule_at.is_some_and(|(_, rule)| rule.edge.closes(self.text, end)) {
                ends.push((rule, end));
            }
        });
        let mut near = None;
        // Of one rule the longest match that passes counts.
        ends.sort_unstable_by(|a, b| b.cmp(a));
        let mut passed = None;
        for (rule, end) in &ends {
            if passed != Some(*rule)
                && let Some((preset, known)) = finder.rules.get(*rule)
                && self.judge(preset, known, at..*end, &mut near)
            {
                passed = Some(*rule);
            }
        }
        self.ends = ends;
    }

    /// Whether a match counts; then it is a hit.
    fn judge(
        &mut self,
        preset: &'static Preset,
        rule: &Rule,
        range: Range<usize>,
        near: &mut Option<Near>,
    ) -> bool {
        let Some(value) = self.text.get(range.clone()) else {
            return false;
        };
        if !rule.edge.opens(self.text, range.start) {
            return false;
        }
        let mut distance = None;
        if rule.context.or(rule.unless) != Context::NONE {
            let near = near.get_or_insert_with(|| Near::look(self.text, range.start, self.key));
            distance = near
                .distance(rule.context)
                .filter(|distance| *distance <= rule.reach);
            if distance.is_none() && rule.needs_context {
                return false;
            }
            let against = near.distance(rule.unless);
            if against.is_some_and(|against| distance.is_none_or(|distance| against < distance)) {
                return false;
            }
        }
        let (fits, proven) = match rule.check {
            Check::Nothing => (true, false),
            Check::Fits(check) => (check(value), false),
            Check::Proves(check) => (check(value), true),
        };
        if !fits {
            return false;
        }
        let (rank, sure) = match (proven, distance) {
            (true, _) => (Rank::Checksum, 1.0),
            (false, Some(_)) => (Rank::Context, (rule.base + 0.35).clamp(0.4, 0.95)),
            (false, None) => (Rank::Pattern, rule.base),
        };
        // Of two readings of one number the one counts whose word stands nearer.
        let far = distance.map_or(0.06, |distance| {
            f32::from(u8::try_from(distance).unwrap_or(6)) * 0.01
        });
        self.hits
            .push(self.finder.hit(preset, range, rank, sure - far));
        true
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

/// Where the run of letters of any script begins that ends at `end`.
fn lead_start(bytes: &[u8], end: usize) -> usize {
    let run = bytes
        .get(end.saturating_sub(LONGEST_LEAD + 1)..end)
        .unwrap_or_default();
    let letters = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte >= 0x80;
    end - run.iter().rev().take_while(letters).count()
}

fn run_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| in_token(**byte)).count()
}
