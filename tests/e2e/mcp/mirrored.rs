//! Arguments that a tool's schema repeats in headers.

use std::time::Duration;

use parapet_tests::fake_mcp::FakeMcp;
use serde_json::{Value, json};

use super::support::{before, call, in_session, initialize, post, stateless};

fn tool(name: &str, properties: &Value) -> Value {
    json!({"name": name, "inputSchema": {"type": "object", "properties": properties}})
}

fn names(answered: &Value) -> Vec<&str> {
    let tools = answered["result"]["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_whose_annotations_no_header_can_follow_is_left_out_of_lists() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    fake.edit(|catalog| {
        catalog.tools = vec![
            tool("good", &json!({"region": {"type": "string", "x-mcp-header": "Region"}})),
            tool("spaced", &json!({"region": {"type": "string", "x-mcp-header": "My Region"}})),
            tool("float", &json!({"score": {"type": "number", "x-mcp-header": "Score"}})),
            tool("plain", &json!({"text": {"type": "string"}})),
            tool("deep", &json!({"list": {"type": "array", "items": {"type": "string", "x-mcp-header": "Item"}}})),
        ];
    });
    for _ in 0..2 {
        let list = stateless("tools/list", json!({}));
        let answered = gateway.client().send(list).await.unwrap();
        assert_eq!(names(&answered.json().unwrap()), ["good", "plain"]);
    }
    let session = initialize(&gateway).await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let answered = gateway
        .client()
        .send(in_session(Some(&session), &list))
        .await
        .unwrap();
    // Revisions with sessions know nothing of such headers: it is a member like any other there.
    assert_eq!(
        names(&answered.json().unwrap()),
        ["good", "spaced", "float", "plain", "deep"]
    );
    let said = gateway.said();
    for name in ["spaced", "float", "deep"] {
        let told = said
            .lines()
            .filter(|line| line.contains("left out of lists") && line.contains(name));
        assert_eq!(told.count(), 1, "{name}: {said}");
    }
    // Records are counted beside the traffic.
    let counted = async || {
        let (_, metrics) = gateway.admin_get("/metrics").await.unwrap();
        metrics.contains("parapet_mcp_tools_dropped_total{server=\"fake\"} 6")
    };
    for _ in 0..100 {
        if counted().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the tools were not counted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_has_to_repeat_the_argument_that_the_listed_schema_names() {
    let fake = FakeMcp::start().await.unwrap();
    let gateway = before(&fake).await;
    let send = async |request| {
        let answered = gateway.client().send(request).await.unwrap();
        (answered.status.as_u16(), answered.json().unwrap())
    };
    let arguments = || json!({"region": "us", "query": "eu"});
    let list = || stateless("tools/list", json!({}));
    let right = || call("regional", arguments()).header("mcp-param-region", "us");
    let wrong = || call("regional", arguments()).header("mcp-param-region", "eu");
    assert_eq!(send(right()).await.0, 200, "before anybody listed");

    send(list()).await;
    let before = fake.count("tools/call");
    let (status, told) = send(wrong()).await;
    assert_eq!((status, &told["error"]["code"]), (400, &json!(-32020)));
    send(list()).await;
    let (status, told) = send(call("regional", arguments())).await;
    assert_eq!((status, &told["error"]["code"]), (400, &json!(-32020)));
    assert_eq!(fake.count("tools/call"), before, "a wrong call was sent on");
    send(list()).await;
    assert_eq!(send(right()).await.0, 200);
    let encoded = call("regional", json!({"region": "K\u{f6}ln"}))
        .header("mcp-param-region", "=?base64?S8O2bG4=?=");
    assert_eq!(send(encoded).await.0, 200);
    let null = call("regional", json!({"region": null, "query": "x"}));
    assert_eq!(send(null).await.0, 200);

    // The server changes its mind, and the client learns of it through another gateway: it is refused once here.
    fake.edit(|catalog| {
        catalog.tools = vec![tool(
            "regional",
            &json!({"query": {"type": "string", "x-mcp-header": "Region"}}),
        )];
    });
    assert_eq!(send(wrong()).await.0, 400);
    assert_eq!(send(wrong()).await.0, 200, "what is known here is old");
    // And a client that is wrong is told so by the server.
    let (status, told) = send(right()).await;
    assert_eq!((status, &told["error"]["code"]), (400, &json!(-32020)));
    let other = post(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string());
    assert_eq!(
        send(other).await.0,
        400,
        "a list that is refused changes nothing"
    );
}
