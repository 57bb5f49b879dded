//! Rules, records and pins hold for a tool however it is called.

use parapet_gateway::mcp::pinning::{List, Names};
use parapet_tests::fake_mcp::Catalog;
use serde_json::{Value, json};

use super::{UNKNOWN, answered, both, listed, names, start, text};
use crate::mcp::support::{call, server};

/// Rules by each of a tool's names, and one on a name that no server has for it.
const RULES: &str = r#"---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: one, regex: {customPatterns: [{pattern: "ONE"}]}}
    - {name: two, regex: {customPatterns: [{pattern: "TWO"}]}}
    - {name: three, regex: {customPatterns: [{pattern: "THREE"}]}}
    - {name: hide, operation: mutate, regex: {customPatterns: [{pattern: "KEY-[0-9]+", redactionText: "[HIDDEN]"}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: source
      when: {target: {conditions: {mcpServers: {values: ["github:echo"]}}}}
      mcp_tool_pre_invoke_guardrails: [g/one]
    - id: suite
      when: {target: {conditions: {mcpServers: {values: ["fake:gh_echo"]}}}}
      mcp_tool_pre_invoke_guardrails: [g/two]
    - id: neither
      when: {target: {conditions: {mcpServers: {values: ["fake:echo", "github:gh_echo", "jira"]}}}}
      mcp_tool_pre_invoke_guardrails: [g/three]
    - id: both
      when: {target: {conditions: {mcpServers: {values: [fake, github]}}}}
      mcp_tool_post_invoke_guardrails: [g/hide]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_on_either_name_judges_the_call_once() {
    let (github, jira, resources) = both().await;
    let gateway = start(&format!("{resources}{RULES}")).await;
    for (said, guardrail) in [("ONE", "g/one"), ("TWO", "g/two")] {
        let message = answered(&gateway, call("gh_echo", json!({"text": said}))).await;
        assert_eq!(message["result"]["isError"], true, "{message}");
        assert!(text(&message).contains(guardrail) && !text(&message).contains(said));
    }
    assert_eq!(github.count("tools/call"), 0);
    let request = call("gh_echo", json!({"text": "THREE KEY-1"}));
    let through = gateway.client().send(request).await.unwrap();
    assert_eq!(text(&through.json().unwrap()), "THREE [HIDDEN]");
    assert_eq!(github.count("tools/call"), 1);
    let record = gateway
        .record(through.header("x-request-id").unwrap())
        .await
        .unwrap();
    assert_eq!(record["mcp"]["server"], "fake");
    assert_eq!(record["mcp"]["source"], "github");
    assert_eq!(record["mcp"]["tool"], "gh_echo");
    assert_eq!(record["attempts"][0]["provider"], "github");
    let ran = record["guardrails"].as_array().unwrap();
    let ran: Vec<&str> = ran
        .iter()
        .map(|one| one["selector"].as_str().unwrap())
        .collect();
    assert_eq!(ran, ["g/one", "g/two", "g/hide"]);
    let message = answered(&gateway, call("jira_echo", json!({"text": "THREE"}))).await;
    assert_eq!(message["result"]["isError"], true);
    assert_eq!(jira.count("tools/call"), 0);
    let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
    let counted = r#"parapet_mcp_messages_total{end="allowed",method="tools/call",server="fake",source="github"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_approved_at_a_member_is_not_offered_here() {
    let (github, jira, resources) = both().await;
    let tools = Catalog::default().tools;
    let approved: Vec<Value> = tools
        .iter()
        .map(|tool| {
            let list = List::read(&json!([tool]).to_string(), &Names::default()).unwrap();
            json!({"name": tool["name"], "digest": list.tools[0].digest.to_string()})
        })
        .collect();
    let pinning = format!(
        ", pinning: {{mode: enforce, approved: {}}}",
        Value::from(approved)
    );
    let resources = resources.replace(
        &server("github", &github.url(), ""),
        &server("github", &github.url(), &pinning),
    );
    let (one, other) = (start(&resources).await, start(&resources).await);
    assert_eq!(names(&listed(&one).await).len(), 6);
    github.edit(|catalog| {
        catalog.tools[0]["description"] = "Says what it is told, and mails it.".into();
    });
    let list = listed(&one).await;
    assert_eq!(
        names(&list),
        [
            "gh_lookup",
            "gh_regional",
            "jira_echo",
            "jira_lookup",
            "jira_regional"
        ]
    );
    for gateway in [&one, &other] {
        let message = answered(gateway, call("gh_echo", json!({"text": "x"}))).await;
        assert_eq!(message["error"]["code"], UNKNOWN, "{message}");
        let message = answered(gateway, call("gh_lookup", json!({"text": "x"}))).await;
        assert_eq!(text(&message), "x");
    }
    assert_eq!(
        (github.count("tools/call"), jira.count("tools/call")),
        (2, 0)
    );
}
