//! Which pages and names a request may come from: what keeps a web page from calling a gateway on its reader's machine.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use crate::identity::has_credentials;
use crate::mcp::error::RpcError;
use crate::policy::settings::McpSettings;

/// Checks `Origin` and `Host`.
///
/// # Errors
/// A 403 for a page or a name that is not allowed.
pub(super) fn check(
    headers: &HeaderMap,
    peer: SocketAddr,
    settings: &McpSettings,
) -> Result<(), RpcError> {
    let host = host(headers);
    if !host_is_allowed(host.as_deref(), headers, peer, settings) {
        return Err(forbidden("this gateway is not called by this name"));
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Ok(()),
        (Some(origin), None) if origin_is_allowed(origin, host.as_deref(), settings) => Ok(()),
        (Some(_), _) => Err(forbidden("pages of this origin may not call this gateway")),
    }
}

fn forbidden(message: &'static str) -> RpcError {
    RpcError::new(StatusCode::FORBIDDEN, -32600, message)
}

/// The host that the client has called, without port, in lower case.
fn host(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(HOST)?.to_str().ok()?;
    let authority: Authority = host.parse().ok()?;
    Some(authority.host().to_ascii_lowercase())
}

fn host_is_allowed(
    host: Option<&str>,
    headers: &HeaderMap,
    peer: SocketAddr,
    settings: &McpSettings,
) -> bool {
    if !settings.allowed_hosts.is_empty() {
        return host.is_some_and(|host| settings.allowed_hosts.iter().any(|known| known == host));
    }
    // A page that has its own name point to this machine has no token to send. Whoever has one may call any name.
    if has_credentials(headers) || !peer.ip().to_canonical().is_loopback() {
        return true;
    }
    host.is_none_or(is_loopback)
}

fn origin_is_allowed(origin: &HeaderValue, host: Option<&str>, settings: &McpSettings) -> bool {
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let origin = origin.to_ascii_lowercase();
    if settings.allowed_origins.contains(&origin) {
        return true;
    }
    // Tools on the same machine, such as an inspector in the browser.
    let of = origin.parse::<Uri>().ok();
    let of = of.as_ref().and_then(Uri::host);
    of.is_some_and(is_loopback) && host.is_some_and(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = &'static [(&'static str, &'static str)];

    fn allowed(pairs: Pairs, peer: &str, settings: &McpSettings) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let peer = format!("{peer}:4711").parse().unwrap();
        check(&headers, peer, settings).is_ok()
    }

    #[test]
    fn hosts_and_origins() {
        let open = McpSettings::default();
        let closed = McpSettings {
            allowed_hosts: vec!["gateway.example.com".into()],
            allowed_origins: vec!["https://app.example.com".into()],
            ..McpSettings::default()
        };
        let (local, far) = ("127.0.0.1", "10.1.2.3");
        let rows: [(Pairs, &str, &McpSettings, bool); 16] = [
            (&[("host", "localhost:8787")], local, &open, true),
            (&[("host", "127.0.0.1:8787")], local, &open, true),
            (&[("host", "[::1]:8787")], "[::1]", &open, true),
            // DNS rebinding: a foreign name that leads to this machine.
            (&[("host", "evil.example.com:8787")], local, &open, false),
            (
                &[("host", "evil.example.com"), ("authorization", "Bearer x")],
                local,
                &open,
                true,
            ),
            (&[("host", "parapet.svc:8787")], far, &open, true),
            (
                &[("host", "localhost"), ("origin", "http://localhost:6274")],
                local,
                &open,
                true,
            ),
            (
                &[("host", "localhost"), ("origin", "http://evil.example.com")],
                local,
                &open,
                false,
            ),
            (
                &[("host", "localhost"), ("origin", "null")],
                local,
                &open,
                false,
            ),
            (
                &[("host", "parapet.svc"), ("origin", "http://parapet.svc")],
                far,
                &open,
                false,
            ),
            (
                &[("host", "parapet.svc"), ("origin", "http://localhost")],
                far,
                &open,
                false,
            ),
            (&[("host", "gateway.example.com")], far, &closed, true),
            (&[("host", "Gateway.Example.com:443")], far, &closed, true),
            (&[("host", "localhost")], local, &closed, false),
            (
                &[
                    ("host", "gateway.example.com"),
                    ("origin", "https://app.example.com"),
                ],
                far,
                &closed,
                true,
            ),
            (
                &[
                    ("host", "gateway.example.com"),
                    ("origin", "https://app.example.com"),
                    ("origin", "https://app.example.com"),
                ],
                far,
                &closed,
                false,
            ),
        ];
        for (pairs, peer, settings, expected) in rows {
            assert_eq!(allowed(pairs, peer, settings), expected, "{pairs:?} {peer}");
        }
    }
}
