//! A client with a session before a stateless server: its messages as such a server reads them, and the server's as such a
//! client does.

use serde_json::json;

use super::members::{Members, quoted};
use super::older::capability;
use crate::llm::json::{Kind as JsonKind, Value};
use crate::mcp::envelope::Message;
use crate::mcp::mirror::Mirrored;
use crate::mcp::version::{
    META_CAPABILITIES, META_CLIENT, META_LEVEL, META_SERVER, META_SUBSCRIPTION, META_VERSION,
    MODERN, negotiated, of_session,
};

mod session;

pub(crate) use session::Session;

/// A request of a client, to be said to a stateless server as often as that has questions.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    root: Members,
    params: Members,
}

/// What a server is told beside the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    /// The session that it belongs to.
    pub(crate) session: &'a Session,
    /// The level of the log that the session wants.
    pub(crate) level: Option<&'a str>,
    /// Whether the client can be asked anything.
    pub(crate) can_be_asked: bool,
}

impl Request {
    /// A request of a session's client.
    pub(crate) fn of(message: &Message, told: Told<'_>) -> Self {
        let given = message.root().get("params");
        let mut params = Members::of(given);
        let meta = Members::of(given.and_then(|params| params.get("_meta")));
        params.put("_meta", told.meta(meta).json());
        for name in ["inputResponses", "requestState", "task"] {
            params.take(name);
        }
        Self {
            root: Members::of(Some(message.root())),
            params,
        }
    }

    /// A request of the gateway's own.
    pub(crate) fn own(method: &str, mut params: Members, told: Told<'_>) -> Self {
        params.put("_meta", told.meta(Members::default()).json());
        let mut root = Members::default();
        root.put("jsonrpc", "\"2.0\"");
        root.put("id", "0");
        root.put("method", quoted(method));
        Self { root, params }
    }

    /// The message, the first time.
    pub(crate) fn text(&self) -> String {
        let mut root = self.root.clone();
        root.put("params", self.params.json());
        root.json()
    }

    /// The same after questions, under another id: with the answers, and the state exactly as it came.
    pub(crate) fn again(&self, id: &str, answers: &Members, state: Option<&str>) -> String {
        let (mut root, mut params) = (self.root.clone(), self.params.clone());
        if !answers.is_empty() {
            params.put("inputResponses", answers.json());
        }
        if let Some(state) = state {
            params.put("requestState", state);
        }
        root.put("params", params.json());
        root.put("id", id);
        root.json()
    }
}

impl Told<'_> {
    fn meta(self, mut meta: Members) -> Members {
        meta.put(META_VERSION, quoted(MODERN));
        meta.put(META_CLIENT, self.session.client());
        let capabilities = if self.can_be_asked {
            self.session.capabilities()
        } else {
            "{}"
        };
        meta.put(META_CAPABILITIES, capabilities);
        match self.level {
            Some(level) => meta.put(META_LEVEL, quoted(level)),
            None => drop(meta.take(META_LEVEL)),
        }
        meta
    }
}

/// The answer to `initialize`, made from the answer to `server/discover`; none when that is no such answer.
pub(crate) fn greeting(initialize: &Message, discovered: &Message) -> Option<String> {
    let result = discovered.root().get("result")?;
    let versions = result.get("supportedVersions")?;
    versions.items().find(|version| version.is(MODERN))?;
    let mut said = Members::of(Some(result));
    for name in ["supportedVersions", "resultType", "ttlMs", "cacheScope"] {
        said.take(name);
    }
    let mut capabilities = Members::of(result.get("capabilities"));
    // Extensions change what results are, and no client of a session asks for one.
    capabilities.take("extensions");
    said.put("capabilities", capabilities.json());
    let mut meta = Members::of(result.get("_meta"));
    let unnamed = || json!({"name": "unknown", "version": "0"}).to_string();
    said.put("serverInfo", meta.take(META_SERVER).unwrap_or_else(unnamed));
    if meta.is_empty() {
        said.take("_meta");
    } else {
        said.put("_meta", meta.json());
    }
    said.put("protocolVersion", quoted(negotiated(initialize)));
    let id = initialize.id().unwrap_or("null");
    Some(format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#,
        said.json()
    ))
}

/// Whether an answer to `server/discover` tells of the stateless revision.
pub(crate) fn is_discovery(answer: &str) -> bool {
    let Ok(message) = Message::parse(answer.to_owned()) else {
        return false;
    };
    let result = message.root().get("result");
    let versions = result.and_then(|result| result.get("supportedVersions"));
    versions.is_some_and(|versions| versions.items().any(|version| version.is(MODERN)))
}

/// Whether an answer to `server/discover` tells of the stateless revision and of no other that clients know.
pub(crate) fn has_no_sessions(answer: &Message) -> bool {
    let result = answer.root().get("result");
    let versions = result.and_then(|result| result.get("supportedVersions"));
    let has_sessions = |version: Value<'_>| {
        version
            .as_str()
            .is_some_and(|version| of_session(&version).is_some())
    };
    is_discovery(answer.text())
        && versions.is_some_and(|versions| !versions.items().any(has_sessions))
}

/// What an answer of the server is.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The client's answer.
    Complete(String),
    /// The server asks something first.
    Needs(Needs),
    /// Nothing that this client may get.
    Strange,
}

/// What a server asks before it answers.
#[derive(Debug)]
pub(crate) struct Needs {
    /// Its questions.
    pub(crate) questions: Vec<Question>,
    /// What it wants back, as written.
    pub(crate) state: Option<String>,
}

/// One question.
#[derive(Debug)]
pub(crate) struct Question {
    /// The server's name for it.
    key: String,
    method: String,
    params: Option<String>,
}

/// Reads an answer to a request with this method and id.
pub(crate) fn outcome(method: &str, id: &str, message: &Message) -> Outcome {
    let mut root = Members::of(Some(message.root()));
    root.put("id", id);
    let Some(result) = message.root().get("result") else {
        return Outcome::Complete(root.json());
    };
    let kind = result.get("resultType");
    match kind.map(|kind| kind.as_str()) {
        None => {}
        Some(Some(kind)) if kind == "complete" => {}
        Some(Some(kind)) if kind == "input_required" => {
            return needs(result).map_or(Outcome::Strange, Outcome::Needs);
        }
        Some(_) => return Outcome::Strange,
    }
    if result.kind() != JsonKind::Object {
        return Outcome::Strange;
    }
    let mut members = Members::of(Some(result));
    for name in ["resultType", "ttlMs", "cacheScope"] {
        members.take(name);
    }
    // Sessions know structured content as an object only, and clients refuse a result with another.
    let structured = result.get("structuredContent");
    if let Some(other) = structured.filter(|content| content.kind() != JsonKind::Object) {
        members.take("structuredContent");
        let is_empty = |content: Value<'_>| content.items().next().is_none();
        if result.get("content").is_none_or(is_empty) {
            let text = quoted(other.raw());
            members.put("content", format!(r#"[{{"type":"text","text":{text}}}]"#));
        }
    }
    if method == "tools/list" && result.get("tools").is_some() {
        members.put("tools", tools(result.get("tools")));
    }
    root.put("result", members.json());
    Outcome::Complete(root.json())
}

/// The tools that a client over HTTP may be shown, with schemas that clients of sessions read.
fn tools(listed: Option<Value<'_>>) -> String {
    let mut shown = Vec::new();
    for tool in listed.into_iter().flat_map(Value::items) {
        if Mirrored::annotated(tool).is_err() {
            tracing::warn!(
                "a tool whose parameters are mapped to headers against the rules is not listed"
            );
            continue;
        }
        let kind = tool
            .get("outputSchema")
            .and_then(|schema| schema.get("type"));
        let is_readable =
            tool.get("outputSchema").is_none() || kind.is_some_and(|kind| kind.is("object"));
        if is_readable {
            shown.push(tool.raw().to_owned());
        } else {
            let mut tool = Members::of(Some(tool));
            tool.take("outputSchema");
            shown.push(tool.json());
        }
    }
    format!("[{}]", shown.join(","))
}

fn needs(result: Value<'_>) -> Option<Needs> {
    let state = result.get("requestState");
    let requests = result.get("inputRequests");
    if state.is_none() && requests.is_none() {
        return None;
    }
    let mut questions = Vec::new();
    for (key, request) in requests.into_iter().flat_map(Value::members) {
        questions.push(Question {
            key: key.into_owned(),
            method: request.get_str("method")?.into_owned(),
            params: request.get("params").map(|params| params.raw().to_owned()),
        });
    }
    Some(Needs {
        questions,
        state: state.map(|state| state.raw().to_owned()),
    })
}

impl Question {
    /// Whether this client may be asked it.
    pub(crate) fn is_declared(&self, session: &Session) -> bool {
        capability(&self.method).is_some_and(|needed| session.declares(needed))
    }

    /// The request that asks the client.
    pub(crate) fn request(&self, id: &str) -> String {
        let mut root = Members::default();
        root.put("jsonrpc", "\"2.0\"");
        root.put("id", quoted(id));
        root.put("method", quoted(&self.method));
        if let Some(params) = self.asked(id) {
            root.put("params", params);
        }
        root.json()
    }

    /// The parameters. Sessions name a question that leads to a page, so that they can be told when it is done.
    fn asked(&self, id: &str) -> Option<String> {
        let params = self.params.as_deref()?;
        let Ok(doc) = crate::llm::json::Doc::parse(params) else {
            return Some(params.to_owned());
        };
        let params = doc.root(params);
        if !params.get("mode").is_some_and(|mode| mode.is("url")) {
            return Some(params.raw().to_owned());
        }
        let mut members = Members::of(Some(params));
        members.put_new("elicitationId", &quoted(id));
        Some(members.json())
    }

    /// Puts the client's answer among those for the server. False: the client has refused, and there is no word for that.
    pub(crate) fn answered(&self, answer: &Message, answers: &mut Members) -> bool {
        let result = answer.root().get("result").map(Value::raw);
        let cancel = (self.method == "elicitation/create").then_some(r#"{"action":"cancel"}"#);
        let Some(result) = result.or(cancel) else {
            return false;
        };
        answers.put(&self.key, result);
        true
    }
}

/// A notification of a stream as a session's client reads it; none for one that is not for it.
pub(crate) fn notice(message: &Message) -> Option<String> {
    if message.method() == "notifications/subscriptions/acknowledged" {
        return None;
    }
    let given = message.root().get("params");
    let Some(meta) = given.and_then(|params| params.get("_meta")) else {
        return Some(message.text().to_owned());
    };
    let mut meta = Members::of(Some(meta));
    if meta.take(META_SUBSCRIPTION).is_none() {
        return Some(message.text().to_owned());
    }
    let (mut root, mut params) = (Members::of(Some(message.root())), Members::of(given));
    if meta.is_empty() {
        params.take("_meta");
    } else {
        params.put("_meta", meta.json());
    }
    root.put("params", params.json());
    Some(root.json())
}

#[cfg(test)]
mod tests;
