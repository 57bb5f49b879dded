//! The revisions with sessions, from the server's side.

use serde_json::{Value, json};

use super::LEGACY;
use super::modern::refuse;
use super::state::{Inner, Listener, Waiting};
use super::turn;
use crate::fake::{Call, Line, Reply, Step};

/// The revisions that are spoken, the newest first.
const REVISIONS: [&str; 3] = [LEGACY, "2025-06-18", "2025-03-26"];

fn empty(status: u16) -> Reply {
    Reply {
        headers: Vec::new(),
        steps: Vec::new(),
        ..Reply::new(status, "text/plain", "")
    }
}

/// Whether the call belongs to a session that is known.
fn session(inner: &Inner, call: &Call, id: &Value) -> Result<(), Box<Reply>> {
    if !inner.manner.sessions {
        return Ok(());
    }
    match call.header("mcp-session-id") {
        None => Err(Box::new(refuse(
            400,
            id,
            -32000,
            "Bad Request: Mcp-Session-Id header is required",
        ))),
        Some(session) if inner.sessions.contains(session) => Ok(()),
        Some(_) => Err(Box::new(refuse(404, id, -32001, "Session not found"))),
    }
}

/// Opens the stream of a session, or ends the session.
pub(super) fn get_or_delete(inner: &mut Inner, call: &Call) -> Reply {
    if let Err(reply) = session(inner, call, &Value::Null) {
        return *reply;
    }
    if call.method == "DELETE" {
        inner
            .sessions
            .remove(call.header("mcp-session-id").unwrap_or_default());
        return empty(204);
    }
    let (line, live) = Line::new();
    inner.listeners.push(Listener {
        line,
        subscription: None,
    });
    // Something to write, so that the head of the answer goes out at once.
    turn::stream(vec![Step::Send(": open\n\n".into()), Step::Live(live)])
}

/// Answers one POST.
pub(super) fn answer(inner: &mut Inner, call: &Call, message: &Value) -> Reply {
    let id = &message["id"];
    let Some(method) = message["method"].as_str() else {
        return session(inner, call, id).map_or_else(|reply| *reply, |()| told(inner, message));
    };
    if method == "initialize" {
        return initialize(inner, message);
    }
    if let Err(reply) = session(inner, call, id) {
        return *reply;
    }
    if let Some(revision) = call.header("mcp-protocol-version")
        && !REVISIONS.contains(&revision)
    {
        return refuse(400, id, -32000, "Bad Request: Unsupported protocol version");
    }
    if id.is_null() {
        return empty(202);
    }
    let turn = inner.turn(message).unwrap_or_default();
    if let Some(raw) = turn.raw {
        return raw;
    }
    if let Some(ask) = &turn.ask {
        let number = format!("question-{}", inner.number());
        let mut question = ask.clone();
        question["jsonrpc"] = "2.0".into();
        question["id"] = number.as_str().into();
        let mut steps = turn::before(&turn, message);
        let (line, live) = Line::new();
        steps.extend([Step::Send(turn::event(&question)), Step::Live(live)]);
        let after = turn::thinking(&turn);
        let call = message.clone();
        inner.waiting.insert(number, Waiting { line, call, turn });
        return turn::stream(steps).after(after);
    }
    let body = match (&turn.error, &turn.result) {
        (Some(error), _) => json!({"error": error}),
        (None, Some(result)) => json!({"result": result}),
        (None, None) => {
            let said = inner
                .catalog
                .answer(method, &message["params"], inner.manner.page);
            match said {
                None => json!({"error": {"code": -32601, "message": "Method not found"}}),
                Some(Ok(result)) => json!({"result": result}),
                Some(Err((code, text))) => json!({"error": {"code": code, "message": text}}),
            }
        }
    };
    turn::framed(&turn, message, body, inner.manner.events)
}

fn initialize(inner: &mut Inner, message: &Value) -> Reply {
    let asked = message["params"]["protocolVersion"].as_str();
    let revision = asked
        .filter(|asked| REVISIONS.contains(asked))
        .unwrap_or(LEGACY);
    let catalog = &inner.catalog;
    let mut result = json!({
        "protocolVersion": revision, "capabilities": catalog.capabilities, "serverInfo": catalog.server_info,
    });
    if let Some(instructions) = &catalog.instructions {
        result["instructions"] = instructions.as_str().into();
    }
    let scripted = inner.turn(message).unwrap_or_default();
    if let Some(raw) = scripted.raw {
        return raw;
    }
    let body = match scripted.error.clone() {
        Some(error) => json!({ "error": error }),
        None => json!({"result": scripted.result.clone().unwrap_or(result)}),
    };
    let reply = turn::framed(&scripted, message, body, inner.manner.events);
    if !inner.manner.sessions {
        return reply;
    }
    let session = format!("session-{}", inner.number());
    inner.sessions.insert(session.clone());
    reply.header("mcp-session-id", &session)
}

/// An answer of the client: the call that waits for it gets its own answer now.
fn told(inner: &mut Inner, message: &Value) -> Reply {
    let number = message["id"].as_str().unwrap_or_default();
    let Some(waiting) = inner.waiting.remove(number) else {
        return refuse(400, &message["id"], -32600, "nobody asked");
    };
    let said = if message["error"].is_object() {
        json!({"error": message["error"]})
    } else {
        message["result"].clone()
    };
    let mut answer = match (&waiting.turn.error, &waiting.turn.result) {
        (Some(error), _) => json!({ "error": error }),
        (None, Some(result)) => json!({ "result": result }),
        (None, None) => {
            json!({"result": {"content": [{"type": "text", "text": said.to_string()}]}})
        }
    };
    answer["jsonrpc"] = "2.0".into();
    answer["id"] = waiting.call["id"].clone();
    waiting.line.send(turn::event(&answer));
    empty(202)
}
