//! Text that tries to get past both hooks: in other encodings and spellings, in places beside a message, behind escapes.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use parapet_tests::fake::Reply;
use parapet_tests::fake_mcp::{FakeMcp, MODERN, Turn};
use parapet_tests::http_client::Outgoing;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::guarded::{guarded, is_blocked};
use super::support::{bodiless, call, in_session, initialize, messages, post};

/// A call of `echo` in the stateless revision with this body, whose `META` is what every message needs.
fn raw(body: &str) -> Outgoing {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    raw_bytes(Bytes::from(body.replace("META", meta)))
}

fn raw_bytes(body: Bytes) -> Outgoing {
    post(body)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "echo")
}

fn with(mut request: Outgoing, name: &str, value: &str) -> Outgoing {
    request.headers.retain(|(own, _)| own != name);
    request.header(name, value)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_call_gets_past_the_hook_before_it() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let plain = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{META,"name":"echo","arguments":{"text":"BAD-7f3a"}}}"#;
    let escaped = r#"{"jsonrpc":"2.0","id":7,"\u006dethod":"tools\u002fcall","par\u0061ms":{META,"name":"\u0065cho","arguments":{"text":"BA\u0044-7f3a"}}}"#;
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let twice = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{META,"name":"echo","arguments":{"text":"{\"a\":1,\"a\":\"BA\\u0044-7f3a\"}"}}}"#;
    let lines = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{META,"name":"echo","arguments":{"text":"{}\n{\"a\":\"\\u0042AD-7f3a\"}"}}}"#;
    // The status, and the code where it is an error of the protocol: what is blocked has a result.
    let rows: Vec<(&str, Outgoing, u16, i64)> = vec![
        ("plain", raw(plain), 200, 0),
        ("escapes", raw(escaped), 200, 0),
        ("a key twice in a string", raw(twice), 200, 0),
        ("two values in a string", raw(lines), 200, 0),
        (
            "another charset by name",
            with(
                raw(plain),
                "content-type",
                "application/json; charset=utf-16",
            ),
            200,
            0,
        ),
        ("UTF-16", raw_bytes(utf16.into()), 400, -32700),
        (
            "a byte order mark",
            raw(&format!("\u{feff}{plain}")),
            400,
            -32700,
        ),
        (
            "no UTF-8",
            raw_bytes(Bytes::from_static(b"{\"jsonrpc\":\"2.0\xff\"}")),
            400,
            -32600,
        ),
        (
            "gzip",
            raw(plain).header("content-encoding", "gzip"),
            415,
            -32600,
        ),
        (
            "br",
            raw(plain).header("content-encoding", "br"),
            415,
            -32600,
        ),
        (
            "deflate",
            raw(plain).header("content-encoding", "deflate"),
            415,
            -32600,
        ),
        (
            "a member in another case",
            raw(&plain.replace("\"name\":", "\"name\":\"echo\",\"Name\":")),
            400,
            -32600,
        ),
        (
            "a member that only some readers know",
            raw(&plain.replace("\"params\":", "\"param\u{17f}\":")),
            400,
            -32600,
        ),
        (
            "a name that is a list",
            raw(&plain.replace("\"echo\"", "[\"echo\"]")),
            400,
            -32602,
        ),
        (
            "no name",
            raw(&plain.replace("\"name\":\"echo\",", "")),
            400,
            -32602,
        ),
        (
            "two headers",
            raw(plain).header("mcp-name", "echo"),
            400,
            -32020,
        ),
        (
            "an id",
            raw(&plain
                .replace("BAD", "good")
                .replace(":7,", ":\"BAD-7f3a\",")),
            200,
            0,
        ),
    ];
    for (what, request, status, code) in rows {
        fake.reset();
        let answered = gateway.client().send(request).await.unwrap();
        assert_eq!(answered.status, status, "{what}: {:?}", answered.text());
        let said = answered.json().unwrap();
        match code {
            0 => assert!(is_blocked(&said), "{what}: {said}"),
            code => assert_eq!(said["error"]["code"], code, "{what}: {said}"),
        }
        assert_eq!(fake.server().calls().len(), 0, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_of_a_session_gets_past_it_either() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let session = initialize(&gateway).await;
    let echo = json!({"name": "echo", "arguments": {"text": "BAD-7f3a"}});
    let rows = [
        // A call that wants no answer, methods that nobody knows, and an answer to what nobody has asked.
        json!({"jsonrpc": "2.0", "method": "tools/call", "params": echo}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call ", "params": echo}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "say/BAD-7f3a"}),
        json!({"jsonrpc": "2.0", "method": "notifications/BAD-7f3a"}),
        json!({"jsonrpc": "2.0", "id": "BAD-7f3a", "method": "ping"}),
        json!({"jsonrpc": "2.0", "id": "q", "result": {"roots": [{"uri": "file:///BAD-7f3a"}]}}),
        json!({"jsonrpc": "2.0", "id": "BAD-7f3a", "result": {}}),
        json!({"jsonrpc": "2.0", "id": "q", "error": {"code": 1, "message": "x", "data": ["BAD-7f3a"]}}),
    ];
    for message in rows {
        fake.server().take_calls();
        let request = in_session(Some(&session), &message);
        gateway.client().send(request).await.unwrap();
        for call in fake.server().calls() {
            let sent = String::from_utf8_lossy(&call.body).into_owned();
            assert!(!sent.contains("BAD-7f3a"), "{message}: {sent}");
        }
        assert_eq!(fake.count("tools/call"), 0, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_body_goes_nowhere() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let body = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"name":"echo","arguments":{"text":"x"}}}"#;
    let request = format!(
        "POST /mcp/fake HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ada-token\r\ncontent-type: application/json\r\n\
         mcp-protocol-version: {MODERN}\r\nMCP-METHOD: tools/call\r\nmCp-nAmE: echo\r\ntransfer-encoding: chunked\r\n\
         trailer: mcp-param-x\r\nconnection: close\r\n\r\n{:x}\r\n{body}\r\n0\r\nmcp-param-x: BAD-7f3a\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(gateway.traffic()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let calls = fake.server().calls();
    assert_eq!(calls.len(), 1);
    let has_mark =
        |value: &http::HeaderValue| value.as_bytes().windows(8).any(|part| part == b"BAD-7f3a");
    assert!(!calls[0].headers.values().any(has_mark));
}

fn stream(text: &str) -> Reply {
    Reply::event_stream([Bytes::from(text.to_owned())])
}

fn packed(encoding: &str, body: &str) -> Reply {
    let bytes = body.as_bytes();
    let packed = match encoding {
        "gzip" => {
            let mut out = GzEncoder::new(Vec::new(), Compression::default());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        "deflate" => {
            let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        "raw" => {
            let mut out = DeflateEncoder::new(Vec::new(), Compression::default());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        _ => bytes.to_vec(),
    };
    let name = if encoding == "raw" {
        "deflate"
    } else {
        encoding
    };
    Reply::new(200, "application/json", packed).header("content-encoding", name)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_framing_of_an_answer_gets_past_the_hook_after_it() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let result = |text: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"result":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    };
    let (bad, good) = (result("BAD-7f3a"), result("fine"));
    let pretty = "data: {\"jsonrpc\":\"2.0\",\ndata:  \"id\":7,\"result\":{\"content\":[{\"type\":\"text\",\ndata: \"text\":\"BAD-7f3a\"}]}}\n\n";
    let notified = |method: &str| {
        format!("data: {{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"}}\n\ndata: {good}\n\n")
    };
    let rows: Vec<(&str, Reply)> = vec![
        (
            "carriage returns",
            stream(&format!("event: message\rdata: {bad}\r\r")),
        ),
        ("both", stream(&format!("data: {bad}\r\n\r\n"))),
        ("several lines", stream(pretty)),
        ("no end", stream(&format!("data: {bad}"))),
        (
            "a byte order mark",
            stream(&format!("\u{feff}data: {bad}\n\n")),
        ),
        (
            "a comment",
            stream(&format!(": BAD-7f3a\n\ndata: {good}\n\n")),
        ),
        (
            "a comment in an event",
            stream(&format!(":BAD-7f3a\ndata: {good}\n:BAD-7f3a\n\n")),
        ),
        ("an id", stream(&format!("id: BAD-7f3a\ndata: {good}\n\n"))),
        (
            "an id alone",
            stream(&format!("id: BAD-7f3a\ndata: \n\ndata: {good}\n\n")),
        ),
        (
            "a time to wait",
            stream(&format!("retry: BAD-7f3a\ndata: {good}\n\n")),
        ),
        (
            "a kind that is taken back",
            stream(&format!(
                "event: BAD-7f3a\nevent: message\ndata: {good}\n\n"
            )),
        ),
        (
            "a field of its own",
            stream(&format!("BAD-7f3a: x\ndata: {good}\n\n")),
        ),
        (
            "a notice that nobody knows",
            stream(&notified("notifications/BAD-7f3a")),
        ),
        ("gzip", packed("gzip", &bad)),
        ("deflate", packed("deflate", &bad)),
        ("deflate without a head", packed("raw", &bad)),
        (
            "what is no gzip",
            Reply::new(200, "application/json", bad.clone()).header("content-encoding", "gzip"),
        ),
        ("br", packed("br", &bad)),
        (
            "gzip twice",
            packed("gzip", &bad).header("content-encoding", "gzip"),
        ),
        (
            "another charset by name",
            Reply::new(200, "application/json; charset=utf-16", bad.clone()),
        ),
        (
            "a byte order mark before JSON",
            Reply::new(200, "application/json", format!("\u{feff}{bad}")),
        ),
        (
            "members in another case",
            Reply::new(200, "application/json", bad.replace("content", "Content")),
        ),
        (
            "a hidden letter",
            Reply::new(
                200,
                "application/json",
                result(r#"{\"a\":0,\"a\":\"\\u0042AD-7f3a\"}"#),
            ),
        ),
        (
            "an id of the server's own",
            Reply::new(
                400,
                "application/json",
                r#"{"jsonrpc":"2.0","id":"BAD-7f3a","error":{"code":1,"message":"x"}}"#,
            ),
        ),
        (
            "a header",
            Reply::new(200, "application/json", good.clone())
                .header("x-said", "BAD-7f3a")
                .header("mcp-session-id", "BAD-7f3a"),
        ),
    ];
    for (what, reply) in rows {
        fake.script("tools/call echo", [Turn::raw(reply)]);
        let answered = gateway
            .client()
            .send(call("echo", json!({"text": "x"})))
            .await
            .unwrap();
        let text = answered.text().unwrap();
        assert!(!text.contains("7f3a"), "{what}: {text}");
        let has_mark =
            |value: &http::HeaderValue| value.as_bytes().windows(4).any(|part| part == b"7f3a");
        assert!(!answered.headers.values().any(has_mark), "{what}");
        let last = messages(&answered).pop().unwrap();
        assert_eq!(last["id"], 7, "{what}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_servers_request_is_judged_with_its_id_and_its_method() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let session = initialize(&gateway).await;
    let answer = r#"data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
    for asked in [
        r#"{"jsonrpc":"2.0","id":"BAD-7f3a","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"BAD-7f3a/ask"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"progressToken":"BAD-7f3a"}}}"#,
    ] {
        let events = format!("data: {asked}\n\n{answer}\n\n");
        fake.script("tools/call echo", [Turn::raw(stream(&events))]);
        let params = json!({"name": "echo", "arguments": {"text": "x"}});
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let answered = gateway
            .client()
            .send(in_session(Some(&session), &message))
            .await
            .unwrap();
        let told: Vec<Value> = messages(&answered);
        assert_eq!(told.len(), 1, "{asked}: {told:?}");
        assert!(!answered.text().unwrap().contains("7f3a"), "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_on_a_stream_that_is_gone_on_with_is_judged_too() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = guarded(&fake).await;
    let session = initialize(&gateway).await;
    let params = json!({"name": "echo", "arguments": {"text": "x"}});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    fake.script(
        "tools/call echo",
        [Turn::raw(stream("id: up-1\ndata: \n\n"))],
    );
    let request = in_session(Some(&session), &message);
    let broken = gateway.client().send(request).await.unwrap();
    let text = broken.text().unwrap();
    let id = text.lines().find_map(|line| line.strip_prefix("id: "));
    let id = id.expect(text).to_owned();
    for (said, is_stopped) in [("BAD-7f3a", true), ("a MARK-7f3a", false)] {
        let request = bodiless(http::Method::GET, &session).header("last-event-id", &id);
        let mut opened = gateway.client().open(request).await.unwrap();
        assert_eq!(opened.status, 200);
        opened.next().await.unwrap().unwrap();
        let result = json!({"content": [{"type": "text", "text": said}]});
        fake.push_raw(&json!({"jsonrpc": "2.0", "id": 1, "result": result}));
        let got = opened.next().await.unwrap().unwrap();
        let got = String::from_utf8_lossy(&got).into_owned();
        assert!(!got.contains("7f3a"), "{got}");
        let data = got.lines().find_map(|line| line.strip_prefix("data: "));
        let told: Value = serde_json::from_str(data.expect(&got)).unwrap();
        assert_eq!(is_blocked(&told), is_stopped, "{told}");
        fake.hang_up();
    }
}
