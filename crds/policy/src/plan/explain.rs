//! Why rules do and do not match, in words.

use crate::bundle::RuleEntry;
use crate::facts::{Facts, Target, tools_by_server};

use super::Planner;
use super::matching::Verdict;

/// Why a rule did or did not match: for `try`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explained {
    /// `namespace/resource/id`.
    pub rule: String,
    /// Whether it matched.
    pub matched: bool,
    /// In words: the part that matched or failed first.
    pub why: String,
}

impl Planner {
    /// For every rule, whether and why it matches.
    pub fn explain(&self, facts: &Facts) -> Vec<Explained> {
        let one = |(rule, ready): (&RuleEntry, &super::ReadyRule)| {
            let verdict = ready.matcher.verdict(facts);
            let mut why = why(verdict, rule, facts);
            let taints = matches!(facts.target, Target::Mcp { .. }) && rule.taint.is_some();
            if verdict.matches()
                && !taints
                && facts
                    .target
                    .hooks()
                    .iter()
                    .all(|hook| rule.guardrails.get(*hook).is_empty())
            {
                why.push_str("; it selects nothing for this kind of request");
            }
            Explained {
                rule: format!("{}/{}/{}", rule.source.namespace, rule.source.name, rule.id),
                matched: verdict.matches(),
                why,
            }
        };
        self.bundle.rules.iter().zip(&self.rules).map(one).collect()
    }
}

fn why(verdict: Verdict, rule: &RuleEntry, facts: &Facts) -> String {
    match verdict {
        Verdict::Matches => matches(rule, facts),
        Verdict::OtherNamespace => {
            let namespace = facts.target.namespace();
            let only = rule.only_namespace.as_deref().unwrap_or_default();
            format!("it governs only targets of namespace {only}, and this one is of {namespace}")
        }
        Verdict::TargetIgnored => match &facts.target {
            Target::Model { .. } => "its target has no condition on models".to_owned(),
            Target::Mcp { tool: Some(_), .. } => {
                "its target has no condition on MCP servers or tools".to_owned()
            }
            Target::Mcp { tool: None, .. } => {
                "its target has no condition that a message without a tool has".to_owned()
            }
        },
        Verdict::Target => format!("its target does not match {}", target(facts)),
        Verdict::Subjects => format!("its subjects do not match {}", caller(facts)),
        Verdict::Metadata => {
            let lacking = rule
                .when
                .metadata
                .iter()
                .find(|(key, value)| facts.metadata.get(*key) != Some(value));
            // The wanted value is written in the rule; the given one is the caller's and stays out.
            let (key, value) = lacking.map_or(("", ""), |(key, value)| (key, value));
            format!("the request's metadata does not have {key}={value}")
        }
    }
}

/// The parts that filter, and so matched.
fn matches(rule: &RuleEntry, facts: &Facts) -> String {
    let when = &rule.when;
    let given = when.given();
    let mut parts = Vec::new();
    parts.extend(
        rule.only_namespace
            .as_ref()
            .map(|namespace| format!("namespace {namespace}")),
    );
    parts.extend(
        given
            .has_target()
            .then(|| format!("target {}", target(facts))),
    );
    parts.extend(
        given
            .has_subjects()
            .then(|| format!("subject {}", caller(facts))),
    );
    parts.extend(
        when.metadata
            .iter()
            .map(|(key, value)| format!("metadata {key}={value}")),
    );
    if parts.is_empty() {
        return "it matches everything".to_owned();
    }
    format!("it matches {}", parts.join(", "))
}

fn target(facts: &Facts) -> String {
    match &facts.target {
        Target::Model { names, .. } => names.join(" = "),
        Target::Mcp {
            servers,
            tool,
            source_tool,
            ..
        } => {
            let named = tools_by_server(servers, tool.as_deref(), source_tool.as_deref());
            let named = named.map(|(server, tool)| match tool {
                Some(tool) => format!("{server}:{tool}"),
                None => server.to_owned(),
            });
            named.collect::<Vec<_>>().join(" = ")
        }
    }
}

fn caller(facts: &Facts) -> String {
    let teams = facts
        .caller
        .teams
        .iter()
        .map(|team| format!(", team:{team}"));
    let roles = facts
        .caller
        .roles
        .iter()
        .map(|role| format!(", role:{role}"));
    let mut text = facts.caller.subject.to_string();
    text.extend(teams);
    text.extend(roles);
    text
}
