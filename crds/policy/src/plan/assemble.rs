//! From the rules that match, and the header, to the guardrails that run.

use std::sync::Arc;

use crate::bundle::GuardrailEntry;
use crate::facts::{Facts, Target};
use crate::hook::{Hook, PerHook};
use crate::outcome::{Operation, Strategy};
use crate::overrides::{OverrideError, Overrides, Scope};
use crate::rule::{InputExecution, Unscannable};

use super::{Plan, Planned, PlannedTaint, Planner};

/// Guardrails in the order in which they run: mutators by (priority, selector), then validators by
/// selector.
pub(super) fn order(guardrails: &[GuardrailEntry]) -> Vec<u32> {
    let mut order: Vec<_> = (0u32..).zip(guardrails).collect();
    order.sort_by_key(|(_, entry)| match entry.operation {
        Operation::Mutate => (0, entry.priority, &entry.selector),
        Operation::Validate => (1, 0, &entry.selector),
    });
    order.into_iter().map(|(index, _)| index).collect()
}

/// Stands for the header where a rule's index is expected. It sorts behind every rule.
const HEADER: u32 = u32::MAX;

/// One guardrail and one of its choosers, as (place in the order, rule index or [`HEADER`]).
type Choice = (u32, u32);

/// Ids of rules.
type Ids = Arc<[Arc<str>]>;

impl Planner {
    /// The plan that follows from `matching`, which came from [`Planner::matching`] for the same facts.
    ///
    /// # Errors
    /// As [`Planner::plan`].
    pub fn assemble(
        &self,
        matching: &[u32],
        facts: &Facts,
        overrides: Option<&Overrides>,
    ) -> Result<Plan, OverrideError> {
        let named = overrides
            .map(|given| self.header.resolve(given, &facts.caller))
            .transpose()?;
        let named = named.unwrap_or_default();
        let scope = overrides.map(|given| given.scope).unwrap_or_default();
        let mut plan = Plan {
            hooks: PerHook::default(),
            input_execution: self.input_execution(matching),
            unscannable: self.unscannable(matching),
            taint: match facts.target {
                Target::Model { .. } => None,
                Target::Mcp { .. } => self.taint(matching),
            },
        };
        let mut choices = Vec::new();
        for hook in facts.target.hooks() {
            choices.clear();
            self.choose(
                hook,
                matching,
                facts,
                named.get(hook).as_deref(),
                &mut choices,
            );
            *plan.hooks.get_mut(hook) = self.planned(&mut choices, scope);
        }
        Ok(plan)
    }

    /// `sequential` of any rule wins; then `parallel` of any rule; then the settings.
    fn input_execution(&self, matching: &[u32]) -> Option<InputExecution> {
        let rules = matching
            .iter()
            .filter_map(|rule| self.bundle.rules.get(*rule as usize));
        rules
            .filter_map(|rule| rule.input_execution)
            .max()
            .or(self.defaults.input_execution)
    }

    /// `block` of any rule wins; then `allow` of any rule; then the settings.
    fn unscannable(&self, matching: &[u32]) -> Unscannable {
        let rules = matching
            .iter()
            .filter_map(|rule| self.bundle.rules.get(*rule as usize));
        rules
            .filter_map(|rule| rule.unscannable)
            .max()
            .unwrap_or(self.defaults.unscannable)
    }

    /// `block` of any rule wins; of the rules that say the same, `caller` wins. A rule that only audits does not make
    /// another one's block look at more.
    fn taint(&self, matching: &[u32]) -> Option<PlannedTaint> {
        let rules = || {
            let rules = matching.iter();
            rules.filter_map(|rule| self.bundle.rules.get(*rule as usize))
        };
        let action = rules().filter_map(|rule| rule.taint).max()?;
        let chosen = || rules().filter(|rule| rule.taint == Some(action));
        let mut ids: Vec<Arc<str>> = chosen().map(|rule| rule.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        Some(PlannedTaint {
            action,
            scope: chosen()
                .filter_map(|rule| rule.taint_scope)
                .max()
                .unwrap_or_default(),
            rules: ids.into(),
            custom_error_message: chosen().find_map(|rule| rule.custom_error_message.clone()),
        })
    }

    fn choose(
        &self,
        hook: Hook,
        matching: &[u32],
        facts: &Facts,
        named: Option<&[u32]>,
        choices: &mut Vec<Choice>,
    ) {
        for index in matching {
            let Some(rule) = self.bundle.rules.get(*index as usize) else {
                continue;
            };
            let selected = rule.guardrails.get(hook);
            if selected.is_empty()
                || (named.is_some() && !rule.mandatory && self.replaces(*index, facts))
            {
                continue;
            }
            choices.extend(
                selected
                    .iter()
                    .filter_map(|guardrail| Some((self.rank_of(*guardrail)?, *index))),
            );
        }
        for guardrail in named.unwrap_or_default() {
            choices.extend(self.rank_of(*guardrail).map(|rank| (rank, HEADER)));
        }
    }

    fn rank_of(&self, guardrail: u32) -> Option<u32> {
        self.rank.get(guardrail as usize).copied()
    }

    /// Whether this caller's header replaces what the rule chose.
    fn replaces(&self, rule: u32, facts: &Facts) -> bool {
        let replaceable = self
            .rules
            .get(rule as usize)
            .and_then(|rule| rule.replaceable);
        let replacers = replaceable.and_then(|place| self.replacers.get(place as usize));
        replacers.is_some_and(|subjects| subjects.hold(&facts.caller))
    }

    /// Folds the choices of one hook into one entry for each guardrail, in order.
    fn planned(&self, choices: &mut Vec<Choice>, scope: Scope) -> Vec<Planned> {
        choices.sort_unstable();
        choices.dedup();
        let mut planned: Vec<Planned> = Vec::new();
        // Neighbours are often chosen by the same rules; then they share the list of ids.
        let mut shared: Option<(&[Choice], Ids)> = None;
        for group in choices.chunk_by(|one, other| one.0 == other.0) {
            let Some(guardrail) = group
                .first()
                .and_then(|(rank, _)| self.order.get(*rank as usize))
            else {
                continue;
            };
            let Some(entry) = self.bundle.guardrails.get(*guardrail as usize) else {
                continue;
            };
            let ids = match &shared {
                Some((of, ids)) if same_choosers(of, group) => ids.clone(),
                _ => self.ids(group),
            };
            shared = Some((group, ids.clone()));
            let own = entry
                .strategy
                .or(self.defaults.strategy)
                .unwrap_or_default();
            let rules = || {
                group
                    .iter()
                    .filter_map(|(_, rule)| self.bundle.rules.get(*rule as usize))
            };
            let of_header = group
                .last()
                .filter(|(_, rule)| *rule == HEADER)
                .map(|_| own);
            let of_rules = rules().map(|rule| rule.strategy.unwrap_or(own));
            planned.push(Planned {
                guardrail: *guardrail,
                operation: entry.operation,
                strategy: strictest(of_rules.chain(of_header)).unwrap_or(own),
                scope: if rules().any(|rule| rule.mandatory) {
                    Scope::All
                } else {
                    scope
                },
                rules: ids,
                custom_error_message: rules().find_map(|rule| rule.custom_error_message.clone()),
            });
        }
        planned
    }

    /// The ids of the rules among the choosers of one guardrail.
    fn ids(&self, group: &[Choice]) -> Ids {
        let mut rules = group
            .iter()
            .filter_map(|(_, rule)| self.rules.get(*rule as usize));
        match (rules.next(), rules.next()) {
            (None, _) => self.no_rules.clone(),
            (Some(only), None) => only.ids.clone(),
            (Some(first), Some(second)) => {
                let all = [first, second].into_iter().chain(rules);
                let mut ids: Vec<_> = all.flat_map(|rule| rule.ids.iter().cloned()).collect();
                ids.sort_unstable();
                ids.dedup();
                ids.into()
            }
        }
    }
}

fn same_choosers(one: &[Choice], other: &[Choice]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.1 == other.1)
}

/// `enforce` before `enforce_but_ignore_on_error` before `audit`, which is the order of the type.
fn strictest(strategies: impl Iterator<Item = Strategy>) -> Option<Strategy> {
    strategies.min()
}
