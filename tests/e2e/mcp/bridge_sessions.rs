//! Clients with sessions before stateless servers.

use std::time::Duration;

use http::Method;
use parapet_tests::fake_mcp::{Era, FakeMcp, Fault, MODERN, Turn};
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::Opened;
use serde_json::{Value, json};

use super::bridge::only;
use super::guarded::guarded;
use super::support::{CALLERS, before, bodiless, in_session, initialize, messages, post, server};

const META: &str = "io.modelcontextprotocol";

fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn call(id: u64, tool: &str, arguments: &Value) -> Value {
    request(
        id,
        "tools/call",
        &json!({"name": tool, "arguments": arguments}),
    )
}

async fn said(gateway: &Gateway, session: &str, message: &Value) -> Vec<Value> {
    let client = gateway.client();
    let sent = client.send(in_session(Some(session), message)).await;
    let answered = sent.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    messages(&answered)
}

async fn status(gateway: &Gateway, session: &str, message: &Value) -> u16 {
    let client = gateway.client();
    let sent = client.send(in_session(Some(session), message)).await;
    sent.unwrap().status.as_u16()
}

/// Reads a stream up to the request with this method.
async fn asked(opened: &mut Opened, method: &str) -> Value {
    let text = opened.read_until(method).await.unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let mut asked = data.map(|data| serde_json::from_str::<Value>(data).unwrap());
    asked.rfind(|asked| asked["method"] == method).unwrap()
}

/// The answer at the end of a stream.
async fn answer(opened: Opened) -> Value {
    let (rest, cut) = opened.rest().await;
    assert!(!cut);
    let rest = String::from_utf8(rest).unwrap();
    let mut data = rest.lines().filter_map(|line| line.strip_prefix("data: "));
    serde_json::from_str(data.next_back().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_session_is_served_by_a_stateless_server() {
    let fake = FakeMcp::start_as(only(Era::Modern)).await.unwrap();
    let gateway = before(&fake).await;
    let session = initialize(&gateway).await;
    for text in ["one", "two"] {
        let heard = said(&gateway, &session, &call(3, "echo", &json!({"text": text}))).await;
        let [answer] = heard.as_slice() else {
            panic!("{heard:?}")
        };
        assert_eq!((&answer["id"], &answer["error"]), (&json!(3), &Value::Null));
        assert_eq!(answer["result"]["content"][0]["text"], text);
        assert_eq!(answer["result"].get("resultType"), None);
    }
    let sent = fake.of("tools/call").pop().unwrap();
    let meta = &sent["params"]["_meta"];
    assert_eq!(meta[format!("{META}/protocolVersion")], MODERN);
    assert_eq!(meta[format!("{META}/clientInfo")]["name"], "test");
    assert_eq!(
        meta[format!("{META}/clientCapabilities")],
        json!({"elicitation": {}, "sampling": {}, "roots": {}})
    );
    let list = said(&gateway, &session, &request(4, "tools/list", &json!({}))).await;
    assert!(list[0]["result"]["tools"].is_array() && list[0]["result"].get("ttlMs").is_none());
    // What a stateless server has no method for, the gateway answers.
    let before = fake.messages().len();
    let pong = said(&gateway, &session, &request(5, "ping", &json!({}))).await;
    assert_eq!(pong[0]["result"], json!({}));
    let level = request(6, "logging/setLevel", &json!({"level": "debug"}));
    assert_eq!(
        said(&gateway, &session, &level).await[0]["result"],
        json!({})
    );
    let wrong = request(7, "logging/setLevel", &json!({"level": "loud"}));
    assert_eq!(
        said(&gateway, &session, &wrong).await[0]["error"]["code"],
        -32602
    );
    let unknown = request(8, "tasks/list", &json!({}));
    assert_eq!(
        said(&gateway, &session, &unknown).await[0]["error"]["code"],
        -32601
    );
    assert_eq!(fake.messages().len(), before);
    said(&gateway, &session, &call(9, "echo", &json!({"text": "x"}))).await;
    let sent = fake.of("tools/call").pop().unwrap();
    assert_eq!(sent["params"]["_meta"][format!("{META}/logLevel")], "debug");
    let unknown = said(
        &gateway,
        &session,
        &request(10, "tools/unknown", &json!({})),
    )
    .await;
    assert_eq!(unknown[0]["error"]["code"], -32601);
    // The session is its caller's.
    let mut stranger = in_session(Some(&session), &call(11, "echo", &json!({})));
    stranger.headers.retain(|(name, _)| name != "authorization");
    let answered = gateway.client().send(stranger.bearer("bob-token")).await;
    assert_eq!(answered.unwrap().status, 404);
    let ended = gateway
        .client()
        .send(bodiless(Method::DELETE, &session))
        .await;
    assert!(ended.unwrap().status.is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_a_server_wants_in_headers_are_there() {
    let fake = FakeMcp::start_as(only(Era::Modern)).await.unwrap();
    let gateway = before(&fake).await;
    let session = initialize(&gateway).await;
    let arguments = json!({"region": "köln", "query": "q"});
    // The first time nobody has listed the tool yet; the second time the gateway knows it.
    for lists in [true, false] {
        fake.server().take_calls();
        let heard = said(&gateway, &session, &call(1, "regional", &arguments)).await;
        assert!(heard[0]["result"]["content"].is_array(), "{heard:?}");
        assert_eq!(fake.count("tools/list"), usize::from(lists));
        let list = request(2, "tools/list", &json!({}));
        said(&gateway, &session, &list).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_asks_is_asked_of_the_client_in_the_same_call() {
    let fake = FakeMcp::start_as(only(Era::Modern)).await.unwrap();
    let gateway = before(&fake).await;
    let session = initialize(&gateway).await;
    for events in [false, true] {
        fake.set_manner(parapet_tests::fake_mcp::Manner {
            events,
            ..only(Era::Modern)
        });
        let ask =
            json!({"mode": "form", "message": "Which?", "requestedSchema": {"type": "object"}});
        fake.script(
            "tools/call echo",
            [Turn::default().asking("elicitation/create", ask.clone())],
        );
        let message = call(1, "echo", &json!({"text": "x"}));
        let client = gateway.client();
        let opened = client.open(in_session(Some(&session), &message)).await;
        let mut opened = opened.unwrap();
        let question = asked(&mut opened, "elicitation/create").await;
        assert_eq!(question["params"], ask);
        // Nobody else answers, and nothing else is an answer.
        let said = json!({"action": "accept", "content": {"which": "this"}});
        let other = initialize(&gateway).await;
        let reply = json!({"jsonrpc": "2.0", "id": question["id"], "result": said});
        assert_eq!(status(&gateway, &other, &reply).await, 400);
        let guessed = json!({"jsonrpc": "2.0", "id": "parapet-1", "result": said});
        assert_eq!(status(&gateway, &session, &guessed).await, 400);
        assert_eq!(status(&gateway, &session, &reply).await, 202);
        let answer = answer(opened).await;
        let heard = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert_eq!(answer["id"], 1);
        assert_eq!(serde_json::from_str::<Value>(heard).unwrap(), said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_blocked_on_the_way_to_or_from_the_client_is_declined() {
    let fake = FakeMcp::start_as(only(Era::Modern)).await.unwrap();
    let gateway = guarded(&fake).await;
    let session = initialize(&gateway).await;
    let message = call(1, "echo", &json!({"text": "x"}));
    let ask = |text: &str| json!({"message": text, "requestedSchema": {"type": "object"}});
    fake.script(
        "tools/call echo",
        [Turn::default().asking("elicitation/create", ask("BAD-7f3a"))],
    );
    let heard = said(&gateway, &session, &message).await;
    assert_eq!(heard.len(), 1, "{heard:?}");
    let text = heard[0]["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("decline"), "{text}");
    fake.script(
        "tools/call echo",
        [Turn::default().asking("elicitation/create", ask("MARK-7f3a"))],
    );
    for (text, expected) in [("BAD-7f3a", "decline"), ("a MARK-7f3a", "a [REDACTED]")] {
        let client = gateway.client();
        let opened = client.open(in_session(Some(&session), &message)).await;
        let mut opened = opened.unwrap();
        let question = asked(&mut opened, "elicitation/create").await;
        assert_eq!(question["params"]["message"], "[REDACTED]");
        let result = json!({"action": "accept", "content": {"a": text}});
        let reply = json!({"jsonrpc": "2.0", "id": question["id"], "result": result});
        assert_eq!(status(&gateway, &session, &reply).await, 202);
        let answer = answer(opened).await.to_string();
        assert!(
            answer.contains(expected) && !answer.contains("7f3a"),
            "{answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_lead_nowhere_end_the_call() {
    let fake = FakeMcp::start_as(only(Era::Modern)).await.unwrap();
    let gateway = before(&fake).await;
    let greeting = request(
        0,
        "initialize",
        &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}),
    );
    let begun = gateway
        .client()
        .send(post(greeting.to_string()))
        .await
        .unwrap();
    let session = begun.header("mcp-session-id").unwrap().to_owned();
    let message = call(1, "echo", &json!({"text": "x"}));
    let undeclared = Turn {
        ask_undeclared: true,
        ..Turn::default().asking("sampling/createMessage", json!({"messages": []}))
    };
    let endless = Turn::result(json!({"resultType": "input_required", "requestState": "s"}));
    let strange = Turn::result(json!({"resultType": "task", "taskId": "t"}));
    let refused = Turn::default().asking("elicitation/create", json!({}));
    for (turn, code) in [
        (undeclared, -32603),
        (endless, -32603),
        (strange, -32603),
        (refused, -32021),
    ] {
        let name = format!("{turn:?}");
        fake.server().take_calls();
        fake.script("tools/call echo", [turn]);
        let heard = said(&gateway, &session, &message).await;
        let last = heard.last().unwrap();
        assert_eq!(last["error"]["code"], code, "{name}: {heard:?}");
        assert_eq!(last["id"], 1);
        assert!(fake.count("tools/call") <= 5, "{name}");
    }
    let asking = initialize(&gateway).await;
    fake.script(
        "tools/call echo",
        [Turn::default().asking("sampling/createMessage", json!({"messages": []}))],
    );
    let client = gateway.client();
    let opened = client.open(in_session(Some(&asking), &message)).await;
    let mut opened = opened.unwrap();
    let question = asked(&mut opened, "sampling/createMessage").await;
    let error = json!({"code": -1, "message": "no"});
    let reply = json!({"jsonrpc": "2.0", "id": question["id"], "error": error});
    assert_eq!(status(&gateway, &asking, &reply).await, 202);
    assert_eq!(answer(opened).await["error"]["code"], -32603);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_cancelled_by_a_message_and_by_nothing_else() {
    let fake = FakeMcp::start_as(only(Era::Modern)).await.unwrap();
    let gateway = before(&fake).await;
    let session = initialize(&gateway).await;
    let turn = Turn {
        pause_ms: 20_000,
        ..Turn::text("x").after_notification("notifications/message", json!({"data": "begun"}))
    };
    fake.script("tools/call echo", [turn]);
    let message = call(31, "echo", &json!({"text": "x"}));
    let client = gateway.client();
    let mut opened = client
        .open(in_session(Some(&session), &message))
        .await
        .unwrap();
    opened.read_until("begun").await.unwrap();
    let cancel =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 31}});
    assert_eq!(status(&gateway, &session, &cancel).await, 202);
    let ended = tokio::time::timeout(Duration::from_secs(20), opened.rest()).await;
    assert!(ended.is_ok(), "the call goes on");
    assert_eq!(fake.count("notifications/cancelled"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_gateway_goes_on_with_a_session_and_says_what_it_cannot() {
    let fake = FakeMcp::start_as(only(Era::Modern)).await.unwrap();
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("session-keys");
    std::fs::write(&file, "AQIDBAUGBwgBAgMEBQYHCAECAwQFBgcIAQIDBAUGBwg=\n").unwrap();
    let start = || {
        let resources = format!("{CALLERS}{}", server("fake", &fake.url(), ""));
        Setup::new(resources)
            .arg("--session-keys")
            .arg(file.to_str().unwrap())
            .start()
    };
    let (one, other) = (start().await.unwrap(), start().await.unwrap());
    let session = initialize(&one).await;
    for gateway in [&other, &one, &other] {
        let heard = said(gateway, &session, &call(1, "echo", &json!({"text": "x"}))).await;
        assert_eq!(heard[0]["result"]["content"][0]["text"], "x");
    }
    let reply = json!({"jsonrpc": "2.0", "id": "parapet-1", "result": {"action": "cancel"}});
    let sent = other
        .client()
        .send(in_session(Some(&session), &reply))
        .await;
    let answered = sent.unwrap();
    assert_eq!(answered.status, 400);
    assert!(answered.text().unwrap().contains("another gateway"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_a_session_brings_what_it_subscribed_to() {
    let fake = FakeMcp::start_as(only(Era::Modern)).await.unwrap();
    let gateway = before(&fake).await;
    let session = initialize(&gateway).await;
    let client = gateway.client();
    let mut opened = client.open(bodiless(Method::GET, &session)).await.unwrap();
    assert_eq!(opened.status, 200);
    fake.push("notifications/tools/list_changed", &json!({}));
    let text = opened.read_until("tools/list_changed").await.unwrap();
    assert!(!text.contains("subscription"), "{text}");
    let subscribe = request(1, "resources/subscribe", &json!({"uri": "note://one"}));
    said(&gateway, &session, &subscribe).await;
    let wants = |message: &Value| {
        message["params"]["notifications"]["resourceSubscriptions"] == json!(["note://one"])
    };
    for _ in 0..250 {
        if fake.of("subscriptions/listen").iter().any(wants) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(fake.of("subscriptions/listen").iter().any(wants));
    fake.push(
        "notifications/resources/updated",
        &json!({"uri": "note://one"}),
    );
    opened.read_until("resources/updated").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_answers_to_the_probe_is_an_error() {
    let fake = FakeMcp::start_as(only(Era::Modern)).await.unwrap();
    let gateway = before(&fake).await;
    let session = initialize(&gateway).await;
    let rows = [
        Turn::fault(Fault::Html),
        Turn::fault(Fault::Redirect("http://127.0.0.1:9/mcp".into())),
        Turn::fault(Fault::WrongId),
        Turn::fault(Fault::NotJson),
        Turn::fault(Fault::NoAnswer),
        Turn::fault(Fault::Status(500)),
    ];
    for turn in rows {
        let name = format!("{turn:?}");
        fake.server().take_calls();
        fake.script("tools/call echo", [turn]);
        let heard = said(&gateway, &session, &call(1, "echo", &json!({"text": "x"}))).await;
        assert!(heard.last().unwrap()["error"]["code"].is_i64(), "{name}");
        assert!(fake.server().calls().len() <= 2, "{name}");
    }
    // It knows sessions only by now: the client begins a new one.
    fake.set_manner(only(Era::Legacy));
    let message = call(2, "echo", &json!({"text": "x"}));
    assert_eq!(status(&gateway, &session, &message).await, 404);
    let session = initialize(&gateway).await;
    fake.script("tools/call echo", [Turn::text("fine")]);
    assert_eq!(
        said(&gateway, &session, &message).await[0]["result"]["content"][0]["text"],
        "fine"
    );
    assert_eq!(fake.sessions(), 1);
    // And now none again.
    fake.set_manner(only(Era::Modern));
    assert_eq!(status(&gateway, &session, &message).await, 404);
    let session = initialize(&gateway).await;
    said(&gateway, &session, &message).await;
}
