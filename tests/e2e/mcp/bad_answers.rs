//! Servers whose answers are not the ones to their requests, and clients that send what only servers may.

use bytes::Bytes;
use parapet_tests::fake::{Reply, Step};
use parapet_tests::fake_guardrail::FakeGuardrails;
use parapet_tests::fake_mcp::{FakeMcp, Fault, MODERN, Turn};
use parapet_tests::harness::Setup;
use serde_json::{Value, json};

use super::support::{CALLERS, before, call, in_session, initialize, messages, post, server};

/// A stream of these events.
fn stream(events: &[&str]) -> Reply {
    let mut reply = Reply::event_stream([]);
    reply.steps = events
        .iter()
        .map(|event| Step::Send(Bytes::from(format!("{event}\n\n"))))
        .collect();
    reply
}

fn json_reply(text: &str) -> Reply {
    Reply::new(200, "application/json", text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_answer_is_an_error_and_none_of_it_is_relayed() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let result = r#""result":{"content":[{"type":"text","text":"MARK"}]}"#;
    let rows: Vec<(&str, Reply)> = vec![
        (
            "a number as the id's text",
            json_reply(&format!(r#"{{"jsonrpc":"2.0","id":"7",{result}}}"#)),
        ),
        (
            "no id",
            json_reply(&format!(r#"{{"jsonrpc":"2.0",{result}}}"#)),
        ),
        (
            "null as id",
            json_reply(&format!(r#"{{"jsonrpc":"2.0","id":null,{result}}}"#)),
        ),
        (
            "another protocol",
            json_reply(&format!(r#"{{"jsonrpc":"1.0","id":7,{result}}}"#)),
        ),
        (
            "a result and an error",
            json_reply(&format!(
                r#"{{"jsonrpc":"2.0","id":7,{result},"error":{{"code":1,"message":"MARK"}}}}"#
            )),
        ),
        (
            "neither",
            json_reply(r#"{"jsonrpc":"2.0","id":7,"MARK":1}"#),
        ),
        (
            "a key twice",
            json_reply(&format!(r#"{{"jsonrpc":"2.0","id":7,{result},{result}}}"#)),
        ),
        (
            "something behind it",
            json_reply(&format!(r#"{{"jsonrpc":"2.0","id":7,{result}}} MARK"#)),
        ),
        (
            "a second one behind it",
            json_reply(&format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":7,{result}}}\n{{\"jsonrpc\":\"2.0\",\"id\":7,{result}}}"
            )),
        ),
        (
            "a request",
            json_reply(r#"{"jsonrpc":"2.0","id":7,"method":"MARK/create"}"#),
        ),
        (
            "no UTF-8",
            Reply::new(
                200,
                "application/json",
                Bytes::from_static(
                    b"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"MARK\":\"\xff\"}}",
                ),
            ),
        ),
        (
            "another type",
            Reply::new(
                200,
                "text/plain",
                format!(r#"{{"jsonrpc":"2.0","id":7,{result}}}"#),
            ),
        ),
        (
            "a result with an error's status",
            Reply::new(
                500,
                "application/json",
                format!(r#"{{"jsonrpc":"2.0","id":7,{result}}}"#),
            ),
        ),
        (
            "an event with another id",
            stream(&[&format!(r#"data: {{"jsonrpc":"2.0","id":8,{result}}}"#)]),
        ),
        ("an event that is no message", stream(&["data: MARK"])),
        (
            "an event of another kind",
            stream(&[&format!(
                "event: MARK\ndata: {{\"jsonrpc\":\"2.0\",\"id\":7,{result}}}"
            )]),
        ),
        ("an event without an end", stream(&[])),
    ];
    for (what, reply) in rows {
        fake.script("tools/call echo", [Turn::raw(reply)]);
        let request = call("echo", json!({"text": "x"}));
        let answered = gateway.client().send(request).await.unwrap();
        let text = answered.text().unwrap();
        assert!(!text.contains("MARK"), "{what}: {text}");
        let told = messages(&answered).pop().unwrap();
        assert_eq!(
            (&told["id"], &told["error"]["code"]),
            (&json!(7), &json!(-32603)),
            "{what}"
        );
    }
    fake.script("tools/call echo", [Turn::text("well")]);
    let request = call("echo", json!({"text": "x"}));
    let answered = gateway.client().send(request).await.unwrap();
    assert!(answered.text().unwrap().contains("well"));
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_of_a_server_are_told_as_each_era_understands_them() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let session = initialize(&gateway).await;
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "x"}}});
    // The server's status, and what clients see of it without a session and in one.
    for (status, modern, legacy) in [
        (404, 502, 404),
        (401, 502, 200),
        (403, 502, 200),
        (405, 502, 200),
        (413, 502, 200),
        (429, 502, 200),
        (500, 502, 200),
        (503, 502, 200),
    ] {
        fake.script("tools/call echo", [Turn::fault(Fault::Status(status))]);
        let request = call("echo", json!({"text": "x"}));
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(answered.status, modern, "{status}");
        assert!(!answered.text().unwrap().contains("the fake server"));
        let request = in_session(Some(&session), &message);
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(answered.status, legacy, "{status} in a session");
        assert!(!answered.text().unwrap().contains("the fake server"));
    }
    // What a server refuses in the protocol's words is for the client.
    for (status, code) in [
        (404, -32601),
        (400, -32602),
        (400, -32020),
        (400, -32021),
        (400, -32022),
        (500, -32603),
    ] {
        let error =
            json!({"jsonrpc": "2.0", "id": 7, "error": {"code": code, "message": "said so"}});
        fake.script("tools/call echo", [Turn::raw(Reply::json(status, &error))]);
        let request = call("echo", json!({"text": "x"}));
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(
            (answered.status.as_u16(), answered.json().unwrap()),
            (status, error)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateless_server_has_no_requests_and_a_stateless_client_no_answers() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let asked = r#"data: {"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[]}}"#;
    let answer = r#"data: {"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;
    fake.script("tools/call echo", [Turn::raw(stream(&[asked, answer]))]);
    let request = call("echo", json!({"text": "x"}));
    let answered = gateway.client().send(request).await.unwrap();
    let told = messages(&answered);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0]["result"].is_object());

    let before = fake.server().calls().len();
    for body in [
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}}),
    ] {
        let request = post(body.to_string()).header("mcp-protocol-version", MODERN);
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(answered.status, 400, "{body}");
    }
    assert_eq!(fake.server().calls().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_about_a_message_whose_headers_say_something_else() {
    let fake = FakeMcp::start().await.unwrap();
    let services = FakeGuardrails::start().await.unwrap();
    let resources = format!(
        "{CALLERS}{}---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {{name: g}}
spec: {{guardrails: [{{name: asked, custom: {{url: \"{}\"}}}}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {{name: rules}}
spec:
  rules:
    - id: tools
      when: {{target: {{conditions: {{mcpServers: {{values: [fake]}}}}}}}}
      mcp_tool_pre_invoke_guardrails: [g/asked]
",
        server("fake", &fake.url(), ""),
        services.url("asked")
    );
    let gateway = Setup::new(resources).start().await.unwrap();
    let wrong: [(&str, Value); 3] = [
        ("mcp-param-region", json!({"region": "us"})),
        ("mcp-param-other", json!({"region": "us"})),
        ("mcp-param-region", json!({})),
    ];
    for (header, arguments) in wrong {
        let request = call("regional", arguments).header(header, "eu");
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(answered.status, 400);
        assert_eq!(answered.json().unwrap()["error"]["code"], -32020);
    }
    assert_eq!(services.server().calls().len(), 0);
    assert_eq!(fake.server().calls().len(), 0);
    let request = call("regional", json!({"region": "us"})).header("mcp-param-region", "us");
    assert_eq!(gateway.client().send(request).await.unwrap().status, 200);
    assert_eq!(services.server().calls().len(), 1);
}
