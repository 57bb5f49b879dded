//! A session with a virtual server is one with each of its members.

use http::Method;
use parapet_tests::fake::{Reply, Step};
use parapet_tests::fake_mcp::{FakeMcp, Fault, Manner, Turn};
use parapet_tests::harness::{Gateway, Setup};
use serde_json::{Value, json};

use super::{UNKNOWN, both, names, start, suite, text};
use crate::mcp::support::{CALLERS, bodiless, in_session, initialize, messages, post, server};

fn call(id: u64, tool: &str, text: &str) -> Value {
    let params = json!({"name": tool, "arguments": {"text": text}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

/// The last message that comes back.
async fn answered(gateway: &Gateway, session: &str, message: &Value) -> Value {
    let request = in_session(Some(session), message);
    let answered = gateway.client().send(request).await.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    messages(&answered).pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_gateway_goes_on_with_the_sessions_of_all_members() {
    let (github, jira, resources) = both().await;
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("session-keys");
    std::fs::write(&file, "AQIDBAUGBwgBAgMEBQYHCAECAwQFBgcIAQIDBAUGBwg=\n").unwrap();
    let start = || {
        let setup = Setup::new(resources.clone()).arg("--session-keys");
        setup.arg(file.to_str().unwrap()).start()
    };
    let (one, other): (Gateway, Gateway) = (start().await.unwrap(), start().await.unwrap());
    let session = initialize(&one).await;
    assert!(
        session.len() < 2048 && !session.contains("github"),
        "{session}"
    );
    for fake in [&github, &jira] {
        assert_eq!(fake.sessions(), 1);
        assert_eq!(fake.count("notifications/initialized"), 1);
        let asked = &fake.of("initialize")[0]["params"];
        assert_eq!(asked["clientInfo"]["name"], "test");
        assert_eq!(
            asked["capabilities"],
            json!({"elicitation": {}, "sampling": {}, "roots": {}})
        );
    }
    for id in 1..7 {
        let gateway = if id % 2 == 0 { &one } else { &other };
        for tool in ["gh_echo", "jira_echo"] {
            let message = answered(gateway, &session, &call(id, tool, tool)).await;
            assert_eq!((text(&message), &message["id"]), (tool, &json!(id)));
        }
    }
    let list = json!({"jsonrpc": "2.0", "id": 8, "method": "tools/list"});
    let list = answered(&other, &session, &list).await["result"].clone();
    assert_eq!(names(&list).len(), 6);
    assert!(list["resultType"].is_null() && list["ttlMs"].is_null());
    assert_eq!((github.sessions(), jira.sessions()), (1, 1));
    let pong = json!({"jsonrpc": "2.0", "id": 9, "method": "ping"});
    assert_eq!(answered(&one, &session, &pong).await["result"], json!({}));
    let level = json!({"jsonrpc": "2.0", "id": 10, "method": "logging/setLevel", "params": {"level": "error"}});
    assert_eq!(answered(&one, &session, &level).await["result"], json!({}));
    let cancelled =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}});
    let taken = one
        .client()
        .send(in_session(Some(&session), &cancelled))
        .await
        .unwrap();
    assert_eq!(taken.status, 202);
    for fake in [&github, &jira] {
        assert_eq!(fake.count("logging/setLevel"), 1);
        assert_eq!(fake.count("notifications/cancelled"), 1);
    }
    let ended = other
        .client()
        .send(bodiless(Method::DELETE, &session))
        .await
        .unwrap();
    assert!(ended.status.is_success(), "{}", ended.status);
    assert_eq!((github.sessions(), jira.sessions()), (0, 0));
    for tool in ["gh_echo", "jira_echo"] {
        let request = in_session(Some(&session), &call(11, tool, "x"));
        let refused = one.client().send(request).await.unwrap();
        assert_eq!(refused.status, 404);
    }
    let refused = one
        .client()
        .send(bodiless(Method::DELETE, &session))
        .await
        .unwrap();
    assert_eq!(refused.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_begun_with_one_and_refused_without() {
    let (_github, _jira, resources) = both().await;
    let gateway = start(&resources).await;
    let session = initialize(&gateway).await;
    let without = gateway
        .client()
        .send(in_session(None, &call(1, "gh_echo", "x")))
        .await
        .unwrap();
    assert_eq!(without.status, 400);
    let mut stranger = in_session(Some(&session), &call(1, "gh_echo", "x"));
    stranger.headers.retain(|(name, _)| name != "authorization");
    let refused = gateway
        .client()
        .send(stranger.bearer("bob-token"))
        .await
        .unwrap();
    assert_eq!(refused.status, 404);
    let tasks = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": {"name": "gh_echo", "arguments": {}, "task": {"ttl": 1}}});
    let refused = gateway
        .client()
        .send(in_session(Some(&session), &tasks))
        .await
        .unwrap();
    assert_eq!(messages(&refused)[0]["error"]["code"], -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_forgets_its_session_makes_the_client_begin_a_new_one() {
    let (github, jira, resources) = both().await;
    let gateway = start(&resources).await;
    let session = initialize(&gateway).await;
    jira.forget_sessions();
    let message = answered(&gateway, &session, &call(1, "gh_echo", "x")).await;
    assert_eq!(text(&message), "x", "the other one goes on");
    for message in [
        call(2, "jira_echo", "x"),
        json!({"jsonrpc": "2.0", "id": 3, "method": "tools/list"}),
    ] {
        let request = in_session(Some(&session), &message);
        let refused = gateway.client().send(request).await.unwrap();
        assert_eq!(refused.status, 404, "{:?}", refused.text());
    }
    let session = initialize(&gateway).await;
    let message = answered(&gateway, &session, &call(4, "jira_echo", "x")).await;
    assert_eq!(text(&message), "x");
    assert_eq!((github.sessions(), jira.sessions()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_down_is_no_part_of_the_session() {
    let (github, jira, resources) = both().await;
    let lenient = start(&resources).await;
    let strict = resources.replace("{server: jira}]", "{server: jira}], onMemberFailure: fail");
    let strict = start(&strict).await;
    jira.script("initialize", [Turn::fault(Fault::Status(500))]);
    let session = initialize(&lenient).await;
    let message = answered(&lenient, &session, &call(1, "jira_echo", "x")).await;
    assert_eq!(message["error"]["code"], UNKNOWN);
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    let list = answered(&lenient, &session, &list).await["result"].clone();
    assert_eq!(names(&list), ["gh_echo", "gh_lookup", "gh_regional"]);
    assert_eq!((github.sessions(), jira.count("tools/call")), (1, 0));
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}}});
    let refused = strict
        .client()
        .send(post(initialize.to_string()))
        .await
        .unwrap();
    assert!(refused.header("mcp-session-id").is_none());
    let told = messages(&refused).pop().unwrap();
    assert!(told["error"].is_object(), "{told}");
    assert!(!told.to_string().contains(&jira.addr().to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_may_have_no_sessions_and_answer_in_events() {
    let (github, jira, resources) = both().await;
    github.set_manner(Manner {
        sessions: false,
        events: true,
        ..Manner::default()
    });
    jira.set_manner(Manner {
        events: true,
        ..Manner::default()
    });
    let gateway = start(&resources).await;
    let session = initialize(&gateway).await;
    for tool in ["gh_echo", "jira_echo"] {
        let message = answered(&gateway, &session, &call(1, tool, "x")).await;
        assert_eq!(text(&message), "x");
    }
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    assert_eq!(
        names(&answered(&gateway, &session, &list).await["result"]).len(),
        6
    );
    assert!(
        github
            .server()
            .calls()
            .iter()
            .all(|call| call.header("mcp-session-id").is_none())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_member_is_spoken_to_in_the_revision_that_it_agreed_on() {
    let (github, jira, resources) = both().await;
    let older = json!({"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "old", "version": "1"}});
    github.script("initialize", [Turn::result(older)]);
    let gateway = start(&resources).await;
    let session = initialize(&gateway).await;
    for tool in ["gh_echo", "jira_echo"] {
        answered(&gateway, &session, &call(1, tool, "x")).await;
    }
    for (fake, version) in [(&github, "2025-06-18"), (&jira, "2025-11-25")] {
        let calls = fake.server().calls();
        let later = calls
            .iter()
            .filter(|call| call.json()["method"] != "initialize");
        let versions: Vec<_> = later
            .map(|call| call.header("mcp-protocol-version"))
            .collect();
        assert_eq!(versions, [Some(version), Some(version)]);
    }
}

/// Reads a question of a member from an open stream.
async fn question(opened: &mut parapet_tests::http_client::Opened) -> Value {
    let asked = opened.read_until("elicitation/create").await.unwrap();
    let line = asked
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    serde_json::from_str(line).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_to_the_member_that_asked() {
    let (github, jira, resources) = both().await;
    let gateway = start(&resources).await;
    let session = initialize(&gateway).await;
    let ask = json!({"message": "Which?", "requestedSchema": {"type": "object", "properties": {}}});
    for fake in [&github, &jira] {
        fake.script(
            "tools/call echo",
            [Turn::default().asking("elicitation/create", ask.clone())],
        );
    }
    // Both ask at the same time, and servers number their questions alike.
    let open = |id: u64, tool: &'static str| {
        let request = in_session(Some(&session), &call(id, tool, "x"));
        let client = gateway.client();
        async move { client.open(request).await.unwrap() }
    };
    let (mut of_github, mut of_jira) = (open(1, "gh_echo").await, open(2, "jira_echo").await);
    let (from_github, from_jira) = (question(&mut of_github).await, question(&mut of_jira).await);
    assert_ne!(from_github["id"], from_jira["id"]);
    for (asked, which) in [(from_jira, "for jira"), (from_github, "for github")] {
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"],
            "result": {"action": "accept", "content": {"which": which}}});
        let taken = gateway
            .client()
            .send(in_session(Some(&session), &answer))
            .await
            .unwrap();
        assert_eq!(taken.status, 202, "{:?}", taken.text());
    }
    for (opened, which) in [(of_github, "for github"), (of_jira, "for jira")] {
        let (rest, cut) = opened.rest().await;
        let rest = String::from_utf8(rest).unwrap();
        assert!(!cut && rest.contains(which), "{rest}");
    }
    let nobody = json!({"jsonrpc": "2.0", "id": "wiki:1", "result": {}});
    let taken = gateway
        .client()
        .send(in_session(Some(&session), &nobody))
        .await
        .unwrap();
    assert_eq!(taken.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_broke_off_goes_on_at_its_member() {
    let (github, jira, resources) = both().await;
    let gateway = start(&resources).await;
    let session = initialize(&gateway).await;
    let mut reply = Reply::event_stream([]);
    reply.steps = vec![Step::Send("id: up-1\ndata: \n\n".into())];
    github.script("tools/call echo", [Turn::raw(reply)]);
    let request = in_session(Some(&session), &call(1, "gh_echo", "x"));
    let broken = gateway.client().send(request).await.unwrap();
    let broken = broken.text().unwrap();
    let id = broken
        .lines()
        .find_map(|line| line.strip_prefix("id: "))
        .unwrap();
    let opened = bodiless(Method::GET, &session).header("last-event-id", id);
    let opened = gateway.client().open(opened).await.unwrap();
    assert_eq!(opened.status, 200);
    let calls = github.server().calls();
    let get = calls.iter().rfind(|call| call.method == "GET").unwrap();
    assert_eq!(get.header("last-event-id"), Some("up-1"));
    assert!(
        jira.server()
            .calls()
            .iter()
            .all(|call| call.method != "GET")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_member_gets_into_the_clients_session() {
    let (github, _jira, resources) = both().await;
    let gateway = start(&resources).await;
    let session = initialize(&gateway).await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}});
    let reply = Reply::json(200, &body).header("mcp-session-id", "a-new-one");
    github.script("tools/call echo", [Turn::raw(reply)]);
    let request = in_session(Some(&session), &call(1, "gh_echo", "x"));
    let through = gateway.client().send(request).await.unwrap();
    assert_eq!(through.status, 200);
    assert_eq!(through.header("mcp-session-id"), None);
}

/// Sessions of a member with an id that no header can carry on.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_id_that_cannot_be_kept_leaves_its_member_out() {
    let (github, jira, resources) = both().await;
    let gateway = start(&resources).await;
    let body = json!({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-11-25", "capabilities": {}}});
    let reply = Reply::json(200, &body).header("mcp-session-id", &"x".repeat(600));
    jira.script("initialize", [Turn::raw(reply)]);
    let session = initialize(&gateway).await;
    let message = answered(&gateway, &session, &call(1, "jira_echo", "x")).await;
    assert_eq!(message["error"]["code"], UNKNOWN);
    let message = answered(&gateway, &session, &call(1, "gh_echo", "x")).await;
    assert_eq!(text(&message), "x");
    assert_eq!((github.sessions(), FakeMcp::sessions(&jira)), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_member_gave_marks_the_session_for_all() {
    const STRANGERS: &str = "---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: strangers}
spec: {rules: [{id: no-exfiltration, taint: block, when: {}}]}
";
    let (web, mail) = (
        FakeMcp::start().await.unwrap(),
        FakeMcp::start().await.unwrap(),
    );
    let resources = format!(
        "{CALLERS}{}{}{}{STRANGERS}",
        server("web", &web.url(), ", trust: untrusted"),
        server("mail", &mail.url(), ", tools: [{name: echo, egress: true}]"),
        suite(
            "{server: web, prefix: web}, {server: mail, prefix: mail}",
            ""
        ),
    );
    let gateway = start(&resources).await;
    let session = initialize(&gateway).await;
    let sent = answered(&gateway, &session, &call(1, "mail_echo", "x")).await;
    assert_eq!(text(&sent), "x");
    let read = answered(&gateway, &session, &call(2, "web_echo", "y")).await;
    assert_eq!(text(&read), "y");
    let stopped = answered(&gateway, &session, &call(3, "mail_echo", "z")).await;
    let why = &stopped["result"]["_meta"]["parapet.dev/guardrail"]["categories"];
    assert_eq!(*why, json!(["tainted_egress"]), "{stopped}");
    assert_eq!(mail.count("tools/call"), 1);
}
