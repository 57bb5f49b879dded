use std::sync::Arc;

use bytes::Bytes;
use parapet_policy::compile::Problem;
use parapet_policy::facts::{Caller, Subject};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::Operation;
use serde_json::json;

use super::schema;
use crate::exchange::{Call, McpCall, ToolHints};
use crate::guardrail::{BuildContext, Built, ContextViolation, Guardrail};

mod documented;
mod listed;
mod narrowed;
mod random;
mod refused;

/// The policies of a platform team: published spelling, groups, arguments, metadata and hints.
const POLICIES: &str = r#"
@id("engineers")
permit(principal in Team::"engineering", action, resource == MCPServer::"github");

@id("readers")
permit(principal in Team::"everyone", action == Action::"MCPToolInvoke", resource)
when { context.hints has readOnly && context.hints.readOnly };

@id("files")
permit(principal is VirtualAccount, action == Action::"MCPToolInvoke", resource in MCPServer::"files")
when { context.arguments has path && context.arguments.path like "/data/*" };

@id("no-deletes")
forbid(principal, action == Action::"MCPToolInvoke", resource)
when { context.tool like "delete_*" }
unless { principal in Role::"admin" };

@id("refunds")
forbid(principal, action, resource == Tool::"shop:refund")
when { context.arguments has amount && context.arguments.amount > 100 };

@id("models")
permit(principal, action == Action::"ModelInvoke", resource in ModelProvider::"cheap");

@id("production")
forbid(principal, action == Action::"ModelInvoke", resource in Model::"cheap/experimental")
when { context.metadata has environment && context.metadata.environment == "production" };
"#;

fn build(policy: &str) -> Result<Built, Vec<Problem>> {
    let context = BuildContext::without_secrets(Operation::Validate);
    crate::kinds::build("cedar", &json!({"policy": policy}), &context)
}

fn judge(policy: &str, call: &Call) -> Result<(), ContextViolation> {
    match build(policy).unwrap().guardrail {
        Guardrail::Context(guardrail) => guardrail.judge(call),
        other => panic!("not a context guardrail: {other:?}"),
    }
}

fn caller(subject: &str) -> Caller {
    let (subject, groups) = subject.split_once(' ').unwrap_or((subject, ""));
    let group = |prefix: &str| -> Vec<Arc<str>> {
        let groups = groups.split(' ').filter_map(|g| g.strip_prefix(prefix));
        groups.map(Arc::from).collect()
    };
    let (kind, name) = subject.split_once(':').unwrap();
    Caller {
        subject: match kind {
            "user" => Subject::User(name.into()),
            _ => Subject::VirtualAccount(name.into()),
        },
        teams: group("team:"),
        roles: group("role:"),
    }
}

fn names(names: &str) -> Arc<[Arc<str>]> {
    names.split(' ').map(Arc::from).collect()
}

/// A call of `SERVER[ SOURCE]:TOOL`.
fn tool(subject: &str, tool: &str, arguments: &str) -> Call {
    let (servers, tool) = tool.split_once(':').unwrap();
    Call {
        hook: Hook::McpToolPreInvoke,
        caller: caller(subject),
        metadata: Default::default(),
        models: [].into(),
        mcp: Some(McpCall {
            servers: names(servers),
            tool: Some(tool.into()),
            source_tool: None,
            arguments: Some(Bytes::copy_from_slice(arguments.as_bytes())),
            hints: ToolHints::default(),
        }),
        request_id: "r".into(),
    }
}

fn model(subject: &str, models: &str) -> Call {
    Call {
        hook: Hook::LlmInput,
        caller: caller(subject),
        metadata: Default::default(),
        models: names(models),
        mcp: None,
        request_id: "r".into(),
    }
}

fn categories(policy: &str, call: &Call) -> Vec<String> {
    match judge(policy, call) {
        Ok(()) => Vec::new(),
        Err(violation) => violation
            .categories
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

#[test]
fn judges_tool_calls() {
    let rows: [(&str, &str, &str, &[&str]); 16] = [
        ("user:ada team:engineering", "github:get_issue", "{}", &[]),
        (
            "user:bob team:sales",
            "github:get_issue",
            "{}",
            &["not_permitted"],
        ),
        (
            "virtualaccount:bot team:engineering",
            "github:get_issue",
            "{}",
            &[],
        ),
        // A virtual server's tool is in the source server.
        (
            "user:ada team:engineering",
            "tools github:get_issue",
            "{}",
            &[],
        ),
        (
            "user:ada team:engineering",
            "gitlab:get_issue",
            "{}",
            &["not_permitted"],
        ),
        (
            "user:ada team:engineering",
            "github:delete_repo",
            "{}",
            &["forbidden:no-deletes"],
        ),
        (
            "user:ada team:engineering role:admin",
            "github:delete_repo",
            "{}",
            &[],
        ),
        (
            "virtualaccount:bot",
            "files:read",
            r#"{"path":"/data/a"}"#,
            &[],
        ),
        (
            "virtualaccount:bot",
            "files:read",
            r#"{"path":"/etc/passwd"}"#,
            &["not_permitted"],
        ),
        ("virtualaccount:bot", "files:read", "{}", &["not_permitted"]),
        (
            "user:ada",
            "files:read",
            r#"{"path":"/data/a"}"#,
            &["not_permitted"],
        ),
        // What a policy would say of a list in the place of a text is not known.
        (
            "virtualaccount:bot",
            "files:read",
            r#"{"path":["/data/a"]}"#,
            &["not_evaluated:files"],
        ),
        // But only to policies that can apply.
        (
            "user:ada team:engineering",
            "github:get_issue",
            r#"{"path":1}"#,
            &[],
        ),
        (
            "user:ada team:engineering",
            "shop github:refund",
            r#"{"amount":100}"#,
            &[],
        ),
        (
            "user:ada team:engineering",
            "shop github:refund",
            r#"{"amount":101}"#,
            &["forbidden:refunds"],
        ),
        (
            "user:ada team:engineering",
            "shop github:refund",
            r#"{"amount":"101"}"#,
            &["not_evaluated:refunds"],
        ),
    ];
    for (subject, called, arguments, expected) in rows {
        let found = categories(POLICIES, &tool(subject, called, arguments));
        assert_eq!(found, expected, "{subject} {called} {arguments}");
    }
}

#[test]
fn a_policy_about_a_tool_holds_behind_a_virtual_server_that_names_it_otherwise() {
    let behind = |asked: &str, own: &str, amount: u32| {
        let arguments = json!({"amount": amount}).to_string();
        let mut call = tool("user:ada team:engineering", asked, &arguments);
        call.mcp.as_mut().unwrap().source_tool = Some(own.into());
        categories(POLICIES, &call)
    };
    let rows: [(&str, &str, u32, &[&str]); 5] = [
        ("suite github:gh_get", "get", 1, &[]),
        // By what the tool is called where it is.
        (
            "suite github:gh_remove",
            "delete_repo",
            1,
            &["forbidden:no-deletes"],
        ),
        ("suite github:delete_gh", "get", 1, &[]),
        // By what it is called here.
        ("shop github:refund", "pay", 101, &["forbidden:refunds"]),
        ("suite github:refund", "pay", 101, &[]),
    ];
    for (asked, own, amount, expected) in rows {
        assert_eq!(behind(asked, own, amount), expected, "{asked} {own}");
    }
    let all = "permit(principal, action, resource);";
    let source = r#"forbid(principal, action, resource in Tool::"github:get");"#;
    let mut call = tool("user:ada", "suite github:gh_get", "{}");
    let policies = format!("{all}{source}");
    assert!(judge(&policies, &call).is_ok());
    call.mcp.as_mut().unwrap().source_tool = Some("get".into());
    assert!(judge(&policies, &call).is_err());
}

#[test]
fn judges_by_hints() {
    let mut call = tool("user:ada", "any:look", "{}");
    assert_eq!(categories(POLICIES, &call), ["not_permitted"]);
    for (hint, expected) in [(Some(false), false), (Some(true), true)] {
        call.mcp.as_mut().unwrap().hints.read_only = hint;
        assert_eq!(judge(POLICIES, &call).is_ok(), expected);
    }
}

#[test]
fn judges_model_calls() {
    let rows: [(&str, &str, &[&str]); 6] = [
        ("cheap/small", "production", &[]),
        ("costly/large", "production", &["not_permitted"]),
        ("cheap/experimental", "staging", &[]),
        (
            "cheap/experimental",
            "production",
            &["forbidden:production"],
        ),
        // A forbid counts under every name that the model may be routed to, by what Cedar means by `in`.
        (
            "cheap/any cheap/experimental",
            "production",
            &["forbidden:production"],
        ),
        ("", "production", &["not_permitted"]),
    ];
    for (models, environment, expected) in rows {
        let mut call = model("virtualaccount:bot", models);
        call.metadata
            .insert("environment".into(), environment.into());
        assert_eq!(
            categories(POLICIES, &call),
            expected,
            "{models} {environment}"
        );
    }
    assert!(judge(POLICIES, &model("user:ada", "cheap/experimental")).is_ok());
}

#[test]
fn nothing_is_allowed_that_nothing_permits() {
    for call in [tool("user:ada", "a:b", "{}"), model("user:ada", "a/b")] {
        let refusal = judge("", &call).unwrap_err();
        assert_eq!(refusal.explanation, "no policy permits it");
    }
    let remarks = build("").unwrap().remarks;
    assert!(remarks[0].message.contains("everything is denied"));
}

#[test]
fn says_which_policies_forbid_and_nothing_of_the_call() {
    let policies = r#"
        permit(principal, action, resource);
        @id("b") forbid(principal, action, resource is Tool) when { context.tool == "rm" };
        @id("a") forbid(principal, action == Action::"MCPToolInvoke", resource)
            when { context.arguments has path && context.arguments.path like "*secret*" };
    "#;
    let refusal = judge(
        policies,
        &tool("user:ada", "a:rm", r#"{"path":"/secret/x"}"#),
    );
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.explanation, r#"forbidden by policy "a", "b""#);
    assert_eq!(refusal.categories, ["forbidden:a", "forbidden:b"]);
}

#[test]
fn messages_that_call_no_tool_and_answers_pass() {
    let mut call = tool("user:ada", "a:b", "{}");
    call.mcp.as_mut().unwrap().tool = None;
    assert!(judge(POLICIES, &call).is_ok());
    let mut call = tool("user:ada", "a:b", "{}");
    call.hook = Hook::McpToolPostInvoke;
    assert!(judge(POLICIES, &call).is_ok());
}

#[test]
fn what_cannot_be_evaluated_is_not_allowed() {
    let policies = r#"
        permit(principal, action, resource);
        @id("sum") forbid(principal, action == Action::"MCPToolInvoke", resource)
            when { context.arguments has n && context.arguments.n + 1 > 10 };
    "#;
    let call = |n: &str| tool("user:ada", "a:b", &format!(r#"{{"n":{n}}}"#));
    assert!(judge(policies, &call("1")).is_ok());
    assert_eq!(categories(policies, &call("20")), ["forbidden:sum"]);
    // The addition overflows.
    let largest = i64::MAX.to_string();
    assert_eq!(categories(policies, &call(&largest)), ["not_evaluated:sum"]);
    for broken in ["", "[]", "{\"n\":1", "{\"n\":1,\"n\":2}"] {
        let call = tool("user:ada", "a:b", broken);
        assert_eq!(categories(policies, &call), ["not_evaluated"], "{broken}");
    }
}

#[test]
fn arguments_have_the_types_that_policies_use_them_with() {
    let rows = [
        ("context.arguments.v like \"a*\"", r#""abc""#, r#""bcd""#),
        ("context.arguments.v > 3", "4", "3"),
        ("context.arguments.v", "true", "false"),
        ("context.arguments.v.contains(\"a\")", r#"["a"]"#, "[]"),
        ("context.arguments.v.contains(7)", "[7]", "[8]"),
        (
            "context.arguments.v.greaterThan(decimal(\"1.5\"))",
            "1.6",
            "1.5",
        ),
        (
            "context.arguments.v.isLoopback()",
            r#""127.0.0.1""#,
            r#""10.0.0.1""#,
        ),
        (
            "context.arguments.v < datetime(\"2026-01-01\")",
            r#""2025-12-31""#,
            r#""2026-01-01""#,
        ),
        (
            "principal.teams.contains(context.arguments.v)",
            r#""t""#,
            r#""u""#,
        ),
        (
            "context.arguments.v == context.arguments.w",
            r#""x""#,
            r#""y""#,
        ),
    ];
    for (condition, permitted, denied) in rows {
        let policy = format!(
            "permit(principal, action == Action::\"MCPToolInvoke\", resource)
             when {{ context.arguments has v && context.arguments has w && {condition} }};"
        );
        let call = |v: &str| tool("user:ada team:t", "a:b", &format!(r#"{{"v":{v},"w":"x"}}"#));
        assert_eq!(judge(&policy, &call(permitted)), Ok(()), "{condition}");
        assert_eq!(
            categories(&policy, &call(denied)),
            ["not_permitted"],
            "{condition}"
        );
    }
}

#[test]
fn members_of_arguments_within_arguments() {
    let policy = r#"permit(principal, action == Action::"MCPToolInvoke", resource)
        when { context.arguments has options.dryRun && context.arguments.options.dryRun };"#;
    let rows: [(&str, &[&str]); 5] = [
        (r#"{"options":{"dryRun":true}}"#, &[]),
        (r#"{"options":{"dryRun":false}}"#, &["not_permitted"]),
        (r#"{"options":{}}"#, &["not_permitted"]),
        (r#"{"options":null}"#, &["not_permitted"]),
        (r#"{"options":"dryRun"}"#, &["not_evaluated:policy0"]),
    ];
    for (arguments, expected) in rows {
        let found = categories(policy, &tool("user:ada", "a:b", arguments));
        assert_eq!(found, expected, "{arguments}");
    }
}

#[test]
fn callers_are_told_apart_and_names_mean_nothing_but_themselves() {
    let policy = r#"permit(principal == User::"ada", action, resource == Tool::"a:b");"#;
    let Guardrail::Context(guardrail) = build(policy).unwrap().guardrail else {
        panic!("not a context guardrail");
    };
    for _ in 0..2 {
        for (subject, called, allowed) in [
            ("user:ada", "a:b", true),
            ("virtualaccount:ada", "a:b", false),
            ("user:bob", "a:b", false),
            (r#"user:ada"||true||""#, "a:b", false),
            ("user:ada", "a:c", false),
            ("user:ada", "a:b\"", false),
        ] {
            let call = tool(subject, called, "{}");
            assert_eq!(
                guardrail.judge(&call).is_ok(),
                allowed,
                "{subject} {called}"
            );
        }
    }
}

#[test]
fn more_callers_than_are_remembered() {
    let policy = r#"permit(principal in Team::"a", action, resource);"#;
    let Guardrail::Context(guardrail) = build(policy).unwrap().guardrail else {
        panic!("not a context guardrail");
    };
    for number in 0..5_000 {
        let team = if number % 2 == 0 { "a" } else { "b" };
        let call = tool(&format!("user:u{number} team:{team}"), "a:b", "{}");
        assert_eq!(guardrail.judge(&call).is_ok(), number % 2 == 0);
    }
}
