//! Which tools a caller need not be shown: those that no arguments and no metadata make the policies allow.

use std::sync::Arc;

use cedar_policy::{Context, Decision, Effect, PolicyId, Request};

use super::facts::{CallFacts, Resource};
use super::judge::{Judge, not_evaluated, record, resource, tool_context};
use super::known::Known;
use crate::exchange::{Call, McpCall};

impl Judge {
    /// Whether every call of this tool by this caller is refused.
    ///
    /// The bounds of the policies are asked with neither arguments nor metadata, which no bound reads.
    pub(super) fn never_allows_tool(&self, call: &Call, mcp: &McpCall, tool: &Arc<str>) -> bool {
        let resource = resource(mcp, tool);
        let facts = CallFacts {
            caller: &call.caller,
            resource,
            given: None,
        };
        let refuses = self.refuses_surely(&facts);
        refuses
            .or_else(|| self.refuses_all(call, resource))
            .unwrap_or(false)
    }

    /// None when the policies cannot be asked: then nothing is certain.
    pub(super) fn refuses_all(&self, call: &Call, resource: Resource<'_>) -> Option<bool> {
        let known = self.memory.look(call, resource, &self.rules).ok()?;
        let bounds = self.memory.bounds(&known, &self.rules).ok()?;
        let metadata = ("metadata".to_owned(), record([]).ok()?);
        let context = tool_context(resource, record([]).ok()?, metadata).ok()?;
        let request = Request::new(
            known.principal.clone(),
            known.action.clone(),
            known.resource.clone(),
            Context::from_pairs(context).ok()?,
            None,
        );
        let answer =
            self.authorizer
                .is_authorized(&request.ok()?, &bounds.policies, &known.entities);
        let errors = not_evaluated(&answer);
        // A policy that forbids and cannot be evaluated refuses the call; of a narrowed one that is not certain.
        if self.any(&known, &errors, Effect::Forbid, true) {
            return Some(true);
        }
        Some(match answer.decision() {
            Decision::Allow => false,
            Decision::Deny if answer.diagnostics().reason().next().is_some() => true,
            // A widened permit that cannot be evaluated may apply all the same.
            Decision::Deny => !self.any(&known, &errors, Effect::Permit, false),
        })
    }

    /// The same without asking Cedar, which takes longer than most lists have time for; none where only Cedar knows.
    pub(super) fn refuses_surely(&self, facts: &CallFacts<'_>) -> Option<bool> {
        let mut forbids = Some(false);
        let mut permits = Some(false);
        for rule in &self.rules {
            let applies = match rule.scope.holds(facts) {
                Some(true) => rule.bound_condition.holds(facts),
                in_scope => in_scope,
            };
            match (rule.policy.effect(), applies) {
                // Whatever else cannot be evaluated, this refuses.
                (Effect::Forbid, Some(true)) => return Some(true),
                (Effect::Forbid, None) => forbids = None,
                (Effect::Permit, Some(true)) => permits = Some(true),
                (Effect::Permit, None) if permits != Some(true) => permits = None,
                (Effect::Forbid, Some(false)) | (Effect::Permit, Some(false) | None) => {}
            }
        }
        Some(forbids? || !permits?)
    }

    /// Whether one of these policies has this effect, and a bound that is exact, or one that is not.
    fn any(&self, known: &Known, ids: &[&PolicyId], effect: Effect, is_exact: bool) -> bool {
        let mut rules = known
            .places
            .iter()
            .filter_map(|place| self.rules.get(*place));
        rules.any(|rule| {
            rule.bound.is_exact == is_exact
                && rule.policy.effect() == effect
                && ids.contains(&rule.policy.id())
        })
    }
}
