//! Resolves the selectors of rules.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::diagnostic::Reason;
use crate::glob;
use crate::selector::Selector;

use super::integrations::{Checked, Guardrails};
use super::known::Known;

/// Resolves selectors, each text once for a namespace: rules repeat them.
pub(super) struct Resolver<'a, 'g> {
    guardrails: &'g Guardrails<'a>,
    known: &'g Known<'a>,
    resolved: HashMap<(&'a str, &'a str), Resolved, RandomState>,
}

/// What a selector came to.
#[derive(Clone, Debug)]
pub(super) enum Resolved {
    /// An index in the guardrails.
    Found(u32),
    /// Why it names nothing that the rule may use.
    Not(Reason, String),
}

impl<'a, 'g> Resolver<'a, 'g> {
    pub(super) fn new(guardrails: &'g Guardrails<'a>, known: &'g Known<'a>) -> Self {
        Self {
            guardrails,
            known,
            resolved: HashMap::default(),
        }
    }

    /// What `text` means in a rule of `namespace`.
    pub(super) fn resolve(&mut self, namespace: &'a str, text: &'a str) -> Resolved {
        if let Some(resolved) = self.resolved.get(&(namespace, text)) {
            return resolved.clone();
        }
        let resolved = self.look_up(namespace, text);
        self.resolved.insert((namespace, text), resolved.clone());
        resolved
    }

    fn look_up(&self, namespace: &str, text: &str) -> Resolved {
        let selector: Selector = match text.parse() {
            Ok(selector) => selector,
            Err(error) => {
                let hint =
                    published_name(text).map_or_else(String::new, |name| format!(": here, {name}"));
                return Resolved::Not(Reason::Invalid, format!("{error}{hint}"));
            }
        };
        let (group, name) = (&*selector.group, &*selector.name);
        let Some(of) = selector.namespace.as_deref() else {
            let own = self.guardrails.find(namespace, group, name);
            return match own.or_else(|| {
                self.guardrails
                    .find(self.known.policy_namespace, group, name)
            }) {
                Some((index, _)) => Resolved::Found(index),
                None => Resolved::Not(Reason::UnknownSelector, self.unknown(namespace, &selector)),
            };
        };
        match self.guardrails.find(of, group, name) {
            Some((index, checked)) if self.may_name(namespace, of, checked) => {
                Resolved::Found(index)
            }
            Some(_) => {
                let message = format!(
                    "GuardrailIntegration {of}/{group} does not let namespace {namespace} use its \
                     guardrails: add {namespace} to its spec.allowedNamespaces"
                );
                Resolved::Not(Reason::SelectorNotAllowed, message)
            }
            None => Resolved::Not(Reason::UnknownSelector, self.unknown(namespace, &selector)),
        }
    }

    /// The policy namespace's guardrails can be named without a namespace too, so they are for all.
    fn may_name(&self, namespace: &str, of: &str, checked: &Checked<'_>) -> bool {
        let allowed = &checked.integration.allowed_namespaces;
        of == namespace
            || of == self.known.policy_namespace
            || allowed
                .iter()
                .any(|pattern| glob::matches(pattern, namespace))
    }

    fn unknown(&self, namespace: &str, selector: &Selector) -> String {
        let places = || self.guardrails.checked.iter().map(Checked::place);
        if let Some(of) = selector.namespace.as_deref() {
            let there = places().filter(|(namespace, ..)| *namespace == of);
            let there = there.map(|(of, group, name)| format!("{of}/{group}/{name}"));
            let hint = self.known.hints.did_you_mean(&selector.to_string(), there);
            return format!("there is no guardrail {selector}{hint}");
        }
        let hint = match self
            .guardrails
            .namespace_with(&selector.group, &selector.name)
        {
            Some(of) => format!(
                ": namespace {of} has one, so write {of}/{selector} and add {namespace} to \
                 spec.allowedNamespaces of that GuardrailIntegration"
            ),
            None => {
                let near = places()
                    .filter(|(of, ..)| *of == namespace || *of == self.known.policy_namespace);
                let near = near.map(|(_, group, name)| format!("{group}/{name}"));
                self.known.hints.did_you_mean(&selector.to_string(), near)
            }
        };
        let policy = self.known.policy_namespace;
        let searched = if namespace == policy {
            policy.to_owned()
        } else {
            format!("{namespace} or {policy}")
        };
        format!("there is no guardrail {selector} in namespace {searched}{hint}")
    }
}

/// The selector in an obsolete published name, `TENANT:guardrail-config-group:GROUP:guardrail-config:NAME`.
fn published_name(text: &str) -> Option<String> {
    let parts: Vec<_> = text.split(':').collect();
    match parts.as_slice() {
        [_, "guardrail-config-group", group, "guardrail-config", name] => {
            Some(format!("{group}/{name}"))
        }
        _ => None,
    }
}
