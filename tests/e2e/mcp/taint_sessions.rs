//! Text of strangers in sessions: several servers, and several gateways.

use parapet_tests::fake::Reply;
use parapet_tests::fake_mcp::{FakeMcp, Turn};
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::Outgoing;
use serde_json::{Value, json};

use super::support::{CALLERS, in_session, messages, server};
use super::taint::{guarded, is_stopped, to};

/// Begins a session with a server.
async fn begin(gateway: &Gateway, server: &str, id: Option<&str>) -> String {
    let message = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let request = named(to(server, in_session(None, &message)), id);
    let answered = gateway.client().send(request).await.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    let session = answered.header("mcp-session-id").unwrap().to_owned();
    let message = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let request = to(server, in_session(Some(&session), &message));
    let answered = gateway.client().send(request).await.unwrap();
    assert_eq!(answered.status, 202, "{:?}", answered.text());
    session
}

/// With an id of the conversation.
fn named(request: Outgoing, id: Option<&str>) -> Outgoing {
    match id {
        None => request,
        Some(id) => request.header("x-tfy-metadata", &json!({"thread_id": id}).to_string()),
    }
}

fn call(server: &str, session: &str, tool: &str) -> Outgoing {
    let params = json!({"name": tool, "arguments": {"text": "x"}});
    let message = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": params});
    to(server, in_session(Some(session), &message))
}

async fn last(gateway: &Gateway, request: Outgoing) -> (Value, Option<String>) {
    let answered = gateway.client().send(request).await.unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    let session = answered.header("mcp-session-id").map(str::to_owned);
    (messages(&answered).pop().unwrap(), session)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_on_after_the_block_and_others_are_not_stopped() {
    let (web, mail) = (
        FakeMcp::start().await.unwrap(),
        FakeMcp::start().await.unwrap(),
    );
    let gateway = guarded(&web, &mail, "taint: block").await;
    let (reads, idle) = (
        begin(&gateway, "web", Some("a")).await,
        begin(&gateway, "web", Some("b")).await,
    );
    let (sends, other) = (
        begin(&gateway, "mail", Some("a")).await,
        begin(&gateway, "mail", Some("b")).await,
    );
    let send = |session: &str, id| named(call("mail", session, "echo"), Some(id));
    let (message, _) = last(&gateway, send(&sends, "a")).await;
    assert!(!is_stopped(&message), "nothing was read yet: {message}");
    last(&gateway, named(call("web", &reads, "echo"), Some("a"))).await;
    for (what, request, stopped) in [
        ("read here, sent there", send(&sends, "a"), true),
        (
            "without the id, by its session",
            call("mail", &sends, "echo"),
            true,
        ),
        ("another conversation", send(&other, "b"), false),
        ("the session that read", call("web", &reads, "lookup"), true),
        (
            "another session of the server",
            named(call("web", &idle, "lookup"), Some("b")),
            false,
        ),
        ("what does no harm", call("web", &reads, "echo"), false),
    ] {
        let (message, _) = last(&gateway, request).await;
        assert_eq!(is_stopped(&message), stopped, "{what}: {message}");
        assert_eq!(message["result"].get("resultType"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_carries_its_mark_to_another_gateway() {
    let (web, mail) = (
        FakeMcp::start().await.unwrap(),
        FakeMcp::start().await.unwrap(),
    );
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("session-keys");
    std::fs::write(&file, "AQIDBAUGBwgBAgMEBQYHCAECAwQFBgcIAQIDBAUGBwg=\n").unwrap();
    let start = || {
        let rules = "---\napiVersion: parapet.dev/v1alpha1\nkind: GuardrailConfig\nmetadata: {name: rules}\nspec: {rules: [{id: \
                     no-exfiltration, taint: block}]}\n";
        let resources = format!(
            "{CALLERS}{rules}{}{}",
            server(
                "web",
                &web.url(),
                ", trust: untrusted, tools: [{name: lookup, egress: true}]"
            ),
            server("mail", &mail.url(), ", tools: [{name: echo, egress: true}]")
        );
        let file = file.to_str().unwrap();
        Setup::new(resources)
            .arg("--session-keys")
            .arg(file)
            .start()
    };
    let (one, other): (Gateway, Gateway) = (start().await.unwrap(), start().await.unwrap());
    let reads = begin(&one, "web", Some("a")).await;
    let sends = begin(&one, "mail", Some("a")).await;
    // What was read in a session with strangers' text, another gateway does not know: it takes no chances there.
    let (message, _) = last(&other, call("web", &reads, "lookup")).await;
    assert!(is_stopped(&message), "{message}");
    let (message, _) = last(&one, call("web", &reads, "lookup")).await;
    assert!(!is_stopped(&message), "nothing was read yet: {message}");
    last(&one, named(call("web", &reads, "echo"), Some("a"))).await;
    // A client that takes the session's id from every answer brings the mark along.
    let answer = json!({"jsonrpc": "2.0", "id": 5, "result": {"content": []}});
    let upstream = mail.server().calls();
    let upstream = upstream
        .iter()
        .rev()
        .find_map(|call| call.header("mcp-session-id"));
    let reply = Reply::json(200, &answer).header("mcp-session-id", upstream.unwrap());
    mail.script("tools/call regional", [Turn::raw(reply)]);
    let (_, marked) = last(&one, named(call("mail", &sends, "regional"), Some("a"))).await;
    let marked = marked.unwrap();
    assert_ne!(marked, sends);
    let (message, _) = last(&other, call("mail", &marked, "echo")).await;
    assert!(is_stopped(&message), "{message}");
    // From then on the other gateway knows the conversation by its other names, too.
    let (message, _) = last(&other, call("mail", &sends, "echo")).await;
    assert!(is_stopped(&message), "{message}");
}
