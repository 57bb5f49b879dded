//! Where something was changed or found, told without what callers wrote: a key is a caller's text too.

use parapet_tests::http_client::Outgoing;
use serde_json::{Value, json};

use crate::support::*;

/// Keys that a page must not have, as they are or in any other way.
const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "a\u{0}b\u{1b}[31m\u{202e}",
    "alice@example.com",
    "hunter2-is-the-password",
];

#[tokio::test]
async fn places_are_told_and_callers_keys_are_not() {
    let gateway = gateway("http://127.0.0.1:9").await;
    for key in HOSTILE {
        let found = format!("use {KEY}");
        let call = json!({
            "id": "call_1", "type": "function",
            "function": {"name": "search", "arguments": {key: [found, {key: found}]}},
        });
        let body = json!({
            "model": "demo/echo", "metadata": {key: found}, key: {"content": found},
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": found}]},
                {"role": "assistant", "content": null, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call_1", "content": "nothing", key: found},
                {"role": "user", "content": "and now?"},
            ],
        });
        let (status, id) = send(&gateway, &body).await;
        assert_eq!(status, 200, "{key:?}");
        let page = format!("/console/requests/{id}");
        let page = read_until(&gateway, &page, "places changed").await;
        let page = page.text().unwrap();
        for place in [
            "messages[0].content[0].text",
            "messages[1].tool_calls[0].function.arguments.*[0]",
            "messages[1].tool_calls[0].function.arguments.*[1].*",
            "messages[2].*",
            "metadata.*",
            "*.*",
        ] {
            assert!(
                page.contains(&format!("<code>{place}</code>")),
                "{key:?}: {place}"
            );
        }
        nothing_of(key, page);
    }
}

#[tokio::test]
async fn a_secret_that_is_a_key_is_told_by_its_object() {
    let gateway = gateway("http://127.0.0.1:9").await;
    let body = json!({
        "model": "demo/echo", "metadata": {KEY: "x"},
        "messages": [{"role": "user", "content": "hello"}],
    });
    let (status, id) = send(&gateway, &body).await;
    assert_eq!(status, 400);
    let page = format!("/console/requests/{id}");
    let page = read_until(&gateway, &page, "my-guardrails/secrets").await;
    assert!(page.text().unwrap().contains("<code>metadata</code>"));
    nothing_of(KEY, page.text().unwrap());
}

#[tokio::test]
async fn of_many_places_the_first_are_told() {
    let gateway = gateway("http://127.0.0.1:9").await;
    let messages: Vec<Value> = (0..40)
        .map(|_| json!({"role": "user", "content": format!("use {KEY}")}))
        .collect();
    let body = json!({"model": "demo/echo", "messages": messages});
    let (status, id) = send(&gateway, &body).await;
    assert_eq!(status, 200);
    let page = format!("/console/requests/{id}");
    let page = read_until(&gateway, &page, "40 places changed").await;
    let page = page.text().unwrap();
    assert!(page.contains("messages[15].content") && !page.contains("messages[16].content"));
    assert!(page.contains("and 24 more"));
}

async fn send(gateway: &parapet_tests::harness::Gateway, body: &Value) -> (u16, String) {
    let request = Outgoing::post("/v1/chat/completions", body.to_string()).bearer(TOKEN);
    let answer = gateway.client().send(request).await.unwrap();
    let id = answer.header("x-request-id").unwrap().to_owned();
    (answer.status.as_u16(), id)
}

/// The page has nothing of any key, however it would be escaped.
fn nothing_of(key: &str, page: &str) {
    for trace in [
        key, KEY, "alert(1)", "onerror", "hunter2", "alice@", "[31m", "U+202E",
    ] {
        assert!(!page.contains(trace), "{key:?}: {trace:?} in {page}");
    }
}
