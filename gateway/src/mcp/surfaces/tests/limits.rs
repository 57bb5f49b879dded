//! What is refused, and what is counted because nobody can judge it.

use std::sync::Arc;

use super::super::{About, Direction, Parsed, Refused, texts};
use super::{parsed, texts_of};
use crate::llm::json::JsonError;
use crate::llm::{Limits, LlmError, Unjudged};

fn refused(body: String) -> Refused {
    Parsed::read(Arc::new(body), 4 << 20).unwrap_err()
}

fn call(arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#
    )
}

#[test]
fn messages_that_nobody_can_read_safely_are_refused() {
    let limit = 4 << 20;
    let long = call(&format!("{{\"a\":\"{}\"}}", "x".repeat(10 << 20)));
    assert_eq!(refused(long), Refused::TooLarge { limit });
    let deep = call(&format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)));
    let deep = refused(deep);
    assert!(
        matches!(
            deep,
            Refused::Body(LlmError::Json(JsonError::TooDeep { .. }))
        ),
        "{deep:?}"
    );
    let twice = refused(call(r#"{"a":1,"a":2}"#));
    assert!(
        matches!(
            twice,
            Refused::Body(LlmError::Json(JsonError::DuplicateKey { .. }))
        ),
        "{twice:?}"
    );
    assert_eq!(refused("[]".to_owned()), Refused::Batch);
    assert_eq!(
        refused("1".to_owned()),
        Refused::Body(LlmError::NotAnObject)
    );
    let many = parsed(&call(&format!("[{}1]", "1,".repeat(1_000))));
    let limits = Limits {
        max_segments: 100,
        ..Limits::default()
    };
    let about = About::new(Direction::ToServer, "tools/call");
    assert_eq!(
        texts(&many, &about, &limits).unwrap_err(),
        LlmError::TooManyTexts { limit: 100 }
    );
}

#[test]
fn json_in_strings_is_read_to_a_bound_and_judged_below_it() {
    let mut value = "\"MARK-7f3a\"".to_owned();
    for _ in 0..7 {
        value = serde_json::json!({ "a": value }).to_string();
    }
    let texts = texts_of(Direction::ToServer, "tools/call", None, &call(&value));
    assert_eq!(crate::llm::testing::holding(&texts, "MARK-7f3a").len(), 1);
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let texts = texts_of(
        Direction::ToServer,
        "tools/call",
        None,
        &call(&format!("{{\"a\":\"{deep}\"}}")),
    );
    assert_eq!(texts.segments().list().len(), 4, "name, whole, key, text");
}

#[test]
fn what_cannot_be_judged_is_counted() {
    let rows = [
        (
            r#"{"content":[{"type":"image","data":"iVBORw0KGgo=","mimeType":"image/png"}]}"#,
            Unjudged::Image,
        ),
        (
            r#"{"content":[{"type":"audio","data":"UklGRv////8=","mimeType":"audio/wav"}]}"#,
            Unjudged::Audio,
        ),
        (
            r#"{"content":[{"type":"resource","resource":{"uri":"u","blob":"JVBERi0xLjcKJeLjz9MK"}}]}"#,
            Unjudged::File,
        ),
        (
            r#"{"contents":[{"uri":"u","blob":"AAECAw=="}]}"#,
            Unjudged::File,
        ),
        (
            r#"{"tools":[{"name":"t","icons":[{"src":"data:image/png;base64,iVBORw0KGgo="}]}]}"#,
            Unjudged::Image,
        ),
        (r#"{"requestState":"x"}"#, Unjudged::Opaque),
    ];
    for (result, class) in rows {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        let texts = texts_of(Direction::ToClient, "tools/call", None, &body);
        let counted: Vec<_> = texts.unjudged().iter().collect();
        assert_eq!(counted, [(class, 1)], "{result}");
    }
}
