//! Which revision of the protocol a message is of.

use http::{HeaderMap, HeaderValue};

use super::envelope::{Kind, Message};
use super::error::RpcError;
use crate::llm::json::Kind as JsonKind;

/// The revision without sessions: every message says for itself what it is of.
pub(crate) const MODERN: &str = "2026-07-28";

/// What a session without a version header is of.
pub(crate) const ASSUMED: &str = "2025-03-26";

/// The newest revision with sessions.
pub(crate) const NEWEST_LEGACY: &str = "2025-11-25";

/// What is served, newest first.
pub(crate) const SERVED: [&str; 4] = [MODERN, NEWEST_LEGACY, "2025-06-18", ASSUMED];

/// The first revision of all. It knew another transport; its messages are read over this one, as SDKs do.
const FIRST: &str = "2024-11-05";

/// The header with the revision.
pub(crate) const VERSION_HEADER: &str = "mcp-protocol-version";
/// The member of `_meta` with the revision.
pub(crate) const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The member of `_meta` with what the client can do.
pub(crate) const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// The member of `_meta` with who the client is.
pub(crate) const META_CLIENT: &str = "io.modelcontextprotocol/clientInfo";
/// The member of `_meta` with the level of the log that the client wants.
pub(crate) const META_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// The member of `_meta` with who the server is.
pub(crate) const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";
/// The member of `_meta` with the stream that a notification belongs to.
pub(crate) const META_SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// The two ways of the protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Era {
    /// 2026-07-28: stateless.
    Modern,
    /// Up to 2025-11-25: `initialize` and sessions.
    Legacy,
}

/// The revision of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Version {
    /// Which way.
    pub(crate) era: Era,
    /// As headers and records spell it.
    pub(crate) name: &'static str,
}

/// The revision without sessions.
pub(crate) const MODERN_VERSION: Version = Version {
    era: Era::Modern,
    name: MODERN,
};

/// The revision that a client's message is of, checked against its headers.
///
/// # Errors
/// A revision that is not served, one that header and body do not agree on, or a message that lacks what its revision
/// demands.
pub(crate) fn of_message(headers: &HeaderMap, message: &Message) -> Result<Version, RpcError> {
    let header = of_headers(headers)?;
    let meta = message.meta(META_VERSION);
    let version = match (header, meta.map(|meta| meta.as_str())) {
        (None, None) => return legacy(ASSUMED),
        (Some(header), None) if header != MODERN => return legacy(header),
        // Responses and notifications have no place for it.
        (Some(_), None) if message.kind() != Kind::Request => MODERN_VERSION,
        (_, None) => {
            return Err(RpcError::params(format!(
                "params._meta lacks {META_VERSION:?}"
            )));
        }
        (_, Some(None)) => {
            return Err(RpcError::params(format!("{META_VERSION:?} is a string")));
        }
        (header, Some(Some(meta))) => {
            if header.is_some_and(|header| header != meta) {
                return Err(RpcError::mismatch(
                    "MCP-Protocol-Version and params._meta name different protocol versions",
                ));
            }
            if meta != MODERN {
                // Only what can be named in this place: the others begin with `initialize`, and whether the server
                // speaks them is said by the server itself.
                return Err(RpcError::version(&meta, &[MODERN]));
            }
            if header.is_none() {
                return Err(RpcError::mismatch(
                    "the header MCP-Protocol-Version is missing",
                ));
            }
            MODERN_VERSION
        }
    };
    match message.kind() {
        Kind::Request => {
            let capabilities = message.meta(META_CAPABILITIES).map(|found| found.kind());
            if capabilities != Some(JsonKind::Object) {
                return Err(RpcError::params(format!(
                    "params._meta lacks the object {META_CAPABILITIES:?}"
                )));
            }
        }
        Kind::Notification => {}
        Kind::Response => {
            return Err(RpcError::invalid(
                "clients send no responses in this protocol version",
            ));
        }
    }
    Ok(version)
}

/// The revision that a request without a body is of: the header's.
///
/// # Errors
/// When it is not served.
pub(crate) fn of_bodiless(headers: &HeaderMap) -> Result<Version, RpcError> {
    match of_headers(headers)? {
        Some(MODERN) => Ok(MODERN_VERSION),
        other => legacy(other.unwrap_or(ASSUMED)),
    }
}

/// The revision that a session begins with: the one that the client's `initialize` asks for where it is served, otherwise the
/// newest with sessions.
pub(crate) fn negotiated(initialize: &Message) -> &'static str {
    let asked = initialize.param("protocolVersion");
    let asked = asked.and_then(|asked| asked.as_str()).unwrap_or_default();
    legacy(&asked).map_or(NEWEST_LEGACY, |version| version.name)
}

/// A revision with sessions by its name; none when it is not served.
pub(crate) fn of_session(name: &str) -> Option<&'static str> {
    legacy(name).ok().map(|version| version.name)
}

/// The same as a version.
pub(crate) fn with_sessions(name: &str) -> Option<Version> {
    legacy(name).ok()
}

fn of_headers(headers: &HeaderMap) -> Result<Option<&str>, RpcError> {
    let mut values = headers.get_all(VERSION_HEADER).iter();
    let first = values.next().map(HeaderValue::to_str);
    match (first, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text.trim())),
        (Some(Err(_)), _) | (Some(Ok(_)), Some(_)) => Err(RpcError::mismatch(
            "the header MCP-Protocol-Version cannot be read",
        )),
    }
}

fn legacy(name: &str) -> Result<Version, RpcError> {
    let known = SERVED.into_iter().skip(1).chain([FIRST]);
    let known = known.into_iter().find(|known| *known == name);
    known
        .map(|name| Version {
            era: Era::Legacy,
            name,
        })
        .ok_or_else(|| RpcError::version(name, &SERVED))
}

#[cfg(test)]
mod tests;
