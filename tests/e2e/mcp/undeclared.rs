//! Servers that ask for what their client did not declare.

use std::time::Duration;

use parapet_tests::fake::Call;
use parapet_tests::fake_mcp::{Era, FakeMcp, Manner, Turn};
use parapet_tests::harness::Gateway;
use serde_json::{Value, json};

use super::support::{before, bodiless, in_session, messages, post, stateless};

/// Asks although it must not, and answers with what it was told.
fn asking(method: &str, params: &Value) -> Turn {
    let mut turn = Turn::default().asking(method, params.clone());
    turn.ask_undeclared = true;
    turn
}

/// What is asked, what would have to be declared for it, and what is declared instead.
fn rows() -> [(&'static str, Value, Value, Value); 5] {
    let message = json!([{"role": "user", "content": {"type": "text", "text": "hi"}}]);
    let sampling = json!({"messages": message, "maxTokens": 10});
    let with_tools = json!({"messages": message, "maxTokens": 10, "tools": [{"name": "t", "inputSchema": {"type": "object"}}]});
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}});
    let form = json!({"message": "who?", "requestedSchema": schema});
    let url = json!({"mode": "url", "message": "log in", "url": "https://example.com/", "elicitationId": "e"});
    [
        (
            "sampling/createMessage",
            sampling,
            json!({"sampling": {}}),
            json!({"elicitation": {}, "roots": {}}),
        ),
        (
            "sampling/createMessage",
            with_tools,
            json!({"sampling": {"tools": {}}}),
            json!({"sampling": {}}),
        ),
        (
            "elicitation/create",
            form,
            json!({"elicitation": {"form": {}}}),
            json!({"sampling": {}}),
        ),
        (
            "elicitation/create",
            url,
            json!({"elicitation": {"url": {}}}),
            json!({"elicitation": {}}),
        ),
        ("roots/list", json!({}), json!({"roots": {}}), json!({})),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateless_server_is_not_heard_and_the_client_learns_what_is_missing() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let send = async |declared: &Value| {
        let params = json!({"name": "echo", "arguments": {"text": "x"},
            "_meta": {"io.modelcontextprotocol/clientCapabilities": declared}});
        let request = stateless("tools/call", params);
        gateway.client().send(request).await.unwrap()
    };
    for (method, params, needed, declared) in rows() {
        fake.script("tools/call echo", [asking(method, &params)]);
        let answered = send(&declared).await;
        assert_eq!(answered.status, 400, "{method}");
        let told = answered.json().unwrap();
        assert_eq!(told["error"]["code"], -32021, "{told}");
        assert_eq!(told["error"]["data"]["requiredCapabilities"], needed);
        assert!(!answered.text().unwrap().contains("inputRequests"));
        let answered = send(&needed).await;
        let told = answered.json().unwrap();
        assert_eq!(told["result"]["resultType"], "input_required", "{told}");
    }
}

async fn begin(gateway: &Gateway, capabilities: &Value) -> String {
    let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": capabilities,
        "clientInfo": {"name": "test", "version": "1"}}});
    let request = post(message.to_string());
    let answered = gateway.client().send(request).await.unwrap();
    answered.header("mcp-session-id").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_session_the_server_is_told_no_and_the_call_goes_on() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "x"}}});
    for (method, params, needed, declared) in rows() {
        fake.script("tools/call echo", [asking(method, &params)]);
        let session = begin(&gateway, &declared).await;
        let request = in_session(Some(&session), &call);
        let answered = gateway.client().send(request).await.unwrap();
        let told = messages(&answered);
        assert_eq!(told.len(), 1, "{method}: {told:?}");
        let text = told[0]["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("-32601"), "{method}: {text}");

        let session = begin(&gateway, &needed).await;
        let request = in_session(Some(&session), &call);
        let mut opened = gateway.client().open(request).await.unwrap();
        let question = opened.next().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&question).contains(method));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_sessions_have_no_id_is_held_to_it_too() {
    let manner = Manner {
        era: Era::Legacy,
        sessions: false,
        ..Manner::default()
    };
    let fake = FakeMcp::start_as(manner).await.unwrap();
    let gateway = before(&fake).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "x"}}});
    for (declared, is_asked) in [(json!({}), false), (json!({"roots": {}}), true)] {
        fake.script("tools/call echo", [asking("roots/list", &json!({}))]);
        // The id is the gateway's own: the server never sees one.
        let session = begin(&gateway, &declared).await;
        let request = in_session(Some(&session), &call);
        let mut opened = gateway.client().open(request).await.unwrap();
        let first = opened.next().await.unwrap().unwrap();
        let first = String::from_utf8_lossy(&first).into_owned();
        assert_eq!(first.contains("roots/list"), is_asked, "{first}");
        assert_eq!(first.contains("-32601"), !is_asked, "{first}");
    }
    let calls = fake.server().calls();
    assert!(
        calls
            .iter()
            .all(|call| call.header("mcp-session-id").is_none())
    );
    // What does not begin has none.
    fake.script("initialize", [Turn::error(-32000, "not now")]);
    let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let answered = gateway
        .client()
        .send(post(message.to_string()))
        .await
        .unwrap();
    assert_eq!(answered.header("mcp-session-id"), None);
    fake.reset();
    // Nobody else goes on with it, and it ends when its client says so, as far as the server has an end.
    let session = begin(&gateway, &json!({})).await;
    let foreign = in_session(Some(&session), &call);
    let mut foreign = foreign;
    foreign.headers.retain(|(name, _)| name != "authorization");
    let answered = gateway
        .client()
        .send(foreign.bearer("bob-token"))
        .await
        .unwrap();
    assert_eq!(answered.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sessions_own_stream_is_held_to_it_too() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let session = begin(&gateway, &json!({"sampling": {}})).await;
    let request = bodiless(http::Method::GET, &session);
    let mut opened = gateway.client().open(request).await.unwrap();
    let first = opened.next().await.unwrap().unwrap();
    assert!(first.starts_with(b":"));
    let asked = json!({"jsonrpc": "2.0", "id": "q", "method": "roots/list"});
    assert_eq!(fake.push_raw(&asked), 1);
    fake.push("notifications/tools/list_changed", &json!({}));
    let next = opened.next().await.unwrap().unwrap();
    let next = String::from_utf8_lossy(&next).into_owned();
    assert!(
        next.contains("list_changed") && !next.contains("roots/list"),
        "{next}"
    );
    let refused = |call: &Call| !call.body.is_empty() && call.json()["error"]["code"] == -32601;
    let said = |calls: &[Call]| calls.iter().any(refused);
    let calls = fake.server().wait_for(Duration::from_secs(20), said).await;
    assert!(said(&calls), "the server was not told no");
}
