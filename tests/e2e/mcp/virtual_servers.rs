//! Tools of several servers under one endpoint.

mod calls;
mod eras;
mod joining;
mod lists;
mod notices;
mod programs;
mod rules;
mod sessions;

use parapet_tests::fake_mcp::FakeMcp;
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::{Opened, Outgoing};
use serde_json::{Value, json};

use super::support::{CALLERS, messages, server, stateless};

/// What a call of a tool that is not there comes to.
const UNKNOWN: i64 = -32602;

/// A virtual server named `fake` with these members, in flow style.
fn suite(members: &str, more: &str) -> String {
    format!(
        "---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {{name: fake}}\nspec: {{virtual: {{members: [{members}]{more}}}}}\n"
    )
}

/// Two servers, `github` and `jira`, behind one that prefixes the tools of the first.
async fn both() -> (FakeMcp, FakeMcp, String) {
    let (github, jira) = (
        FakeMcp::start().await.unwrap(),
        FakeMcp::start().await.unwrap(),
    );
    let resources = format!(
        "{CALLERS}{}{}{}",
        server("github", &github.url(), ""),
        server("jira", &jira.url(), ""),
        suite("{server: github, prefix: gh}, {server: jira}", ""),
    );
    (github, jira, resources)
}

async fn start(resources: &str) -> Gateway {
    Setup::new(resources).start().await.unwrap()
}

/// The last message that comes back, with status 200.
async fn answered(gateway: &Gateway, outgoing: Outgoing) -> Value {
    let answered = gateway.client().send(outgoing).await.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    messages(&answered).pop().unwrap()
}

/// The result of a list without sessions.
async fn listed(gateway: &Gateway) -> Value {
    let list = answered(gateway, stateless("tools/list", json!({}))).await;
    list["result"].clone()
}

fn names(list: &Value) -> Vec<&str> {
    let tools = list["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}

/// The next message on an open stream.
async fn heard(opened: &mut Opened) -> Value {
    opened.next_data().await.unwrap()
}

/// The text of a result.
fn text(message: &Value) -> &str {
    message["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_default()
}
