//! What edits make of a message.

use parapet_guardrails::finding::Edit;
use parapet_guardrails::segment::Rewrite;

use super::super::{Direction, shown_request, shown_response, twins};
use super::{parsed, texts_of};
use crate::llm::Texts;
use crate::llm::testing::{holding, output, replace};

fn result(result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#)
}

fn edited(body: &str, needle: &str, replacement: &str) -> String {
    let mut texts = texts_of(Direction::ToClient, "tools/call", None, body);
    let edit = replace(&texts, needle, replacement);
    texts.apply(&[edit]).unwrap();
    output(&texts)
}

#[test]
fn json_in_strings_of_json_is_escaped_once_per_level() {
    let inner = serde_json::json!({"key": "secret \"1\"", "n": 5}).to_string();
    let outer = serde_json::json!({"a": [inner, "b"], "c": "secret 2"}).to_string();
    let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": {"x": outer}}});
    let changed = edited(&body.to_string(), "secret \"", "[\"R\"]");
    let changed: serde_json::Value = serde_json::from_str(&changed).unwrap();
    let outer = changed["result"]["structuredContent"]["x"]
        .as_str()
        .unwrap();
    let outer: serde_json::Value = serde_json::from_str(outer).unwrap();
    assert_eq!(
        (&outer["a"][1], &outer["c"]),
        (&"b".into(), &"secret 2".into())
    );
    let inner: serde_json::Value = serde_json::from_str(outer["a"][0].as_str().unwrap()).unwrap();
    assert_eq!(inner, serde_json::json!({"key": "[\"R\"]1\"", "n": 5}));
}

#[test]
fn a_number_in_json_in_a_text_becomes_a_string_there() {
    let body = result(r#"{"content":[{"type":"text","text":"{\"ssn\": 123456789}"}]}"#);
    let changed = edited(&body, "123456789", "[SSN]");
    assert_eq!(changed, body.replace("123456789", r#"\"[SSN]\""#));
}

#[test]
fn text_in_base64_is_judged_and_packed_again() {
    let blob = |text: &str| {
        use base64::Engine as _;
        let blob = base64::engine::general_purpose::STANDARD.encode(text);
        result(&format!(
            r#"{{"contents":[{{"uri":"u","mimeType":"application/octet-stream","blob":"{blob}"}}]}}"#
        ))
    };
    let changed = edited(&blob("a secret\n"), "secret", "[R]");
    assert_eq!(changed, blob("a [R]\n"));
}

#[test]
fn what_is_split_over_blocks_is_one_text() {
    let body = result(
        r#"{"content":[{"type":"text","text":"a sec"},{"type":"text","text":"ret b"},{"type":"image","data":"AAAA"},{"type":"text","text":"c"}]}"#,
    );
    let changed = edited(&body, "secret", "[R]");
    assert_eq!(
        changed,
        body.replace("a sec", "a [R]").replace("ret b", " b")
    );
}

#[test]
fn a_schema_forbids_strings_for_numbers() {
    let tool = r#"{"name":"t","inputSchema":{"properties":{"n":{"type":"integer"},"m":{}}},"outputSchema":{"properties":{"o":{"type":"number"}}}}"#;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"n":111,"m":222}}}"#;
    let texts = texts_of(Direction::ToServer, "tools/call", Some(tool), call);
    let rewrite = |texts: &Texts, needle: &str| {
        let [segment] = holding(texts, needle)[..] else {
            panic!("{needle}")
        };
        texts.segments().list()[segment].rewrite
    };
    assert_eq!(rewrite(&texts, "111"), Rewrite::No("number"));
    assert_eq!(rewrite(&texts, "222"), Rewrite::Yes);
    let body = result(r#"{"structuredContent":{"o":333}}"#);
    let texts = texts_of(Direction::ToClient, "tools/call", Some(tool), &body);
    assert_eq!(rewrite(&texts, "333"), Rewrite::No("number"));
}

#[test]
fn structured_content_and_the_text_that_repeats_it_change_together() {
    let body = result(
        r#"{"content":[{"type":"text","text":"{\"b\": [1.0, \"{\\\"k\\\":\\\"deep\\\"}\"], \"a\": \"secret\"}"},{"type":"text","text":"secret"}],"structuredContent":{"a":"secret","b":[1,"{\"k\":\"deep\"}"]}}"#,
    );
    let message = parsed(&body);
    let mut texts = texts_of(Direction::ToClient, "tools/call", None, &body);
    let pairs = twins::of(&message, &texts);
    assert_eq!(pairs.len(), 3, "two strings and a number");
    for needle in ["secret", "deep"] {
        // Whichever of the two is edited.
        let segment = holding(&texts, needle)[0];
        let edit = Edit {
            segment,
            range: 0..needle.len(),
            replacement: "[R]".into(),
        };
        let mut edits = vec![edit];
        edits.extend(twins::edits(&pairs, &texts, &edits));
        assert_eq!(edits.len(), 2);
        texts.apply(&edits).unwrap();
    }
    let changed: serde_json::Value = serde_json::from_str(&output(&texts)).unwrap();
    let result = &changed["result"];
    let text: serde_json::Value =
        serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text["a"], "[R]");
    assert_eq!(text["b"][1], "{\"k\":\"[R]\"}");
    assert_eq!(result["structuredContent"]["a"], text["a"]);
    assert_eq!(result["structuredContent"]["b"][1], text["b"][1]);
    assert_eq!(result["content"][1]["text"], "secret", "a text of its own");
}

#[test]
fn a_text_that_says_something_else_is_no_twin() {
    for text in [
        r#"{\"a\":\"other\"}"#,
        r#"{\"a\":\"x\",\"b\":1}"#,
        "[]",
        "x",
    ] {
        let body = result(&format!(
            r#"{{"content":[{{"type":"text","text":"{text}"}}],"structuredContent":{{"a":"x"}}}}"#
        ));
        let texts = texts_of(Direction::ToClient, "tools/call", None, &body);
        assert_eq!(twins::of(&parsed(&body), &texts), [], "{text}");
    }
}

#[test]
fn services_are_shown_the_call_and_their_changes_find_their_way_back() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"q":"{\"x\":\"{\\\"y\\\":\\\"secret\\\"}\"}"}}}"#;
    let message = parsed(body);
    let mut texts = texts_of(Direction::ToServer, "tools/call", None, body);
    let shown = texts.shown(shown_request(&message));
    let mut shown: serde_json::Value = serde_json::from_slice(&shown).unwrap();
    assert_eq!(shown["method"], "tools/call");
    shown["params"]["arguments"]["q"] = r#"{"x":"{\"y\":\"[R]\"}"}"#.into();
    let edits = texts.shown_diff(shown_request(&message), &shown).unwrap();
    assert_eq!(edits.len(), 1);
    texts.apply(&edits).unwrap();
    assert_eq!(output(&texts), body.replace("secret", "[R]"));
    let again: serde_json::Value =
        serde_json::from_slice(&texts.shown(shown_request(&message))).unwrap();
    assert_eq!(again, shown);
    shown["params"]["name"] = "other".into();
    let changed = texts.shown_diff(shown_request(&message), &shown);
    assert!(changed.is_ok_and(|edits| texts.clone().apply(&edits).is_err()));
    shown["method"] = "tools/list".into();
    assert!(texts.shown_diff(shown_request(&message), &shown).is_err());
}

#[test]
fn services_are_shown_results_and_errors() {
    for (body, shown) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#,
            r#"{"content":[]}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}"#,
            r#"{"code":1,"message":"m"}"#,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"n","params":{"a":1}}"#,
            r#"{"method":"n","params":{"a":1}}"#,
        ),
    ] {
        let texts = texts_of(Direction::ToClient, "tools/call", None, body);
        assert_eq!(texts.shown(shown_response(&parsed(body))), shown);
    }
}
