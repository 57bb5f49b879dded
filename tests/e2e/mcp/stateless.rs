//! The stateless revision from end to end.

use std::time::Duration;

use parapet_tests::fake::{Line, Reply, Step};
use parapet_tests::fake_mcp::{FakeMcp, Turn};
use parapet_tests::harness::Setup;
use serde_json::{Value, json};

use super::support::{CALLERS, before, call, messages, server, stateless};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_reaches_the_tool_and_its_answer_the_client_byte_for_byte() {
    let fake = FakeMcp::start().await.unwrap();
    let more = r#", headers: {Authorization: {secretKeyRef: {name: tokens, key: upstream}}}, passHeaders: [x-tenant]"#;
    let resources = format!("{CALLERS}{}", server("fake", &fake.url(), more));
    let gateway = Setup::new(resources).start().await.unwrap();
    // Odd spacing, an unknown member and a number with an exponent: nothing of it is written anew.
    let answer = r#"{ "jsonrpc":"2.0","id":7, "result": {"resultType":"complete","content":[{"type":"text","text":"h\u00e9"}],"x-new":1e2} }"#;
    fake.script(
        "tools/call echo",
        [Turn::raw(Reply::new(200, "application/json", answer))],
    );
    let request = call("echo", json!({"text": "hello"}))
        .header("x-tenant", "acme")
        .header("x-other", "stays here")
        .header("cookie", "a=b");
    let sent = request.body.clone();
    let answered = gateway.client().send(request).await.unwrap();
    assert_eq!(answered.status, 200);
    assert_eq!(answered.text().unwrap(), answer);
    assert!(answered.header("x-request-id").is_some());
    let calls = fake.server().calls();
    let seen = &calls[0];
    assert_eq!(seen.body, sent);
    assert_eq!(seen.header("authorization"), Some("Bearer upstream-token"));
    assert_eq!(seen.header("x-tenant"), Some("acme"));
    assert_eq!(seen.header("mcp-method"), Some("tools/call"));
    assert_eq!(seen.header("mcp-name"), Some("echo"));
    for gone in ["x-other", "cookie", "mcp-session-id"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    assert!(
        calls
            .iter()
            .all(|call| !format!("{call:?}").contains("ada-token"))
    );

    let request_id = answered.header("x-request-id").unwrap();
    let record = gateway.record(request_id).await.unwrap();
    assert_eq!(record["route"], "/mcp/{server}");
    assert_eq!(record["end"], "allowed");
    assert_eq!(
        record["mcp"],
        json!({"server": "fake", "method": "tools/call", "tool": "echo", "version": "2026-07-28", "from": "client", "failed": false})
    );
    assert_eq!(record["attempts"][0]["status"], 200);
    assert_eq!(record["attempts"][0]["kind"], "mcp");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_of_the_revision_goes_through() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let rows = [
        ("server/discover", json!({}), "supportedVersions"),
        ("tools/list", json!({}), "tools"),
        ("resources/list", json!({}), "resources"),
        ("resources/templates/list", json!({}), "resourceTemplates"),
        ("resources/read", json!({"uri": "note://one"}), "contents"),
        ("prompts/list", json!({}), "prompts"),
        (
            "prompts/get",
            json!({"name": "greet", "arguments": {"who": "Ada"}}),
            "messages",
        ),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "who", "value": "A"}}),
            "completion",
        ),
    ];
    for (method, params, member) in rows {
        let answered = gateway
            .client()
            .send(stateless(method, params))
            .await
            .unwrap();
        assert_eq!(answered.status, 200, "{method}: {:?}", answered.text());
        let body = answered.json().unwrap();
        assert!(
            body["result"][member].is_array() || body["result"][member].is_object(),
            "{method}: {body}"
        );
        assert_eq!(body["id"], 7);
    }
    let answered = gateway
        .client()
        .send(stateless("no/such", json!({})))
        .await
        .unwrap();
    assert_eq!(answered.status, 404);
    assert_eq!(answered.json().unwrap()["error"]["code"], -32601);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_arrives_before_the_answer_and_each_message_has_a_record() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let (line, live) = Line::new();
    let head = r#"data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":0.5}}"#;
    let mut reply = Reply::event_stream([]);
    reply.steps = vec![
        Step::Send(format!(": hi\n\n{head}\n\n").into()),
        Step::Live(live),
    ];
    fake.script("tools/call echo", [Turn::raw(reply)]);
    let mut opened = gateway
        .client()
        .open(call("echo", json!({"text": "x"})))
        .await
        .unwrap();
    assert_eq!(opened.headers["x-accel-buffering"], "no");
    let mut got = String::new();
    while !got.contains("progressToken") {
        let bytes = opened.next().await.unwrap().unwrap();
        got.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert_eq!(
        got,
        format!(":\n\n{head}\n\n"),
        "as it came but for the comment's words, at once"
    );
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[],"isError":true}}"#;
    line.send(format!("event: message\ndata: {answer}\n\n"));
    let mut rest = String::new();
    while let Some(bytes) = opened.next().await.unwrap() {
        rest.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert_eq!(rest, format!("event: message\ndata: {answer}\n\n"));
    for (method, failed) in [("notifications/progress", false), ("tools/call", true)] {
        let found = gateway.log().wait_for(Duration::from_secs(10), |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            let mcp = &line["record"]["mcp"];
            (mcp["method"] == method && mcp["failed"] == failed).then_some(())
        });
        found
            .await
            .unwrap_or_else(|_| panic!("{method}: {}", gateway.said()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_trip_over_the_client_keeps_its_state_to_the_letter() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let ask = json!({"mode": "form", "message": "Which?", "requestedSchema": {"type": "object", "properties": {}}});
    fake.script(
        "tools/call echo",
        [Turn::default().asking("elicitation/create", ask)],
    );
    let meta = json!({"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}});
    let params = json!({"name": "echo", "arguments": {"text": "x"}, "_meta": meta});
    let answered = gateway
        .client()
        .send(stateless("tools/call", params.clone()))
        .await
        .unwrap();
    let asked = messages(&answered).pop().unwrap();
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    let key = asked["result"]["inputRequests"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap()
        .clone();
    let mut again = params;
    again["requestState"] = asked["result"]["requestState"].clone();
    again["inputResponses"] = json!({key: {"action": "accept", "content": {"which": "this"}}});
    let answered = gateway
        .client()
        .send(stateless("tools/call", again))
        .await
        .unwrap();
    let told = messages(&answered).pop().unwrap();
    assert_eq!(told["result"]["resultType"], "complete", "{told}");
    assert!(told.to_string().contains("this"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_in_headers_go_on() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let request = call("regional", json!({"region": "köln", "query": "x"}));
    let answered = gateway
        .client()
        .send(request.header("mcp-param-region", "=?base64?a8O2bG4=?="))
        .await
        .unwrap();
    assert_eq!(answered.status, 200, "{:?}", answered.text());
    assert!(answered.json().unwrap()["result"].is_object());
}
