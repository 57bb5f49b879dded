//! Messages and servers that are not as they should be.
//!
//! Where the other bad input of the protocol is tested: sessions that are forged or somebody else's in `sessions`; foreign
//! `Origin` and `Host`, missing tokens and what a 401 says in `access`; answers that are not the ones to their requests in
//! `bad_answers`; addresses that nobody may lead to in `egress`; headers that do not repeat what the tool's schema says in
//! `mirrored`; servers that ask for too much in `undeclared`; clients that leave in `leaving`; slow guardrails in
//! `keep_alive`; text in every place, and what a block looks like, in `guarded`, `guarded_sessions` and `hooks`.

use std::time::Duration;

use parapet_tests::fake::Reply;
use parapet_tests::fake_mcp::{FakeMcp, Fault, Turn};
use parapet_tests::harness::Setup;
use parapet_tests::http_client::Outgoing;
use serde_json::json;

use super::support::{
    CALLERS, before, call, in_session, initialize, messages, post, server, stateless,
};

/// The request with another value of a header.
fn with(mut outgoing: Outgoing, name: &str, value: Option<&str>) -> Outgoing {
    outgoing.headers.retain(|(own, _)| own != name);
    match value {
        Some(value) => outgoing.header(name, value),
        None => outgoing,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sends_wrongly_never_reaches_a_server() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let echo = || call("echo", json!({"text": "x"}));
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"echo","arguments":{}1{}}}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let list = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
    let rows = [
        ("a batch", post(format!("[{list}]")), 400, -32600),
        ("an empty batch", post("[]"), 400, -32600),
        ("no JSON", post("{"), 400, -32700),
        ("nothing", post(""), 400, -32700),
        (
            "a key twice",
            post(r#"{"jsonrpc":"2.0","id":7,"id":8,"method":"tools/list"}"#),
            400,
            -32600,
        ),
        (
            "no id",
            post(r#"{"jsonrpc":"2.0","id":null,"method":"tools/list"}"#),
            400,
            -32600,
        ),
        ("depth", post(deep), 400, -32600),
        (
            "another type",
            with(post(list), "content-type", Some("text/plain")),
            415,
            -32600,
        ),
        (
            "a method that differs",
            with(echo(), "mcp-method", Some("tools/list")),
            400,
            -32020,
        ),
        ("no method", with(echo(), "mcp-method", None), 400, -32020),
        (
            "a name that differs",
            with(echo(), "mcp-name", Some("lookup")),
            400,
            -32020,
        ),
        ("no name", with(echo(), "mcp-name", None), 400, -32020),
        (
            "another version",
            with(echo(), "mcp-protocol-version", Some("2025-11-25")),
            400,
            -32020,
        ),
        (
            "no version",
            with(echo(), "mcp-protocol-version", None),
            400,
            -32020,
        ),
        (
            "an unknown version",
            with(post(list), "mcp-protocol-version", Some("2031-01-01")),
            400,
            -32022,
        ),
        (
            "no _meta",
            with(post(list), "mcp-protocol-version", Some("2026-07-28")),
            400,
            -32602,
        ),
        (
            "a header of its own",
            echo().header("mcp-param-key", "AKIA"),
            400,
            -32020,
        ),
        (
            "guardrails that are not there",
            echo().header("x-tfy-guardrails", "{\"no\": 1}"),
            400,
            -32600,
        ),
    ];
    for (what, request, status, code) in rows {
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(answered.status, status, "{what}: {:?}", answered.text());
        assert_eq!(answered.json().unwrap()["error"]["code"], code, "{what}");
    }
    assert_eq!(fake.server().calls().len(), 0);
    let answered = gateway
        .client()
        .send(with(post(list), "mcp-protocol-version", Some("2031-01-01")))
        .await
        .unwrap();
    let data = &answered.json().unwrap()["error"]["data"];
    assert_eq!(data["requested"], "2031-01-01");
    assert_eq!(data["supported"][0], "2026-07-28");
    let mut later = json!({});
    later["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2031-01-01".into();
    let later = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": later});
    let later = with(
        post(later.to_string()),
        "mcp-protocol-version",
        Some("2031-01-01"),
    );
    let answered = gateway.client().send(later).await.unwrap();
    let data = &answered.json().unwrap()["error"]["data"];
    // What begins with `initialize` cannot be named there.
    assert_eq!(data["supported"], json!(["2026-07-28"]));
}

#[tokio::test]
async fn a_server_that_refuses_what_it_does_not_know_is_heard_whatever_id_it_invents() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let refusal = json!({"jsonrpc": "2.0", "id": "server-error",
        "error": {"code": -32600, "message": "Bad Request: Missing session ID"}});
    fake.script("tools/list", [Turn::raw(Reply::json(400, &refusal))]);
    let list = stateless("tools/list", json!({}));
    let answered = gateway.client().send(list).await.unwrap();
    assert_eq!(answered.status, 400);
    assert_eq!(answered.json().unwrap(), refusal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_past_the_limit_is_refused_and_one_of_ten_megabytes_goes_through() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let big = call("echo", json!({"text": "x".repeat(10 << 20)}));
    let answered = gateway.client().send(big).await.unwrap();
    assert_eq!(answered.status, 200);
    let settings = "---\napiVersion: parapet.dev/v1alpha1\nkind: GatewaySettings\nmetadata: {name: all}\nspec: {limits: {bodyBytes: 1048576}}\n";
    let resources = format!("{CALLERS}{settings}{}", server("fake", &fake.url(), ""));
    let gateway = Setup::new(resources).start().await.unwrap();
    let big = call("echo", json!({"text": "x".repeat(2 << 20)}));
    let answered = gateway.client().send(big).await.unwrap();
    assert_eq!(answered.status, 413);
    assert_eq!(answered.json().unwrap()["error"]["code"], -32600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_misbehaves_is_an_error_and_nothing_of_it_is_relayed() {
    let fake = FakeMcp::start().await.unwrap();
    let settings = "---\napiVersion: parapet.dev/v1alpha1\nkind: GatewaySettings\nmetadata: {name: all}\nspec: {limits: {answerBytes: 1048576, streamEventBytes: 65536, firstByteTimeout: 1s}}\n";
    let resources = format!("{CALLERS}{settings}{}", server("fake", &fake.url(), ""));
    let gateway = Setup::new(resources).start().await.unwrap();
    let session = initialize(&gateway).await;
    let elsewhere = FakeMcp::start().await.unwrap();
    let rows = [
        Fault::Html,
        Fault::NotJson,
        Fault::WrongId,
        Fault::Batch,
        Fault::Redirect(elsewhere.url()),
        Fault::Status(401),
        Fault::Status(403),
        Fault::Status(500),
        Fault::Cut,
        Fault::NoAnswer,
        Fault::Silence,
        Fault::Huge(2 << 20),
        Fault::Deep(10_000),
        Fault::EndlessText,
    ];
    for fault in rows {
        let what = format!("{fault:?}");
        fake.script("tools/call echo", [Turn::fault(fault)]);
        let answered = gateway
            .client()
            .send(call("echo", json!({"text": "x"})))
            .await
            .unwrap();
        let told = messages(&answered).pop().unwrap();
        assert_eq!(told["id"], 7, "{what}: {told}");
        assert_eq!(told["error"]["code"], -32603, "{what}: {told}");
        let is_stream = answered.header("content-type") == Some("text/event-stream");
        assert!(
            is_stream || answered.status.is_server_error(),
            "{what}: {}",
            answered.status
        );
        assert_eq!(answered.header("www-authenticate"), None, "{what}");
        for leak in ["127.0.0.1", "html", "refuses", "somebody-elses"] {
            assert!(!told.to_string().contains(leak), "{what}: {told}");
        }
        // In a session any other status than 200 ends it for some clients.
        let message = json!({"jsonrpc": "2.0", "id": "s", "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "x"}}});
        let answered = gateway
            .client()
            .send(in_session(Some(&session), &message))
            .await
            .unwrap();
        assert_eq!(answered.status, 200, "{what}");
        let told = messages(&answered).pop().unwrap();
        assert_eq!(
            (&told["id"], &told["error"]["code"]),
            (&json!("s"), &json!(-32603)),
            "{what}: {told}"
        );
    }
    assert_eq!(
        elsewhere.server().calls().len(),
        0,
        "a redirect was followed"
    );
    fake.script("tools/call echo", [Turn::fault(Fault::TwoResponses)]);
    let answered = gateway
        .client()
        .send(call("echo", json!({"text": "x"})))
        .await
        .unwrap();
    assert_eq!(messages(&answered).len(), 1);
    fake.script("tools/call echo", [Turn::fault(Fault::Gzip)]);
    let answered = gateway
        .client()
        .send(call("echo", json!({"text": "x"})))
        .await
        .unwrap();
    assert!(
        messages(&answered)[0]["result"].is_object(),
        "compressed answers are read"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_or_must_not_be_called_is_told_without_its_address() {
    let fake = FakeMcp::start().await.unwrap();
    let gone = {
        let gone = FakeMcp::start().await.unwrap();
        gone.url()
    };
    let resources = format!(
        "{CALLERS}{}{}{}",
        server("fake", &fake.url(), ""),
        server("gone", &gone, ""),
        server("metadata", "http://169.254.169.254/latest/meta-data", "")
    );
    let gateway = Setup::new(resources).start().await.unwrap();
    for name in ["gone", "metadata"] {
        let mut request = stateless("tools/list", json!({}));
        request.path = format!("/mcp/{name}");
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(answered.status, 502);
        let told = answered.text().unwrap();
        assert!(
            told.contains("cannot be reached") && !told.contains("169.254"),
            "{told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_end_is_relayed_as_long_as_the_client_wants_it() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    fake.script("tools/call echo", [Turn::fault(Fault::EndlessEvents)]);
    let mut opened = gateway
        .client()
        .open(call("echo", json!({"text": "x"})))
        .await
        .unwrap();
    for _ in 0..50 {
        opened.next().await.unwrap().unwrap();
    }
    drop(opened);
    fake.script("tools/call echo", [Turn::text("well")]);
    let answered = gateway
        .client()
        .send(call("echo", json!({"text": "x"})))
        .await
        .unwrap();
    assert_eq!(answered.status, 200);
    tokio::time::sleep(Duration::from_millis(50)).await;
}
