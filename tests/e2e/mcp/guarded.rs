//! Guardrails on tool traffic: what is redacted, what is stopped, and what the other side sees of it.

use parapet_tests::fake_mcp::{FakeMcp, Turn};
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::{Answered, Outgoing};
use serde_json::{Value, json};

use super::support::{CALLERS, call, messages, server, stateless};

/// A mark that is redacted, one that blocks, and SQL.
pub(super) const POLICY: &str = r#"---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - name: redact
      operation: mutate
      regex: {customPatterns: [{name: mark, pattern: "MARK-7f3a", redactionText: "[REDACTED]"}]}
    - name: bad
      regex: {customPatterns: [{name: bad_mark, pattern: "BAD-7f3a"}]}
    - name: sql
      sqlSanitizer: {blockDrop: true}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: tools
      when: {target: {operator: or, conditions: {mcpServers: {values: [fake], condition: in}}}}
      llm_input_guardrails: []
      llm_output_guardrails: []
      mcp_tool_pre_invoke_guardrails: [g/redact, g/bad, g/sql]
      mcp_tool_post_invoke_guardrails: [g/redact, g/bad]
"#;

pub(super) async fn guarded(fake: &FakeMcp) -> Gateway {
    let resources = format!("{CALLERS}{POLICY}{}", server("fake", &fake.url(), ""));
    Setup::new(resources).start().await.unwrap()
}

async fn send(gateway: &Gateway, request: Outgoing) -> Answered {
    let answered = gateway.client().send(request).await.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    answered
}

/// Whether an answer says that guardrails stopped the message, in the way of its method.
pub(super) fn is_blocked(message: &Value) -> bool {
    let said = |text: &Value| text.as_str().is_some_and(|text| text.contains("g/"));
    (message["result"]["isError"] == true && said(&message["result"]["content"][0]["text"]))
        || (message["error"]["code"] == 400 && said(&message["error"]["message"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_to_a_server_is_redacted_or_never_gets_there() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    // Whether the mark can be rewritten where it stands.
    let rows = [
        (
            "tools/call",
            json!({"name": "echo", "arguments": {"text": "a MARK b"}}),
            true,
        ),
        (
            "tools/call",
            json!({"name": "echo", "arguments": {"a": [{"b": "MARK"}]}}),
            true,
        ),
        (
            "tools/call",
            json!({"name": "echo", "arguments": {"a": "{\"b\":\"MARK\"}"}}),
            true,
        ),
        (
            "tools/call",
            json!({"name": "echo", "arguments": {"MARK": 1}}),
            false,
        ),
        (
            "tools/call",
            json!({"name": "MARK", "arguments": {}}),
            false,
        ),
        (
            "tools/call",
            json!({"name": "echo", "arguments": {}, "_meta": {"x/note": "MARK"}}),
            true,
        ),
        (
            "tools/call",
            json!({"name": "echo", "requestState": "MARK"}),
            false,
        ),
        (
            "tools/call",
            json!({"name": "echo", "inputResponses": {"k": {"action": "accept", "content": {"a": "MARK"}}}}),
            true,
        ),
        (
            "prompts/get",
            json!({"name": "greet", "arguments": {"who": "MARK"}}),
            true,
        ),
        ("resources/read", json!({"uri": "note://MARK"}), false),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "who", "value": "MARK"}}),
            true,
        ),
    ];
    for (method, params, rewritable) in rows {
        for (mark, passes) in [("MARK-7f3a", rewritable), ("BAD-7f3a", false)] {
            fake.reset();
            let params = params.to_string().replace("MARK", mark);
            let request = stateless(method, serde_json::from_str(&params).unwrap());
            let sent = String::from_utf8(request.body.to_vec()).unwrap();
            let answered = send(&gateway, request).await;
            let shown = answered.text().unwrap().to_owned();
            assert!(!shown.contains("7f3a"), "{params}: {shown}");
            if passes {
                let expected = sent.replace(mark, "[REDACTED]");
                let calls = fake.server().calls();
                assert_eq!(calls.len(), 1, "{params}");
                assert_eq!(calls[0].body, expected.as_bytes(), "{params}");
            } else {
                assert_eq!(fake.server().calls().len(), 0, "{params}");
                assert!(is_blocked(&answered.json().unwrap()), "{shown}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_follows_the_argument_that_it_repeats() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let request = call("regional", json!({"region": "MARK-7f3a", "query": "q"}))
        .header("mcp-param-region", "MARK-7f3a");
    let answered = send(&gateway, request).await;
    assert!(answered.json().unwrap()["result"].is_object());
    let calls = fake.server().calls();
    assert_eq!(calls[0].header("mcp-param-region"), Some("[REDACTED]"));
    assert_eq!(
        calls[0].json()["params"]["arguments"]["region"],
        "[REDACTED]"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_table_stays() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let answered = send(&gateway, call("echo", json!({"text": "DROP TABLE users"}))).await;
    let message = answered.json().unwrap();
    assert_eq!(message["result"]["isError"], true);
    assert_eq!(message["result"]["resultType"], "complete");
    let text = message["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("g/sql") && !text.contains("users"), "{text}");
    assert_eq!(fake.count("tools/call"), 0);
    let record = gateway
        .record(answered.header("x-request-id").unwrap())
        .await
        .unwrap();
    assert_eq!(record["end"], "blocked_violation", "{record}");
    // The next call goes through: a block ends nothing.
    let answered = send(&gateway, call("echo", json!({"text": "hello"}))).await;
    assert_eq!(
        answered.json().unwrap()["result"]["content"][0]["text"],
        "hello"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_from_a_server_is_redacted_or_stopped() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let text = |text: &str| json!({"type": "text", "text": text});
    let rows = [
        ("tools/call", json!({"content": [text("a MARK b")]}), true),
        (
            "tools/call",
            json!({"isError": true, "content": [text("at db://MARK")]}),
            true,
        ),
        (
            "tools/call",
            json!({"content": [], "structuredContent": {"a": "MARK"}}),
            true,
        ),
        (
            "tools/call",
            json!({"content": [], "structuredContent": {"MARK": 1}}),
            false,
        ),
        (
            "tools/call",
            json!({"content": [text("{\"a\":\"MARK\"}")], "structuredContent": {"a": "MARK"}}),
            true,
        ),
        (
            "tools/call",
            json!({"content": [{"type": "resource", "resource": {"uri": "u", "text": "MARK"}}]}),
            true,
        ),
        (
            "tools/call",
            json!({"content": [{"type": "resource_link", "uri": "https://x/?k=MARK", "name": "n"}]}),
            true,
        ),
        (
            "tools/call",
            json!({"resultType": "input_required", "inputRequests": {"k": {
                "method": "elicitation/create", "params": {"message": "MARK"}}}}),
            true,
        ),
        (
            "tools/call",
            json!({"resultType": "input_required", "requestState": "MARK"}),
            false,
        ),
        (
            "prompts/get",
            json!({"messages": [{"role": "user", "content": text("MARK")}]}),
            true,
        ),
        (
            "resources/read",
            json!({"contents": [{"uri": "u", "text": "MARK"}]}),
            true,
        ),
        (
            "completion/complete",
            json!({"completion": {"values": ["MARK"]}}),
            true,
        ),
    ];
    for (method, result, rewritable) in rows {
        for (mark, passes) in [("MARK-7f3a", rewritable), ("BAD-7f3a", false)] {
            fake.reset();
            let scripted = result.to_string().replace("MARK", mark);
            fake.script(
                method,
                [Turn::result(serde_json::from_str(&scripted).unwrap())],
            );
            let params = match method {
                "tools/call" => json!({"name": "echo", "arguments": {"text": "x"}}),
                "prompts/get" => json!({"name": "greet"}),
                "resources/read" => json!({"uri": "note://one"}),
                _ => json!({"ref": {"type": "ref/prompt", "name": "greet"}}),
            };
            let answered = send(&gateway, stateless(method, params)).await;
            assert_eq!(fake.count(method), 1);
            let shown = answered.text().unwrap().to_owned();
            assert!(!shown.contains("7f3a"), "{scripted}: {shown}");
            let message = answered.json().unwrap();
            if passes {
                for (member, value) in result.as_object().unwrap() {
                    let expected = value.to_string().replace("MARK", "[REDACTED]");
                    assert_eq!(message["result"][member].to_string(), expected, "{shown}");
                }
            } else {
                assert!(is_blocked(&message), "{scripted}: {shown}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_redacted_and_a_blocked_one_reads_like_a_failed_call() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    fake.script(
        "tools/call",
        [
            Turn::error(-32603, "at MARK-7f3a"),
            Turn::error(-32603, "at BAD-7f3a"),
        ],
    );
    let answered = send(&gateway, call("echo", json!({"text": "x"}))).await;
    assert_eq!(
        answered.json().unwrap()["error"]["message"],
        "at [REDACTED]"
    );
    let answered = send(&gateway, call("echo", json!({"text": "x"}))).await;
    assert!(
        is_blocked(&answered.json().unwrap()),
        "{:?}",
        answered.text()
    );
    assert_eq!(fake.count("tools/call"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_redacted_or_dropped_and_the_answer_comes_all_the_same() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let note = |data: &str| json!({"method": "notifications/message", "params": {"level": "info", "data": data}});
    let progress = |message: &str| json!({"method": "notifications/progress", "params": {"progress": 1, "message": message}});
    fake.script(
        "tools/call",
        [Turn {
            first: vec![
                note("MARK-7f3a"),
                note("BAD-7f3a"),
                progress("MARK-7f3a"),
                progress("BAD-7f3a"),
            ],
            ..Turn::text("done")
        }],
    );
    let params = json!({"name": "echo", "arguments": {"text": "x"}, "_meta": {"progressToken": 5}});
    let answered = send(&gateway, stateless("tools/call", params)).await;
    assert!(!answered.text().unwrap().contains("7f3a"));
    let messages = messages(&answered);
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert_eq!(messages[0]["params"]["data"], "[REDACTED]");
    assert_eq!(messages[1]["params"]["message"], "[REDACTED]");
    assert_eq!(messages[2]["result"]["content"][0]["text"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_lose_what_is_bad_and_nothing_else() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    fake.edit(|catalog| {
        catalog.tools.push(
            json!({"name": "evil", "description": "BAD-7f3a", "inputSchema": {"type": "object"}}),
        );
        catalog.tools.push(
            json!({"name": "sly", "description": "MARK-7f3a", "inputSchema": {"type": "object"}}),
        );
    });
    let answered = send(&gateway, stateless("tools/list", json!({}))).await;
    let message = answered.json().unwrap();
    let names: Vec<&str> = message["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["echo", "lookup", "regional", "sly"]);
    assert_eq!(message["result"]["tools"][3]["description"], "[REDACTED]");
    assert_eq!(message["result"]["cacheScope"], "private");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redaction_that_breaks_the_output_schema_is_a_block() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let schema = |word: Value| json!({"type": "object", "properties": {"text": word}});
    fake.edit(|catalog| {
        let tool = |name: &str, word| {
            json!({"name": name, "inputSchema": {"type": "object"}, "outputSchema": schema(word)})
        };
        catalog.tools = vec![
            tool("free", json!({"type": "string"})),
            tool("strict", json!({"enum": ["MARK-7f3a", "other"]})),
        ];
    });
    send(&gateway, stateless("tools/list", json!({}))).await;
    // The scripted server says in both places what it was told; the guardrail before the call must not see it.
    let told = json!({"content": [{"type": "text", "text": "{\"text\": \"MARK-7f3a\"}"}],
        "structuredContent": {"text": "MARK-7f3a"}});
    fake.script("tools/call", [Turn::result(told)]);
    let free = send(&gateway, call("free", json!({})))
        .await
        .json()
        .unwrap();
    assert_eq!(free["result"]["structuredContent"]["text"], "[REDACTED]");
    assert_eq!(
        free["result"]["content"][0]["text"],
        "{\"text\": \"[REDACTED]\"}"
    );
    let strict = send(&gateway, call("strict", json!({}))).await;
    assert!(!strict.text().unwrap().contains("7f3a"));
    assert!(is_blocked(&strict.json().unwrap()), "{:?}", strict.text());
}
