//! What rules do with the lists of MCP servers.

use parapet_guardrails::guardrail::Guardrail;
use parapet_policy::bundle::Bundle;
use parapet_policy::hook::Hook;

use crate::policy::guardrail::ReadyGuardrail;

/// What rules do with the lists of MCP servers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lists {
    /// Whether a guardrail of a rule can tell that a caller may never call a tool.
    pub limits_tools: bool,
    /// Whether two callers may be shown different answers of one server: rules can look at who calls.
    pub differ: bool,
}

impl Lists {
    /// Of all rules, with the guardrails by their places.
    pub(super) fn of(bundle: &Bundle, guardrails: &[ReadyGuardrail]) -> Self {
        let limits = |place: &u32| {
            let ready = guardrails.get(*place as usize);
            match ready.and_then(ReadyGuardrail::guardrail) {
                Some(Guardrail::Context(guardrail)) => guardrail.limits_tools(),
                Some(Guardrail::Text(_) | Guardrail::Service(_)) | None => false,
            }
        };
        let at = |hook: Hook| {
            let rules = bundle.rules.iter();
            rules.flat_map(move |rule| rule.guardrails.get(hook))
        };
        let limits_tools = at(Hook::McpToolPreInvoke).any(limits);
        Self {
            limits_tools,
            differ: limits_tools || at(Hook::McpToolPostInvoke).next().is_some(),
        }
    }
}
