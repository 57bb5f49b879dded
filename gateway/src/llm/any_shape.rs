//! Properties of bodies of any shape: nothing a caller or an upstream sends may break the walk, and whatever
//! is found can be changed without breaking the body.

use std::sync::Arc;

use bytes::Bytes;
use parapet_guardrails::finding::Edit;
use parapet_guardrails::segment::Rewrite;
use proptest::prelude::*;
use serde_json::Value;

use super::sse::Decoder;
use super::stream::Event;
use super::{Dialect, Limits, Request, Response, Texts};

/// Names that the formats know: a body of any shape with them reaches every branch.
const NAMES: [&str; 52] = [
    "messages",
    "role",
    "content",
    "type",
    "text",
    "name",
    "tool_calls",
    "function",
    "arguments",
    "custom",
    "input",
    "function_call",
    "refusal",
    "reasoning_content",
    "reasoning_details",
    "summary",
    "signature",
    "annotations",
    "audio",
    "transcript",
    "tools",
    "parameters",
    "description",
    "properties",
    "enum",
    "response_format",
    "json_schema",
    "schema",
    "prediction",
    "stop",
    "metadata",
    "choices",
    "message",
    "delta",
    "index",
    "logprobs",
    "finish_reason",
    "usage",
    "error",
    "system",
    "source",
    "data",
    "title",
    "citations",
    "thinking",
    "content_block",
    "input_schema",
    "image_url",
    "url",
    "file",
    "stream_options",
    "unknown",
];

const WORDS: [&str; 24] = [
    "text",
    "user",
    "assistant",
    "system",
    "tool",
    "function",
    "image_url",
    "file",
    "refusal",
    "tool_use",
    "tool_result",
    "thinking",
    "document",
    "base64",
    "web_search_tool_result",
    "{\"a\":[\"b\",1]}",
    "[1]",
    "content_block_start",
    "content_block_delta",
    "text_delta",
    "message_start",
    "data:,x",
    "a\n\"é\\😀",
    "",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => prop::sample::select(&WORDS[..]).prop_map(Value::from),
        1 => any::<i32>().prop_map(Value::from),
        1 => prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from)],
    ];
    leaf.prop_recursive(7, 80, 6, |inner| {
        let name = prop::sample::select(&NAMES[..]);
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            3 => prop::collection::vec((name, inner), 0..6).prop_map(|members| {
                let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    prop::collection::vec((prop::sample::select(&NAMES[..]), any_json()), 0..8).prop_map(
        |members| {
            let members = members
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value));
            Value::Object(members.collect())
        },
    )
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Dialect::OpenAi), Just(Dialect::Anthropic)]
}

/// Without an edit nothing changes. With every text replaced that may be, what leaves is JSON, and no
/// replaced text is still in it.
fn check(mut texts: Texts, body: &str) -> Result<(), TestCaseError> {
    prop_assert_eq!(texts.to_bytes(), body.as_bytes());
    let list = texts.segments().list().to_vec();
    let edits: Vec<Edit> = (0..list.len())
        .filter(|index| list[*index].rewrite == Rewrite::Yes)
        .map(|segment| {
            let range = 0..texts.segments().text(segment).len();
            Edit {
                segment,
                range,
                replacement: "\"\\".into(),
            }
        })
        .collect();
    for index in 0..list.len() {
        prop_assert!(!texts.place(index).is_empty());
    }
    prop_assert!(texts.apply(&edits).is_ok());
    let after = texts.to_bytes();
    let after: Value = serde_json::from_slice(&after).expect("JSON leaves");
    for edit in &edits {
        prop_assert_eq!(texts.segments().text(edit.segment), "\"\\");
    }
    prop_assert_eq!(after.is_object(), true);
    Ok(())
}

proptest! {
    #[test]
    fn requests(mut body in any_object(), messages in prop::collection::vec(any_json(), 0..4), dialect in dialect()) {
        body["model"] = "m".into();
        body["messages"] = messages.into();
        let body = body.to_string();
        let limits = Limits::default();
        let request = Request::parse(dialect, Arc::new(body.clone()), &limits).unwrap();
        let texts = request.texts(&limits).unwrap();
        let sent: Value = serde_json::from_slice(&request.chat_body(&texts)).unwrap();
        prop_assert_eq!(request.chat_diff(&texts, &sent), Ok(vec![]));
        check(texts, &body)?;
        let mut own = request.no_texts();
        request.put_model(&mut own, "x");
        request.put_include_usage(&mut own);
        let own: Value = serde_json::from_slice(&own.to_bytes()).unwrap();
        prop_assert_eq!(&own["model"], "x");
        prop_assert_eq!(&own["stream_options"]["include_usage"], true);
    }

    #[test]
    fn responses(body in any_object(), dialect in dialect()) {
        let body = body.to_string();
        let response = Response::parse(dialect, Arc::new(body.clone())).unwrap();
        let texts = response.texts(None, &Limits::default()).unwrap();
        let sent: Value = serde_json::from_slice(&response.chat_body(&texts)).unwrap();
        prop_assert_eq!(response.chat_diff(&texts, &sent), Ok(vec![]));
        check(texts, &body)?;
    }

    #[test]
    fn events(data in any_object(), dialect in dialect(), choice in any_object()) {
        let mut data = data;
        if data.get("choices").is_some() {
            data["choices"] = Value::Array(vec![choice]);
        }
        let stream = format!("data: {data}\n\n");
        let mut decoder = Decoder::new(1 << 20);
        decoder.push(Bytes::from(stream.clone()));
        let event = Event::read(dialect, decoder.next_frame().unwrap().unwrap());
        prop_assert_eq!(event.with(&[], &[]), stream.as_bytes());
        let replaced: Vec<(usize, &str)> = (0..event.deltas.len()).map(|at| (at, "\"\\")).collect();
        let written = event.with(&replaced, &[]);
        decoder.push(written);
        let again = Event::read(dialect, decoder.next_frame().unwrap().unwrap());
        prop_assert_eq!(again.kind, event.kind);
        prop_assert_eq!(again.deltas.len(), event.deltas.len());
        for (before, after) in event.deltas.iter().zip(&again.deltas) {
            prop_assert_eq!(&before.channel, &after.channel);
            prop_assert_eq!(again.text(after), "\"\\");
        }
        if let Some(whole) = event.whole() {
            check(whole.clone(), event.data())?;
        }
    }
}
