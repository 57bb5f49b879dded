//! What the header with overrides may change in a plan.

use serde_json::json;

use super::planning::{at, plan, planner, planner_of};
use crate::compile::WrittenGuardrail;
use crate::hook::Hook;
use crate::outcome::Strategy;
use crate::overrides::{self, OverrideError, Overrides, Scope};
use crate::testing::{POLICY, caller, config, guardrail, integration, model_call, rule, written};

fn header(text: &str) -> Overrides {
    overrides::parse(Some(text), None).unwrap()
}

#[test]
fn a_header_adds() {
    let rules = vec![rule(
        "r",
        json!({"llm_input_guardrails": ["g/a"], "llm_output_guardrails": ["g/a"]}),
    )];
    let planner = planner(
        ["a", "b"].map(|name| guardrail(name, "text")).to_vec(),
        rules,
    );
    for (text, input, output) in [
        (r#"{}"#, &["g/a"][..], &["g/a"][..]),
        (
            r#"{"llm_input_guardrails": ["g/b"]}"#,
            &["g/a", "g/b"],
            &["g/a"],
        ),
        (
            r#"{"llm_input_guardrails": ["parapet/g/b", "g/b"]}"#,
            &["g/a", "g/b"],
            &["g/a"],
        ),
        (r#"{"llm_input_guardrails": []}"#, &["g/a"], &["g/a"]),
        (
            r#"{"output_guardrails": ["g/a", "g/b"]}"#,
            &["g/a"],
            &["g/a", "g/b"],
        ),
        (
            r#"{"mcp_tool_pre_invoke_guardrails": ["g/b"]}"#,
            &["g/a"],
            &["g/a"],
        ),
    ] {
        let plan = plan(&planner, Some(&header(text)));
        assert_eq!(at(&planner, &plan, Hook::LlmInput), input, "{text}");
        assert_eq!(at(&planner, &plan, Hook::LlmOutput), output, "{text}");
        for planned in &plan.hooks.llm_input {
            let of_rule = planner.bundle().guardrails[planned.guardrail as usize]
                .selector
                .as_ref()
                == "g/a";
            assert_eq!(planned.rules.len(), usize::from(of_rule), "{text}");
        }
    }
}

#[test]
fn a_header_makes_nothing_weaker() {
    let mut audited = rule("r", json!({"llm_input_guardrails": ["g/a"]}));
    audited.enforcing_strategy = Some(Strategy::Audit);
    let planner = planner(vec![guardrail("a", "text")], vec![audited]);
    assert_eq!(
        plan(&planner, None).hooks.llm_input[0].strategy,
        Strategy::Audit
    );
    let named = header(r#"{"llm_input_guardrails": ["g/a"]}"#);
    let planned = plan(&planner, Some(&named)).hooks.llm_input;
    assert_eq!((planned.len(), planned[0].strategy), (1, Strategy::Enforce));
}

#[test]
fn a_header_replaces_only_what_it_may() {
    let mut written = written(
        ["a", "b", "m", "o", "h"]
            .map(|name| guardrail(name, "text"))
            .to_vec(),
        vec![],
    );
    let both = |selector: &str| json!({"llm_input_guardrails": [selector], "llm_output_guardrails": [selector]});
    let mut replaceable = config(
        POLICY,
        "replaceable",
        vec![
            rule("a", both("g/a")),
            rule("b", both("g/b")),
            rule("m", both("g/m")),
        ],
    );
    replaceable.rules[2].mandatory = true;
    replaceable.replace = vec!["user:alice".to_owned()];
    // What the other resource's rule chose stays, although a rule of the first chose it as well.
    let mut fixed = both("g/o");
    fixed["llm_input_guardrails"] = json!(["g/o", "g/b"]);
    let mut other = config(POLICY, "other", vec![rule("o", fixed)]);
    other.replace = vec!["user:bob".to_owned()];
    written.configs = vec![replaceable, other];
    let planner = planner_of(&written);
    let all = ["g/a", "g/b", "g/m", "g/o"];
    let header = header(r#"{"llm_input_guardrails": ["g/h"]}"#);
    for (who, input) in [
        ("user:alice", &["g/b", "g/h", "g/m", "g/o"][..]),
        ("user:bob", &["g/a", "g/b", "g/h", "g/m"]),
        ("user:carol", &["g/a", "g/b", "g/h", "g/m", "g/o"]),
        ("virtualaccount:alice", &["g/a", "g/b", "g/h", "g/m", "g/o"]),
    ] {
        let mut facts = model_call(&["openai/gpt-4o"]);
        facts.caller = caller(who, &[], &[]);
        let plan = planner.plan(&facts, Some(&header)).unwrap();
        assert_eq!(at(&planner, &plan, Hook::LlmInput), input, "{who}");
        assert_eq!(
            at(&planner, &plan, Hook::LlmOutput),
            all,
            "{who}: a hook that the header does not name"
        );
    }
    let nothing = self::header(r#"{"llm_input_guardrails": []}"#);
    let plan = plan(&planner, Some(&nothing));
    assert_eq!(at(&planner, &plan, Hook::LlmInput), ["g/b", "g/m", "g/o"]);
    assert_eq!(
        &*plan.hooks.llm_input[0].rules,
        ["o".into()],
        "the replaced rule chose nothing"
    );
}

#[test]
fn the_scope_narrows_all_but_mandatory_rules() {
    let mut mandatory = rule("m", json!({"llm_input_guardrails": ["g/a", "g/b"]}));
    mandatory.mandatory = true;
    let rules = vec![
        mandatory,
        rule("r", json!({"llm_input_guardrails": ["g/b", "g/c"]})),
    ];
    let planner = planner(
        ["a", "b", "c", "d"]
            .map(|name| guardrail(name, "text"))
            .to_vec(),
        rules,
    );
    let named = r#"{"llm_input_guardrails": ["g/a", "g/d"]}"#;
    for (scope, expected) in [
        (None, [Scope::All; 4]),
        (Some("all"), [Scope::All; 4]),
        (
            Some("last"),
            [Scope::All, Scope::All, Scope::Last, Scope::Last],
        ),
    ] {
        let overrides = overrides::parse(Some(named), scope).unwrap();
        let planned = plan(&planner, Some(&overrides)).hooks.llm_input;
        assert_eq!(
            planned
                .iter()
                .map(|planned| planned.scope)
                .collect::<Vec<_>>(),
            expected,
            "{scope:?}"
        );
    }
}

#[test]
fn a_header_names_only_what_exists_is_allowed_and_can_run() {
    let mut written = written(
        vec![
            guardrail("a", "text"),
            guardrail("ctx", "context"),
            WrittenGuardrail {
                config: json!({"broken": true}),
                ..guardrail("broken", "text")
            },
        ],
        vec![],
    );
    let mut closed = integration(POLICY, "closed", vec![guardrail("a", "text")]);
    closed.collaborators = Some(vec!["team:security".to_owned()]);
    let away = integration("team-a", "away", vec![guardrail("a", "text")]);
    written.integrations.extend([closed, away]);
    let planner = planner_of(&written);
    let hook = Hook::LlmOutput;
    let unknown = |selector: &str| {
        Some(OverrideError::Unknown {
            selector: selector.to_owned(),
            hook,
        })
    };
    for (selector, teams, expected) in [
        ("g/a", &[][..], None),
        ("parapet/g/a", &[], None),
        ("team-a/away/a", &[], None),
        ("closed/a", &["security"], None),
        ("parapet/closed/a", &["security"], None),
        ("g/broken", &[], None),
        (
            "closed/a",
            &[],
            Some(OverrideError::Forbidden {
                selector: "closed/a".to_owned(),
                hook,
            }),
        ),
        (
            "g/ctx",
            &[],
            Some(OverrideError::UnsupportedHook {
                selector: "g/ctx".to_owned(),
                hook,
            }),
        ),
        ("g/b", &[], unknown("g/b")),
        ("team-a/g/a", &[], unknown("team-a/g/a")),
        ("a", &[], unknown("a")),
    ] {
        let overrides = header(&json!({"llm_output_guardrails": [selector]}).to_string());
        let mut facts = model_call(&["openai/gpt-4o"]);
        facts.caller = caller("user:alice", teams, &[]);
        assert_eq!(
            planner.plan(&facts, Some(&overrides)).err(),
            expected,
            "{selector}"
        );
    }
    let elsewhere = header(r#"{"mcp_tool_pre_invoke_guardrails": ["g/b"]}"#);
    assert!(
        planner
            .plan(&model_call(&["openai/gpt-4o"]), Some(&elsewhere))
            .is_err(),
        "checked at every hook"
    );
}
