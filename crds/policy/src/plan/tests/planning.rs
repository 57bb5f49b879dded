//! What follows from the rules that match.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::compile::{Written, WrittenGuardrail, compile};
use crate::hook::Hook;
use crate::outcome::{Operation, Strategy};
use crate::overrides::Overrides;
use crate::plan::{Plan, PlanDefaults, Planner};
use crate::rule::{InputExecution, Rule, Unscannable};
use crate::testing::{
    FakeKinds, POLICY, config, guardrail, mcp_call, model_call, mutator, rule, written,
};

pub(super) fn planner_of(written: &Written) -> Planner {
    Planner::new(
        Arc::new(compile(written, &FakeKinds).bundle),
        PlanDefaults::default(),
    )
}

pub(super) fn planner(guardrails: Vec<WrittenGuardrail>, rules: Vec<Rule>) -> Planner {
    planner_of(&written(guardrails, rules))
}

/// The plan of `user:alice` calling a model.
pub(super) fn plan(planner: &Planner, overrides: Option<&Overrides>) -> Plan {
    planner
        .plan(&model_call(&["openai/gpt-4o"]), overrides)
        .unwrap()
}

/// Selectors at a hook, in order.
pub(super) fn at(planner: &Planner, plan: &Plan, hook: Hook) -> Vec<String> {
    let selector = |guardrail: u32| {
        planner.bundle().guardrails[guardrail as usize]
            .selector
            .to_string()
    };
    plan.hooks
        .get(hook)
        .iter()
        .map(|planned| selector(planned.guardrail))
        .collect()
}

#[test]
fn mutators_by_priority_and_selector_then_validators_by_selector() {
    let guardrails = vec![
        guardrail("b-validator", "text"),
        mutator("z-first", Some(-5)),
        mutator("c-default", None),
        guardrail("a-validator", "text"),
        mutator("a-second", Some(1)),
        mutator("a-last", Some(9)),
    ];
    let all: Vec<_> = guardrails
        .iter()
        .map(|guardrail| format!("g/{}", guardrail.name))
        .collect();
    let planner = planner(
        guardrails,
        vec![rule("r", json!({"llm_input_guardrails": all}))],
    );
    let plan = plan(&planner, None);
    assert_eq!(
        at(&planner, &plan, Hook::LlmInput),
        [
            "g/z-first",
            "g/a-second",
            "g/c-default",
            "g/a-last",
            "g/a-validator",
            "g/b-validator"
        ]
    );
    let operations: Vec<_> = plan
        .hooks
        .llm_input
        .iter()
        .map(|planned| planned.operation)
        .collect();
    assert_eq!(operations[3..5], [Operation::Mutate, Operation::Validate]);
    assert!(plan.hooks.llm_output.is_empty());
}

#[test]
fn selectors_of_all_matching_rules_are_united_and_run_once() {
    let rules = vec![
        rule("two", json!({"llm_input_guardrails": ["g/a", "g/b"]})),
        rule(
            "one",
            json!({"llm_input_guardrails": ["g/a"], "llm_output_guardrails": ["g/c"]}),
        ),
        rule(
            "other",
            json!({
                "when": {"target": {"conditions": {"model": {"values": ["azure/*"]}}}},
                "llm_input_guardrails": ["g/c"],
            }),
        ),
    ];
    let guardrails = ["a", "b", "c"].map(|name| guardrail(name, "text")).to_vec();
    let planner = planner(guardrails, rules);
    let plan = plan(&planner, None);
    assert_eq!(at(&planner, &plan, Hook::LlmInput), ["g/a", "g/b"]);
    assert_eq!(at(&planner, &plan, Hook::LlmOutput), ["g/c"]);
    let ids = |index: usize| {
        plan.hooks.llm_input[index]
            .rules
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (ids(0), ids(1)),
        (
            vec!["one".to_owned(), "two".to_owned()],
            vec!["two".to_owned()]
        )
    );
}

#[test]
fn only_the_hooks_of_the_target_are_planned() {
    let everywhere = json!({
        "llm_input_guardrails": ["g/a"], "llm_output_guardrails": ["g/a"],
        "mcp_tool_pre_invoke_guardrails": ["g/a"], "mcp_tool_post_invoke_guardrails": ["g/a"],
    });
    let planner = planner(vec![guardrail("a", "text")], vec![rule("r", everywhere)]);
    let filled = |plan: &Plan| Hook::ALL.map(|hook| plan.hooks.get(hook).len());
    assert_eq!(filled(&plan(&planner, None)), [1, 1, 0, 0]);
    assert_eq!(
        filled(&planner.plan(&mcp_call(&["db"], Some("t")), None).unwrap()),
        [0, 0, 1, 1]
    );
}

#[test]
fn strategy_of_rule_over_guardrail_over_settings_and_the_strictest_of_several() {
    use Strategy::{Audit, Enforce, EnforceButIgnoreOnError as Ignore};
    for (rules, own, settings, expected) in [
        (&[None][..], None, None, Enforce),
        (&[None], None, Some(Audit), Audit),
        (&[None], Some(Ignore), Some(Audit), Ignore),
        (&[Some(Audit)], Some(Enforce), None, Audit),
        (&[Some(Enforce)], Some(Audit), Some(Audit), Enforce),
        (&[Some(Audit), Some(Ignore)], Some(Enforce), None, Ignore),
        (
            &[Some(Audit), Some(Ignore), Some(Enforce)],
            Some(Audit),
            None,
            Enforce,
        ),
        // A rule that says nothing stands for the guardrail's own strategy.
        (&[Some(Audit), None], Some(Enforce), None, Enforce),
        (&[Some(Ignore), None], Some(Audit), None, Ignore),
    ] {
        let rule_of = |(index, strategy): (usize, &Option<Strategy>)| {
            let mut rule = rule(&index.to_string(), json!({"llm_input_guardrails": ["g/a"]}));
            rule.enforcing_strategy = *strategy;
            rule
        };
        let written = written(
            vec![WrittenGuardrail {
                strategy: own,
                ..guardrail("a", "text")
            }],
            rules.iter().enumerate().map(rule_of).collect(),
        );
        let defaults = PlanDefaults {
            strategy: settings,
            ..PlanDefaults::default()
        };
        let planner = Planner::new(Arc::new(compile(&written, &FakeKinds).bundle), defaults);
        let planned = plan(&planner, None).hooks.llm_input;
        assert_eq!(
            planned[0].strategy, expected,
            "{rules:?} {own:?} {settings:?}"
        );
    }
}

#[test]
fn what_cannot_be_judged_is_refused_when_any_rule_says_so() {
    use Unscannable::{Allow, Block};
    for (rules, settings, expected) in [
        (&[None][..], Allow, Allow),
        (&[None], Block, Block),
        (&[Some(Allow), None], Block, Allow),
        (&[Some(Allow), Some(Block)], Allow, Block),
    ] {
        let rule_of = |(index, unscannable): (usize, &Option<Unscannable>)| {
            let mut rule = rule(&index.to_string(), json!({}));
            rule.unscannable = *unscannable;
            rule
        };
        let written = written(vec![], rules.iter().enumerate().map(rule_of).collect());
        let defaults = PlanDefaults {
            unscannable: settings,
            ..PlanDefaults::default()
        };
        let planner = Planner::new(Arc::new(compile(&written, &FakeKinds).bundle), defaults);
        assert_eq!(
            plan(&planner, None).unscannable,
            expected,
            "{rules:?} {settings:?}"
        );
    }
}

#[test]
fn input_execution_is_sequential_when_any_rule_says_so() {
    use InputExecution::{Parallel, Sequential};
    for (rules, settings, expected) in [
        (&[None][..], None, None),
        (&[None], Some(Sequential), Some(Sequential)),
        (&[Some(Parallel), None], Some(Sequential), Some(Parallel)),
        (&[Some(Parallel), Some(Sequential)], None, Some(Sequential)),
        (&[Some(Sequential)], Some(Parallel), Some(Sequential)),
    ] {
        let rule_of = |(index, execution): (usize, &Option<InputExecution>)| {
            let mut rule = rule(&index.to_string(), json!({}));
            rule.input_execution = *execution;
            rule
        };
        let written = written(vec![], rules.iter().enumerate().map(rule_of).collect());
        let defaults = PlanDefaults {
            input_execution: settings,
            ..PlanDefaults::default()
        };
        let planner = Planner::new(Arc::new(compile(&written, &FakeKinds).bundle), defaults);
        assert_eq!(
            plan(&planner, None).input_execution,
            expected,
            "{rules:?} {settings:?}"
        );
    }
}

#[test]
fn the_message_is_that_of_the_first_rule_that_selected_the_guardrail_and_has_one() {
    let with = |id: &str, selector: &str, message: Value| {
        rule(
            id,
            json!({"llm_input_guardrails": [selector], "custom_error_message": message}),
        )
    };
    let mut written = written(
        ["a", "b"].map(|name| guardrail(name, "text")).to_vec(),
        vec![],
    );
    written.configs = vec![
        config(POLICY, "z", vec![with("1", "g/a", json!("of z/1"))]),
        config(
            POLICY,
            "c",
            vec![
                with("3", "g/a", json!("of c/3")),
                with("2", "g/a", json!("of c/2")),
                with("1", "g/a", json!(null)),
            ],
        ),
        config(
            POLICY,
            "a",
            vec![with("1", "g/b", json!("of another guardrail"))],
        ),
    ];
    let planner = planner_of(&written);
    let planned = plan(&planner, None).hooks.llm_input;
    assert_eq!(planned[0].custom_error_message.as_deref(), Some("of c/2"));
    assert_eq!(
        planned[1].custom_error_message.as_deref(),
        Some("of another guardrail")
    );
}

#[test]
fn a_guardrail_that_does_not_build_is_planned_so_that_its_strategy_decides() {
    let broken = WrittenGuardrail {
        config: json!({"broken": true}),
        ..guardrail("a", "text")
    };
    let planner = planner(
        vec![broken],
        vec![rule("r", json!({"llm_output_guardrails": ["g/a"]}))],
    );
    let plan = plan(&planner, None);
    assert_eq!(at(&planner, &plan, Hook::LlmOutput), ["g/a"]);
    assert_eq!(plan.hooks.llm_output[0].strategy, Strategy::Enforce);
}
