//! What rules can do at a hook at most: whoever would have to look for their matches can see that there is no need.

use crate::bundle::Bundle;
use crate::hook::{Hook, PerHook};
use crate::outcome::{Operation, Strategy};
use crate::rule::Unscannable;

/// What rules can do at one hook, whatever the request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AtMost {
    /// The strictest strategy of any guardrail there; none when no rule has a guardrail there.
    pub strictest: Option<Strategy>,
    /// Whether any of them may rewrite what it sees.
    pub changes: bool,
    /// Whether a rule about MCP servers or tools refuses what no guardrail can judge. One without such conditions holds
    /// for model calls, where it refuses the same.
    pub refuses: bool,
}

impl AtMost {
    /// Whether anything can run there.
    pub const fn any(self) -> bool {
        self.strictest.is_some() || self.refuses
    }

    /// Whether anything there can block.
    pub fn blocks(self) -> bool {
        self.refuses
            || self
                .strictest
                .is_some_and(|strategy| strategy != Strategy::Audit)
    }

    /// Both together.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            // A stricter strategy is a lesser one.
            strictest: self.strictest.into_iter().chain(other.strictest).min(),
            changes: self.changes || other.changes,
            refuses: self.refuses || other.refuses,
        }
    }
}

pub(super) fn of(bundle: &Bundle, default: Option<Strategy>) -> PerHook<AtMost> {
    let mut most = PerHook::<AtMost>::default();
    for rule in &bundle.rules {
        for hook in Hook::ALL {
            let at_hook = most.get_mut(hook);
            at_hook.refuses |=
                rule.unscannable == Some(Unscannable::Block) && rule.when.given().has_mcp();
            for guardrail in rule.guardrails.get(hook) {
                let Some(entry) = bundle.guardrails.get(*guardrail as usize) else {
                    continue;
                };
                let strategy = rule.strategy.or(entry.strategy).or(default);
                let strategy = strategy.unwrap_or_default();
                *at_hook = at_hook.or(AtMost {
                    strictest: Some(strategy),
                    changes: entry.operation == Operation::Mutate && strategy != Strategy::Audit,
                    refuses: false,
                });
            }
        }
    }
    most
}
