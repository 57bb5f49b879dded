//! What a guarded request costs between reading its body and having the one that goes on, step by step:
//! `cargo run --release -p parapet-tests --example request_cost [ROUNDS]`.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use bytes::Bytes;
use parapet_gateway::llm::{Dialect, Limits, Request, Texts};
use parapet_gateway::pipeline::hook;
use parapet_gateway::pipeline::payload::{ChatBodies, Payload};
use parapet_gateway::pipeline::recording::Recording;
use parapet_gateway::pipeline::stage::Stage;
use parapet_gateway::policy::guardrail::ReadyGuardrail;
use parapet_guardrails::client::{ClientError, ClientRequest, ClientResponse, HttpClient};
use parapet_guardrails::exchange::Call;
use parapet_guardrails::finding::Edit;
use parapet_guardrails::guardrail::BuildContext;
use parapet_guardrails::kinds;
use parapet_guardrails::segment::Segments;
use parapet_policy::bundle::{StreamMode, ValidatorInput};
use parapet_policy::facts::{Caller, Subject};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, Strategy};
use parapet_policy::overrides::Scope;
use parapet_policy::plan::Planned;
use parapet_tests::bench::corpus::{self, SHAPES, Shape};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A located request.
struct Located(Texts);

impl Payload for Located {
    fn segments(&self) -> &Segments {
        self.0.segments()
    }

    fn place(&self, segment: usize) -> String {
        self.0.place(segment)
    }

    fn public_place(&self, segment: usize) -> String {
        self.0.public_place(segment)
    }

    fn leaf_of_raw(&self, segment: usize, range: Range<usize>) -> Option<(usize, Range<usize>)> {
        self.0.leaf_of_raw(segment, range)
    }

    fn apply(&mut self, edits: &[Edit]) -> bool {
        self.0.apply(edits).is_ok()
    }

    fn chat_bodies(&self) -> ChatBodies {
        ChatBodies::default()
    }

    fn diff(&self, _: &serde_json::Value) -> Result<Vec<Edit>, String> {
        Ok(Vec::new())
    }
}

/// No guardrail here calls anybody.
struct NoWayOut;

impl HttpClient for NoWayOut {
    fn send(
        &self,
        request: ClientRequest,
    ) -> futures_util::future::BoxFuture<'_, Result<ClientResponse, ClientError>> {
        let host = request.uri.host().unwrap_or_default().to_owned();
        let reason = "there is no way out".to_owned();
        Box::pin(async { Err(ClientError::Unavailable { host, reason }) })
    }
}

/// What a request is judged with.
struct Bench {
    guardrails: Vec<ReadyGuardrail>,
    plan: Vec<Planned>,
    call: Arc<Call>,
    client: Arc<dyn HttpClient>,
}

impl Bench {
    fn new() -> Result<Self> {
        let presets = ["us_ssn", "email", "us_phone", "credit_card"];
        let kinds = [
            ("secretsDetection", json!({}), Operation::Mutate),
            (
                "regex",
                json!({"presetPatterns": {"presets": presets}}),
                Operation::Mutate,
            ),
            ("sqlSanitizer", json!({}), Operation::Validate),
            ("codeSafetyLinter", json!({}), Operation::Validate),
        ];
        let (mut guardrails, mut plan) = (Vec::new(), Vec::new());
        for (index, (kind, config, operation)) in (0u32..).zip(kinds) {
            let context = BuildContext::without_secrets(operation);
            let built = kinds::build(kind, &config, &context)
                .map_err(|problems| anyhow!("{kind} does not build: {problems:?}"))?;
            guardrails.push(ReadyGuardrail {
                selector: format!("bench/{kind}").into(),
                kind: built.kind,
                built: Some(built),
                timeout: Duration::from_secs(1),
                input: ValidatorInput::Original,
                streaming: StreamMode::Buffered,
            });
            plan.push(Planned {
                guardrail: index,
                operation,
                strategy: Strategy::Enforce,
                scope: Scope::All,
                rules: ["everything".into()].into(),
                custom_error_message: None,
            });
        }
        Ok(Self {
            guardrails,
            plan,
            call: Arc::new(Call {
                hook: Hook::LlmInput,
                caller: Caller {
                    subject: Subject::User("bench".into()),
                    teams: Vec::new(),
                    roles: Vec::new(),
                },
                metadata: std::collections::BTreeMap::new(),
                models: ["mock/m".into()].into(),
                mcp: None,
                request_id: "r".into(),
            }),
            client: Arc::new(NoWayOut),
        })
    }

    /// Microseconds of each step, for one body.
    fn steps(&self, body: &Arc<String>) -> Result<[f64; STEPS.len()]> {
        let limits = Limits::default();
        let mut clock = Clock::new();
        let request = Request::parse(Dialect::OpenAi, Arc::clone(body), &limits)?;
        clock.lap();
        let mut payload = Located(request.texts(&limits)?);
        clock.lap();
        let recording = Recording::begin("r".into(), "/v1/chat/completions", Rc::new(drop));
        let stage = Stage {
            hook: Hook::LlmInput,
            plan: &self.plan,
            guardrails: &self.guardrails,
            call: self.call.clone(),
            client: self.client.clone(),
            recording: &recording,
        };
        let race = futures_util::FutureExt::now_or_never(hook::run(&stage, &mut payload));
        drop(race.ok_or_else(|| anyhow!("a guardrail waits"))?);
        drop(recording);
        clock.lap();
        request.put_model(&mut payload.0, "m");
        std::hint::black_box::<Bytes>(payload.0.to_bytes());
        clock.lap();
        drop((request, payload));
        clock.lap();
        Ok(clock.laps)
    }
}

const STEPS: [&str; 5] = ["parse", "locate", "judge", "splice", "drop"];

struct Clock {
    last: Instant,
    laps: [f64; STEPS.len()],
    count: usize,
}

impl Clock {
    fn new() -> Self {
        Self {
            last: Instant::now(),
            laps: [0.0; STEPS.len()],
            count: 0,
        }
    }

    fn lap(&mut self) {
        let now = Instant::now();
        if let Some(lap) = self.laps.get_mut(self.count) {
            *lap = now.duration_since(self.last).as_secs_f64() * 1e6;
        }
        self.count += 1;
        self.last = now;
    }
}

fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(20), |n| n.parse())?;
    let bench = Bench::new()?;
    print!("{:24}", "µs per request");
    STEPS.iter().for_each(|step| print!("{step:>9}"));
    println!("{:>9}", "all");
    for shape in SHAPES.iter().filter(|shape| !shape.stream) {
        let steps = cost(&bench, *shape, rounds)?;
        print!("{:24}", shape.name);
        steps.iter().for_each(|step| print!("{step:9.1}"));
        println!("{:9.1}", steps.iter().sum::<f64>());
    }
    Ok(())
}

/// The mean over all bodies; of each body's rounds the fastest, step by step: others on the machine only make
/// rounds slower.
fn cost(bench: &Bench, shape: Shape, rounds: usize) -> Result<[f64; STEPS.len()]> {
    let bodies: Vec<Arc<String>> = corpus::bodies(shape, "mock/m")
        .into_iter()
        .map(Arc::new)
        .collect();
    let mut best = vec![[f64::MAX; STEPS.len()]; bodies.len()];
    for _ in 0..rounds {
        for (body, best) in bodies.iter().zip(&mut best) {
            for (best, lap) in best.iter_mut().zip(bench.steps(body)?) {
                *best = best.min(lap);
            }
        }
    }
    let mut mean = [0.0; STEPS.len()];
    for best in &best {
        for (mean, best) in mean.iter_mut().zip(best) {
            *mean += best / bodies.len() as f64;
        }
    }
    Ok(mean)
}
