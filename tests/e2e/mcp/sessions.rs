//! Revisions with sessions: any gateway with the same keys serves them.

use std::time::Duration;

use http::Method;
use parapet_tests::fake::{Reply, Step};
use parapet_tests::fake_mcp::{FakeMcp, Turn};
use parapet_tests::harness::{Gateway, Setup};
use serde_json::{Value, json};

use super::support::{CALLERS, before, bodiless, in_session, initialize, messages, server};

fn call(id: u64, text: &str) -> Value {
    let params = json!({"name": "echo", "arguments": {"text": text}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_serve_one_session_alternately() {
    let fake = FakeMcp::start().await.unwrap();
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("session-keys");
    std::fs::write(&file, "AQIDBAUGBwgBAgMEBQYHCAECAwQFBgcIAQIDBAUGBwg=\n").unwrap();
    let start = || {
        let resources = format!("{CALLERS}{}", server("fake", &fake.url(), ""));
        let file = file.to_str().unwrap();
        Setup::new(resources)
            .arg("--session-keys")
            .arg(file)
            .start()
    };
    let (one, other): (Gateway, Gateway) = (start().await.unwrap(), start().await.unwrap());
    let stranger = before(&fake).await;
    let session = initialize(&one).await;
    assert!(!session.contains("fake"), "{session}");
    for id in 1..7 {
        let gateway = if id % 2 == 0 { &one } else { &other };
        let answered = gateway
            .client()
            .send(in_session(Some(&session), &call(id, "x")))
            .await
            .unwrap();
        assert_eq!(answered.status, 200, "{id}: {:?}", answered.text());
        let message = messages(&answered).pop().unwrap();
        assert_eq!(message["id"], id);
        assert!(message["result"]["content"].is_array(), "{message}");
    }
    assert_eq!(fake.sessions(), 1);
    // One with another key does not know it, and its client begins a new session.
    let answered = stranger
        .client()
        .send(in_session(Some(&session), &call(9, "x")))
        .await
        .unwrap();
    assert_eq!(answered.status, 404);
    // The other gateway ends it, and then it has ended on both.
    let answered = other
        .client()
        .send(bodiless(Method::DELETE, &session))
        .await
        .unwrap();
    assert!(answered.status.is_success(), "{}", answered.status);
    assert_eq!(fake.sessions(), 0);
    let answered = one
        .client()
        .send(in_session(Some(&session), &call(10, "x")))
        .await
        .unwrap();
    assert_eq!(answered.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_its_callers_and_its_servers_and_nobody_forges_one() {
    let (fake, second) = (
        FakeMcp::start().await.unwrap(),
        FakeMcp::start().await.unwrap(),
    );
    let resources = format!(
        "{CALLERS}{}{}",
        server("fake", &fake.url(), ""),
        server("second", &second.url(), "")
    );
    let gateway = Setup::new(resources).start().await.unwrap();
    let session = initialize(&gateway).await;
    let before = fake.count("tools/call");
    let mut other_caller = in_session(Some(&session), &call(1, "x"));
    other_caller
        .headers
        .retain(|(name, _)| name != "authorization");
    let mut other_server = in_session(Some(&session), &call(2, "x"));
    other_server.path = "/mcp/second".into();
    let forged = format!("{}AAAA", &session[..session.len() - 4]);
    let rows = [
        other_caller.bearer("bob-token"),
        other_server,
        in_session(Some(&forged), &call(3, "x")),
        in_session(Some("plainly-guessed"), &call(4, "x")),
        in_session(Some(&session), &call(5, "x")).header("mcp-session-id", &session),
    ];
    for request in rows {
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(answered.status, 404, "{:?}", answered.text());
        assert!(answered.json().unwrap()["error"]["code"].is_i64());
    }
    assert_eq!(
        fake.count("tools/call") + second.count("tools/call"),
        before
    );
    // Without one, what the server says about that is the client's answer.
    let answered = gateway
        .client()
        .send(in_session(None, &call(6, "x")))
        .await
        .unwrap();
    assert_eq!(answered.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_ask_clients_and_are_answered() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let session = initialize(&gateway).await;
    let ask = json!({"message": "Which?", "requestedSchema": {"type": "object", "properties": {}}});
    fake.script(
        "tools/call echo",
        [Turn::default().asking("elicitation/create", ask)],
    );
    let mut opened = gateway
        .client()
        .open(in_session(Some(&session), &call(1, "x")))
        .await
        .unwrap();
    let asked = opened.read_until("elicitation/create").await.unwrap();
    let asked = asked
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    let asked: Value = serde_json::from_str(asked).unwrap();
    let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {"which": "this"}}});
    let answered = gateway
        .client()
        .send(in_session(Some(&session), &answer))
        .await
        .unwrap();
    assert_eq!(answered.status, 202, "{:?}", answered.text());
    let (rest, cut) = opened.rest().await;
    let rest = String::from_utf8(rest).unwrap();
    assert!(!cut && rest.contains("this"), "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_a_session_brings_what_belongs_to_no_request() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let session = initialize(&gateway).await;
    let mut opened = gateway
        .client()
        .open(bodiless(Method::GET, &session))
        .await
        .unwrap();
    assert_eq!(opened.status, 200);
    while fake.push("notifications/tools/list_changed", &json!({})) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    opened.read_until("list_changed").await.unwrap();
    // An answer to nothing is not relayed, and ends the stream.
    let outgoing = bodiless(Method::GET, &session).header("last-event-id", "7");
    let answered = gateway.client().send(outgoing).await.unwrap();
    assert_eq!(
        answered.status, 400,
        "an id that the gateway did not give out"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_broke_off_goes_on_at_another_gateway_and_ids_are_sealed() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let session = initialize(&gateway).await;
    let mut reply = Reply::event_stream([]);
    reply.steps = vec![Step::Send("id: up-1\ndata: \n\n".into())];
    fake.script("tools/call echo", [Turn::raw(reply)]);
    let answered = gateway
        .client()
        .send(in_session(Some(&session), &call(1, "x")))
        .await
        .unwrap();
    let text = answered.text().unwrap();
    let id = text
        .strip_prefix("id: ")
        .and_then(|rest| rest.lines().next())
        .unwrap();
    assert!(!text.contains("up-1") && !text.contains("error"), "{text}");
    let opened = gateway
        .client()
        .open(bodiless(Method::GET, &session).header("last-event-id", id))
        .await
        .unwrap();
    assert_eq!(opened.status, 200);
    let calls = fake.server().calls();
    let get = calls.iter().rfind(|call| call.method == "GET").unwrap();
    assert_eq!(get.header("last-event-id"), Some("up-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_sessions_has_none_through_the_gateway() {
    let fake = FakeMcp::start_as(parapet_tests::fake_mcp::Manner {
        sessions: false,
        ..Default::default()
    })
    .await
    .unwrap();
    let gateway = before(&fake).await;
    let answered = gateway
        .client()
        .send(in_session(None, &call(1, "x")))
        .await
        .unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    assert_eq!(answered.header("mcp-session-id"), None);
}
