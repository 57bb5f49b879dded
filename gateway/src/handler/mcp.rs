//! `/mcp/{server}`: who may come in, and which way a message goes.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;
use parapet_policy::record::End;

use super::Gateway;
use super::error::Failure;
use super::plan::authenticate;
use crate::edge::Body;
use crate::identity::{AuthError, Identity};
use crate::mcp::error::RpcError;
use crate::mcp::server::Server;
use crate::pipeline::recording::Recording;
use crate::policy::ready::Snapshot;

mod allowed;
mod answer;
mod ask;
mod asked;
mod backend;
mod bridge;
mod exchange;
pub(crate) mod first_look;
mod gate;
mod metadata;
mod openapi;
mod pinning;
mod post;
mod relay;
mod stream;
mod taint;
mod tasks;
mod token;
mod upstream;
mod virtual_server;

/// A request that was let in.
struct Admitted {
    snapshot: Arc<Snapshot>,
    identity: Arc<Identity>,
    server: Arc<Server>,
}

/// A request that does not go through: what the client is told, and how the record ends.
struct Refused {
    error: RpcError,
    /// The request's id as written, when it is known.
    id: Option<String>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
    end: End,
}

impl From<RpcError> for Refused {
    fn from(error: RpcError) -> Self {
        let end = if error.status.is_server_error() {
            End::UpstreamFailed
        } else {
            End::Refused
        };
        Self {
            error,
            id: None,
            header: None,
            end,
        }
    }
}

impl Refused {
    /// The same, as the answer to this request.
    fn to(self, id: Option<&str>) -> Self {
        Self {
            id: id.map(str::to_owned),
            ..self
        }
    }

    fn response(self, recording: &Recording) -> Response<Body> {
        let body = self.error.to_json(self.id.as_deref());
        let mut response = answer::json(self.error.status, body, recording, self.end);
        if let Some((name, value)) = self.header.map(|header| *header) {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl Gateway {
    /// Answers a message, opens a stream or ends a session.
    pub(super) async fn mcp(
        &self,
        head: Parts,
        body: Incoming,
        peer: SocketAddr,
        name: &str,
        recording: &Recording,
    ) -> Response<Body> {
        let result = match self.admit(&head, peer, name, recording) {
            Err(refused) => {
                crate::edge::discard(body);
                Err(refused)
            }
            Ok(admitted) => match head.method {
                Method::GET => self.mcp_listen(&admitted, &head, recording).await,
                Method::DELETE => self.mcp_end_session(&admitted, &head, recording).await,
                // The route lets no other method through.
                _ => self.mcp_post(admitted, head, body, recording).await,
            },
        };
        result.unwrap_or_else(|refused| refused.response(recording))
    }

    /// Lets a request in: from an origin that may, by a caller who is known, to a server that the caller may use.
    fn admit(
        &self,
        head: &Parts,
        peer: SocketAddr,
        name: &str,
        recording: &Recording,
    ) -> Result<Admitted, Refused> {
        let snapshot = self.policy.load_full();
        recording.with(|record| record.revision = Some(snapshot.revision));
        gate::check(&head.headers, peer, &snapshot.settings.mcp)?;
        let identity = authenticate(&snapshot, &head.headers, recording)
            .map_err(|failure| unauthenticated(&failure, head, name, &snapshot))?;
        let server = snapshot.mcp.get(name).cloned().ok_or_else(|| {
            let message = "there is no such MCP server";
            RpcError::new(StatusCode::NOT_FOUND, -32600, message)
        })?;
        if !server.may_use(&identity.caller) {
            let message = "this caller may not use this MCP server";
            return Err(RpcError::new(StatusCode::FORBIDDEN, -32600, message).into());
        }
        Ok(Admitted {
            snapshot,
            identity,
            server,
        })
    }
}

/// A 401 that says where tokens come from, or a 503 while that cannot be known.
fn unauthenticated(failure: &Failure, head: &Parts, name: &str, snapshot: &Snapshot) -> Refused {
    let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let (header, value) = failure.header().unwrap_or(("www-authenticate", "Bearer"));
    let mut refused = Refused::from(RpcError::new(status, -32600, failure.message()));
    refused.end = End::Refused;
    let has_keys = !matches!(failure, Failure::Unauthenticated(AuthError::NoKeys));
    let url = metadata::url(head, name, snapshot).filter(|_| has_keys);
    refused.header = match url {
        None => Some(Box::new((
            HeaderName::from_static(header),
            HeaderValue::from_static(value),
        ))),
        Some(url) => {
            let separator = if value == "Bearer" { " " } else { ", " };
            let value = format!("{value}{separator}resource_metadata=\"{url}\"");
            let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("Bearer"));
            Some(Box::new((WWW_AUTHENTICATE, value)))
        }
    };
    refused
}

/// `application/json`, parameters aside.
fn is_json(headers: &http::HeaderMap) -> bool {
    is_type(headers, "application/json")
}

/// `text/event-stream`, parameters aside.
fn is_event_stream(headers: &http::HeaderMap) -> bool {
    is_type(headers, "text/event-stream")
}

fn is_type(headers: &http::HeaderMap, wanted: &str) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    value.is_some_and(|value| {
        let kind = value.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case(wanted)
    })
}
