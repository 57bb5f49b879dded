//! The walk over one text's places at which a value may begin.

use std::ops::Range;

use super::super::context::{Context, Memory, Near, REACH};
use super::super::presets::{Check, FIRST_LABEL, Preset, Rule};
use super::super::shapes::Shapes;
use super::Finder;
use super::digits::{Digits, run_end};
use super::rules::Rules;
use super::surroundings::Surroundings;
use crate::finding::{Hit, Rank};
use crate::scan::{Layer, Wants};

/// A run of letters and digits that is longer is no identifier.
pub(super) const LONGEST_TOKEN: usize = 128;
/// A month or a code that may stand before the digits of a value.
const LONGEST_LEAD: usize = 14;
/// How many of them may stand there.
const MOST_LEADS: usize = 2;
/// How many tokens after a label may be its value.
const AFTER_LABEL: usize = 3;
/// How many ends of one rule at one place are looked at, the longest first.
const MOST_ENDS: usize = 6;

/// One text, and what is remembered while it is read.
pub(super) struct Places<'a> {
    finder: &'a Finder,
    rules: &'a Rules,
    text: &'a str,
    has_key: bool,
    around: Surroundings<'a>,
    hits: &'a mut Vec<Hit>,
    /// Rules and ends of the matches at one place; kept to be used again.
    ends: Vec<(u16, usize)>,
    /// Where the last proven value ends: nothing begins inside it.
    proven_to: usize,
}

impl<'a> Places<'a> {
    pub(super) fn new(
        finder: &'a Finder,
        rules: &'a Rules,
        text: &'a str,
        key: Option<&'a str>,
        memory: &'a Memory,
        hits: &'a mut Vec<Hit>,
    ) -> Self {
        Self {
            finder,
            rules,
            text,
            has_key: key.is_some(),
            around: Surroundings::of(text, key, memory),
            hits,
            ends: Vec::new(),
            proven_to: 0,
        }
    }

    /// Looks at every place.
    pub(super) fn all(mut self, layer: &Layer<'_>) {
        self.tokens();
        self.proven_to = 0;
        if self.rules.colons {
            self.colons();
        }
        if self.rules.letters {
            self.labels(layer);
        }
    }

    /// Every run of letters and digits with a digit in it, and what may belong before it.
    fn tokens(&mut self) {
        let bytes = self.text.as_bytes();
        let mut digits = Digits::of(bytes);
        let mut done = 0;
        while let Some(digit) = digits.next_from(done) {
            let start = run_start(bytes, digit, done);
            let end = run_end(bytes, digit);
            if end - start <= LONGEST_TOKEN && start >= self.proven_to {
                self.leads(start);
                self.try_at(start);
            }
            done = end;
        }
    }

    /// What may belong before a token: signs, parentheses, a month, a country.
    fn leads(&mut self, start: usize) {
        let bytes = self.text.as_bytes();
        let byte =
            |at: usize, back: usize| at.checked_sub(back).and_then(|at| bytes.get(at)).copied();
        if let (Some(b'('), Some(b'+')) | (Some(b'+'), Some(b'(')) =
            (byte(start, 2), byte(start, 1))
        {
            self.try_at(start - 2);
        }
        if let Some(b'+' | b'(' | b'-') = byte(start, 1) {
            self.try_at(start - 1);
        }
        if !self.rules.leads {
            return;
        }
        let mut end = start;
        for _ in 0..MOST_LEADS {
            end -= match (byte(end, 2), byte(end, 1)) {
                (Some(b'.'), Some(b' ')) => 2,
                (_, Some(b' ' | b'-' | b'.')) => 1,
                _ => return,
            };
            let lead = lead_start(bytes, end);
            let run = bytes.get(lead..end).unwrap_or_default();
            let code = run.first().is_some_and(|byte| is_code(*byte));
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
            let group = (1..=4)
                .take_while(|offset| next(*offset).is_some_and(|byte| byte.is_ascii_hexdigit()));
            if at < done || next(1 + group.count()) != Some(b':') {
                continue;
            }
            let before = bytes
                .get(at.saturating_sub(4).max(done)..at)
                .unwrap_or_default();
            let group = before
                .iter()
                .rev()
                .take_while(|byte| byte.is_ascii_hexdigit())
                .count();
            let start = at - group;
            let letters = bytes
                .get(start..at)
                .unwrap_or_default()
                .iter()
                .all(u8::is_ascii_alphabetic);
            // With a digit in front it has been tried as a token.
            if letters && (start < at || next(1) == Some(b':')) {
                self.try_at(start);
            }
            // One attempt for one run of groups.
            let groups = bytes.get(at..).unwrap_or_default().iter().take(48);
            done = at
                + groups
                    .take_while(|byte| byte.is_ascii_hexdigit() || **byte == b':')
                    .count();
        }
    }

    /// Values without digits, after a label or below a key.
    fn labels(&mut self, layer: &Layer<'_>) {
        let bytes = self.text.as_bytes();
        if self.has_key {
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

    /// Judges every match that begins at a place. Matches are judged from the last rule to the first.
    fn try_at(&mut self, at: usize) {
        let text = self.text;
        if !self.rules.shapes.may_begin(text.as_bytes(), at) {
            return;
        }
        self.ends.clear();
        let (ends, around) = (&mut self.ends, &mut self.around);
        let mut near: Option<Near<'a>> = None;
        let is_near = |words, reach| {
            near.get_or_insert_with(|| around.near(at))
                .distance(words, reach)
                .is_some()
        };
        self.rules
            .matches(text, at, is_near, |rule, end| ends.push((rule, end)));
        if !self.ends.is_empty() {
            self.judge_all(at, near);
        }
    }

    /// Judges the matches at a place. Of one rule the longest match that passes counts.
    fn judge_all(&mut self, at: usize, mut near: Option<Near<'a>>) {
        let rules = self.rules;
        let mut ends = std::mem::take(&mut self.ends);
        if ends.len() > 1 {
            ends.sort_unstable_by(|a, b| b.cmp(a));
        }
        let (mut current, mut tries) = (u16::MAX, 0);
        for (index, end) in &ends {
            if *index != current {
                (current, tries) = (*index, 0);
            }
            tries += 1;
            if tries <= MOST_ENDS
                && let Some((preset, rule)) = rules.get(*index)
                && self.judge(preset, rule, at..*end, &mut near)
            {
                tries = MOST_ENDS;
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
        near: &mut Option<Near<'a>>,
    ) -> bool {
        let Some(value) = self.text.get(range.clone()) else {
            return false;
        };
        if !rule.edge.opens(self.text, range.start) {
            return false;
        }
        // Check digits are cheaper than words, and refuse more.
        let proven = match rule.check {
            Check::Proves(check) if !check(value) => return false,
            Check::Proves(_) => true,
            Check::Fits(_) | Check::Nothing => false,
        };
        let mut distance = None;
        if rule.context.or(rule.unless) != Context::NONE {
            let near = near.get_or_insert_with(|| self.around.near(range.start));
            distance = near.distance(rule.context, rule.reach);
            if distance.is_none() && rule.needs_context {
                return false;
            }
            // A word that speaks against it counts when it stands nearer.
            let nearer = distance.map_or(Some(REACH), |distance| distance.checked_sub(1));
            if nearer.is_some_and(|reach| near.distance(rule.unless, reach).is_some()) {
                return false;
            }
        }
        if let Check::Fits(check) = rule.check
            && !check(value)
        {
            return false;
        }
        let (rank, sure) = match (proven, distance) {
            (true, _) => (Rank::Checksum, 1.0),
            (false, Some(_)) => (Rank::Context, (rule.base + 0.35).clamp(0.4, 0.95)),
            (false, None) => (Rank::Pattern, rule.base),
        };
        if proven {
            self.proven_to = self.proven_to.max(range.end);
        }
        // Of two readings of one number the one counts whose word stands nearer.
        let far = distance.map_or(0.06, |distance| {
            f32::from(u8::try_from(distance).unwrap_or(6)) * 0.01
        });
        self.hits
            .push(self.finder.hit(preset, range, rank, sure - far));
        true
    }
}

/// The first byte of a code or a month that may stand before the digits of a value.
const fn is_code(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte >= 0x80
}

/// The first byte of what may stand before a token and belong to a value.
pub(super) const fn is_lead(byte: u8) -> bool {
    is_code(byte) || byte.is_ascii_hexdigit() && byte.is_ascii_alphabetic()
}

/// Whether matches of these shapes may be hexadecimal groups with colons between and no digit in the first one.
pub(super) fn may_have_colons(shapes: &Shapes) -> bool {
    let letter = |byte: u8| byte.is_ascii_hexdigit() && byte.is_ascii_alphabetic();
    let colon = |byte| byte == b':';
    let begins: [&dyn Fn(u8) -> bool; 5] = [&letter, &letter, &letter, &letter, &colon];
    (0..begins.len()).any(|from| shapes.admit(begins.get(from..).unwrap_or_default()))
}

/// Whether a value may begin at a place, judged by its byte and the one before.
pub(super) fn may_begin(bytes: &[u8], at: usize) -> bool {
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

/// Where the run of letters and digits begins that ends before or goes on at `at`.
fn run_start(bytes: &[u8], at: usize, least: usize) -> usize {
    let mut start = at;
    while start > least && bytes.get(start - 1).copied().is_some_and(in_token) {
        start -= 1;
    }
    start
}

/// Where the run of letters of any script begins that ends at `end`.
fn lead_start(bytes: &[u8], end: usize) -> usize {
    let run = bytes
        .get(end.saturating_sub(LONGEST_LEAD + 1)..end)
        .unwrap_or_default();
    let letters = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte >= 0x80;
    end - run.iter().rev().take_while(letters).count()
}
