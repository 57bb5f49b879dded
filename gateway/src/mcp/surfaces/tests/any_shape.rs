//! Properties of messages of any shape.

use parapet_guardrails::finding::Edit;
use parapet_guardrails::segment::Rewrite;
use proptest::prelude::*;
use serde_json::Value;

use super::super::{Direction, shown_request, shown_response, twins};
use super::{parsed, texts_of};

/// Names that messages have: one of any shape with them reaches every branch.
const NAMES: [&str; 44] = [
    "method",
    "params",
    "result",
    "error",
    "name",
    "arguments",
    "_meta",
    "uri",
    "ref",
    "argument",
    "inputResponses",
    "inputRequests",
    "requestState",
    "content",
    "type",
    "text",
    "data",
    "mimeType",
    "resource",
    "blob",
    "annotations",
    "icons",
    "src",
    "structuredContent",
    "tools",
    "prompts",
    "contents",
    "messages",
    "role",
    "description",
    "inputSchema",
    "properties",
    "instructions",
    "serverInfo",
    "completion",
    "task",
    "tasks",
    "status",
    "roots",
    "action",
    "message",
    "level",
    "progressToken",
    "unknown",
];

const WORDS: [&str; 16] = [
    "text",
    "image",
    "resource",
    "resource_link",
    "tool_use",
    "tool_result",
    "complete",
    "tools/call",
    "a\n\"é\\😀",
    "",
    "{\"a\":[\"b\",1,\"{\\\"c\\\":\\\"d\\\"}\"]}",
    " [\"x\"]",
    "{broken",
    "aGVsbG8gd29ybGQ=",
    "data:,x",
    "iVBORw0KGgo=",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => prop::sample::select(&WORDS[..]).prop_map(Value::from),
        1 => any::<i32>().prop_map(Value::from),
        1 => prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from)],
    ];
    leaf.prop_recursive(7, 80, 6, |inner| {
        let member = (prop::sample::select(&NAMES[..]), inner.clone());
        prop_oneof![
            1 => prop::collection::vec(inner, 0..5).prop_map(Value::from),
            3 => prop::collection::vec(member, 0..6).prop_map(|members| {
                let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

fn any_message() -> impl Strategy<Value = Value> {
    let members = prop::collection::vec((prop::sample::select(&NAMES[..]), any_json()), 0..8);
    (members, any_json(), any::<bool>()).prop_map(|(members, value, request)| {
        let members = members
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value));
        let mut message = Value::Object(members.collect());
        message[if request { "params" } else { "result" }] = value;
        message
    })
}

proptest! {
    #[test]
    fn without_an_edit_nothing_changes_and_with_any_what_leaves_is_json(
        message in any_message(),
        to_server in any::<bool>(),
        picks in prop::collection::vec((any::<prop::sample::Index>(), 0..8_usize, 0..8_usize), 0..6),
    ) {
        let direction = if to_server { Direction::ToServer } else { Direction::ToClient };
        let body = message.to_string();
        let message = parsed(&body);
        let mut texts = texts_of(direction, "tools/call", None, &body);
        prop_assert_eq!(texts.to_bytes(), body.as_bytes());
        for shown in [shown_request, shown_response] {
            let sent: Value = serde_json::from_slice(&texts.shown(shown(&message))).unwrap();
            prop_assert_eq!(texts.shown_diff(shown(&message), &sent), Ok(vec![]));
        }
        let pairs = twins::of(&message, &texts);
        for (one, other) in &pairs {
            let number = |segment: usize| texts.segments().text(segment).parse::<f64>().ok();
            prop_assert!(texts.segments().text(*one) == texts.segments().text(*other) || number(*one) == number(*other));
        }
        let list = texts.segments().list().to_vec();
        let rewritable: Vec<usize> =
            (0..list.len()).filter(|index| list[*index].rewrite == Rewrite::Yes).collect();
        if !rewritable.is_empty() {
            for (pick, start, length) in picks {
                let segment = rewritable[pick.index(rewritable.len())];
                let range = start..start + length;
                let edit = Edit { segment, range, replacement: "\"\\".into() };
                prop_assert!(texts.apply(&[edit]).is_ok());
                let after: Result<Value, _> = serde_json::from_slice(&texts.to_bytes());
                prop_assert!(after.is_ok_and(|after| after.is_object()));
            }
        }
        for shown in [shown_request, shown_response] {
            let sent: Result<Value, _> = serde_json::from_slice(&texts.shown(shown(&message)));
            let sent = sent.unwrap();
            prop_assert_eq!(texts.shown_diff(shown(&message), &sent), Ok(vec![]));
        }
    }
}
