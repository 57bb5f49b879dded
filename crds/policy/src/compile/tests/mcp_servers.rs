//! MCP servers.

use serde_json::json;

use crate::bundle::SecretId;
use crate::compile::{WrittenMcpServer, compile};
use crate::diagnostic::Reason;
use crate::testing::{FakeKinds, POLICY, source, written};

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
