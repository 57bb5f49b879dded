//! Spans of MCP: a call, and what its server says before it answers.

use parapet_tests::collector::{Collector, Span};
use parapet_tests::fake_mcp::{FakeMcp, MODERN, Turn};
use parapet_tests::http_client::Outgoing;
use parapet_tests::world::TOKEN;
use serde_json::json;

use crate::support::{exporting_with, outcome, tree};

fn resources(fake: &FakeMcp) -> String {
    let url = fake.url();
    format!(
        "apiVersion: parapet.dev/v1alpha1
kind: MCPServer
metadata: {{name: fake}}
spec: {{url: \"{url}\"}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {{name: g}}
spec:
  guardrails:
    - {{name: word, regex: {{customPatterns: [{{pattern: FORBIDDEN}}]}}}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {{name: rules}}
spec:
  rules:
    - id: tools
      when: {{target: {{conditions: {{mcpServers: {{values: [fake]}}}}}}}}
      mcp_tool_post_invoke_guardrails: [g/word]
"
    )
}

#[tokio::test]
async fn what_a_server_says_before_its_answer_has_spans_below_the_call() {
    let Some(collector) = Collector::start().await.unwrap() else {
        return;
    };
    let fake = FakeMcp::start().await.unwrap();
    let world = exporting_with(&resources(&fake), &collector.grpc(), "grpc", &[]).await;
    let said = |text: &str| json!({"level": "info", "data": text});
    let turn = Turn::text("done")
        .after_notification("notifications/message", said("half way"))
        .after_notification("notifications/message", said("FORBIDDEN whisper"));
    fake.script("tools/call echo", [turn]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}});
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "x"}, "_meta": meta}});
    let request = Outgoing::post("/mcp/fake", call.to_string())
        .bearer(TOKEN)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "echo");
    let answer = world.client.send(request).await.unwrap();
    let text = answer.text().unwrap();
    assert!(text.contains("half way") && text.contains("done") && !text.contains("FORBIDDEN"));
    let id = answer.header("x-request-id").unwrap();
    let spans = collector.spans_of(id).await.unwrap();
    let lines = [
        "POST /mcp/{server} 200",
        "  notifications/message echo",
        "    run_guardrail g/word mcp_tool_post_invoke clean allow",
        "  notifications/message echo guardrail_checks_failed",
        "    run_guardrail g/word mcp_tool_post_invoke violation block custom_1",
        "  tools/call echo",
        "    POST 200",
        "  run_guardrail g/word mcp_tool_post_invoke clean allow",
    ];
    let mut found = tree(&spans, outcome);
    let blocked = found
        .iter()
        .position(|line| line.contains("guardrail_checks_failed"));
    // Which of the two comes first in the tree is up to their ids.
    if blocked == Some(1) {
        found[1..5].rotate_left(2);
    }
    assert_eq!(found, lines);
    let aside: Vec<&Span> = spans
        .iter()
        .filter(|span| span.name() == "notifications/message echo")
        .collect();
    for span in aside {
        assert_eq!(span.told("mcp.method.name"), "notifications/message");
        assert_eq!(span.told("mcp.protocol.version"), MODERN);
        assert_eq!(span.told("parapet.mcp.server"), "fake");
        assert_eq!(span.field("kind"), 1);
    }
    assert!(!collector.everything().contains("whisper"));
}
