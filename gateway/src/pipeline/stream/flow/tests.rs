mod anthropic;

use parapet_guardrails::finding::{Hit, Rank};
use parapet_guardrails::guardrail::TextGuardrail;
use parapet_guardrails::scan::{Layer, Wants};
use parapet_guardrails::segment::Segment;
use parapet_policy::compile::HoldBack;
use parapet_policy::outcome::{Operation, Strategy};
use serde_json::{Value, json};

use super::super::channel::Stop;
use super::super::guards::Guards;
use super::{Flow, FlowError};
use crate::llm::sse::Decoder;
use crate::llm::stream::Event;
use crate::llm::{Dialect, Limits};

/// Finds `secret`, and holds back what may become it.
struct Word;

const WORD: &str = "secret";

impl TextGuardrail for Word {
    fn wants(&self) -> Wants {
        Wants::NONE
    }

    fn scan(&self, layer: &Layer<'_>, _: &Segment, hits: &mut Vec<Hit>) {
        hits.extend(layer.text().match_indices(WORD).map(|(at, found)| Hit {
            range: at..at + found.len(),
            category: WORD.into(),
            score: 1.0,
            rank: Rank::Pattern,
            replacement: Some("[X]".into()),
        }));
    }

    fn hold_back(&self) -> HoldBack {
        HoldBack::Bytes(6)
    }

    fn pending_from(&self, text: &str, from: usize) -> usize {
        let held = (1..WORD.len())
            .rev()
            .find(|n| text.ends_with(&WORD[..*n]))
            .unwrap_or(0);
        (text.len() - held).max(from)
    }
}

/// What goes out after each event, as one text.
fn run(
    dialect: Dialect,
    operation: Operation,
    events: &[String],
) -> (Vec<String>, Result<(), FlowError>) {
    let guards = Guards::new(
        [(&Word as &dyn TextGuardrail, operation, Strategy::Enforce)],
        1024,
    );
    let mut flow = Flow::new(dialect, &guards, None, Limits::default(), 1 << 20);
    let mut decoder = Decoder::new(1 << 20);
    let mut out = Vec::new();
    let text = |flow: &mut Flow<'_>| String::from_utf8(flow.take().concat()).unwrap();
    for event in events {
        decoder.push(event.clone().into());
        while let Some(frame) = decoder.next_frame().unwrap() {
            if let Err(error) = flow.event(Event::read(dialect, frame)) {
                out.push(text(&mut flow));
                return (out, Err(error));
            }
        }
        let settled = flow.settle();
        out.push(text(&mut flow));
        if let Err(error) = settled {
            return (out, Err(error));
        }
    }
    let end = flow.finish();
    out.push(text(&mut flow));
    (out, end)
}

fn chunk(choice: u32, delta: Value, finish: Option<&str>) -> String {
    let choice = json!({"index": choice, "delta": delta, "finish_reason": finish});
    format!(
        "data: {}\n\n",
        json!({"id": "c1", "object": "chat.completion.chunk", "choices": [choice]})
    )
}

fn content(choice: u32, text: &str) -> String {
    chunk(choice, json!({"content": text}), None)
}

/// The text of a choice in what went out, and whether every event is one that an SDK can read.
fn read(out: &[String], choice: u64) -> String {
    let mut text = String::new();
    for event in out.concat().split("\n\n").filter(|event| !event.is_empty()) {
        let data = event.strip_prefix("data: ").unwrap();
        if data == "[DONE]" {
            continue;
        }
        let data: Value = serde_json::from_str(data).unwrap();
        for entry in data["choices"].as_array().unwrap() {
            if entry["index"] == choice {
                text.push_str(entry["delta"]["content"].as_str().unwrap_or(""));
            }
        }
    }
    text
}

const DONE: &str = "data: [DONE]\n\n";

#[test]
fn what_cannot_become_a_match_leaves_as_it_came_and_at_once() {
    let events = [
        chunk(0, json!({"role": "assistant", "content": ""}), None),
        content(0, "hello "),
        content(0, "world"),
        chunk(0, json!({}), Some("stop")),
        DONE.to_owned(),
    ];
    let (out, end) = run(Dialect::OpenAi, Operation::Mutate, &events);
    assert_eq!(end, Ok(()));
    assert_eq!(out[..5], events);
}

#[test]
fn a_match_over_several_events_is_replaced_once_and_the_rest_leaves_early() {
    let events = [
        content(0, "my se"),
        content(0, "cr"),
        content(0, "et ok"),
        chunk(0, json!({}), Some("stop")),
        DONE.to_owned(),
    ];
    let (out, end) = run(Dialect::OpenAi, Operation::Mutate, &events);
    assert_eq!(end, Ok(()));
    assert_eq!(read(&out[..1], 0), "my ");
    assert_eq!(read(&out[..2], 0), "my ");
    assert_eq!(read(&out, 0), "my [X] ok");
    assert_eq!(out[3..5], events[3..5]);
}

#[test]
fn every_cut_gives_the_same_text() {
    let text = "a secret, secre, secretsecret";
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let events = [
                content(0, &text[..first]),
                content(0, &text[first..second]),
                chunk(0, json!({"content": &text[second..]}), Some("stop")),
                DONE.to_owned(),
            ];
            let (out, end) = run(Dialect::OpenAi, Operation::Mutate, &events);
            assert_eq!(end, Ok(()));
            assert_eq!(read(&out, 0), "a [X], secre, [X][X]", "{first} {second}");
        }
    }
}

#[test]
fn choices_do_not_wait_for_each_other() {
    let events = [
        content(0, "sec"),
        content(1, "hello"),
        content(0, "ret"),
        content(1, " you"),
    ];
    let (out, end) = run(Dialect::OpenAi, Operation::Mutate, &events);
    assert_eq!(end, Ok(()));
    assert_eq!(out[0], "");
    assert_eq!(read(&out[..2], 1), "hello");
    assert_eq!(
        (read(&out, 0), read(&out, 1)),
        ("[X]".into(), "hello you".into())
    );
}

#[test]
fn an_event_of_several_choices_keeps_every_choice_in_order() {
    let both = json!({"id": "c1", "choices": [
        {"index": 0, "delta": {"content": "ret a"}},
        {"index": 1, "delta": {"content": "b"}},
    ]});
    let events = [
        content(0, "sec"),
        content(1, "se"),
        format!("data: {both}\n\n"),
        content(0, " x"),
        content(1, " y"),
    ];
    let (out, end) = run(Dialect::OpenAi, Operation::Mutate, &events);
    assert_eq!(end, Ok(()));
    assert_eq!(
        (read(&out, 0), read(&out, 1)),
        ("[X] a x".into(), "seb y".into())
    );
}

#[test]
fn a_violation_stops_before_the_match_leaves() {
    let events = [content(0, "my se"), content(0, "cret is")];
    let (out, end) = run(Dialect::OpenAi, Operation::Validate, &events);
    assert_eq!(end, Err(FlowError::Stop(Stop { guard: 0 })));
    assert_eq!(read(&out, 0), "my ");
}

#[test]
fn events_that_arrive_together_leave_as_they_came() {
    let no_text = chunk(0, json!({"annotations": []}), None);
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
    let events = [
        chunk(0, json!({"role": "assistant", "content": ""}), None),
        content(0, "hello "),
        content(1, "wor"),
        no_text.clone(),
        // A word at an end may be held: something encoded might begin with it.
        content(0, "you "),
        ": keep-alive\n\n".to_owned(),
        content(1, "ld"),
        no_text,
        chunk(1, json!({}), Some("stop")),
        chunk(0, json!({}), Some("stop")),
        usage.to_owned(),
        DONE.to_owned(),
    ];
    let stream = events.concat();
    let (out, end) = run(
        Dialect::OpenAi,
        Operation::Mutate,
        std::slice::from_ref(&stream),
    );
    assert_eq!((out.concat(), end), (stream.clone(), Ok(())));
    for cut in 1..events.len() {
        let arrivals = [events[..cut].concat(), events[cut..].concat()];
        let (out, _) = run(Dialect::OpenAi, Operation::Mutate, &arrivals);
        assert_eq!(out.concat(), stream, "{cut}");
    }
}

#[test]
fn what_stands_before_a_violation_leaves_even_if_all_arrives_at_once() {
    let events = [
        content(0, "a b "),
        content(1, "other"),
        content(0, "my se"),
        content(0, "cret is"),
    ];
    let (out, end) = run(Dialect::OpenAi, Operation::Validate, &[events.concat()]);
    assert_eq!(end, Err(FlowError::Stop(Stop { guard: 0 })));
    assert_eq!(
        (read(&out, 0), read(&out, 1)),
        ("a b my ".into(), "other".into())
    );
    let stop = chunk(0, json!({}), Some("stop"));
    let (out, end) = run(
        Dialect::OpenAi,
        Operation::Validate,
        &[[events.concat(), stop].concat()],
    );
    assert_eq!(end, Err(FlowError::Stop(Stop { guard: 0 })));
    assert_eq!(read(&out, 0), "a b my ");
}

#[test]
fn log_probabilities_go_with_the_text_they_repeat() {
    let logprobs = json!({"content": [{"token": "secret", "bytes": [115]}]});
    let mut event: Value = json!({"id": "c1", "choices": [
        {"index": 0, "delta": {"content": "secret"}, "logprobs": logprobs, "finish_reason": null}
    ]});
    let (out, _) = run(
        Dialect::OpenAi,
        Operation::Mutate,
        &[format!("data: {event}\n\n")],
    );
    assert!(
        !out.concat().contains("secret") && !out.concat().contains("115"),
        "{out:?}"
    );
    event["choices"][0]["delta"]["content"] = "hello".into();
    let kept = format!("data: {event}\n\n").replace("secret", "hello");
    let (out, _) = run(
        Dialect::OpenAi,
        Operation::Mutate,
        std::slice::from_ref(&kept),
    );
    assert_eq!(out.concat(), kept);
}

#[test]
fn arguments_are_held_until_complete_and_stay_json() {
    let call = |call: Value| chunk(0, json!({"tool_calls": [call]}), None);
    let events = [
        call(
            json!({"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}),
        ),
        call(json!({"index": 0, "function": {"arguments": "{\"a\": \"my se"}})),
        call(json!({"index": 0, "function": {"arguments": "\\u0063ret\", \"b\": 1}"}})),
        chunk(0, json!({}), Some("tool_calls")),
        DONE.to_owned(),
    ];
    let (out, end) = run(Dialect::OpenAi, Operation::Mutate, &events);
    assert_eq!(end, Ok(()));
    assert_eq!(
        out[1..3].concat(),
        "",
        "nothing of the arguments before they are complete"
    );
    let mut arguments = String::new();
    for event in out
        .concat()
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("data: {"))
    {
        let data: Value = serde_json::from_str(&format!("{{{event}")).unwrap();
        let piece = &data["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"];
        arguments.push_str(piece.as_str().unwrap_or(""));
    }
    assert_eq!(arguments, "{\"a\": \"my [X]\", \"b\": 1}");
}

#[test]
fn nothing_of_arguments_that_stop_the_stream_leaves() {
    let call = |arguments: &str| {
        let call = json!({"index": 0, "function": {"name": "f", "arguments": arguments}});
        chunk(0, json!({"tool_calls": [call]}), None)
    };
    let ends = [
        chunk(0, json!({}), Some("tool_calls")),
        DONE.to_owned(),
        String::new(),
    ];
    for end in ends {
        let events = [call("{\"a\":\"se"), call("cret\"}"), end];
        let (out, ended) = run(Dialect::OpenAi, Operation::Validate, &events);
        assert_eq!(ended, Err(FlowError::Stop(Stop { guard: 0 })));
        assert_eq!(out.concat(), "");
    }
}

#[test]
fn usage_and_done_come_last_even_when_nothing_says_that_a_choice_is_complete() {
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
    let events = [content(0, "a se"), usage.to_owned(), DONE.to_owned()];
    let (out, end) = run(Dialect::OpenAi, Operation::Mutate, &events);
    assert_eq!(end, Ok(()));
    assert!(out.concat().ends_with(&format!("{usage}{DONE}")), "{out:?}");
    assert_eq!(read(&[out.concat().replace(usage, "")], 0), "a se");
}

#[test]
fn an_audit_holds_not_even_what_cannot_be_read() {
    let guards = Guards::new(
        [(
            &Word as &dyn TextGuardrail,
            Operation::Mutate,
            Strategy::Audit,
        )],
        1024,
    );
    let mut flow = Flow::new(Dialect::OpenAi, &guards, None, Limits::default(), 1 << 20);
    let mut decoder = Decoder::new(1 << 20);
    decoder.push("data: {\"choices\": [\n\n".into());
    let frame = decoder.next_frame().unwrap().unwrap();
    assert_eq!(flow.event(Event::read(Dialect::OpenAi, frame)), Ok(()));
    assert_eq!(flow.take().concat(), b"data: {\"choices\": [\n\n");
}

#[test]
fn an_event_that_cannot_be_read_ends_the_stream() {
    let events = [content(0, "a "), "data: {\"choices\": [\n\n".to_owned()];
    let (out, end) = run(Dialect::OpenAi, Operation::Mutate, &events);
    assert_eq!(end, Err(FlowError::Unreadable));
    assert_eq!(read(&out, 0), "a ");
}

#[test]
fn an_empty_finish_reason_ends_nothing() {
    let piece = |text: &str, finish| chunk(0, json!({"content": text}), Some(finish));
    let events = [piece("my sec", ""), piece("ret ok", ""), piece("", "stop")];
    let (out, end) = run(Dialect::OpenAi, Operation::Mutate, &events);
    assert_eq!(end, Ok(()));
    assert_eq!(read(&out, 0), "my [X] ok");
}

#[test]
fn text_after_the_end_of_its_answer_cannot_be_judged() {
    let call = |arguments: &str| {
        let call = json!({"index": 0, "function": {"name": "f", "arguments": arguments}});
        chunk(0, json!({"tool_calls": [call]}), None)
    };
    let end = chunk(0, json!({}), Some("stop"));
    for (first, second) in [
        (content(0, "my sec"), content(0, "ret")),
        (call("{\"a\":"), call("\"secret\"}")),
    ] {
        for end in [end.clone(), DONE.to_owned()] {
            let (out, end) = run(
                Dialect::OpenAi,
                Operation::Validate,
                &[first.clone(), end, second.clone()],
            );
            assert_eq!(end, Err(FlowError::Unreadable));
            assert!(!out.concat().contains(&second), "{out:?}");
        }
    }
    // Another choice may go on, and so may events without text.
    let events = [
        content(0, "a"),
        end.clone(),
        content(1, "b"),
        end,
        DONE.to_owned(),
    ];
    assert_eq!(run(Dialect::OpenAi, Operation::Validate, &events).1, Ok(()));
}

#[test]
fn nothing_hides_in_events_without_text() {
    let openai = [
        r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2},"note":"secret"}"#,
        r#"{"error":{"message":"secret"}}"#,
    ];
    let anthropic = [
        r#"{"type":"ping","note":"secret"}"#,
        r#"{"type":"message_stop","note":"secret"}"#,
    ];
    let rows = openai.map(|data| (Dialect::OpenAi, data));
    for (dialect, data) in rows
        .into_iter()
        .chain(anthropic.map(|data| (Dialect::Anthropic, data)))
    {
        let events = [format!("data: {data}\n\n")];
        let (out, end) = run(dialect, Operation::Mutate, &events);
        assert_eq!(end, Ok(()), "{data}");
        assert_eq!(out.concat(), events[0].replace("secret", "[X]"));
        let (out, end) = run(dialect, Operation::Validate, &events);
        assert_eq!(end, Err(FlowError::Stop(Stop { guard: 0 })), "{data}");
        assert_eq!(out.concat(), "");
    }
}

#[test]
fn a_body_that_is_no_stream_cannot_be_judged() {
    for body in ["{\"choices\": [\"secret\"]}\n\n", "text: secret\n\n"] {
        let (out, end) = run(Dialect::OpenAi, Operation::Validate, &[body.to_owned()]);
        assert_eq!(end, Err(FlowError::Unreadable), "{body}");
        assert_eq!(out.concat(), "");
    }
}

#[test]
fn log_probabilities_do_not_come_before_their_text() {
    let event = json!({"id": "c1", "choices": [
        {"index": 0, "delta": {}, "logprobs": {"content": [{"token": "secret"}]}, "finish_reason": null}
    ]});
    let events = [format!("data: {event}\n\n"), content(0, "secret")];
    let (out, _) = run(Dialect::OpenAi, Operation::Mutate, &events);
    assert!(!out.concat().contains("secret"), "{out:?}");
    assert_eq!(read(&out, 0), "[X]");
}

#[test]
fn an_error_comes_after_the_text_that_was_held() {
    let error = "data: {\"error\":{\"message\":\"over\"}}\n\n";
    let events = [content(0, "a sec"), error.to_owned()];
    let (out, end) = run(Dialect::OpenAi, Operation::Mutate, &events);
    assert_eq!(end, Ok(()));
    assert!(out.concat().ends_with(error), "{out:?}");
    assert_eq!(read(&[out.concat().replace(error, "")], 0), "a sec");
}

#[test]
fn pieces_of_the_gateways_own_repeat_no_text() {
    let first = json!({"id": "c1", "note": "secret", "choices": [
        {"index": 0, "delta": {"content": "a sec"}, "finish_reason": null}
    ]});
    let events = [format!("data: {first}\n\n"), content(0, "onds")];
    let (out, end) = run(Dialect::OpenAi, Operation::Mutate, &events);
    assert_eq!(end, Ok(()));
    assert!(!out.concat().contains("secret"), "{out:?}");
    assert_eq!(read(&out, 0), "a seconds");
}
