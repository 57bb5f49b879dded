use serde_json::{Value as Json, json};

use super::super::OpenApi;
use super::super::tests::{api, only};
use super::*;

fn without_schema() -> OpenApi {
    api("/x", "get", json!({"operationId": "getX"}))
}

fn with_schema() -> OpenApi {
    let schema =
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}});
    api(
        "/x",
        "get",
        json!({"operationId": "getX", "responses": {"200": {"content": {"application/json": {"schema": schema}}}}}),
    )
}

fn result(api: &OpenApi, status: u16, media: &str, body: &[u8]) -> Json {
    let mut headers = HeaderMap::new();
    if !media.is_empty() {
        headers.insert(CONTENT_TYPE, media.parse().unwrap());
    }
    let status = StatusCode::from_u16(status).unwrap();
    let members = members(only(api), status, &headers, body);
    serde_json::from_str(&format!("{{{members}}}")).unwrap()
}

fn said(result: &Json) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[test]
fn json_is_text_and_structured_content_when_it_is_an_object() {
    let api = without_schema();
    for (media, body, structured) in [
        ("application/json", r#"{ "a": 1.50, "b": "\u00e9" }"#, true),
        ("Application/Problem+JSON; charset=utf-8", "{}", true),
        ("application/json", "[1]", false),
        ("application/json", "\"a\"", false),
        ("application/json", "{\"a\":1,\"a\":2}", false),
        ("application/json", "no json", false),
        ("text/plain", "{}", false),
    ] {
        let result = result(&api, 200, media, body.as_bytes());
        assert_eq!(said(&result), body);
        let expected = structured.then(|| serde_json::from_str::<Json>(body).unwrap());
        assert_eq!(
            result.get("structuredContent"),
            expected.as_ref(),
            "{media} {body}"
        );
        assert_eq!(result.get("isError"), None);
    }
}

#[test]
fn an_answer_that_the_document_does_not_promise_is_an_error_that_says_it_went_well() {
    let api = with_schema();
    let good = result(&api, 200, "application/json", br#"{"a":1,"more":true}"#);
    assert_eq!(good["structuredContent"], json!({"a": 1, "more": true}));
    for (media, body) in [
        ("application/json", r#"{"a":"1"}"#),
        ("application/json", "{}"),
        ("application/json", "[]"),
        ("application/json", "<html>"),
        ("text/html", "<html>"),
        ("image/png", "x"),
        ("application/json", ""),
    ] {
        let result = result(&api, 201, media, body.as_bytes());
        assert_eq!(result["isError"], true, "{media} {body}");
        assert_eq!(result.get("structuredContent"), None);
        let said = said(&result);
        assert!(
            said.contains("HTTP 201 Created") && said.contains("succeeded"),
            "{said}"
        );
        assert!(
            media != "application/json" || said.ends_with(body),
            "{said}"
        );
    }
}

#[test]
fn other_kinds_of_answers_are_what_they_are() {
    let api = without_schema();
    let rows: [(&str, &[u8], Json); 9] = [
        (
            "text/html; charset=utf-8",
            b"<p>\"hi\"</p>",
            json!({"type": "text", "text": "<p>\"hi\"</p>"}),
        ),
        (
            "image/svg+xml",
            b"<svg/>",
            json!({"type": "text", "text": "<svg/>"}),
        ),
        ("", b"plain", json!({"type": "text", "text": "plain"})),
        (
            "not a type",
            b"plain",
            json!({"type": "text", "text": "plain"}),
        ),
        (
            "application/json",
            b"",
            json!({"type": "text", "text": "HTTP 200 OK"}),
        ),
        (
            "image/png",
            b"\x89PNG",
            json!({"type": "image", "data": "iVBORw==", "mimeType": "image/png"}),
        ),
        (
            "audio/wav",
            b"\xff",
            json!({"type": "audio", "data": "/w==", "mimeType": "audio/wav"}),
        ),
        (
            "application/pdf",
            b"%PDF",
            json!({"type": "resource", "resource": {"uri": "result://getX", "mimeType": "application/pdf", "blob": "JVBERg=="}}),
        ),
        (
            "text/plain",
            b"\xff",
            json!({"type": "resource", "resource": {"uri": "result://getX", "mimeType": "text/plain", "blob": "/w=="}}),
        ),
    ];
    for (media, body, expected) in rows {
        let result = result(&api, 200, media, body);
        assert_eq!(result, json!({"content": [expected]}), "{media}");
    }
    let large = vec![0xff; MAX_BINARY_BYTES + 1];
    let result = result(&api, 200, "application/zip", &large);
    assert_eq!(result["isError"], true);
    assert!(said(&result).len() < 200);
}

#[test]
fn errors_are_told_with_their_status_and_not_with_all_they_say() {
    let api = with_schema();
    let rows = [
        (
            404,
            "application/json",
            "{\"error\":\"no pet\"}",
            "HTTP 404 Not Found\n\n{\"error\":\"no pet\"}",
        ),
        (500, "text/html", "", "HTTP 500 Internal Server Error"),
        (503, "image/png", "x", "HTTP 503 Service Unavailable"),
    ];
    for (status, media, body, expected) in rows {
        let result = result(&api, status, media, body.as_bytes());
        assert_eq!(said(&result), expected);
        assert_eq!(result["isError"], true);
        assert_eq!(result.get("structuredContent"), None);
    }
    let refused = result(&api, 401, "text/plain", b"who?");
    assert!(said(&refused).contains("credentials") && said(&refused).ends_with("who?"));
    let long = "é".repeat(20_000);
    let result_of_long = result(&api, 400, "text/plain", long.as_bytes());
    assert!(said(&result_of_long).len() < 17_000);
    assert!(said(&result_of_long).ends_with("more bytes]"));
    let moved = result(&api, 302, "text/html", b"https://evil.example.com");
    assert_eq!(moved["isError"], true);
    assert!(said(&moved).contains("redirects are not followed") && !said(&moved).contains("evil"));
}
