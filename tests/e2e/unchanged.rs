//! What nobody edits is forwarded byte for byte; what is edited is edited where it was found and nowhere else.

use std::fmt::Write as _;

use bytes::Bytes;
use parapet_tests::fake::Reply;
use parapet_tests::fake_llm::Turn;
use parapet_tests::http_client::{Answered, Outgoing};
use parapet_tests::world::{TOKEN, World};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const POLICY: &str = r#"apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {name: g}
spec:
  guardrails:
    - {name: secrets, operation: mutate, priority: 1, secretsDetection: {}}
    - {name: pii, operation: mutate, priority: 2, regex: {presetPatterns: {presets: [us_ssn, email, us_phone, credit_card]}}}
    - {name: sql, sqlSanitizer: {}}
    - {name: code, codeSafetyLinter: {}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {name: rules}
spec:
  rules:
    - id: all
      when: {}
      llm_input_guardrails: [g/secrets, g/pii, g/sql, g/code]
      llm_output_guardrails: [g/secrets, g/pii, g/sql, g/code]
"#;

/// White space between tokens.
fn space() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "", "", " ", "\n", "\t ", "\r\n"]).prop_map(str::to_owned)
}

/// A JSON string as some client writes it: with escapes where none are needed, and without where they are not.
/// Nothing in it is anything that a guardrail looks for.
fn string() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "lorem ",
        "Grüße",
        "\\u00e9",
        "\\/",
        "/",
        "\\n",
        "\\\"",
        "\\\\",
        "世",
        "👋🏽",
        "\\ud83d\\udc4b",
        "\\t",
        " ",
        "z",
        "\\u0041",
        ".",
        "\u{200d}",
        "\\b",
        "x",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn number() -> impl Strategy<Value = String> {
    let forms = [
        "0",
        "-0",
        "1.0",
        "1.50",
        "1e3",
        "1E+2",
        "-7.5e-3",
        "12345678901234567890123",
        "0.1",
    ];
    prop::sample::select(forms.to_vec()).prop_map(str::to_owned)
}

/// Any JSON value, as text.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        string(),
        number(),
        prop::sample::select(vec!["true", "false", "null"]).prop_map(str::to_owned)
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let list =
            (prop::collection::vec(inner.clone(), 0..4), space()).prop_map(|(items, space)| {
                format!("[{space}{}{space}]", items.join(&format!("{space},")))
            });
        let object = (prop::collection::vec((inner, space()), 0..4)).prop_map(|members| {
            let members: Vec<String> = members
                .into_iter()
                .enumerate()
                .map(|(n, (value, space))| format!("{space}\"k\\u006b{n}\"{space}:{space}{value}"))
                .collect();
            format!("{{{}}}", members.join(","))
        });
        prop_oneof![list, object]
    })
}

/// A message's content: a string, or parts.
fn content() -> impl Strategy<Value = String> {
    let part = (string(), value(), space()).prop_map(|(text, more, space)| {
        format!("{{\"type\":{space}\"text\",\"text\":{text},\"x\":{more}{space}}}")
    });
    let parts =
        prop::collection::vec(part, 1..3).prop_map(|parts| format!("[{}]", parts.join(" , ")));
    prop_oneof![3 => string(), 1 => parts]
}

/// A request in which only the place of the model's name is known.
fn request() -> impl Strategy<Value = String> {
    let roles = prop::sample::select(vec!["user", "assistant"]);
    let message = (roles, content(), value(), space()).prop_map(|(role, content, more, space)| {
        format!("{{\"role\":\"{role}\"{space},\"content\":{content},{space}\"extra\":{more}}}")
    });
    (
        prop::collection::vec(message, 1..4),
        value(),
        space(),
        any::<bool>(),
    )
        .prop_map(|(messages, more, space, first)| {
            let messages = format!(
                "\"messages\":{space}[{}]",
                messages.join(&format!(",{space}"))
            );
            let model = format!("\"model\"{space}:{space}\"ACCOUNT/m\"");
            let members = if first {
                [model, messages]
            } else {
                [messages, model]
            };
            format!(
                "{space}{{{},\"max_tokens\":1.0e1,{space}\"zz\":{more}}}{space}",
                members.join(",")
            )
        })
}

fn response() -> impl Strategy<Value = (String, String)> {
    (string(), value(), space()).prop_map(|(text, more, space)| {
        let chat = format!(
            "{{\"choices\":[{{\"index\":0,{space}\"message\":{{\"role\":\"assistant\",\"content\":{text},\"y\":{more}}},\"finish_reason\":\"stop\"}}]{space}}}"
        );
        let message = format!(
            "{{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",{space}\"text\":{text},\"y\":{more}}}],\"stop_reason\":\"end_turn\"}}"
        );
        (chat, message)
    })
}

async fn exchange(world: &World, path: &str, request: &str, response: &str) -> (Answered, Bytes) {
    world.llm.script([Turn::Raw(Reply::new(
        200,
        "application/json",
        response.to_owned(),
    ))]);
    world.llm.server().take_calls();
    let outgoing = Outgoing::post(path, request.to_owned()).bearer(TOKEN);
    let answer = world.client.send(outgoing).await.unwrap();
    let call = world
        .llm
        .server()
        .take_calls()
        .pop()
        .map(|call| call.body)
        .unwrap_or_default();
    (answer, call)
}

#[test]
fn no_edit_means_no_changed_byte() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::start(POLICY)).unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 150,
        ..Config::default()
    });
    let result = runner.run(&(request(), response()), |(request, (chat, message))| {
        for (path, account, response) in [
            ("/v1/chat/completions", "model", &chat),
            ("/v1/messages", "claude", &message),
        ] {
            let sent = request.replace("ACCOUNT", account);
            let (answer, arrived) = runtime.block_on(exchange(&world, path, &sent, response));
            prop_assert_eq!(
                answer.status.as_u16(),
                200,
                "{}: {:?}",
                &sent,
                answer.text()
            );
            // The name of the model is all that the gateway changes of its own.
            let expected = request.replace("ACCOUNT/m", "m");
            prop_assert_eq!(String::from_utf8_lossy(&arrived), expected);
            prop_assert_eq!(answer.text().unwrap(), response.as_str());
        }
        Ok(())
    });
    result.unwrap();
}

/// A different key for each place, each of which secrets detection finds.
fn key(n: usize) -> String {
    let mut random = parapet_tests::bench::corpus::Random::new(n as u64 + 77);
    let alphabet = b"QWERTYUIPASDFGHJKLZXCVBNM234567";
    (0..16).fold(String::from("AKIA"), |mut key, _| {
        key.push(char::from(alphabet[random.below(alphabet.len())]));
        key
    })
}

/// Puts a key in each place marked `§`.
fn marked(template: &str) -> (String, usize) {
    let mut text = String::new();
    let mut parts = template.split('§');
    text.push_str(parts.next().unwrap());
    let mut count = 0;
    for part in parts {
        let _ = write!(text, "{}{part}", key(count));
        count += 1;
    }
    (text, count)
}

const CHAT_REQUEST: &str = r#"{"model":"model/m","messages":[
 {"role":"system","content":"§ a"},
 {"role":"developer","content":[{"type":"text","text":"b §"}]},
 {"role":"user","content":[{"type":"text","text":"c § d","o":1.0},{"type":"image_url","image_url":{"url":"https://x.example/?q=§"}},{"type":"text","text":"§"}]},
 {"role":"assistant","content":null,"refusal":"no §","reasoning_content":"hm §","tool_calls":[
   {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"q\": \"§\", \"n\":[1.50, \"x\\n§\"]}"}},
   {"id":"c2","type":"custom","custom":{"name":"g","input":"free § text"}}]},
 {"role":"assistant","content":[{"type":"refusal","refusal":"not §"}],"function_call":{"name":"f","arguments":"{\"a\":\"§\"}"}},
 {"role":"tool","tool_call_id":"c1","content":"result \u00e9 §"},
 {"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"{\"json\": \"§\"}"}]},
 {"role":"user","content":"last §"}],
 "tools":[{"type":"function","function":{"name":"f","description":"does §","parameters":{"type":"object","description":"§","properties":{"q":{"type":"string","description":"the §","default":"§","examples":["§"]}}}}},
          {"type":"custom","custom":{"name":"g","description":"§","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: \"§\""}}}}],
 "functions":[{"name":"old","description":"§","parameters":{"type":"object","properties":{}}}],
 "response_format":{"type":"json_schema","json_schema":{"name":"s","description":"§","schema":{"type":"object","title":"§"}}},
 "prediction":{"type":"content","content":"§"},
 "web_search_options":{"user_location":{"type":"approximate","approximate":{"city":"§"}}},
 "stop":["§"],"metadata":{"m":"§"},"user":"§","safety_identifier":"§","prompt_cache_key":"§","chat_template_kwargs":{"x":"§"},"n":1}"#;

const CHAT_RESPONSE: &str = r#"{"id":"x","choices":[
 {"index":0,"message":{"role":"assistant","content":"§ a","refusal":"b §","reasoning_content":"§","reasoning":"§","annotations":[],
  "tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"q\":\"§\" }"}},{"id":"c2","type":"custom","custom":{"name":"g","input":"§"}}]},"logprobs":null,"finish_reason":"stop"},
 {"index":1,"message":{"role":"assistant","content":"c §","function_call":{"name":"f","arguments":"{\"q\":\"§\"}"}},"finish_reason":"function_call"},
 {"index":2,"message":{"role":"assistant","content":"nothing here"},"finish_reason":"stop"}],"usage":{"total_tokens":1.0}}"#;

const MESSAGES_REQUEST: &str = r#"{"model":"claude/m","max_tokens":10,"system":[{"type":"text","text":"§ s","cache_control":{"type":"ephemeral"}}],"messages":[
 {"role":"user","content":[{"type":"text","text":"a §"},{"type":"document","title":"t §","context":"§","source":{"type":"text","media_type":"text/plain","data":"d §"}},
   {"type":"document","source":{"type":"content","content":[{"type":"text","text":"§"}]}},
   {"type":"search_result","title":"§","source":"https://x.example/§","content":[{"type":"text","text":"§"}]},
   {"type":"image","source":{"type":"url","url":"https://x.example/?§"}}]},
 {"role":"assistant","content":[{"type":"text","text":"§"},{"type":"tool_use","id":"t1","name":"f","input":{"q":"§","deep":[{"x":"y §"}],"n":1.50}}]},
 {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"r §"},{"type":"tool_result","tool_use_id":"t2","content":[{"type":"text","text":"§"}]}]},
 {"role":"user","content":"last §"}],
 "tools":[{"name":"f","description":"§","input_schema":{"type":"object","properties":{"q":{"type":"string","description":"§"}}}}],
 "stop_sequences":["§"],"metadata":{"user_id":"§"}}"#;

const MESSAGES_RESPONSE: &str = r#"{"type":"message","role":"assistant","content":[{"type":"text","text":"§ a"},{"type":"tool_use","id":"t","name":"f","input":{"q":"§","n":1.50,"l":["§"]}},{"type":"text","text":"\u00e9 §"}],"stop_reason":"tool_use","stop_details":{"type":"refusal","explanation":"§"},"usage":{"input_tokens":1.0}}"#;

#[tokio::test]
async fn every_marker_in_every_text_place_is_replaced_and_nothing_else() {
    let world = World::start(POLICY).await.unwrap();
    for (path, request, response) in [
        ("/v1/chat/completions", CHAT_REQUEST, CHAT_RESPONSE),
        ("/v1/messages", MESSAGES_REQUEST, MESSAGES_RESPONSE),
    ] {
        let ((sent, n), (said, m)) = (marked(request), marked(response));
        assert!(n > 15 && m > 3);
        let (answer, arrived) = exchange(&world, path, &sent, &said).await;
        assert_eq!(answer.status, 200, "{:?}", answer.text());
        let model = if path.ends_with("messages") {
            "claude/m"
        } else {
            "model/m"
        };
        assert_same(
            &String::from_utf8_lossy(&arrived),
            &request.replace('§', "[REDACTED]").replace(model, "m"),
        );
        assert_same(answer.text().unwrap(), &response.replace('§', "[REDACTED]"));
        let record = world
            .gateway
            .record(answer.header("x-request-id").unwrap())
            .await
            .unwrap();
        let edits: Vec<u64> = record["guardrails"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|g| g["selector"] == "g/secrets")
            .map(|g| g["edits"].as_u64().unwrap())
            .collect();
        assert_eq!(edits, [n as u64, m as u64]);
    }
}

/// Two long texts, told apart by where they part.
fn assert_same(found: &str, expected: &str) {
    if found == expected {
        return;
    }
    let at = found
        .bytes()
        .zip(expected.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let around = |text: &str| {
        String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(60)..text.len().min(at + 60)])
            .into_owned()
    };
    panic!(
        "they part at byte {at}:\n   found …{}…\nexpected …{}…",
        around(found),
        around(expected)
    );
}

/// A finding where nothing can be rewritten is a violation, wherever it is.
#[tokio::test]
async fn a_marker_that_cannot_be_replaced_blocks() {
    let world = World::start(POLICY).await.unwrap();
    let chat = |part: &str| format!(r#"{{"model":"model/m","messages":[{part}]}}"#);
    let messages =
        |part: &str| format!(r#"{{"model":"claude/m","max_tokens":9,"messages":[{part}]}}"#);
    let user = r#"{"role":"user","content":"x"}"#;
    for (path, body) in [
        (
            "/v1/chat/completions",
            chat(r#"{"role":"user","name":"§","content":"x"}"#),
        ),
        (
            "/v1/chat/completions",
            chat(
                r#"{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"§","arguments":"{}"}}]}"#,
            ),
        ),
        (
            "/v1/chat/completions",
            chat(
                r#"{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"§\":1}"}}]}"#,
            ),
        ),
        (
            "/v1/messages",
            messages(&format!(
                r#"{user},{{"role":"assistant","content":[{{"type":"thinking","thinking":"§","signature":"eA=="}}]}}"#
            )),
        ),
        (
            "/v1/messages",
            messages(&format!(
                r#"{user},{{"role":"assistant","content":[{{"type":"tool_use","id":"t","name":"f","input":{{"§":1}}}}]}}"#
            )),
        ),
    ] {
        let (body, _) = marked(&body);
        let (answer, arrived) = exchange(&world, path, &body, "{}").await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(
            answer.text().unwrap().contains("g/secrets"),
            "{:?}",
            answer.text()
        );
        assert!(!answer.text().unwrap().contains(&key(0)));
        assert!(arrived.is_empty());
    }
}

/// A secret in two parts of one message is one secret; the replacement goes where it begins.
#[tokio::test]
async fn a_marker_in_two_parts_is_found() {
    let world = World::start(POLICY).await.unwrap();
    let key = key(0);
    let (a, b) = key.split_at(9);
    for (path, model) in [
        ("/v1/chat/completions", "model/m"),
        ("/v1/messages", "claude/m"),
    ] {
        let body = |first: &str, second: &str, model: &str| {
            format!(
                r#"{{"model":"{model}","max_tokens":9,"messages":[{{"role":"user","content":[{{"type":"text","text":"the key {first}"}},{{"type":"text","text":"{second} and more"}}]}}]}}"#
            )
        };
        let (answer, arrived) = exchange(
            &world,
            path,
            &body(a, b, model),
            "{\"choices\":[],\"content\":[]}",
        )
        .await;
        assert_eq!(answer.status, 200, "{:?}", answer.text());
        assert_same(
            &String::from_utf8_lossy(&arrived),
            &body("[REDACTED]", "", "m"),
        );
    }
}

/// What is written with escapes is found all the same, and the escape goes with it.
#[tokio::test]
async fn a_marker_behind_escapes_is_found() {
    let world = World::start(POLICY).await.unwrap();
    let key = key(3);
    let escaped: String = key
        .chars()
        .map(|c| format!("\\u{:04x}", u32::from(c)))
        .collect();
    let twice = escaped.replace('\\', "\\\\");
    let request = format!(
        r#"{{"model":"model/m","messages":[{{"role":"user","content":"é\u00e9 {escaped} x"}},{{"role":"assistant","tool_calls":[{{"id":"a","type":"function","function":{{"name":"f","arguments":"{{\"q\":\"\\u00e9 {twice}\"}}"}}}}]}},{{"role":"tool","tool_call_id":"a","content":"ok"}}]}}"#
    );
    let expected = request
        .replace(&twice, "[REDACTED]")
        .replace(&escaped, "[REDACTED]")
        .replace("model/m", "m");
    let (answer, arrived) =
        exchange(&world, "/v1/chat/completions", &request, "{\"choices\":[]}").await;
    assert_eq!(answer.status, 200, "{:?}", answer.text());
    assert_same(&String::from_utf8_lossy(&arrived), &expected);
}
