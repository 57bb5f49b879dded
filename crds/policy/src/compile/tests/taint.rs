//! What is said about rules on conversations that have read text of strangers.

use serde_json::{Value, json};

use crate::compile::WrittenMcpServer;
use crate::testing::{FakeKinds, POLICY, guardrail, mcp_server, rule, written};

use super::assert_remarks;

fn server(spec: Value) -> WrittenMcpServer {
    mcp_server(POLICY, "web", spec)
}

#[test]
fn a_rule_that_can_never_stop_anything_is_told_of() {
    let untrusted = || json!({"url": "http://web.example.com", "trust": "untrusted"});
    let trusted = || json!({"url": "http://web.example.com"});
    let on = |conditions: Value| json!({"target": {"operator": "or", "conditions": conditions}});
    let models = on(json!({"model": {"values": ["*"], "condition": "in"}}));
    let servers = on(json!({"mcpServers": {"values": ["web"], "condition": "in"}}));
    let rows: [(Value, Value, &[&str]); 6] = [
        (json!({"taint": "block"}), untrusted(), &[]),
        (
            json!({"taint": "audit", "taint_scope": "caller", "when": servers}),
            untrusted(),
            &[],
        ),
        (
            json!({"taint": "block"}),
            trusted(),
            &[
                "Warning spec.rules[0].taint NeverMatches: this does nothing yet: no MCPServer is marked ...",
            ],
        ),
        (
            json!({"taint": "block", "when": models}),
            untrusted(),
            &["Warning spec.rules[0].taint NeverMatches: this never does anything: ..."],
        ),
        (
            json!({"taint_scope": "caller", "unscannable": "allow"}),
            untrusted(),
            &["Warning spec.rules[0].taint_scope NeverMatches: ... add taint: block or audit"],
        ),
        (
            json!({"taint_scope": "caller"}),
            untrusted(),
            &[
                "Warning spec.rules[0] NeverMatches: the rule selects no guardrail, ...",
                "Warning spec.rules[0].taint_scope NeverMatches: ...",
            ],
        ),
    ];
    for (of_rule, of_server, expected) in rows {
        let what = format!("{of_rule} {of_server}");
        let mut written = written(vec![guardrail("a", "text")], vec![rule("r", of_rule)]);
        written.mcp_servers = vec![server(of_server)];
        assert_remarks(&written, expected, &what);
    }
}

#[test]
fn what_a_rule_says_is_in_the_bundle_and_changes_its_digest() {
    let bundle = |of_rule: Value| {
        let mut written = written(vec![], vec![rule("r", of_rule)]);
        written.mcp_servers = vec![server(json!({"url": "http://w", "trust": "untrusted"}))];
        crate::compile::compile(&written, &FakeKinds).bundle
    };
    let (audit, block) = (
        bundle(json!({"taint": "audit"})),
        bundle(json!({"taint": "block"})),
    );
    assert_ne!(audit.digest, block.digest);
    let caller = bundle(json!({"taint": "block", "taint_scope": "caller"}));
    assert_ne!(caller.digest, block.digest);
    let read: crate::bundle::Bundle =
        serde_json::from_str(&serde_json::to_string(&caller).unwrap()).unwrap();
    assert_eq!(read, caller);
}
