use serde_json::{Value, json};

use super::{McpServerSpec, refused_header};

fn problems(spec: Value) -> Vec<(String, String)> {
    serde_json::from_value::<McpServerSpec>(spec)
        .unwrap()
        .problems()
}

fn digest(digit: char) -> String {
    format!("sha256:{}", String::from(digit).repeat(64))
}

#[test]
fn a_whole_server_is_read_and_written_back() {
    let spec = json!({
        "collaborators": [{"subject": "team:everyone", "role": "User"}],
        "url": "https://mcp.example.com/mcp",
        "headers": {
            "Authorization": {"secretKeyRef": {"name": "github", "key": "authorization"}},
            "x-plain": "yes",
        },
        "auth": {"perUser": {"headers": ["Authorization"]}},
        "passHeaders": ["x-tenant"],
        "tools": [
            {"name": "delete_repo", "disabled": true},
            {"name": "send", "description": "Sends.", "readOnly": false, "destructive": true, "idempotent": false, "openWorld": true, "egress": true},
        ],
        "trust": "untrusted",
        "trustAnnotations": true,
        "pinning": {
            "mode": "enforce", "approved": [{"name": "send", "digest": digest('0')}],
            "approvedInstructions": [digest('f')], "maxAge": "30s",
        },
    });
    let read: McpServerSpec = serde_json::from_value(spec.clone()).unwrap();
    assert_eq!(read.problems(), []);
    assert_eq!(serde_json::to_value(&read).unwrap(), spec);
}

#[test]
fn a_virtual_server_is_read_and_written_back() {
    let spec = json!({
        "virtual": {
            "members": [
                {"server": "github", "tools": ["get_*", "create_issue"], "prefix": "gh"},
                {"server": "jira", "prefix": ""},
                {"server": "wiki"},
            ],
            "onMemberFailure": "fail",
            "instructions": "Look into the wiki first.",
        },
        "tools": [{"name": "gh_create_issue", "destructive": true}],
    });
    let read: McpServerSpec = serde_json::from_value(spec.clone()).unwrap();
    assert_eq!(read.problems(), []);
    assert_eq!(serde_json::to_value(&read).unwrap(), spec);
}

#[test]
fn what_a_schema_cannot_say_is_said() {
    let url = "http://mcp.example.com";
    let rows = [
        (json!({}), "spec"),
        (
            json!({"url": url, "tools": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}),
            "spec.tools[2].name",
        ),
        (
            json!({"url": url, "passHeaders": ["x-ok", "Authorization"]}),
            "spec.passHeaders[1]",
        ),
        (json!({"url": url, "auth": {}}), "spec.auth"),
        (
            json!({"url": url, "auth": {"perUser": {"headers": ["Authorization", "Mcp-Name"]}}}),
            "spec.auth.perUser.headers[1]",
        ),
        (
            json!({"url": url, "pinning": {"approved": [{"name": "a", "digest": "sha256:0"}]}}),
            "spec.pinning.approved[0].digest",
        ),
        (
            json!({"url": url, "pinning": {"approved": [
                {"name": "a", "digest": digest('0')}, {"name": "a", "digest": digest('1')},
                {"name": "a", "digest": digest('0')},
            ]}}),
            "spec.pinning.approved[2]",
        ),
        (
            json!({"url": url, "pinning": {"approvedInstructions": [digest('a'), digest('A')]}}),
            "spec.pinning.approvedInstructions[1]",
        ),
        (
            json!({"url": url, "pinning": {"mode": "enforce", "maxAge": "999ms"}}),
            "spec.pinning.maxAge",
        ),
        (
            json!({"url": url, "virtual": {"members": [{"server": "a"}]}}),
            "spec",
        ),
        (json!({"virtual": {"members": []}}), "spec.virtual.members"),
        (
            json!({"virtual": {"members": [{"server": "a"}, {"server": "a"}]}}),
            "spec.virtual.members[1].server",
        ),
        (
            json!({"virtual": {"members": [{"server": "a", "tools": []}]}}),
            "spec.virtual.members[0].tools",
        ),
        (
            json!({"virtual": {"members": [{"server": "a", "prefix": "a.b"}]}}),
            "spec.virtual.members[0].prefix",
        ),
        (
            json!({"virtual": {"members": [{"server": "a"}]}, "headers": {"x": "y"}}),
            "spec.headers",
        ),
        (
            json!({"virtual": {"members": [{"server": "a"}]}, "trust": "untrusted"}),
            "spec.trust",
        ),
    ];
    for (spec, path) in rows {
        let found = problems(spec.clone());
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, [path], "{spec}");
    }
}

#[test]
fn headers_of_the_protocol_and_of_the_gateway_are_not_passed_on() {
    for name in [
        "Authorization",
        "cookie",
        "Mcp-Session-Id",
        "MCP-Protocol-Version",
        "x-tfy-mcp-headers",
        "X-Parapet-Guardrails",
        "Host",
    ] {
        assert!(refused_header(name).is_some(), "{name}");
    }
    for name in ["x-tenant", "traceparent", "accept-language"] {
        assert_eq!(refused_header(name), None, "{name}");
    }
}

#[test]
fn a_program_has_no_headers_and_no_url() {
    let command = json!({"program": "uvx"});
    assert_eq!(problems(json!({"command": command})), []);
    let given = problems(json!({
        "command": command, "url": "https://mcp.example.com", "protocol": "modern",
        "headers": {"a": "b"}, "passHeaders": ["x-a"], "tls": {}, "auth": {"perUser": {"headers": ["x-b"]}},
    }));
    let paths: Vec<&str> = given.iter().map(|(path, _)| path.as_str()).collect();
    for path in [
        "spec",
        "spec.headers",
        "spec.passHeaders",
        "spec.auth",
        "spec.tls",
        "spec.protocol",
    ] {
        assert!(paths.contains(&path), "{path}: {given:?}");
    }
}
