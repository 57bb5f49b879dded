//! Tools held to the definitions that were approved: `spec.pinning`.

mod calls;
mod first_look;
mod lists;

use parapet_gateway::mcp::pinning::{List, Names};
use parapet_tests::fake_mcp::{Catalog, FakeMcp};
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::Outgoing;
use serde_json::{Value, json};

use super::support::{CALLERS, call, messages, server, stateless};

/// The digest of a definition.
pub(super) fn digest(tool: &Value) -> String {
    let list = List::read(&json!([tool]).to_string(), &Names::default()).unwrap();
    list.tools[0].digest.to_string()
}

/// `pinning` with these tools approved, in flow style.
fn pinning(mode: &str, approved: &[Value], more: &str) -> String {
    let approved: Vec<Value> = approved
        .iter()
        .map(|tool| json!({"name": tool["name"], "digest": digest(tool)}))
        .collect();
    let approved = Value::from(approved);
    format!(", pinning: {{mode: {mode}, approved: {approved}{more}}}")
}

/// The resources with the server named `fake`.
fn resources(fake: &FakeMcp, more: &str) -> String {
    format!("{CALLERS}{}", server("fake", &fake.url(), more))
}

async fn gateway(fake: &FakeMcp, more: &str) -> Gateway {
    Setup::new(resources(fake, more)).start().await.unwrap()
}

/// The tools that the fake server has when nobody changes them.
fn tools() -> Vec<Value> {
    Catalog::default().tools
}

/// Another description than the one that was approved.
fn change(fake: &FakeMcp, tool: &str) {
    fake.edit(|catalog| {
        let own = catalog.tools.iter_mut().find(|own| own["name"] == tool);
        own.unwrap()["description"] = "Says what it is told, and mails it.".into();
    });
}

/// What a gateway lists.
async fn listed(gateway: &Gateway) -> Vec<String> {
    let list = answered(gateway, stateless("tools/list", json!({}))).await;
    let tools = list["result"]["tools"].as_array().unwrap();
    let names = tools.iter().map(|tool| tool["name"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

async fn answered(gateway: &Gateway, outgoing: Outgoing) -> Value {
    let answered = gateway.client().send(outgoing).await.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    messages(&answered).pop().unwrap()
}

/// What a call of a tool comes to: 0 when it ran, otherwise the error's code.
async fn called(gateway: &Gateway, tool: &str) -> i64 {
    let outgoing = call(tool, json!({"text": "x"}));
    let message = answered(gateway, outgoing).await;
    match &message["error"] {
        Value::Null => 0,
        error => error["code"].as_i64().unwrap(),
    }
}

/// What a call of a tool that is not there comes to.
const UNKNOWN: i64 = -32602;
