//! The hooks of tools on chat requests and answers.

use super::*;

const POLICY: &str = "
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: sql, sqlSanitizer: {}}
    - {name: cards, operation: mutate, regex: {presetPatterns: {presets: [credit_card]}}}
    - {name: pii, regex: {presetPatterns: {presets: [us_ssn]}}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: c}
spec:
  rules:
    - id: queries
      when: {target: {conditions: {mcpTools: {values: [{name: '*', enabled_tools: [query]}]}}}}
      mcp_tool_pre_invoke_guardrails: [g/sql]
      mcp_tool_post_invoke_guardrails: [g/cards]
    - id: crm
      when: {target: {conditions: {mcpServers: {values: [crm], condition: in}}}}
      mcp_tool_post_invoke_guardrails: [g/pii]
---
apiVersion: parapet.dev/v1alpha1
kind: MCPServer
metadata: {name: crm}
spec: {url: 'http://127.0.0.1:1/mcp'}
---
apiVersion: parapet.dev/v1alpha1
kind: ModelProvider
metadata: {name: demo}
spec: {demo: {}}
";

const GUARD_CHAT: &str = "---
apiVersion: parapet.dev/v1alpha1
kind: GatewaySettings
metadata: {name: s}
spec: {mcp: {guardChat: true}}
";

const CARD: &str = "4111 1111 1111 1111";

/// A conversation in which tools have said something.
fn conversation(results: &[(&str, &str)]) -> Value {
    let mut messages = vec![json!({"role": "user", "content": "look it up"})];
    for (index, (tool, said)) in results.iter().enumerate() {
        let id = format!("call-{index}");
        let function = json!({"name": tool, "arguments": "{\"id\": 7}"});
        messages.push(json!({"role": "assistant", "tool_calls": [{"id": id, "type": "function", "function": function}]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": said}));
    }
    json!({"model": "demo/echo", "messages": messages})
}

/// An answer that calls tools.
fn calls(all: &[(&str, Value)]) -> Value {
    let calls = all.iter().enumerate().map(|(index, (tool, arguments))| {
        let function = json!({"name": tool, "arguments": arguments.to_string()});
        json!({"id": format!("new-{index}"), "type": "function", "function": function})
    });
    let calls: Vec<Value> = calls.collect();
    json!({"choices": [{"message": {"role": "assistant", "content": null, "tool_calls": calls}}]})
}

fn said(guards: bool, body: &Value, answer: &Value, more: &[&str]) -> (bool, String) {
    let policy = match guards {
        true => format!("{POLICY}{GUARD_CHAT}"),
        false => POLICY.to_owned(),
    };
    attempt_with(&policy, body, answer, more)
}

/// Asserts that these parts are said, in this order.
fn in_order(said: &str, parts: &[&str]) {
    let mut rest = said;
    for part in parts {
        let at = rest.find(part);
        let at = at.unwrap_or_else(|| panic!("{part:?} is not where it belongs\n{said}"));
        rest = &rest[at + part.len()..];
    }
}

#[test]
fn each_result_is_judged_by_its_own_tool_s_rules() {
    let card = format!("paid with {CARD}");
    let body = conversation(&[("query", &card), ("clock", &card), ("crm__find", "Ana")]);
    let (fine, said) = said(true, &body, &json!({}), &[]);
    assert!(fine, "{said}");
    in_order(
        &said,
        &[
            "mcp_tool_post_invoke, on the results of tools in the request",
            "  1. result of \"query\": mcp_tool_post_invoke",
            "    for rules: tool \"query\" of no MCP server that is known, namespace default",
            "    - default/c/crm: ",
            "    + default/c/queries: ",
            "    runs g/cards (regex): mutate, enforce; chosen by queries",
            "    g/cards finds credit_card in messages[2].content, bytes 10..29\n",
            "    g/cards: changed: credit_card ×1; 1 edit\n",
            "  2. result of \"clock\": mcp_tool_post_invoke",
            "    - default/c/queries: ",
            "    nothing runs\n",
            "  3. result of \"crm__find\": mcp_tool_post_invoke",
            "    for rules: tool \"find\" of crm, namespace default",
            "    + default/c/crm: ",
            "    g/pii: clean\n",
            "\nllm_input\n",
            "sent upstream",
            "paid with [REDACTED]",
            // Nothing judges what that tool says.
            &card,
        ],
    );
}

#[test]
fn a_tool_is_explained_once_however_often_it_is_called() {
    let body = conversation(&[("query", "one"), ("query", "two")]);
    let (_, said) = said(true, &body, &json!({}), &[]);
    assert_eq!(
        said.matches("for rules: tool \"query\"").count(),
        1,
        "{said}"
    );
    assert_eq!(said.matches("    g/cards: clean").count(), 2, "{said}");
}

#[test]
fn a_result_that_is_blocked_ends_the_request() {
    let body = conversation(&[("crm__find", "SSN 536-90-4399")]);
    let (fine, all) = said(true, &body, &json!({}), &[]);
    assert!(!fine, "{all}");
    in_order(
        &all,
        &[
            "    g/pii finds us_ssn in messages[2].content, bytes 4..15\n",
            "    g/pii: violation: us_ssn ×1\n",
            "blocked with status 400: ",
            "(tool find)",
        ],
    );
    assert!(
        !all.contains("\nllm_input\n") && !all.contains("536-90"),
        "{all}"
    );
    let (fine, only) = said(true, &body, &json!({}), &["--hook", "llm_input"]);
    assert!(!fine, "{only}");
    in_order(
        &only,
        &["\nllm_input\n  never runs: mcp_tool_post_invoke blocks the request before"],
    );
}

#[test]
fn calls_in_a_given_answer_are_judged_behind_its_text() {
    let drop_table = json!({"sql": "DROP TABLE users"});
    let answer = calls(&[("clock", json!({})), ("query", drop_table)]);
    let body = conversation(&[]);
    let (fine, said) = said(true, &body, &answer, &["--response", "RESPONSE"]);
    assert!(!fine, "{said}");
    in_order(
        &said,
        &[
            "\nllm_output\n",
            "mcp_tool_pre_invoke, on the calls of tools in the answer",
            "  1. call of \"clock\": mcp_tool_pre_invoke",
            "    nothing runs\n",
            "  2. call of \"query\": mcp_tool_pre_invoke",
            "    + default/c/queries: ",
            "    runs g/sql (sql_sanitizer): validate, enforce; chosen by queries",
            "    g/sql: violation",
            "blocked with status 400: ",
        ],
    );
    assert!(!said.contains("sent to the client"), "{said}");
}

#[test]
fn why_nothing_runs_is_said() {
    let body = conversation(&[("query", CARD)]);
    let answer = calls(&[("query", json!({"sql": "DROP TABLE users"}))]);
    let (fine, off) = said(false, &body, &answer, &["--response", "RESPONSE"]);
    assert!(fine, "{off}");
    let why = "nothing runs: GatewaySettings has no mcp.guardChat";
    assert_eq!(off.matches(why).count(), 2, "{off}");
    let (_, off) = said(false, &conversation(&[]), &json!({}), &[]);
    assert!(
        !off.contains("mcp_tool"),
        "no tools, no hooks of tools: {off}"
    );
    let only = ["--hook", "mcp_tool_pre_invoke"];
    let (_, unasked) = said(true, &body, &json!({}), &only);
    assert!(unasked.contains("no model is called"), "{unasked}");
}
