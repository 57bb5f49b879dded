//! Guardrails on an HTTP API: the same two hooks as on every server.

use parapet_tests::harness::{Gateway, Setup};
use serde_json::{Value, json};

use super::openapi::{described, pet_store, result};
use super::support::{CALLERS, call, in_session, initialize};

const GUARDRAILS: &str = r#"---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: drop, sqlSanitizer: {}}
    - {name: keys, operation: mutate, regex: {customPatterns: [{pattern: "KEY-[0-9]+", redactionText: "[HIDDEN]"}]}}
    - name: readers
      cedar:
        policy: |
          permit(principal, action == Action::"MCPToolInvoke", resource) when { context.hints has readOnly && context.hints.readOnly };
          permit(principal, action == Action::"MCPToolInvoke", resource in Tool::"fake:addPet");
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: tools
      when: {target: {conditions: {mcpServers: {values: [fake]}}}}
      mcp_tool_pre_invoke_guardrails: [g/drop, g/keys, g/readers]
      mcp_tool_post_invoke_guardrails: [g/keys]
"#;

async fn guarded(base: &str) -> Gateway {
    let petstore = include_str!("../../fixtures/openapi/petstore-expanded.json");
    let server = described(petstore, base, &json!({}));
    let resources = format!("{CALLERS}{GUARDRAILS}{server}");
    Setup::new(resources).start().await.unwrap()
}

fn is_block(result: &Value, guardrail: &str) -> bool {
    let told = result["content"][0]["text"].as_str().unwrap_or_default();
    result["isError"] == true && told.contains(guardrail)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_argument_never_reaches_the_api() {
    let api = pet_store().await;
    let gateway = guarded(&format!("http://{}/api", api.addr())).await;
    let blocked = result(&gateway, "addPet", json!({"name": "x; DROP TABLE pets"})).await;
    assert!(is_block(&blocked, "g/drop"), "{blocked}");
    assert!(!blocked.to_string().contains("pets"));
    let session = initialize(&gateway).await;
    let message = json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "findPets", "arguments": {"tags": ["1; DROP TABLE pets"]}}});
    let answered = gateway
        .client()
        .send(in_session(Some(&session), &message))
        .await
        .unwrap();
    assert!(is_block(&answered.json().unwrap()["result"], "g/drop"));
    // Policies know what a method does, whatever the document says of it.
    let refused = result(&gateway, "deletePet", json!({"id": 7})).await;
    assert!(is_block(&refused, "g/readers"), "{refused}");
    assert_eq!(api.calls().len(), 0);
    // A redacted argument is what the API gets, and the session lives on.
    let added = result(&gateway, "addPet", json!({"name": "KEY-5", "tag": "a"})).await;
    assert_eq!(added["structuredContent"]["name"], "[HIDDEN]");
    assert_eq!(api.calls()[0].body, r#"{"name":"[HIDDEN]","tag":"a"}"#);
    let message = json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "findPets", "arguments": {}}});
    let answered = gateway
        .client()
        .send(in_session(Some(&session), &message))
        .await
        .unwrap();
    assert_eq!(answered.json().unwrap()["result"].get("isError"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_and_errors_are_redacted_wherever_they_stand() {
    let api = pet_store().await;
    let gateway = guarded(&format!("http://{}/api", api.addr())).await;
    let pet = result(&gateway, "find_pet_by_id", json!({"id": 7})).await;
    assert_eq!(pet["structuredContent"]["name"], "Rex [HIDDEN]");
    let text = pet["content"][0]["text"].as_str().unwrap();
    let text: Value = serde_json::from_str(text).unwrap();
    assert_eq!(text, pet["structuredContent"]);
    let missing = call("find_pet_by_id", json!({"id": 9}));
    let answered = gateway.client().send(missing).await.unwrap();
    let text = answered.text().unwrap();
    assert!(
        text.contains("no pet of [HIDDEN]") && !text.contains("KEY-2"),
        "{text}"
    );
}
