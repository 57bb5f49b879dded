//! Which guardrails run for one request, per hook, in order.
//!
//! A request asks three things of a [`Planner`]: which rules could match (an index answers, so that
//! rules which cannot match cost nothing), which of them do, and what follows from those.

mod assemble;
mod explain;
mod header;
mod index;
mod matching;
mod most;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::bundle::Bundle;
use crate::facts::{Facts, Target};
use crate::hook::{Hook, PerHook};
use crate::outcome::{Operation, Strategy};
use crate::overrides::{OverrideError, Overrides, Scope};
use crate::rule::{InputExecution, Taint, TaintScope, Unscannable};
use crate::subject::Subjects;

pub use crate::subject::caller_is_among;
pub use explain::Explained;
pub use most::AtMost;

/// The rules of one bundle, indexed so that matching costs nothing for rules that cannot match.
#[derive(Debug)]
pub struct Planner {
    bundle: Arc<Bundle>,
    defaults: PlanDefaults,
    /// One for each rule of the bundle.
    rules: Vec<ReadyRule>,
    /// Finds the rules that a model call could match.
    llm: index::Index,
    /// Finds the rules that an MCP message could match.
    mcp: index::Index,
    /// Guardrails in the order in which they run at any hook.
    order: Vec<u32>,
    /// For each guardrail of the bundle, its place in `order`.
    rank: Vec<u32>,
    /// One for each entry of [`Bundle::overrides`].
    replacers: Vec<Subjects>,
    /// What a header may name.
    header: header::Selectors,
    /// Shared by every guardrail that a header chose alone.
    no_rules: Arc<[Arc<str>]>,
    /// What rules can do at each hook.
    most: PerHook<AtMost>,
}

/// What a rule needs beside its entry in the bundle.
#[derive(Debug)]
struct ReadyRule {
    matcher: matching::Matcher,
    /// Index in [`Bundle::overrides`] of the entry of the same resource.
    replaceable: Option<u32>,
    /// The rule's own id, for guardrails that it alone chose.
    ids: Arc<[Arc<str>]>,
}

/// Defaults from `GatewaySettings`, below rule and guardrail.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanDefaults {
    /// For guardrails that name none.
    pub strategy: Option<Strategy>,
    /// For requests whose rules name none.
    pub input_execution: Option<InputExecution>,
    /// For requests whose rules say nothing about it.
    pub unscannable: Unscannable,
}

/// The guardrails to run for one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Per hook: mutators first by (priority, selector), then validators by selector. Only hooks that
    /// the request's target has are filled.
    pub hooks: PerHook<Vec<Planned>>,
    /// Whether slow input validators finish before the model is called; none when neither a rule nor
    /// the settings say: then the request itself decides. Of several rules, `sequential` wins.
    pub input_execution: Option<InputExecution>,
    /// What becomes of content that no guardrail can judge. Of several rules, `block` wins.
    pub unscannable: Unscannable,
    /// What becomes of dangerous calls in a conversation that has read text of strangers; none: nothing.
    pub taint: Option<PlannedTaint>,
}

/// What the rules say of dangerous calls in a conversation that has read text of strangers.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedTaint {
    /// Of several rules, `block` wins.
    pub action: Taint,
    /// Of the rules with that action, `caller` wins.
    pub scope: TaintScope,
    /// Ids of the rules with that action, sorted.
    pub rules: Arc<[Arc<str>]>,
    /// The message of the first of them, by (namespace, resource, id), that has one.
    pub custom_error_message: Option<Arc<str>>,
}

/// One guardrail of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Index in [`Bundle::guardrails`].
    pub guardrail: u32,
    /// What it may do.
    pub operation: Operation,
    /// Rule over guardrail over settings over default; of several choosers the strictest.
    pub strategy: Strategy,
    /// Which messages it sees: `last` only when the header says so and no mandatory rule chose it.
    pub scope: Scope,
    /// Ids of the rules that chose it, sorted; empty when a header did.
    pub rules: Arc<[Arc<str>]>,
    /// The message of the first of them, by (namespace, resource, id), that has one.
    pub custom_error_message: Option<Arc<str>>,
}

impl Planner {
    /// Indexes a bundle. Takes time in proportion to the bundle; a planner lives as long as it.
    pub fn new(bundle: Arc<Bundle>, defaults: PlanDefaults) -> Self {
        let order = assemble::order(&bundle.guardrails);
        let mut rank = vec![0; order.len()];
        for (place, guardrail) in (0u32..).zip(&order) {
            if let Some(rank) = rank.get_mut(*guardrail as usize) {
                *rank = place;
            }
        }
        Self {
            defaults,
            rules: bundle
                .rules
                .iter()
                .map(|rule| ReadyRule::new(rule, &bundle))
                .collect(),
            llm: index::Index::new(index::Side::Llm, &bundle.rules),
            mcp: index::Index::new(index::Side::Mcp, &bundle.rules),
            order,
            rank,
            replacers: bundle
                .overrides
                .iter()
                .map(|entry| Subjects::new(&entry.replace))
                .collect(),
            header: header::Selectors::new(&bundle.guardrails),
            no_rules: Arc::from([]),
            most: most::of(&bundle, defaults.strategy),
            bundle,
        }
    }

    /// The bundle.
    pub const fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// What the rules can do at a hook at most, whatever the request. A header can still add to it.
    pub const fn at_most(&self, hook: Hook) -> AtMost {
        *self.most.get(hook)
    }

    /// The plan for one request: [`Planner::matching`], then [`Planner::assemble`].
    ///
    /// # Errors
    /// A header that names a guardrail which does not exist, which the caller may not use, or which
    /// cannot run at that hook.
    pub fn plan(
        &self,
        facts: &Facts,
        overrides: Option<&Overrides>,
    ) -> Result<Plan, OverrideError> {
        self.assemble(&self.matching(facts), facts, overrides)
    }

    /// The rules that match, as sorted indices in [`Bundle::rules`]. Without a header, equal lists give
    /// equal plans for targets of one kind, so a caller may keep plans by this list.
    pub fn matching(&self, facts: &Facts) -> Vec<u32> {
        let index = match facts.target {
            Target::Model { .. } => &self.llm,
            Target::Mcp { .. } => &self.mcp,
        };
        let mut matching = Vec::new();
        index.candidates(facts, |candidate| {
            let matcher = self.rules.get(candidate as usize).map(|rule| &rule.matcher);
            if matcher.is_some_and(|matcher| matcher.verdict(facts).matches()) {
                matching.push(candidate);
            }
        });
        // A rule is found once for each of the request's names that leads to it.
        matching.sort_unstable();
        matching.dedup();
        matching
    }
}

impl ReadyRule {
    fn new(rule: &crate::bundle::RuleEntry, bundle: &Bundle) -> Self {
        let place = |namespace: &Arc<str>, name: &Arc<str>| {
            let of_entry = |entry: &crate::bundle::OverrideEntry| {
                (&entry.source.namespace, &entry.source.name).cmp(&(namespace, name))
            };
            let found = bundle.overrides.binary_search_by(of_entry).ok()?;
            u32::try_from(found).ok()
        };
        Self {
            matcher: matching::Matcher::new(&rule.when, rule.only_namespace.clone()),
            replaceable: place(&rule.source.namespace, &rule.source.name),
            ids: Arc::from([rule.id.clone()]),
        }
    }
}
