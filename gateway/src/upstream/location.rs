//! A URL that is called as it is, and a call of it.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use parapet_connect::{Origin, PeerTls, UpstreamError};
use zeroize::Zeroizing;

use super::call::{CallLimits, UpstreamResponse, exchange};
use super::pool::{Outbound, Pool};
use super::provider::{Target, secret_value};
use crate::timer;

/// A URL, ready to be called. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Location {
    origin: Origin,
    target: Target,
}

impl Location {
    /// Reads a URL; a query is part of it.
    ///
    /// # Errors
    /// In words, when it cannot be called.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url
            .trim()
            .parse()
            .map_err(|_| "it is not a URL".to_owned())?;
        let origin = Origin::of(&uri).map_err(|error| error.to_string())?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let target = Target::new(&origin, path).ok_or("its path is not usable")?;
        Ok(Self { origin, target })
    }

    /// The same place, where TLS is special.
    pub(crate) fn with_tls(self, tls: Option<PeerTls>) -> Self {
        Self {
            origin: self.origin.with_peer(tls),
            ..self
        }
    }

    /// Another path, with its query, below this one on the same server. None when it is not usable.
    pub(crate) fn below(&self, path: &str) -> Option<Self> {
        let above = self.target.path.path().trim_end_matches('/');
        let target = Target::new(&self.origin, &format!("{above}{path}"))?;
        Some(Self {
            origin: self.origin.clone(),
            target,
        })
    }

    /// Path and query.
    #[cfg(test)]
    pub(crate) fn path(&self) -> String {
        self.target.path.to_string()
    }

    /// Host and port.
    pub(crate) fn server(&self) -> Arc<str> {
        self.origin.shared_name()
    }
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Location")
            .field(&self.origin.name())
            .finish()
    }
}

/// What is sent.
#[derive(Clone)]
pub(crate) struct Sent {
    /// The method.
    pub(crate) method: Method,
    /// All headers but those of the connection.
    pub(crate) headers: HeaderMap,
    /// The body; empty: none.
    pub(crate) body: Bytes,
}

/// Calls a URL over one thread's connections, and waits for the head of the answer. A redirect is an answer like any
/// other: nothing follows it.
///
/// # Errors
/// See [`UpstreamError`]. An answer with an error status is an answer.
pub(crate) async fn send(
    pool: Rc<Pool>,
    to: Location,
    sent: Sent,
    limits: CallLimits,
) -> Result<UpstreamResponse, UpstreamError> {
    let Sent {
        method,
        mut headers,
        body,
    } = sent;
    // A compressed answer could not be judged event by event.
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    let outbound = Outbound {
        method,
        path: to.target.path.clone(),
        absolute: to.target.absolute.clone(),
        headers,
        body,
    };
    let answer = exchange(&pool, &to.origin, outbound, limits.idle);
    match timer::timeout(limits.first_byte, answer).await {
        Ok(result) => result,
        Err(timer::Elapsed) => Err(UpstreamError::FirstByteTimeout {
            host: to.origin.name().to_owned(),
            limit: limits.first_byte,
        }),
    }
}

/// A header has a name or a value that HTTP does not allow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BadHeader;

/// A header with a value that never shows in `Debug`.
///
/// # Errors
/// When HTTP does not allow it.
pub(crate) fn named_value(
    name: &str,
    value: Zeroizing<String>,
) -> Result<(HeaderName, HeaderValue), BadHeader> {
    let name = HeaderName::try_from(name).map_err(|_| BadHeader)?;
    let value = secret_value(value).ok_or(BadHeader)?;
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_called_as_they_are() {
        let location = Location::parse(" https://mcp.example.com:8443/a/mcp?tenant=1 ").unwrap();
        assert_eq!(&*location.server(), "mcp.example.com:8443");
        assert_eq!(location.target.path.to_string(), "/a/mcp?tenant=1");
        let below = location.below("/b/%2F?q=1").unwrap();
        assert_eq!(below.path(), "/a/mcp/b/%2F?q=1");
        let root = Location::parse("https://mcp.example.com/").unwrap();
        assert_eq!(root.below("/b").unwrap().path(), "/b");
        assert!(root.below("/b c").is_none());
        for bad in ["", "mcp.example.com/mcp", "ftp://a/", "http://u:p@a/"] {
            assert!(Location::parse(bad).is_err(), "{bad}");
        }
    }
}
