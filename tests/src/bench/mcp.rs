//! What is called when tools are: an argument of 1 KiB and a result of 4 KiB, in the stateless revision.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::load::{Load, Measured, measure};
use super::manifests;
use crate::fake_mcp::MODERN;
use crate::http_client::{Client, Outgoing};

/// What a client sends beside what every request has.
const HEADERS: [(&str, &str); 4] = [
    ("accept", "application/json, text/event-stream"),
    ("mcp-protocol-version", MODERN),
    ("mcp-method", "tools/call"),
    ("mcp-name", "search"),
];

/// Sentences without anything that a guardrail would find.
fn prose(bytes: usize) -> String {
    let sentence = "The committee met on a bright morning and spoke about bridges, rivers and the price of bread. ";
    let mut text = sentence.repeat(bytes / sentence.len() + 1);
    text.truncate(bytes);
    text
}

/// What the tool gives: 4 KiB of text and the same as structured content, as servers with an output schema do.
pub fn answer() -> String {
    let text = prose(2 << 10);
    json!({"jsonrpc": "2.0", "id": 1, "result": {
        "resultType": "complete",
        "content": [{"type": "text", "text": text}],
        "structuredContent": {"found": text},
    }})
    .to_string()
}

/// The calls, the same id in each: the server has one answer.
fn bodies() -> Vec<String> {
    let call = |n: usize| {
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            },
            "name": "search",
            "arguments": {"query": format!("{n} {}", prose(1 << 10)), "limit": 20},
        }})
        .to_string()
    };
    (0..8).map(call).collect()
}

/// The calls as requests to `path`.
pub fn calls(path: &str) -> Vec<Outgoing> {
    let call = |body| {
        let post = Outgoing::post(path, body).bearer(manifests::TOKEN);
        HEADERS
            .iter()
            .fold(post, |post, (name, value)| post.header(name, value))
    };
    bodies().into_iter().map(call).collect()
}

/// The gateway before the server at `mock`.
pub fn resources(mock: SocketAddr, is_guarded: bool) -> String {
    let mut text = manifests::plain(mock, &format!("http://{mock}/v1"));
    let _ = write!(
        text,
        "---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {{name: bench}}\nspec: {{url: 'http://{mock}/mcp'}}\n"
    );
    if is_guarded {
        let hooks = [
            ("llm_input", "mcp_tool_pre_invoke"),
            ("llm_output", "mcp_tool_post_invoke"),
        ];
        let mut rules = manifests::guarded().to_owned();
        for (model, tool) in hooks {
            rules = rules.replace(model, tool);
        }
        text.push_str("---\n");
        text.push_str(&rules);
    }
    text
}

/// Calls once and looks at what comes back: a blocked call is answered with 200 too, and costs less.
///
/// # Errors
/// When the result is not the server's.
pub async fn probe(addr: SocketAddr, path: &str) -> Result<()> {
    let answered = Client::new(addr).send(calls(path).swap_remove(0)).await?;
    let text = answered.text()?;
    ensure!(
        text == answer(),
        "a tool's call at {addr} gave {}: {text}",
        answered.status
    );
    Ok(())
}

/// Puts the calls on `path` at `addr`.
///
/// # Errors
/// As [`measure`].
pub fn load(addr: SocketAddr, pid: u32, path: &str, time: Duration) -> Result<Measured> {
    let bodies = bodies();
    let load = Load {
        addr,
        pid,
        path,
        token: manifests::TOKEN,
        headers: &HEADERS,
        bodies: &bodies,
        time,
    };
    measure(&load).with_context(|| format!("measuring calls of tools at {addr}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_said_and_rules_are_for_tools() {
        assert!((4096..4600).contains(&answer().len()), "{}", answer().len());
        for body in bodies() {
            assert!((1024..1400).contains(&body.len()), "{}", body.len());
        }
        let rules = resources(([127, 0, 0, 1], 1).into(), true);
        assert_eq!(rules.matches("mcp_tool_").count(), 2);
        assert!(!rules.contains("llm_"));
    }
}
