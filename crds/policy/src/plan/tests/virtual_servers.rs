//! Rules on calls that come through a virtual server.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::compile::compile;
use crate::facts::{Facts, Target};
use crate::plan::{PlanDefaults, Planner};
use crate::testing::{FakeKinds, guardrail, mcp_call, rule, written};

/// Whether a rule with these conditions sees a call of `suite:gh_drop`, which is `github:drop`.
fn sees(conditions: &Value) -> bool {
    let mut facts = mcp_call(&["suite", "github"], Some("gh_drop"));
    if let Target::Mcp { source_tool, .. } = &mut facts.target {
        *source_tool = Some("drop".into());
    }
    sees_this(conditions, &facts)
}

fn sees_this(conditions: &Value, facts: &Facts) -> bool {
    let when = json!({"target": {"operator": "or", "conditions": conditions}});
    let rule = rule(
        "r",
        json!({"when": when, "mcp_tool_pre_invoke_guardrails": ["g/a"]}),
    );
    let written = written(vec![guardrail("a", "text")], vec![rule]);
    let bundle = compile(&written, &FakeKinds).bundle;
    let planner = Planner::new(Arc::new(bundle), PlanDefaults::default());
    !planner.matching(facts).is_empty()
}

#[test]
fn what_belongs_to_a_call_of_an_unknown_tool_is_seen_by_rules_on_any_tool() {
    let rows = [
        // Whether it is seen by `in`, and by `not_in`.
        ("github", true, false),
        ("github:drop", true, true),
        ("git*:d*", true, true),
        ("jira", false, true),
        ("jira:drop", false, true),
    ];
    for (value, within, without) in rows {
        let (server, tool) = value.split_once(':').unwrap_or((value, ""));
        let listed = match tool {
            "" => json!({"name": server, "enable_all_tools": true}),
            tool => json!({"name": server, "enabled_tools": [tool]}),
        };
        for (condition, expected) in [("in", within), ("not_in", without)] {
            let by_server = json!({"mcpServers": {"values": [value], "condition": condition}});
            let by_tool = json!({"mcpTools": {"values": [listed], "condition": condition}});
            for conditions in [by_server, by_tool] {
                let mut facts = mcp_call(&["github"], None);
                if let Target::Mcp { of_any_tool, .. } = &mut facts.target {
                    *of_any_tool = true;
                }
                assert_eq!(sees_this(&conditions, &facts), expected, "{conditions}");
            }
        }
    }
    let nothing = json!({"mcpTools": {"values": [{"name": "github"}]}});
    let mut facts = mcp_call(&["github"], None);
    if let Target::Mcp { of_any_tool, .. } = &mut facts.target {
        *of_any_tool = true;
    }
    assert!(!sees_this(&nothing, &facts));
}

#[test]
fn each_server_has_its_own_name_for_the_tool() {
    let rows = [
        ("suite", true),
        ("github", true),
        ("suite:gh_drop", true),
        ("github:drop", true),
        ("*:gh_*", true),
        ("git*:d*", true),
        // The name of one server's tool at the other server is another tool.
        ("suite:drop", false),
        ("github:gh_drop", false),
        ("jira", false),
    ];
    for (value, expected) in rows {
        let listed = json!({"mcpServers": {"values": [value]}});
        assert_eq!(sees(&listed), expected, "{value}");
        let others = json!({"mcpServers": {"values": [value], "condition": "not_in"}});
        assert_eq!(sees(&others), !expected, "not {value}");
        let Some((server, tool)) = value.split_once(':') else {
            continue;
        };
        let listed = json!({"name": server, "enabled_tools": [tool]});
        let by_tool = json!({"mcpTools": {"values": [listed]}});
        assert_eq!(sees(&by_tool), expected, "{by_tool}");
        let others = json!({"mcpTools": {"values": [listed], "condition": "not_in"}});
        assert_eq!(sees(&others), !expected, "{others}");
    }
}
