//! Why an upstream call did not give an answer.

use std::time::Duration;

use http::StatusCode;

use super::origin::Origin;

/// Why there is no answer, or no more of it. Says which host, never what was sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UpstreamError {
    /// Nothing listens, the name does not resolve, TLS failed.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// In a few words.
        reason: String,
    },
    /// Every address of the host is one that is never called.
    #[error("{host} leads to an address that is not allowed")]
    AddressRefused {
        /// Host and port.
        host: String,
    },
    /// No connection within the limit.
    #[error("no connection to {host} within {} s", .limit.as_secs_f32())]
    ConnectTimeout {
        /// Host and port.
        host: String,
        /// The limit.
        limit: Duration,
    },
    /// No answer began within the limit.
    #[error("{host} did not begin to answer within {} s", .limit.as_secs_f32())]
    FirstByteTimeout {
        /// Host and port.
        host: String,
        /// The limit.
        limit: Duration,
    },
    /// The answer began and then nothing came.
    #[error("the answer of {host} stopped for {} s", .limit.as_secs_f32())]
    IdleTimeout {
        /// Host and port.
        host: String,
        /// The limit.
        limit: Duration,
    },
    /// The connection broke before the answer's end.
    #[error("{host} broke off: {reason}")]
    Cut {
        /// Host and port.
        host: String,
        /// In a few words.
        reason: String,
    },
    /// More than was allowed, after decoding.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// Host and port.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// Not HTTP, or encoded in a way that can't be read.
    #[error("the answer of {host} cannot be read: {reason}")]
    BadAnswer {
        /// Host and port.
        host: String,
        /// In a few words.
        reason: String,
    },
}

impl UpstreamError {
    /// The status for the client: 504 for what took too long, else 502.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::ConnectTimeout { .. }
            | Self::FirstByteTimeout { .. }
            | Self::IdleTimeout { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Unreachable { .. }
            | Self::AddressRefused { .. }
            | Self::Cut { .. }
            | Self::TooLarge { .. }
            | Self::BadAnswer { .. } => StatusCode::BAD_GATEWAY,
        }
    }

    /// The fixed word for the record.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::AddressRefused { .. } => "refused",
            Self::ConnectTimeout { .. }
            | Self::FirstByteTimeout { .. }
            | Self::IdleTimeout { .. } => "timeout",
            Self::Cut { .. } => "cut",
            Self::TooLarge { .. } | Self::BadAnswer { .. } => "bad_answer",
        }
    }
}

/// What hyper's error means for us.
pub fn cut(origin: &Origin, error: &hyper::Error) -> UpstreamError {
    let host = origin.name().to_owned();
    if error.is_parse() {
        return UpstreamError::BadAnswer {
            host,
            reason: "it is not HTTP".to_owned(),
        };
    }
    let reason = if error.is_incomplete_message() {
        "the connection was closed before the answer was complete"
    } else if error.is_timeout() {
        "the connection timed out"
    } else {
        "the connection failed"
    };
    UpstreamError::Cut {
        host,
        reason: reason.to_owned(),
    }
}
