//! Results that clients hold to a schema which no list has shown to the gateway.

use std::time::Duration;

use parapet_tests::fake_mcp::{FakeMcp, Turn};
use parapet_tests::harness::{Gateway, Setup};
use serde_json::{Value, json};

use super::support::{CALLERS, call, in_session, initialize, messages, server};

const RULES: &str = r#"---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: keys, operation: mutate, regex: {customPatterns: [{pattern: "KEY-[0-9]+", redactionText: "[HIDDEN]"}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: tools
      when: {target: {conditions: {mcpServers: {values: [fake]}}}}
      mcp_tool_post_invoke_guardrails: [g/keys]
"#;

async fn guarded(fake: &FakeMcp) -> Gateway {
    let resources = format!("{CALLERS}{RULES}{}", server("fake", &fake.url(), ""));
    Setup::new(resources).start().await.unwrap()
}

/// A server whose tool `free` gives any text, and whose tool `strict` gives keys only.
async fn fake() -> FakeMcp {
    let fake = FakeMcp::start().await.unwrap();
    let tool = |name: &str, text: Value| {
        let schema = json!({"type": "object", "properties": {"text": text}, "required": ["text"]});
        json!({"name": name, "inputSchema": {"type": "object"}, "outputSchema": schema})
    };
    fake.edit(|catalog| {
        catalog.tools = vec![
            tool("free", json!({"type": "string"})),
            tool(
                "strict",
                json!({"type": "string", "enum": ["KEY-1", "KEY-2"]}),
            ),
        ];
    });
    for name in ["free", "strict", "unlisted"] {
        let result = json!({"content": [{"type": "text", "text": "{\"text\":\"KEY-1\"}"}], "structuredContent": {"text": "KEY-1"}});
        fake.script(&format!("tools/call {name}"), [Turn::result(result)]);
    }
    fake
}

fn is_redacted(told: &Value) -> bool {
    told["result"]["structuredContent"]["text"] == "[HIDDEN]"
}

fn is_blocked(told: &Value) -> bool {
    told["result"]["isError"] == true && !told.to_string().contains("KEY-1")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_nobody_listed_is_looked_up_once() {
    let fake = fake().await;
    let gateway = guarded(&fake).await;
    let slow = Turn::default().after(Duration::from_millis(300));
    fake.script("tools/list", [slow]);
    let client = gateway.client();
    let ask = |tool: &'static str| {
        let client = client.clone();
        async move {
            let answered = client.send(call(tool, json!({}))).await.unwrap();
            answered.json().unwrap()
        }
    };
    let all = tokio::join!(ask("strict"), ask("free"), ask("strict"), ask("free"));
    assert!(is_blocked(&all.0) && is_blocked(&all.2), "{all:?}");
    assert!(is_redacted(&all.1) && is_redacted(&all.3), "{all:?}");
    assert_eq!(fake.count("tools/list"), 1);
    let asked = &fake.of("tools/list")[0];
    assert!(asked["id"] != 7, "{asked}");
    // What no list shows is not known afterwards either, and not asked for again at once.
    for _ in 0..2 {
        let told = ask("unlisted").await;
        assert!(is_blocked(&told), "{told}");
    }
    assert_eq!(fake.count("tools/list"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_session_it_is_looked_up_in_that_session() {
    let fake = fake().await;
    let gateway = guarded(&fake).await;
    let session = initialize(&gateway).await;
    for (tool, is_right) in [
        ("free", is_redacted as fn(&Value) -> bool),
        ("strict", is_blocked),
    ] {
        let message =
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}});
        let request = in_session(Some(&session), &message);
        let answered = gateway.client().send(request).await.unwrap();
        let told = messages(&answered).pop().unwrap();
        assert!(is_right(&told), "{tool}: {told}");
    }
    assert_eq!(fake.count("tools/list"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_up_is_not_changed_but_stopped() {
    let fake = fake().await;
    fake.script("tools/list", [Turn::error(-32603, "not now")]);
    let gateway = guarded(&fake).await;
    let answered = gateway
        .client()
        .send(call("free", json!({})))
        .await
        .unwrap();
    let told = answered.json().unwrap();
    assert!(is_blocked(&told), "{told}");
    // Without structured content there is nothing to break, and nobody asks.
    let before = fake.count("tools/list");
    fake.script("tools/call free", [Turn::text("KEY-1")]);
    let answered = gateway
        .client()
        .send(call("free", json!({})))
        .await
        .unwrap();
    let told = answered.json().unwrap();
    assert_eq!(told["result"]["content"][0]["text"], "[HIDDEN]");
    assert_eq!(fake.count("tools/list"), before);
}
