//! What a task came to is judged as its tool's, whatever message asks for it.

use parapet_tests::fake_mcp::{FakeMcp, Turn};
use parapet_tests::harness::{Gateway, Setup};
use serde_json::{Value, json};

use super::guarded::is_blocked;
use super::support::{CALLERS, call, in_session, initialize, messages, server, stateless};

/// Guardrails for one tool only.
const POLICY: &str = r#"---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: redact, operation: mutate, regex: {customPatterns: [{pattern: "MARK-[0-9]+", redactionText: "[HIDDEN]"}]}}
    - {name: bad, regex: {customPatterns: [{pattern: "BAD-7f3a"}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: lookup-only
      when: {target: {conditions: {mcpServers: {values: ["fake:lookup"]}}}}
      mcp_tool_pre_invoke_guardrails: [g/bad]
      mcp_tool_post_invoke_guardrails: [g/redact, g/bad]
"#;

async fn guarded(fake: &FakeMcp) -> Gateway {
    let resources = format!("{CALLERS}{POLICY}{}", server("fake", &fake.url(), ""));
    Setup::new(resources).start().await.unwrap()
}

/// Begins a task with a tool.
async fn begin(gateway: &Gateway, fake: &FakeMcp, tool: &str, task: &str) {
    let begun = json!({"resultType": "task", "taskId": task, "status": "working", "ttlMs": 60000});
    fake.script(&format!("tools/call {tool}"), [Turn::result(begun)]);
    let answered = gateway
        .client()
        .send(call(tool, json!({"text": "x"})))
        .await
        .unwrap();
    assert_eq!(answered.json().unwrap()["result"]["taskId"], task);
}

/// What the task is said to have come to.
async fn came_to(gateway: &Gateway, fake: &FakeMcp, task: &str, result: &Value) -> Value {
    let done = json!({"taskId": task, "status": "completed", "result": result});
    fake.script("tasks/get", [Turn::result(done)]);
    let request = stateless("tasks/get", json!({"taskId": task}));
    let answered = gateway.client().send(request).await.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    answered.json().unwrap()["result"]["result"].clone()
}

fn said(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_for_a_tool_judge_what_its_tasks_come_to() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    begin(&gateway, &fake, "lookup", "t-lookup").await;
    begin(&gateway, &fake, "echo", "t-echo").await;
    for (task, is_judged) in [("t-lookup", true), ("t-echo", false), ("t-unknown", true)] {
        let got = came_to(&gateway, &fake, task, &said("BAD-7f3a")).await;
        let stopped = json!({ "result": got });
        assert_eq!(is_blocked(&stopped), is_judged, "{task}: {got}");
        let got = came_to(&gateway, &fake, task, &said("a MARK-1")).await;
        let text = if is_judged { "a [HIDDEN]" } else { "a MARK-1" };
        assert_eq!(got["content"][0]["text"], text, "{task}");
    }
    // The same after a restart: nothing is known of any task.
    let later = guarded(&fake).await;
    let got = came_to(&later, &fake, "t-lookup", &said("BAD-7f3a")).await;
    assert!(is_blocked(&json!({ "result": got })), "{got}");
}

#[tokio::test(flavor = "multi_thread")]
async fn structured_content_of_a_task_is_held_to_its_tools_schema() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    begin(&gateway, &fake, "lookup", "t").await;
    let structured = |text: &str| json!({"content": [], "structuredContent": {"text": text}});
    // The schema of `lookup` allows any text; the gateway lists the tools to know.
    let got = came_to(&gateway, &fake, "t", &structured("MARK-1")).await;
    assert_eq!(got["structuredContent"]["text"], "[HIDDEN]", "{got}");
    assert_eq!(fake.count("tools/list"), 1);
    // Of an unknown task it is not known whether the result would still be one.
    let got = came_to(&gateway, &fake, "t-unknown", &structured("MARK-1")).await;
    assert!(is_blocked(&json!({ "result": got })), "{got}");
    let got = came_to(&gateway, &fake, "t-unknown", &structured("fine")).await;
    assert_eq!(got["structuredContent"]["text"], "fine", "{got}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_have_tasks_too_and_answers_belong_to_some_tool() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let session = initialize(&gateway).await;
    let send = async |message: Value| {
        let request = in_session(Some(&session), &message);
        gateway.client().send(request).await.unwrap()
    };
    for (tool, is_judged) in [("lookup", true), ("echo", false)] {
        let task = format!("t-{tool}");
        let begun = json!({"task": {"taskId": task, "status": "working"}});
        fake.script(&format!("tools/call {tool}"), [Turn::result(begun)]);
        let params = json!({"name": tool, "arguments": {"text": "x"}, "task": {"ttl": 60000}});
        send(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})).await;
        fake.script("tasks/result", [Turn::result(said("BAD-7f3a"))]);
        let params = json!({"taskId": task});
        let asked = json!({"jsonrpc": "2.0", "id": 2, "method": "tasks/result", "params": params});
        let told = messages(&send(asked).await).pop().unwrap();
        assert_eq!(is_blocked(&told), is_judged, "{tool}: {told}");
    }
    // Whose call a client's answer belongs to only the server knows: it is judged as any tool's.
    fake.server().take_calls();
    let filled_in = json!({"action": "accept", "content": {"a": "BAD-7f3a"}});
    send(json!({"jsonrpc": "2.0", "id": "s-1", "result": filled_in})).await;
    let got = fake.messages().pop().unwrap();
    assert_eq!(got["result"]["action"], "decline", "{got}");
}
