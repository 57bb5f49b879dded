//! Where a connection goes to: scheme, host and port.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

/// Scheme, host and port. Cheap to clone; equal origins share connections.
#[derive(Clone, Debug)]
pub struct Origin(Arc<Inner>);

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
        Ok(Self(Arc::new(Inner {
            tls,
            host,
            port,
            authority: authority.clone(),
            header,
            name,
        })))
    }

    /// Whether it is `https`.
    pub fn tls(&self) -> bool {
        self.0.tls
    }

    /// The host without brackets.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Host and port, for messages.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The same, to be kept.
    pub fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.0.name)
    }

    /// The value of the `host` header.
    pub fn host_header(&self) -> HeaderValue {
        self.0.header.clone()
    }

    /// The whole URL of a path here, as HTTP/2 wants it.
    pub fn absolute(&self, path: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if self.0.tls {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        });
        parts.authority = Some(self.0.authority.clone());
        parts.path_and_query = Some(path);
        // All three parts are there, which is all that is asked.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.tls == other.0.tls
                && self.0.port == other.0.port
                && self.0.host == other.0.host)
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.host.hash(state);
        self.0.port.hash(state);
        self.0.tls.hash(state);
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
