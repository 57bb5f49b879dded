use parapet_policy::hook::Hook;
use parapet_policy::outcome::{FailureClass, Outcome};

use super::*;
use crate::pipeline::block::Blocker;
use Direction::{ToClient, ToServer};

fn blocked(outcome: Outcome) -> Blocked {
    Blocked {
        hook: Hook::McpToolPostInvoke,
        by: vec![Blocker {
            selector: "g/secrets".into(),
            outcome,
            categories: vec!["aws_access_key".into()],
            custom_error_message: None,
        }],
    }
}

fn violation() -> Blocked {
    let explanation = "aws_access_key in result.content[0].text".into();
    blocked(Outcome::Violation { explanation })
}

fn message(direction: Direction, kind: Kind, method: &str) -> BlockedMessage<'_> {
    BlockedMessage {
        direction,
        kind,
        method,
        id: "\"a\"",
        task: Some("task-1"),
        state: None,
        modern: false,
        reference: "r-1",
    }
}

/// Who gets what: `sender` or `receiver`, and `result`, `task`, `decline` or `error`.
fn shape(instead: &Instead) -> String {
    let (who, text) = match instead {
        Instead::Nothing => return "nothing".to_owned(),
        Instead::ToSender(text) => ("sender", text),
        Instead::ToReceiver(text) => ("receiver", text),
    };
    let message: Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        (&message["jsonrpc"], &message["id"]),
        (&json!("2.0"), &json!("a"))
    );
    let what = match (&message["result"], &message["error"]["code"]) {
        (result, Value::Null) if result["isError"] == true => "result",
        (result, Value::Null) if result["result"]["isError"] == true => "task",
        (result, Value::Null) if result["action"] == "decline" => "decline",
        (Value::Null, code) if code.as_u64().is_some() => "error",
        other => panic!("{other:?}"),
    };
    format!("{who} {what}")
}

#[test]
fn every_message_has_its_answer() {
    use Kind::{Notification, Request, Response};
    for (direction, kind, method, expected) in [
        (ToServer, Request, "tools/call", "sender result"),
        (ToServer, Request, "tasks/result", "sender result"),
        (ToServer, Request, "tasks/get", "sender error"),
        (ToServer, Request, "tasks/update", "sender error"),
        (ToServer, Request, "prompts/get", "sender error"),
        (ToServer, Request, "resources/read", "sender error"),
        (ToServer, Request, "completion/complete", "sender error"),
        (ToServer, Request, "tools/list", "sender error"),
        (ToServer, Request, "initialize", "sender error"),
        (ToServer, Notification, "notifications/cancelled", "nothing"),
        (ToServer, Response, "elicitation/create", "receiver decline"),
        (
            ToServer,
            Response,
            "sampling/createMessage",
            "receiver error",
        ),
        (ToServer, Response, "roots/list", "receiver error"),
        (ToClient, Response, "tools/call", "receiver result"),
        (ToClient, Response, "tasks/result", "receiver result"),
        (ToClient, Response, "tasks/get", "receiver task"),
        (ToClient, Response, "prompts/get", "receiver error"),
        (ToClient, Response, "resources/read", "receiver error"),
        (ToClient, Response, "completion/complete", "receiver error"),
        (ToClient, Response, "tools/list", "receiver error"),
        (ToClient, Notification, "notifications/progress", "nothing"),
        (ToClient, Request, "elicitation/create", "sender decline"),
        (ToClient, Request, "sampling/createMessage", "sender error"),
        (ToClient, Request, "roots/list", "sender error"),
    ] {
        let got = shape(&instead(&message(direction, kind, method), &violation()));
        assert_eq!(got, expected, "{direction:?} {kind:?} {method}");
    }
}

fn result(modern: bool, blocked: &Blocked) -> Value {
    let message = BlockedMessage {
        modern,
        ..message(ToClient, Kind::Response, "tools/call")
    };
    match instead(&message, blocked) {
        Instead::ToReceiver(text) => serde_json::from_str::<Value>(&text).unwrap()["result"].take(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_block_names_guardrail_and_category() {
    let text = "MCP tool post-invoke Guardrail checks failed for integrations: [g/secrets] - Details: \
                aws_access_key in result.content[0].text This is a decision of policy. Do not retry the same \
                request. Reference: r-1";
    assert_eq!(
        result(false, &violation()),
        json!({
            "content": [{"type": "text", "text": text}],
            "isError": true,
            "_meta": {"parapet.dev/guardrail": {
                "decision": "block",
                "hook": "mcp_tool_post_invoke",
                "guardrails": ["g/secrets"],
                "categories": ["aws_access_key"],
                "reference": "r-1",
            }},
        })
    );
}

#[test]
fn only_modern_results_say_that_they_are_complete() {
    assert_eq!(result(true, &violation())["resultType"], "complete");
    assert_eq!(result(false, &violation()).get("resultType"), None);
}

#[test]
fn a_guardrail_that_is_down_reads_differently() {
    let down = result(true, &blocked(Outcome::Failed(FailureClass::Timeout)));
    let text = down["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("temporarily unavailable"), "{text}");
    assert!(!text.contains("Do not retry"), "{text}");
    let message = message(ToClient, Kind::Response, "prompts/get");
    for (outcome, code, kind) in [
        (violation(), 400, "guardrail_checks_failed"),
        (
            blocked(Outcome::Failed(FailureClass::Timeout)),
            503,
            "guardrail_unavailable",
        ),
    ] {
        let Instead::ToReceiver(text) = instead(&message, &outcome) else {
            panic!("an answer")
        };
        let error: Value = serde_json::from_str::<Value>(&text).unwrap()["error"].take();
        assert_eq!(
            (&error["code"], &error["data"]["type"]),
            (&json!(code), &json!(kind))
        );
    }
}

#[test]
fn a_blocked_account_of_a_task_keeps_the_tasks_own_state() {
    let read = |result: &Value| {
        let text = std::sync::Arc::new(result.to_string());
        let parsed = crate::mcp::surfaces::Parsed::read(text, 1 << 16).unwrap();
        TaskState::read(parsed.root())
    };
    // What the server said, whether that is the stateless revision, and what the client reads: status, and what beside it.
    let rows = [
        (
            json!({"status": "completed", "result": {}}),
            true,
            "completed",
            "result",
        ),
        (
            json!({"status": "completed"}),
            false,
            "completed",
            "nothing",
        ),
        (
            json!({"status": "working", "statusMessage": "x"}),
            true,
            "working",
            "nothing",
        ),
        (
            json!({"status": "working", "statusMessage": "x"}),
            false,
            "working",
            "nothing",
        ),
        (json!({"status": "cancelled"}), true, "cancelled", "nothing"),
        (
            json!({"status": "failed", "error": {}}),
            true,
            "failed",
            "error",
        ),
        (
            json!({"status": "failed", "statusMessage": "x"}),
            false,
            "failed",
            "message",
        ),
        // Nobody will answer what the client is not shown.
        (
            json!({"status": "input_required", "inputRequests": {}}),
            true,
            "completed",
            "result",
        ),
        // In a session the question comes by itself, and is judged by itself.
        (
            json!({"status": "input_required"}),
            false,
            "input_required",
            "nothing",
        ),
        (
            json!({"status": "unheard-of"}),
            false,
            "completed",
            "result",
        ),
    ];
    for (said, modern, status, beside) in rows {
        let state = read(&said);
        let message = BlockedMessage {
            modern,
            state: state.as_ref(),
            ..message(ToClient, Kind::Response, "tasks/get")
        };
        let Instead::ToReceiver(text) = instead(&message, &violation()) else {
            panic!("an answer")
        };
        let told = serde_json::from_str::<Value>(&text).unwrap()["result"].take();
        assert_eq!(told["taskId"], "task-1", "{said}");
        assert_eq!(told["status"], status, "{said}");
        assert_eq!(told.get("resultType").is_some(), modern, "{said}");
        let found = match (
            &told["result"]["isError"],
            &told["error"]["code"],
            &told["statusMessage"],
        ) {
            (Value::Bool(true), Value::Null, Value::Null) => "result",
            (Value::Null, Value::Number(_), Value::Null) => "error",
            (Value::Null, Value::Null, Value::String(_)) => "message",
            (Value::Null, Value::Null, Value::Null) => "nothing",
            other => panic!("{other:?}"),
        };
        assert_eq!(found, beside, "{said}");
    }
}
