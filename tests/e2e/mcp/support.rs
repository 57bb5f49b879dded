//! A gateway before scripted MCP servers, and a client's messages.

use bytes::Bytes;
use http::Method;
use parapet_tests::fake_mcp::{FakeMcp, MODERN};
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::{Answered, Outgoing};
use serde_json::{Value, json};

/// Two callers, and one server that only the first may use.
pub(super) const CALLERS: &str = r"
apiVersion: v1
kind: Secret
metadata: {name: tokens}
stringData: {ada: ada-token, bob: bob-token, upstream: Bearer upstream-token}
---
apiVersion: parapet.dev/v1alpha1
kind: VirtualAccount
metadata: {name: ada}
spec: {tokens: [{secretKeyRef: {name: tokens, key: ada}}]}
---
apiVersion: parapet.dev/v1alpha1
kind: VirtualAccount
metadata: {name: bob}
spec: {tokens: [{secretKeyRef: {name: tokens, key: bob}}]}
";

/// A server as a resource, with more members of its `spec` in flow style.
pub(super) fn server(name: &str, url: &str, more: &str) -> String {
    format!(
        "---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {{name: {name}}}\nspec: {{url: \"{url}\"{more}}}\n"
    )
}

/// A gateway before one server named `fake`.
pub(super) async fn before(fake: &FakeMcp) -> Gateway {
    let resources = format!("{CALLERS}{}", server("fake", &fake.url(), ""));
    Setup::new(resources).start().await.unwrap()
}

/// A message of the stateless revision with the headers that it needs.
pub(super) fn stateless(method: &str, params: Value) -> Outgoing {
    let mut params = params;
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    if params["_meta"]["io.modelcontextprotocol/clientCapabilities"].is_null() {
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({"elicitation": {}, "sampling": {}, "roots": {}});
    }
    let named = ["name", "uri", "taskId"];
    let name = named.iter().find_map(|member| params[*member].as_str());
    let name = name
        .filter(|_| !method.ends_with("/list"))
        .map(str::to_owned);
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string();
    let outgoing = post(body)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", method);
    match name {
        Some(name) => outgoing.header("mcp-name", &name),
        None => outgoing,
    }
}

/// A message of a session.
pub(super) fn in_session(session: Option<&str>, message: &Value) -> Outgoing {
    let outgoing = post(message.to_string()).header("mcp-protocol-version", "2025-11-25");
    match session {
        Some(session) => outgoing.header("mcp-session-id", session),
        None => outgoing,
    }
}

/// A body for the server named `fake`, from the first caller.
pub(super) fn post(body: impl Into<Bytes>) -> Outgoing {
    Outgoing::post("/mcp/fake", body)
        .header("accept", "application/json, text/event-stream")
        .bearer("ada-token")
}

/// A request without a body, from the first caller.
pub(super) fn bodiless(method: Method, session: &str) -> Outgoing {
    let outgoing = Outgoing::get("/mcp/fake")
        .header("accept", "text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .header("mcp-session-id", session)
        .bearer("ada-token");
    Outgoing { method, ..outgoing }
}

/// A call of a tool.
pub(super) fn call(tool: &str, arguments: Value) -> Outgoing {
    stateless("tools/call", json!({"name": tool, "arguments": arguments}))
}

/// What comes back, however it is framed: the messages in order.
pub(super) fn messages(answered: &Answered) -> Vec<Value> {
    let text = answered.text().unwrap();
    if !answered
        .header("content-type")
        .unwrap_or_default()
        .starts_with("text/event-stream")
    {
        return vec![answered.json().unwrap()];
    }
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    let data = data.map(str::trim).filter(|data| !data.is_empty());
    data.map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// Begins a session with a gateway and tells its id.
pub(super) async fn initialize(gateway: &Gateway) -> String {
    let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {"elicitation": {}, "sampling": {}, "roots": {}},
        "clientInfo": {"name": "test", "version": "1"},
    }});
    let answered = gateway
        .client()
        .send(post(message.to_string()))
        .await
        .unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    let session = answered.header("mcp-session-id").unwrap().to_owned();
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let answered = gateway
        .client()
        .send(in_session(Some(&session), &initialized))
        .await
        .unwrap();
    assert_eq!(answered.status, 202, "{:?}", answered.text());
    session
}
