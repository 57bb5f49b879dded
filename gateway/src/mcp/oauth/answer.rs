//! What a token endpoint answers: a token, or why there is none.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use parapet_guardrails::client::{ClientError, ClientResponse};
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::tokens::DEADLINE;
use crate::upstream::secret_value;

/// How long a token holds whose answer does not say. A server that is stricter answers 401, and then there is a new one.
const UNTOLD: Duration = Duration::from_secs(300);
/// Nobody is believed a longer time.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Bytes of a token: many servers take no longer header.
const MAX_TOKEN: usize = 16 * 1024;

/// A token as it is shown to a server, and for how long.
#[derive(Debug)]
pub(super) struct Token {
    /// `Bearer` and the token; it is wiped with the last copy.
    pub(super) value: HeaderValue,
    /// From now on.
    pub(super) lifetime: Duration,
}

/// Why there is no token. It repeats nothing that was sent or answered but the error codes of OAuth.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum TokenError {
    /// There was no answer.
    #[error("{0}")]
    Call(#[from] ClientError),
    /// It did not come in time.
    #[error("it did not answer within {} s", DEADLINE.as_secs())]
    TooSlow,
    /// It says no.
    #[error("it answered with status {} ({code})", .status.as_u16())]
    Refused {
        /// The answer's.
        status: StatusCode,
        /// The error's code, when it is one of OAuth's.
        code: &'static str,
    },
    /// It fails.
    #[error("it answered with status {}", .0.as_u16())]
    Failed(StatusCode),
    /// What it answers is no token that can be used.
    #[error("{0}")]
    Bad(&'static str),
    /// The gateway is ending.
    #[error("the gateway is shutting down")]
    Ending,
}

impl TokenError {
    /// The fixed word for records and metrics.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Call(ClientError::Unavailable { .. }) => "unavailable",
            Self::Call(ClientError::AddressRefused { .. }) => "address_refused",
            Self::Call(ClientError::TooLarge { .. }) => "too_large",
            Self::Call(ClientError::BadAnswer { .. }) | Self::Bad(_) => "bad_answer",
            Self::TooSlow => "timeout",
            Self::Refused { .. } => "refused",
            Self::Failed(_) => "failed",
            Self::Ending => "dropped",
        }
    }

    /// The status of the answer, when one arrived.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } | Self::Failed(status) => Some(status.as_u16()),
            Self::Bad(_) => Some(StatusCode::OK.as_u16()),
            Self::Call(_) | Self::TooSlow | Self::Ending => None,
        }
    }
}

/// What is read of an answer with a token.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<Value>,
}

/// What is read of an answer without.
#[derive(Deserialize)]
struct Denied {
    error: String,
}

/// Reads an answer.
pub(super) fn read(answer: &ClientResponse) -> Result<Token, TokenError> {
    let status = answer.status;
    if status.is_redirection() {
        return Err(TokenError::Bad("it redirects, which is not followed"));
    }
    if status.is_client_error() {
        let denied = serde_json::from_slice::<Denied>(&answer.body);
        let code = denied.map_or("no error code of OAuth", |denied| known(&denied.error));
        return Err(TokenError::Refused { status, code });
    }
    if status != StatusCode::OK {
        return Err(TokenError::Failed(status));
    }
    if !is_json(&answer.headers) {
        return Err(TokenError::Bad("its answer is no JSON"));
    }
    let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| {
        TokenError::Bad("its answer is no token: it needs access_token and token_type")
    })?;
    let token = Zeroizing::new(granted.access_token);
    if !granted.token_type.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::Bad(
            "its token is none to be borne (token_type)",
        ));
    }
    if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(TokenError::Bad(
            "its token is empty, too long, or nothing that a header can carry",
        ));
    }
    let lifetime = match granted.expires_in {
        None | Some(Value::Null) => UNTOLD,
        Some(told) => lifetime(&told).ok_or(TokenError::Bad("its expires_in is no number"))?,
    };
    let mut value = Zeroizing::new(String::with_capacity("Bearer ".len() + token.len()));
    value.push_str("Bearer ");
    value.push_str(&token);
    let value = secret_value(value).ok_or(TokenError::Bad("its token fits in no header"))?;
    Ok(Token {
        value,
        lifetime: lifetime.min(LONGEST),
    })
}

/// Seconds; some authorization servers write them as text.
fn lifetime(told: &Value) -> Option<Duration> {
    let seconds = match told {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<u32>().ok().map(f64::from),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let seconds = seconds.filter(|seconds| seconds.is_finite())?;
    Some(Duration::from_secs_f64(
        seconds.clamp(0.0, LONGEST.as_secs_f64()),
    ))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// The codes of RFC 6749 5.2, RFC 8693 2.2.2, RFC 8707 2: any other text may hold anything.
fn known(code: &str) -> &'static str {
    const CODES: [&str; 8] = [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "access_denied",
    ];
    let found = CODES.into_iter().find(|known| *known == code);
    found.unwrap_or("no error code of OAuth")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, kind: &'static str, body: &str) -> Result<Token, TokenError> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(kind));
        read(&ClientResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.to_owned().into(),
        })
    }

    #[test]
    fn tokens_are_read_with_their_lifetime() {
        for (more, seconds) in [
            (r#", "expires_in": 3600"#, 3600),
            (r#", "expires_in": "3599""#, 3599),
            (r#", "expires_in": 7200.0, "scope": "a", "x": [1]"#, 7200),
            ("", 300),
            (r#", "expires_in": null"#, 300),
            (r#", "expires_in": -5"#, 0),
            (r#", "expires_in": 1e300"#, 86_400),
        ] {
            for kind in ["Bearer", "bearer", "BEARER"] {
                let body = format!(r#"{{"access_token": "tok-1", "token_type": "{kind}"{more}}}"#);
                let token = answered(200, "application/json;charset=UTF-8", &body).unwrap();
                assert_eq!(token.value, "Bearer tok-1");
                assert!(!format!("{token:?}").contains("tok-1"));
                assert_eq!(token.lifetime.as_secs(), seconds, "{more}");
            }
        }
    }

    #[test]
    fn what_is_no_token_is_said_and_not_quoted() {
        let json = "application/json";
        let good = r#"{"access_token": "SECRET", "token_type": "Bearer"}"#;
        let long = format!(
            r#"{{"access_token": "{}", "token_type": "Bearer"}}"#,
            "S".repeat(MAX_TOKEN + 1)
        );
        let rows = [
            (200, "text/html", good, "bad_answer"),
            (200, json, "<p>SECRET</p>", "bad_answer"),
            (200, json, "{}", "bad_answer"),
            (200, json, r#"{"access_token": "SECRET"}"#, "bad_answer"),
            (
                200,
                json,
                r#"{"access_token": "SECRET", "token_type": "mac"}"#,
                "bad_answer",
            ),
            (
                200,
                json,
                r#"{"access_token": "SECRET", "token_type": "N_A"}"#,
                "bad_answer",
            ),
            (
                200,
                json,
                r#"{"access_token": "", "token_type": "Bearer"}"#,
                "bad_answer",
            ),
            (
                200,
                json,
                r#"{"access_token": "SEC RET", "token_type": "Bearer"}"#,
                "bad_answer",
            ),
            (
                200,
                json,
                r#"{"access_token": "SECRET", "access_token": "SECRET2", "token_type": "Bearer"}"#,
                "bad_answer",
            ),
            (
                200,
                json,
                r#"{"access_token": "SECRET", "token_type": "Bearer", "expires_in": "SECRET"}"#,
                "bad_answer",
            ),
            (200, json, &long, "bad_answer"),
            (302, json, good, "bad_answer"),
            (201, json, good, "failed"),
            (500, json, good, "failed"),
            (400, json, r#"{"error": "invalid_client"}"#, "refused"),
            (401, "text/html", "<p>SECRET</p>", "refused"),
            (
                400,
                json,
                r#"{"error": "SECRET", "error_description": "SECRET"}"#,
                "refused",
            ),
        ];
        for (status, kind, body, word) in rows {
            let error = answered(status, kind, body).unwrap_err();
            assert_eq!(error.word(), word, "{status} {body}");
            assert!(!format!("{error} {error:?}").contains("SEC"), "{error}");
        }
        let error = answered(400, json, r#"{"error": "invalid_client"}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it answered with status 400 (invalid_client)"
        );
    }
}
