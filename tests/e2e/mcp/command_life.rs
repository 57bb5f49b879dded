//! Servers that are programs: when they begin and end, alone and with what they have started.

use std::path::Path;
use std::time::{Duration, Instant};

use http::Method;
use parapet_tests::harness::Gateway;
use serde_json::{Value, json};

use super::command::{ask, log, of_bob, program, request, start, told};
use super::support::{bodiless, in_session, initialize, messages, post};

/// Waits until a process has ended.
pub(super) async fn is_gone(pid: &str) {
    let begun = Instant::now();
    // What has ended and was not waited for is gone as well.
    let runs = || {
        let status = std::fs::read_to_string(Path::new("/proc").join(pid).join("status"));
        status.is_ok_and(|status| !status.contains("State:\tZ"))
    };
    while runs() {
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "{pid} still runs"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until a session is not known any more, on which clients begin a new one.
async fn is_over(gateway: &Gateway, session: &str) {
    let begun = Instant::now();
    while ask(gateway, session, "echo").await.status != 404 {
        assert!(begun.elapsed() < Duration::from_secs(15), "still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn begin(gateway: &Gateway) -> Value {
    let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
    let outgoing = post(message.to_string());
    let answered = gateway.client().send(outgoing).await.unwrap();
    answered.json().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_session_is_a_process_that_ends_with_it_and_with_what_it_has_started() {
    let gateway = start("", "").await;
    let (one, two) = (initialize(&gateway).await, initialize(&gateway).await);
    assert_eq!(told(&gateway, &one, "echo").await, "x");
    let pid = told(&gateway, &one, "pid").await;
    let other = told(&gateway, &two, "pid").await;
    assert_ne!(pid, other);
    assert_eq!(told(&gateway, &one, "pid").await, pid);
    let child = told(&gateway, &one, "child").await;

    // A session is its caller's.
    let foreign = of_bob(in_session(Some(&one), &request(&json!(1), "pid")));
    assert_eq!(gateway.client().send(foreign).await.unwrap().status, 404);

    let client = gateway.client();
    let ended = client.send(bodiless(Method::DELETE, &one)).await;
    assert_eq!(ended.unwrap().status, 200);
    is_gone(&pid).await;
    is_gone(&child).await;
    is_over(&gateway, &one).await;
    assert_eq!(told(&gateway, &two, "pid").await, other);

    gateway.terminate().await.unwrap();
    is_gone(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_dies_is_an_error_and_its_client_begins_again() {
    let gateway = start("", "").await;
    let session = initialize(&gateway).await;
    let answered = ask(&gateway, &session, "die").await;
    // In a session, any other status ends it for some clients.
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    let error = answered.json().unwrap();
    assert_eq!(error["id"], 9);
    assert_eq!(error["error"]["code"], -32603, "{error}");
    is_over(&gateway, &session).await;
    let session = initialize(&gateway).await;
    assert_eq!(told(&gateway, &session, "last-words").await, "done");
    is_over(&gateway, &session).await;
    let session = initialize(&gateway).await;
    assert_eq!(told(&gateway, &session, "echo").await, "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_begin_is_not_started_all_the_time() {
    let gateway = start("--bad", "").await;
    for _ in 0..5 {
        let error = begin(&gateway).await;
        assert_eq!(error["error"]["code"], -32603, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let said = log(&gateway);
    let ended = said
        .matches("a program that is an MCP server ended")
        .count();
    assert_eq!(ended, 1, "{said}");
    assert!(said.contains("after a pause"), "{said}");
    assert!(!said.contains("SECRET-DOCUMENT"), "{said}");

    let gateway = start("--refuses", "").await;
    let error = begin(&gateway).await;
    assert_eq!(error["error"]["message"], "not today", "{error}");

    let absent = program("", "", "").replace("fake-stdio", "no-such-program");
    gateway.write("resources.yaml", &absent).unwrap();
    let begun = Instant::now();
    while !log(&gateway).contains("cannot be started") {
        assert!(begun.elapsed() < Duration::from_secs(15));
        let error = begin(&gateway).await;
        assert_eq!(error["error"]["code"], -32603, "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_nobody_uses_or_that_stays_is_ended() {
    let mut gateway = start("--stays", ", idleTimeout: 1s").await;
    let session = initialize(&gateway).await;
    let pid = told(&gateway, &session, "pid").await;
    is_gone(&pid).await;
    is_over(&gateway, &session).await;

    let session = initialize(&gateway).await;
    let pid = told(&gateway, &session, "pid").await;
    gateway.terminate().await.unwrap();
    is_gone(&pid).await;
    let code = gateway.wait_for_end(Duration::from_secs(20)).await.unwrap();
    assert_eq!(code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_ends_when_its_resource_changes_or_is_gone() {
    let gateway = start("\"one\"", "").await;
    let session = initialize(&gateway).await;
    let pid = told(&gateway, &session, "pid").await;
    // What does not change it, does not end it.
    let described = program("\"one\"", "", ", tools: [{name: pid, readOnly: true}]");
    gateway.write("resources.yaml", &described).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(told(&gateway, &session, "pid").await, pid);

    let changed = program("\"two\"", "", "");
    gateway.write("resources.yaml", &changed).unwrap();
    is_gone(&pid).await;
    is_over(&gateway, &session).await;
    let session = initialize(&gateway).await;
    assert_eq!(told(&gateway, &session, "arguments").await, r#"["two"]"#);
    let pid = told(&gateway, &session, "pid").await;
    let without = changed
        .split("---\n")
        .filter(|part| !part.contains("MCPServer"));
    let without: Vec<&str> = without.collect();
    gateway
        .write("resources.yaml", &without.join("---\n"))
        .unwrap();
    is_gone(&pid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_says_without_end_ends_it() {
    let gateway = start("", "").await;
    for tool in ["nonsense", "long-line"] {
        let session = initialize(&gateway).await;
        let pid = told(&gateway, &session, "pid").await;
        let answered = ask(&gateway, &session, tool).await;
        let error = messages(&answered).pop().unwrap();
        assert_eq!(error["error"]["code"], -32603, "{tool}: {error}");
        is_gone(&pid).await;
    }
    // A flood is the reader's to take, message by message.
    let session = initialize(&gateway).await;
    let answered = ask(&gateway, &session, "flood").await;
    let all = messages(&answered);
    assert_eq!(all.len(), 2001);
    assert_eq!(all[1999]["params"]["data"], 1999);
}
