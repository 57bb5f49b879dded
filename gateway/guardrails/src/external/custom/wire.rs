//! What goes over the wire to a custom server, and what its answers mean.

use http::StatusCode;
use parapet_policy::outcome::Operation;
use serde::Serialize;
use serde_json::Value;

use super::Contract;
use crate::exchange::{Exchange, Verdict};
use crate::external::request::{User, shown};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    user: User<'a>,
    metadata: &'a std::collections::BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp: Option<Mcp<'a>>,
}

#[derive(Serialize)]
struct Mcp<'a> {
    server: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'a str>,
}

/// The body of the call. The bodies that are judged go in as they stand, without being parsed again.
pub(super) fn request_body(exchange: &Exchange, config: &str) -> Vec<u8> {
    let call = &exchange.call;
    let context = Context {
        user: User::of(&call.caller.subject),
        metadata: &call.metadata,
        mcp: call.mcp.as_ref().map(|mcp| Mcp {
            server: mcp.servers.first().map_or("", |name| name),
            tool: mcp.tool.as_deref(),
        }),
    };
    let context = serde_json::to_vec(&context).unwrap_or_else(|_| b"{}".to_vec());
    let response_len = exchange.response_body.as_ref().map_or(0, bytes::Bytes::len);
    let mut body = Vec::with_capacity(
        exchange.request_body.len() + response_len + config.len() + context.len() + 64,
    );
    body.extend_from_slice(b"{\"requestBody\":");
    body.extend_from_slice(&exchange.request_body);
    if let Some(response) = &exchange.response_body {
        body.extend_from_slice(b",\"responseBody\":");
        body.extend_from_slice(response);
    }
    body.extend_from_slice(b",\"config\":");
    body.extend_from_slice(config.as_bytes());
    body.extend_from_slice(b",\"context\":");
    body.extend_from_slice(&context);
    body.push(b'}');
    body
}

/// What an answer means. An error completes the sentence "the custom guardrail at HOST ...".
pub(super) fn read_answer(
    contract: Contract,
    operation: Operation,
    status: StatusCode,
    body: &[u8],
) -> Result<Verdict, String> {
    match contract {
        Contract::Current => {
            if !status.is_success() {
                return Err(format!("answered {}", status.as_u16()));
            }
            Ok(read_current(operation, parse(body)?))
        }
        Contract::Legacy => {
            if status.is_client_error() {
                let message = serde_json::from_slice::<Value>(body)
                    .ok()
                    .as_ref()
                    .and_then(legacy_message);
                return Ok(violation(message.as_deref()));
            }
            if !status.is_success() {
                return Err(format!("answered {}", status.as_u16()));
            }
            Ok(match (parse(body)?, operation) {
                (changed @ Value::Object(_), Operation::Mutate) => Verdict::Body(changed),
                _ => Verdict::Pass,
            })
        }
    }
}

fn parse(body: &[u8]) -> Result<Value, String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|_| "answered with something that is not JSON".to_owned())
}

/// A boolean `verdict` decides; without one `result: false` fails; everything else passes.
fn read_current(operation: Operation, mut answer: Value) -> Verdict {
    let message = answer
        .get("message")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let passed = match answer.get("verdict").and_then(Value::as_bool) {
        Some(verdict) => verdict,
        None => answer.get("result") != Some(&Value::Bool(false)),
    };
    if !passed {
        return violation(message.as_deref());
    }
    let transformed = answer.get("transformed").and_then(Value::as_bool) == Some(true);
    match (operation, answer.get_mut("result").map(Value::take)) {
        (Operation::Mutate, Some(result @ Value::Object(_))) if transformed => {
            Verdict::Body(result)
        }
        _ => Verdict::Pass,
    }
}

/// `detail` may be a text or an object with a `message` or `reason`.
fn legacy_message(body: &Value) -> Option<String> {
    let detail = body
        .get("detail")
        .or_else(|| body.get("message"))
        .or_else(|| body.get("error"))?;
    let text = detail
        .as_str()
        .or_else(|| detail.get("message").and_then(Value::as_str))
        .or_else(|| detail.get("reason").and_then(Value::as_str))?;
    Some(text.to_owned())
}

fn violation(message: Option<&str>) -> Verdict {
    let explanation = message
        .and_then(shown)
        .unwrap_or_else(|| "the guardrail server refused it".to_owned());
    Verdict::Violation {
        explanation,
        categories: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(contract: Contract, operation: Operation, status: u16, body: &str) -> String {
        match read_answer(
            contract,
            operation,
            StatusCode::from_u16(status).unwrap(),
            body.as_bytes(),
        ) {
            Ok(Verdict::Pass) => "pass".into(),
            Ok(Verdict::Violation { explanation, .. }) => format!("violation: {explanation}"),
            Ok(Verdict::Body(body)) => format!("body: {body}"),
            Ok(Verdict::Edits { .. }) => "edits".into(),
            Err(what) => format!("failed: {what}"),
        }
    }

    #[test]
    fn current_contract() {
        use Operation::{Mutate, Validate};
        let rows = [
            (Validate, 200, r#"{"verdict":true}"#, "pass"),
            (
                Validate,
                200,
                r#"{"verdict":false,"message":"why"}"#,
                "violation: why",
            ),
            (
                Validate,
                200,
                r#"{"verdict":false}"#,
                "violation: the guardrail server refused it",
            ),
            (
                Validate,
                200,
                r#"{"result":false}"#,
                "violation: the guardrail server refused it",
            ),
            (Validate, 200, r#"{"result":true}"#, "pass"),
            (Validate, 200, "null", "pass"),
            (Validate, 200, "", "pass"),
            (
                Validate,
                200,
                r#"{"verdict":true,"transformed":true,"result":{"a":1}}"#,
                "pass",
            ),
            (
                Mutate,
                200,
                r#"{"verdict":true,"transformed":true,"result":{"a":1}}"#,
                r#"body: {"a":1}"#,
            ),
            (Mutate, 200, r#"{"verdict":true,"result":{"a":1}}"#, "pass"),
            (
                Mutate,
                200,
                r#"{"verdict":false,"transformed":true,"result":{"a":1},"message":"no"}"#,
                "violation: no",
            ),
            (
                Validate,
                200,
                "<html>",
                "failed: answered with something that is not JSON",
            ),
            (Validate, 400, "{}", "failed: answered 400"),
            (Validate, 302, "{}", "failed: answered 302"),
            (Validate, 500, "", "failed: answered 500"),
        ];
        for (operation, status, body, expected) in rows {
            assert_eq!(
                read(Contract::Current, operation, status, body),
                expected,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn legacy_contract() {
        use Operation::{Mutate, Validate};
        let rows = [
            (Validate, 200, "null", "pass"),
            (
                Mutate,
                200,
                r#"{"messages":[]}"#,
                r#"body: {"messages":[]}"#,
            ),
            (Validate, 200, r#"{"messages":[]}"#, "pass"),
            (
                Validate,
                400,
                r#"{"detail":"too rude"}"#,
                "violation: too rude",
            ),
            (
                Validate,
                403,
                r#"{"detail":{"reason":"pii"}}"#,
                "violation: pii",
            ),
            (
                Validate,
                422,
                "oops",
                "violation: the guardrail server refused it",
            ),
            (Validate, 502, "", "failed: answered 502"),
        ];
        for (operation, status, body, expected) in rows {
            assert_eq!(
                read(Contract::Legacy, operation, status, body),
                expected,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn a_message_is_bounded_and_has_no_control_characters() {
        let long = format!(
            r#"{{"verdict":false,"message":"a\u0000b{}"}}"#,
            "x".repeat(2_000)
        );
        let read = read(Contract::Current, Operation::Validate, 200, &long);
        assert_eq!(read.chars().count(), "violation: ".len() + 512);
        assert!(read.starts_with("violation: a b"));
    }
}
