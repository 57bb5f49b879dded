//! Which rules match which requests.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::compile::compile;
use crate::facts::{Facts, Target};
use crate::plan::{PlanDefaults, Planner};
use crate::testing::{
    FakeKinds, POLICY, caller, config, guardrail, mcp_call, model_call, rule, written,
};

/// A rule that runs everywhere, under one condition.
fn everywhere(when: &Value) -> crate::rule::Rule {
    let lists = json!({
        "when": when,
        "llm_input_guardrails": ["g/a"],
        "llm_output_guardrails": ["g/a"],
        "mcp_tool_pre_invoke_guardrails": ["g/a"],
        "mcp_tool_post_invoke_guardrails": ["g/a"],
    });
    rule("r", lists)
}

fn matches(when: &Value, facts: &Facts) -> bool {
    let written = written(vec![guardrail("a", "text")], vec![everywhere(when)]);
    let planner = Planner::new(
        Arc::new(compile(&written, &FakeKinds).bundle),
        PlanDefaults::default(),
    );
    let matching = planner.matching(facts);
    let explained = planner.explain(facts);
    assert_eq!(
        explained[0].matched,
        !matching.is_empty(),
        "{when} {facts:?} {explained:?}"
    );
    !matching.is_empty()
}

fn with_target(conditions: Value) -> Value {
    json!({"target": {"operator": "or", "conditions": conditions}})
}

#[test]
fn targets() {
    let gpt = model_call(&["openai/gpt-4o"]);
    let renamed = model_call(&["openai/gpt-4o", "openai/gpt-4o-2024-11-20"]);
    let mini = model_call(&["openai/gpt-4o-mini"]);
    let drop = mcp_call(&["db"], Some("drop"));
    let behind = mcp_call(&["virtual", "db"], Some("drop"));
    let listing = mcp_call(&["db"], None);
    let calls = [&gpt, &renamed, &mini, &drop, &behind, &listing];
    let all = [true; 6];
    let none = [false; 6];
    for (conditions, expected) in [
        (json!({}), all),
        (
            json!({"model": {"values": ["openai/gpt-4o"], "condition": "in"}}),
            [true, true, false, false, false, false],
        ),
        (
            json!({"model": {"values": ["openai/gpt-4o"]}}),
            [true, true, false, false, false, false],
        ),
        (
            json!({"model": {"values": ["openai/gpt-4o-2024-11-20"]}}),
            [false, true, false, false, false, false],
        ),
        (
            json!({"model": {"values": ["openai/*"]}}),
            [true, true, true, false, false, false],
        ),
        (
            json!({"model": {"values": ["*"]}}),
            [true, true, true, false, false, false],
        ),
        (
            json!({"model": {"values": ["*-mini"]}}),
            [false, false, true, false, false, false],
        ),
        (
            json!({"model": {"values": ["azure/*", "openai/gpt-4o-*"]}}),
            [false, true, true, false, false, false],
        ),
        (
            json!({"model": {"values": ["openai/gpt-4o-2024-11-20"], "condition": "not_in"}}),
            [true, false, true, false, false, false],
        ),
        (
            json!({"model": {"values": ["openai/*"], "condition": "not_in"}}),
            none,
        ),
        (
            json!({"model": {"values": [], "condition": "not_in"}}),
            [true, true, true, false, false, false],
        ),
        (json!({"model": {"values": [], "condition": "in"}}), all),
        (
            json!({"mcpServers": {"values": ["db"]}}),
            [false, false, false, true, true, true],
        ),
        (
            json!({"mcpServers": {"values": ["virtual"]}}),
            [false, false, false, false, true, false],
        ),
        (
            json!({"mcpServers": {"values": ["db:drop"]}}),
            [false, false, false, true, true, false],
        ),
        (
            json!({"mcpServers": {"values": ["*:dr*"]}}),
            [false, false, false, true, true, false],
        ),
        (json!({"mcpServers": {"values": ["db:select"]}}), none),
        (
            json!({"mcpServers": {"values": ["db"], "condition": "not_in"}}),
            none,
        ),
        (
            json!({"mcpServers": {"values": ["virtual"], "condition": "not_in"}}),
            [false, false, false, true, false, true],
        ),
        (
            json!({"mcpServers": {"values": ["db:drop"], "condition": "not_in"}}),
            [false, false, false, false, false, true],
        ),
        (
            json!({"mcpTools": {"values": [{"name": "db", "enabled_tools": ["drop"]}], "condition": "in"}}),
            [false, false, false, true, true, false],
        ),
        (
            json!({"mcpTools": {"values": [{"name": "db", "enabled_tools": ["select"]}], "condition": "in"}}),
            none,
        ),
        (
            json!({"mcpTools": {"values": [{"name": "db", "enable_all_tools": true}], "condition": "in"}}),
            [false, false, false, true, true, false],
        ),
        (
            json!({"mcpTools": {"values": [{"name": "db", "enabled_tools": ["select"]}], "condition": "not_in"}}),
            [false, false, false, true, true, false],
        ),
        (
            json!({"model": {"values": ["openai/gpt-4o"]}, "mcpServers": {"values": ["virtual"]}}),
            [true, true, false, false, true, false],
        ),
        (
            json!({
                "mcpServers": {"values": ["other"]},
                "mcpTools": {"values": [{"name": "db", "enabled_tools": ["drop"]}]},
            }),
            [false, false, false, true, true, false],
        ),
    ] {
        for (call, expected) in calls.into_iter().zip(expected) {
            assert_eq!(
                matches(&with_target(conditions.clone()), call),
                expected,
                "{conditions} {:?}",
                call.target
            );
        }
    }
    for when in [
        json!({}),
        json!({"target": {}}),
        json!({"subjects": {}}),
        json!({"metadata": {}}),
    ] {
        assert!(calls.into_iter().all(|call| matches(&when, call)), "{when}");
    }
}

#[test]
fn subjects() {
    let callers = [
        caller("user:alice", &["payments"], &["admin"]),
        caller("user:bob", &[], &[]),
        caller("virtualaccount:bot", &["payments"], &[]),
    ];
    for (subjects, expected) in [
        (json!({"conditions": {}}), [true, true, true]),
        (json!({"conditions": {"in": []}}), [true, true, true]),
        (json!({"conditions": {"not_in": []}}), [true, true, true]),
        (
            json!({"conditions": {"in": ["team:everyone"]}}),
            [true, true, false],
        ),
        (
            json!({"conditions": {"in": ["virtualaccount:*"]}}),
            [false, false, true],
        ),
        (
            json!({"conditions": {"in": ["team:payments"]}}),
            [true, false, true],
        ),
        (
            json!({"conditions": {"in": ["role:admin"]}}),
            [true, false, false],
        ),
        (
            json!({"conditions": {"in": ["user:alice", "virtualaccount:bot"]}}),
            [true, false, true],
        ),
        (
            json!({"conditions": {"in": ["user:a*"]}}),
            [true, false, false],
        ),
        (
            json!({"conditions": {"not_in": ["user:alice"]}}),
            [false, true, true],
        ),
        (
            json!({"conditions": {"in": ["team:payments"], "not_in": ["user:alice"]}}),
            [false, false, true],
        ),
        (
            json!({"operator": "and", "conditions": {"in": ["team:payments"], "not_in": ["user:alice"]}}),
            [false, false, true],
        ),
        (
            json!({"operator": "or", "conditions": {"in": ["user:alice"], "not_in": ["team:payments"]}}),
            [true, true, false],
        ),
        (
            json!({"operator": "or", "conditions": {"in": ["user:alice"]}}),
            [true, false, false],
        ),
        (
            json!({"operator": "or", "conditions": {"not_in": ["user:alice"]}}),
            [false, true, true],
        ),
        (
            json!({"conditions": {"in": ["alice"]}}),
            [false, false, false],
        ),
    ] {
        for (caller, expected) in callers.iter().zip(expected) {
            let facts = Facts {
                caller: caller.clone(),
                ..model_call(&["openai/gpt-4o"])
            };
            assert_eq!(
                matches(&json!({"subjects": subjects}), &facts),
                expected,
                "{subjects} {}",
                caller.subject
            );
        }
    }
}

#[test]
fn every_pair_of_metadata_must_be_equal() {
    let mut facts = model_call(&["openai/gpt-4o"]);
    facts.metadata = [("env", "production"), ("app", "web")]
        .map(|(key, value)| (key.into(), value.into()))
        .into();
    for (metadata, expected) in [
        (json!({"env": "production"}), true),
        (json!({"env": "production", "app": "web"}), true),
        (json!({"env": "production", "app": "cli"}), false),
        (json!({"env": "prod*"}), false),
        (json!({"tier": "gold"}), false),
    ] {
        assert_eq!(
            matches(&json!({"metadata": metadata}), &facts),
            expected,
            "{metadata}"
        );
    }
}

#[test]
fn all_parts_must_match() {
    let when = json!({
        "target": {"conditions": {"model": {"values": ["openai/*"]}}},
        "subjects": {"conditions": {"in": ["user:alice"]}},
        "metadata": {"env": "production"},
    });
    let mut facts = model_call(&["openai/gpt-4o"]);
    assert!(!matches(&when, &facts));
    facts.metadata = [("env".to_owned(), "production".to_owned())].into();
    assert!(matches(&when, &facts));
    facts.caller = caller("user:bob", &[], &[]);
    assert!(!matches(&when, &facts));
}

#[test]
fn a_rule_outside_the_policy_namespace_sees_only_its_own_targets() {
    let mut written = written(vec![guardrail("a", "text")], vec![]);
    written.configs = vec![config("team-a", "rules", vec![everywhere(&json!({}))])];
    let planner = Planner::new(
        Arc::new(compile(&written, &FakeKinds).bundle),
        PlanDefaults::default(),
    );
    for (namespace, expected) in [("team-a", 1), (POLICY, 0), ("team-b", 0)] {
        let mut facts = model_call(&["openai/gpt-4o"]);
        if let Target::Model { namespace: of, .. } = &mut facts.target {
            *of = namespace.into();
        }
        assert_eq!(planner.matching(&facts).len(), expected, "{namespace}");
    }
}

#[test]
fn explains_in_words() {
    let rules = [
        ("a", json!({})),
        ("b", with_target(json!({"model": {"values": ["openai/*"]}}))),
        ("c", with_target(json!({"model": {"values": ["azure/*"]}}))),
        ("d", with_target(json!({"mcpServers": {"values": ["db"]}}))),
        (
            "e",
            json!({"subjects": {"conditions": {"in": ["role:admin"]}}}),
        ),
        ("f", json!({"metadata": {"env": "production"}})),
        ("g", json!({})),
    ];
    let rules =
        rules.map(|(id, when)| rule(id, json!({"when": when, "llm_input_guardrails": ["g/a"]})));
    let mut written = written(vec![guardrail("a", "text")], rules.to_vec());
    written.configs[0].rules[6].mcp_tool_pre_invoke_guardrails =
        std::mem::take(&mut written.configs[0].rules[6].llm_input_guardrails);
    let planner = Planner::new(
        Arc::new(compile(&written, &FakeKinds).bundle),
        PlanDefaults::default(),
    );
    let mut facts = model_call(&["openai/gpt-4o"]);
    facts.caller.teams = vec!["payments".into()];
    let words: Vec<_> = planner
        .explain(&facts)
        .into_iter()
        .map(|one| format!("{} {}", one.rule, one.why))
        .collect();
    assert_eq!(
        words,
        [
            "parapet/rules/a it matches everything",
            "parapet/rules/b it matches target openai/gpt-4o",
            "parapet/rules/c its target does not match openai/gpt-4o",
            "parapet/rules/d its target has no condition on models",
            "parapet/rules/e its subjects do not match user:alice, team:payments",
            "parapet/rules/f the request's metadata does not have env=production",
            "parapet/rules/g it matches everything; it selects nothing for this kind of request",
        ]
    );
}

/// Conditions over few names, so that rules and requests often meet.
fn any_when() -> impl Strategy<Value = Value> {
    let model = prop::sample::subsequence(vec!["a/x", "a/y", "b/x", "a/*", "*/x", "*"], 0..3);
    let server = prop::sample::subsequence(vec!["s", "t", "s:u", "*:u", "t*"], 0..3);
    let tools = prop::sample::subsequence(
        vec![
            json!({"name": "s", "enable_all_tools": true}),
            json!({"name": "t", "enabled_tools": ["u"]}),
            json!({"name": "*", "enabled_tools": ["v"]}),
        ],
        0..2,
    );
    let subject = || {
        let all = vec![
            "user:alice",
            "user:b*",
            "team:p",
            "team:everyone",
            "virtualaccount:*",
            "role:r",
            "bad",
        ];
        prop::option::of(prop::sample::subsequence(all, 0..3))
    };
    let membership = || prop::sample::select(vec!["in", "not_in"]);
    let operator = prop::sample::select(vec!["and", "or"]);
    let target = (
        prop::option::of((model, membership())),
        prop::option::of((server, membership())),
        prop::option::of((tools, membership())),
    );
    let metadata = prop::option::of(prop::sample::select(vec!["1", "2"]));
    (target, (operator, subject(), subject()), metadata).prop_map(|(target, subjects, metadata)| {
        let mut conditions = json!({});
        if let Some((values, condition)) = target.0 {
            conditions["model"] = json!({"values": values, "condition": condition});
        }
        if let Some((values, condition)) = target.1 {
            conditions["mcpServers"] = json!({"values": values, "condition": condition});
        }
        if let Some((values, condition)) = target.2 {
            conditions["mcpTools"] = json!({"values": values, "condition": condition});
        }
        let (operator, within, without) = subjects;
        let mut listed = json!({});
        listed
            .as_object_mut()
            .unwrap()
            .extend(within.map(|within| ("in".to_owned(), json!(within))));
        listed
            .as_object_mut()
            .unwrap()
            .extend(without.map(|without| ("not_in".to_owned(), json!(without))));
        let mut when = json!({
            "target": {"conditions": conditions},
            "subjects": {"operator": operator, "conditions": listed},
        });
        if let Some(value) = metadata {
            when["metadata"] = json!({"k": value});
        }
        when
    })
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let models = prop::sample::subsequence(vec!["a/x", "a/y", "b/x", "b/z"], 1..3);
    let servers = prop::sample::subsequence(vec!["s", "t", "tt"], 1..3);
    let tool = prop::option::of(prop::sample::select(vec!["u", "v"]));
    let target = prop_oneof![
        models.prop_map(|names| model_call(&names)),
        (servers, tool).prop_map(|(servers, tool)| mcp_call(&servers, tool)),
    ];
    let who = prop::sample::select(vec!["user:alice", "user:bob", "virtualaccount:bot"]);
    let teams = prop::sample::subsequence(vec!["p", "q"], 0..2);
    let roles = prop::sample::subsequence(vec!["r"], 0..2);
    let metadata = prop::option::of(prop::sample::select(vec!["1", "2", "3"]));
    (target, who, teams, roles, metadata).prop_map(|(mut facts, who, teams, roles, metadata)| {
        facts.caller = caller(who, &teams, &roles);
        facts
            .metadata
            .extend(metadata.map(|value| ("k".to_owned(), value.to_owned())));
        facts
    })
}

proptest! {
    /// The index leaves out only rules that do not match: it finds what looking at every rule finds.
    #[test]
    fn the_index_misses_nothing(
        whens in prop::collection::vec(any_when(), 1..12),
        facts in prop::collection::vec(any_facts(), 1..8),
    ) {
        let rules = whens.iter().enumerate().map(|(index, when)| {
            let mut rule = everywhere(when);
            rule.id = format!("r{index:02}");
            rule
        });
        let mut written = written(vec![guardrail("a", "text")], vec![]);
        let (here, there) = rules.partition(|rule| rule.id.as_str() < "r09");
        written.configs = vec![config(POLICY, "here", here), config("team-a", "there", there)];
        let planner = Planner::new(Arc::new(compile(&written, &FakeKinds).bundle), PlanDefaults::default());
        for facts in facts {
            let every: Vec<u32> = (0u32..)
                .zip(planner.explain(&facts))
                .filter(|(_, explained)| explained.matched)
                .map(|(index, _)| index)
                .collect();
            prop_assert_eq!(planner.matching(&facts), every, "{:?}", facts);
        }
    }
}
