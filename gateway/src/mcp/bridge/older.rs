//! A stateless client before a server with sessions: its messages as such a server reads them, and the server's as such a
//! client does.

use http::StatusCode;
use serde_json::json;

use super::members::{Members, quoted};
use super::notices::Notices;
use crate::llm::json::{Kind as JsonKind, Value};
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::{INTERNAL, INVALID_PARAMS, MISSING_CAPABILITY, RpcError, UNKNOWN_METHOD};
use crate::mcp::version::{
    META_CAPABILITIES, META_CLIENT, META_LEVEL, META_SERVER, META_SUBSCRIPTION, META_VERSION,
    MODERN, NEWEST_LEGACY, of_session,
};

/// A resource that is not there, until 2025-11-25.
const NO_RESOURCE: i64 = -32002;

/// Whether a stateless server has such a method: those of sessions are gone.
pub(crate) fn has(method: &str) -> bool {
    !matches!(
        method,
        "initialize"
            | "ping"
            | "logging/setLevel"
            | "resources/subscribe"
            | "resources/unsubscribe"
    ) && !method.starts_with("tasks/")
}

/// The answer to a method that there is not.
pub(crate) fn unknown_method() -> RpcError {
    RpcError::new(StatusCode::NOT_FOUND, UNKNOWN_METHOD, "method not found")
}

/// Who the client says that it is, as written; the gateway where it says nothing.
pub(crate) fn client_info(message: &Message) -> String {
    let given = message.meta(META_CLIENT);
    let is_one = |info: &Value<'_>| {
        let has = |name: &str| info.get(name).is_some_and(|text| text.as_str().is_some());
        has("name") && has("version")
    };
    match given.filter(is_one) {
        Some(info) => info.raw().to_owned(),
        None => json!({"name": "parapet", "version": env!("CARGO_PKG_VERSION")}).to_string(),
    }
}

/// The first message of a session. The gateway declares nothing that a server may ask the client for: a question would have
/// no way to a stateless client in the middle of its call.
pub(crate) fn initialize(client_info: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{NEWEST_LEGACY}","capabilities":{{}},"clientInfo":{client_info}}}}}"#
    )
}

/// What follows the answer to it.
pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// What a server has said at the beginning of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Agreed {
    /// The revision.
    pub(crate) version: &'static str,
    /// Whether it has levels for its log.
    pub(crate) logs: bool,
    /// What it tells of by itself.
    pub(crate) notices: Notices,
}

/// Reads the answer to [`initialize`]; none when it is no such answer.
pub(crate) fn agreed(answer: &Message) -> Option<Agreed> {
    let result = answer.root().get("result")?;
    let capabilities = result.get("capabilities");
    Some(Agreed {
        version: of_session(&result.get_str("protocolVersion")?)?,
        logs: capabilities.is_some_and(|all| all.get("logging").is_some()),
        notices: Notices::offered(capabilities),
    })
}

/// The answer to `server/discover`, made from the answer to `initialize`.
pub(crate) fn discovered(initialized: &Message, id: &str) -> String {
    let result = initialized.root().get("result");
    let mut said = Members::of(result);
    said.take("protocolVersion");
    let mut capabilities = Members::of(result.and_then(|result| result.get("capabilities")));
    // Tasks of a session are another thing than those of the stateless revision.
    capabilities.take("tasks");
    said.put("capabilities", capabilities.json());
    let mut meta = Members::of(result.and_then(|result| result.get("_meta")));
    if let Some(info) = said.take("serverInfo") {
        meta.put(META_SERVER, info);
        said.put("_meta", meta.json());
    }
    said.put("supportedVersions", format!("[\"{MODERN}\"]"));
    completed("server/discover", &mut said);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, said.json())
}

/// A request for the server. Its number stands for the client's id, and for the client's progress token: a session is used
/// by several clients, one after the other.
pub(crate) fn request(message: &Message, number: u64) -> String {
    let mut root = Members::of(Some(message.root()));
    let given = message.root().get("params");
    let mut params = Members::of(given);
    let mut meta = Members::of(given.and_then(|params| params.get("_meta")));
    for name in [META_VERSION, META_CLIENT, META_CAPABILITIES, META_LEVEL] {
        meta.take(name);
    }
    if meta.get("progressToken").is_some() {
        meta.put("progressToken", number.to_string());
    }
    if meta.is_empty() {
        params.take("_meta");
    } else {
        params.put("_meta", meta.json());
    }
    for name in ["inputResponses", "requestState", "task"] {
        params.take(name);
    }
    if given.is_some() {
        root.put("params", params.json());
    }
    root.put("id", number.to_string());
    root.json()
}

/// The answer to a client's request, with the status that it goes out with.
pub(crate) fn answer(
    method: &str,
    id: &str,
    message: &Message,
    status: StatusCode,
) -> (StatusCode, String) {
    let mut root = Members::of(Some(message.root()));
    root.put("id", id);
    let mut status = status;
    if let Some(result) = message.root().get("result") {
        let mut members = Members::of(Some(result));
        if result.kind() == JsonKind::Object {
            completed(method, &mut members);
            root.put("result", members.json());
        }
    } else if let Some(error) = message.root().get("error") {
        match error.get("code").and_then(Value::as_i64) {
            Some(code) if code == i64::from(UNKNOWN_METHOD) => status = StatusCode::NOT_FOUND,
            Some(NO_RESOURCE) => {
                let mut error = Members::of(Some(error));
                error.put("code", INVALID_PARAMS.to_string());
                root.put("error", error.json());
            }
            _ => {}
        }
    }
    (status, root.json())
}

/// Puts in what every result of the stateless revision has. How long something may be kept a server with sessions does not
/// say, and what it says may depend on whom it says it to.
fn completed(method: &str, result: &mut Members) {
    result.put_new("resultType", "\"complete\"");
    if method.ends_with("/list") || matches!(method, "resources/read" | "server/discover") {
        result.put_new("ttlMs", "0");
        result.put_new("cacheScope", "\"private\"");
    }
}

/// What becomes of a message that comes before the answer.
#[derive(Debug)]
pub(crate) enum Aside {
    /// The client gets it.
    Send(String),
    /// It is not for the client.
    Drop,
    /// The server wants to know whether somebody is there.
    Ping,
    /// The server asks something that cannot be brought to the client: [`unreachable`].
    Question,
}

/// Looks at a message that comes before the answer to `request`, which went to the server under `number`.
pub(crate) fn aside(message: &Message, request: &Message, number: u64) -> Aside {
    if message.kind() == Kind::Request {
        return match &*message.method() {
            "ping" => Aside::Ping,
            _ => Aside::Question,
        };
    }
    match &*message.method() {
        "notifications/progress" => {
            let token = message.param("progressToken").and_then(Value::as_u64);
            let given = request.meta("progressToken");
            let (Some(_), Some(given)) = (token.filter(|token| *token == number), given) else {
                return Aside::Drop;
            };
            let mut root = Members::of(Some(message.root()));
            let mut params = Members::of(message.root().get("params"));
            params.put("progressToken", given.raw());
            root.put("params", params.json());
            Aside::Send(root.json())
        }
        // Nothing is sent that was not asked for.
        "notifications/message" if request.meta(META_LEVEL).is_some() => {
            Aside::Send(message.text().to_owned())
        }
        _ => Aside::Drop,
    }
}

/// A notification of a session's stream, as one of the subscription with this id.
pub(crate) fn notice(message: &Message, id: &str) -> String {
    let mut root = Members::of(Some(message.root()));
    let given = message.root().get("params");
    let mut params = Members::of(given);
    let mut meta = Members::of(given.and_then(|params| params.get("_meta")));
    meta.put(META_SUBSCRIPTION, id);
    params.put("_meta", meta.json());
    root.put("params", params.json());
    root.json()
}

/// What a client is told whose server asks something in the middle of a call.
pub(crate) fn unreachable(method: &str, request: &Message) -> RpcError {
    let capability = capability(method);
    let declared = request.meta(META_CAPABILITIES);
    match capability {
        Some(needed) if declared.is_none_or(|all| all.get(needed).is_none()) => RpcError {
            data: Some(Box::new(json!({"requiredCapabilities": {needed: {}}}))),
            ..RpcError::new(
                StatusCode::BAD_REQUEST,
                MISSING_CAPABILITY,
                "missing required client capability",
            )
        },
        Some(_) | None => RpcError::new(
            StatusCode::OK,
            INTERNAL,
            "the MCP server asks the client something in the middle of this call, and it speaks a revision whose questions \
             cannot reach a stateless client",
        ),
    }
}

/// What a client has declared that may be asked this.
pub(crate) fn capability(method: &str) -> Option<&'static str> {
    match method {
        "sampling/createMessage" => Some("sampling"),
        "elicitation/create" => Some("elicitation"),
        "roots/list" => Some("roots"),
        _ => None,
    }
}

/// The answer to a question of the server: that nobody can be asked, or that somebody is there.
pub(crate) fn reply(question: &Message) -> String {
    let id = question.id().unwrap_or("null");
    if question.method() == "ping" {
        return format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
    }
    let refusal = "the client cannot be asked anything in the middle of a call";
    RpcError::new(StatusCode::OK, UNKNOWN_METHOD, refusal).to_json(Some(id))
}

/// Tells the server that nobody waits any more.
pub(crate) fn cancelled(number: u64) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{number},"reason":"the client has left"}}}}"#
    )
}

/// A request of the gateway's own in a session.
pub(crate) fn own(number: u64, method: &str, member: &str, value: &str) -> String {
    let value = quoted(value);
    format!(
        r#"{{"jsonrpc":"2.0","id":{number},"method":"{method}","params":{{"{member}":{value}}}}}"#
    )
}

#[cfg(test)]
mod tests;
