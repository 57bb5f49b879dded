//! Integrations to guardrails.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::bundle::GuardrailEntry;
use crate::diagnostic::{Reason, Severity, Source};
use crate::hook::Hook;

use super::guardrail;
use super::kinds::{KindReport, Kinds};
use super::known::Known;
use super::report::Report;
use super::resources::{placed, sorted};
use super::secrets::Secrets;
use super::written::{WrittenGuardrail, WrittenIntegration};
use super::{digest, subjects};

/// Every guardrail, sorted by (namespace, group, name).
#[derive(Debug)]
pub(super) struct Guardrails<'a> {
    pub(super) checked: Vec<Checked<'a>>,
    /// By namespace, group and name.
    by_place: HashMap<(&'a str, &'a str, &'a str), u32, RandomState>,
    /// By group and name: the namespaces that have such a guardrail, sorted.
    namespaces: HashMap<(&'a str, &'a str), Vec<&'a str>, RandomState>,
}

/// One guardrail with what its kind says about it.
#[derive(Debug)]
pub(super) struct Checked<'a> {
    pub(super) integration: &'a WrittenIntegration,
    pub(super) written: &'a WrittenGuardrail,
    /// Its place in the integration's list.
    pub(super) index: usize,
    pub(super) report: KindReport,
    pub(super) entry: GuardrailEntry,
}

impl<'a> Checked<'a> {
    /// `namespace`, `group` and `name`.
    pub(super) fn place(&self) -> (&'a str, &'a str, &'a str) {
        let source: &'a Source = &self.integration.source;
        (&source.namespace, &source.name, &self.written.name)
    }
}

impl<'a> Guardrails<'a> {
    pub(super) fn find(
        &self,
        namespace: &str,
        group: &str,
        name: &str,
    ) -> Option<(u32, &Checked<'a>)> {
        let index = *self.by_place.get(&(namespace, group, name))?;
        Some((index, self.checked.get(index as usize)?))
    }

    /// A namespace, any, that has a guardrail of this group and name.
    pub(super) fn namespace_with(&self, group: &str, name: &str) -> Option<&'a str> {
        self.namespaces.get(&(group, name))?.first().copied()
    }

    /// The shortest text that says which guardrail is meant, wherever it is read.
    fn selector(
        &self,
        of: &WrittenIntegration,
        written: &WrittenGuardrail,
        known: &Known<'_>,
    ) -> String {
        let (namespace, group, name) = (&of.source.namespace, &of.source.name, &written.name);
        let is_alone = self
            .namespaces
            .get(&(&**group, &**name))
            .is_none_or(|having| having.len() == 1);
        if **namespace == *known.policy_namespace || is_alone {
            format!("{group}/{name}")
        } else {
            format!("{namespace}/{group}/{name}")
        }
    }

    pub(super) fn into_entries(self) -> impl Iterator<Item = GuardrailEntry> {
        self.checked.into_iter().map(|checked| checked.entry)
    }
}

pub(super) fn compile<'a>(
    integrations: &[&'a WrittenIntegration],
    kinds: &dyn Kinds,
    known: &Known<'_>,
    secrets: &Secrets<'_>,
    report: &mut Report,
) -> Guardrails<'a> {
    let mut guardrails = Guardrails {
        checked: Vec::new(),
        by_place: HashMap::default(),
        namespaces: HashMap::default(),
    };
    let mut groups = Vec::with_capacity(integrations.len());
    for integration in integrations {
        check_integration(integration, known, report);
        let mut of_group = named_once(integration, report);
        of_group.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        for (_, written) in &of_group {
            let named = (&*integration.source.name, &*written.name);
            guardrails
                .namespaces
                .entry(named)
                .or_default()
                .push(&integration.source.namespace);
        }
        groups.push((*integration, of_group));
    }
    for (integration, of_group) in groups {
        for (index, written) in of_group {
            let of_kind = kinds.check(&written.kind, &written.config, written.operation);
            guardrail::check(integration, index, written, &of_kind, secrets, report);
            let selector = guardrails.selector(integration, written, known);
            let entry = entry(integration, written, &of_kind, selector.into());
            let checked = Checked {
                integration,
                written,
                index,
                report: of_kind,
                entry,
            };
            let place = u32::try_from(guardrails.checked.len()).unwrap_or(u32::MAX);
            guardrails.by_place.insert(checked.place(), place);
            guardrails.checked.push(checked);
        }
    }
    guardrails
}

/// The guardrails of an integration that have a name of their own, with their places in the list.
fn named_once<'a>(
    integration: &'a WrittenIntegration,
    report: &mut Report,
) -> Vec<(usize, &'a WrittenGuardrail)> {
    let mut first: HashMap<&str, usize, RandomState> = HashMap::default();
    let mut kept = Vec::with_capacity(integration.guardrails.len());
    for (index, written) in integration.guardrails.iter().enumerate() {
        let path = format_args!("spec.guardrails[{index}].name");
        let has_bad = |c: char| c == '/' || c.is_whitespace() || c.is_control();
        if written.name.is_empty() || written.name.contains(has_bad) {
            let message = format!(
                "{:?} cannot be part of a selector: write a name without slashes and white space",
                written.name
            );
            report.error(&integration.source, path, Reason::Invalid, message);
        } else if let Some(other) = first.get(&*written.name) {
            let message = format!(
                "the name {:?} is held by spec.guardrails[{other}]: give this one another name",
                written.name
            );
            report.error(&integration.source, path, Reason::Conflicted, message);
        } else {
            first.insert(&written.name, index);
            kept.push((index, written));
        }
    }
    kept
}

fn check_integration(integration: &WrittenIntegration, known: &Known<'_>, report: &mut Report) {
    let source = &integration.source;
    if integration.guardrails.is_empty() {
        let message = "it has no guardrails: add one, with a name and the member of its kind";
        report.warning(source, "spec.guardrails", Reason::Suspicious, message);
    }
    if let Some(listed) = &integration.collaborators {
        subjects::check(
            source,
            "spec.collaborators",
            ".subject",
            listed,
            known,
            report,
        );
    }
}

fn entry(
    integration: &WrittenIntegration,
    written: &WrittenGuardrail,
    of_kind: &KindReport,
    selector: Arc<str>,
) -> GuardrailEntry {
    let is_built = of_kind
        .problems
        .iter()
        .all(|problem| problem.severity != Severity::Error);
    let hooks = if is_built {
        of_kind.hooks.iter().copied().collect()
    } else {
        Hook::ALL.to_vec()
    };
    let mut entry = GuardrailEntry {
        source: placed(&integration.source),
        selector,
        kind: written.kind.as_str().into(),
        config: written.config.clone(),
        hooks,
        operation: written.operation,
        priority: written.priority.unwrap_or(DEFAULT_PRIORITY),
        strategy: written.strategy,
        timeout: written.timeout,
        input: written.input,
        streaming: written.streaming.unwrap_or_default(),
        collaborators: integration.collaborators.as_deref().map(sorted),
        digest: String::new(),
    };
    entry.digest = digest::of_guardrail(&entry, !written.secret_refs.is_empty());
    entry
}

/// A mutator's priority when it has none (the published default).
const DEFAULT_PRIORITY: i32 = 1;
