//! What text guardrails found, judged and edited away.

use parapet_guardrails::finding::Finding;
use parapet_policy::outcome::{Operation, Outcome, Strategy};
use parapet_policy::record::Places;

use super::judge::{Judged, judge_findings};
use super::payload::Payload;
use super::text::TextPass;

/// How often what only shows in the whole of a JSON value is edited away before it counts as a violation.
const MAX_ROUNDS: usize = 4;

/// What became of a mutator's edits.
pub(super) enum Applied {
    /// There were none, or they are only counted.
    Nothing,
    /// The payload has them. Where it says the same once more they are applied too: at these places.
    All(Option<Box<Places>>),
    /// The payload cannot take them.
    Refused,
}

impl TextPass<'_> {
    /// Judges what the guardrail at this place of the plan found, and changes nothing.
    pub(super) fn judge<P: Payload>(
        &self,
        position: usize,
        operation: Operation,
        payload: &P,
    ) -> Judged {
        judge(operation, &self.findings(position), payload)
    }

    /// Edits away what a mutator found. The whole of a JSON value follows the edits of its leaves, and what
    /// is still found in it then only shows in the whole: it is judged again.
    pub(super) fn mutate<P: Payload>(
        &mut self,
        position: usize,
        strategy: Strategy,
        payload: &mut P,
    ) -> Judged {
        let mut judged = self.judge(position, Operation::Mutate, payload);
        let mut last = judged.clone();
        for _ in 0..MAX_ROUNDS {
            match self.apply(strategy, &last, payload) {
                Applied::Nothing => return judged,
                Applied::All(twins) => Places::join(&mut judged.places, twins),
                Applied::Refused => break,
            }
            last = judge(
                Operation::Mutate,
                &self.findings_in_whole(position),
                payload,
            );
            match last.outcome {
                Outcome::Changed => {
                    judged.edits.extend_from_slice(&last.edits);
                    judged.count(&last.categories);
                    Places::join(&mut judged.places, last.places.clone());
                }
                Outcome::Clean => return judged,
                Outcome::Violation { .. } | Outcome::Failed(_) | Outcome::Skipped(_) => {
                    return last;
                }
            }
        }
        not_rewritten(judged)
    }

    /// Applies edits, and scans what they changed; not under audit.
    pub(super) fn apply<P: Payload>(
        &mut self,
        strategy: Strategy,
        judged: &Judged,
        payload: &mut P,
    ) -> Applied {
        if strategy == Strategy::Audit || judged.edits.is_empty() {
            return Applied::Nothing;
        }
        let twins = payload.twins(&judged.edits);
        let mut changed: Vec<usize> = judged
            .edits
            .iter()
            .chain(&twins)
            .map(|edit| edit.segment)
            .collect();
        let applied = match twins.is_empty() {
            true => payload.apply(&judged.edits),
            false => payload.apply(&[judged.edits.as_slice(), &twins].concat()),
        };
        if !applied {
            return Applied::Refused;
        }
        changed.sort_unstable();
        changed.dedup();
        self.rescan(payload, &changed);
        let twins = twins.iter().map(|twin| twin.segment);
        Applied::All(Places::of(twins, |segment| payload.public_place(segment)))
    }
}

fn judge<P: Payload>(operation: Operation, findings: &[Finding], payload: &P) -> Judged {
    let place = |segment| payload.place(segment);
    judge_findings(operation, payload.segments(), findings, &place)
        .found_at(findings.iter().map(|finding| finding.segment), payload)
}

/// What was found stands where it cannot be rewritten after all: it must not go on.
pub(super) fn not_rewritten(mut judged: Judged) -> Judged {
    judged.edits.clear();
    judged.outcome = Outcome::Violation {
        explanation: "what was found could not be rewritten".into(),
    };
    judged
}
