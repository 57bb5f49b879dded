//! Members that are down when a session begins, and come back.

use std::time::Duration;

use http::Method;
use parapet_tests::fake_mcp::{FakeMcp, Manner};
use parapet_tests::harness::Gateway;
use serde_json::{Value, json};

use super::{UNKNOWN, answered, both, heard, names, start, text};
use crate::mcp::support::{bodiless, in_session, initialize};

const OF_GITHUB: [&str; 3] = ["gh_echo", "gh_lookup", "gh_regional"];

async fn say(gateway: &Gateway, session: &str, method: &str, params: Value) -> Value {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    answered(gateway, in_session(Some(session), &message)).await
}

async fn echo(gateway: &Gateway, session: &str, tool: &str) -> Value {
    let params = json!({"name": tool, "arguments": {"text": tool}});
    say(gateway, session, "tools/call", params).await
}

async fn tools(gateway: &Gateway, session: &str) -> usize {
    let list = say(gateway, session, "tools/list", json!({})).await;
    names(&list["result"]).len()
}

/// A gateway, its first member, where the second one was, and a session without it.
async fn without_jira() -> (FakeMcp, String, Gateway, String) {
    let (github, jira, resources) = both().await;
    let gateway = start(&resources).await;
    let at = jira.addr().to_string();
    drop(jira);
    let session = initialize(&gateway).await;
    (github, at, gateway, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_back_joins_the_session_with_its_tools() {
    let (github, at, gateway, session) = without_jira().await;
    let list = say(&gateway, &session, "tools/list", json!({})).await;
    assert_eq!(names(&list["result"]), OF_GITHUB);
    let gone = echo(&gateway, &session, "jira_echo").await;
    assert_eq!(gone["error"]["code"], UNKNOWN);
    let said = gateway.said();
    assert!(
        said.contains("a member of a virtual server begins no session") && said.contains("jira"),
        "{said}"
    );
    let jira = FakeMcp::start_at(&at, Manner::default()).await.unwrap();
    for _ in 0..100 {
        if tools(&gateway, &session).await == 6 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(tools(&gateway, &session).await, 6);
    for _ in 0..3 {
        let message = echo(&gateway, &session, "jira_echo").await;
        assert_eq!(text(&message), "jira_echo");
    }
    // One session for all of it, begun in the client's own words, and ended with the client's.
    assert_eq!((github.sessions(), jira.sessions()), (1, 1));
    let begun = jira.of("initialize");
    assert_eq!(begun.len(), 1);
    assert_eq!(begun[0]["params"]["clientInfo"]["name"], "test");
    assert_eq!(
        begun[0]["params"]["capabilities"],
        json!({"elicitation": {}, "sampling": {}, "roots": {}})
    );
    assert_eq!(jira.count("notifications/initialized"), 1);
    let ended = gateway
        .client()
        .send(bodiless(Method::DELETE, &session))
        .await
        .unwrap();
    assert!(ended.status.is_success(), "{}", ended.status);
    assert_eq!((github.sessions(), jira.sessions()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_alone_brings_a_member_back_and_the_stream_tells_of_it() {
    let (_github, at, gateway, session) = without_jira().await;
    let other = initialize(&gateway).await;
    let stream = bodiless(Method::GET, &other);
    let mut opened = gateway.client().open(stream).await.unwrap();
    let jira = FakeMcp::start_at(&at, Manner::default()).await.unwrap();
    let told = heard(&mut opened).await;
    assert_eq!(told["method"], "notifications/tools/list_changed");
    let message = echo(&gateway, &other, "jira_echo").await;
    assert_eq!(text(&message), "jira_echo");
    // Each session has its own.
    let message = echo(&gateway, &session, "jira_echo").await;
    assert_eq!(text(&message), "jira_echo");
    assert_eq!(jira.sessions(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_back_before_the_stream_is_opened_is_told_of_too() {
    let (_github, at, gateway, session) = without_jira().await;
    let list = say(&gateway, &session, "tools/list", json!({})).await;
    assert_eq!(names(&list["result"]), OF_GITHUB);
    let _jira = FakeMcp::start_at(&at, Manner::default()).await.unwrap();
    let stream = bodiless(Method::GET, &session);
    let mut opened = gateway.client().open(stream).await.unwrap();
    let told = heard(&mut opened).await;
    assert_eq!(told["method"], "notifications/tools/list_changed");
}
