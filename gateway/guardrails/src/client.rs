//! The way out for guardrails: one bounded HTTP exchange. The gateway's one connector stands behind it.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode, Uri};

/// One request to a service.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    /// Usually POST.
    pub method: Method,
    /// Absolute, `http` or `https`.
    pub uri: Uri,
    /// Headers, credentials included (marked sensitive).
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The answer may have so many bytes after decoding.
    pub max_answer: usize,
}

/// The answer. A 3xx is an answer like any other: redirects are never followed.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body, decoded.
    pub body: Bytes,
}

/// Why there was no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// Nothing listens, the name does not resolve, the connection broke, TLS failed.
    #[error("cannot reach {host}: {reason}")]
    Unavailable {
        /// Host and port.
        host: String,
        /// In a few words.
        reason: String,
    },
    /// The address is one that the gateway never calls.
    #[error("{host} leads to an address that is not allowed")]
    AddressRefused {
        /// Host and port.
        host: String,
    },
    /// The answer is larger than `max_answer`.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// Host and port.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// The answer is not HTTP or cannot be decoded.
    #[error("the answer of {host} cannot be read: {reason}")]
    BadAnswer {
        /// Host and port.
        host: String,
        /// In a few words.
        reason: String,
    },
}

/// Sends one request and reads the whole answer. Cancel-safe.
pub trait HttpClient: Send + Sync {
    /// Sends. There is no timeout inside: the caller keeps the deadline.
    fn send(&self, request: ClientRequest) -> BoxFuture<'_, Result<ClientResponse, ClientError>>;
}
