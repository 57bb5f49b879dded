//! The stateless revision, from the server's side.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::state::{Inner, Listener};
use super::turn::{self, Turn};
use super::{LEGACY, MODERN};
use crate::fake::{Call, Line, Reply, Step};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// A JSON-RPC error with an HTTP status.
pub(super) fn refuse(status: u16, id: &Value, code: i64, message: &str) -> Reply {
    refuse_with(status, id, json!({"code": code, "message": message}))
}

fn refuse_with(status: u16, id: &Value, error: Value) -> Reply {
    Reply::json(status, &json!({"jsonrpc": "2.0", "id": id, "error": error}))
}

/// Answers one POST.
pub(super) fn answer(inner: &mut Inner, call: &Call, message: &Value) -> Reply {
    let id = &message["id"];
    if message["result"].is_object() || message["error"].is_object() {
        return refuse(400, id, -32600, "a client answers nothing here");
    }
    let method = message["method"].as_str().unwrap_or_default();
    if id.is_null() {
        return Reply {
            steps: Vec::new(),
            ..Reply::new(202, "application/json", "")
        };
    }
    if let Err(reply) = check(inner, call, message) {
        return *reply;
    }
    if method == "server/discover" {
        return turn::framed(&Turn::default(), message, discovered(inner), false);
    }
    if method == "subscriptions/listen" {
        return listen(inner, message);
    }
    let scripted = inner.turn(message);
    let turn = scripted.unwrap_or_default();
    if let Some(raw) = turn.raw {
        return raw;
    }
    let params = &message["params"];
    let mut result = turn.result.clone();
    if let Some(ask) = &turn.ask {
        match ask_client(inner, &turn, ask, message) {
            Asked::Reply(reply) => return reply,
            Asked::Told(told) => {
                let said = || json!({"content": [{"type": "text", "text": told.to_string()}]});
                result.get_or_insert_with(said);
            }
        }
    }
    let body = match (&turn.error, result) {
        (Some(error), _) => json!({"error": error}),
        (None, Some(result)) => json!({"result": completed(method, result)}),
        (None, None) => match inner.catalog.answer(method, params, inner.manner.page) {
            None => return refuse(404, id, -32601, "Method not found"),
            Some(Ok(result)) => json!({"result": completed(method, result)}),
            Some(Err((code, text))) => json!({"error": {"code": code, "message": text}}),
        },
    };
    turn::framed(&turn, message, body, inner.manner.events)
}

/// What the client must have got right before anything is looked at.
fn check(inner: &Inner, call: &Call, message: &Value) -> Result<(), Box<Reply>> {
    let id = &message["id"];
    let meta = &message["params"]["_meta"];
    let mismatch = |what: &str| {
        Err(Box::new(refuse(
            400,
            id,
            -32020,
            &format!("Header mismatch: {what}"),
        )))
    };
    let Some(version) = meta[VERSION].as_str() else {
        return Err(Box::new(refuse(
            400,
            id,
            -32602,
            "the protocol version is missing in _meta",
        )));
    };
    if call.header("mcp-protocol-version") != Some(version) {
        return mismatch("MCP-Protocol-Version");
    }
    if version != MODERN {
        let supported = if inner.manner.era.is_legacy() {
            json!([MODERN, LEGACY])
        } else {
            json!([MODERN])
        };
        let data = json!({"supported": supported, "requested": version});
        let error =
            json!({"code": -32022, "message": "Unsupported protocol version", "data": data});
        return Err(Box::new(refuse_with(400, id, error)));
    }
    if !meta[CAPABILITIES].is_object() {
        return Err(Box::new(refuse(
            400,
            id,
            -32602,
            "the client's capabilities are missing in _meta",
        )));
    }
    let method = message["method"].as_str().unwrap_or_default();
    if call.header("mcp-method") != Some(method) {
        return mismatch("Mcp-Method");
    }
    let params = &message["params"];
    let named = match method {
        "tools/call" | "prompts/get" => params["name"].as_str(),
        "resources/read" => params["uri"].as_str(),
        _ => None,
    };
    if let Some(named) = named
        && call.header("mcp-name").and_then(decoded).as_deref() != Some(named)
    {
        return mismatch("Mcp-Name");
    }
    if method == "tools/call" {
        let tool = inner
            .catalog
            .tools
            .iter()
            .find(|tool| tool["name"] == params["name"]);
        let schema = tool.map_or(&Value::Null, |tool| &tool["inputSchema"]);
        return mapped_headers(call, schema, &params["arguments"]).or_else(|name| mismatch(&name));
    }
    Ok(())
}

/// Whether each annotated argument stands in its header as it stands in the body.
fn mapped_headers(call: &Call, schema: &Value, arguments: &Value) -> Result<(), String> {
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let argument = &arguments[key];
        if let Some(header) = property["x-mcp-header"].as_str() {
            let name = format!("Mcp-Param-{header}");
            let sent = call.header(&name.to_ascii_lowercase()).and_then(decoded);
            let expected = match argument {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            if sent != expected {
                return Err(name);
            }
        }
        mapped_headers(call, property, argument)?;
    }
    Ok(())
}

/// A header's value behind its base64 sentinel.
fn decoded(value: &str) -> Option<String> {
    let inside = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    match inside {
        None => Some(value.to_owned()),
        Some(inside) => String::from_utf8(BASE64_STANDARD.decode(inside).ok()?).ok(),
    }
}

/// A result with what every result of this revision has.
fn completed(method: &str, mut result: Value) -> Value {
    if result["resultType"].is_null() {
        result["resultType"] = "complete".into();
    }
    let cached =
        method.ends_with("/list") || matches!(method, "resources/read" | "server/discover");
    if cached && result["ttlMs"].is_null() {
        result["ttlMs"] = 0.into();
        result["cacheScope"] = "private".into();
    }
    result
}

fn discovered(inner: &Inner) -> Value {
    let versions = if inner.manner.era.is_legacy() {
        json!([MODERN, LEGACY])
    } else {
        json!([MODERN])
    };
    let catalog = &inner.catalog;
    let mut result = json!({
        "supportedVersions": versions, "capabilities": catalog.capabilities,
        "_meta": {"io.modelcontextprotocol/serverInfo": catalog.server_info},
    });
    if let Some(instructions) = &catalog.instructions {
        result["instructions"] = instructions.as_str().into();
    }
    json!({"result": completed("server/discover", result)})
}

fn listen(inner: &mut Inner, message: &Value) -> Reply {
    let wanted = &message["params"]["notifications"];
    let id = message["id"].clone();
    let first = json!({
        "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
        "params": {"notifications": wanted, "_meta": {"io.modelcontextprotocol/subscriptionId": id}},
    });
    let (line, live) = Line::new();
    let last = json!({"jsonrpc": "2.0", "id": id, "result": {
        "resultType": "complete", "_meta": {"io.modelcontextprotocol/subscriptionId": id}}});
    inner.listeners.push(Listener {
        line,
        subscription: Some(id),
    });
    turn::stream(vec![
        Step::Send(turn::event(&first)),
        Step::Live(live),
        Step::Send(turn::event(&last)),
    ])
}

enum Asked {
    Reply(Reply),
    Told(Value),
}

/// The first time asks with `input_required`; the second time checks that the state came back as it was.
fn ask_client(inner: &mut Inner, turn: &Turn, ask: &Value, message: &Value) -> Asked {
    let params = &message["params"];
    let id = &message["id"];
    let needed = match ask["method"].as_str() {
        Some("sampling/createMessage") => "sampling",
        Some("roots/list") => "roots",
        _ => "elicitation",
    };
    if params["_meta"][CAPABILITIES][needed].is_null() && !turn.ask_undeclared {
        let data = json!({"requiredCapabilities": {needed: {}}});
        let error =
            json!({"code": -32021, "message": "Missing required client capability", "data": data});
        return Asked::Reply(refuse_with(400, id, error));
    }
    let told = &params["inputResponses"]["question"];
    if told.is_null() {
        let state = format!("state {} \"as it was\"", inner.number());
        let result = json!({"resultType": "input_required", "inputRequests": {"question": ask},
            "requestState": state});
        inner.states.insert(state);
        let reply = turn::framed(
            turn,
            message,
            json!({"result": result}),
            inner.manner.events,
        );
        return Asked::Reply(reply);
    }
    let state = params["requestState"].as_str().unwrap_or_default();
    if !inner.states.remove(state) {
        return Asked::Reply(refuse(
            200,
            id,
            -32602,
            "this is not the state that was given out",
        ));
    }
    Asked::Told(told.clone())
}
