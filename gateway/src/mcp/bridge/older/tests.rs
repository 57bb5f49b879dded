use serde_json::{Value as Json, json};

use super::*;

fn message(json: &Json) -> Message {
    Message::parse(json.to_string()).unwrap()
}

fn read(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

fn call(meta: &Json) -> Message {
    message(
        &json!({"jsonrpc": "2.0", "id": "seven", "method": "tools/call", "params": {
            "_meta": meta, "name": "echo", "arguments": {"n": 1}, "unknown": true,
            "inputResponses": {"k": {}}, "requestState": "s", "task": {"ttl": 1},
        }}),
    )
}

#[test]
fn a_request_loses_what_only_stateless_servers_read() {
    let meta = json!({META_VERSION: MODERN, META_CLIENT: {"name": "a", "version": "1"}, META_CAPABILITIES: {},
        META_LEVEL: "info", "progressToken": "mine", "traceparent": "00-1"});
    assert_eq!(
        read(&request(&call(&meta), 9)),
        json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {
            "_meta": {"progressToken": 9, "traceparent": "00-1"}, "name": "echo", "arguments": {"n": 1},
            "unknown": true}})
    );
    let bare = message(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list",
        "params": {"_meta": {META_VERSION: MODERN, META_CAPABILITIES: {}}}}));
    assert_eq!(
        read(&request(&bare, 2)),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}})
    );
}

#[test]
fn answers_say_what_stateless_clients_need() {
    let cases = [
        (
            "tools/call",
            json!({"result": {"content": [], "x": 1}}),
            json!({"result": {"content": [], "x": 1, "resultType": "complete"}}),
            200,
        ),
        (
            "tools/list",
            json!({"result": {"tools": []}}),
            json!({"result": {"tools": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}}),
            200,
        ),
        (
            "resources/read",
            json!({"error": {"code": -32002, "message": "no", "data": {"uri": "a"}}}),
            json!({"error": {"code": -32602, "message": "no", "data": {"uri": "a"}}}),
            200,
        ),
        (
            "prompts/get",
            json!({"error": {"code": -32601, "message": "no"}}),
            json!({"error": {"code": -32601, "message": "no"}}),
            404,
        ),
        (
            "tools/call",
            json!({"error": {"code": -32602, "message": "no"}}),
            json!({"error": {"code": -32602, "message": "no"}}),
            200,
        ),
    ];
    for (method, mut said, mut expected, status) in cases {
        said["jsonrpc"] = "2.0".into();
        said["id"] = 3.into();
        expected["jsonrpc"] = "2.0".into();
        expected["id"] = "seven".into();
        let (got, text) = answer(method, "\"seven\"", &message(&said), StatusCode::OK);
        assert_eq!((got.as_u16(), read(&text)), (status, expected));
    }
}

#[test]
fn a_greeting_becomes_a_discovery() {
    let greeting = message(&json!({"jsonrpc": "2.0", "id": 0, "result": {
        "protocolVersion": "2025-06-18", "instructions": "Be kind.", "serverInfo": {"name": "s", "version": "1"},
        "capabilities": {"tools": {"listChanged": true}, "tasks": {}, "logging": {}}, "_meta": {"a": 1},
    }}));
    let agreed = agreed(&greeting).unwrap();
    assert_eq!((agreed.version, agreed.logs), ("2025-06-18", true));
    assert!(agreed.notices.tools && !agreed.notices.resources);
    assert_eq!(
        read(&discovered(&greeting, "5")),
        json!({"jsonrpc": "2.0", "id": 5, "result": {
            "resultType": "complete", "supportedVersions": [MODERN], "instructions": "Be kind.",
            "capabilities": {"tools": {"listChanged": true}, "logging": {}}, "ttlMs": 0, "cacheScope": "private",
            "_meta": {"a": 1, META_SERVER: {"name": "s", "version": "1"}},
        }})
    );
    let foreign = json!({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "1999-01-01"}});
    assert_eq!(super::agreed(&message(&foreign)), None);
}

#[test]
fn what_comes_before_the_answer() {
    let asking = call(&json!({"progressToken": "mine", META_LEVEL: "info"}));
    let silent = call(&json!({}));
    let told = |method: &str, params: Json| {
        message(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
    };
    let progress = told(
        "notifications/progress",
        json!({"progressToken": 4, "progress": 1}),
    );
    let log = told("notifications/message", json!({"level": "info", "data": 1}));
    let Aside::Send(text) = aside(&progress, &asking, 4) else {
        panic!("progress is relayed")
    };
    assert_eq!(read(&text)["params"]["progressToken"], "mine");
    assert!(matches!(aside(&progress, &asking, 5), Aside::Drop));
    assert!(matches!(aside(&progress, &silent, 4), Aside::Drop));
    assert!(matches!(aside(&log, &asking, 4), Aside::Send(_)));
    assert!(matches!(aside(&log, &silent, 4), Aside::Drop));
    let changed = told("notifications/tools/list_changed", json!({}));
    assert!(matches!(aside(&changed, &asking, 4), Aside::Drop));
}

#[test]
fn questions_are_refused_on_both_sides() {
    let question = |method: &str| {
        message(&json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": {}}))
    };
    assert!(matches!(
        aside(&question("ping"), &call(&json!({})), 1),
        Aside::Ping
    ));
    assert_eq!(read(&reply(&question("ping")))["result"], json!({}));
    let rows = [
        ("sampling/createMessage", json!({}), -32021, 400),
        (
            "sampling/createMessage",
            json!({"sampling": {}}),
            -32603,
            200,
        ),
        ("elicitation/create", json!({"sampling": {}}), -32021, 400),
        ("roots/list", json!({}), -32021, 400),
        ("somebody/else", json!({}), -32603, 200),
    ];
    for (method, capabilities, code, status) in rows {
        let question = question(method);
        let asked = call(&json!({META_CAPABILITIES: capabilities}));
        assert!(matches!(aside(&question, &asked, 1), Aside::Question));
        let error = unreachable(method, &asked);
        assert_eq!(
            (error.code, error.status.as_u16()),
            (code, status),
            "{method}"
        );
        assert_eq!(error.data.is_some(), code == -32021, "{method}");
        assert_eq!(read(&reply(&question))["error"]["code"], -32601);
    }
}

#[test]
fn who_the_client_is() {
    let named = json!({META_CLIENT: {"name": "a", "version": "1", "x": 1}});
    assert_eq!(
        client_info(&call(&named)),
        r#"{"name":"a","version":"1","x":1}"#
    );
    assert_eq!(
        read(&client_info(&call(&json!({META_CLIENT: {"name": "a"}}))))["name"],
        "parapet"
    );
    let greeting = read(&initialize(r#"{"name":"a","version":"1"}"#));
    assert_eq!(greeting["params"]["capabilities"], json!({}));
    for (method, expected) in [("tools/call", true), ("ping", false), ("tasks/get", false)] {
        assert_eq!(has(method), expected, "{method}");
    }
}
