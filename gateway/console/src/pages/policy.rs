//! The policy as the gateways run it.

use maud::{Markup, html};
use parapet_policy::bundle::{Bundle, GuardrailEntry, RuleEntry};
use parapet_policy::facts::Caller;
use parapet_policy::hook::Hook;
use parapet_policy::rule::{
    InputExecution, Membership, SubjectsOperator, Taint, TaintScope, Unscannable, When,
};

use super::layout::{self, Here};
use super::request::{operation, strategy};
use crate::Gateway;
use crate::text::visible;

pub(crate) fn page(bundle: Option<&Bundle>, gateways: &[Gateway], reader: &Caller) -> Markup {
    let main = html! {
        div.head {
            h1 { "Policy" }
            @if let Some(bundle) = bundle {
                p.hint {
                    "revision " (bundle.revision) " · " code title=(bundle.digest) { (bundle.digest.get(..12).unwrap_or_default()) }
                    " · " (bundle.rules.len()) " rules · " (bundle.guardrails.len()) " guardrails · " (bundle.providers.len()) " model accounts"
                }
            }
        }
        h2 { "Gateways" }
        (running(bundle, gateways))
        @match bundle {
            None => p.nothing { "There is no policy yet." },
            Some(bundle) => {
                h2 { "Rules" }
                (rules(bundle))
                h2 { "Guardrails" }
                (guardrails(bundle))
            }
        }
    };
    layout::page(Here::Policy, "Policy", Some(reader), &main)
}

fn running(bundle: Option<&Bundle>, gateways: &[Gateway]) -> Markup {
    if gateways.is_empty() {
        return html! { p.nothing { "No gateway has reported." } };
    }
    html! {
        table.figures {
            thead { tr { th scope="col" { "Gateway" } th scope="col" { "Revision" } th scope="col" { "Digest" } th scope="col" { "Since" } th scope="col" { "Remarks" } } }
            tbody { @for one in gateways {
                @let same = bundle.is_some_and(|bundle| one.revision == Some(bundle.revision));
                tr {
                    th scope="row" { (visible(&one.name)) }
                    td data-name="Revision" { @match one.revision {
                        Some(revision) => span.badge.{(if same { "allowed" } else { "warned" })} { (revision) },
                        None => span.badge.failed { "none" },
                    } }
                    td data-name="Digest" { @if let Some(digest) = &one.digest { code title=(digest) { (digest.get(..12).unwrap_or_default()) } } }
                    td data-name="Since" { @if let Some(since) = one.since { (layout::day_and_moment(since)) } }
                    td data-name="Remarks" {
                        @if one.remarks.is_empty() { span.none { "none" } }
                        @for remark in &one.remarks { p.remark { (visible(remark)) } }
                    }
                }
            } }
        }
    }
}

fn rules(bundle: &Bundle) -> Markup {
    html! {
        table.figures {
            thead { tr { th scope="col" { "Rule" } th scope="col" { "When" } th scope="col" { "Guardrails" } } }
            tbody { @for rule in &bundle.rules { tr {
                th scope="row" {
                    code { (visible(&rule.id)) }
                    small { (visible(&rule.source.namespace)) "/" (visible(&rule.source.name)) }
                    @if rule.mandatory { span.badge.changed { "mandatory" } }
                }
                td data-name="When" { (when(rule)) }
                td data-name="Guardrails" { (selected(bundle, rule)) }
            } } }
        }
    }
}

fn selected(bundle: &Bundle, rule: &RuleEntry) -> Markup {
    html! {
        @for hook in Hook::ALL {
            @let chosen = rule.guardrails.get(hook);
            @if !chosen.is_empty() {
                div.hook {
                    small { (hook.as_str()) }
                    @for index in chosen {
                        @if let Some(one) = bundle.guardrails.get(*index as usize) { " " code { (visible(&one.selector)) } }
                    }
                }
            }
        }
        @for line in besides(rule) { div { small { (line) } } }
    }
}

/// What a rule says besides its guardrails.
fn besides(rule: &RuleEntry) -> Vec<String> {
    let scope = match rule.taint_scope.unwrap_or_default() {
        TaintScope::Conversation => "conversation",
        TaintScope::Caller => "caller",
    };
    let lines = [
        rule.strategy
            .map(|over| format!("strategy: {}", strategy(over))),
        rule.unscannable.map(|what| match what {
            Unscannable::Allow => "what nobody can judge goes on".to_owned(),
            Unscannable::Block => "what nobody can judge is blocked".to_owned(),
        }),
        rule.taint.map(|what| match what {
            Taint::Audit => format!("dangerous calls after text of strangers are told, by {scope}"),
            Taint::Block => {
                format!("dangerous calls after text of strangers are blocked, by {scope}")
            }
        }),
        rule.input_execution.map(|how| match how {
            InputExecution::Parallel => "slow input guardrails race the model".to_owned(),
            InputExecution::Sequential => {
                "input guardrails finish before the model is called".to_owned()
            }
        }),
        rule.custom_error_message
            .as_ref()
            .map(|_| "blocks with a message of its own".to_owned()),
    ];
    lines.into_iter().flatten().collect()
}

fn when(rule: &RuleEntry) -> Markup {
    let lines = conditions(&rule.when);
    html! {
        @if lines.is_empty() { span.none { "always" } }
        @for line in &lines { div { (visible(line)) } }
        @if let Some(namespace) = &rule.only_namespace { small { "only targets of namespace " (visible(namespace)) } }
    }
}

/// A rule's conditions, one a line, all of which must hold.
fn conditions(when: &When) -> Vec<String> {
    let mut lines = Vec::new();
    let mut targets = Vec::new();
    if let Some(target) = &when.target {
        let of = |name: &str, condition: &parapet_policy::rule::ValuesCondition| {
            format!(
                "{name} {} {}",
                membership(condition.condition),
                condition.values.join(", ")
            )
        };
        targets.extend(target.conditions.model.as_ref().map(|one| of("model", one)));
        targets.extend(
            target
                .conditions
                .mcp_servers
                .as_ref()
                .map(|one| of("MCP server", one)),
        );
        if let Some(tools) = &target.conditions.mcp_tools {
            let named = tools.values.iter().map(|server| {
                let tools = if server.enable_all_tools {
                    "*".to_owned()
                } else {
                    server.enabled_tools.join(", ")
                };
                format!("{}: {tools}", server.name)
            });
            let named: Vec<_> = named.collect();
            targets.push(format!(
                "tool {} {}",
                membership(tools.condition),
                named.join("; ")
            ));
        }
    }
    lines.extend((!targets.is_empty()).then(|| targets.join(" or ")));
    if let Some(subjects) = &when.subjects {
        let of = |word: &str, list: &Option<Vec<String>>| {
            let list = list.as_ref().filter(|list| !list.is_empty())?;
            Some(format!("caller {word} {}", list.join(", ")))
        };
        let parts = [
            of("in", &subjects.conditions.r#in),
            of("not in", &subjects.conditions.not_in),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        let joint = match subjects.operator {
            SubjectsOperator::And => " and ",
            SubjectsOperator::Or => " or ",
        };
        lines.extend((!parts.is_empty()).then(|| parts.join(joint)));
    }
    lines.extend(
        when.metadata
            .iter()
            .map(|(key, value)| format!("metadata {key} = {value}")),
    );
    lines
}

const fn membership(membership: Membership) -> &'static str {
    match membership {
        Membership::In => "in",
        Membership::NotIn => "not in",
    }
}

fn guardrails(bundle: &Bundle) -> Markup {
    html! {
        table.figures {
            thead { tr {
                th scope="col" { "Guardrail" } th scope="col" { "Kind" } th scope="col" { "Operation" } th scope="col" { "Strategy" }
                th scope="col" { "Hooks" } th.number scope="col" { "Timeout" } th.number scope="col" { "Rules" }
            } }
            tbody { @for (index, one) in (0_u32..).zip(&bundle.guardrails) { (guardrail(bundle, index, one)) } }
        }
    }
}

fn guardrail(bundle: &Bundle, index: u32, one: &GuardrailEntry) -> Markup {
    let chosen = |rule: &&RuleEntry| {
        Hook::ALL
            .iter()
            .any(|hook| rule.guardrails.get(*hook).contains(&index))
    };
    let rules = bundle.rules.iter().filter(chosen).count();
    html! {
        tr {
            th scope="row" { (visible(&one.selector)) }
            td data-name="Kind" {
                @if one.is_stand_in() { span.badge.failed title="A rule names it, and it is not there: it counts as failed." { "missing" } }
                @else { (visible(&one.kind)) }
            }
            td data-name="Operation" { (operation(one.operation)) @if one.priority != 1 { " " small { "priority " (one.priority) } } }
            td data-name="Strategy" { @match one.strategy {
                Some(written) => (strategy(written)),
                None => span.none { "default" },
            } }
            td data-name="Hooks" { @for (index, hook) in one.hooks.iter().enumerate() { @if index > 0 { ", " } (hook.as_str()) } }
            td.number data-name="Timeout" { @match one.timeout {
                Some(timeout) => (format!("{timeout:?}")),
                None => span.none { "default" },
            } }
            td.number data-name="Rules" { span.{(if rules == 0 { "warned" } else { "" })} { (rules) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use parapet_policy::hook::PerHook;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_rule_says_besides_its_guardrails_is_told() {
        let rule = |more: serde_json::Value| {
            let mut rule = json!({
                "source": {"kind": "GuardrailConfig", "namespace": "default", "name": "rules"}, "id": "r", "when": {},
                "only_namespace": null, "guardrails": PerHook::<Vec<u32>>::default(), "mandatory": false,
                "custom_error_message": null, "input_execution": null, "strategy": null,
            });
            for (key, value) in more.as_object().unwrap() {
                rule[key] = value.clone();
            }
            besides(&serde_json::from_value(rule).unwrap())
        };
        assert!(rule(json!({})).is_empty());
        let all = rule(json!({
            "strategy": "audit", "unscannable": "block", "taint": "block", "taint_scope": "caller",
            "input_execution": "sequential", "custom_error_message": "no",
        }));
        assert_eq!(
            all,
            [
                "strategy: audit",
                "what nobody can judge is blocked",
                "dangerous calls after text of strangers are blocked, by caller",
                "input guardrails finish before the model is called",
                "blocks with a message of its own",
            ]
        );
        let audited = rule(json!({"taint": "audit"}));
        assert_eq!(
            audited,
            ["dangerous calls after text of strangers are told, by conversation"]
        );
    }

    #[test]
    fn conditions_are_told_in_words() {
        for (written, expected) in [
            (json!({}), vec![]),
            (
                json!({"target": {"conditions": {"model": {"values": ["a/*", "b"], "condition": "not_in"}, "mcpServers": {"values": ["github"]}}}}),
                vec!["model not in a/*, b or MCP server in github"],
            ),
            (
                json!({"subjects": {"conditions": {"in": ["team:a"], "not_in": ["user:b"]}}, "metadata": {"env": "prod"}}),
                vec![
                    "caller in team:a and caller not in user:b",
                    "metadata env = prod",
                ],
            ),
            (
                json!({"subjects": {"operator": "or", "conditions": {"in": ["team:a"], "not_in": ["user:b"]}}}),
                vec!["caller in team:a or caller not in user:b"],
            ),
            (
                json!({"target": {"conditions": {"mcpTools": {"values": [{"name": "github", "enabled_tools": ["x", "y"]}, {"name": "jira", "enable_all_tools": true}]}}}}),
                vec!["tool in github: x, y; jira: *"],
            ),
        ] {
            assert_eq!(
                conditions(&serde_json::from_value(written).unwrap()),
                expected
            );
        }
    }
}
