//! A JSON-RPC message: which kind it is and where its parts stand. Its bytes stay as they came.

use std::borrow::Cow;
use std::sync::Arc;

use crate::llm::json::{Doc, JsonError, Kind as JsonKind, Value};

use super::error::RpcError;
use super::surfaces::Parsed;

mod spelling;

/// A message that is known to be JSON-RPC.
#[derive(Clone)]
pub(crate) struct Message {
    parsed: Parsed,
    kind: Kind,
}

/// What a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// It has a method and an id, and wants an answer.
    Request,
    /// It has a method only.
    Notification,
    /// It answers a request, with a result or an error.
    Response,
}

/// Messages hold text, which stays out of debug output.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {} bytes", self.kind, self.text().len())
    }
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// What a sender is told: it is no JSON, has a key twice, nests too deep, is a batch, or is no JSON-RPC.
    pub(crate) fn parse(text: String) -> Result<Self, RpcError> {
        let doc = Doc::parse(&text).map_err(unreadable)?;
        let kind = kind(doc.root(&text))?;
        let parsed = Parsed::of(Arc::new(text), Arc::new(doc));
        Ok(Self { parsed, kind })
    }

    /// What it is.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// As it came.
    pub(crate) fn text(&self) -> &str {
        self.parsed.text()
    }

    /// As it came; without a copy, unless somebody else holds it.
    pub(crate) fn into_text(self) -> String {
        let text = Arc::clone(self.parsed.text());
        drop(self.parsed);
        Arc::try_unwrap(text).unwrap_or_else(|shared| shared.to_string())
    }

    /// With its structure, for judging.
    pub(crate) const fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    /// The whole of it, to look into.
    pub(crate) fn root(&self) -> Value<'_> {
        self.parsed.root()
    }

    /// The method; empty for a response.
    pub(crate) fn method(&self) -> Cow<'_, str> {
        self.root().get_str("method").unwrap_or_default()
    }

    /// The id of a request or a response as written.
    pub(crate) fn id(&self) -> Option<&str> {
        self.root().get("id").map(Value::raw)
    }

    /// A member of `params`.
    pub(crate) fn param(&self, name: &str) -> Option<Value<'_>> {
        self.root().get("params")?.get(name)
    }

    /// A member of `params._meta`.
    pub(crate) fn meta(&self, name: &str) -> Option<Value<'_>> {
        self.param("_meta")?.get(name)
    }

    /// The tool that a `tools/call` names.
    pub(crate) fn tool(&self) -> Option<Cow<'_, str>> {
        if self.method() != "tools/call" {
            return None;
        }
        self.param("name")?.as_str()
    }
}

/// Whether two ids are the same: numbers as written, strings by their text.
pub(crate) fn same_id(one: Value<'_>, other: &str) -> bool {
    if one.raw() == other {
        return true;
    }
    let Ok(doc) = Doc::parse(other) else {
        return false;
    };
    match (one.as_str(), doc.root(other).as_str()) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

fn unreadable(error: JsonError) -> RpcError {
    match error {
        JsonError::Syntax { .. } => RpcError::parse(error.to_string()),
        JsonError::DuplicateKey { .. } | JsonError::TooDeep { .. } | JsonError::TooLong => {
            RpcError::invalid(error.to_string())
        }
    }
}

fn kind(root: Value<'_>) -> Result<Kind, RpcError> {
    let invalid = |message: &'static str| Err(RpcError::invalid(message));
    match root.kind() {
        JsonKind::Object => {}
        JsonKind::Array => {
            return invalid("batches are not accepted: send each message by itself");
        }
        _ => return invalid("a message is a JSON object"),
    }
    if spelling::is_ambiguous(root) {
        return invalid("a member differs from one of the protocol in case alone");
    }
    if !root.get("jsonrpc").is_some_and(|version| version.is("2.0")) {
        return invalid("a message says \"jsonrpc\": \"2.0\"");
    }
    let id = root.get("id");
    let has = |name: &str| root.get(name).is_some();
    let is_id = |id: Value<'_>| matches!(id.kind(), JsonKind::String | JsonKind::Number);
    let Some(method) = root.get("method") else {
        return match (has("result"), has("error"), id) {
            (true, false, Some(id)) if is_id(id) => Ok(Kind::Response),
            // An error may answer what could not be read, and then it has no id to name.
            (false, true, Some(id)) if is_id(id) || id.is_null() => Ok(Kind::Response),
            (false, true, None) => Ok(Kind::Response),
            (true, true, _) => invalid("a response has a result or an error, not both"),
            (true, false, _) | (false, true, _) => {
                invalid("a response has the id of its request, a string or a number")
            }
            (false, false, _) => invalid("a message has a method, a result or an error"),
        };
    };
    if method.kind() != JsonKind::String {
        return invalid("the method is a string");
    }
    if has("result") || has("error") {
        return invalid("a request has no result and no error");
    }
    if root
        .get("params")
        .is_some_and(|params| params.kind() != JsonKind::Object)
    {
        return Err(RpcError::params("params is an object"));
    }
    match id {
        None => Ok(Kind::Notification),
        Some(id) if is_id(id) => Ok(Kind::Request),
        Some(_) => invalid("the id of a request is a string or a number"),
    }
}

#[cfg(test)]
mod tests;
