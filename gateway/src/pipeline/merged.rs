//! Several entries of one guardrail as one: for the windows of a stream, and for the calls and results of one tool.

use parapet_policy::record::{GuardrailRecord, Places};

/// What a guardrail did beyond this many calls leaves no calls in the record.
const MAX_CALLS: usize = 64;

/// Adds what a guardrail did once more at the same hook. The graver outcome stands for both.
pub(crate) fn add(known: &mut GuardrailRecord, more: GuardrailRecord) {
    known.took_us += more.took_us;
    let room = MAX_CALLS.saturating_sub(known.calls.len());
    known.calls.extend(more.calls.into_iter().take(room));
    known.edits = known.edits.saturating_add(more.edits);
    known.blocks |= more.blocks;
    Places::join(&mut known.places, more.places);
    if rank(more.outcome) > rank(known.outcome) {
        known.outcome = more.outcome;
        known.failure = more.failure;
        known.skipped = more.skipped;
    }
    for (category, count) in more.categories {
        let mut seen = known.categories.iter_mut();
        match seen.find(|(seen, _)| *seen == category) {
            Some((_, seen)) => *seen = seen.saturating_add(count),
            None => known.categories.push((category, count)),
        }
    }
}

/// Which outcome stands for several.
fn rank(outcome: &str) -> u8 {
    match outcome {
        "violation" => 4,
        "failed" => 3,
        "changed" => 2,
        "clean" => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use parapet_policy::hook::Hook;
    use parapet_policy::outcome::{FailureClass, Operation, SkipReason, Strategy};

    use super::*;

    fn entry(outcome: &'static str, blocks: bool) -> GuardrailRecord {
        GuardrailRecord {
            selector: "g/judge".into(),
            kind: "custom",
            hook: Hook::LlmOutput,
            tool: None,
            operation: Operation::Validate,
            strategy: Strategy::Enforce,
            outcome,
            blocks,
            failure: (outcome == "failed").then_some(FailureClass::Timeout),
            skipped: (outcome == "skipped").then_some(SkipReason::BlockedElsewhere),
            categories: match outcome {
                "violation" => vec![("pii".into(), 2)],
                _ => Vec::new(),
            },
            edits: u32::from(outcome == "changed"),
            places: None,
            start_us: 0,
            took_us: 5,
            cached: false,
            rules: [].into(),
            calls: Vec::new(),
        }
    }

    #[test]
    fn the_graver_outcome_stands_and_what_blocks_is_told_to() {
        let rows = [
            ("clean", "violation", "violation", true),
            ("violation", "clean", "violation", true),
            ("changed", "skipped", "changed", false),
            ("skipped", "clean", "clean", false),
            ("changed", "failed", "failed", true),
        ];
        for (first, second, expected, blocks) in rows {
            let graver = |outcome| matches!(outcome, "violation" | "failed");
            let mut known = entry(first, graver(first));
            add(&mut known, entry(second, graver(second)));
            assert_eq!(
                (known.outcome, known.blocks),
                (expected, blocks),
                "{first} {second}"
            );
            assert_eq!(known.took_us, 10);
            assert_eq!(known.failure.is_some(), expected == "failed");
            assert_eq!(known.skipped, None);
        }
        let mut known = entry("violation", true);
        add(&mut known, entry("violation", true));
        assert_eq!(known.categories, [("pii".into(), 4)]);
    }
}
