//! What telemetry costs a request, step by step, at full sampling:
//! `cargo run --release -p parapet-tests --example telemetry_cost [ROUNDS]`.

use std::hint::black_box;
use std::time::{Instant, SystemTime};

use anyhow::Result;
use http::{HeaderMap, HeaderValue};
use parapet_gateway::telemetry::head::{Head, Sampler};
use parapet_gateway::telemetry::otlp::{Names, Tracer};
use parapet_policy::bundle::Revision;
use parapet_policy::facts::Subject;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, Strategy};
use parapet_policy::record::{Attempt, End, GuardrailRecord, Parameters, RECORD_VERSION, Record};
use parapet_policy::trace::TraceContext;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests in one measurement.
const REQUESTS: usize = 2_000;

/// The record of a chat request with as many guardrails on input as on output.
fn record(trace: TraceContext, guardrails: usize) -> Record {
    let guardrail = |hook, index: usize| GuardrailRecord {
        selector: format!("my-guardrails/guardrail-{index}").into(),
        kind: "regex",
        hook,
        tool: None,
        operation: Operation::Mutate,
        strategy: Strategy::Enforce,
        outcome: if index == 0 { "changed" } else { "clean" },
        blocks: false,
        failure: None,
        skipped: None,
        categories: match index {
            0 => vec![("email".into(), 2), ("us_phone".into(), 1)],
            _ => Vec::new(),
        },
        edits: if index == 0 { 3 } else { 0 },
        places: None,
        start_us: 20,
        took_us: 9,
        cached: false,
        rules: vec!["default/guardrails-control/baseline".into()].into(),
        calls: Vec::new(),
    };
    let of = |hook| (0..guardrails).map(move |index| guardrail(hook, index));
    Record {
        version: RECORD_VERSION,
        request_id: "req_0123456789abcdef0123456789abcdef".into(),
        trace: Some(trace),
        started: SystemTime::now(),
        revision: Some(Revision {
            epoch: 3,
            generation: 41,
        }),
        route: "/v1/chat/completions",
        subject: Some(Subject::User("somebody@example.com".into())),
        teams: vec!["payments".into()],
        model: Some("openai-main/gpt-4o".into()),
        mcp: None,
        stream: false,
        parameters: Parameters {
            max_tokens: Some(1_000),
            temperature: Some(0.2),
            ..Parameters::default()
        },
        guardrails: of(Hook::LlmInput).chain(of(Hook::LlmOutput)).collect(),
        attempts: vec![Attempt {
            provider: "openai-main".into(),
            kind: "openai",
            server: Some("api.openai.com:443".into()),
            model: "gpt-4o".into(),
            status: Some(200),
            start_us: 60,
            took_us: 812_000,
            input_tokens: Some(812),
            output_tokens: Some(240),
            response_id: Some("chatcmpl-0123456789abcdef01234567".into()),
            response_model: Some("gpt-4o-2024-11-20".into()),
            finish_reasons: vec!["stop"],
            complete: true,
            ..Attempt::default()
        }],
        unjudged: Vec::new(),
        rewrites: Vec::new(),
        end: End::Allowed,
        status: 200,
        request_bytes: 3_210,
        response_bytes: 1_204,
        total_us: 812_400,
        content: None,
    }
}

/// The best of some rounds, in microseconds for each request.
fn best(rounds: usize, mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let begun = Instant::now();
        run();
        best = best.min(begun.elapsed().as_secs_f64() * 1e6);
    }
    #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
    let requests = REQUESTS as f64;
    best / requests
}

fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(200), |n| n.parse())?;
    let head = Head {
        sampler: Sampler::parent_or(1.0),
        propagates: true,
    };
    let mut headers = HeaderMap::new();
    for name in ["content-type", "authorization", "user-agent"] {
        headers.insert(name, HeaderValue::from_static("something"));
    }
    let fresh = best(rounds, || {
        for _ in 0..REQUESTS {
            black_box(head.begin(black_box(&headers)));
        }
    });
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    headers.insert("traceparent", HeaderValue::from_static(parent));
    let taken_up = best(rounds, || {
        for _ in 0..REQUESTS {
            black_box(head.begin(black_box(&headers)));
        }
    });
    let context = head.begin(&headers);
    let sent = best(rounds, || {
        for _ in 0..REQUESTS {
            let span = black_box(&context).span(0);
            let value = HeaderValue::from_bytes(&context.traceparent(span));
            headers.insert(
                "traceparent",
                black_box(value).unwrap_or(HeaderValue::from_static("")),
            );
        }
    });
    println!(
        "on the request path, µs: begin a trace {fresh:.3}, take one up {taken_up:.3}, tell the model {sent:.3}"
    );
    println!("off it, µs a request:");
    for guardrails in [0, 1, 4] {
        let records: Vec<Record> = (0..REQUESTS)
            .map(|_| record(head.begin(&headers), guardrails))
            .collect();
        for names in [Names::Standard, Names::Published] {
            let mut tracer = Tracer::detached(names);
            let mut bytes = 0;
            let spans = best(rounds, || {
                bytes = 0;
                for batch in records.chunks(100) {
                    tracer.add(batch);
                    bytes += tracer.discard();
                }
            });
            println!(
                "  {} guardrails, {names:?} names: spans {spans:.2}, {} bytes",
                2 * guardrails,
                bytes / REQUESTS
            );
        }
    }
    Ok(())
}
