use super::*;

fn blocked(checks: &GuardrailChecks) -> ErrorBody<'_> {
    ErrorBody {
        status: 400,
        message: "Input Guardrail checks failed for integrations: [g/\"n\"]",
        kind: "guardrail_checks_failed",
        param: None,
        request_id: "r-1",
        guardrails: Some(checks),
        origin: Some("guardrails_input"),
    }
}

fn checks() -> GuardrailChecks {
    let entries = serde_json::json!([{"guardrail_integration": "g/n", "result": "failed"}]);
    GuardrailChecks {
        list: "input_guardrails",
        entries,
    }
}

#[test]
fn a_block_reads_as_published() {
    let checks = checks();
    assert_eq!(
        blocked(&checks).to_json(Dialect::OpenAi),
        r#"{"status":"failure","message":"Input Guardrail checks failed for integrations: [g/\"n\"]","error":{"message":"Input Guardrail checks failed for integrations: [g/\"n\"]","type":"guardrail_checks_failed","param":null,"code":"400"},"guardrail_checks":{"input_guardrails":[{"guardrail_integration":"g/n","result":"failed"}]},"error_origin_level":"guardrails_input"}"#
    );
    assert_eq!(
        blocked(&checks).to_json(Dialect::Anthropic),
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Input Guardrail checks failed for integrations: [g/\"n\"]"},"request_id":"r-1","guardrail_checks":{"input_guardrails":[{"guardrail_integration":"g/n","result":"failed"}]},"error_origin_level":"guardrails_input"}"#
    );
}

#[test]
fn other_errors_carry_no_guardrails() {
    let error = ErrorBody {
        status: 401,
        message: "no token",
        kind: "authentication_error",
        param: None,
        request_id: "r-1",
        guardrails: None,
        origin: None,
    };
    assert_eq!(
        error.to_json(Dialect::OpenAi),
        r#"{"status":"failure","message":"no token","error":{"message":"no token","type":"authentication_error","param":null,"code":"401"}}"#
    );
    assert_eq!(
        error.to_json(Dialect::Anthropic),
        r#"{"type":"error","error":{"type":"authentication_error","message":"no token"},"request_id":"r-1"}"#
    );
}

#[test]
fn anthropic_clients_get_their_types() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ] {
        assert_eq!(anthropic_kind(status), kind, "{status}");
    }
}

#[test]
fn a_stream_ends_with_the_dialects_error_event() {
    let checks = checks();
    let error = blocked(&checks);
    let events = String::from_utf8(error.to_events(Dialect::OpenAi).to_vec()).unwrap();
    let expected = format!(
        "data: {}\n\ndata: [DONE]\n\n",
        error.to_json(Dialect::OpenAi)
    );
    assert_eq!(events, expected);
    let events = String::from_utf8(error.to_events(Dialect::Anthropic).to_vec()).unwrap();
    let expected = format!(
        "event: error\ndata: {}\n\n",
        error.to_json(Dialect::Anthropic)
    );
    assert_eq!(events, expected);
}
