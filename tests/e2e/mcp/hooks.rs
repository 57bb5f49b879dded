//! Guardrails on MCP messages: what is blocked reaches nobody, what is redacted reads redacted everywhere.

use parapet_tests::fake_mcp::{FakeMcp, Manner, Turn};
use parapet_tests::harness::{Gateway, Setup};
use serde_json::{Value, json};

use super::support::{CALLERS, call, in_session, initialize, messages, server, stateless};

const GUARDRAILS: &str = r#"---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: drop, sqlSanitizer: {}}
    - {name: keys, operation: mutate, regex: {customPatterns: [{pattern: "KEY-[0-9]+", redactionText: "[HIDDEN]"}]}}
    - {name: forbidden, regex: {customPatterns: [{pattern: "FORBIDDEN"}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: tools
      when: {target: {conditions: {mcpServers: {values: [fake]}}}}
      mcp_tool_pre_invoke_guardrails: [g/drop, g/keys]
      mcp_tool_post_invoke_guardrails: [g/keys, g/forbidden]
    - id: one-tool
      when: {target: {conditions: {mcpServers: {values: ["fake:lookup"]}}}}
      mcp_tool_pre_invoke_guardrails: [g/forbidden]
"#;

async fn guarded(fake: &FakeMcp) -> Gateway {
    let resources = format!("{CALLERS}{GUARDRAILS}{}", server("fake", &fake.url(), ""));
    Setup::new(resources).start().await.unwrap()
}

fn is_block(message: &Value, guardrail: &str, text: &str) -> bool {
    let result = &message["result"];
    let told = result["content"][0]["text"].as_str().unwrap_or_default();
    result["isError"] == true && told.contains(guardrail) && !message.to_string().contains(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_call_never_reaches_the_tool_and_the_agent_reads_why() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let request = call("echo", json!({"text": "x; DROP TABLE users"}));
    let answered = gateway.client().send(request).await.unwrap();
    assert_eq!(answered.status, 200);
    let message = answered.json().unwrap();
    assert!(is_block(&message, "g/drop", "users"), "{message}");
    assert_eq!(message["id"], 7);
    assert_eq!(message["result"]["resultType"], "complete");
    let told = answered.header("x-parapet-guardrails").unwrap();
    assert!(told.contains("g/drop;outcome=violation"), "{told}");
    assert_eq!(fake.server().calls().len(), 0);
    let id = answered.header("x-request-id").unwrap();
    let record = gateway.record(id).await.unwrap();
    assert_eq!(record["end"], "blocked_violation");
    assert_eq!(record["attempts"], json!([]));

    // A rule for one tool is for that tool.
    let lookup = call("lookup", json!({"text": "FORBIDDEN"}));
    let answered = gateway.client().send(lookup).await.unwrap();
    assert!(is_block(
        &answered.json().unwrap(),
        "g/forbidden",
        "FORBIDDEN"
    ));
    assert_eq!(fake.count("tools/call"), 0);
    let echo = call("echo", json!({"text": "fine"}));
    let answered = gateway.client().send(echo).await.unwrap();
    assert!(answered.json().unwrap()["result"]["content"].is_array());
    assert_eq!(fake.count("tools/call"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redacted_argument_reads_the_same_in_its_header() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let request = call("regional", json!({"region": "KEY-123", "query": "KEY-4"}));
    let request = request.header("mcp-param-region", "KEY-123");
    let answered = gateway.client().send(request).await.unwrap();
    // The server itself refuses a header that disagrees with the body.
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    let calls = fake.server().calls();
    let arguments = &calls[0].json()["params"]["arguments"];
    assert_eq!(
        *arguments,
        json!({"region": "[HIDDEN]", "query": "[HIDDEN]"})
    );
    assert_eq!(calls[0].header("mcp-param-region"), Some("[HIDDEN]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_redacted_or_blocked_however_they_come() {
    for events in [false, true] {
        let manner = Manner {
            events,
            ..Manner::default()
        };
        let fake = FakeMcp::start_as(manner).await.unwrap();
        let gateway = guarded(&fake).await;
        let result = json!({
            "content": [{"type": "text", "text": "{\"text\":\"KEY-1\"}"}, {"type": "resource_link", "uri": "note://KEY-2", "name": "KEY-3"}],
            "structuredContent": {"text": "KEY-1"},
        });
        let turn = Turn::result(result).after_notification(
            "notifications/message",
            json!({"level": "info", "data": "KEY-9 found"}),
        );
        let blocked = Turn::text("this is FORBIDDEN KEY-5");
        let failed = Turn::error(-32000, "cannot open KEY-6");
        fake.script("tools/call echo", [turn, blocked, failed]);
        let echo = || call("echo", json!({"text": "x"}));
        let answered = gateway.client().send(echo()).await.unwrap();
        let text = answered.text().unwrap();
        assert!(!text.contains("KEY-"), "{text}");
        let told = messages(&answered);
        assert_eq!(told[0]["params"]["data"], "[HIDDEN] found");
        assert_eq!(
            told[1]["result"]["structuredContent"],
            json!({"text": "[HIDDEN]"})
        );
        assert_eq!(
            told[1]["result"]["content"][0]["text"],
            "{\"text\":\"[HIDDEN]\"}"
        );

        let answered = gateway.client().send(echo()).await.unwrap();
        let told = messages(&answered).pop().unwrap();
        assert!(is_block(&told, "g/forbidden", "KEY-5"), "{told}");

        let answered = gateway.client().send(echo()).await.unwrap();
        let told = messages(&answered).pop().unwrap();
        assert_eq!(told["error"]["message"], "cannot open [HIDDEN]", "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_on_after_a_block_and_a_server_that_asks_for_what_it_may_not_is_answered() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let session = initialize(&gateway).await;
    let echo = |id: u64, text: &str| {
        let params = json!({"name": "echo", "arguments": {"text": text}});
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        in_session(Some(&session), &message)
    };
    let client = gateway.client();
    let answered = client.send(echo(1, "x; DROP TABLE users")).await.unwrap();
    assert_eq!(answered.status, 200);
    let told = messages(&answered).pop().unwrap();
    assert!(is_block(&told, "g/drop", "users"), "{told}");
    assert_eq!(told["result"]["resultType"], Value::Null);
    assert_eq!(fake.count("tools/call"), 0);

    let ask = json!({"message": "Type FORBIDDEN", "requestedSchema": {"type": "object", "properties": {}}});
    fake.script(
        "tools/call echo",
        [Turn::default().asking("elicitation/create", ask)],
    );
    let answered = client.send(echo(2, "x")).await.unwrap();
    let told = messages(&answered);
    assert!(!answered.text().unwrap().contains("FORBIDDEN"), "{told:?}");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["id"], 2);

    fake.script("tools/call echo", [Turn::text("well")]);
    let answered = client.send(echo(3, "x")).await.unwrap();
    assert_eq!(
        messages(&answered)[0]["result"]["content"][0]["text"],
        "well"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_and_resources_are_judged_and_refused_as_errors() {
    let fake = FakeMcp::start().await.unwrap();
    fake.edit(|catalog| catalog.resources[0]["text"] = "FORBIDDEN text".into());
    let gateway = guarded(&fake).await;
    let read = stateless("resources/read", json!({"uri": "note://one"}));
    let answered = gateway.client().send(read).await.unwrap();
    assert_eq!(answered.status, 200);
    let message = answered.json().unwrap();
    assert!(
        message["error"]["message"]
            .as_str()
            .unwrap()
            .contains("g/forbidden"),
        "{message}"
    );
    assert!(!message.to_string().contains("FORBIDDEN"), "{message}");
}
