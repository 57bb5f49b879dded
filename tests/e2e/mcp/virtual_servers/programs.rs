//! Members that are programs.

use std::time::{Duration, Instant};

use http::Method;
use parapet_tests::fake_mcp::FakeMcp;
use parapet_tests::harness::Gateway;
use serde_json::{Value, json};

use super::{answered, listed, names, start, suite, text};
use crate::mcp::command::program;
use crate::mcp::command_life::is_gone;
use crate::mcp::guarded::{POLICY, is_blocked};
use crate::mcp::support::{bodiless, call, in_session, initialize, messages, server};

const OF_GITHUB: [&str; 3] = ["gh_echo", "gh_lookup", "gh_regional"];

/// A server behind HTTP, and a gateway with a program beside it in one virtual server.
async fn beside(args: &str, more: &str) -> (FakeMcp, Gateway) {
    let github = FakeMcp::start().await.unwrap();
    let program = program(args, "", "").replace("{name: fake}", "{name: prog}");
    let members = "{server: prog, prefix: p}, {server: github, prefix: gh}";
    let resources = format!(
        "{program}{}{}{more}",
        server("github", &github.url(), ""),
        suite(members, "")
    );
    let gateway = start(&resources).await;
    (github, gateway)
}

fn call_of(tool: &str, said: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call",
        "params": {"name": tool, "arguments": {"text": said}}})
}

async fn called(gateway: &Gateway, session: &str, tool: &str, said: &str) -> Value {
    answered(gateway, in_session(Some(session), &call_of(tool, said))).await
}

async fn told(gateway: &Gateway, session: &str, tool: &str) -> String {
    text(&called(gateway, session, tool, "x").await).to_owned()
}

/// Waits until the metrics say so.
async fn is_counted(gateway: &Gateway, line: &str) {
    let begun = Instant::now();
    loop {
        let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
        if metrics.lines().any(|counted| counted == line) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{metrics}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_has_a_process_that_ends_with_it() {
    let (github, gateway) = beside("", "").await;
    let (one, two) = (initialize(&gateway).await, initialize(&gateway).await);
    is_counted(&gateway, "parapet_mcp_programs_running{server=\"prog\"} 2").await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let list = answered(&gateway, in_session(Some(&one), &list)).await;
    let shown = names(&list["result"]);
    assert!(OF_GITHUB.iter().all(|name| shown.contains(name)), "{list}");
    assert!(
        shown.contains(&"p_echo") && shown.contains(&"p_pid"),
        "{list}"
    );
    let (first, second) = (
        told(&gateway, &one, "p_pid").await,
        told(&gateway, &two, "p_pid").await,
    );
    assert_ne!(first, second);
    assert_eq!(told(&gateway, &one, "p_pid").await, first);
    assert_eq!(told(&gateway, &one, "gh_echo").await, "x");

    let ended = gateway.client().send(bodiless(Method::DELETE, &one)).await;
    assert!(ended.unwrap().status.is_success());
    is_gone(&first).await;
    is_counted(
        &gateway,
        "parapet_mcp_programs_ended_total{server=\"prog\",why=\"session\"} 1",
    )
    .await;
    assert_eq!(github.sessions(), 1);
    assert_eq!(told(&gateway, &two, "p_pid").await, second);
    gateway.terminate().await.unwrap();
    is_gone(&second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_sessions_are_served_by_processes_of_their_own() {
    let (_github, gateway) = beside("", "").await;
    let list = listed(&gateway).await;
    let shown = names(&list);
    assert!(OF_GITHUB.iter().all(|name| shown.contains(name)), "{list}");
    assert!(shown.contains(&"p_echo"), "{list}");
    let echoed = answered(&gateway, call("p_echo", json!({"text": "x"}))).await;
    assert_eq!((text(&echoed), &echoed["id"]), ("x", &json!(7)));
    let pid = answered(&gateway, call("p_pid", json!({}))).await;
    let again = answered(&gateway, call("p_pid", json!({}))).await;
    assert_eq!(text(&pid), text(&again));
    // Without a session there is none that another status would end.
    let died = gateway.client().send(call("p_die", json!({}))).await;
    let died = died.unwrap();
    assert_eq!(died.status, 502);
    let died = messages(&died).pop().unwrap();
    assert_eq!(died["error"]["code"], -32603, "{died}");
    let echoed = answered(&gateway, call("p_echo", json!({"text": "y"}))).await;
    assert_eq!(text(&echoed), "y", "{echoed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guardrails_of_both_hooks_hold() {
    // What is bad is seen in the result only.
    let policy = POLICY.replace("[g/redact, g/bad, g/sql]", "[g/redact, g/sql]");
    let (_github, gateway) = beside("", &policy).await;
    let session = initialize(&gateway).await;
    let said = call_of("p_echo", "a MARK-7f3a b");
    let outgoing = in_session(Some(&session), &said);
    let redacted = gateway.client().send(outgoing).await.unwrap();
    assert_eq!(text(&messages(&redacted).pop().unwrap()), "a [REDACTED] b");
    let id = redacted.header("x-request-id").unwrap();
    let record = gateway.record(id).await.unwrap();
    assert_eq!(record["mcp"]["server"], "fake", "{record}");
    assert_eq!(record["mcp"]["source"], "prog", "{record}");
    assert_eq!(record["mcp"]["tool"], "p_echo", "{record}");

    let before = called(&gateway, &session, "p_echo", "DROP TABLE users").await;
    assert!(is_blocked(&before), "{before}");
    assert_eq!(told(&gateway, &session, "p_calls").await, "2");
    let after = called(&gateway, &session, "p_echo", "BAD-7f3a").await;
    assert!(is_blocked(&after), "{after}");
    assert_eq!(told(&gateway, &session, "p_calls").await, "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_is_an_error_and_the_others_go_on() {
    let (github, gateway) = beside("", "").await;
    let session = initialize(&gateway).await;
    let died = called(&gateway, &session, "p_die", "x").await;
    assert_eq!(died["error"]["code"], -32603, "{died}");
    assert_eq!(died["id"], 9);
    is_counted(
        &gateway,
        "parapet_mcp_programs_ended_total{server=\"prog\",why=\"broken\"} 1",
    )
    .await;
    assert_eq!(told(&gateway, &session, "gh_echo").await, "x");
    // What the program knew of the session is gone, so its client begins another.
    let outgoing = in_session(Some(&session), &call_of("p_echo", "x"));
    let gone = gateway.client().send(outgoing).await.unwrap();
    assert_eq!(gone.status, 404, "{:?}", gone.text());
    let session = initialize(&gateway).await;
    assert_eq!(told(&gateway, &session, "p_echo").await, "x");
    assert_eq!(github.count("tools/call"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_begin_is_absent() {
    let (_github, gateway) = beside("\"--bad\"", "").await;
    let session = initialize(&gateway).await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let list = answered(&gateway, in_session(Some(&session), &list)).await;
    assert_eq!(names(&list["result"]), OF_GITHUB);
    for wanted in ["session", "list"] {
        let line = format!(
            "parapet_mcp_members_absent_total{{member=\"prog\",server=\"fake\",wanted=\"{wanted}\"}} 1"
        );
        is_counted(&gateway, &line).await;
    }
    assert_eq!(told(&gateway, &session, "gh_echo").await, "x");
}
