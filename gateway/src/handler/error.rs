//! What a client is told when its request does not go through: the one place where causes become statuses.

use bytes::Bytes;

use crate::identity::AuthError;
use crate::llm::error::{ErrorBody, GuardrailChecks};
use crate::llm::{Dialect, LlmError};
use crate::pipeline::block::Blocked;

/// Why a request does not go through.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The request itself is wrong: 400.
    Invalid(String),
    /// A parameter of the request is wrong: 400.
    Parameter {
        /// Which.
        param: &'static str,
        /// For the client.
        message: String,
    },
    /// No token, or none that is accepted: 401; 503 when that cannot be known yet.
    Unauthenticated(AuthError),
    /// The caller may not do this: 403.
    Forbidden(String),
    /// There is no such path or model: 404.
    NotFound(String),
    /// The path is served with another method: 405.
    WrongMethod {
        /// For the `allow` header.
        allow: &'static str,
    },
    /// The client went away before its body was whole: 400, should it still read.
    ClientGone(String),
    /// The client stopped sending its body: 408.
    ClientTimeout(String),
    /// The body is too large: 413.
    TooLarge(String),
    /// The body is encoded: 415.
    Encoded(String),
    /// Too many requests in flight: 503 with `retry-after`.
    Overloaded,
    /// The upstream could not be reached or gave an answer that cannot be used: 502.
    Upstream(String),
    /// The upstream took too long: 504.
    UpstreamTimeout(String),
    /// Guardrails stopped it: 400, or 503 when they could not judge.
    Blocked(Blocked),
}

/// Seconds for `retry-after`.
const RETRY_AFTER: &str = "1";

impl Failure {
    /// The status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) | Self::Parameter { .. } | Self::ClientGone(_) => 400,
            Self::Unauthenticated(AuthError::NoKeys) => 503,
            Self::Unauthenticated(_) => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound(_) => 404,
            Self::WrongMethod { .. } => 405,
            Self::ClientTimeout(_) => 408,
            Self::TooLarge(_) => 413,
            Self::Encoded(_) => 415,
            Self::Overloaded => 503,
            Self::Upstream(_) => 502,
            Self::UpstreamTimeout(_) => 504,
            Self::Blocked(blocked) => blocked.status(),
        }
    }

    /// A header beside the body.
    pub const fn header(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Overloaded => Some(("retry-after", RETRY_AFTER)),
            Self::Unauthenticated(AuthError::NoKeys) => Some(("retry-after", RETRY_AFTER)),
            Self::Unauthenticated(error) => Some(("www-authenticate", challenge(*error))),
            Self::WrongMethod { allow } => Some(("allow", allow)),
            // A retry would meet the same guardrail.
            Self::Blocked(_) => Some(("x-should-retry", "false")),
            Self::Invalid(_)
            | Self::Parameter { .. }
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::ClientGone(_)
            | Self::ClientTimeout(_)
            | Self::TooLarge(_)
            | Self::Encoded(_)
            | Self::Upstream(_)
            | Self::UpstreamTimeout(_) => None,
        }
    }

    /// The body of the response.
    pub fn body(&self, dialect: Dialect, request_id: &str) -> Bytes {
        self.write(request_id, |body| Bytes::from(body.to_json(dialect)))
    }

    /// The events that end a stream.
    pub fn events(&self, dialect: Dialect, request_id: &str) -> Bytes {
        self.write(request_id, |body| body.to_events(dialect))
    }

    fn write(&self, request_id: &str, write: impl FnOnce(ErrorBody<'_>) -> Bytes) -> Bytes {
        let blocked = match self {
            Self::Blocked(blocked) => Some(blocked),
            _ => None,
        };
        let checks = blocked.map(|blocked| GuardrailChecks {
            list: blocked.checks_key(),
            entries: serde_json::to_value(blocked.checks()).unwrap_or_default(),
        });
        write(ErrorBody {
            status: self.status(),
            message: &self.message(),
            kind: self.kind(),
            param: self.param(),
            request_id,
            guardrails: checks.as_ref(),
            origin: blocked.map(Blocked::origin),
        })
    }

    /// The parameter that is wrong, when it is one.
    const fn param(&self) -> Option<&'static str> {
        match self {
            Self::Parameter { param, .. } => Some(param),
            Self::Invalid(_)
            | Self::Unauthenticated(_)
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::WrongMethod { .. }
            | Self::ClientGone(_)
            | Self::ClientTimeout(_)
            | Self::TooLarge(_)
            | Self::Encoded(_)
            | Self::Overloaded
            | Self::Upstream(_)
            | Self::UpstreamTimeout(_)
            | Self::Blocked(_) => None,
        }
    }

    /// The text for the client.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Invalid(message)
            | Self::Parameter { message, .. }
            | Self::Forbidden(message)
            | Self::NotFound(message)
            | Self::ClientGone(message)
            | Self::ClientTimeout(message)
            | Self::TooLarge(message)
            | Self::Encoded(message)
            | Self::Upstream(message)
            | Self::UpstreamTimeout(message) => message.clone(),
            Self::Unauthenticated(error) => error.to_string(),
            Self::WrongMethod { allow } => format!("this path takes {allow}"),
            Self::Overloaded => "too many requests in flight: try again".to_owned(),
            Self::Blocked(blocked) => blocked.message(),
        }
    }

    /// The kind of error in OpenAI's words.
    fn kind(&self) -> &'static str {
        match self {
            Self::Invalid(_)
            | Self::Parameter { .. }
            | Self::NotFound(_)
            | Self::WrongMethod { .. }
            | Self::ClientGone(_)
            | Self::TooLarge(_)
            | Self::Encoded(_) => "invalid_request_error",
            Self::Unauthenticated(AuthError::NoKeys) => "identity_unavailable",
            Self::Unauthenticated(_) => "authentication_error",
            Self::Forbidden(_) => "permission_error",
            Self::ClientTimeout(_) | Self::UpstreamTimeout(_) => "timeout_error",
            Self::Overloaded => "overloaded_error",
            Self::Upstream(_) => "api_error",
            Self::Blocked(blocked) => blocked.error_type(),
        }
    }
}

/// The challenge of RFC 6750: without a token there is nothing to say about it.
const fn challenge(error: AuthError) -> &'static str {
    match error {
        AuthError::Missing | AuthError::NoKeys => "Bearer",
        AuthError::Several => {
            r#"Bearer error="invalid_request", error_description="there are several tokens""#
        }
        AuthError::TooMany => {
            r#"Bearer error="invalid_token", error_description="the token lists too many teams or roles""#
        }
        AuthError::Unknown | AuthError::NoUser => r#"Bearer error="invalid_token""#,
        AuthError::Expired => {
            r#"Bearer error="invalid_token", error_description="the token has expired""#
        }
        AuthError::NotYetValid => {
            r#"Bearer error="invalid_token", error_description="the token is not valid yet""#
        }
        AuthError::Audience => {
            r#"Bearer error="invalid_token", error_description="the audience is another""#
        }
    }
}

impl From<Blocked> for Failure {
    fn from(blocked: Blocked) -> Self {
        Self::Blocked(blocked)
    }
}

impl From<LlmError> for Failure {
    fn from(error: LlmError) -> Self {
        let message = error.to_string();
        match error.param() {
            Some(param) => Self::Parameter { param, message },
            None => Self::Invalid(message),
        }
    }
}

impl From<crate::edge::ReadError> for Failure {
    fn from(error: crate::edge::ReadError) -> Self {
        use crate::edge::ReadError;
        let message = error.to_string();
        match error {
            ReadError::TooLarge { .. } => Self::TooLarge(message),
            ReadError::TimedOut { .. } => Self::ClientTimeout(message),
            ReadError::Encoded => Self::Encoded(message),
            ReadError::NotUtf8 { .. } | ReadError::BadFraming => Self::Invalid(message),
            ReadError::BrokenOff => Self::ClientGone(message),
        }
    }
}

impl From<crate::upstream::UpstreamError> for Failure {
    fn from(error: crate::upstream::UpstreamError) -> Self {
        use crate::upstream::UpstreamError;
        // Hosts and addresses are for the log; the client learns what happened.
        tracing::warn!(%error, "an upstream call failed");
        match error {
            UpstreamError::FirstByteTimeout { .. }
            | UpstreamError::IdleTimeout { .. }
            | UpstreamError::ConnectTimeout { .. } => {
                Self::UpstreamTimeout("the model did not answer in time".to_owned())
            }
            UpstreamError::Unreachable { .. } | UpstreamError::AddressRefused { .. } => {
                Self::Upstream("the model cannot be reached".to_owned())
            }
            UpstreamError::Cut { .. } => Self::Upstream("the model broke off".to_owned()),
            UpstreamError::TooLarge { .. } => {
                Self::Upstream("the model's answer is too large".to_owned())
            }
            UpstreamError::BadAnswer { .. } => {
                Self::Upstream("the model's answer cannot be read".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use parapet_policy::hook::Hook;
    use parapet_policy::outcome::{FailureClass, Outcome};
    use serde_json::{Value, json};

    use super::*;
    use crate::pipeline::block::Blocker;

    fn blocked(outcome: Outcome) -> Failure {
        Failure::Blocked(Blocked {
            hook: Hook::LlmInput,
            by: vec![Blocker {
                selector: "my-guardrails/pii".into(),
                outcome,
                categories: vec!["us_ssn".into()],
                custom_error_message: None,
            }],
        })
    }

    fn body(failure: &Failure, dialect: Dialect) -> Value {
        serde_json::from_slice(&failure.body(dialect, "req_1")).unwrap()
    }

    #[test]
    fn a_block_has_the_published_body() {
        let explanation = "us_ssn in messages[0].content".into();
        let failure = blocked(Outcome::Violation { explanation });
        let message = "Input Guardrail checks failed for integrations: [my-guardrails/pii] - Details: us_ssn in messages[0].content";
        let checks = json!({"input_guardrails": [{
            "guardrail_integration": "my-guardrails/pii",
            "result": "failed",
            "data": {"verdict": false, "explanation": "us_ssn in messages[0].content", "categories": ["us_ssn"]}
        }]});
        assert_eq!(failure.status(), 400);
        assert_eq!(
            body(&failure, Dialect::OpenAi),
            json!({
                "status": "failure",
                "message": message,
                "error": {"message": message, "type": "guardrail_checks_failed", "param": null, "code": "400"},
                "guardrail_checks": checks,
                "error_origin_level": "guardrails_input"
            })
        );
        assert_eq!(
            body(&failure, Dialect::Anthropic),
            json!({
                "type": "error",
                "error": {"type": "invalid_request_error", "message": message},
                "guardrail_checks": checks,
                "error_origin_level": "guardrails_input",
                "request_id": "req_1"
            })
        );
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        let failure = Failure::from(LlmError::Missing { field: "model" });
        assert_eq!(failure.status(), 400);
        assert_eq!(body(&failure, Dialect::OpenAi)["error"]["param"], "model");
        let failure = Failure::from(LlmError::NotAnObject);
        assert_eq!(
            body(&failure, Dialect::OpenAi)["error"]["param"],
            json!(null)
        );
    }

    #[test]
    fn a_failed_guardrail_is_a_503_that_is_not_retried() {
        let failure = blocked(Outcome::Failed(FailureClass::Timeout));
        assert_eq!(failure.status(), 503);
        assert_eq!(failure.header(), Some(("x-should-retry", "false")));
        let body = body(&failure, Dialect::OpenAi);
        assert_eq!(body["error"]["type"], "guardrail_unavailable");
        assert_eq!(body["error"]["code"], "503");
    }
}
