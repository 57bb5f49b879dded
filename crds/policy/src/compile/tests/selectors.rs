//! What selectors mean.

use serde_json::json;

use crate::compile::{Written, compile};
use crate::diagnostic::Severity;
use crate::testing::{FakeKinds, POLICY, config, guardrail, integration, rule, written};

use super::in_a_line;

/// `g` and `own` in three namespaces; `open` lets `team-a` and every `lab-*` in.
fn namespaces() -> Written {
    let mut written = written(
        vec![guardrail("a", "text"), guardrail("policy-only", "text")],
        vec![],
    );
    let mut open = integration("team-b", "open", vec![guardrail("a", "text")]);
    open.allowed_namespaces = vec!["team-a".to_owned(), "lab-*".to_owned()];
    written.integrations.extend([
        integration("team-a", "g", vec![guardrail("a", "text")]),
        integration("team-b", "g", vec![guardrail("a", "text")]),
        integration("team-b", "own", vec![guardrail("a", "text")]),
        open,
    ]);
    written
}

#[test]
fn selectors_show_the_namespace_where_they_would_be_ambiguous() {
    let bundle = compile(&namespaces(), &FakeKinds).bundle;
    let selectors: Vec<_> = bundle
        .guardrails
        .iter()
        .map(|entry| entry.selector.to_string())
        .collect();
    assert_eq!(
        selectors,
        [
            "g/a",
            "g/policy-only",
            "team-a/g/a",
            "team-b/g/a",
            "open/a",
            "own/a"
        ]
    );
}

#[test]
fn a_selector_resolves_in_the_rules_namespace_and_then_in_the_policy_namespace() {
    for (namespace, selector, expected) in [
        (POLICY, "g/a", "g/a"),
        ("team-a", "g/a", "team-a/g/a"),
        ("team-c", "g/a", "g/a"),
        ("team-a", "g/policy-only", "g/policy-only"),
        ("team-a", "parapet/g/a", "g/a"),
        ("team-a", "team-a/g/a", "team-a/g/a"),
        ("team-a", "team-b/open/a", "open/a"),
        ("lab-1", "team-b/open/a", "open/a"),
        (
            "team-c",
            "team-b/open/a",
            "Error ... SelectorNotAllowed: GuardrailIntegration team-b/open does not let namespace team-c use its \
             guardrails: add team-c to its spec.allowedNamespaces",
        ),
        (POLICY, "team-b/own/a", "Error ... SelectorNotAllowed: ..."),
        (
            "team-a",
            "own/a",
            "Error ... UnknownSelector: there is no guardrail own/a in namespace team-a or parapet: namespace team-b \
             has one, so write team-b/own/a and add team-a to spec.allowedNamespaces of that GuardrailIntegration",
        ),
        (
            POLICY,
            "g/policy-onyl",
            "Error ... UnknownSelector: there is no guardrail g/policy-onyl in namespace parapet: did you mean \
             \"g/policy-only\"?",
        ),
        (
            "team-a",
            "team-b/opne/a",
            "Error ... UnknownSelector: there is no guardrail team-b/opne/a: did you mean \"team-b/open/a\"?",
        ),
        (
            POLICY,
            "nothing",
            "Error ... Invalid: \"nothing\" is not a guardrail selector: write group/name, ...",
        ),
        (
            POLICY,
            "acme:guardrail-config-group:g:guardrail-config:a",
            "Error ... Invalid: ... or namespace/group/name: here, g/a",
        ),
    ] {
        let mut written = namespaces();
        let rule = rule(
            "r",
            json!({"llm_input_guardrails": [selector], "mcp_tool_pre_invoke_guardrails": []}),
        );
        written.configs = vec![config(namespace, "rules", vec![rule])];
        let compiled = compile(&written, &FakeKinds);
        let errors = compiled
            .diagnostics
            .iter()
            .filter(|one| one.severity == Severity::Error);
        let selected = &compiled.bundle.rules[0].guardrails.llm_input;
        let found = selected
            .iter()
            .map(|index| &compiled.bundle.guardrails[*index as usize])
            .filter(|entry| !entry.is_stand_in())
            .map(|entry| entry.selector.to_string());
        let came_to: Vec<_> = errors.map(in_a_line).chain(found).collect();
        let expected = expected
            .replace("Error ...", "Error spec.rules[0].llm_input_guardrails[0]")
            .replace("...", "*");
        assert!(
            came_to.len() == 1 && crate::glob::matches(&expected, &came_to[0]),
            "{selector} in {namespace}: {came_to:?}, expected {expected}"
        );
    }
}
