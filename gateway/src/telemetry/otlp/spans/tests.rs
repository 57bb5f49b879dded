use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span as Read};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, SkipReason, Strategy};
use parapet_policy::record::{Parameters, Places};
use parapet_policy::trace::TraceId;
use prost::Message as _;

use super::*;
use crate::telemetry::queue::tests::record;

fn context() -> TraceContext {
    TraceContext {
        trace_id: TraceId::new(0xabc),
        span_id: SpanId::new(0xdef),
        parent: Some(SpanId::new(0x123)),
        state: Some("a=1".into()),
        sampled: true,
    }
}

fn guardrail(outcome: &'static str) -> GuardrailRecord {
    GuardrailRecord {
        selector: "g/judge".into(),
        kind: "custom",
        hook: Hook::LlmInput,
        tool: None,
        operation: Operation::Validate,
        strategy: Strategy::Enforce,
        outcome,
        blocks: outcome == "violation",
        failure: None,
        skipped: None,
        categories: vec![("us_ssn".into(), 2), ("email".into(), 1)],
        edits: 0,
        places: None,
        start_us: 10,
        took_us: 30,
        cached: false,
        rules: vec!["default/rules/all".into()].into(),
        calls: vec![NetworkCall {
            server: "judge.example:443".into(),
            status: Some(503),
            error: None,
            start_us: 12,
            took_us: 20,
            span: 1,
        }],
    }
}

fn attempt() -> Attempt {
    Attempt {
        provider: "main".into(),
        kind: "openai",
        server: Some("[::1]:8080".into()),
        model: "gpt".into(),
        status: Some(200),
        start_us: 50,
        first_text_us: Some(1_500_000),
        took_us: 2_000_000,
        input_tokens: Some(3),
        output_tokens: Some(4),
        cache_read_tokens: Some(2),
        response_id: Some("chatcmpl-1".into()),
        response_model: Some("gpt-2024".into()),
        finish_reasons: vec!["stop", "length"],
        complete: true,
        ..Attempt::default()
    }
}

pub(super) fn read(record: &Record, names: Names) -> Vec<Read> {
    let mut out = Vec::new();
    let known = &mut KnownGuardrails::default();
    let count = write(record, &context(), names, known, &mut out);
    let spans = ScopeSpans::decode(out.as_slice()).unwrap().spans;
    assert_eq!(spans.len(), count as usize);
    spans
}

/// An attribute, as text.
fn told(span: &Read, key: &str) -> String {
    let mut pairs = span.attributes.iter().filter(|pair| pair.key == key);
    let pair = pairs.next();
    assert!(pairs.next().is_none(), "{key} is there twice");
    fn text(value: Option<&Value>) -> String {
        match value {
            Some(Value::StringValue(text)) => text.clone(),
            Some(Value::IntValue(number)) => number.to_string(),
            Some(Value::BoolValue(truth)) => truth.to_string(),
            Some(Value::DoubleValue(number)) => number.to_string(),
            Some(Value::ArrayValue(list)) => {
                let parts = list.values.iter().map(|value| text(value.value.as_ref()));
                parts.collect::<Vec<_>>().join(" ")
            }
            _ => "-".to_owned(),
        }
    }
    text(pair.and_then(|pair| pair.value.as_ref()?.value.as_ref()))
}

#[test]
fn spans_hang_together_and_have_their_times() {
    let mut record = record("r");
    record.started = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
    record.model = Some("main/gpt".into());
    record.guardrails.push(guardrail("clean"));
    record.attempts.push(attempt());
    let spans = read(&record, Names::Standard);
    let named: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let expected = [
        "POST /v1/chat/completions",
        "chat gpt",
        "POST",
        "run_guardrail g/judge",
        "POST",
    ];
    assert_eq!(named, expected);
    let trace = context();
    let kinds: Vec<i32> = spans.iter().map(|span| span.kind).collect();
    assert_eq!(kinds, [2, 3, 3, 1, 3]);
    assert_eq!(spans[0].span_id, trace.span_id.to_bytes());
    assert_eq!(spans[0].parent_span_id, trace.parent.unwrap().to_bytes());
    assert_eq!((spans[0].flags, spans[1].flags), (0x301, 0x101));
    for (child, parent) in [(1, 0), (2, 1), (3, 0), (4, 3)] {
        assert_eq!(spans[child].parent_span_id, spans[parent].span_id);
    }
    for span in &spans {
        assert_eq!(span.trace_id, trace.trace_id.to_bytes());
        assert_eq!(span.trace_state, "a=1");
    }
    // The network calls are those that the path gave numbers to.
    assert_eq!(spans[2].span_id, trace.span(0).to_bytes());
    assert_eq!(spans[4].span_id, trace.span(1).to_bytes());
    let times = |span: &Read| {
        let begun = 7_000_000_000;
        (
            span.start_time_unix_nano - begun,
            span.end_time_unix_nano - begun,
        )
    };
    assert_eq!(times(&spans[0]), (0, 3_000_000));
    assert_eq!(times(&spans[1]), (50_000, 2_000_050_000));
    assert_eq!(times(&spans[4]), (12_000, 32_000));
}

#[test]
fn what_was_written_before_is_written_the_same() {
    let mut of_policy = record("r");
    let clean = GuardrailRecord {
        categories: Vec::new(),
        calls: Vec::new(),
        ..guardrail("clean")
    };
    of_policy.guardrails = vec![
        clean.clone(),
        guardrail("changed"),
        GuardrailRecord {
            selector: "g/other".into(),
            ..clean
        },
    ];
    let mut records = Vec::new();
    for generation in [1, 2] {
        of_policy.revision = Some(Revision {
            epoch: 1,
            generation,
        });
        records.push(of_policy.clone());
    }
    for names in [Names::Standard, Names::Published] {
        let mut known = KnownGuardrails::default();
        for _ in 0..2 {
            for record in &records {
                let mut fresh = Vec::new();
                let none = &mut KnownGuardrails::default();
                write(record, &context(), names, none, &mut fresh);
                let mut again = Vec::new();
                write(record, &context(), names, &mut known, &mut again);
                assert_eq!(again, fresh);
            }
        }
    }
    let revision = |index: usize| {
        let spans = read(&records[index], Names::Standard);
        told(&spans[1], names::REVISION)
    };
    assert_eq!([revision(0), revision(1)], ["1.1", "1.2"]);
}

#[test]
fn attributes_say_what_happened() {
    let mut record = record("r");
    record.model = Some("main/gpt".into());
    let mut found = guardrail("violation");
    found.places = Places::of(0..2, |text| format!("messages[{text}].content"));
    record.guardrails.push(found);
    let mut skipped = guardrail("skipped");
    skipped.selector = "g/other".into();
    skipped.skipped = Some(SkipReason::NotReached);
    skipped.calls.clear();
    record.guardrails.push(skipped);
    record.unjudged.push(("image".into(), 2));
    (record.end, record.status) = (End::BlockedViolation, 400);
    let spans = read(&record, Names::Standard);
    let (request, judged, call) = (&spans[0], &spans[1], &spans[2]);
    assert_eq!(spans.len(), 3);
    for (span, key, value) in [
        (request, "http.response.status_code", "400"),
        (request, "error.type", "guardrail_checks_failed"),
        (request, "gen_ai.request.model", "main/gpt"),
        (request, "parapet.unjudged.classes", "image"),
        (request, "parapet.unjudged.counts", "2"),
        (request, "parapet.guardrails.skipped", "g/other"),
        (request, "tfy.span_type", "-"),
        (judged, "parapet.guardrail.outcome", "violation"),
        (judged, "parapet.guardrail.action", "block"),
        (judged, "parapet.guardrail.categories", "us_ssn email"),
        (judged, "parapet.guardrail.counts", "2 1"),
        (judged, "parapet.guardrail.rules", "default/rules/all"),
        (judged, "parapet.guardrail.duration_us", "30"),
        (judged, "parapet.guardrail.changed", "false"),
        (
            judged,
            "parapet.guardrail.places",
            "messages[0].content messages[1].content",
        ),
        (call, "server.address", "judge.example"),
        (call, "server.port", "443"),
        (call, "error.type", "503"),
    ] {
        assert_eq!(told(span, key), value, "{key}");
    }
    // What the client asked for is no error of the server's; what the service answered is one of the call.
    assert!(request.status.is_none());
    assert_eq!(call.status.as_ref().unwrap().code, 2);
}

#[test]
fn models_speak_the_conventions() {
    let mut record = record("r");
    record.parameters = Parameters {
        max_tokens: Some(64),
        temperature: Some(0.5),
        top_p: Some(0.25),
        top_k: Some(40.0),
        frequency_penalty: Some(-1.0),
        presence_penalty: Some(1.0),
        seed: Some(-7),
        choices: Some(2),
    };
    record.attempts.push(attempt());
    let mut failed = attempt();
    (failed.status, failed.error) = (Some(429), None);
    record.attempts.push(failed);
    let spans = read(&record, Names::Standard);
    for (span, key, value) in [
        (&spans[1], "gen_ai.operation.name", "chat"),
        (&spans[1], "gen_ai.provider.name", "openai"),
        (&spans[1], "gen_ai.request.model", "gpt"),
        (&spans[1], "gen_ai.usage.input_tokens", "3"),
        (&spans[1], "gen_ai.usage.output_tokens", "4"),
        (&spans[1], "gen_ai.response.time_to_first_chunk", "1.5"),
        (&spans[1], "gen_ai.request.max_tokens", "64"),
        (&spans[1], "gen_ai.request.temperature", "0.5"),
        (&spans[1], "gen_ai.request.top_p", "0.25"),
        (&spans[1], "gen_ai.request.top_k", "40"),
        (&spans[1], "gen_ai.request.frequency_penalty", "-1"),
        (&spans[1], "gen_ai.request.presence_penalty", "1"),
        (&spans[1], "gen_ai.request.seed", "-7"),
        (&spans[1], "gen_ai.request.choice.count", "2"),
        (&spans[1], "gen_ai.response.id", "chatcmpl-1"),
        (&spans[1], "gen_ai.response.model", "gpt-2024"),
        (&spans[1], "gen_ai.response.finish_reasons", "stop length"),
        (&spans[1], "gen_ai.usage.cache_read.input_tokens", "2"),
        (&spans[1], "gen_ai.usage.reasoning.output_tokens", "-"),
        (&spans[1], "server.address", "[::1]"),
        (&spans[1], "error.type", "-"),
        (&spans[3], "error.type", "429"),
        (&spans[4], "http.response.status_code", "429"),
    ] {
        assert_eq!(told(span, key), value, "{key}");
    }
    assert!(spans[1].status.is_none());
    assert_eq!(spans[3].status.as_ref().unwrap().code, 2);
}

#[test]
fn the_published_names_stand_beside_the_standard_ones() {
    let mut record = record("r");
    record.model = Some("main/gpt".into());
    record.guardrails.push(guardrail("changed"));
    record.attempts.push(attempt());
    let spans = read(&record, Names::Published);
    let named: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    let expected = [
        "ChatCompletion: main/gpt",
        "Model: gpt",
        "network call",
        "Guardrail",
        "network call",
    ];
    assert_eq!(named, expected);
    for (span, key, value) in [
        (&spans[0], "tfy.span_type", "ChatCompletion"),
        (&spans[0], "tfy.triggered_guardrail_fqns", "g/judge"),
        (&spans[0], "http.route", "/v1/chat/completions"),
        (&spans[1], "tfy.model.fqn", "main/gpt"),
        (&spans[1], "tfy.model.metric.latency_in_ms", "2000"),
        (&spans[1], "tfy.model.metric.cache_read_input_tokens", "2"),
        (&spans[3], "tfy.guardrail.result", "mutate"),
        (&spans[3], "tfy.guardrail.name", "judge"),
        (&spans[3], "parapet.guardrail.action", "modify"),
    ] {
        assert_eq!(told(span, key), value, "{key}");
    }
}

#[test]
fn names_of_any_length_are_cut() {
    let mut record = record("r");
    let mut attempt = attempt();
    attempt.model = "ü".repeat(100_000).into();
    record.attempts.push(attempt);
    let spans = read(&record, Names::Standard);
    assert!(spans[1].name.len() < 300);
    assert!(told(&spans[1], "gen_ai.request.model").len() <= 1024);
}
