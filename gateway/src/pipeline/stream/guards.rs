//! The text guardrails that watch a stream as it flows, and what each has found so far.

use std::borrow::Cow;
use std::sync::Arc;

use parapet_guardrails::finding::Edit;
use parapet_guardrails::finding::Hit;
use parapet_guardrails::guardrail::TextGuardrail;
use parapet_guardrails::scan::{OpenMatch, Scanner, Tail};
use parapet_guardrails::segment::Segment;
use parapet_guardrails::segment::Segments;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, Outcome, Strategy, decide};
use parapet_policy::overrides::Scope;
use parapet_policy::plan::Planned;
use parapet_policy::record::Places;

use super::super::judge::Judged;
use super::super::payload::{ChatBodies, Payload};
use super::super::recording::Recording;
use super::super::stage::tag;
use super::super::text::TextPass;
use super::channel::Stop;
use super::spot::Spot;
use crate::llm::Texts;
use crate::policy::guardrail::ReadyGuardrail;

/// How many bytes a stream holds back at most unless the settings say otherwise.
pub const DEFAULT_BOUND: usize = 1024;

/// The text guardrails of one output hook, in the order of the plan: mutators first.
pub struct Guards<'a> {
    scanner: Scanner,
    all: Vec<&'a dyn TextGuardrail>,
    /// Those that can block or change, and the index in `all` of each. Audits hold nothing.
    holding: Vec<&'a dyn TextGuardrail>,
    holding_index: Vec<usize>,
    terms: Vec<(Operation, Strategy)>,
    bound: usize,
}

impl<'a> Guards<'a> {
    /// Guardrails with their terms, mutators in order before validators.
    pub fn new(
        guardrails: impl IntoIterator<Item = (&'a dyn TextGuardrail, Operation, Strategy)>,
        bound: usize,
    ) -> Self {
        let (mut all, mut holding) = (Vec::new(), Vec::new());
        let (mut holding_index, mut terms) = (Vec::new(), Vec::new());
        for (guardrail, operation, strategy) in guardrails {
            if strategy != Strategy::Audit {
                holding.push(guardrail);
                holding_index.push(all.len());
            }
            all.push(guardrail);
            terms.push((operation, strategy));
        }
        Self {
            scanner: Scanner::of(&all),
            all,
            holding,
            holding_index,
            terms,
            bound,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether any of them can block or change.
    pub fn holds(&self) -> bool {
        !self.holding.is_empty()
    }

    /// How many bytes may be held at most.
    pub(super) const fn bound(&self) -> usize {
        self.bound
    }

    pub(super) fn in_order(&self) -> std::ops::Range<usize> {
        0..self.all.len()
    }

    pub(super) fn terms(&self, guard: usize) -> (Operation, Strategy) {
        self.terms.get(guard).copied().unwrap_or_default()
    }

    /// Whether it rewrites what goes out.
    pub(super) fn changes(&self, guard: usize) -> bool {
        let (operation, strategy) = self.terms(guard);
        operation == Operation::Mutate && strategy != Strategy::Audit
    }

    /// Scans for those guardrails that `wanted` names; the lists of the others stay empty.
    pub(super) fn scan(
        &self,
        text: &str,
        segment: &Segment,
        wanted: impl Fn(usize) -> bool,
        hits: &mut [Vec<Hit>],
    ) {
        let which: Vec<usize> = self.in_order().filter(|guard| wanted(*guard)).collect();
        if which.len() == self.all.len() {
            return self.scanner.scan(text, segment, &self.all, hits);
        }
        let guardrails: Vec<&dyn TextGuardrail> = which
            .iter()
            .filter_map(|guard| self.all.get(*guard).copied())
            .collect();
        let mut found: Vec<Vec<Hit>> = which
            .iter()
            .map(|guard| hits.get_mut(*guard).map(std::mem::take).unwrap_or_default())
            .collect();
        Scanner::of(&guardrails).scan(text, segment, &guardrails, &mut found);
        for (guard, found) in which.iter().zip(found) {
            if let Some(hits) = hits.get_mut(*guard) {
                *hits = found;
            }
        }
    }

    /// For one guardrail: up to where its hits are final, and from where it holds. An audit holds nothing.
    pub(super) fn ask(&self, guard: usize, text: &str, tail: &Tail<'_>) -> (usize, usize) {
        let Some(guardrail) = self.all.get(guard) else {
            return (text.len(), text.len());
        };
        let late = guardrail.judges_late();
        let holds = self.may_act(guard);
        let pending = match holds || !late {
            true => tail.pending_from(*guardrail),
            false => text.len(),
        };
        let judged = match late {
            true => tail.judged_to(*guardrail),
            false => pending,
        };
        (judged, if holds { pending } else { text.len() })
    }

    /// Whether it can block or change.
    pub(super) fn may_act(&self, guard: usize) -> bool {
        self.terms(guard).1 != Strategy::Audit
    }

    /// From where one guardrail still has to see the text.
    pub(super) fn context_from(&self, guard: usize, text: &str, from: usize) -> usize {
        self.all
            .get(guard)
            .map_or(text.len(), |guardrail| guardrail.context_from(text, from))
    }

    /// What a replacement reads like to the guardrails after the one that made it: a mutator sees what the
    /// mutators before it left, and so does a validator.
    ///
    /// # Errors
    /// The guardrail that stops the stream for what the replacement says.
    pub(super) fn settle(
        &self,
        by: usize,
        replacement: &Arc<str>,
        segment: &Segment,
        tally: &mut [Tally],
        spot: &mut Spot,
    ) -> Result<Arc<str>, Stop> {
        let mut text = replacement.clone();
        for guard in by + 1..self.all.len() {
            if !self.may_act(guard) {
                continue;
            }
            let Some(guardrail) = self.all.get(guard) else {
                continue;
            };
            let mut hits = [Vec::new()];
            self.scanner.scan(&text, segment, &[*guardrail], &mut hits);
            let [hits] = hits;
            for hit in hits.iter().rev() {
                let edit = hit.replacement.as_ref().filter(|_| self.changes(guard));
                if let Some(tally) = tally.get_mut(guard) {
                    tally.count(&hit.category, edit.is_some());
                    spot.found(guard, tally);
                }
                let Some(edit) = edit else {
                    return Err(Stop { guard });
                };
                let mut changed = String::from(&*text);
                changed.replace_range(hit.range.clone(), edit);
                text = changed.into();
            }
        }
        Ok(text)
    }

    /// Judges texts that are complete, such as a tool call's arguments: mutators edit them in order, then
    /// validators judge what is left. `spot` is where they stand, when they have no places of their own.
    ///
    /// # Errors
    /// The guardrail that stops the stream.
    pub(super) fn judge_whole(
        &self,
        texts: &mut Texts,
        tally: &mut [Tally],
        spot: Option<&Spot>,
    ) -> Result<(), Stop> {
        let entries = self.all.iter().enumerate();
        let mut pass = TextPass::of(entries.map(|(guard, text)| (guard, *text, Scope::All)));
        let mut payload = Whole { texts, spot };
        pass.scan_all(&payload);
        for guard in self.in_order() {
            let (operation, strategy) = self.terms(guard);
            let judged = match operation {
                Operation::Mutate => pass.mutate(guard, strategy, &mut payload),
                Operation::Validate => pass.judge(guard, operation, &payload),
            };
            if let Some(tally) = tally.get_mut(guard) {
                tally.add(&judged);
            }
            if decide(strategy, &judged.outcome).blocks() {
                return Err(Stop { guard });
            }
        }
        Ok(())
    }

    /// The first match that has begun for certain and goes on.
    pub(super) fn open_match(&self, text: &str, from: usize) -> Option<(usize, OpenMatch)> {
        let (holding, open) = self.scanner.open_match(text, from, &self.holding)?;
        Some((*self.holding_index.get(holding)?, open))
    }
}

/// What one guardrail has found in a stream so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Categories with the number of findings in each.
    pub categories: Vec<(Cow<'static, str>, u32)>,
    /// Findings that were rewritten, or under audit would have been.
    pub edits: u32,
    /// Whether a finding could not be rewritten; any violation wins over changes.
    pub violated: bool,
    /// Where they stand.
    pub places: Option<Box<Places>>,
}

impl Tally {
    /// What all of it comes to; `stopped`: this guardrail ended the stream.
    fn outcome(&self, stopped: bool) -> Outcome {
        if stopped || self.violated {
            let explanation = "".into();
            Outcome::Violation { explanation }
        } else if self.categories.is_empty() {
            Outcome::Clean
        } else {
            Outcome::Changed
        }
    }

    /// Counts what a judgement of complete texts came to.
    fn add(&mut self, judged: &Judged) {
        for (category, count) in &judged.categories {
            for _ in 0..*count {
                self.note(category);
            }
        }
        self.edits += u32::try_from(judged.edits.len()).unwrap_or(u32::MAX);
        self.violated |= matches!(judged.outcome, Outcome::Violation { .. });
        Places::join(&mut self.places, judged.places.clone());
    }

    /// Counts a finding.
    #[expect(
        clippy::ptr_arg,
        reason = "a category that is new here is cloned, mostly without a copy"
    )]
    pub fn count(&mut self, category: &Cow<'static, str>, edited: bool) {
        self.note(category);
        self.edits += u32::from(edited);
        self.violated |= !edited;
    }

    #[expect(
        clippy::ptr_arg,
        reason = "a category that is new here is cloned, mostly without a copy"
    )]
    fn note(&mut self, category: &Cow<'static, str>) {
        match self
            .categories
            .iter_mut()
            .find(|(known, _)| known == category)
        {
            Some((_, count)) => *count += 1,
            None => self.categories.push((category.clone(), 1)),
        }
    }
}

/// Writes down what one local guardrail came to over a whole stream.
pub fn record_stream(
    planned: &Planned,
    guardrails: &[ReadyGuardrail],
    recording: &Recording,
    tally: &Tally,
    stopped: bool,
    (start_us, took_us): (u64, u64),
) {
    let outcome = tally.outcome(stopped);
    let nothing = Edit {
        segment: 0,
        range: 0..0,
        replacement: "".into(),
    };
    let judged = Judged {
        outcome,
        edits: vec![nothing; tally.edits as usize],
        categories: tally.categories.clone(),
        places: tally.places.clone(),
    };
    tag(Hook::LlmOutput, guardrails, planned).record(recording, &judged, start_us, took_us);
}

/// Complete texts that belong to no body that a service could judge.
struct Whole<'a> {
    texts: &'a mut Texts,
    spot: Option<&'a Spot>,
}

impl Payload for Whole<'_> {
    fn segments(&self) -> &Segments {
        self.texts.segments()
    }

    fn place(&self, segment: usize) -> String {
        self.texts.place(segment)
    }

    fn public_place(&self, segment: usize) -> String {
        match self.spot {
            Some(spot) => spot.place(),
            None => self.texts.public_place(segment),
        }
    }

    fn leaf_of_raw(
        &self,
        segment: usize,
        range: std::ops::Range<usize>,
    ) -> Option<(usize, std::ops::Range<usize>)> {
        self.texts.leaf_of_raw(segment, range)
    }

    fn apply(&mut self, edits: &[Edit]) -> bool {
        self.texts.apply(edits).is_ok()
    }

    fn chat_bodies(&self) -> ChatBodies {
        ChatBodies::default()
    }

    fn diff(&self, _: &serde_json::Value) -> Result<Vec<Edit>, String> {
        Err("$".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_violation_wins_over_changes() {
        let (found, refused) = ("aws_access_key".into(), "us_ssn".into());
        let mut tally = Tally::default();
        assert_eq!(tally.outcome(false), Outcome::Clean);
        tally.count(&found, true);
        assert_eq!(tally.outcome(false), Outcome::Changed);
        tally.count(&refused, false);
        tally.count(&found, true);
        assert!(matches!(tally.outcome(false), Outcome::Violation { .. }));
        assert_eq!(
            (tally.edits, tally.categories),
            (2, vec![(found, 2), (refused, 1)])
        );
    }
}
