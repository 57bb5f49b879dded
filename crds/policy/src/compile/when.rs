//! Checks a rule's `when`: conditions that cannot be met, and names that do not exist.

mod models;
mod taint;
mod tools;

use crate::diagnostic::Reason;
use crate::glob;
use crate::hook::{Hook, PerHook};
use crate::rule::{Given, SubjectsOperator};
use crate::subject::{self, EVERYONE, SubjectKind};

use super::known::Known;
use super::report::Report;
use super::rules::{Placed, selects_nothing};
use super::subjects;

pub(super) fn check(
    at: &Placed<'_>,
    selected: &PerHook<Vec<u32>>,
    known: &Known<'_>,
    report: &mut Report,
) {
    let given = at.rule.when.given();
    empty_lists(at, given, report);
    models::check(at, given, known, report);
    tools::check(at, given, known, report);
    taint::check(at, given, known, report);
    hooks(at, given, selected, report);
    callers(at, given, known, report);
    metadata(at, report);
}

/// A list of nothing to be in filters nothing, which its author may not expect.
fn empty_lists(at: &Placed<'_>, given: Given<'_>, report: &mut Report) {
    let when = &at.rule.when;
    let target = when.target.as_ref().map(|target| &target.conditions);
    let subjects = when.subjects.as_ref().map(|subjects| &subjects.conditions);
    let written = [
        (
            "target.conditions.model",
            target.is_some_and(|of| of.model.is_some()),
            given.model.is_some(),
        ),
        (
            "target.conditions.mcpServers",
            target.is_some_and(|of| of.mcp_servers.is_some()),
            given.mcp_servers.is_some(),
        ),
        (
            "target.conditions.mcpTools",
            target.is_some_and(|of| of.mcp_tools.is_some()),
            given.mcp_tools.is_some(),
        ),
        (
            "subjects.conditions.in",
            subjects.is_some_and(|of| of.r#in.is_some()),
            given.within.is_some(),
        ),
    ];
    for (member, is_written, filters) in written {
        if is_written && !filters {
            let path = format_args!("spec.rules[{}].when.{member}", at.index);
            let message = "an empty list does not filter, as if it were not there: list names, or leave it out";
            report.warning(at.source, path, Reason::Suspicious, message);
        }
    }
}

/// Hooks at which the target's conditions can never be met.
fn hooks(at: &Placed<'_>, given: Given<'_>, selected: &PerHook<Vec<u32>>, report: &mut Report) {
    let (blind, only, add) = match (given.model.is_some(), given.has_mcp()) {
        (true, false) => (
            [Hook::McpToolPreInvoke, Hook::McpToolPostInvoke],
            "models",
            "mcpServers: {values: [\"*\"], condition: in}",
        ),
        (false, true) => (
            [Hook::LlmInput, Hook::LlmOutput],
            "MCP servers and tools",
            "model: {values: [\"*\"], condition: in}",
        ),
        (false, false) | (true, true) => return,
    };
    if selects_nothing(selected) {
        return;
    }
    let sees_nothing = Hook::ALL
        .into_iter()
        .all(|hook| blind.contains(&hook) || selected.get(hook).is_empty());
    if sees_nothing {
        let message = format!(
            "the rule never matches: its target has conditions on {only} alone, which its hooks never see: \
             list guardrails at other hooks, or add {add}"
        );
        let path = format_args!("spec.rules[{}].when.target", at.index);
        report.warning(at.source, path, Reason::NeverMatches, message);
        return;
    }
    for hook in blind
        .into_iter()
        .filter(|hook| !selected.get(*hook).is_empty())
    {
        let message = format!(
            "these never run: the target has conditions on {only} alone; add {add}, or leave them out"
        );
        let path = format_args!("spec.rules[{}].{}", at.index, hook.list_key());
        report.warning(at.source, path, Reason::NeverMatches, message);
    }
}

/// Lists of callers, and whether anybody in them can call.
fn callers(at: &Placed<'_>, given: Given<'_>, known: &Known<'_>, report: &mut Report) {
    let conditions = format!("spec.rules[{}].when.subjects.conditions", at.index);
    let within = given.within.unwrap_or_default();
    let without = given.without.unwrap_or_default();
    subjects::check(
        at.source,
        format_args!("{conditions}.in"),
        "",
        within,
        known,
        report,
    );
    subjects::check(
        at.source,
        format_args!("{conditions}.not_in"),
        "",
        without,
        known,
        report,
    );
    if within.is_empty() {
        return;
    }
    let parsed = || within.iter().filter_map(|text| subject::parse(text).ok());
    if parsed().count() < within.len() {
        // Said already; what is left over would only repeat it.
        return;
    }
    let path = format_args!("{conditions}.in");
    if !parsed().any(|(kind, name)| known.can_call(kind, name)) {
        let holds_everyone =
            parsed().any(|(kind, name)| kind == SubjectKind::Team && glob::matches(name, EVERYONE));
        let message = if holds_everyone && !known.virtual_accounts.is_empty() {
            "the rule never matches: team:everyone holds users only, and without an IdentityProvider no user \
             can call: add virtualaccount:*"
        } else {
            "the rule never matches: none of these can call. Users need an IdentityProvider, and virtual \
             accounts a VirtualAccount"
        };
        report.warning(at.source, path, Reason::NeverMatches, message);
        return;
    }
    let is_excluded = |name: &String| without.contains(name);
    if given.operator == SubjectsOperator::And && within.iter().all(is_excluded) {
        let message = "the rule never matches: all of these are in not_in too";
        report.warning(at.source, path, Reason::NeverMatches, message);
    }
}

/// Characters that a value of the metadata header has at most (the published limit).
const METADATA_VALUE_CHARS: usize = 128;

fn metadata(at: &Placed<'_>, report: &mut Report) {
    for (key, value) in &at.rule.when.metadata {
        let path = format_args!("spec.rules[{}].when.metadata.{key}", at.index);
        if key.is_empty() {
            let message = "a pair needs a key: write key: value";
            report.error(at.source, path, Reason::Invalid, message);
        } else if value.chars().count() > METADATA_VALUE_CHARS {
            let message = format!(
                "no request carries a value of more than {METADATA_VALUE_CHARS} characters: shorten it"
            );
            report.warning(at.source, path, Reason::NeverMatches, message);
        } else if glob::is_pattern(value) {
            let message = "metadata is compared as it is: * stands for itself here";
            report.warning(at.source, path, Reason::Suspicious, message);
        }
    }
}
