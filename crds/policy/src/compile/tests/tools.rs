//! What is said about the MCP servers and tools of rules.

use serde_json::{Value, json};

use crate::compile::WrittenMcpServer;
use crate::testing::{POLICY, config, guardrail, mcp_server, rule, written};

use super::rules::assert_rule;

#[test]
fn servers_and_tools() {
    let target = |conditions: Value| json!({"when": {"target": {"conditions": conditions}}, "mcp_tool_pre_invoke_guardrails": ["g/a"]});
    let tools = |server: Value| json!({"mcpTools": {"values": [server], "condition": "in"}});
    for (conditions, expected) in [
        (
            json!({"mcpServers": {"values": ["db", "db:drop", "*:drop", "db*"]}}),
            &[][..],
        ),
        (
            json!({"mcpServers": {"values": ["db", ":drop", "db:"]}}),
            &[
                "Error @.when.target.conditions.mcpServers.values[1] Invalid: \":drop\" names no server or no tool: ...",
                "Error @.when.target.conditions.mcpServers.values[2] Invalid: ... write server or server:tool",
            ],
        ),
        (
            json!({"mcpServers": {"values": ["db.*"]}}),
            &["Warning ...mcpServers.values[0] Suspicious: ..."],
        ),
        (
            json!({"mcpServers": {"values": []}}),
            &["Warning @.when.target.conditions.mcpServers Suspicious: ..."],
        ),
        (tools(json!({"name": "db", "enabled_tools": ["drop"]})), &[]),
        (tools(json!({"name": "db", "enable_all_tools": true})), &[]),
        (
            tools(json!({"name": "db"})),
            &[
                "Warning @.when.target.conditions.mcpTools.values[0].enabled_tools Suspicious: no tool is meant: ...",
            ],
        ),
        (
            tools(json!({"name": "db", "enable_all_tools": true, "enabled_tools": ["drop"]})),
            &[
                "Warning @.when.target.conditions.mcpTools.values[0].enabled_tools Suspicious: every tool is meant, ...",
            ],
        ),
        (
            tools(json!({"name": "", "enabled_tools": [""]})),
            &[
                "Error @.when.target.conditions.mcpTools.values[0].enabled_tools[0] Invalid: ...",
                "Error @.when.target.conditions.mcpTools.values[0].name Invalid: ...",
            ],
        ),
    ] {
        assert_rule(target(conditions), expected);
    }
}

#[test]
fn servers_and_tools_that_are_not_there() {
    let on = |conditions: Value| json!({"when": {"target": {"conditions": conditions}}, "mcp_tool_pre_invoke_guardrails": ["g/a"]});
    let servers =
        |values: &[&str]| on(json!({"mcpServers": {"values": values, "condition": "in"}}));
    let tools = |server: &str, tools: &[&str]| {
        on(
            json!({"mcpTools": {"values": [{"name": server, "enabled_tools": tools}], "condition": "in"}}),
        )
    };
    for (written_rule, expected) in [
        (
            servers(&[
                "*",
                "db*",
                "held:drop",
                "held:d*",
                "db:anything",
                "listed:anything",
                "listed:*x",
            ]),
            &[][..],
        ),
        (
            servers(&["bd", "else", "x*", "else:drop"]),
            &[
                "Warning ...values[0] UnknownReference: there is no MCPServer \"bd\": did you mean \"db\"?",
                "Warning ...values[1] UnknownReference: there is no MCPServer \"else\"",
                "Warning ...values[2] UnknownReference: no MCPServer has a name like \"x*\"",
                "Warning ...values[3] UnknownReference: there is no MCPServer \"else\"",
            ],
        ),
        (
            servers(&["held:dorp", "held:x*", "listed:dorp", "listed:gone"]),
            &[
                "Warning ...values[0] UnknownReference: ... are approved, and \"dorp\" is not: did you mean \"drop\"?",
                "Warning ...values[1] UnknownReference: ... and \"x*\" is not",
                "Warning ...values[2] UnknownReference: ... does not speak of \"dorp\": did you mean \"drop\"?",
                "Warning ...values[3] NeverMatches: MCPServer listed has \"gone\" disabled, ...",
            ],
        ),
        (
            tools("held", &["drop", "dorp"]),
            &[
                "Warning ...mcpTools.values[0].enabled_tools[1] UnknownReference: ... did you mean \"drop\"?",
            ],
        ),
        (
            tools("else", &["drop"]),
            &[
                "Warning ...mcpTools.values[0].name UnknownReference: there is no MCPServer \"else\"",
            ],
        ),
    ] {
        assert_rule(written_rule, expected);
    }
    // A rule of a team governs what is the team's.
    let mut written = written(vec![guardrail("a", "text")], vec![]);
    written.mcp_servers = mcp_servers();
    let rule = rule("r", servers(&["db", "theirs"]));
    written.configs = vec![config("team-a", "own", vec![rule])];
    let remarks = super::remarks(&written);
    let never = remarks
        .iter()
        .filter(|one| one.contains("governs only the servers of team-a"));
    assert_eq!(never.count(), 1, "{remarks:?}");
}

/// One of which nothing is known, one with tools that are approved, one whose resource speaks of two, and one of a team.
pub(super) fn mcp_servers() -> Vec<WrittenMcpServer> {
    let url = "https://mcp.example.com/mcp";
    let approved = json!([{"name": "drop", "digest": "sha256:0"}]);
    vec![
        mcp_server(POLICY, "db", json!({"url": url})),
        mcp_server(
            POLICY,
            "held",
            json!({"url": url, "pinning": {"mode": "enforce", "approved": approved}}),
        ),
        mcp_server(
            POLICY,
            "listed",
            json!({"url": url, "tools": [{"name": "drop"}, {"name": "gone", "disabled": true}]}),
        ),
        mcp_server("team-a", "theirs", json!({"url": url})),
    ]
}
