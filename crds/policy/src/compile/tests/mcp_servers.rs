//! MCP servers.

use serde_json::json;

use crate::bundle::SecretId;
use crate::compile::{WrittenMcpServer, compile};
use crate::diagnostic::{Reason, Severity};
use crate::testing::{FakeKinds, POLICY, guardrail, mcp_server, source, written};

use super::assert_remarks;

#[test]
fn who_compiles_for_others_lets_no_resource_start_a_program() {
    let mut written = written(vec![], vec![]);
    written.mcp_servers = vec![WrittenMcpServer {
        source: source("MCPServer", "team", "git"),
        created: None,
        collaborators: None,
        spec: json!({"command": {"program": "uvx"}, "tools": []}),
        secret_refs: vec![],
    }];
    let compiled = compile(&written, &FakeKinds);
    let said = compiled.diagnostics.iter();
    let mut said = said.filter(|one| one.path == "spec.command");
    let error = said.next().unwrap();
    assert_eq!(error.reason, Reason::Invalid);
    assert!(error.message.contains("container"), "{}", error.message);
    let held = &compiled.bundle.mcp_servers[0];
    assert_eq!(held.spec, json!({"tools": []}));
}

#[test]
fn an_mcp_server_holds_its_name_for_the_installation_and_is_no_provider() {
    let server = |namespace: &str, created: &str| WrittenMcpServer {
        source: source("MCPServer", namespace, "openai"),
        created: Some(created.into()),
        collaborators: Some(vec!["team:nobody-knows".into()]),
        spec: json!({"url": "http://mcp.example.com"}),
        secret_refs: vec![(
            "headers.Authorization.secretKeyRef".into(),
            SecretId {
                namespace: namespace.into(),
                name: "gone".into(),
                key: "token".into(),
            },
        )],
    };
    let mut written = written(vec![], vec![]);
    written.mcp_servers = vec![
        server("team", "2026-02-01T00:00:00Z"),
        server(POLICY, "2026-01-01T00:00:00Z"),
    ];
    let compiled = compile(&written, &FakeKinds);
    let held: Vec<_> = compiled.bundle.mcp_servers.iter().collect();
    assert_eq!(held.len(), 1);
    assert_eq!(&*held[0].source.namespace, POLICY);
    assert_eq!(held[0].source.file, None);
    assert_eq!(
        compiled.bundle.providers.len(),
        1,
        "the account of the same name stays"
    );
    let said = |namespace: &str, reason: Reason| {
        compiled.diagnostics.iter().any(|one| {
            &*one.source.kind == "MCPServer"
                && &*one.source.namespace == namespace
                && one.reason == reason
        })
    };
    assert!(said("team", Reason::Conflicted));
    assert!(said(POLICY, Reason::UnknownSecret));
    assert!(!compiled.bundle.digest.is_empty());
}

/// A server of the policy namespace.
fn server(name: &str, spec: serde_json::Value) -> WrittenMcpServer {
    mcp_server(POLICY, name, spec)
}

#[test]
fn a_token_endpoint_without_tls_is_told_of() {
    let client =
        |way: &str, url: &str| json!({"url": "https://a/", "auth": {way: {"tokenUrl": url}}});
    let mut written = written(vec![guardrail("a", "text")], vec![]);
    written.mcp_servers = vec![
        server(
            "a",
            client("clientCredentials", "http://id.example.com/token"),
        ),
        server("b", client("tokenExchange", "http://id.example.com/token")),
        server(
            "c",
            client("clientCredentials", "http://127.0.0.1:8080/token"),
        ),
        server("d", client("tokenExchange", "https://id.example.com/token")),
    ];
    assert_remarks(
        &written,
        &[
            "Warning spec.auth.clientCredentials.tokenUrl Suspicious: ... in the clear: write https",
            "Warning spec.auth.tokenExchange.tokenUrl Suspicious: ... in the clear: write https",
        ],
        "token endpoints",
    );
}

#[test]
fn members_that_a_virtual_server_cannot_have_are_named() {
    let real = |name: &str| server(name, json!({"url": "http://mcp.example.com"}));
    let mut elsewhere = real("elsewhere");
    elsewhere.source = source("MCPServer", "team", "elsewhere");
    let mut closed = real("closed");
    closed.collaborators = Some(Vec::new());
    let members = |names: &[&str]| {
        let members: Vec<_> = names.iter().map(|name| json!({"server": name})).collect();
        json!({"virtual": {"members": members}})
    };
    let mut written = written(vec![], vec![]);
    written.mcp_servers = vec![
        real("github"),
        elsewhere,
        closed,
        server("inner", members(&["github"])),
        server("itself", members(&["itself"])),
        server(
            "all",
            members(&["github", "githab", "elsewhere", "inner", "closed"]),
        ),
    ];
    let compiled = compile(&written, &FakeKinds);
    let said: Vec<(&str, &str, Severity, Reason, &str)> = compiled
        .diagnostics
        .iter()
        .filter(|one| one.path.contains("virtual"))
        .map(|one| {
            let path = one.path.strip_prefix("spec.virtual.members").unwrap();
            (
                &*one.source.name,
                path,
                one.severity,
                one.reason,
                &*one.message,
            )
        })
        .collect();
    let unknown = (Severity::Error, Reason::UnknownReference);
    let expected = [
        (
            "all",
            "[1].server",
            unknown,
            "there is no MCPServer \"githab\": did you mean \"github\"?",
        ),
        ("all", "[2].server", unknown, "is of another namespace"),
        ("all", "[3].server", unknown, "is virtual itself"),
        (
            "all",
            "[4].server",
            (Severity::Warning, Reason::Suspicious),
            "admits nobody",
        ),
        ("itself", "[0].server", unknown, "is virtual itself"),
    ];
    assert_eq!(said.len(), expected.len(), "{said:?}");
    for ((name, path, severity, reason, message), expected) in said.iter().zip(expected) {
        assert_eq!(
            (*name, *path, (*severity, *reason)),
            (expected.0, expected.1, expected.2)
        );
        assert!(message.contains(expected.3), "{message}");
    }
    // It stays in the bundle, with the members that it can have.
    let held = compiled
        .bundle
        .mcp_servers
        .iter()
        .find(|held| &*held.source.name == "all");
    assert!(held.unwrap().is_virtual());
}
