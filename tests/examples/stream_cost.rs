//! What guarding a stream costs in process, guardrail by guardrail: microseconds for the 200 chunks that `make bench`
//! streams, when each chunk arrives on its own and when all arrive at once.
//! `cargo run --release -p parapet-tests --example stream_cost [ROUNDS]`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use bytes::Bytes;
use parapet_gateway::llm::sse::Decoder;
use parapet_gateway::llm::stream::Event;
use parapet_gateway::llm::{Dialect, Limits};
use parapet_gateway::pipeline::stream::flow::Flow;
use parapet_gateway::pipeline::stream::guards::{DEFAULT_BOUND, Guards};
use parapet_guardrails::guardrail::{BuildContext, Guardrail, TextGuardrail};
use parapet_guardrails::kinds;
use parapet_policy::outcome::{Operation, Strategy};
use parapet_tests::bench::corpus;
use serde_json::json;

/// A guardrail on output, with what it does with what it finds.
type Guard = (Arc<dyn TextGuardrail>, Operation);

fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(200), |n| n.parse())?;
    let presets = ["us_ssn", "email", "us_phone", "credit_card"];
    let (mutate, validate) = (Operation::Mutate, Operation::Validate);
    let guards = [
        build("secretsDetection", &json!({}), mutate)?,
        build(
            "regex",
            &json!({"presetPatterns": {"presets": presets}}),
            mutate,
        )?,
        build("sqlSanitizer", &json!({}), validate)?,
        build("codeSafetyLinter", &json!({}), validate)?,
    ];
    let chunks: Vec<Bytes> = corpus::answer_pieces()
        .iter()
        .map(|text| {
            let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
            let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]});
            Bytes::from(format!("data: {chunk}\n\n"))
        })
        .collect();
    let whole = [Bytes::from(chunks.concat())];
    println!(
        "{:20}{:>12}{:>12}{:>12}",
        "µs per stream", "one by one", "at once", "held"
    );
    let row = |name: &str, guards: &[Guard]| -> Result<()> {
        let (one_by_one, held) = cost(&chunks, guards, rounds)?;
        let (at_once, _) = cost(&whole, guards, rounds)?;
        println!("{name:20}{one_by_one:12.1}{at_once:12.1}{held:12}");
        Ok(())
    };
    row("none", &[])?;
    for (name, guard) in ["secrets", "regex", "SQL", "code"].into_iter().zip(&guards) {
        row(name, std::slice::from_ref(guard))?;
    }
    row("all", &guards)
}

fn build(kind: &str, config: &serde_json::Value, operation: Operation) -> Result<Guard> {
    match kinds::build(kind, config, &BuildContext::without_secrets(operation)) {
        Ok(built) => match built.guardrail {
            Guardrail::Text(guardrail) => Ok((guardrail, operation)),
            Guardrail::Context(_) | Guardrail::Service(_) => Err(anyhow!("{kind} reads no text")),
        },
        Err(problems) => Err(anyhow!("{kind} does not build: {problems:?}")),
    }
}

/// Microseconds of the fastest of `rounds` streams, and in how many arrivals some text had to wait for the next.
fn cost(arrivals: &[Bytes], guards: &[Guard], rounds: usize) -> Result<(f64, usize)> {
    let mut best = Duration::MAX;
    let mut held = 0;
    for _ in 0..rounds {
        let began = Instant::now();
        let list = guards
            .iter()
            .map(|(guardrail, operation)| (&**guardrail, *operation, Strategy::Enforce));
        let guards = Guards::new(list, DEFAULT_BOUND);
        let mut flow = Flow::new(Dialect::OpenAi, &guards, None, Limits::default(), 1 << 20);
        let mut decoder = Decoder::new(1 << 20);
        held = 0;
        for arrival in arrivals {
            decoder.push(arrival.clone());
            while let Some(frame) = decoder.next_frame()? {
                flow.event(Event::read(Dialect::OpenAi, frame))
                    .map_err(|error| anyhow!("{error:?}"))?;
            }
            flow.settle().map_err(|error| anyhow!("{error:?}"))?;
            let out: usize = flow.take().iter().map(Bytes::len).sum();
            held += usize::from(out < arrival.len());
        }
        flow.finish().map_err(|error| anyhow!("{error:?}"))?;
        std::hint::black_box(flow.take());
        best = best.min(began.elapsed());
    }
    Ok((best.as_secs_f64() * 1e6, held))
}
