//! Where a connection goes to: scheme, host and port.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

use super::peer::PeerTls;

/// Scheme, host and port, and what is special about TLS there. Cheap to clone; equal origins share connections.
#[derive(Clone, Debug)]
pub struct Origin {
    inner: Arc<Inner>,
    peer: Option<PeerTls>,
}

#[derive(Debug)]
struct Inner {
    tls: bool,
    /// Without brackets.
    host: String,
    port: u16,
    authority: Authority,
    /// For the `host` header.
    header: HeaderValue,
    /// For messages: host and port.
    name: Arc<str>,
}

/// A URL that can't be called.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OriginError {
    /// Neither `http` nor `https`.
    #[error("the URL must begin with http:// or https://")]
    Scheme,
    /// No host.
    #[error("the URL names no host")]
    Host,
    /// `user:password@`.
    #[error("the URL carries a user name or a password; use a header with a secretKeyRef instead")]
    Credentials,
}

impl Origin {
    /// The origin of a URL.
    ///
    /// # Errors
    /// See [`OriginError`].
    pub fn of(uri: &Uri) -> Result<Self, OriginError> {
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(_) | None => return Err(OriginError::Scheme),
        };
        let authority = uri.authority().ok_or(OriginError::Host)?;
        if authority.as_str().contains('@') {
            return Err(OriginError::Credentials);
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err(OriginError::Host);
        }
        let default = if tls { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(default);
        let header = HeaderValue::from_str(authority.as_str()).map_err(|_| OriginError::Host)?;
        let name = format!("{}:{port}", authority.host()).into();
        let inner = Inner {
            tls,
            host,
            port,
            authority: authority.clone(),
            header,
            name,
        };
        Ok(Self {
            inner: Arc::new(inner),
            peer: None,
        })
    }

    /// The same place, where TLS is special.
    #[must_use]
    pub fn with_peer(self, peer: Option<PeerTls>) -> Self {
        Self { peer, ..self }
    }

    pub(super) const fn peer(&self) -> Option<&PeerTls> {
        self.peer.as_ref()
    }

    /// Whether it is `https`.
    pub fn tls(&self) -> bool {
        self.inner.tls
    }

    /// The host without brackets.
    pub fn host(&self) -> &str {
        &self.inner.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.inner.port
    }

    /// Host and port, for messages.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The same, to be kept.
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.inner.name)
    }

    /// The value of the `host` header.
    pub fn host_header(&self) -> HeaderValue {
        self.inner.header.clone()
    }

    /// The whole URL of a path here, as HTTP/2 wants it.
    pub fn absolute(&self, path: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if self.inner.tls {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        });
        parts.authority = Some(self.inner.authority.clone());
        parts.path_and_query = Some(path);
        // All three parts are there, which is all that is asked.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        let same_place = Arc::ptr_eq(&self.inner, &other.inner)
            || (self.inner.tls == other.inner.tls
                && self.inner.port == other.inner.port
                && self.inner.host == other.inner.host);
        same_place && self.peer == other.peer
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.host.hash(state);
        self.inner.port.hash(state);
        self.inner.tls.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urls() {
        for (url, tls, host, port) in [
            ("http://a.example/v1", false, "a.example", 80),
            ("https://a.example", true, "a.example", 443),
            ("https://a.example:8443/x?y=z", true, "a.example", 8443),
            ("http://[::1]:9000/v1", false, "::1", 9000),
        ] {
            let origin = Origin::of(&url.parse().unwrap()).unwrap();
            assert_eq!(
                (origin.tls(), origin.host(), origin.port()),
                (tls, host, port),
                "{url}"
            );
        }
    }

    #[test]
    fn refuses_what_it_cannot_call() {
        for (url, error) in [
            ("ftp://a.example/", OriginError::Scheme),
            ("/v1", OriginError::Scheme),
            ("http://user:pass@a.example/", OriginError::Credentials),
        ] {
            assert_eq!(
                Origin::of(&url.parse().unwrap()).unwrap_err(),
                error,
                "{url}"
            );
        }
    }

    #[test]
    fn equal_origins_are_equal() {
        let of = |url: &str| Origin::of(&url.parse().unwrap()).unwrap();
        assert_eq!(of("http://a.example/v1"), of("http://a.example:80/v2"));
        assert_ne!(of("http://a.example:443"), of("https://a.example"));
    }
}
