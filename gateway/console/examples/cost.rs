//! Prints what a console with 10,000 requests takes in memory, and how long its pages take.
//!
//! `cargo run --release -p parapet-console --example cost`

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use parapet_console::session::SealingKey;
use parapet_console::{Console, Gateway, Installation, Limits, Refused, Settings, router};
use parapet_policy::bundle::Bundle;
use parapet_policy::facts::{Caller, Subject};
use parapet_policy::record::Record;
use serde_json::{Value, json};
use tower_service::Service as _;

const REQUESTS: usize = 10_000;
/// A page is asked for so often.
const TIMES: u32 = 20;

/// Everybody may read.
struct Open;

impl Installation for Open {
    fn authenticate(&self, _: &str) -> Result<Caller, Refused> {
        Ok(Caller {
            subject: Subject::User("reader".into()),
            teams: Vec::new(),
            roles: Vec::new(),
        })
    }

    fn has_identities(&self) -> bool {
        true
    }

    fn policy(&self) -> Option<Arc<Bundle>> {
        Some(Arc::default())
    }

    fn gateways(&self) -> Vec<Gateway> {
        Vec::new()
    }
}

/// A request with six guardrails and a call, as it comes over NATS: no text in it is shared with another.
fn request(number: usize) -> Value {
    let blocked = number.is_multiple_of(10);
    let guardrail = |index: usize| {
        let found = blocked && index == 1;
        json!({
            "selector": format!("my-guardrails/check-{index}"), "kind": "regex", "hook": if index < 4 { "llm_input" } else { "llm_output" },
            "operation": "validate", "strategy": "enforce", "outcome": if found { "violation" } else { "clean" }, "blocks": found,
            "failure": null, "skipped": null, "categories": if found { json!([["us_ssn", 1]]) } else { json!([]) }, "edits": 0, "places": if found { json!({"first": ["messages[2].content", "messages[4].content"]}) } else { Value::Null },
            "start_us": 100 + index, "took_us": 20 + number % 50, "cached": false, "rules": ["baseline", "for-all-teams"],
            "calls": if index == 3 { json!([{"server": "guardrail.example.com:443", "status": 200, "error": null, "start_us": 130, "took_us": 9000}]) } else { json!([]) },
        })
    };
    json!({
        "version": 1, "request_id": format!("req_{number:032x}"), "started": "2026-11-21T12:00:00.000000Z", "revision": {"epoch": 3, "generation": 17},
        "route": "/v1/chat/completions", "subject": {"type": "user", "name": format!("user-{}@example.com", number % 500)}, "teams": ["support", "payments"],
        "model": "openai-main/gpt-4o", "stream": false, "parameters": {}, "guardrails": (0..6).map(guardrail).collect::<Vec<_>>(),
        "attempts": [{
            "provider": "openai-main", "kind": "openai", "server": "api.openai.com:443", "model": "gpt-4o-2024-11-20", "status": 200, "start_us": 200,
            "first_text_us": 300_000, "took_us": 900_000, "input_tokens": 900, "output_tokens": 200, "error": null, "complete": true,
        }],
        "unjudged": [], "rewrites": [], "end": if blocked { "blocked_violation" } else { "allowed" }, "status": if blocked { 400 } else { 200 },
        "request_bytes": 4096, "response_bytes": 1024, "total_us": 900_000 + number,
    })
}

/// Bytes of memory that the process holds.
fn resident() -> Result<usize, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: usize = line
        .ok_or("no VmRSS")?
        .trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()?;
    Ok(kib * 1024)
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let settings = Settings {
        limits: Limits {
            records: REQUESTS,
            bytes: usize::MAX,
        },
        readers: vec!["user:*".to_owned()],
        file: None,
    };
    let console = Arc::new(Console::new(
        &settings,
        SealingKey::random()?,
        Arc::new(Open),
    )?);
    let before = resident()?;
    let gateway = Arc::from("gateway-1");
    for number in 0..REQUESTS {
        let record: Record = serde_json::from_value(request(number))?;
        console.add(&gateway, [record]);
    }
    let mib = |bytes: usize| bytes as f64 / 1_048_576.0;
    let cell = |what: &str, figure: String, aim: &str| println!("{what:57}{figure:>24}  {aim}");
    cell("the console", "figure".to_owned(), "aim");
    let held = format!("{:.1} MiB", mib(resident()?.saturating_sub(before)));
    cell(&format!("{REQUESTS} requests, resident"), held, "50 MiB");
    cell(
        "the same by its own count",
        format!("{:.1} MiB", mib(console.bytes())),
        "",
    );
    let mut pages = router(console);
    let pages_of = [
        "/console/",
        "/console/?show=blocked",
        "/console/?guardrail=check-3&subject=user-42&model=gpt",
        "/console/?subject=nobody",
        &format!("/console/requests/req_{:032x}", 10),
        "/console/health",
        "/console/policy",
    ];
    for page in pages_of {
        let mut slowest = Duration::ZERO;
        let begun = Instant::now();
        for _ in 0..TIMES {
            let once = Instant::now();
            let asked = Request::get(page)
                .header("authorization", "Bearer x")
                .body(Body::empty())?;
            let body = runtime.block_on(async {
                let answer = pages.call(asked).await?;
                Ok::<_, Box<dyn Error>>(answer.into_body().collect().await?.to_bytes())
            })?;
            if body.is_empty() {
                return Err(format!("{page} is empty").into());
            }
            slowest = slowest.max(once.elapsed());
        }
        let figure = format!("{:.1?}, at most {slowest:.1?}", begun.elapsed() / TIMES);
        cell(page, figure, "50 ms");
    }
    Ok(())
}
