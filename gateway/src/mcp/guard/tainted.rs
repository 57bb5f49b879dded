//! How a call in a conversation that has read text of strangers shows: in the record as a guardrail does, and in a block.

use std::borrow::Cow;

use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, Outcome, Strategy};
use parapet_policy::record::GuardrailRecord;
use parapet_policy::rule::Taint;

use super::{Planned, Tainted};
use crate::mcp::taint::{Danger, Verdict};
use crate::pipeline::block::{Blocked, Blocker};

/// What stands where a guardrail's selector and kind do. No guardrail can have it: theirs have a slash.
const NAME: &str = "taint";

/// Writes down what a call came to.
pub(super) fn note(planned: &Planned, tainted: &Tainted, verdict: Verdict) {
    let (outcome, categories) = match verdict {
        Verdict::Clear => ("clean", Vec::new()),
        Verdict::Told | Verdict::Stopped => ("violation", categories(tainted.danger)),
    };
    planned.recording.guardrail(GuardrailRecord {
        selector: NAME.into(),
        kind: NAME,
        hook: Hook::McpToolPreInvoke,
        tool: None,
        operation: Operation::Validate,
        strategy: match tainted.said.action {
            Taint::Block => Strategy::Enforce,
            Taint::Audit => Strategy::Audit,
        },
        outcome,
        blocks: verdict == Verdict::Stopped,
        failure: None,
        skipped: None,
        categories: categories
            .into_iter()
            .map(|name| (name.into(), 1))
            .collect(),
        edits: 0,
        places: None,
        start_us: planned.recording.now_us(),
        took_us: 0,
        cached: false,
        rules: tainted.said.rules.clone(),
        calls: Vec::new(),
    });
}

/// The block: it names the rules, and nothing of what was read.
pub(super) fn blocked(tainted: &Tainted) -> Blocked {
    let rules = tainted.said.rules.iter();
    let rules: Vec<String> = rules.map(|rule| format!("{rule:?}")).collect();
    let Danger {
        egress,
        destructive,
    } = tainted.danger;
    let what = match (egress, destructive) {
        (true, true) => "carry data out and destroy",
        (true, false) => "carry data out",
        (false, _) => "destroy",
    };
    let explanation = format!(
        "this conversation has read results of an untrusted MCP server, and the tool can {what} (rule {})",
        rules.join(", ")
    );
    let categories = categories(tainted.danger).into_iter();
    Blocked {
        hook: Hook::McpToolPreInvoke,
        by: vec![Blocker {
            selector: NAME.into(),
            outcome: Outcome::Violation {
                explanation: explanation.into(),
            },
            categories: categories.map(Cow::Borrowed).collect(),
            custom_error_message: tainted.said.custom_error_message.clone(),
        }],
    }
}

fn categories(danger: Danger) -> Vec<&'static str> {
    let named = [
        (danger.egress, "tainted_egress"),
        (danger.destructive, "tainted_destructive"),
    ];
    let named = named.into_iter().filter(|(is, _)| *is);
    named.map(|(_, name)| name).collect()
}
