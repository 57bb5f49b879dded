//! Scenarios of MCP: a table whose rows say which guardrails judge a message, what a server does with it, and what comes of
//! that. Each row runs in both eras and with both framings of the answer, unless it says otherwise.

mod run;

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::matrix::Strategy;

pub use run::run;

/// A file of rows.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What the rows are about.
    pub about: String,
    /// The guardrails that rows name: entries of a `GuardrailIntegration` named `g`. `${service}` is where scripted
    /// services listen, `${closed}` where nobody does.
    pub guardrails: Vec<Value>,
    /// Tools that the server has beside `echo`, which says what it is told, and `lookup`, which says it as structured
    /// content too.
    #[serde(default)]
    pub tools: Vec<Value>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// One message, and what becomes of it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What is shown.
    pub name: String,
    /// Guardrails before the server is asked.
    #[serde(default)]
    pub pre: Vec<String>,
    /// Guardrails on what the server says.
    #[serde(default)]
    pub post: Vec<String>,
    /// What their outcomes cost.
    #[serde(default = "enforce")]
    pub strategy: Strategy,
    /// More members of the server's `spec`, such as `tools`.
    #[serde(default)]
    pub spec: Value,
    /// What its rule says of conversations that have read text of strangers.
    #[serde(default)]
    pub taint: Option<Taint>,
    /// What happens before: the conversation reads something of an untrusted server.
    #[serde(default)]
    pub reads: Option<Reads>,
    /// The tool that is called; absent where `method` says something else.
    #[serde(default)]
    pub call: Option<String>,
    /// With these arguments.
    #[serde(default)]
    pub arguments: Value,
    /// Another method than `tools/call`.
    #[serde(default)]
    pub method: Option<String>,
    /// Its parameters.
    #[serde(default)]
    pub params: Value,
    /// What the server does; absent: what its catalogue says. See the scripted server's turns: `result`, `error`, `first`.
    #[serde(default)]
    pub server: Value,
    /// The only era in which it runs.
    #[serde(default)]
    pub era: Option<Era>,
    /// What is expected.
    pub expect: Expect,
}

/// An era of the protocol.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Era {
    /// The stateless revision.
    Modern,
    /// Those with sessions.
    Legacy,
}

/// What a rule says of conversations that have read text of strangers.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Taint {
    /// Calls that carry data out or destroy it are stopped.
    Block,
    /// They are told.
    Audit,
}

/// A call of `lookup` of an untrusted server, in the same era.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reads {
    /// What that server does; absent: what its catalogue says.
    pub server: Value,
    /// Guardrails on it.
    pub post: Vec<String>,
    /// Whether it is another conversation that reads it.
    pub elsewhere: bool,
}

/// What is expected of one row. What is not said is not looked at.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// A pattern for the result; see `pattern.rs`.
    #[serde(default)]
    pub result: Value,
    /// A pattern for the JSON-RPC error.
    #[serde(default)]
    pub error: Value,
    /// The guardrails that block, or `taint`: the answer is a result that the agent reads, or an error where the method has no such
    /// results.
    #[serde(default)]
    pub blocked_by: Vec<String>,
    /// Patterns for the messages before the answer; absent: there are none.
    #[serde(default)]
    pub before: Vec<Value>,
    /// How often the server is asked.
    #[serde(default = "once")]
    pub upstream: usize,
    /// A pattern for the parameters that the server gets.
    #[serde(default)]
    pub sent: Value,
    /// How the record of the client's message ends.
    #[serde(default)]
    pub end: Option<String>,
    /// Outcomes in that record, by guardrail.
    #[serde(default)]
    pub outcomes: std::collections::BTreeMap<String, String>,
    /// Texts that nobody gets: neither the client, nor the log, nor, before it is asked, the server.
    #[serde(default)]
    pub nowhere: Vec<String>,
}

const fn enforce() -> Strategy {
    Strategy::Enforce
}

const fn once() -> usize {
    1
}

impl Row {
    /// Its method and parameters.
    pub fn message(&self) -> (&str, Value) {
        match (&self.method, &self.call) {
            (Some(method), _) if self.params.is_null() => (method, json!({})),
            (Some(method), _) => (method, self.params.clone()),
            (None, tool) => {
                let mut params = json!({"name": tool});
                if !self.arguments.is_null() {
                    params["arguments"] = self.arguments.clone();
                }
                ("tools/call", params)
            }
        }
    }
}

impl Table {
    /// Reads one.
    ///
    /// # Errors
    /// When it is none; the message says where.
    pub fn read(text: &str) -> anyhow::Result<Self> {
        Ok(serde_saphyr::from_str(text)?)
    }

    /// The resources: a server, and a rule for it, for each row. `url` is where they all are.
    fn resources(&self, url: &str) -> String {
        let guardrails: Vec<String> = self.guardrails.iter().map(Value::to_string).collect();
        let mut all = format!(
            "apiVersion: parapet.dev/v1alpha1\nkind: GuardrailIntegration\nmetadata: {{name: g}}\nspec: {{guardrails: [{}]}}\n",
            guardrails.join(", ")
        );
        let mut rules = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let mut server = |name: &str, mut spec: Value| {
                spec["url"] = url.into();
                let _ = write!(
                    all,
                    "---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {{name: {name}-{index}}}\nspec: {spec}\n"
                );
            };
            server("row", row.spec.clone());
            let names = |names: &[String]| -> Vec<String> {
                names.iter().map(|name| format!("g/{name}")).collect()
            };
            let mut rule = |server: &str, pre: &[String], post: &[String], taint: Option<Taint>| {
                let mut rule = json!({
                    "id": format!("{server}-{index}"),
                    "when": {"target": {"conditions": {"mcpServers": {"values": [format!("{server}-{index}")]}}}},
                    "enforcing_strategy": row.strategy,
                    "mcp_tool_pre_invoke_guardrails": names(pre),
                    "mcp_tool_post_invoke_guardrails": names(post),
                });
                if let Some(taint) = taint {
                    rule["taint"] = json!(taint);
                }
                rules.push(rule.to_string());
            };
            rule("row", &row.pre, &row.post, row.taint);
            if let Some(reads) = &row.reads {
                server("read", json!({"trust": "untrusted"}));
                rule("read", &[], &reads.post, None);
            }
        }
        let _ = write!(
            all,
            "---\napiVersion: parapet.dev/v1alpha1\nkind: GuardrailConfig\nmetadata: {{name: rows}}\nspec: {{rules: [{}]}}\n",
            rules.join(", ")
        );
        all
    }
}
