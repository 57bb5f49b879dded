//! A gateway with guardrails that find things, and requests for them.

use std::time::Duration;

use parapet_tests::fake_mcp::MODERN;
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::{Answered, Client, Outgoing};
use serde_json::json;

/// The account's token, a reader's and nobody's.
pub(crate) const TOKEN: &str = "reader-token-5f1c";
pub(crate) const NO_READER: &str = "machine-token-77aa";

/// Text of prompts; none of it may be on a page.
pub(crate) const SSN: &str = "536-90-4399";
pub(crate) const KEY: &str = "AKIAQYLPMN5HFIQR7XYA";

/// The time within which a page shows what has just happened.
pub(crate) const SHOWN_WITHIN: Duration = Duration::from_secs(2);
/// Far longer than anything here takes: machines are busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// `${service}` is a guardrail's service.
pub(crate) const RESOURCES: &str = r#"
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: demo}
spec: {demo: {}}
---
apiVersion: parapet.dev/v1alpha1
kind: VirtualAccount
metadata: {name: reader}
spec:
  tokens: [{secretKeyRef: {name: tokens, key: reader}}]
  roles: [console-reader]
---
apiVersion: parapet.dev/v1alpha1
kind: VirtualAccount
metadata: {name: checkout-bot}
spec:
  tokens: [{secretKeyRef: {name: tokens, key: machine}}]
  teams: [payments]
---
apiVersion: v1
kind: Secret
metadata: {name: tokens}
stringData: {reader: reader-token-5f1c, machine: machine-token-77aa}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: my-guardrails}
spec:
  guardrails:
    - {name: secrets, operation: mutate, secretsDetection: {}}
    - {name: pii, regex: {presetPatterns: {presets: [us_ssn]}}}
    - {name: review, enforcingStrategy: audit, regex: {customPatterns: [{pattern: 'project-[a-z]{3,20}'}]}}
    - {name: moderation, enforcingStrategy: enforce_but_ignore_on_error, timeout: 2s, custom: {url: "${service}/judge", target: request}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: baseline}
spec:
  rules:
    - id: everyone
      when: {}
      mandatory: true
      llm_input_guardrails: [my-guardrails/secrets, my-guardrails/pii, my-guardrails/review]
      llm_output_guardrails: [my-guardrails/secrets]
    - id: payments-are-moderated
      when: {subjects: {operator: and, conditions: {in: ["team:payments"]}}}
      llm_input_guardrails: [my-guardrails/moderation]
"#;

/// `${mcp}` is a server with tools.
const TOOLS: &str = r#"
---
apiVersion: parapet.dev/v1alpha1
kind: MCPServer
metadata: {name: github}
spec: {url: "${mcp}"}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: tools}
spec:
  rules:
    - id: tools-get-no-secrets
      when: {target: {conditions: {mcpServers: {values: [github]}}}}
      mcp_tool_pre_invoke_guardrails: [my-guardrails/secrets]
      mcp_tool_post_invoke_guardrails: [my-guardrails/secrets]
"#;

/// A gateway with a console, in front of a server with tools as well.
pub(crate) async fn gateway_with_tools(service: &str, mcp: &str) -> Gateway {
    let resources = format!("{RESOURCES}{TOOLS}").replace("${service}", service);
    start(resources.replace("${mcp}", mcp)).await
}

/// A gateway with a console.
pub(crate) async fn gateway(service: &str) -> Gateway {
    start(RESOURCES.replace("${service}", service)).await
}

async fn start(resources: String) -> Gateway {
    Setup::new(resources)
        .arg("--pod-name")
        .arg("gateway-1")
        .start()
        .await
        .unwrap()
}

/// Asks the model.
pub(crate) async fn ask(gateway: &Gateway, token: &str, model: &str, text: &str) -> (u16, String) {
    let body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
    let request = Outgoing::post("/v1/chat/completions", body.to_string()).bearer(token);
    let answer = gateway.client().send(request).await.unwrap();
    let id = answer.header("x-request-id").unwrap().to_owned();
    (answer.status.as_u16(), id)
}

/// Calls a tool with a text among its arguments.
pub(crate) async fn call(gateway: &Gateway, token: &str, tool: &str, text: &str) -> (u16, String) {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {}});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": tool, "arguments": {"title": "hello", "labels": ["bug", text]}, "_meta": meta}});
    let request = Outgoing::post("/mcp/github", message.to_string())
        .bearer(token)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool);
    let answer = gateway.client().send(request).await.unwrap();
    let id = answer.header("x-request-id").unwrap().to_owned();
    (answer.status.as_u16(), id)
}

/// A page as the reader sees it.
pub(crate) async fn read(gateway: &Gateway, path: &str) -> Answered {
    let request = Outgoing::get(path).bearer(TOKEN);
    Client::new(gateway.admin()).send(request).await.unwrap()
}

/// The same once it has a text.
pub(crate) async fn read_until(gateway: &Gateway, path: &str, wanted: &str) -> Answered {
    let begun = std::time::Instant::now();
    loop {
        let page = read(gateway, path).await;
        if page.text().unwrap().contains(wanted) {
            return page;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{path} has no {wanted}: {}",
            page.text().unwrap()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
