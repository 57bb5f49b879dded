//! Content that no guardrail can judge: it shows in the record, and a rule may refuse it.

use parapet_policy::hook::Hook;
use parapet_policy::outcome::Outcome;

use super::block::{Blocked, Blocker};
use super::recording::Recording;
use crate::llm::UnjudgedCounts;

/// Adds what occurs to the record.
pub fn note(recording: &Recording, counts: &UnjudgedCounts) {
    if counts.is_empty() {
        return;
    }
    recording.with(|record| {
        for (class, count) in counts.iter() {
            let known = record
                .unjudged
                .iter_mut()
                .find(|(known, _)| **known == *class.as_str());
            match known {
                Some((_, known)) => *known += count,
                None => record.unjudged.push((class.as_str().into(), count)),
            }
        }
    });
}

/// The block for it.
pub fn blocked(hook: Hook, counts: &UnjudgedCounts) -> Blocked {
    let explanation = format!("content that no guardrail can judge: {}", counts.told());
    Blocked {
        hook,
        by: vec![Blocker {
            selector: "unscannable".into(),
            outcome: Outcome::Violation {
                explanation: explanation.into(),
            },
            categories: counts
                .iter()
                .map(|(class, _)| class.as_str().into())
                .collect(),
            custom_error_message: None,
        }],
    }
}
