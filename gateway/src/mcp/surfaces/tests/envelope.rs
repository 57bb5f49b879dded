//! What stands around parameters and results, and numbers and escapes that could carry text.

use super::super::Direction::{self, ToClient, ToServer};
use super::texts_of;
use crate::llm::testing::{MARK, holding};

/// How many texts of a message hold the mark.
fn held(direction: Direction, method: &str, body: &str) -> usize {
    let texts = texts_of(direction, method, None, body);
    holding(&texts, MARK).len()
}

#[test]
fn a_method_that_no_revision_has_and_an_id_that_is_a_word_are_texts() {
    let rows = [
        r#"{"jsonrpc":"2.0","id":7,"method":"notifications/MARK"}"#,
        r#"{"jsonrpc":"2.0","id":"MARK","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":"MARK","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":"MARK","error":{"code":1,"message":"x"}}"#,
    ];
    for row in rows {
        for direction in [ToServer, ToClient] {
            let body = row.replace("MARK", MARK);
            let method = format!("notifications/{MARK}");
            assert_eq!(held(direction, &method, &body), 1, "{body}");
        }
    }
    // What is counted or random is none, nor are methods that are known.
    for id in [
        "7",
        "\"7\"",
        "123456789012",
        "\"7b2c0a9e-7f3a-4c1d-9e57-0123456789ab\"",
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#);
        let texts = texts_of(ToServer, "tools/list", None, &body);
        assert!(texts.segments().list().is_empty(), "{id}");
    }
}

#[test]
fn long_numbers_are_texts_wherever_the_protocol_has_numbers() {
    let card = "4111111111111111";
    let requests = [
        r#""id":CARD,"method":"ping""#,
        r#""id":1,"method":"notifications/progress","params":{"progress":CARD,"progressToken":1}"#,
        r#""id":1,"method":"notifications/cancelled","params":{"requestId":CARD}"#,
        r#""id":1,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":CARD}}"#,
        r#""id":1,"method":"tools/call","params":{"name":CARD}"#,
        r#""id":1,"method":"tools/list","params":{"cursor":CARD}"#,
        r#""id":1,"method":"tools/call","params":{"name":"t","requestState":CARD}"#,
        r#""id":1,"error":{"code":CARD,"message":"x"}"#,
        r#""id":1,"result":{"ttlMs":CARD}"#,
        r#""id":1,"result":{"nextCursor":CARD}"#,
        r#""id":1,"result":{"content":[{"type":"text","text":"t","annotations":{"priority":CARD}}]}"#,
    ];
    for row in requests {
        let body = format!(r#"{{"jsonrpc":"2.0",{}}}"#, row.replace("CARD", card));
        for direction in [ToServer, ToClient] {
            let texts = texts_of(direction, "tools/call", None, &body);
            assert!(!holding(&texts, card).is_empty(), "{body}");
        }
    }
}

#[test]
fn what_is_json_for_others_only_hides_nothing() {
    // The mark's first letter behind an escape.
    let mark = format!("\\\\u{:04x}{}", u32::from(MARK.as_bytes()[0]), &MARK[1..]);
    let rows = [
        // A key twice, two values, a comma too many, and deeper than is read.
        r#"{\"a\":1,\"a\":\"MARK\"}"#,
        r#"{\"a\":1}\n{\"a\":\"MARK\"}"#,
        r#"{\"a\":\"MARK\",}"#,
        r#"[\"MARK\"] and more"#,
    ];
    for row in rows {
        let nested = row.replace("MARK", &mark);
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{{"a":"{nested}"}}}}}}"#
        );
        assert_eq!(held(ToServer, "tools/call", &call), 1, "{call}");
        let answer = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":[{{"type":"text","text":"{nested}"}}]}}}}"#
        );
        assert_eq!(held(ToClient, "tools/call", &answer), 1, "{answer}");
    }
    // Deeper in strings than is read as JSON.
    let hidden = format!("\\u{:04x}{}", u32::from(MARK.as_bytes()[0]), &MARK[1..]);
    let mut deep = format!(r#"{{"k":"{hidden}"}}"#);
    for _ in 0..7 {
        deep = serde_json::json!({"k": deep}).to_string();
    }
    let call = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "t", "arguments": {"a": deep}}});
    assert_eq!(held(ToServer, "tools/call", &call.to_string()), 1);
    // Text with escapes that everybody writes is judged once.
    let plain = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":"{\\u003cb\\u003e \\n \\u0000"}}}"#;
    let texts = texts_of(ToServer, "tools/call", None, plain);
    assert_eq!(
        texts.segments().list().len(),
        4,
        "name, the whole, key, leaf"
    );
}
