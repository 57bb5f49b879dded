//! A server that people use: `@modelcontextprotocol/server-filesystem`, which speaks stdio, behind a bridge to HTTP.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use parapet_tests::harness::free_port;
use parapet_tests::runtimes::Node;
use serde_json::{Value, json};

use crate::support::{GUARDED, KEY, Server, TOKEN, gateway, node};

fn filesystem(node: &Node, folder: &Path) -> Server {
    let port = free_port().unwrap().port();
    let mut bridge = node.bin("supergateway");
    let server = format!(
        "{} {}",
        node.line("mcp-server-filesystem"),
        folder.display()
    );
    bridge.args([
        "--stdio",
        &server,
        "--outputTransport",
        "streamableHttp",
        "--stateful",
    ]);
    bridge.args(["--streamableHttpPath", "/mcp", "--logLevel", "none"]);
    bridge
        .args(["--port", &port.to_string()])
        .stderr(Stdio::null());
    Server::start_on(port, bridge)
}

/// The names of the tools, and what each call gave.
fn call(node: &Node, url: &str, calls: &Value) -> Vec<Value> {
    let mut command = node.script("calls.mjs");
    let command = command.args([url, &calls.to_string()]).env("TOKEN", TOKEN);
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn told(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the gateway does not serve MCP yet"]
async fn files_are_read_and_written_under_guard() {
    let Some(node) = node() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("notes.txt"), format!("use {KEY} for it\n")).unwrap();
    let server = filesystem(&node, folder.path());
    let read = |name: &str| json!({"name": "read_text_file", "arguments": {"path": at(name)}});
    let write = |name: &str, text: &str| json!({"name": "write_file", "arguments": {"path": at(name), "content": text}});
    let calls = json!([
        read("notes.txt"),
        write("dropped.sql", "DROP TABLE users"),
        write("kept.sql", "SELECT name FROM users"),
        read("kept.sql"),
        read("../outside"),
    ]);
    let direct = tokio::task::block_in_place(|| call(&node, &server.url(), &calls));
    assert!(
        told(&direct[1]).contains(KEY) && at("dropped.sql").exists(),
        "{direct:?}"
    );
    std::fs::remove_file(at("dropped.sql")).unwrap();

    let urls = BTreeMap::from([("files", server.url())]);
    let off = gateway(&urls, "").await;
    let through = format!("http://{}/mcp/files", off.traffic());
    let plain = tokio::task::block_in_place(|| call(&node, &through, &calls));
    assert_eq!(plain, direct);
    std::fs::remove_file(at("dropped.sql")).unwrap();

    let on = gateway(&urls, GUARDED).await;
    let through = format!("http://{}/mcp/files", on.traffic());
    let guarded = tokio::task::block_in_place(|| call(&node, &through, &calls));
    assert_eq!(guarded[0], direct[0], "the tools");
    assert_eq!(told(&guarded[1]), "use [REDACTED] for it\n");
    assert_eq!(
        guarded[1]["structuredContent"]["content"],
        "use [REDACTED] for it\n"
    );
    assert!(guarded[2]["isError"] == true && told(&guarded[2]).contains("mcp/sql"));
    assert!(
        !at("dropped.sql").exists(),
        "the tool ran although its call was blocked"
    );
    assert_eq!(guarded[3..], direct[3..]);
}
