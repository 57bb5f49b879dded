//! What scanning costs, guardrail by guardrail: microseconds of a thousand bytes, for each kind of text that
//! `make bench` sends. `cargo run --release -p parapet-tests --example scan_cost [ROUNDS]`.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use parapet_guardrails::guardrail::{BuildContext, Guardrail, TextGuardrail};
use parapet_guardrails::kinds;
use parapet_guardrails::scan::Scanner;
use parapet_guardrails::segment::{Form, Role, Segments};
use parapet_policy::outcome::Operation;
use parapet_tests::bench::corpus::{self, Random};
use serde_json::json;

/// Texts of one kind that one round scans.
const TEXTS: usize = 200;

type Maker = fn(&mut Random, usize) -> String;

fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(40), |n| n.parse())?;
    let presets = ["us_ssn", "email", "us_phone", "credit_card"];
    let kinds = [
        ("secretsDetection", json!({})),
        ("regex", json!({"presetPatterns": {"presets": presets}})),
        ("sqlSanitizer", json!({})),
        ("codeSafetyLinter", json!({})),
    ];
    let built = kinds
        .iter()
        .map(|(kind, config)| build(kind, config))
        .collect::<Result<Vec<_>>>()?;
    let all: Vec<&dyn TextGuardrail> = built.iter().map(|guardrail| &**guardrail).collect();
    let makers: [(&str, Maker); 4] = [
        ("prose", corpus::prose),
        ("code", corpus::code),
        ("JSON", corpus::records),
        ("mixed", corpus::any),
    ];
    print!("{:24}", "µs per KB");
    for (name, _) in makers {
        print!("{name:>9}");
    }
    println!();
    let row = |name: &str, guardrails: &[&dyn TextGuardrail]| {
        print!("{name:24}");
        for (_, make) in makers {
            print!("{:9.2}", cost(make, guardrails, rounds));
        }
        println!();
    };
    for ((kind, _), guardrail) in kinds.iter().zip(&all) {
        row(kind, &[*guardrail]);
    }
    row("all in one scan", &all);
    let every: Vec<&str> = parapet_guardrails::local::regex::catalogue()
        .map(|preset| preset.id)
        .collect();
    let every = build("regex", &json!({"presetPatterns": {"presets": every}}))?;
    row("regex, every preset", &[&*every]);
    Ok(())
}

fn build(kind: &str, config: &serde_json::Value) -> Result<std::sync::Arc<dyn TextGuardrail>> {
    let context = BuildContext::without_secrets(Operation::Validate);
    match kinds::build(kind, config, &context) {
        Ok(built) => match built.guardrail {
            Guardrail::Text(guardrail) => Ok(guardrail),
            Guardrail::Context(_) | Guardrail::Service(_) => Err(anyhow!("{kind} reads no text")),
        },
        Err(problems) => Err(anyhow!("{kind} does not build: {problems:?}")),
    }
}

/// The fastest of `rounds` rounds: others on the machine only make rounds slower.
fn cost(make: Maker, guardrails: &[&dyn TextGuardrail], rounds: usize) -> f64 {
    let mut random = Random::new(0x5ca9);
    let texts: Vec<String> = (0..TEXTS)
        .map(|_| {
            let length = 220 + random.below(440);
            make(&mut random, length)
        })
        .collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let segments = Segments::of_text("", Role::User, Form::Text);
    let Some(segment) = segments.list().first() else {
        return 0.0;
    };
    let scanner = Scanner::of(guardrails);
    let mut hits = vec![Vec::new(); guardrails.len()];
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let began = Instant::now();
        for text in &texts {
            hits.iter_mut().for_each(Vec::clear);
            scanner.scan(text, segment, guardrails, &mut hits);
        }
        best = best.min(began.elapsed());
    }
    best.as_secs_f64() * 1e9 / bytes as f64
}
