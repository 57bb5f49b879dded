//! What the other side of an MCP connection is told when a message does not go through: codes and statuses in one place.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Value, json};

/// An error of the protocol: a JSON-RPC error, and the HTTP status that it goes out with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RpcError {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// The JSON-RPC code.
    pub(crate) code: i32,
    /// For whoever sent the message; it quotes nothing of it.
    pub(crate) message: Cow<'static, str>,
    /// More, for programs.
    pub(crate) data: Option<Box<Value>>,
}

/// Header and body disagree (2026-07-28).
pub(crate) const HEADER_MISMATCH: i32 = -32020;
/// The client did not declare what the answer needs (2026-07-28).
pub(crate) const MISSING_CAPABILITY: i32 = -32021;
/// The protocol version is not served (2026-07-28).
pub(crate) const UNSUPPORTED_VERSION: i32 = -32022;
/// There is no such method.
pub(crate) const UNKNOWN_METHOD: i32 = -32601;
/// Parameters are wrong, or name what there is not.
pub(crate) const INVALID_PARAMS: i32 = -32602;
/// Something inside failed.
pub(crate) const INTERNAL: i32 = -32603;

impl RpcError {
    pub(crate) fn new(
        status: StatusCode,
        code: i32,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            data: None,
        }
    }

    /// No JSON.
    pub(crate) fn parse(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, -32700, message)
    }

    /// No JSON-RPC message, or none that is accepted.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, -32600, message)
    }

    /// Parameters of a message that the protocol itself demands.
    pub(crate) fn params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, message)
    }

    /// Header and body disagree.
    pub(crate) fn mismatch(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, message)
    }

    /// A protocol version that is not served.
    pub(crate) fn version(requested: &str, supported: &[&str]) -> Self {
        let error = Self::new(
            StatusCode::BAD_REQUEST,
            UNSUPPORTED_VERSION,
            "unsupported protocol version",
        );
        // A version is a date; anything else is not worth an echo.
        let is_version =
            requested.len() <= 32 && requested.bytes().all(|byte| byte.is_ascii_graphic());
        let requested = if is_version { requested } else { "" };
        Self {
            data: Some(Box::new(
                json!({"supported": supported, "requested": requested}),
            )),
            ..error
        }
    }

    /// What a server would have to ask of the client is nothing that the client declared. `required`: what it would have to.
    pub(crate) fn missing_capability(required: Value) -> Self {
        let error = Self::new(
            StatusCode::BAD_REQUEST,
            MISSING_CAPABILITY,
            "the server asks for what the client did not declare",
        );
        Self {
            data: Some(Box::new(json!({"requiredCapabilities": required}))),
            ..error
        }
    }

    /// A tool that is not there, or that the caller is not to know of: the two read the same.
    pub(crate) fn unknown_tool() -> Self {
        Self::new(StatusCode::OK, INVALID_PARAMS, "unknown tool")
    }

    /// A session that is not there any more, or is not the caller's: clients begin a new one on this status.
    pub(crate) fn no_session() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            -32600,
            "there is no such session: initialize a new one",
        )
    }

    /// The server behind the gateway did something that cannot be relayed.
    pub(crate) fn upstream(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, INTERNAL, message)
    }

    /// The same that took too long.
    pub(crate) fn upstream_timeout() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            INTERNAL,
            "the MCP server did not answer in time",
        )
    }

    /// The same error with another status.
    #[must_use]
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The response with this error, to the request with this id (as written).
    pub(crate) fn to_json(&self, id: Option<&str>) -> String {
        let mut error = json!({"code": self.code, "message": self.message});
        if let (Some(data), Some(error)) = (&self.data, error.as_object_mut()) {
            error.insert("data".to_owned(), Value::clone(data));
        }
        let id = id.unwrap_or("null");
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
    }
}

impl From<crate::upstream::UpstreamError> for RpcError {
    fn from(error: crate::upstream::UpstreamError) -> Self {
        use crate::upstream::UpstreamError;
        // Hosts and addresses are for the log; the client learns what happened.
        tracing::warn!(%error, "a call of an MCP server failed");
        match error {
            UpstreamError::FirstByteTimeout { .. }
            | UpstreamError::IdleTimeout { .. }
            | UpstreamError::ConnectTimeout { .. } => Self::upstream_timeout(),
            UpstreamError::Unreachable { .. } | UpstreamError::AddressRefused { .. } => {
                Self::upstream("the MCP server cannot be reached")
            }
            UpstreamError::Cut { .. } => Self::upstream("the MCP server broke off"),
            UpstreamError::TooLarge { .. } => {
                Self::upstream("the MCP server's answer is too large")
            }
            UpstreamError::BadAnswer { .. } => {
                Self::upstream("the MCP server's answer cannot be read")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_request_and_says_what_is_served() {
        let error = RpcError::version("2031-01-01", &["2026-07-28"]);
        let body: Value = serde_json::from_str(&error.to_json(Some("\"a\""))).unwrap();
        assert_eq!(
            body,
            json!({"jsonrpc": "2.0", "id": "a", "error": {
                "code": -32022, "message": "unsupported protocol version",
                "data": {"supported": ["2026-07-28"], "requested": "2031-01-01"},
            }})
        );
        let body: Value = serde_json::from_str(&RpcError::parse("x").to_json(None)).unwrap();
        assert_eq!(body["id"], Value::Null);
    }

    #[test]
    fn what_is_no_version_is_not_echoed() {
        let error = RpcError::version(&"x".repeat(40), &[]);
        assert_eq!(error.data.unwrap()["requested"], "");
    }
}
