//! A server that people use: `@modelcontextprotocol/server-filesystem`, which speaks stdio, behind a bridge to HTTP.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use parapet_tests::harness::free_port;
use parapet_tests::runtimes::Node;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{GUARDED, KEY, Server, TOKEN, gateway, gateway_of, lines, node};

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
pub(crate) fn call(node: &Node, url: &str, calls: &Value) -> Vec<Value> {
    let mut command = node.script("calls.mjs");
    command.args([url, &calls.to_string()]).env("TOKEN", TOKEN);
    lines(command)
}

fn told(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

/// The server with a file that holds a key, what is done to it, and what comes of that without the gateway.
struct Files {
    node: Node,
    folder: TempDir,
    urls: BTreeMap<&'static str, String>,
    calls: Value,
    direct: Vec<Value>,
    _server: Server,
}

impl Files {
    fn start() -> Option<Self> {
        let node = node()?;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("notes.txt"), format!("use {KEY} for it\n")).unwrap();
        let server = filesystem(&node, folder.path());
        let read = |name: &str| json!({"name": "read_text_file", "arguments": {"path": at(name)}});
        let write = |name: &str, text: &str| {
            let arguments = json!({"path": at(name), "content": text});
            json!({"name": "write_file", "arguments": arguments})
        };
        let calls = json!([
            read("notes.txt"),
            write("dropped.sql", "DROP TABLE users"),
            write("kept.sql", "SELECT name FROM users"),
            read("kept.sql"),
            read("../outside"),
        ]);
        let direct = call(&node, &server.url(), &calls);
        assert!(told(&direct[1]).contains(KEY), "{direct:?}");
        std::fs::remove_file(at("dropped.sql")).unwrap();
        let urls = BTreeMap::from([("files", server.url())]);
        Some(Self {
            node,
            folder,
            urls,
            calls,
            direct,
            _server: server,
        })
    }

    async fn through(&self, rules: &str) -> Vec<Value> {
        let gateway = gateway(&self.urls, rules).await;
        let url = format!("http://{}/mcp/files", gateway.traffic());
        tokio::task::block_in_place(|| call(&self.node, &url, &self.calls))
    }

    fn has_dropped(&self) -> bool {
        self.folder.path().join("dropped.sql").exists()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_and_written_as_without_the_gateway() {
    let Some(files) = tokio::task::block_in_place(Files::start) else {
        return;
    };
    assert_eq!(files.through("").await, files.direct);
    assert!(files.has_dropped());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_and_written_under_guard() {
    let Some(files) = tokio::task::block_in_place(Files::start) else {
        return;
    };
    let guarded = files.through(GUARDED).await;
    let direct = &files.direct;
    assert_eq!(guarded[0], direct[0], "the tools");
    assert_eq!(told(&guarded[1]), "use [REDACTED] for it\n");
    let structured = &guarded[1]["structuredContent"]["content"];
    assert_eq!(structured, "use [REDACTED] for it\n");
    let blocked = &guarded[2];
    assert!(
        blocked["isError"] == true && told(blocked).contains("mcp/sql"),
        "{blocked}"
    );
    assert!(
        !files.has_dropped(),
        "the tool ran although its call was blocked"
    );
    assert_eq!(guarded[3..], direct[3..]);
}

/// The same server as a program of the gateway's own, without a bridge.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_and_written_by_a_program_of_the_gateway() {
    let Some(files) = tokio::task::block_in_place(Files::start) else {
        return;
    };
    let program = files.node.bin("mcp-server-filesystem");
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let args = program.get_args().map(text);
    let folder = text(files.folder.path().as_os_str());
    let args: Vec<String> = args.chain([folder]).collect();
    let spec = json!({"command": {"program": text(program.get_program()), "args": args}});
    let server = format!(
        "---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {{name: files}}\nspec: {spec}\n"
    );
    for rules in ["", GUARDED] {
        let gateway = gateway_of(&server, rules).await;
        let url = format!("http://{}/mcp/files", gateway.traffic());
        let seen = tokio::task::block_in_place(|| call(&files.node, &url, &files.calls));
        assert_eq!(seen[0], files.direct[0], "the tools");
        assert_eq!(seen[3..], files.direct[3..]);
        if rules.is_empty() {
            assert_eq!(seen, files.direct);
            assert!(files.has_dropped());
            std::fs::remove_file(files.folder.path().join("dropped.sql")).unwrap();
        } else {
            assert_eq!(told(&seen[1]), "use [REDACTED] for it\n");
            assert!(!files.has_dropped());
        }
    }
}
