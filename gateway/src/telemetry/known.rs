//! What is told of guardrails again and again.
//!
//! Most of what a log line and a span say of a guardrail is the same for every request that it sees, and nearly all
//! requests are clean. So what does not change is written once, and copied from then on.

use std::sync::Arc;

use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, Strategy};
use parapet_policy::record::GuardrailRecord;

/// Guardrails that are remembered. With more of them in use at a time everything is written anew now and then.
const MAX: usize = 256;

/// Something for each guardrail in each role that it was seen in. `E` is what it depends on beside the guardrail.
#[derive(Debug)]
pub(super) struct Known<E, T> {
    entries: Vec<(Role, E, T)>,
    /// Where the next one is found if requests are alike.
    next: usize,
}

impl<E, T> Default for Known<E, T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            next: 0,
        }
    }
}

/// A guardrail as rules use it.
#[derive(Debug)]
struct Role {
    selector: Arc<str>,
    kind: &'static str,
    hook: Hook,
    operation: Operation,
    strategy: Strategy,
    rules: Arc<[Arc<str>]>,
}

impl<E: Copy + Eq, T> Known<E, T> {
    /// What is remembered of this guardrail, or is from now on.
    pub(super) fn of(
        &mut self,
        guardrail: &GuardrailRecord,
        extra: E,
        make: impl FnOnce() -> T,
    ) -> Option<&T> {
        let fits = |(role, of, _): &(Role, E, T)| *of == extra && role.is_of(guardrail);
        let expected = self.entries.get(self.next).is_some_and(fits);
        let place = if expected {
            self.next
        } else if let Some(place) = self.entries.iter().position(fits) {
            place
        } else {
            if self.entries.len() >= MAX {
                self.entries.clear();
            }
            self.entries.push((Role::new(guardrail), extra, make()));
            self.entries.len() - 1
        };
        self.next = if place + 1 < self.entries.len() {
            place + 1
        } else {
            0
        };
        self.entries.get(place).map(|(_, _, known)| known)
    }
}

impl Role {
    fn new(guardrail: &GuardrailRecord) -> Self {
        Self {
            selector: Arc::clone(&guardrail.selector),
            kind: guardrail.kind,
            hook: guardrail.hook,
            operation: guardrail.operation,
            strategy: guardrail.strategy,
            rules: Arc::clone(&guardrail.rules),
        }
    }

    fn is_of(&self, guardrail: &GuardrailRecord) -> bool {
        self.hook == guardrail.hook
            && self.operation == guardrail.operation
            && self.strategy == guardrail.strategy
            && self.kind == guardrail.kind
            && (Arc::ptr_eq(&self.selector, &guardrail.selector)
                || self.selector == guardrail.selector)
            && (Arc::ptr_eq(&self.rules, &guardrail.rules) || self.rules == guardrail.rules)
    }
}

/// The outcome of a guardrail that found nothing.
const CLEAN: &str = "clean";

/// Whether there is nothing to tell but that the guardrail ran, and when. Which tool it was about is something to tell:
/// callers name them, so that they are not remembered.
pub(super) fn is_clean(guardrail: &GuardrailRecord) -> bool {
    let GuardrailRecord {
        selector: _,
        kind: _,
        hook: _,
        tool,
        operation: _,
        strategy: _,
        outcome,
        blocks,
        failure,
        skipped,
        categories,
        edits,
        places,
        start_us: _,
        took_us: _,
        cached,
        rules: _,
        calls,
    } = guardrail;
    *outcome == CLEAN
        && tool.is_none()
        && !blocks
        && failure.is_none()
        && skipped.is_none()
        && categories.is_empty()
        && *edits == 0
        && places.is_none()
        && !cached
        && calls.is_empty()
}

/// The guardrail in the same role, with nothing to tell.
pub(super) fn clean(guardrail: &GuardrailRecord) -> GuardrailRecord {
    GuardrailRecord {
        tool: None,
        outcome: CLEAN,
        blocks: false,
        failure: None,
        skipped: None,
        categories: Vec::new(),
        edits: 0,
        places: None,
        start_us: 0,
        took_us: 0,
        cached: false,
        calls: Vec::new(),
        ..guardrail.clone()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn ran(selector: &str, hook: Hook) -> GuardrailRecord {
        GuardrailRecord {
            selector: selector.into(),
            kind: "regex",
            hook,
            tool: None,
            operation: Operation::Validate,
            strategy: Strategy::Enforce,
            outcome: CLEAN,
            blocks: false,
            failure: None,
            skipped: None,
            categories: Vec::new(),
            edits: 0,
            places: None,
            start_us: 4,
            took_us: 5,
            cached: false,
            rules: vec!["default/rules/all".into()].into(),
            calls: Vec::new(),
        }
    }

    #[test]
    fn a_role_is_made_once_and_told_apart_by_all_that_it_is() {
        let mut known = Known::default();
        let first = ran("g/a", Hook::LlmInput);
        let roles = [
            first.clone(),
            ran("g/b", Hook::LlmInput),
            ran("g/a", Hook::LlmOutput),
            GuardrailRecord {
                kind: "sql",
                ..first.clone()
            },
            GuardrailRecord {
                operation: Operation::Mutate,
                ..first.clone()
            },
            GuardrailRecord {
                strategy: Strategy::Audit,
                ..first.clone()
            },
            GuardrailRecord {
                rules: vec!["default/rules/other".into()].into(),
                ..first.clone()
            },
        ];
        let mut made = 0;
        for _ in 0..3 {
            for (number, role) in roles.iter().enumerate() {
                let make = || {
                    made += 1;
                    number
                };
                assert_eq!(known.of(role, (), make), Some(&number));
            }
        }
        assert_eq!(made, roles.len());
    }

    #[test]
    fn what_is_about_a_tool_is_not_remembered_as_clean() {
        let about = GuardrailRecord {
            tool: Some("send".into()),
            ..ran("g/a", Hook::McpToolPreInvoke)
        };
        assert!(!is_clean(&about) && is_clean(&clean(&about)));
    }

    #[test]
    fn more_than_fit_are_made_anew_and_never_mixed_up() {
        let mut known = Known::default();
        for round in 0..2 {
            for number in 0..2 * MAX {
                let role = ran(&format!("g/{number}"), Hook::LlmInput);
                assert_eq!(known.of(&role, (), || number), Some(&number), "{round}");
                assert!(known.entries.len() <= MAX);
            }
        }
        // What depends on something else is something else.
        let mut known = Known::default();
        let role = ran("g/a", Hook::LlmInput);
        assert_eq!(known.of(&role, 1, || "one"), Some(&"one"));
        assert_eq!(known.of(&role, 2, || "two"), Some(&"two"));
    }
}
