//! Guardrails in a session: it lives on after every block.

use parapet_tests::fake_mcp::{FakeMcp, Turn};
use parapet_tests::harness::Gateway;
use serde_json::{Value, json};

use super::guarded::{guarded, is_blocked};
use super::support::{in_session, initialize, messages};

async fn call(gateway: &Gateway, session: &str, id: u64, text: &str) -> Vec<Value> {
    let params = json!({"name": "echo", "arguments": {"text": text}});
    let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
    let answered = gateway
        .client()
        .send(in_session(Some(session), &message))
        .await
        .unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    assert!(
        !answered.text().unwrap().contains("7f3a"),
        "{:?}",
        answered.text()
    );
    messages(&answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_on_after_a_block_on_either_side() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let session = initialize(&gateway).await;
    let blocked = call(&gateway, &session, 1, "BAD-7f3a").await.pop().unwrap();
    assert!(is_blocked(&blocked), "{blocked}");
    assert_eq!(
        blocked["result"].get("resultType"),
        None,
        "a session has no such word"
    );
    assert_eq!(fake.count("tools/call"), 0);
    fake.script("tools/call", [Turn::text("BAD-7f3a"), Turn::text("fine")]);
    let blocked = call(&gateway, &session, 2, "x").await.pop().unwrap();
    assert!(is_blocked(&blocked), "{blocked}");
    let fine = call(&gateway, &session, 3, "x").await.pop().unwrap();
    assert_eq!(fine["result"]["content"][0]["text"], "fine");
    assert_eq!((fake.count("tools/call"), fake.sessions()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_for_what_is_blocked_hears_no() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let session = initialize(&gateway).await;
    let ask = json!({"method": "elicitation/create", "params": {
        "message": "BAD-7f3a", "requestedSchema": {"type": "object", "properties": {}}}});
    fake.script(
        "tools/call",
        [Turn {
            ask: Some(ask),
            ..Turn::default()
        }],
    );
    let messages = call(&gateway, &session, 1, "x").await;
    // The client never sees the question; the answer tells what the server heard.
    assert_eq!(messages.len(), 1, "{messages:?}");
    let heard = messages[0]["result"]["content"][0]["text"]
        .as_str()
        .unwrap();
    assert!(heard.contains("decline"), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_answer_that_is_blocked_becomes_a_no() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let session = initialize(&gateway).await;
    let client = gateway.client();
    let filled_in = |text: &str| json!({"action": "accept", "content": {"a": text}});
    let sampled =
        json!({"role": "assistant", "model": "m", "content": {"type": "text", "text": "BAD-7f3a"}});
    for (said, heard) in [
        (filled_in("BAD-7f3a"), None),
        (filled_in("MARK-7f3a"), Some(filled_in("[REDACTED]"))),
        (sampled, None),
    ] {
        fake.server().take_calls();
        let message = json!({"jsonrpc": "2.0", "id": "s-1", "result": said});
        // The scripted server has not asked, and refuses the answer; what counts is what it was sent.
        let sent = client.send(in_session(Some(&session), &message)).await;
        assert!(!sent.unwrap().text().unwrap().contains("7f3a"));
        let got = fake.messages().pop().unwrap();
        assert_eq!(got["id"], "s-1");
        match heard {
            Some(heard) => assert_eq!(got["result"], heard),
            None => {
                let said_no = got["error"]["code"] == 400 || got["result"]["action"] == "decline";
                assert!(said_no, "{got}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_that_is_blocked_gets_nowhere() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let session = initialize(&gateway).await;
    fake.server().take_calls();
    for (reason, count) in [("BAD-7f3a", 0), ("MARK-7f3a", 1)] {
        let message = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": {"requestId": 9, "reason": reason}});
        let answered = gateway
            .client()
            .send(in_session(Some(&session), &message))
            .await
            .unwrap();
        assert_eq!(answered.status, 202);
        assert_eq!(fake.count("notifications/cancelled"), count, "{reason}");
    }
    assert_eq!(
        fake.messages().pop().unwrap()["params"]["reason"],
        "[REDACTED]"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_introduces_itself_badly_loses_its_instructions() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    fake.edit(|catalog| catalog.instructions = Some("BAD-7f3a".to_owned()));
    let session = initialize(&gateway).await;
    let fine = call(&gateway, &session, 1, "x").await.pop().unwrap();
    assert_eq!(fine["result"]["content"][0]["text"], "x");
}
