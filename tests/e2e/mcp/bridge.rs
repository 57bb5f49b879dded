//! Stateless clients before servers with sessions.

use std::time::Duration;

use parapet_tests::fake::Reply;
use parapet_tests::fake_mcp::{Era, FakeMcp, Fault, MODERN, Manner, Turn};
use parapet_tests::harness::Gateway;
use parapet_tests::http_client::Outgoing;
use serde_json::{Value, json};

use super::guarded::{guarded, is_blocked};
use super::support::{before, call, messages, stateless};

pub(super) fn only(era: Era) -> Manner {
    Manner {
        era,
        ..Manner::default()
    }
}

async fn said(gateway: &Gateway, request: Outgoing) -> Vec<Value> {
    let answered = gateway.client().send(request).await.unwrap();
    assert!(
        answered.status == 200 || answered.header("content-type") == Some("application/json"),
        "{:?}",
        answered.text()
    );
    messages(&answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateless_client_is_served_by_a_server_with_sessions() {
    for events in [false, true] {
        let manner = Manner {
            events,
            ..only(Era::Legacy)
        };
        let fake = FakeMcp::start_as(manner).await.unwrap();
        let gateway = before(&fake).await;
        for text in ["one", "two", "three"] {
            let answer = said(&gateway, call("echo", json!({"text": text}))).await;
            let [answer] = answer.as_slice() else {
                panic!("{answer:?}")
            };
            assert_eq!(answer["id"], 7, "{answer}");
            assert_eq!(answer["result"]["content"][0]["text"], text);
            assert_eq!(answer["result"]["resultType"], "complete");
        }
        // What was found out is remembered, and the session goes on.
        assert_eq!((fake.count("initialize"), fake.sessions()), (1, 1));
        let greeting = fake.of("initialize").pop().unwrap();
        assert_eq!(greeting["params"]["capabilities"], json!({}));
        let calls = fake.of("tools/call");
        let last = calls.last().unwrap();
        assert_eq!(last["params"].get("_meta"), None, "{last}");
        let ids: std::collections::BTreeSet<String> = calls[1..]
            .iter()
            .map(|call| call["id"].to_string())
            .collect();
        assert_eq!(ids.len(), 3, "an id is used once in a session");
        let list = said(&gateway, stateless("tools/list", json!({}))).await;
        let hints = &list[0]["result"];
        assert_eq!(
            (&hints["ttlMs"], &hints["cacheScope"]),
            (&json!(0), &json!("private"))
        );
        let unknown = stateless("tools/unknown", json!({}));
        let unknown = gateway.client().send(unknown).await.unwrap();
        assert_eq!(unknown.status, 404, "{:?}", unknown.text());
        assert_eq!(messages(&unknown)[0]["error"]["code"], -32601);
        let gone = said(&gateway, stateless("ping", json!({}))).await;
        assert_eq!(gone[0]["error"]["code"], -32601);
        // A session that the server has forgotten is begun anew.
        fake.forget_sessions();
        let answer = said(&gateway, call("echo", json!({"text": "x"}))).await;
        assert_eq!(answer[0]["result"]["content"][0]["text"], "x");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_with_sessions_is_can_be_discovered() {
    let fake = FakeMcp::start_as(only(Era::Legacy)).await.unwrap();
    fake.edit(|catalog| catalog.instructions = Some("Be kind.".to_owned()));
    let gateway = before(&fake).await;
    let discovery = said(&gateway, stateless("server/discover", json!({}))).await;
    let result = &discovery[0]["result"];
    assert_eq!(
        result["supportedVersions"],
        json!([MODERN]),
        "{discovery:?}"
    );
    assert_eq!(result["instructions"], "Be kind.");
    assert_eq!(result["cacheScope"], "private");
    assert_eq!(
        result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"],
        "fake-mcp"
    );
    assert!(result["capabilities"]["tools"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_and_logs_arrive_as_they_were_asked_for() {
    let fake = FakeMcp::start_as(only(Era::Legacy)).await.unwrap();
    let gateway = before(&fake).await;
    let turn = || {
        Turn::text("done")
            .after_notification("notifications/progress", json!({"progress": 1}))
            .after_notification(
                "notifications/message",
                json!({"level": "info", "data": "d"}),
            )
    };
    fake.script("tools/call echo", [turn()]);
    let meta = json!({"progressToken": "mine", "io.modelcontextprotocol/logLevel": "info"});
    let params = json!({"name": "echo", "arguments": {}, "_meta": meta});
    let heard = said(&gateway, stateless("tools/call", params)).await;
    let methods: Vec<&Value> = heard.iter().map(|message| &message["method"]).collect();
    assert_eq!(
        methods,
        [
            &json!("notifications/progress"),
            &json!("notifications/message"),
            &Value::Null
        ]
    );
    assert_eq!(heard[0]["params"]["progressToken"], "mine");
    assert_eq!(fake.of("logging/setLevel")[0]["params"]["level"], "info");
    // Nothing is sent that was not asked for.
    let heard = said(&gateway, call("echo", json!({}))).await;
    assert_eq!(heard.len(), 1, "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_in_the_middle_of_a_call_is_refused_on_both_sides() {
    let fake = FakeMcp::start_as(only(Era::Legacy)).await.unwrap();
    let gateway = before(&fake).await;
    fake.script(
        "tools/call echo",
        [Turn::default().asking("elicitation/create", json!({"message": "m"}))],
    );
    for (capabilities, code) in [(json!({}), -32021), (json!({"elicitation": {}}), -32603)] {
        let meta = json!({"io.modelcontextprotocol/clientCapabilities": capabilities});
        let params = json!({"name": "echo", "arguments": {}, "_meta": meta});
        let heard = said(&gateway, stateless("tools/call", params)).await;
        let [answer] = heard.as_slice() else {
            panic!("{heard:?}")
        };
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&json!(7), &json!(code))
        );
    }
    let told = fake.messages();
    let refusals = told.iter().filter(|message| message["error"].is_object());
    assert_eq!(refusals.count(), 2, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_cancels_its_call() {
    let fake = FakeMcp::start_as(only(Era::Legacy)).await.unwrap();
    let gateway = before(&fake).await;
    said(&gateway, call("echo", json!({"text": "x"}))).await;
    for turn in [
        Turn {
            pause_ms: 20_000,
            ..Turn::text("x").after_notification("notifications/progress", json!({"progress": 1}))
        },
        Turn::text("x").after(Duration::from_secs(20)),
    ] {
        fake.server().take_calls();
        let streams = turn.pause_ms > 0;
        fake.script("tools/call echo", [turn]);
        let params = json!({"name": "echo", "arguments": {}, "_meta": {"progressToken": 1}});
        let client = gateway.client().clone();
        let waiting = tokio::spawn(async move {
            let opened = client.open(stateless("tools/call", params)).await;
            if let Ok(mut opened) = opened {
                let _ = opened.read_until("never").await;
            }
        });
        let asked = fake
            .wait_for("tools/call", Duration::from_secs(20))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        waiting.abort();
        let told = fake
            .wait_for("notifications/cancelled", Duration::from_secs(20))
            .await;
        let told = told.unwrap_or_else(|| panic!("nobody told the server, streams: {streams}"));
        assert_eq!(told["params"]["requestId"], asked["id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_hears_what_it_subscribed_to() {
    let fake = FakeMcp::start_as(only(Era::Legacy)).await.unwrap();
    let gateway = before(&fake).await;
    let wanted = json!({"toolsListChanged": true, "resourceSubscriptions": ["note://one"]});
    let listen = stateless("subscriptions/listen", json!({"notifications": wanted}));
    let mut opened = gateway.client().open(listen).await.unwrap();
    assert_eq!(opened.status, 200);
    let first = opened.read_until("acknowledged").await.unwrap();
    assert!(first.contains("note://one"), "{first}");
    assert_eq!(
        fake.of("resources/subscribe")[0]["params"]["uri"],
        "note://one"
    );
    fake.push("notifications/prompts/list_changed", &json!({}));
    fake.push(
        "notifications/resources/updated",
        &json!({"uri": "note://one"}),
    );
    fake.push("notifications/tools/list_changed", &json!({}));
    let text = opened.read_until("tools/list_changed").await.unwrap();
    assert!(!text.contains("prompts/list_changed"), "{text}");
    assert!(text.contains("resources/updated"), "{text}");
    assert!(
        text.contains(r#""io.modelcontextprotocol/subscriptionId":7"#),
        "{text}"
    );
    fake.hang_up();
    let (rest, _) = opened.rest().await;
    let rest = String::from_utf8(rest).unwrap();
    assert!(rest.contains("\"resultType\":\"complete\""), "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_answers_to_the_probe_is_no_loop() {
    let answer = |id: u64| json!({"jsonrpc": "2.0", "id": id, "result": {}});
    let rows = [
        Turn::fault(Fault::Html),
        Turn::fault(Fault::Redirect("http://127.0.0.1:9/mcp".into())),
        Turn::fault(Fault::NotJson),
        Turn::fault(Fault::Batch),
        Turn::fault(Fault::Status(500)),
        Turn::fault(Fault::Status(401)),
        Turn::fault(Fault::Status(404)),
        Turn::raw(Reply::json(200, &answer(99))),
        Turn::result(json!({"protocolVersion": "1999-01-01", "capabilities": {}})),
        Turn::error(-32600, "no"),
    ];
    for turn in rows {
        let name = format!("{turn:?}");
        let fake = FakeMcp::start_as(only(Era::Legacy)).await.unwrap();
        let gateway = before(&fake).await;
        fake.script("initialize", [turn]);
        for _ in 0..2 {
            fake.server().take_calls();
            let answered = gateway
                .client()
                .send(call("echo", json!({"text": "x"})))
                .await
                .unwrap();
            assert_ne!(answered.status, 200, "{name}");
            assert!(answered.json().unwrap()["error"]["code"].is_i64(), "{name}");
            assert!(fake.server().calls().len() <= 4, "{name}");
        }
        assert_eq!(fake.count("tools/call"), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_changes_its_era_is_asked_again() {
    let fake = FakeMcp::start_as(only(Era::Legacy)).await.unwrap();
    let gateway = before(&fake).await;
    for era in [Era::Legacy, Era::Modern, Era::Legacy, Era::Both] {
        fake.set_manner(only(era));
        fake.forget_sessions();
        for _ in 0..2 {
            let answer = said(&gateway, call("echo", json!({"text": "x"}))).await;
            assert_eq!(
                answer[0]["result"]["content"][0]["text"], "x",
                "{era:?}: {answer:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guardrails_judge_in_the_clients_era() {
    let fake = FakeMcp::start_as(only(Era::Legacy)).await.unwrap();
    let gateway = guarded(&fake).await;
    let blocked = said(&gateway, call("echo", json!({"text": "BAD-7f3a"}))).await;
    assert!(is_blocked(&blocked[0]), "{blocked:?}");
    assert_eq!(blocked[0]["result"]["resultType"], "complete");
    assert_eq!(fake.messages().len(), 0);
    fake.script("tools/call echo", [Turn::text("a MARK-7f3a b")]);
    let redacted = said(&gateway, call("echo", json!({"text": "MARK-7f3a"}))).await;
    assert_eq!(
        redacted[0]["result"]["content"][0]["text"],
        "a [REDACTED] b"
    );
    let sent = fake.of("tools/call").pop().unwrap();
    assert_eq!(sent["params"]["arguments"]["text"], "[REDACTED]");
}
