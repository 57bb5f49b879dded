//! Rules on tools of which nobody knows the server.

use serde_json::{Value, json};

use super::planning::planner;
use crate::facts::{Target, UNKNOWN_SERVER};
use crate::hook::Hook;
use crate::outcome::Strategy;
use crate::plan::AtMost;
use crate::testing::{guardrail, mcp_call, mutator, rule};

/// Whether a rule with these conditions sees a tool of an unknown server.
fn sees(conditions: &Value, tool: Option<&str>) -> bool {
    let when = json!({"target": {"operator": "or", "conditions": conditions}});
    let rule = rule(
        "r",
        json!({"when": when, "mcp_tool_pre_invoke_guardrails": ["g/a"]}),
    );
    let planner = planner(vec![guardrail("a", "text")], vec![rule]);
    let mut facts = mcp_call(&[UNKNOWN_SERVER], tool);
    if let Target::Mcp { of_any_tool, .. } = &mut facts.target {
        *of_any_tool = tool.is_none();
    }
    !planner.matching(&facts).is_empty()
}

#[test]
fn what_may_be_meant_is_and_what_may_be_exempt_is_not() {
    let github = |tools: Value| json!({"name": "github", "enabled_tools": tools});
    let all = json!({"name": "github", "enable_all_tools": true});
    let anywhere = json!({"name": "*", "enable_all_tools": true});
    // Conditions, the tool, whether `in` and whether `not_in` sees it.
    let rows = [
        (
            "mcpTools",
            github(json!(["drop"])),
            Some("drop"),
            true,
            true,
        ),
        ("mcpTools", github(json!(["d*"])), Some("drop"), true, true),
        (
            "mcpTools",
            github(json!(["drop"])),
            Some("read"),
            false,
            true,
        ),
        ("mcpTools", all.clone(), Some("drop"), false, true),
        ("mcpTools", anywhere.clone(), Some("drop"), true, false),
        (
            "mcpTools",
            json!({"name": "*", "enabled_tools": ["drop"]}),
            Some("drop"),
            true,
            false,
        ),
        // Some tool, nobody knows which.
        ("mcpTools", github(json!(["drop"])), None, true, true),
        ("mcpTools", github(json!(["d*"])), None, true, true),
        ("mcpTools", all, None, false, true),
        ("mcpTools", anywhere, None, true, false),
        ("mcpServers", json!("github"), Some("drop"), false, true),
        (
            "mcpServers",
            json!("github:drop"),
            Some("drop"),
            false,
            true,
        ),
        ("mcpServers", json!("*:drop"), Some("drop"), true, false),
        ("mcpServers", json!("*:drop"), None, true, true),
        ("mcpServers", json!("*"), Some("drop"), true, false),
        ("mcpServers", json!("*"), None, true, false),
    ];
    for (dimension, value, tool, listed, others) in rows {
        for (condition, expected) in [("in", listed), ("not_in", others)] {
            let conditions = json!({dimension: {"values": [value], "condition": condition}});
            assert_eq!(sees(&conditions, tool), expected, "{conditions} {tool:?}");
        }
    }
    // A model is nothing that a tool has.
    assert!(!sees(&json!({"model": {"values": ["*"]}}), Some("drop")));
    // A known server's messages without a tool stay what they are.
    let when =
        json!({"target": {"conditions": {"mcpTools": {"values": [github(json!(["drop"]))]}}}});
    let rule = rule(
        "r",
        json!({"when": when, "mcp_tool_pre_invoke_guardrails": ["g/a"]}),
    );
    let planner = planner(vec![guardrail("a", "text")], vec![rule]);
    assert!(planner.matching(&mcp_call(&["github"], None)).is_empty());
}

#[test]
fn what_rules_can_do_at_most_is_known_beforehand() {
    let none = planner(
        vec![guardrail("a", "text")],
        vec![rule("r", json!({"llm_input_guardrails": ["g/a"]}))],
    );
    assert_eq!(none.at_most(Hook::McpToolPreInvoke), AtMost::default());
    assert!(!none.at_most(Hook::McpToolPostInvoke).any());
    let some = planner(
        vec![guardrail("a", "text"), mutator("m", None)],
        vec![
            rule(
                "audit",
                json!({"enforcing_strategy": "audit", "mcp_tool_pre_invoke_guardrails": ["g/a", "g/m"]}),
            ),
            rule("all", json!({"mcp_tool_post_invoke_guardrails": ["g/m"]})),
        ],
    );
    let pre = some.at_most(Hook::McpToolPreInvoke);
    assert_eq!(
        (pre.strictest, pre.changes, pre.blocks()),
        (Some(Strategy::Audit), false, false)
    );
    let post = some.at_most(Hook::McpToolPostInvoke);
    assert_eq!(
        (post.strictest, post.changes, post.blocks()),
        (Some(Strategy::Enforce), true, true)
    );
    assert_eq!(pre.or(post), post);
    let when = json!({"target": {"conditions": {"mcpServers": {"values": ["web"]}}}});
    let refusing = planner(
        vec![],
        vec![rule("r", json!({"when": when, "unscannable": "block"}))],
    );
    assert!(refusing.at_most(Hook::McpToolPostInvoke).blocks());
    let of_models = planner(vec![], vec![rule("r", json!({"unscannable": "block"}))]);
    assert!(!of_models.at_most(Hook::McpToolPostInvoke).any());
}
