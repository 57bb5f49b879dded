//! Error bodies, in the shape that each dialect's clients turn into their typed errors.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use serde::Serialize;

use super::Dialect;
use super::sse;

/// An error for the client.
#[derive(Clone, Copy, Debug)]
pub struct ErrorBody<'a> {
    /// The HTTP status that goes with it, also when it ends a stream that began with 200.
    pub status: u16,
    /// What went wrong, for a person. No text of the request or the answer.
    pub message: &'a str,
    /// The kind of error in OpenAI's words. Anthropic's follows from the status.
    pub kind: &'a str,
    /// The request's member that is at fault.
    pub param: Option<&'a str>,
    /// As sent in `x-request-id`.
    pub request_id: &'a str,
    /// What guardrails had to say, when they are the cause.
    pub guardrails: Option<&'a GuardrailChecks>,
    /// Who caused it: `guardrails_input`, `api_error`, ...; none for the gateway's own refusals.
    pub origin: Option<&'a str>,
}

/// The `guardrail_checks` member: one list, named after the hook.
#[derive(Clone, Debug)]
pub struct GuardrailChecks {
    /// `input_guardrails` or `output_guardrails`.
    pub list: &'static str,
    /// Its entries.
    pub entries: serde_json::Value,
}

impl Serialize for GuardrailChecks {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.list, &self.entries)])
    }
}

#[derive(Serialize)]
struct OpenAi<'a> {
    status: &'static str,
    message: &'a str,
    error: OpenAiError<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guardrail_checks: Option<&'a GuardrailChecks>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_origin_level: Option<&'a str>,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: String,
}

#[derive(Serialize)]
struct Anthropic<'a> {
    r#type: &'static str,
    error: AnthropicError<'a>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    guardrail_checks: Option<&'a GuardrailChecks>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_origin_level: Option<&'a str>,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    r#type: &'static str,
    message: &'a str,
}

impl ErrorBody<'_> {
    /// The body of a response.
    pub fn to_json(&self, dialect: Dialect) -> String {
        let json = match dialect {
            Dialect::OpenAi => serde_json::to_string(&OpenAi {
                status: "failure",
                message: self.message,
                error: OpenAiError {
                    message: self.message,
                    r#type: self.kind,
                    param: self.param,
                    code: self.status.to_string(),
                },
                guardrail_checks: self.guardrails,
                error_origin_level: self.origin,
            }),
            Dialect::Anthropic => serde_json::to_string(&Anthropic {
                r#type: "error",
                error: AnthropicError {
                    r#type: anthropic_kind(self.status),
                    message: self.message,
                },
                request_id: self.request_id,
                guardrail_checks: self.guardrails,
                error_origin_level: self.origin,
            }),
        };
        // Strings and a JSON value always serialise.
        json.unwrap_or_default()
    }

    /// The events that end a stream with this error. Nothing may follow them.
    pub fn to_events(&self, dialect: Dialect) -> Bytes {
        match dialect {
            Dialect::OpenAi => {
                let error = sse::encode("", &self.to_json(dialect));
                [&error[..], b"data: [DONE]\n\n"].concat().into()
            }
            // Clients look at the event field first: without it the error would not be seen.
            Dialect::Anthropic => sse::encode("error", &self.to_json(dialect)),
        }
    }
}

/// Anthropic's error type for a status; the table of its API.
const fn anthropic_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}
