//! Clients that leave: without sessions that cancels the call, in a session it does not.

use std::net::SocketAddr;
use std::time::Duration;

use parapet_tests::fake_mcp::FakeMcp;
use parapet_tests::harness::Setup;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::support::{CALLERS, before, call, in_session, initialize, server};

/// What a server sees of whoever calls it.
#[derive(Debug, Eq, PartialEq)]
enum Seen {
    /// An event was sent, and the caller was still there.
    Read,
    /// The connection was closed.
    Left,
}

/// A server that answers every call with events without end.
async fn endless() -> (SocketAddr, UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (tell, seen) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 16 << 10];
            assert!(stream.read(&mut buffer).await.unwrap() > 0);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            while is_there(&mut stream).await {
                tell.send(Seen::Read).ok();
            }
            tell.send(Seen::Left).ok();
        }
    });
    (addr, seen)
}

async fn is_there(stream: &mut TcpStream) -> bool {
    if stream.write_all(b"9\r\n: event\n\n\r\n").await.is_err() {
        return false;
    }
    let mut byte = [0];
    let closed = tokio::time::timeout(Duration::from_millis(25), stream.read(&mut byte)).await;
    !matches!(closed, Ok(Ok(0) | Err(_)))
}

async fn sees(seen: &mut UnboundedReceiver<Seen>, wanted: &Seen) -> bool {
    for _ in 0..100 {
        match tokio::time::timeout(Duration::from_secs(20), seen.recv()).await {
            Ok(Some(seen)) if seen == *wanted => return true,
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return false,
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_ends_a_call_without_a_session_and_none_in_a_session() {
    let (addr, mut seen) = endless().await;
    let url = format!("http://{addr}/mcp");
    let gateway = Setup::new(format!("{CALLERS}{}", server("fake", &url, "")))
        .start()
        .await
        .unwrap();
    let stateless = call("echo", json!({"text": "x"}));
    let mut opened = gateway.client().open(stateless).await.unwrap();
    opened.next().await.unwrap().unwrap();
    drop(opened);
    assert!(sees(&mut seen, &Seen::Left).await, "the call goes on");

    let params = json!({"name": "echo", "arguments": {}});
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let mut opened = gateway
        .client()
        .open(in_session(None, &message))
        .await
        .unwrap();
    opened.next().await.unwrap().unwrap();
    drop(opened);
    let found = gateway.log().wait_for(Duration::from_secs(10), |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let record = &line["record"];
        let is_it = record["mcp"]["version"] == "2025-11-25" && record["end"] == "client_gone";
        is_it.then_some(())
    });
    found.await.unwrap();
    while seen.try_recv().is_ok() {}
    for _ in 0..20 {
        assert_eq!(seen.recv().await, Some(Seen::Read), "the call was cut");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_passed_on() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let session = initialize(&gateway).await;
    let cancelled =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let answered = gateway
        .client()
        .send(in_session(Some(&session), &cancelled))
        .await
        .unwrap();
    assert_eq!(answered.status, 202);
    assert_eq!(fake.of("notifications/cancelled")[0], cancelled);
}
