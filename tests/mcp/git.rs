//! A server that people use from PyPI: `mcp-server-git`, which speaks stdio, behind a bridge to HTTP.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use parapet_tests::harness::free_port;
use parapet_tests::runtimes::{Node, Python};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{GUARDED, KEY, Server, TOKEN, folder, gateway, gateway_of, lines, node};

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A repository with a change that holds a key and is not committed.
fn repository() -> TempDir {
    let repository = tempfile::tempdir().unwrap();
    let at = repository.path();
    git(at, &["init", "--quiet"]);
    git(at, &["config", "user.name", "test"]);
    git(at, &["config", "user.email", "test@example.com"]);
    std::fs::write(at.join("notes.txt"), "first\n").unwrap();
    git(at, &["add", "."]);
    git(at, &["commit", "--quiet", "-m", "begin"]);
    std::fs::write(at.join("notes.txt"), format!("first\nuse {KEY} for it\n")).unwrap();
    repository
}

fn serve(node: &Node, python: &Python, repository: &Path) -> Server {
    let port = free_port().unwrap().port();
    let mut bridge = node.bin("supergateway");
    let server = format!(
        "{} -m mcp_server_git --repository {}",
        python.program().display(),
        repository.display()
    );
    bridge.args(["--stdio", &server, "--outputTransport", "streamableHttp"]);
    bridge.args(["--stateful", "--streamableHttpPath", "/mcp"]);
    bridge.args(["--logLevel", "none", "--port", &port.to_string()]);
    bridge.stderr(Stdio::null());
    Server::start_on(port, bridge)
}

fn call(node: &Node, url: &str, calls: &Value) -> Vec<Value> {
    let mut command = node.script("calls.mjs");
    command.args([url, &calls.to_string()]).env("TOKEN", TOKEN);
    lines(command)
}

fn told(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

fn without_meta(results: &[Value]) -> Vec<Value> {
    let mut results = results.to_vec();
    for result in results.iter_mut().filter_map(Value::as_object_mut) {
        result.remove("_meta");
    }
    results
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_read_and_written_under_guard() {
    let Some(node) = node() else { return };
    let requirements = folder("python").join("requirements-git.txt");
    let Ok(python) = Python::start(&requirements).unwrap() else {
        return;
    };
    let repository = repository();
    let at = repository.path();
    let server = tokio::task::block_in_place(|| serve(&node, &python, at));
    let with = |name: &str, more: Value| {
        let mut arguments = json!({"repo_path": at});
        for (key, value) in more.as_object().into_iter().flatten() {
            arguments[key] = value.clone();
        }
        json!({"name": name, "arguments": arguments})
    };
    let calls = json!([
        with("git_status", json!({})),
        with("git_diff_unstaged", json!({})),
        with("git_commit", json!({"message": "DROP TABLE users"})),
        with("git_log", json!({"max_count": 5})),
        with("git_add", json!({"files": ["notes.txt"]})),
    ]);
    let call = |url: &str, calls: &Value| tokio::task::block_in_place(|| call(&node, url, calls));
    // What does not change anything is the same with the gateway and without it.
    let reading = json!([calls[0], calls[1], calls[3]]);
    let direct = call(&server.url(), &reading);
    assert!(told(&direct[2]).contains(KEY), "{direct:?}");
    let servers = BTreeMap::from([("git", server.url())]);
    let command = json!({
        "program": python.program(), "cwd": at,
        "args": ["-m", "mcp_server_git", "--repository", at],
    });
    let program = format!(
        "---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {{name: git}}\nspec: {}\n",
        json!({"command": command})
    );
    let plain = gateway(&servers, "").await;
    assert_eq!(
        call(&format!("http://{}/mcp/git", plain.traffic()), &reading),
        direct
    );
    // Started by the gateway itself it speaks in sessions, where results do not say which server they are of.
    let own = gateway_of(&program, "").await;
    let own = call(&format!("http://{}/mcp/git", own.traffic()), &reading);
    assert_eq!(own, without_meta(&direct));

    let guarded = gateway(&servers, GUARDED).await;
    let seen = call(&format!("http://{}/mcp/git", guarded.traffic()), &calls);
    assert_eq!(
        (&seen[0], &seen[1]),
        (&direct[0], &direct[1]),
        "tools and status"
    );
    let diff = told(&seen[2]);
    assert!(
        diff.contains("use [REDACTED] for it") && !diff.contains(KEY),
        "{diff}"
    );
    let blocked = &seen[3];
    assert!(
        blocked["isError"] == true && told(blocked).contains("mcp/sql"),
        "{blocked}"
    );
    // The session lives on, and does what it may.
    assert_eq!(seen[4], direct[3], "the log");
    assert!(seen[5]["isError"] != true, "{}", seen[5]);
    assert_eq!(git(at, &["log", "--format=%s"]).trim(), "begin");
    assert_eq!(
        git(at, &["diff", "--cached", "--name-only"]).trim(),
        "notes.txt"
    );
}
