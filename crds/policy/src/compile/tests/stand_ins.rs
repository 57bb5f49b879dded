use serde_json::json;

use crate::bundle::{Bundle, GuardrailEntry};
use crate::compile::{Written, compile};
use crate::hook::Hook;
use crate::testing::{FakeKinds, POLICY, config, guardrail, integration, rule};

fn bundle(rules: &[(&str, &[&str])]) -> Bundle {
    let configs = rules.iter().map(|(namespace, selectors)| {
        let rule = rule("r", json!({"llm_input_guardrails": selectors}));
        config(namespace, &format!("of-{namespace}"), vec![rule])
    });
    let written = Written {
        policy_namespace: POLICY.into(),
        integrations: vec![integration(POLICY, "g", vec![guardrail("here", "text")])],
        configs: configs.collect(),
        ..Written::default()
    };
    compile(&written, &FakeKinds).bundle
}

fn of_rule(bundle: &Bundle, index: usize) -> Vec<&GuardrailEntry> {
    let list = bundle.rules[index].guardrails.get(Hook::LlmInput);
    list.iter()
        .map(|index| &bundle.guardrails[*index as usize])
        .collect()
}

#[test]
fn a_guardrail_that_is_not_there_is_not_simply_left_out() {
    let bundle = bundle(&[(POLICY, &["g/gone", "g/here", "nonsense"])]);
    let entries = of_rule(&bundle, 0);
    let shown: Vec<_> = entries
        .iter()
        .map(|entry| (&*entry.selector, entry.is_stand_in()))
        .collect();
    assert_eq!(
        shown,
        [("g/here", false), ("g/gone", true), ("nonsense", true)]
    );
    let gone = entries[1];
    assert_eq!((gone.strategy, gone.hooks.len()), (None, Hook::ALL.len()));
    assert!(
        gone.collaborators.as_ref().is_some_and(Vec::is_empty),
        "nobody may name it in a header"
    );
}

#[test]
fn one_stands_in_for_each_selector_of_a_namespace_in_a_fixed_order() {
    let one = bundle(&[(POLICY, &["x/b", "x/a", "x/a"]), ("team-a", &["x/a"])]);
    let other = bundle(&[("team-a", &["x/a"]), (POLICY, &["x/a", "x/b"])]);
    assert_eq!(one.digest, other.digest);
    assert_eq!(one.guardrails.len(), 1 + 3);
}
