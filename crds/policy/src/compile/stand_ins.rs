//! What stands in for a guardrail that a rule names and that is not there, must not be used, or cannot run where
//! the rule puts it.
//!
//! It does not build, so it counts as failed, and its strategy decides. Without it a misspelt selector, or somebody who
//! deletes a group that others' rules name, would leave requests unprotected.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::bundle::{GuardrailEntry, StreamMode, ValidatorInput};
use crate::diagnostic::Source;
use crate::hook::Hook;
use crate::outcome::Operation;
use crate::selector::Selector;

use super::digest;
use super::integrations::Guardrails;
use super::selectors::{Resolved, Resolver};
use super::written::WrittenConfig;

/// A rule's namespace and a selector in it that does not come to a guardrail, sorted: a stand-in's index is its place
/// here, after all guardrails.
#[derive(Debug)]
pub(super) struct StandIns<'a> {
    missing: Vec<(&'a Arc<str>, &'a str)>,
    first: u32,
}

impl<'a> StandIns<'a> {
    pub(super) fn new(
        configs: &[&'a WrittenConfig],
        guardrails: &Guardrails<'a>,
        resolver: &mut Resolver<'a, '_>,
    ) -> Self {
        let mut missing = BTreeSet::new();
        for config in configs {
            let namespace = &config.source.namespace;
            for rule in &config.rules {
                for hook in Hook::ALL {
                    for text in rule.selectors(hook) {
                        let is_there = match resolver.resolve(namespace, text) {
                            Resolved::Found(index) => guardrails
                                .checked
                                .get(index as usize)
                                .is_some_and(|checked| checked.entry.hooks.contains(&hook)),
                            Resolved::Not(..) => false,
                        };
                        if !is_there {
                            missing.insert((namespace, text.as_str()));
                        }
                    }
                }
            }
        }
        Self {
            missing: missing.into_iter().collect(),
            first: u32::try_from(guardrails.checked.len()).unwrap_or(u32::MAX),
        }
    }

    /// The index in the bundle's guardrails of what stands in for `selector` in rules of `namespace`.
    pub(super) fn index(&self, namespace: &Arc<str>, selector: &str) -> Option<u32> {
        let place = self.missing.binary_search(&(namespace, selector)).ok()?;
        self.first.checked_add(u32::try_from(place).ok()?)
    }

    pub(super) fn into_entries(self) -> Vec<GuardrailEntry> {
        self.missing
            .iter()
            .map(|(namespace, text)| entry(namespace, text))
            .collect()
    }
}

fn entry(namespace: &Arc<str>, text: &str) -> GuardrailEntry {
    let selector: Option<Selector> = text.parse().ok();
    let of = selector.as_ref().and_then(|it| it.namespace.as_deref());
    let mut entry = GuardrailEntry {
        source: Source {
            kind: "GuardrailIntegration".into(),
            namespace: of.map_or_else(|| Arc::clone(namespace), Arc::from),
            name: selector.as_ref().map_or("", |it| &*it.group).into(),
            file: None,
        },
        selector: text.into(),
        kind: "".into(),
        config: serde_json::Value::Null,
        hooks: Hook::ALL.to_vec(),
        operation: Operation::Validate,
        priority: 0,
        strategy: None,
        timeout: None,
        input: ValidatorInput::Original,
        streaming: StreamMode::Buffered,
        collaborators: Some(Vec::new()),
        digest: String::new(),
    };
    entry.digest = digest::of_guardrail(&entry, false);
    entry
}
