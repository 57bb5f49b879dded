use serde_json::{Value as Json, json};

use super::*;

fn message(json: &Json) -> Message {
    Message::parse(json.to_string()).unwrap()
}

fn read(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

fn initialize() -> Message {
    message(
        &json!({"jsonrpc": "2.0", "id": "i", "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "clientInfo": {"name": "c", "version": "2"},
            "capabilities": {"elicitation": {}, "experimental": {"x": {}}}}}),
    )
}

fn session() -> Session {
    Session::begin(&initialize()).unwrap()
}

fn call() -> Message {
    message(
        &json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
            "name": "echo", "arguments": {"n": 1.5}, "_meta": {"progressToken": 1, META_LEVEL: "mine"},
            "task": {"ttl": 1}, "requestState": "forged"}}),
    )
}

fn answer(result: &Json) -> Message {
    message(&json!({"jsonrpc": "2.0", "id": 9, "result": result}))
}

#[test]
fn a_request_says_what_stateless_servers_need() {
    let session = session();
    for (level, can_be_asked) in [(Some("debug"), true), (None, false)] {
        let told = Told {
            session: &session,
            level,
            can_be_asked,
        };
        let request = Request::of(&call(), told);
        let mut meta = json!({"progressToken": 1, META_VERSION: MODERN,
            META_CLIENT: {"name": "c", "version": "2"}, META_CAPABILITIES: {}});
        if can_be_asked {
            meta[META_CAPABILITIES] = json!({"elicitation": {}});
        }
        if let Some(level) = level {
            meta[META_LEVEL] = level.into();
        }
        let mut expected = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
            "params": {"name": "echo", "arguments": {"n": 1.5}, "_meta": meta}});
        assert_eq!(read(&request.text()), expected);
        let mut answers = Members::default();
        answers.put("k", r#"{"action": "accept"}"#);
        let again = request.again("\"n-1\"", &answers, Some("\"\\u0061 state\""));
        assert!(
            again.contains(r#""requestState":"\u0061 state""#),
            "{again}"
        );
        expected["id"] = "n-1".into();
        expected["params"]["inputResponses"] = json!({"k": {"action": "accept"}});
        expected["params"]["requestState"] = "a state".into();
        assert_eq!(read(&again), expected);
        let again = read(&request.again("1", &Members::default(), None));
        assert!(again["params"].get("requestState").is_none());
    }
}

#[test]
fn a_discovery_becomes_a_greeting() {
    let discovered = answer(&json!({
        "resultType": "complete", "supportedVersions": [MODERN], "ttlMs": 5, "cacheScope": "public",
        "capabilities": {"tools": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}},
        "instructions": "Be kind.", "_meta": {META_SERVER: {"name": "s", "version": "1"}},
    }));
    assert!(is_discovery(discovered.text()) && has_no_sessions(&discovered));
    let both = answer(&json!({"supportedVersions": [MODERN, "2025-11-25"]}));
    assert!(is_discovery(both.text()) && !has_no_sessions(&both));
    assert_eq!(
        read(&greeting(&initialize(), &discovered).unwrap()),
        json!({"jsonrpc": "2.0", "id": "i", "result": {
            "protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "instructions": "Be kind.",
            "serverInfo": {"name": "s", "version": "1"}}})
    );
    for other in [json!({}), json!({"supportedVersions": ["2025-11-25"]})] {
        assert_eq!(greeting(&initialize(), &answer(&other)), None);
        assert!(!is_discovery(answer(&other).text()));
        assert!(!has_no_sessions(&answer(&other)));
    }
}

#[test]
fn answers_read_as_in_a_session() {
    let rows = [
        (
            "tools/call",
            json!({"resultType": "complete", "content": [], "structuredContent": {"a": 1}, "x": 1}),
            json!({"content": [], "structuredContent": {"a": 1}, "x": 1}),
        ),
        (
            "tools/call",
            json!({"content": [], "structuredContent": [1, 2]}),
            json!({"content": [{"type": "text", "text": "[1,2]"}]}),
        ),
        (
            "tools/call",
            json!({"content": [{"type": "text", "text": "1"}], "structuredContent": 1}),
            json!({"content": [{"type": "text", "text": "1"}]}),
        ),
        (
            "tools/list",
            json!({"resultType": "complete", "ttlMs": 1, "cacheScope": "public", "tools": [
                {"name": "a", "outputSchema": {"type": "object"}, "x": 1},
                {"name": "b", "outputSchema": {"type": "array"}},
                {"name": "c", "inputSchema": {"properties": {"p": {"type": "number", "x-mcp-header": "P"}}}},
            ]}),
            json!({"tools": [{"name": "a", "outputSchema": {"type": "object"}, "x": 1}, {"name": "b"}]}),
        ),
    ];
    for (method, result, expected) in rows {
        let Outcome::Complete(text) = outcome(method, "7", &answer(&result)) else {
            panic!("{result} is an answer")
        };
        assert_eq!(
            read(&text),
            json!({"jsonrpc": "2.0", "id": 7, "result": expected})
        );
    }
    let error =
        message(&json!({"jsonrpc": "2.0", "id": 9, "error": {"code": -32602, "message": "x"}}));
    let Outcome::Complete(text) = outcome("tools/call", "7", &error) else {
        panic!("an error is an answer")
    };
    assert_eq!(read(&text)["error"]["code"], -32602);
    for strange in [
        json!({"resultType": "task", "taskId": "t"}),
        json!({"resultType": 7}),
        json!({"resultType": "input_required"}),
        json!({"resultType": "input_required", "inputRequests": {"k": {"params": {}}}}),
        json!("text"),
    ] {
        let outcome = outcome("tools/call", "7", &answer(&strange));
        assert!(matches!(outcome, Outcome::Strange), "{strange}");
    }
}

#[test]
fn questions_become_requests_and_their_answers_go_back() {
    let needs = answer(
        &json!({"resultType": "input_required", "requestState": "s", "inputRequests": {
            "form": {"method": "elicitation/create", "params": {"message": "m", "requestedSchema": {}}},
            "page": {"method": "elicitation/create", "params": {"mode": "url", "message": "m", "url": "https://a"}},
            "model": {"method": "sampling/createMessage", "params": {}},
        }}),
    );
    let Outcome::Needs(needs) = outcome("tools/call", "7", &needs) else {
        panic!("the server asks")
    };
    assert_eq!(needs.state.as_deref(), Some("\"s\""));
    let [form, page, model] = needs.questions.as_slice() else {
        panic!("there are three questions")
    };
    let session = session();
    assert!(form.is_declared(&session) && !model.is_declared(&session));
    assert_eq!(
        read(&form.request("q-1")),
        json!({"jsonrpc": "2.0", "id": "q-1", "method": "elicitation/create",
            "params": {"message": "m", "requestedSchema": {}}})
    );
    assert_eq!(read(&page.request("q-2"))["params"]["elicitationId"], "q-2");
    let mut answers = Members::default();
    let accepted = json!({"action": "accept", "content": {"a": 1}});
    assert!(form.answered(&answer(&accepted), &mut answers));
    let refused =
        message(&json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no"}}));
    assert!(page.answered(&refused, &mut answers));
    assert!(!model.answered(&refused, &mut answers));
    assert_eq!(
        read(&answers.json()),
        json!({"form": accepted, "page": {"action": "cancel"}})
    );
}

#[test]
fn notices_belong_to_no_subscription() {
    let notice = |method: &str, params: Json| {
        super::notice(&message(
            &json!({"jsonrpc": "2.0", "method": method, "params": params}),
        ))
    };
    let said = notice(
        "notifications/tools/list_changed",
        json!({"_meta": {META_SUBSCRIPTION: 1}}),
    );
    assert_eq!(read(&said.unwrap())["params"], json!({}));
    let said = notice(
        "notifications/resources/updated",
        json!({"uri": "a", "_meta": {META_SUBSCRIPTION: 1, "x": 2}}),
    );
    assert_eq!(
        read(&said.unwrap())["params"],
        json!({"uri": "a", "_meta": {"x": 2}})
    );
    assert_eq!(
        notice("notifications/subscriptions/acknowledged", json!({})),
        None
    );
}
