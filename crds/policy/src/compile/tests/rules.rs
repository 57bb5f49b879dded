//! What is said about rules.

use serde_json::{Value, json};

use crate::compile::compile;
use crate::hook::Hook;
use crate::testing::{FakeKinds, POLICY, account, config, guardrail, provider, rule, written};

use super::assert_remarks;

const AT: &str = "spec.rules[0]";

/// Remarks on one rule in the policy namespace; `@` stands for its path.
pub(super) fn assert_rule(written_rule: Value, expected: &[&str]) {
    let what = written_rule.to_string();
    let mut written = written(
        vec![guardrail("a", "text"), guardrail("ctx", "context")],
        vec![rule("r", written_rule)],
    );
    written.providers.push(provider(POLICY, "any", None));
    written.providers.push(provider("team-a", "theirs", None));
    written.mcp_servers = super::tools::mcp_servers();
    let expected: Vec<_> = expected
        .iter()
        .map(|expected| expected.replace('@', AT))
        .collect();
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    assert_remarks(&written, &expected, &what);
}

#[test]
fn lists() {
    let everywhere = json!({
        "llm_input_guardrails": ["g/a"], "llm_output_guardrails": ["g/a"],
        "mcp_tool_pre_invoke_guardrails": ["g/a"], "mcp_tool_post_invoke_guardrails": ["g/a"],
    });
    for (written_rule, expected) in [
        (everywhere, &[][..]),
        (
            json!({}),
            &[
                "Warning @ NeverMatches: the rule selects no guardrail, ... under llm_input_guardrails",
            ],
        ),
        (json!({"input_execution": "sequential"}), &[]),
        (
            json!({"llm_input_guardrails": ["g/a", "g/b"]}),
            &["Error @.llm_input_guardrails[1] UnknownSelector: ..."],
        ),
        (
            json!({"llm_input_guardrails": ["g/b"]}),
            &["Error @.llm_input_guardrails[0] UnknownSelector: ..."],
        ),
        (
            json!({"llm_input_guardrails": ["g/a", "parapet/g/a"]}),
            &[
                "Warning @.llm_input_guardrails[1] Suspicious: parapet/g/a is listed twice and runs once: ...",
            ],
        ),
        (
            json!({"llm_output_guardrails": ["g/ctx"]}),
            &[
                "Error @.llm_output_guardrails[0] UnsupportedHook: g/ctx cannot run under llm_output_guardrails: it can under llm_input_guardrails",
            ],
        ),
        (
            json!({"llm_input_guardrails": ["g/a"], "custom_error_message": "no: {{guardrail_message}}"}),
            &[],
        ),
        (
            json!({"llm_input_guardrails": ["g/a"], "custom_error_message": "no: {{message}}"}),
            &[
                "Warning @.custom_error_message Suspicious: only {{guardrail_message}} is filled in: ...",
            ],
        ),
    ] {
        assert_rule(written_rule, expected);
    }
}

#[test]
fn for_what_cannot_run_in_a_rule_something_stands_in() {
    let lists = json!({
        "llm_input_guardrails": ["g/ctx", "g/nothing", "g/a", "g/a"],
        "llm_output_guardrails": ["g/ctx", "g/a"],
    });
    let written = written(
        vec![guardrail("ctx", "context"), guardrail("a", "text")],
        vec![rule("r", lists)],
    );
    let compiled = compile(&written, &FakeKinds);
    let of = |hook| compiled.bundle.rules[0].guardrails.get(hook).as_slice();
    assert_eq!(Hook::ALL.map(of), [&[0, 1, 3][..], &[0, 2], &[], &[]]);
    let stand_ins = compiled.bundle.guardrails.iter();
    let stand_ins = stand_ins.filter(|entry| entry.is_stand_in());
    let named: Vec<_> = stand_ins.map(|entry| &*entry.selector).collect();
    assert_eq!(named, ["g/ctx", "g/nothing"]);
}

#[test]
fn ids() {
    let selecting = |id: &str| rule(id, json!({"llm_input_guardrails": ["g/a"]}));
    let rules = vec![
        selecting("a"),
        selecting("b"),
        selecting("a"),
        selecting(""),
    ];
    assert_remarks(
        &written(vec![guardrail("a", "text")], rules),
        &[
            "Error spec.rules[2].id Conflicted: the id \"a\" is that of spec.rules[0] too: ...",
            "Error spec.rules[3].id Invalid: a rule needs an id, ...",
        ],
        "ids",
    );
}

#[test]
fn models() {
    let model = |values: Value, condition: &str| {
        let conditions = json!({"model": {"values": values, "condition": condition}});
        json!({"when": {"target": {"conditions": conditions}}, "llm_input_guardrails": ["g/a"]})
    };
    for (values, condition, expected) in [
        (
            json!([
                "openai/gpt-4o",
                "openai/*",
                "openai/gpt-*",
                "*",
                "*/gpt-4o",
                "any/*",
                "openai/gpt-4o*"
            ]),
            "in",
            &[][..],
        ),
        (
            json!(["opneai/gpt-4o"]),
            "in",
            &[
                "Warning @.when.target.conditions.model.values[0] UnknownReference: there is no ModelProvider \"opneai\": \
             did you mean \"openai\"?",
            ],
        ),
        (
            json!(["azure/*"]),
            "not_in",
            &[
                "Warning @.when.target.conditions.model.values[0] UnknownReference: there is no ModelProvider \"azure\"",
            ],
        ),
        (
            json!(["openai/*", "openai/gpt-4"]),
            "in",
            &[
                "Warning @.when.target.conditions.model.values[1] UnknownReference: ModelProvider openai has no model \
             \"gpt-4\" in its list: did you mean \"gpt-4o\"?",
            ],
        ),
        (
            json!(["openai/claude-*"]),
            "in",
            &["Warning ... UnknownReference: ... has no model \"claude-*\" in its list"],
        ),
        (
            json!(["gpt-4o"]),
            "in",
            &[
                "Warning ... UnknownReference: \"gpt-4o\" names no model: models are named account/model",
            ],
        ),
        (
            json!(["any/gpt-4o"]),
            "in",
            &[
                "Warning @.when.target.conditions.model.values[0] Suspicious: ModelProvider any lists no models, so it \
             forwards any name, ... list its models, or write any/*",
            ],
        ),
        (json!(["any/gpt-4o"]), "not_in", &[]),
        (
            json!([""]),
            "in",
            &["Error @.when.target.conditions.model.values[0] Invalid: ..."],
        ),
        (
            json!([" openai/gpt-4o"]),
            "in",
            &["Error @.when.target.conditions.model.values[0] Invalid: ..."],
        ),
        (
            json!(["openai/.*"]),
            "in",
            &["Warning ... Suspicious: ... only * is special, ..."],
        ),
        (
            json!(["openai/gpt-4?"]),
            "in",
            &["Warning ... Suspicious: ... only * is special, ..."],
        ),
        (
            json!([]),
            "in",
            &[
                "Warning @.when.target.conditions.model Suspicious: an empty list does not filter, ...",
            ],
        ),
        (json!([]), "not_in", &[]),
    ] {
        assert_rule(model(values, condition), expected);
    }
}

#[test]
fn hooks_that_never_see_the_conditions() {
    let model = json!({"model": {"values": ["openai/*"]}});
    let mcp = json!({"mcpServers": {"values": ["db"]}});
    let both = json!({"model": {"values": ["openai/*"]}, "mcpServers": {"values": ["db"]}});
    let rule_of = |conditions: &Value, llm: bool, tool: bool| {
        let list = |given: bool| if given { json!(["g/a"]) } else { json!([]) };
        json!({
            "when": {"target": {"conditions": conditions}},
            "llm_input_guardrails": list(llm),
            "mcp_tool_post_invoke_guardrails": list(tool),
        })
    };
    for (conditions, llm, tool, expected) in [
        (&model, true, false, &[][..]),
        (&mcp, false, true, &[]),
        (&both, true, true, &[]),
        (
            &model,
            false,
            true,
            &[
                "Warning @.when.target NeverMatches: the rule never matches: its target has conditions on models alone, ...",
            ],
        ),
        (
            &mcp,
            true,
            false,
            &[
                "Warning @.when.target NeverMatches: ... MCP servers and tools alone, ... add model: {values: [\"*\"], ...",
            ],
        ),
        (
            &model,
            true,
            true,
            &[
                "Warning @.mcp_tool_post_invoke_guardrails NeverMatches: these never run: ... add mcpServers: ...",
            ],
        ),
        (
            &mcp,
            true,
            true,
            &["Warning @.llm_input_guardrails NeverMatches: these never run: ... add model: ..."],
        ),
    ] {
        assert_rule(rule_of(conditions, llm, tool), expected);
    }
}

#[test]
fn subjects() {
    let with =
        |subjects: Value| json!({"when": {"subjects": subjects}, "llm_input_guardrails": ["g/a"]});
    for (subjects, expected) in [
        (
            json!({"conditions": {"in": ["team:everyone", "virtualaccount:bot", "user:a@x.com", "role:admin"]}}),
            &[][..],
        ),
        (
            json!({"conditions": {"in": ["everyone"]}}),
            &["Error @.when.subjects.conditions.in[0] Invalid: \"everyone\" is not a subject: ..."],
        ),
        (
            json!({"conditions": {"not_in": ["user:a", "serviceaccount:x"]}}),
            &["Error @.when.subjects.conditions.not_in[1] Invalid: ..."],
        ),
        (
            json!({"conditions": {"in": ["user:a", "virtualaccount:bto"]}}),
            &[
                "Warning @.when.subjects.conditions.in[1] UnknownReference: ... did you mean \"bot\"?",
            ],
        ),
        (
            json!({"conditions": {"in": ["virtualaccount:x"]}}),
            &[
                "Warning @.when.subjects.conditions.in NeverMatches: the rule never matches: none of these can call. ...",
                "Warning @.when.subjects.conditions.in[0] UnknownReference: there is no VirtualAccount \"x\" ...",
            ],
        ),
        (
            json!({"conditions": {"in": ["user:a"], "not_in": ["user:b", "user:a"]}}),
            &[
                "Warning @.when.subjects.conditions.in NeverMatches: the rule never matches: all of these are in not_in too",
            ],
        ),
        (
            json!({"operator": "or", "conditions": {"in": ["user:a"], "not_in": ["user:a"]}}),
            &[],
        ),
        (
            json!({"conditions": {"in": []}}),
            &["Warning @.when.subjects.conditions.in Suspicious: an empty list ..."],
        ),
    ] {
        assert_rule(with(subjects), expected);
    }
}

#[test]
fn without_users_only_virtual_accounts_can_call() {
    let never = "Warning spec.rules[0].when.subjects.conditions.in NeverMatches: ...";
    for (subject, expected) in [
        ("virtualaccount:bot", &[][..]),
        ("virtualaccount:*", &[]),
        ("team:payments", &[]),
        ("team:pay*", &[]),
        (
            "team:everyone",
            &[
                "Warning ... NeverMatches: ... without an IdentityProvider no user can call: add virtualaccount:*",
            ],
        ),
        ("user:a", &[never]),
        ("role:admin", &[never]),
        ("team:other", &[never]),
    ] {
        let when = json!({"subjects": {"conditions": {"in": [subject]}}});
        let rules = vec![rule(
            "r",
            json!({"when": when, "llm_input_guardrails": ["g/a"]}),
        )];
        let mut written = written(vec![guardrail("a", "text")], rules);
        written.identity_providers.clear();
        assert_remarks(&written, expected, subject);
    }
}

#[test]
fn metadata() {
    let with =
        |metadata: Value| json!({"when": {"metadata": metadata}, "llm_input_guardrails": ["g/a"]});
    for (metadata, expected) in [
        (json!({"env": "production"}), &[][..]),
        (
            json!({"": "x"}),
            &["Error @.when.metadata. Invalid: a pair needs a key: ..."],
        ),
        (
            json!({"env": "prod*"}),
            &["Warning @.when.metadata.env Suspicious: ... * stands for itself here"],
        ),
        (
            json!({"env": "x".repeat(129)}),
            &["Warning @.when.metadata.env NeverMatches: ... more than 128 characters: ..."],
        ),
        (json!({"env": "é".repeat(128)}), &[]),
    ] {
        assert_rule(with(metadata), expected);
    }
}

#[test]
fn outside_the_policy_namespace() {
    let mut written = written(vec![guardrail("a", "text")], vec![]);
    let conditions = json!({"model": {"values": ["openai/gpt-4o", "theirs/m"]}});
    let mut strict = rule(
        "r",
        json!({"when": {"target": {"conditions": conditions}}, "llm_input_guardrails": ["g/a"]}),
    );
    strict.mandatory = true;
    written.configs = vec![config("team-a", "rules", vec![strict])];
    written
        .providers
        .push(provider("team-a", "theirs", Some(&["m"])));
    assert_remarks(
        &written,
        &[
            "Error spec.rules[0].mandatory WrongNamespace: mandatory counts only in the policy namespace parapet: ...",
            "Warning spec.rules[0].when.target.conditions.model.values[0] NeverMatches: a rule in namespace team-a \
             governs only the providers of team-a, and openai is in parapet: ...",
        ],
        "elsewhere",
    );
    let rule = &compile(&written, &FakeKinds).bundle.rules[0];
    assert_eq!(
        (rule.mandatory, rule.only_namespace.as_deref()),
        (false, Some("team-a"))
    );
}

#[test]
fn overrides() {
    let mut written = written(vec![guardrail("a", "text")], vec![]);
    written.accounts.push(account("other", &[]));
    written
        .secrets
        .insert(crate::testing::secret("other", "token"));
    written.configs[0].rules = vec![rule("r", json!({"llm_input_guardrails": ["g/a"]}))];
    written.configs[0].replace = vec!["user:a".into(), "a".into(), "virtualaccount:othre".into()];
    assert_remarks(
        &written,
        &[
            "Error spec.overrides.replace[1] Invalid: \"a\" is not a subject: ...",
            "Warning spec.overrides.replace[2] UnknownReference: ... did you mean \"other\"?",
        ],
        "replace",
    );
    let mut strict = rule("r", json!({"llm_input_guardrails": ["g/a"]}));
    strict.mandatory = true;
    written.configs[0].rules = vec![strict];
    written.configs[0].replace = vec!["user:a".into()];
    let nothing = ["Warning spec.overrides.replace Suspicious: there is nothing to replace: ..."];
    assert_remarks(&written, &nothing, "only mandatory rules");
}
