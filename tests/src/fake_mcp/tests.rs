use std::time::Duration;

use serde_json::{Value, json};

use super::{Era, FakeMcp, Fault, LEGACY, MODERN, Manner, Turn};
use crate::http_client::{Answered, Client, Outgoing};

const META: &str = "io.modelcontextprotocol/";

/// A call of the stateless revision as a client sends it.
fn modern(method: &str, mut params: Value) -> Outgoing {
    let name = params["name"].as_str().or_else(|| params["uri"].as_str());
    let name = name.unwrap_or_default().to_owned();
    let meta = &mut params["_meta"];
    meta[format!("{META}protocolVersion")] = MODERN.into();
    let declared = &mut meta[format!("{META}clientCapabilities")];
    *declared = json!({"elicitation": {}});
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let post = Outgoing::post("/mcp", body.to_string())
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", method);
    if name.is_empty() {
        return post;
    }
    post.header("mcp-name", &name)
}

fn legacy(body: &Value, session: &str) -> Outgoing {
    let post = Outgoing::post("/mcp", body.to_string());
    if session.is_empty() {
        return post;
    }
    post.header("mcp-session-id", session)
        .header("mcp-protocol-version", LEGACY)
}

fn request(id: i64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn call(text: &str) -> Value {
    json!({"name": "echo", "arguments": {"text": text}})
}

/// The messages of an answer, whatever its framing.
fn messages(answer: &Answered) -> Vec<Value> {
    let text = answer.text().unwrap();
    if answer.header("content-type") == Some("text/event-stream") {
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        return data
            .map(|data| serde_json::from_str(data).unwrap())
            .collect();
    }
    vec![answer.json().unwrap()]
}

async fn start(manner: Manner) -> (FakeMcp, Client) {
    let server = FakeMcp::start_as(manner).await.unwrap();
    let client = Client::new(server.addr());
    (server, client)
}

/// Starts a session and returns its id.
async fn session(client: &Client) -> String {
    let hello = request(
        0,
        "initialize",
        &json!({"protocolVersion": LEGACY, "capabilities": {}}),
    );
    let answer = client.send(legacy(&hello, "")).await.unwrap();
    assert_eq!(answer.json().unwrap()["result"]["protocolVersion"], LEGACY);
    answer.header("mcp-session-id").unwrap().to_owned()
}

#[tokio::test]
async fn stateless_calls_are_answered_and_counted() {
    let (server, client) = start(Manner::default()).await;
    let answer = client
        .send(modern("tools/call", call("hello")))
        .await
        .unwrap();
    let result = &answer.json().unwrap()["result"];
    assert_eq!(result["content"][0]["text"], "hello");
    assert_eq!(result["resultType"], "complete");
    assert_eq!(
        (server.count("tools/call"), server.count("tools/list")),
        (1, 0)
    );
    let answer = client
        .send(modern("server/discover", json!({})))
        .await
        .unwrap();
    let result = &answer.json().unwrap()["result"];
    assert_eq!(result["supportedVersions"], json!([MODERN, LEGACY]));
    let answer = client
        .send(modern("tools/nothing", json!({})))
        .await
        .unwrap();
    assert_eq!(
        (
            answer.status.as_u16(),
            &answer.json().unwrap()["error"]["code"]
        ),
        (404, &json!(-32601))
    );
}

#[tokio::test]
async fn headers_that_disagree_with_the_body_are_refused() {
    let (_server, client) = start(Manner::default()).await;
    let mut other = modern("tools/call", call("hello"));
    for (name, value) in &mut other.headers {
        if name == "mcp-name" {
            "lookup".clone_into(value);
        }
    }
    let regional = || json!({"name": "regional", "arguments": {"region": "Köln"}});
    let cases = [
        (other, Some(-32020)),
        (modern("tools/call", regional()), Some(-32020)),
        (
            modern("tools/call", regional()).header("mcp-param-region", "=?base64?S8O2bG4=?="),
            None,
        ),
        (
            Outgoing::post("/mcp", request(1, "tools/list", &json!({})).to_string())
                .header("mcp-protocol-version", MODERN),
            Some(-32602),
        ),
    ];
    for (outgoing, code) in cases {
        let answer = client.send(outgoing).await.unwrap();
        let body = answer.json().unwrap();
        assert_eq!(body["error"]["code"].as_i64(), code, "{body}");
        assert_eq!(
            answer.status.as_u16(),
            if code.is_some() { 400 } else { 200 }
        );
    }
}

#[tokio::test]
async fn sessions_are_demanded_and_can_be_forgotten() {
    let (server, client) = start(Manner {
        era: Era::Legacy,
        ..Manner::default()
    })
    .await;
    let list = request(1, "tools/list", &json!({}));
    let missing = client.send(legacy(&list, "")).await.unwrap();
    assert_eq!(missing.status.as_u16(), 400);
    let session = session(&client).await;
    let answer = client.send(legacy(&list, &session)).await.unwrap();
    assert_eq!(answer.json().unwrap()["result"]["tools"][0]["name"], "echo");
    let refused = client.send(modern("tools/list", json!({}))).await.unwrap();
    assert_eq!(refused.status.as_u16(), 400);
    server.forget_sessions();
    let gone = client.send(legacy(&list, &session)).await.unwrap();
    assert_eq!(gone.status.as_u16(), 404);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let (_server, client) = start(Manner {
        page: 2,
        ..Manner::default()
    })
    .await;
    let first = client.send(modern("tools/list", json!({}))).await.unwrap();
    let cursor = first.json().unwrap()["result"]["nextCursor"].clone();
    let second = client
        .send(modern("tools/list", json!({"cursor": cursor})))
        .await
        .unwrap();
    let result = &second.json().unwrap()["result"];
    assert_eq!(result["tools"].as_array().unwrap().len(), 1);
    assert!(result["nextCursor"].is_null());
}

#[tokio::test]
async fn notifications_come_before_the_answer() {
    let (server, client) = start(Manner::default()).await;
    let turn =
        Turn::text("done").after_notification("notifications/progress", json!({"progress": 1}));
    server.script("tools/call echo", [turn]);
    let mut with_token = call("x");
    with_token["_meta"] = json!({"progressToken": "t"});
    let answer = client.send(modern("tools/call", with_token)).await.unwrap();
    let messages = messages(&answer);
    assert_eq!(
        messages[0]["params"],
        json!({"progress": 1, "progressToken": "t"})
    );
    assert_eq!(messages[1]["result"]["content"][0]["text"], "done");
    // Nobody gave a token, so there is nobody to tell.
    let answer = client.send(modern("tools/call", call("x"))).await.unwrap();
    assert!(answer.json().unwrap()["result"].is_object());
}

#[tokio::test]
async fn the_client_is_asked_in_both_eras() {
    let (server, client) = start(Manner::default()).await;
    let ask = || Turn::default().asking("elicitation/create", json!({"message": "How many?"}));
    server.script("tools/call", [ask()]);
    let said = json!({"action": "accept", "content": {"n": 3}});

    let answer = client.send(modern("tools/call", call("x"))).await.unwrap();
    let asked = answer.json().unwrap()["result"].clone();
    assert_eq!(
        asked["inputRequests"]["question"]["params"]["message"],
        "How many?"
    );
    let mut again = call("x");
    again["requestState"] = asked["requestState"].clone();
    again["inputResponses"] = json!({"question": said});
    let answer = client
        .send(modern("tools/call", again.clone()))
        .await
        .unwrap();
    let text = answer.json().unwrap()["result"]["content"][0]["text"].clone();
    assert_eq!(
        serde_json::from_str::<Value>(text.as_str().unwrap()).unwrap(),
        said
    );
    let replayed = client.send(modern("tools/call", again)).await.unwrap();
    assert_eq!(replayed.json().unwrap()["error"]["code"], -32602);

    let session = session(&client).await;
    let mut open = client
        .open(legacy(&request(5, "tools/call", &call("x")), &session))
        .await
        .unwrap();
    let event = open.read_until("\n\n").await.unwrap();
    let question: Value = serde_json::from_str(event.split_once("data: ").unwrap().1).unwrap();
    let told = json!({"jsonrpc": "2.0", "id": question["id"], "result": said});
    let accepted = client.send(legacy(&told, &session)).await.unwrap();
    assert_eq!(accepted.status.as_u16(), 202);
    let (rest, cut) = open.rest().await;
    let rest = String::from_utf8(rest).unwrap();
    assert!(
        !cut && rest.contains("\"id\":5") && rest.contains("accept"),
        "{rest}"
    );
}

#[tokio::test]
async fn what_the_client_did_not_declare_is_only_asked_by_a_bad_server() {
    let (server, client) = start(Manner::default()).await;
    let mut ask = Turn::default().asking("sampling/createMessage", json!({"messages": []}));
    server.script("tools/call", [ask.clone()]);
    let refused = client.send(modern("tools/call", call("x"))).await.unwrap();
    assert_eq!(refused.json().unwrap()["error"]["code"], -32021);
    ask.ask_undeclared = true;
    server.script("tools/call", [ask]);
    let asked = client.send(modern("tools/call", call("x"))).await.unwrap();
    assert_eq!(
        asked.json().unwrap()["result"]["resultType"],
        "input_required"
    );
}

#[tokio::test]
async fn changes_are_told_on_open_streams() {
    let (server, client) = start(Manner::default()).await;
    let wanted = json!({"notifications": {"toolsListChanged": true}});
    let mut listening = client
        .open(modern("subscriptions/listen", wanted))
        .await
        .unwrap();
    listening.read_until("acknowledged").await.unwrap();
    assert_eq!(
        server.push("notifications/tools/list_changed", &json!({})),
        1
    );
    let told = listening.read_until("list_changed").await.unwrap();
    assert!(
        told.contains("\"io.modelcontextprotocol/subscriptionId\":7"),
        "{told}"
    );
    server.hang_up();
    let (rest, cut) = listening.rest().await;
    assert!(
        !cut && String::from_utf8(rest)
            .unwrap()
            .contains("\"resultType\":\"complete\"")
    );
}

#[tokio::test]
async fn faults() {
    let (server, client) = start(Manner::default()).await;
    let send = async |fault| {
        server.script("tools/call", [Turn::fault(fault)]);
        client.send(modern("tools/call", call("x"))).await.unwrap()
    };
    assert_eq!(
        send(Fault::Html).await.header("content-type"),
        Some("text/html")
    );
    assert!(send(Fault::NotJson).await.json().is_err());
    assert_eq!(
        send(Fault::WrongId).await.json().unwrap()["id"],
        "somebody-elses"
    );
    assert_eq!(messages(&send(Fault::TwoResponses).await).len(), 2);
    assert!(send(Fault::Batch).await.json().unwrap().is_array());
    let led = send(Fault::Redirect("http://127.0.0.1:1/".into())).await;
    assert_eq!(
        (led.status.as_u16(), led.header("location")),
        (307, Some("http://127.0.0.1:1/"))
    );
    let challenged = send(Fault::Status(401)).await;
    assert!(challenged.status == 401 && challenged.header("www-authenticate").is_some());
    assert!(send(Fault::Cut).await.cut);
    let ended = send(Fault::NoAnswer).await;
    assert!(!ended.cut && ended.body.is_empty());
    assert!(send(Fault::Huge(1 << 20)).await.body.len() > 1 << 20);
    assert_eq!(
        send(Fault::Deep(10_000))
            .await
            .text()
            .unwrap()
            .matches("{\"a\":")
            .count(),
        10_000
    );
    assert_eq!(
        send(Fault::Gzip).await.header("content-encoding"),
        Some("gzip")
    );
    for fault in [Fault::EndlessEvents, Fault::EndlessText] {
        server.script("tools/call", [Turn::fault(fault)]);
        let mut open = client.open(modern("tools/call", call("x"))).await.unwrap();
        for _ in 0..20 {
            open.next().await.unwrap().unwrap();
        }
    }
    server.script("tools/call", [Turn::fault(Fault::Silence)]);
    let nothing = client.send(modern("tools/call", call("x")));
    tokio::time::timeout(Duration::from_millis(100), nothing)
        .await
        .unwrap_err();
}
