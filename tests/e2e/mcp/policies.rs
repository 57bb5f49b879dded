//! Who may call which tools with which arguments, as policies say.

use std::time::Duration;

use parapet_tests::fake::Reply;
use parapet_tests::fake_guardrail::{FakeGuardrails, Judgement};
use parapet_tests::fake_mcp::FakeMcp;
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::Outgoing;
use serde_json::{Value, json};

use super::support::{CALLERS, call, server, stateless};

const CEDAR: &str = r#"---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: access}
spec:
  guardrails:
    - name: tools
      cedar:
        policy: |
          @id("callers")
          permit(principal is VirtualAccount, action, resource == MCPServer::"fake");

          @id("no-system-files")
          forbid(principal, action, resource == Tool::"fake:echo")
          when { context.arguments has text && context.arguments.text like "/etc/*" };

          @id("bob-only-reads")
          forbid(principal == VirtualAccount::"bob", action == Action::"MCPToolInvoke", resource)
          unless { context.hints has readOnly && context.hints.readOnly };
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec: {rules: [{id: all, when: {}, mcp_tool_pre_invoke_guardrails: [access/tools]}]}
"#;

async fn guarded(fake: &FakeMcp, resources: &str) -> Gateway {
    let more = ", tools: [{name: lookup, readOnly: true}]";
    let resources = format!("{CALLERS}{resources}{}", server("fake", &fake.url(), more));
    Setup::new(resources).start().await.unwrap()
}

/// From the second caller.
fn from_bob(mut outgoing: Outgoing) -> Outgoing {
    outgoing.headers.retain(|(name, _)| name != "authorization");
    outgoing.bearer("bob-token")
}

async fn answer(gateway: &Gateway, outgoing: Outgoing) -> Value {
    let answered = gateway.client().send(outgoing).await.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    answered.json().unwrap()
}

/// What an agent reads when its call is blocked; empty when it is not.
fn told(message: &Value) -> &str {
    match message["result"]["isError"] == true {
        true => message["result"]["content"][0]["text"].as_str().unwrap(),
        false => "",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cedar_judges_callers_tools_arguments_and_hints() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake, CEDAR).await;
    let echo = |text: Value| call("echo", json!({"text": text}));
    let rows = [
        (echo(json!("hello")), ""),
        (
            echo(json!("/etc/passwd")),
            "forbidden by policy \"no-system-files\"",
        ),
        (
            echo(json!(["/etc/passwd"])),
            "the argument \"text\" is not of the type that policies read it as: policy \"no-system-files\"",
        ),
        (
            from_bob(echo(json!("hello"))),
            "forbidden by policy \"bob-only-reads\"",
        ),
        (from_bob(call("lookup", json!({"text": "hello"}))), ""),
    ];
    let mut reached = 0;
    for (outgoing, expected) in rows {
        let message = answer(&gateway, outgoing).await;
        let said = told(&message);
        assert_eq!(said.is_empty(), expected.is_empty(), "{message}");
        assert!(said.contains(expected), "{said}");
        assert!(!message.to_string().contains("passwd"), "{message}");
        reached += usize::from(expected.is_empty());
        assert_eq!(fake.count("tools/call"), reached);
    }
    // Messages that call no tool are no tool calls.
    let list = answer(&gateway, stateless("tools/list", json!({}))).await;
    assert!(list["result"]["tools"].is_array(), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn opa_is_asked_about_calls_and_about_nothing_else() {
    let fake = FakeMcp::start().await.unwrap();
    let agent = FakeGuardrails::start().await.unwrap();
    let opa = format!(
        r#"---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {{name: opa}}
spec: {{guardrails: [{{name: authz, opa: {{opaUrl: "{}", policyPath: authz/allow}}}}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {{name: rules}}
spec: {{rules: [{{id: all, when: {{}}, mcp_tool_pre_invoke_guardrails: [opa/authz]}}]}}
"#,
        agent.url("opa")
    );
    let gateway = guarded(&fake, &opa).await;
    let says = |decision: Value| {
        let reply = Judgement::Raw(Reply::json(200, &decision));
        agent.script("opa/v1/data/authz/allow", [(Duration::ZERO, reply)]);
    };
    says(json!({"result": true}));
    let lookup = call("lookup", json!({"text": "hello"}));
    assert_eq!(told(&answer(&gateway, lookup).await), "");
    let input = agent.server().calls()[0].json()["input"].clone();
    assert_eq!(input["hook"], "mcp_tool_pre_invoke");
    assert_eq!(input["user"]["subjectId"], "ada");
    assert_eq!(
        input["mcp"],
        json!({"server": "fake", "servers": ["fake"], "tool": "lookup", "arguments": {"text": "hello"},
               "hints": {"readOnly": true}})
    );
    assert_eq!(input["requestBody"]["method"], "tools/call");

    says(json!({}));
    let message = answer(&gateway, call("echo", json!({"text": "x"}))).await;
    assert!(
        told(&message).contains("authz/allow says nothing about it"),
        "{message}"
    );
    assert_eq!(fake.count("tools/call"), 1);

    let list = answer(&gateway, stateless("tools/list", json!({}))).await;
    assert!(list["result"]["tools"].is_array(), "{list}");
    assert_eq!(agent.server().calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_judges_results_alone_sees_what_was_asked_and_what_came() {
    let fake = FakeMcp::start().await.unwrap();
    let services = FakeGuardrails::start().await.unwrap();
    let custom = format!(
        r#"---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {{name: g}}
spec: {{guardrails: [{{name: judge, custom: {{url: "{}"}}}}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {{name: rules}}
spec: {{rules: [{{id: all, when: {{}}, mcp_tool_post_invoke_guardrails: [g/judge]}}]}}
"#,
        services.url("judge")
    );
    let gateway = guarded(&fake, &custom).await;
    answer(&gateway, call("echo", json!({"text": "hello"}))).await;
    let seen = services.server().calls()[0].json();
    assert_eq!(seen["requestBody"]["method"], "tools/call");
    assert_eq!(seen["requestBody"]["params"]["name"], "echo");
    assert_eq!(
        seen["requestBody"]["params"]["arguments"],
        json!({"text": "hello"})
    );
    assert!(seen["responseBody"]["content"].is_array(), "{seen}");
}
