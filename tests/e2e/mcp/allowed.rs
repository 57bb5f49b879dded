//! Lists show a caller the tools that policies may let them call, and say who else may keep them.

use parapet_tests::fake_mcp::{FakeMcp, Turn};
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::Outgoing;
use serde_json::{Value, json};

use super::openapi::{described, pet_store};
use super::support::{CALLERS, call, in_session, messages, server, stateless};

/// Everybody may call everything of `github`, but only Ada what is not known to read only; and with some arguments nobody may.
const POLICY: &str = r#"---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: access}
spec:
  guardrails:
    - name: tools
      cedar:
        policy: |
          @id("callers")
          permit(principal, action, resource is Tool);
          @id("only-reads")
          forbid(principal == VirtualAccount::"bob", action == Action::"MCPToolInvoke", resource)
          unless { context.hints has readOnly && context.hints.readOnly };
          @id("no-system-files")
          forbid(principal, action == Action::"MCPToolInvoke", resource)
          when { context.arguments has text && context.arguments.text like "/etc/*" };
          @id("tenants")
          forbid(principal, action == Action::"MCPToolInvoke", resource)
          unless { context.tool != "regional" || context.metadata has tenant };
"#;

fn rule(more: &str) -> String {
    format!(
        "---\napiVersion: parapet.dev/v1alpha1\nkind: GuardrailConfig\nmetadata: {{name: rules}}\nspec: {{rules: [{{id: all{more}, mcp_tool_pre_invoke_guardrails: [access/tools]}}]}}\n"
    )
}

const READS: &str = ", tools: [{name: lookup, readOnly: true}]";

fn from_bob(mut outgoing: Outgoing) -> Outgoing {
    outgoing.headers.retain(|(name, _)| name != "authorization");
    outgoing.bearer("bob-token")
}

async fn answered(gateway: &Gateway, outgoing: Outgoing) -> Value {
    let answered = gateway.client().send(outgoing).await.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    messages(&answered).pop().unwrap()
}

fn list() -> Outgoing {
    stateless("tools/list", json!({}))
}

fn names(list: &Value) -> Vec<&str> {
    let tools = list["result"]["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}

const ALL: [&str; 3] = ["echo", "lookup", "regional"];

#[tokio::test(flavor = "multi_thread")]
async fn what_policies_never_allow_a_caller_is_not_listed() {
    let fake = FakeMcp::start().await.unwrap();
    let resources = format!(
        "{CALLERS}{POLICY}{}{}",
        rule(", when: {}"),
        server("fake", &fake.url(), READS)
    );
    let gateway = Setup::new(resources).start().await.unwrap();
    // Some arguments and some metadata are refused: that is for the call to see.
    assert_eq!(names(&answered(&gateway, list()).await), ALL);
    assert_eq!(
        names(&answered(&gateway, from_bob(list())).await),
        ["lookup"]
    );
    let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
    let hidden = r#"parapet_mcp_tools_hidden_total{server="fake",why="policy"} 2"#;
    assert!(metrics.contains(hidden), "{metrics}");
    // What is not shown is refused in the same words as ever, and is not taken for a tool that there is not.
    let refused = answered(&gateway, from_bob(call("echo", json!({"text": "x"})))).await;
    let told = refused["result"]["content"][0]["text"].as_str().unwrap();
    assert!(told.contains("only-reads"), "{told}");
    assert_eq!(fake.count("tools/call"), 0);
    let called = answered(&gateway, from_bob(call("lookup", json!({"text": "x"})))).await;
    assert_eq!(called["result"]["isError"], Value::Null);
    assert_eq!(fake.count("tools/call"), 1);

    // The same in a session.
    let begin = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let begun = gateway
        .client()
        .send(from_bob(in_session(None, &begin)))
        .await
        .unwrap();
    let session = begun.header("mcp-session-id").unwrap();
    let listing = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let listing = from_bob(in_session(Some(session), &listing));
    assert_eq!(names(&answered(&gateway, listing).await), ["lookup"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_might_be_allowed_is_listed() {
    let fake = FakeMcp::start().await.unwrap();
    let replace = |subject: &str, mandatory: bool| {
        format!(
            "---\napiVersion: parapet.dev/v1alpha1\nkind: GuardrailConfig\nmetadata: {{name: rules}}\nspec: {{overrides: {{replace: [\"{subject}\"]}}, rules: [{{id: all, when: {{}}, mandatory: {mandatory}, mcp_tool_pre_invoke_guardrails: [access/tools]}}]}}\n"
        )
    };
    let rows: [(String, &[&str]); 7] = [
        (rule(", when: {}, enforcing_strategy: audit"), &ALL),
        (
            rule(", when: {}, enforcing_strategy: enforce_but_ignore_on_error"),
            &["lookup"],
        ),
        // A header about metadata says today this and tomorrow that.
        (rule(", when: {metadata: {stage: live}}"), &ALL),
        (
            rule(", when: {target: {conditions: {mcpServers: {values: [\"fake:echo\"]}}}}"),
            &["lookup", "regional"],
        ),
        // Bob's header may take the guardrail away, unless the rule says that it stays.
        (replace("virtualaccount:bob", false), &ALL),
        (replace("virtualaccount:bob", true), &["lookup"]),
        (replace("virtualaccount:ada", false), &["lookup"]),
    ];
    for (rule, expected) in rows {
        let resources = format!(
            "{CALLERS}{POLICY}{rule}{}",
            server("fake", &fake.url(), READS)
        );
        let gateway = Setup::new(resources).start().await.unwrap();
        let request = from_bob(list()).header("x-tfy-metadata", r#"{"stage": "live"}"#);
        let listed = answered(&gateway, request).await;
        assert_eq!(names(&listed), expected, "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_depends_on_the_caller_is_for_the_caller() {
    const POST: &str = "---\napiVersion: parapet.dev/v1alpha1\nkind: GuardrailIntegration\nmetadata: {name: g}\nspec: {guardrails: [{name: keys, regex: {customPatterns: [{pattern: \"KEY\"}]}}]}\n";
    let fake = FakeMcp::start().await.unwrap();
    let everybody = json!({"ttlMs": 9000, "cacheScope": "public", "resultType": "complete",
        "tools": [{"name": "echo", "inputSchema": {"type": "object"}}]});
    fake.script("tools/list", [Turn::result(everybody)]);
    let closed = ", collaborators: [{subject: \"virtualaccount:ada\", role: User}]";
    let judged = POST.to_owned()
        + &rule(", when: {subjects: {conditions: {in: [\"virtualaccount:bob\"]}}}").replace(
            "mcp_tool_pre_invoke_guardrails: [access/tools]",
            "mcp_tool_post_invoke_guardrails: [g/keys]",
        );
    let limited = format!(
        "{POLICY}{}",
        rule(", when: {subjects: {conditions: {in: [\"virtualaccount:bob\"]}}}")
    );
    let named = (
        "x-tfy-guardrails",
        r#"{"mcp_tool_post_invoke_guardrails": ["g/keys"]}"#,
    );
    let rows = [
        ("", "", None, "public"),
        (POST, "", None, "public"),
        (POST, "", Some(named), "private"),
        ("", closed, None, "private"),
        (&judged, "", None, "private"),
        (&limited, "", None, "private"),
    ];
    for (rules, more, header, expected) in rows {
        let resources = format!("{CALLERS}{rules}{}", server("fake", &fake.url(), more));
        let gateway = Setup::new(resources).start().await.unwrap();
        let request = match header {
            Some((name, value)) => list().header(name, value),
            None => list(),
        };
        let listed = answered(&gateway, request).await;
        let result = &listed["result"];
        assert_eq!(
            (&result["cacheScope"], &result["ttlMs"]),
            (&json!(expected), &json!(9000)),
            "{rules}{more}"
        );
        assert_eq!(names(&listed), ["echo"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_and_a_virtual_server_show_what_may_be_called_as_well() {
    const PETSTORE: &str = include_str!("../../fixtures/openapi/petstore-expanded.json");
    let api = pet_store().await;
    let pets = described(PETSTORE, &format!("http://{}/api", api.addr()), &json!({}));
    let resources = format!("{CALLERS}{POLICY}{}{pets}", rule(", when: {}"));
    let gateway = Setup::new(resources).start().await.unwrap();
    let all = ["addPet", "deletePet", "findPets", "find_pet_by_id"];
    assert_eq!(names(&answered(&gateway, list()).await), all);
    let listed = answered(&gateway, from_bob(list())).await;
    assert_eq!(names(&listed), ["findPets", "find_pet_by_id"]);

    // By each of a tool's names: the one here, the one at the member, and what either resource says of it.
    let (github, jira) = (
        FakeMcp::start().await.unwrap(),
        FakeMcp::start().await.unwrap(),
    );
    let policy = POLICY.replace(
        "          @id(\"tenants\")",
        "          @id(\"here\")\n          forbid(principal, action, resource == Tool::\"fake:gh_echo\");\n          @id(\"there\")\n          forbid(principal, action, resource in Tool::\"jira:echo\");\n          @id(\"tenants\")",
    );
    assert_ne!(policy, POLICY);
    let suite = "---\napiVersion: parapet.dev/v1alpha1\nkind: MCPServer\nmetadata: {name: fake}\nspec:\n  virtual: {members: [{server: github, prefix: gh}, {server: jira}]}\n  tools: [{name: jira_regional, readOnly: true}]\n";
    let resources = format!(
        "{CALLERS}{policy}{}{}{}{suite}",
        rule(", when: {}"),
        server("github", &github.url(), READS),
        server("jira", &jira.url(), ""),
    );
    let gateway = Setup::new(resources).start().await.unwrap();
    let all = ["gh_lookup", "gh_regional", "jira_lookup", "jira_regional"];
    assert_eq!(names(&answered(&gateway, list()).await), all);
    let listed = answered(&gateway, from_bob(list())).await;
    assert_eq!(names(&listed), ["gh_lookup", "jira_regional"]);
    for tool in ["gh_echo", "jira_echo"] {
        let refused = answered(&gateway, call(tool, json!({"text": "x"}))).await;
        assert_eq!(refused["result"]["isError"], true, "{refused}");
    }
    assert_eq!(github.count("tools/call") + jira.count("tools/call"), 0);
}
