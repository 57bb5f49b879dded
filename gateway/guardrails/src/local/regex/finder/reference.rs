//! For tests: what presets find, without any shortcut. Every rule has an automaton of its own and is asked at
//! every place by itself.

use std::ops::Range;

use regex_automata::dfa::{Automaton, OverlappingState, StartKind, dense};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

use super::super::context::table::Tables;
use super::super::context::{self, Context, Memory, Near, REACH};
use super::super::presets::{Check, How, Preset, Rule};
use super::super::shapes;
use crate::finding::{Hit, Rank, resolve_overlaps};

/// A preset's rule with its own automaton.
struct Alone {
    preset: &'static Preset,
    rule: &'static Rule,
    dfa: dense::DFA<Vec<u32>>,
}

/// The rules of some presets.
pub(super) struct Reference {
    rules: Vec<Alone>,
}

impl Reference {
    pub(super) fn new(presets: &[&'static Preset]) -> Self {
        let rules = |preset: &&'static Preset| match preset.how {
            How::Shapes(rules) => rules.iter().map(|rule| (*preset, rule)).collect(),
            How::Email | How::Url | How::Secret(_) | How::Terms(_) => Vec::new(),
        };
        let mut rules: Vec<(&'static Preset, &'static Rule)> =
            presets.iter().flat_map(rules).collect();
        // Of two that find the same, one that needs no word comes first, and the later row.
        rules.reverse();
        rules.sort_by_key(|(_, rule)| rule.needs_context);
        let alone = |(preset, rule): (&'static Preset, &'static Rule)| Alone {
            preset,
            rule,
            dfa: automaton(rule.shape),
        };
        Self {
            rules: rules.into_iter().map(alone).collect(),
        }
    }

    /// Where what is found.
    pub(super) fn find(&self, text: &str, key: Option<&str>) -> Vec<(Range<usize>, &'static str)> {
        let (mut hits, mut proven_to) = (Vec::new(), 0);
        for token in tokens(text).filter(|token| token.len() <= 128) {
            if token.start >= proven_to {
                for at in leads(text, token.start).into_iter().chain([token.start]) {
                    self.judge(text, key, at, &mut hits, &mut proven_to);
                }
            }
        }
        for at in colons(text) {
            self.judge(text, key, at, &mut hits, &mut proven_to);
        }
        resolve_overlaps(&mut hits);
        let id = |hit: &Hit| self.rules.iter().find(|one| one.preset.id == hit.category);
        hits.iter()
            .filter_map(|hit| Some((hit.range.clone(), id(hit)?.preset.id)))
            .collect()
    }

    fn judge(
        &self,
        text: &str,
        key: Option<&str>,
        at: usize,
        hits: &mut Vec<Hit>,
        proven_to: &mut usize,
    ) {
        for Alone { preset, rule, dfa } in &self.rules {
            let ends = ends(dfa, text, at).into_iter().rev().filter(|end| {
                let value = &text.as_bytes()[at..*end];
                let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
                value.len() >= rule.least
                    && value.len() <= shapes::longest(rule.shape)
                    && (rule.digits.0..=rule.digits.1).contains(&digits)
                    && rule.edge.closes(text, *end)
            });
            let found = ends
                .take(6)
                .find_map(|end| judged(preset, rule, text, key, at..end));
            if let Some(hit) = found {
                if hit.rank == Rank::Checksum {
                    *proven_to = (*proven_to).max(hit.range.end);
                }
                hits.push(hit);
            }
        }
    }
}

fn automaton(shape: &str) -> dense::DFA<Vec<u32>> {
    dense::Builder::new()
        .configure(
            dense::Config::new()
                .match_kind(MatchKind::All)
                .start_kind(StartKind::Anchored),
        )
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build(shape)
        .unwrap()
}

/// The ends of all matches that begin at a place.
fn ends(dfa: &dense::DFA<Vec<u32>>, text: &str, at: usize) -> Vec<usize> {
    let input = Input::new(text).range(at..).anchored(Anchored::Yes);
    let mut state = OverlappingState::start();
    let mut ends = Vec::new();
    loop {
        dfa.try_search_overlapping_fwd(&input, &mut state).unwrap();
        match state.get_match() {
            Some(found) => ends.push(found.offset()),
            None => return ends,
        }
    }
}

fn judged(
    preset: &'static Preset,
    rule: &Rule,
    text: &str,
    key: Option<&str>,
    range: Range<usize>,
) -> Option<Hit> {
    let value = text.get(range.clone())?;
    let header = Tables::default().header_cell(text, range.start);
    let header = header.and_then(|cell| text.get(cell));
    let above = [key, header].into_iter().flatten().map(context::above);
    let above = above.fold(Context::NONE, Context::or);
    let distance = |context, reach| {
        Near::new(text, range.start, above, &Memory::default()).distance(context, reach)
    };
    let near = distance(rule.context, rule.reach);
    let nearer = near.map_or(Some(REACH), |near| near.checked_sub(1));
    let against = nearer.is_some_and(|reach| distance(rule.unless, reach).is_some());
    let (fits, proven) = match rule.check {
        Check::Nothing => (true, false),
        Check::Fits(check) => (check(value), false),
        Check::Proves(check) => (check(value), true),
    };
    let counts = rule.edge.opens(text, range.start)
        && (near.is_some() || !rule.needs_context)
        && !against
        && fits;
    let (rank, sure) = match (proven, near) {
        (true, _) => (Rank::Checksum, 1.0),
        (false, Some(_)) => (Rank::Context, (rule.base + 0.35).clamp(0.4, 0.95)),
        (false, None) => (Rank::Pattern, rule.base),
    };
    counts.then(|| Hit {
        range,
        category: preset.id.into(),
        score: sure - near.map_or(0.06, |near| near as f32 * 0.01),
        rank,
        replacement: None,
    })
}

/// Runs of letters and digits with a digit in them.
fn tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if !c.is_ascii_alphanumeric() {
            if text[start..at].contains(|c: char| c.is_ascii_digit()) {
                runs.push(start..at);
            }
            start = at + c.len_utf8();
        }
    }
    runs.into_iter()
}

/// What may stand before a token and belong to the value: `+(`, `(`, `+`, `-`, and up to two words.
fn leads(text: &str, start: usize) -> Vec<usize> {
    let mut leads = Vec::new();
    let before = &text[..start];
    if before.ends_with("(+") || before.ends_with("+(") {
        leads.push(start - 2);
    }
    if before.ends_with(['+', '(', '-']) {
        leads.push(start - 1);
    }
    let mut rest = before;
    for _ in 0..2 {
        let Some(head) = rest
            .strip_suffix(". ")
            .or_else(|| rest.strip_suffix([' ', '-', '.']))
        else {
            break;
        };
        let letter = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii();
        let lead = &head[head.trim_end_matches(letter).len()..];
        let code = lead.starts_with(|c: char| c.is_ascii_uppercase() || !c.is_ascii());
        let pair = lead.len() == 2 && lead.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !(code || pair) || lead.len() > 14 || lead.contains(|c: char| c.is_ascii_digit()) {
            break;
        }
        rest = &head[..head.len() - lead.len()];
        leads.push(rest.len());
    }
    leads
}

/// Groups of hexadecimal digits with colons between, the first of them without a digit.
fn colons(text: &str) -> Vec<usize> {
    let hex = |c: char| c.is_ascii_hexdigit();
    let mut found = Vec::new();
    let mut done = 0;
    for (at, _) in text.match_indices(':') {
        let after = &text[at + 1..];
        let group = after.len() - after.trim_start_matches(hex).len();
        if at < done || group > 4 || !after[group..].starts_with(':') {
            continue;
        }
        let before = text.as_bytes()[done.max(at.saturating_sub(4))..at].iter();
        let letters = before.rev().take_while(|byte| byte.is_ascii_hexdigit());
        let start = at - letters.count();
        let digits = text[start..at].contains(|c: char| c.is_ascii_digit());
        if !digits && (start < at || group == 0) {
            found.push(start);
        }
        let run = text.as_bytes()[at..].iter().take(48);
        let run = run.take_while(|byte| byte.is_ascii_hexdigit() || **byte == b':');
        done = at + run.count();
    }
    found
}
