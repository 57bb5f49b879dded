//! What a client learns about where tokens for an MCP server come from (RFC 9728).

use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, Response};
use serde_json::json;

use crate::edge::Body;
use crate::handler::error::Failure;
use crate::handler::{Gateway, answer};
use crate::pipeline::recording::Recording;
use crate::policy::ready::Snapshot;

/// Where the documents are, before the path that they are about.
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Where the document about a server is; none when no issuer's tokens are accepted.
pub(super) fn url(head: &Parts, name: &str, snapshot: &Snapshot) -> Option<String> {
    issuers(snapshot).next()?;
    let base = base(&head.headers, snapshot)?;
    // The path as it was called, so that the document names the URL that the client uses.
    let path = head.uri.path();
    let path = if crate::route::mcp_server(path) == Some(name) {
        path.to_owned()
    } else {
        format!("/mcp/{name}")
    };
    Some(format!("{base}{WELL_KNOWN}{path}"))
}

impl Gateway {
    /// Answers with the document about the server at a path.
    pub(in crate::handler) fn mcp_metadata(
        &self,
        head: &Parts,
        path: &str,
        recording: &Recording,
    ) -> Result<Response<Body>, Failure> {
        let snapshot = self.policy.load();
        let not_found = || Failure::NotFound("there is no such MCP server".to_owned());
        let server = crate::route::mcp_server(path).and_then(|name| snapshot.mcp.get(name));
        server.ok_or_else(not_found)?;
        let issuers: Vec<&str> = issuers(&snapshot).collect();
        if issuers.is_empty() {
            return Err(Failure::NotFound(
                "no identity provider is configured: ask whoever runs this gateway for a token"
                    .to_owned(),
            ));
        }
        let base = base(&head.headers, &snapshot).ok_or_else(not_found)?;
        let document = json!({
            "resource": format!("{base}{path}"),
            "authorization_servers": issuers,
            "bearer_methods_supported": ["header"],
        });
        Ok(answer::json(&document, recording))
    }
}

fn issuers(snapshot: &Snapshot) -> impl Iterator<Item = &str> {
    let providers = snapshot.planner.bundle().identity_providers.iter();
    providers.filter_map(|provider| provider.spec.get("issuer")?.as_str())
}

/// Scheme and host as clients see them: the setting's, or what this request came by.
fn base(headers: &HeaderMap, snapshot: &Snapshot) -> Option<String> {
    if let Some(url) = &snapshot.settings.mcp.public_url {
        return Some(url.trim_end_matches('/').to_owned());
    }
    let host = headers.get(HOST)?.to_str().ok()?;
    // It goes into a quoted header and into JSON: only what is a host and a port.
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(is_host) {
        return None;
    }
    let forwarded = headers.get("x-forwarded-proto");
    let is_https = forwarded.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"));
    let scheme = if is_https { "https" } else { "http" };
    Some(format!("{scheme}://{host}"))
}
