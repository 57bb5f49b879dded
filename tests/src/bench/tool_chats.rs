//! Chat requests in which tools have said something, as agents send them: each with the results of four calls.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::corpus::{Random, prose};
use super::load::{Load, Measured, measure};
use super::manifests;
use crate::http_client::{Client, Outgoing};

/// Results in one request.
const RESULTS: usize = 4;

/// Bytes of each, about.
const RESULT: usize = 1 << 10;

const PATH: &str = "/v1/chat/completions";

/// What runs on the results.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Guards {
    /// Nothing: the settings do not ask for it, whatever rules say.
    Off,
    /// The four guardrails, on each.
    Four,
}

impl Guards {
    /// As printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "guardChat off",
            Self::Four => "guardChat, four on each result",
        }
    }
}

/// A conversation with these results.
fn body(results: impl Iterator<Item = String>) -> String {
    let mut messages = vec![json!({"role": "user", "content": "What did the committee say?"})];
    for (index, said) in results.enumerate() {
        let id = format!("call-{index}");
        let arguments = json!({"query": "bridges", "page": index}).to_string();
        let function = json!({"name": "search", "arguments": arguments});
        let calls = json!([{"id": id, "type": "function", "function": function}]);
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": said}));
    }
    Value::from_iter([
        ("model", json!("mock/model")),
        ("messages", messages.into()),
    ])
    .to_string()
}

/// The requests, without anything that a guardrail would find.
fn bodies() -> Vec<String> {
    let one = |seed: u64| {
        let mut random = Random::new(seed);
        body((0..RESULTS).map(|_| prose(&mut random, RESULT)))
    };
    (1..=8).map(one).collect()
}

/// The gateway before the model at `mock`: guardrails on tools and on nothing else.
pub fn resources(mock: SocketAddr, guards: Guards) -> String {
    let mut text = manifests::plain(mock, &format!("http://{mock}/v1"));
    let rules = manifests::guarded()
        .replace("llm_input", "mcp_tool_post_invoke")
        .replace("llm_output", "mcp_tool_pre_invoke");
    let guard_chat = guards == Guards::Four;
    let _ = write!(
        text,
        "---\n{rules}---\napiVersion: parapet.dev/v1alpha1\nkind: GatewaySettings\nmetadata: {{name: bench}}\n\
         spec: {{mcp: {{guardChat: {guard_chat}}}}}\n"
    );
    text
}

/// Asks once what a guardrail blocks: what does not run costs nothing, and nobody would see it in an answer.
///
/// # Errors
/// When it runs and should not, or the other way round.
pub async fn probe(addr: SocketAddr, guards: Guards) -> Result<()> {
    let harm = "DROP TABLE users; SELECT * FROM accounts";
    let post = Outgoing::post(PATH, body([harm.to_owned()].into_iter()));
    let answered = Client::new(addr)
        .send(post.bearer(manifests::TOKEN))
        .await?;
    let expected = match guards {
        Guards::Off => 200,
        Guards::Four => 400,
    };
    ensure!(
        answered.status == expected,
        "{}: a harmful result at {addr} gave {}",
        guards.name(),
        answered.status
    );
    Ok(())
}

/// Puts the requests on `addr`.
///
/// # Errors
/// As [`measure`].
pub fn load(addr: SocketAddr, pid: u32, time: Duration) -> Result<Measured> {
    let bodies = bodies();
    let load = Load {
        addr,
        pid,
        path: PATH,
        token: manifests::TOKEN,
        headers: &[],
        bodies: &bodies,
        time,
    };
    measure(&load).with_context(|| format!("measuring chats with results of tools at {addr}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_results_and_rules_are_for_tools() {
        for body in bodies() {
            let body: Value = serde_json::from_str(&body).unwrap();
            let messages = body["messages"].as_array().unwrap();
            let results = messages.iter().filter(|message| message["role"] == "tool");
            let sizes = results.map(|result| result["content"].as_str().unwrap().len());
            let sizes: Vec<usize> = sizes.collect();
            assert!(
                sizes.len() == RESULTS && sizes.iter().all(|size| (1024..1400).contains(size)),
                "{sizes:?}"
            );
        }
        let rules = resources(([127, 0, 0, 1], 1).into(), Guards::Four);
        assert_eq!(rules.matches("mcp_tool_").count(), 2);
        assert!(!rules.contains("llm_") && rules.contains("guardChat: true"));
    }
}
