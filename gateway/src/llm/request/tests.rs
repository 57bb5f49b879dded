use std::sync::Arc;

use parapet_guardrails::finding::Edit;
use parapet_guardrails::segment::{Form, Rewrite};
use proptest::prelude::*;

use crate::llm::testing::{output, request_texts};
use crate::llm::{Dialect, Limits, LlmError, Request, Texts};

fn refused(body: &str) -> LlmError {
    let limits = Limits {
        max_messages: 3,
        max_segments: 5,
    };
    let request = Request::parse(Dialect::OpenAi, Arc::new(body.to_owned()), &limits);
    match request.and_then(|request| request.texts(&limits).map(|_| ())) {
        Ok(()) => panic!("accepted: {body}"),
        Err(error) => error,
    }
}

#[test]
fn a_bad_body_is_refused_with_the_reason() {
    for (body, message, param) in [
        (
            "",
            "the body is not valid JSON: invalid JSON at byte 0: a value expected",
            None,
        ),
        ("[]", "the body must be a JSON object", None),
        (
            r#"{"model":"m"}"#,
            "missing required parameter: 'messages'",
            Some("messages"),
        ),
        (
            r#"{"messages":[]}"#,
            "missing required parameter: 'model'",
            Some("model"),
        ),
        (
            r#"{"messages":[],"model":""}"#,
            "missing required parameter: 'model'",
            Some("model"),
        ),
        (
            r#"{"messages":{},"model":"m"}"#,
            "invalid type for 'messages': expected an array",
            Some("messages"),
        ),
        (
            r#"{"model":1}"#,
            "invalid type for 'model': expected a string",
            Some("model"),
        ),
        (
            r#"{"messages":[],"model":"m","stream":"yes"}"#,
            "invalid type for 'stream': expected a boolean",
            Some("stream"),
        ),
        (
            r#"{"messages":[{},{},{},{}],"model":"m"}"#,
            "too many messages: 4, at most 3 are accepted",
            Some("messages"),
        ),
        (
            r#"{"messages":[],"model":"m","metadata":["a","b","c","d","e","f"]}"#,
            "too many texts: at most 5 are accepted in one body",
            None,
        ),
        (
            r#"{"messages":[],"messages":[],"model":"m"}"#,
            "the body is not valid JSON: duplicate object key at byte 16",
            None,
        ),
    ] {
        let error = refused(body);
        assert_eq!(
            (error.to_string().as_str(), error.param()),
            (message, param)
        );
    }
}

#[test]
fn facts_are_read() {
    let body = r#"{"model":"a/\u0062","stream":true,"n":3,"store":true,"tools":[{"type":"web_search"}],"stream_options":{"include_usage":true},"messages":[{},{}]}"#;
    let request = Request::parse(
        Dialect::OpenAi,
        Arc::new(body.to_owned()),
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(request.model().as_ref(), "a/b");
    assert!(request.stream() && request.include_usage() && request.stores());
    assert!(request.has_tools() && request.provider_runs_tools());
    assert_eq!((request.answers(), request.messages()), (3, 2));
}

#[test]
fn a_hundred_thousand_messages_are_read_in_one_pass() {
    let message = r#"{"role":"user","content":"a \"b\""},{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"n\":1}"}}]}"#;
    let body = format!(
        r#"{{"model":"m","messages":[{}]}}"#,
        [message; 50_000].join(",")
    );
    let limits = Limits {
        max_messages: 100_000,
        max_segments: 1_000_000,
    };
    let request = Request::parse(Dialect::OpenAi, Arc::new(body), &limits).unwrap();
    let mut texts = request.texts(&limits).unwrap();
    let edits: Vec<Edit> = (0..texts.segments().list().len())
        .filter(|index| texts.segments().list()[*index].rewrite == Rewrite::Yes)
        .map(|segment| Edit {
            segment,
            range: 0..1,
            replacement: "x".into(),
        })
        .collect();
    assert_eq!(edits.len(), 100_000);
    texts.apply(&edits).unwrap();
    texts.apply(&edits).unwrap();
    let start = r#"{"model":"m","messages":[{"role":"user","content":"x \"b"#;
    assert!(output(&texts).starts_with(start));
}

/// A body with many kinds of places.
fn body() -> impl Strategy<Value = serde_json::Value> {
    let text = || "[a-c \"\\\\\n\u{1}é😀]{0,8}";
    let part = text().prop_map(|text| serde_json::json!({"type": "text", "text": text}));
    let image = Just(serde_json::json!({"type": "image_url", "image_url": {"url": "https://x"}}));
    let content = prop::collection::vec(prop_oneof![4 => part, 1 => image], 0..6);
    let arguments = (text(), text(), any::<i32>()).prop_map(|(key, leaf, number)| {
        serde_json::json!({key: [leaf], "number": number, "t": true}).to_string()
    });
    let call = arguments.prop_map(|arguments| {
        let call = serde_json::json!({"function": {"name": "f", "arguments": arguments}});
        serde_json::json!({"role": "assistant", "tool_calls": [call]})
    });
    let message = prop_oneof![
        text().prop_map(|text| serde_json::json!({"role": "user", "content": text})),
        content.prop_map(|parts| serde_json::json!({"role": "user", "content": parts})),
        call,
    ];
    prop::collection::vec(message, 0..6).prop_map(|messages| {
        serde_json::json!({"model": "m", "messages": messages, "future": {"x": [1.50, null]}})
    })
}

/// One mutator's edits: segment, start and length as fractions of what there is.
fn round() -> impl Strategy<Value = Vec<(u16, usize, usize, String)>> {
    prop::collection::vec(
        (any::<u16>(), 0..12_usize, 0..6_usize, "[x\"\\\\\né]{0,3}"),
        0..5,
    )
}

/// Edits that are in order, apart and on character boundaries, so that a naive replacement does the same.
fn edits(texts: &Texts, round: Vec<(u16, usize, usize, String)>) -> Vec<Edit> {
    let list = texts.segments().list();
    let mut edits: Vec<Edit> = Vec::new();
    for (segment, start, length, replacement) in round {
        let Some(segment) = usize::from(segment).checked_rem(list.len()) else {
            continue;
        };
        let text = texts.segments().text(segment);
        let start = text.floor_char_boundary(start.min(text.len()));
        let range = start..text.floor_char_boundary((start + length).min(text.len()));
        let apart = |other: &Edit| {
            other.segment != segment
                || other.range.end < range.start
                || range.end < other.range.start
        };
        if list[segment].rewrite == Rewrite::Yes && edits.iter().all(apart) {
            edits.push(Edit {
                segment,
                range,
                replacement: replacement.into(),
            });
        }
    }
    edits.sort_by_key(|edit| (edit.segment, edit.range.start));
    edits
}

proptest! {
    #[test]
    fn without_an_edit_the_same_bytes_leave(body in body(), pretty in any::<bool>()) {
        let body = if pretty { format!("{body:#}") } else { body.to_string() };
        prop_assert_eq!(output(&request_texts(Dialect::OpenAi, &body)), body);
    }

    #[test]
    fn edits_change_their_texts_and_nothing_else(
        body in body(),
        rounds in prop::collection::vec(round(), 0..4),
    ) {
        let body = body.to_string();
        let mut texts = request_texts(Dialect::OpenAi, &body);
        let count = texts.segments().list().len();
        let mut naive: Vec<String> =
            (0..count).map(|index| texts.segments().text(index).to_owned()).collect();
        let mut edited = std::collections::BTreeSet::new();
        for round in rounds {
            let edits = edits(&texts, round);
            for edit in edits.iter().rev() {
                naive[edit.segment].replace_range(edit.range.clone(), &edit.replacement);
                edited.insert(edit.segment);
            }
            texts.apply(&edits).unwrap();
        }
        // What leaves reads as the mutators left it.
        let after = output(&texts);
        let doc: serde_json::Value = serde_json::from_str(&after).unwrap();
        prop_assert_eq!(&doc["future"], &serde_json::json!({"x": [1.50, null]}));
        let again = request_texts(Dialect::OpenAi, &after);
        for (index, segment) in texts.segments().list().iter().enumerate() {
            if segment.form == Form::JsonRaw {
                continue;
            }
            prop_assert_eq!(texts.segments().text(index), &naive[index]);
            // A part that would be empty repeats its replacement, so only single ones are compared.
            if texts.places[index].parts.len() > 1 || naive[index].is_empty() {
                continue;
            }
            let form = match segment.form {
                Form::JsonNumber if edited.contains(&index) => Form::JsonLeaf,
                form => form,
            };
            let there = again.segments().list().iter().enumerate().any(|(other, same)| {
                (same.form, &same.key) == (form, &segment.key)
                    && again.place(other) == texts.place(index)
                    && again.segments().text(other) == naive[index]
            });
            prop_assert!(there, "{} is missing in {}", naive[index], after);
        }
        for (before, after) in serde_json::from_str::<serde_json::Value>(&body).unwrap()["messages"]
            .as_array()
            .unwrap()
            .iter()
            .zip(doc["messages"].as_array().unwrap())
        {
            prop_assert_eq!(&before["role"], &after["role"]);
        }
    }
}
