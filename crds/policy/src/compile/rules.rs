//! Rules to entries.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::bundle::{GuardrailEntry, OverrideEntry, RuleEntry};
use crate::diagnostic::{Reason, Source};
use crate::hook::{Hook, PerHook};
use crate::rule::{MESSAGE_PLACEHOLDER, Rule, When};

use super::integrations::Guardrails;
use super::known::Known;
use super::report::Report;
use super::resources::{placed, sorted};
use super::selectors::{Resolved, Resolver};
use super::stand_ins::StandIns;
use super::written::WrittenConfig;
use super::{subjects, when};

/// One rule and where it stands.
pub(super) struct Placed<'a> {
    pub(super) source: &'a Source,
    pub(super) index: usize,
    pub(super) rule: &'a Rule,
}

pub(super) fn compile<'a>(
    configs: &[&'a WrittenConfig],
    guardrails: &Guardrails<'a>,
    known: &Known<'a>,
    report: &mut Report,
) -> (Vec<RuleEntry>, Vec<GuardrailEntry>) {
    let mut resolver = Resolver::new(guardrails, known);
    let stand_ins = StandIns::new(configs, guardrails, &mut resolver);
    let mut entries = Vec::with_capacity(configs.iter().map(|config| config.rules.len()).sum());
    for config in configs {
        check_ids(config, report);
        let source = placed(&config.source);
        for (index, rule) in config.rules.iter().enumerate() {
            let at = Placed {
                source: &config.source,
                index,
                rule,
            };
            let selected = select(&at, guardrails, &stand_ins, &mut resolver, report);
            check(&at, &selected, known, report);
            when::check(&at, &selected, known, report);
            entries.push(entry(&source, rule, selected, known));
        }
    }
    entries.sort_by(|one, other| place(one).cmp(&place(other)));
    settle_equal_places(&mut entries);
    (entries, stand_ins.into_entries())
}

pub(super) fn overrides(
    configs: &[&WrittenConfig],
    known: &Known<'_>,
    report: &mut Report,
) -> Vec<OverrideEntry> {
    let mut entries = Vec::new();
    for config in configs.iter().filter(|config| !config.replace.is_empty()) {
        subjects::check(
            &config.source,
            "spec.overrides.replace",
            "",
            &config.replace,
            known,
            report,
        );
        if config.rules.iter().all(|rule| rule.mandatory) {
            let message = "there is nothing to replace: a header replaces what this resource's own rules \
                           chose, and none of them may be replaced";
            report.warning(
                &config.source,
                "spec.overrides.replace",
                Reason::Suspicious,
                message,
            );
        }
        entries.push(OverrideEntry {
            source: placed(&config.source),
            replace: sorted(&config.replace),
        });
    }
    entries
}

fn place(entry: &RuleEntry) -> (&Arc<str>, &Arc<str>, &Arc<str>) {
    (&entry.source.namespace, &entry.source.name, &entry.id)
}

/// Rules with one id (an error, and both stay) must not stand in the order of the document.
fn settle_equal_places(entries: &mut [RuleEntry]) {
    for group in entries.chunk_by_mut(|one, other| place(one) == place(other)) {
        if group.len() > 1 {
            group.sort_by_cached_key(|entry| serde_json::to_string(entry).unwrap_or_default());
        }
    }
}

fn check_ids(config: &WrittenConfig, report: &mut Report) {
    let mut first: HashMap<&str, usize, RandomState> = HashMap::default();
    for (index, rule) in config.rules.iter().enumerate() {
        let path = format_args!("spec.rules[{index}].id");
        if rule.id.is_empty() {
            let message = "a rule needs an id, unique in its resource";
            report.error(&config.source, path, Reason::Invalid, message);
        } else if let Some(other) = first.insert(&rule.id, index) {
            let message = format!(
                "the id {:?} is that of spec.rules[{other}] too: give each its own",
                rule.id
            );
            report.error(&config.source, path, Reason::Conflicted, message);
        }
    }
}

/// The guardrails that a rule selects. For one that is not there, or cannot run where the rule puts it, something
/// stands in that fails: a rule must not lose a guardrail without a word.
fn select<'a>(
    at: &Placed<'a>,
    guardrails: &Guardrails<'a>,
    stand_ins: &StandIns<'a>,
    resolver: &mut Resolver<'a, '_>,
    report: &mut Report,
) -> PerHook<Vec<u32>> {
    let mut selected = PerHook::<Vec<u32>>::default();
    for hook in Hook::ALL {
        let list = selected.get_mut(hook);
        let stand_in = |list: &mut Vec<u32>, text: &str| {
            let index = stand_ins.index(&at.source.namespace, text);
            list.extend(index.filter(|index| !list.contains(index)));
        };
        for (place, text) in at.rule.selectors(hook).iter().enumerate() {
            let path = format_args!("spec.rules[{}].{}[{place}]", at.index, hook.list_key());
            let found = match resolver.resolve(&at.source.namespace, text) {
                Resolved::Found(found) => found,
                Resolved::Not(reason, message) => {
                    report.error(at.source, path, reason, message);
                    stand_in(list, text);
                    continue;
                }
            };
            let hooks = guardrails
                .checked
                .get(found as usize)
                .map(|checked| checked.entry.hooks.as_slice());
            if !hooks.unwrap_or_default().contains(&hook) {
                let message = unsupported(text, hook, hooks.unwrap_or_default());
                report.error(at.source, path, Reason::UnsupportedHook, message);
                stand_in(list, text);
            } else if list.contains(&found) {
                let message = format!("{text} is listed twice and runs once: leave one out");
                report.warning(at.source, path, Reason::Suspicious, message);
            } else {
                list.push(found);
            }
        }
        list.sort_unstable();
    }
    selected
}

fn unsupported(selector: &str, hook: Hook, hooks: &[Hook]) -> String {
    let hooks: Vec<_> = hooks.iter().map(|hook| hook.list_key()).collect();
    let can = if hooks.is_empty() {
        "no hook".to_owned()
    } else {
        hooks.join(", ")
    };
    format!(
        "{selector} cannot run under {}: it can under {can}",
        hook.list_key()
    )
}

/// Whether a rule puts any guardrail anywhere.
pub(super) fn selects_nothing(selected: &PerHook<Vec<u32>>) -> bool {
    Hook::ALL
        .into_iter()
        .all(|hook| selected.get(hook).is_empty())
}

fn check(at: &Placed<'_>, selected: &PerHook<Vec<u32>>, known: &Known<'_>, report: &mut Report) {
    let Placed {
        source,
        index,
        rule,
    } = at;
    let lists_nothing = Hook::ALL
        .into_iter()
        .all(|hook| rule.selectors(hook).is_empty());
    if lists_nothing
        && selects_nothing(selected)
        && rule.input_execution.is_none()
        && rule.unscannable.is_none()
        && rule.taint.is_none()
    {
        let message = format!(
            "the rule selects no guardrail, so it does nothing: list some, e.g. under {}",
            Hook::LlmInput.list_key()
        );
        report.warning(
            source,
            format_args!("spec.rules[{index}]"),
            Reason::NeverMatches,
            message,
        );
    }
    if rule.mandatory && *source.namespace != *known.policy_namespace {
        let message = format!(
            "mandatory counts only in the policy namespace {}: move the rule there, or leave mandatory out",
            known.policy_namespace
        );
        report.error(
            source,
            format_args!("spec.rules[{index}].mandatory"),
            Reason::WrongNamespace,
            message,
        );
    }
    let message = rule.custom_error_message.as_deref().unwrap_or_default();
    if message.replace(MESSAGE_PLACEHOLDER, "").contains("{{") {
        let path = format_args!("spec.rules[{index}].custom_error_message");
        let message =
            format!("only {MESSAGE_PLACEHOLDER} is filled in: the rest is sent as it is written");
        report.warning(source, path, Reason::Suspicious, message);
    }
}

fn entry(
    source: &Source,
    rule: &Rule,
    guardrails: PerHook<Vec<u32>>,
    known: &Known<'_>,
) -> RuleEntry {
    let is_elsewhere = *source.namespace != *known.policy_namespace;
    RuleEntry {
        source: source.clone(),
        id: rule.id.as_str().into(),
        when: in_order(&rule.when),
        only_namespace: is_elsewhere.then(|| source.namespace.clone()),
        guardrails,
        mandatory: rule.mandatory && !is_elsewhere,
        // A message without a text would leave the client with nothing.
        custom_error_message: rule
            .custom_error_message
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(Arc::from),
        input_execution: rule.input_execution,
        unscannable: rule.unscannable,
        taint: rule.taint,
        taint_scope: rule.taint_scope,
        strategy: rule.enforcing_strategy,
    }
}

/// The same condition with its lists sorted: their order means nothing.
fn in_order(when: &When) -> When {
    let mut when = when.clone();
    if let Some(target) = &mut when.target {
        let conditions = &mut target.conditions;
        for condition in [&mut conditions.model, &mut conditions.mcp_servers]
            .into_iter()
            .flatten()
        {
            condition.values = sorted(&condition.values);
        }
        if let Some(condition) = &mut conditions.mcp_tools {
            for server in &mut condition.values {
                server.enabled_tools = sorted(&server.enabled_tools);
            }
            condition.values.sort_by(|one, other| {
                (&one.name, one.enable_all_tools, &one.enabled_tools).cmp(&(
                    &other.name,
                    other.enable_all_tools,
                    &other.enabled_tools,
                ))
            });
        }
    }
    if let Some(subjects) = &mut when.subjects {
        let conditions = &mut subjects.conditions;
        for listed in [&mut conditions.r#in, &mut conditions.not_in]
            .into_iter()
            .flatten()
        {
            *listed = sorted(listed);
        }
    }
    when
}
