//! Texts where the formats have words, ids, names of members, or nothing at all: whatever stands there is judged or counted.

use bytes::Bytes;

use super::sse::Decoder;
use super::stream::Event;
use super::testing::{MARK, holding, request_texts, response_texts};
use super::unjudged::Unjudged;
use super::{Dialect, Texts};

use Dialect::{Anthropic, OpenAi};

/// No word of a format: it has a space.
fn with_mark(json: &str) -> String {
    json.replace("MARK", &format!("say {MARK}"))
}

fn is_judged(texts: &Texts, body: &str) {
    let found = holding(texts, MARK).len();
    assert_eq!(found, 1, "the text is judged once: {body}");
}

const OPENAI: [&str; 39] = [
    r#""tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"a":{"format":"MARK"}}}}}]"#,
    r#""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"MARK"}}}]"#,
    r#""tools":[{"type":"function","function":{"name":"f","parameters":{"type":["string","MARK"]}}}]"#,
    r#""tools":[{"type":"function","function":{"name":"f","parameters":{"required":["a","MARK"]}}}]"#,
    r#""tools":[{"type":"function","function":{"name":"f","parameters":{"$id":"MARK"}}}]"#,
    r#""tools":[{"type":"function","function":{"name":"f","parameters":{"$schema":{"a":"MARK"}}}}]"#,
    r#""tools":[{"type":"function","function":{"name":"f","parameters":{"MARK":true}}}]"#,
    r#""tools":[{"type":"function","function":{"name":"f","parameters":{"default":{"MARK":1}}}}]"#,
    r#""tools":[{"type":"MARK"}]"#,
    r#""tools":[{"type":"function","MARK":1}]"#,
    r#""tools":[{"type":"function","function":{"name":"f","MARK":1}}]"#,
    r#""tools":[{"type":"function","function":{"name":"f","MARK":"x"}}]"#,
    r#""response_format":{"type":"MARK"}"#,
    r#""MARK":1"#,
    r#""MARK":"x""#,
    r#""MARK":null"#,
    r#""messages":[{"role":"user","content":"x","MARK":1}]"#,
    r#""messages":[{"role":"user","content":"x","id":"MARK"}]"#,
    r#""messages":[{"role":"user","content":["x","MARK"]}]"#,
    r#""messages":[{"role":"user","content":[{"text":"MARK"}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"MARK"}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"MARK","text":"x"}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"new","MARK":"x"}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"a":"MARK"}}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"input_file","file":{},"filename":"MARK"}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"input_file","file":{},"file_data":"data:text/plain,say%20MARK-7f3a"}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"x"},"text":"MARK"}]}]"#,
    // say MARK-7f3a
    r#""messages":[{"role":"user","content":[{"type":"file","file":{"file_data":"c2F5IE1BUkstN2YzYQ=="}}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"c2F5IE1BUkstN2YzYQ=="}}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x","detail":"MARK"}}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x","detail":{"a":"MARK"}}}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"input_image","detail":"MARK"}]}]"#,
    r#""messages":[{"role":"assistant","tool_calls":[{"id":"MARK","function":{"name":"f","arguments":"{}"}}]}]"#,
    r#""messages":[{"role":"assistant","tool_calls":[{"type":"MARK","function":{"name":"f","arguments":"{}"}}]}]"#,
    r#""messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}","MARK":1}}]}]"#,
    r#""messages":[{"role":"assistant","audio":{"id":"a","text":"MARK"}}]"#,
    r#""messages":[{"role":"assistant","reasoning_details":[{"type":"reasoning.text","format":"MARK"}]}]"#,
    r#""messages":[{"role":"assistant","reasoning_details":[{"type":"reasoning.text","text":"x","signature":"MARK"}]}]"#,
    r#""messages":[{"role":"assistant","reasoning_details":[{"type":"reasoning.text","text":"x","MARK":1}]}]"#,
];

const ANTHROPIC: [&str; 22] = [
    r#""tools":[{"name":"f","input_schema":{"properties":{"a":{"format":"MARK"}}}}]"#,
    r#""tools":[{"name":"f","input_schema":{"MARK":1}}]"#,
    r#""tools":[{"type":"MARK","name":"f"}]"#,
    r#""tools":[{"name":"f","MARK":1}]"#,
    r#""mcp_servers":[{"type":"url","MARK":1}]"#,
    r#""output_config":{"format":{"type":"json_schema","schema":{}},"effort":"MARK"}"#,
    r#""MARK":1"#,
    r#""messages":[{"role":"MARK","content":"x"}]"#,
    r#""messages":[{"role":"user","id":"MARK","content":"x"}]"#,
    r#""messages":[{"role":"user","content":[{"type":"text","text":"x","MARK":1}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"document","source":{"type":"content","content":"x","data":"MARK"}}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"document","source":{"type":"url","url":"https://x","data":"MARK"}}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"x","data":"MARK"}}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"MARK","data":"x"}}]}]"#,
    // say MARK-7f3a
    r#""messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"text/plain","data":"c2F5IE1BUkstN2YzYQ=="}}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"MARK","content":"x"}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","signature":"MARK","content":"x"}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","MARK":"x"}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","MARK":1}]}]"#,
    r#""messages":[{"role":"user","content":[{"type":"search_result","more":{"MARK":1}}]}]"#,
    r#""messages":[{"role":"assistant","content":[{"type":"tool_use","id":"MARK","name":"f","input":{}}]}]"#,
    r#""messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"MARK"}]}]"#,
];

#[test]
fn nothing_hides_in_a_request() {
    let all = OPENAI.iter().map(|member| (OpenAi, member));
    for (dialect, member) in all.chain(ANTHROPIC.iter().map(|member| (Anthropic, member))) {
        let messages = match member.starts_with(r#""messages""#) {
            true => "",
            false => r#","messages":[]"#,
        };
        let body = format!(r#"{{"model":"m",{}{messages}}}"#, with_mark(member));
        is_judged(&request_texts(dialect, &body), &body);
    }
}

#[test]
fn nothing_hides_in_an_answer() {
    let said = r#""choices":[{"index":0,"message":{"content":"x"}}]"#;
    for body in [
        format!(r#"{{"id":"MARK",{said}}}"#),
        format!(r#"{{"model":"MARK",{said}}}"#),
        format!(r#"{{"system_fingerprint":"MARK",{said}}}"#),
        format!(r#"{{"usage":{{"total_tokens":1,"note":"MARK"}},{said}}}"#),
        format!(r#"{{"usage":{{"MARK":1}},{said}}}"#),
        format!(r#"{{"prompt_filter_results":["MARK"],{said}}}"#),
        r#"{"choices":[{"finish_reason":"MARK"}]}"#.to_owned(),
        r#"{"choices":[{"content_filter_results":{"a":"MARK"}}]}"#.to_owned(),
        r#"{"choices":[{"MARK":1}]}"#.to_owned(),
        r#"{"choices":[{"message":{"MARK":null}}]}"#.to_owned(),
        r#"{"choices":[{"message":{"audio":{"data":"AAAA","text":"MARK"}}}]}"#.to_owned(),
        r#"{"choices":[{"message":{"tool_calls":[{"id":"MARK"}]}}]}"#.to_owned(),
    ] {
        let body = with_mark(&body);
        is_judged(&response_texts(OpenAi, &body), &body);
    }
    for member in ["id", "role", "model", "stop_reason", "usage", "container"] {
        let body = with_mark(&format!(r#"{{"content":[],"{member}":"MARK"}}"#));
        is_judged(&response_texts(Anthropic, &body), &body);
    }
}

fn event(dialect: Dialect, data: &str) -> Event {
    let mut decoder = Decoder::new(10_000);
    decoder.push(Bytes::from(format!("data: {data}\n\n")));
    Event::read(dialect, decoder.next_frame().unwrap().unwrap())
}

#[test]
fn nothing_hides_in_an_event() {
    for (dialect, data) in [
        (OpenAi, r#"{"id":"MARK","choices":[]}"#),
        (OpenAi, r#"{"obfuscation":"MARK","choices":[]}"#),
        (
            OpenAi,
            r#"{"choices":[{"index":0,"delta":{"role":"MARK"}}]}"#,
        ),
        (OpenAi, r#"{"choices":[{"index":0,"delta":{"MARK":1}}]}"#),
        (OpenAi, r#"{"choices":[{"index":0,"delta":{"MARK":"x"}}]}"#),
        (OpenAi, r#"{"choices":[{"index":0,"delta":{"MARK":null}}]}"#),
        (OpenAi, r#"{"choices":[{"index":0,"delta":{},"MARK":1}]}"#),
        (
            OpenAi,
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"MARK"}]}"#,
        ),
        (
            OpenAi,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"MARK"}]}}]}"#,
        ),
        (
            Anthropic,
            r#"{"type":"message_start","message":{"id":"MARK","content":[]}}"#,
        ),
        (
            Anthropic,
            r#"{"type":"message_delta","delta":{"stop_reason":"MARK"}}"#,
        ),
        (
            Anthropic,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"MARK"}}"#,
        ),
        (
            Anthropic,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"MARK"}}"#,
        ),
        (
            Anthropic,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"MARK"}}"#,
        ),
    ] {
        let event = event(dialect, &with_mark(data));
        is_judged(event.whole().expect(data), data);
        assert!(!event.is_bare(), "{data}");
    }
}

#[test]
fn words_ids_and_signatures_are_let_be() {
    let body = r#"{"model":"m","top_k":3,"messages":[{"role":"user","id":"msg_01AbC","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"5m"}}]}],
        "tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"q":{"type":["string","null"],"format":"date-time"}},"required":["q"]}}}]}"#;
    let texts = request_texts(OpenAi, body);
    let found: Vec<&str> = (0..texts.segments().list().len())
        .map(|index| texts.segments().text(index))
        .collect();
    assert_eq!(
        found
            .iter()
            .filter(|text| !["a", "f", "q"].contains(text))
            .count(),
        0,
        "{found:?}"
    );
    let signed = format!(
        r#"{{"content":[{{"type":"thinking","thinking":"a","signature":"{}=="}}]}}"#,
        "EqQBCkYIAxgCKkA".repeat(40)
    );
    assert_eq!(
        response_texts(Anthropic, &signed).segments().list().len(),
        1
    );
}

#[test]
fn tokens_that_say_more_than_the_answer_are_counted() {
    let tokens = |json: &str| response_texts(OpenAi, json).unjudged().of(Unjudged::Tokens);
    for (expected, more) in [
        (0, r#""logprobs":null"#),
        (
            0,
            r#""logprobs":{"content":[{"token":"o","logprob":-1,"top_logprobs":[]},{"token":"k","logprob":-1}]}"#,
        ),
        (1, r#""logprobs":{"content":[{"token":"no","logprob":-1}]}"#),
        (
            1,
            r#""logprobs":{"content":[{"token":"ok","logprob":-1,"top_logprobs":[{"token":"no","logprob":-2}]}]}"#,
        ),
        (1, r#""token_ids":[1,2]"#),
    ] {
        let choice = format!(r#""index":0,{more}"#);
        let whole = format!(r#"{{"choices":[{{{choice},"message":{{"content":"ok"}}}}]}}"#);
        assert_eq!(tokens(&whole), expected, "{whole}");
        let chunk = format!(r#"{{"choices":[{{{choice},"delta":{{"content":"ok"}}}}]}}"#);
        let chunk = event(OpenAi, &chunk);
        let counted = chunk
            .whole()
            .map_or(0, |whole| whole.unjudged().of(Unjudged::Tokens));
        assert_eq!(counted, expected, "in a stream: {more}");
    }
    assert_eq!(tokens(r#"{"choices":[],"prompt_logprobs":[null]}"#), 1);
}
