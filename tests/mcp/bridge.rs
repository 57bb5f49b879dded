//! `mcp-remote`, by which programs that speak stdio reach servers over HTTP: its session lives on after a block.

use std::collections::BTreeMap;

use parapet_tests::runtimes::Node;
use serde_json::{Value, json};

use crate::rust_server;
use crate::support::{GUARDED, KEY, TOKEN, gateway, lines, node};

/// The names of the tools, and what each call gave.
fn call(node: &Node, url: &str, calls: &Value) -> Vec<Value> {
    let home = tempfile::tempdir().unwrap();
    let mut command = node.script("calls_stdio.mjs");
    command.arg(calls.to_string());
    command.args(node.line("mcp-remote").split(' '));
    command.args([url, "--allow-http", "--transport", "http-only"]);
    command.args(["--header", &format!("Authorization:Bearer {TOKEN}")]);
    // Where it keeps what it learns about servers' logins.
    command.env("MCP_REMOTE_CONFIG_DIR", home.path());
    lines(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_sees_the_same_and_lives_on_after_a_block() {
    let Some(node) = node() else { return };
    let (url, serving) = rust_server::serve().await;
    let call = |url: &str, calls: &Value| tokio::task::block_in_place(|| call(&node, url, calls));
    let echo =
        |text: &str| json!({"name": "echo", "arguments": {"text": text, "client": "bridge"}});
    let calls = json!([
        echo("hello"),
        echo("DROP TABLE users"),
        echo("again"),
        echo(KEY)
    ]);
    let direct = call(&url, &calls);
    assert_eq!(direct.len(), 5, "{direct:?}");
    let servers = BTreeMap::from([("tools", url)]);
    let plain = gateway(&servers, "").await;
    assert_eq!(
        call(&format!("http://{}/mcp/tools", plain.traffic()), &calls),
        direct
    );
    let guarded = gateway(&servers, GUARDED).await;
    let seen = call(&format!("http://{}/mcp/tools", guarded.traffic()), &calls);
    assert_eq!(
        (&seen[0], &seen[1], &seen[3]),
        (&direct[0], &direct[1], &direct[3])
    );
    let blocked = &seen[2];
    let text = blocked["content"][0]["text"].as_str().unwrap_or_default();
    assert!(
        blocked["isError"] == true && text.contains("mcp/sql"),
        "{blocked}"
    );
    assert!(
        !seen[4].to_string().contains(KEY) && seen[4].to_string().contains("REDACTED"),
        "{}",
        seen[4]
    );
    serving.abort();
}
