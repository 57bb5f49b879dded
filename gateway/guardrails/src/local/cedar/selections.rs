//! Sets of policies that Cedar is asked about, by the places of their rules.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use cedar_policy::{Policy, PolicySet};

use super::known::Rule;
use super::reads::Reads;

/// So many different selections of policies are remembered.
const SELECTIONS: usize = 256;

/// Policies that Cedar is asked about, and what they read.
pub(super) struct Selected {
    pub(super) policies: PolicySet,
    /// Nothing else has to be told.
    pub(super) reads: Reads,
}

/// Sets of policies by the places of their rules.
#[derive(Default)]
pub(super) struct Selections(RwLock<HashMap<Vec<usize>, Arc<Selected>>>);

impl Selected {
    fn new(
        places: &[usize],
        rules: &[Rule],
        policy: impl Fn(&Rule) -> &Policy,
    ) -> Result<Arc<Self>, String> {
        let mut reads = Reads::default();
        let mut chosen = Vec::with_capacity(places.len());
        for rule in places.iter().filter_map(|place| rules.get(*place)) {
            reads.merge(&rule.reads);
            chosen.push(policy(rule).clone());
        }
        let policies = PolicySet::from_policies(chosen).map_err(|error| error.to_string())?;
        Ok(Arc::new(Self { policies, reads }))
    }
}

impl Selections {
    /// At least the policies of the rules at these places, for those who keep them: all, where too many selections are
    /// remembered.
    ///
    /// # Errors
    /// Cedar does not take the policies, which have names of their own, so this is not expected.
    pub(super) fn kept(
        &self,
        places: &[usize],
        rules: &[Rule],
        policy: impl Fn(&Rule) -> &Policy,
    ) -> Result<Arc<Selected>, String> {
        if let Some(selected) = self.remembered(places) {
            return Ok(selected);
        }
        let places: Vec<usize> = match self.is_full() {
            true => (0..rules.len()).collect(),
            false => places.to_vec(),
        };
        let selected = Selected::new(&places, rules, policy)?;
        let sets = self.0.write();
        let mut sets = sets.unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(sets.entry(places).or_insert(selected)))
    }

    /// The policies of the rules at these places, for one call. Where too many selections are remembered, all are forgotten:
    /// callers choose the arguments that these come of.
    ///
    /// # Errors
    /// As [`Self::kept`].
    pub(super) fn used(&self, places: Vec<usize>, rules: &[Rule]) -> Result<Arc<Selected>, String> {
        if let Some(selected) = self.remembered(&places) {
            return Ok(selected);
        }
        let selected = Selected::new(&places, rules, |rule| &rule.policy)?;
        let sets = self.0.write();
        let mut sets = sets.unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= SELECTIONS {
            sets.clear();
        }
        sets.insert(places, Arc::clone(&selected));
        Ok(selected)
    }

    fn remembered(&self, places: &[usize]) -> Option<Arc<Selected>> {
        let sets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        sets.get(places).map(Arc::clone)
    }

    fn is_full(&self) -> bool {
        let sets = self.0.read().unwrap_or_else(PoisonError::into_inner);
        sets.len() >= SELECTIONS
    }
}
