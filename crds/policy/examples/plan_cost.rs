//! Prints what policy costs: compiling 5,000 rules, editing one of them, and planning a request.
//!
//! `cargo run --release -p parapet-policy --example plan_cost`

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use parapet_policy::bundle::{SecretId, ValidatorInput};
use parapet_policy::compile::{
    HoldBack, KindReport, Kinds, Written, WrittenAccount, WrittenConfig, WrittenGuardrail,
    WrittenIntegration, WrittenProvider, WrittenResource, compile,
};
use parapet_policy::diagnostic::Source;
use parapet_policy::facts::{Caller, Facts, Subject, Target};
use parapet_policy::hook::Hook;
use parapet_policy::model::Models;
use parapet_policy::outcome::Operation;
use parapet_policy::overrides;
use parapet_policy::plan::{PlanDefaults, Planner};
use parapet_policy::rule::Rule;
use serde_json::{Value, json};

const RULES: usize = 5_000;
const ROUNDS: u32 = 2_000;
const BATCHES: u32 = 20;

/// Answers at once: what a kind takes to build is not the compiler's cost.
struct AnyKind;

impl Kinds for AnyKind {
    fn check(&self, _: &str, _: &Value, _: Operation) -> KindReport {
        let hooks = Hook::ALL.into();
        KindReport {
            hooks,
            can_mutate: true,
            hold_back: Some(HoldBack::Bytes(1024)),
            ..KindReport::default()
        }
    }
}

fn source(kind: &str, name: &str) -> Source {
    Source {
        kind: kind.into(),
        namespace: "parapet".into(),
        name: name.into(),
        file: Some("policy.yaml".into()),
    }
}

/// The rules of a large company: for models, teams, users, machines and environments, half of them with
/// two conditions, and a few for everything.
fn rule(index: usize) -> Rule {
    let model = json!({"conditions": {"model": {
        "values": [format!("account-{}/model-{}", index % 50, index % 7)], "condition": "in",
    }}});
    let account =
        json!({"conditions": {"model": {"values": [format!("account-{}/*", index % 50)]}}});
    let team = json!({"conditions": {"in": [format!("team:team-{}", index % 800)]}});
    let user = json!({"conditions": {"in": [format!("user:user-{index}@example.com")]}});
    let when = match index {
        0..4 => json!({}),
        4..12 => {
            json!({"subjects": {"conditions": {"not_in": ["user:admin@example.com"]}}, "metadata": {"tier": "gold"}})
        }
        _ => match index % 4 {
            0 => json!({"target": model, "subjects": team}),
            1 => json!({"subjects": user}),
            2 => json!({"target": account, "subjects": team}),
            _ => {
                json!({"subjects": team, "metadata": {"environment": format!("env-{}", index % 12)}})
            }
        },
    };
    let selector =
        |offset: usize| format!("group-{}/guardrail-{}", (index + offset) % 10, index % 5);
    let written = json!({
        "id": format!("rule-{index}"),
        "when": when,
        "llm_input_guardrails": [selector(0), selector(3)],
        "llm_output_guardrails": [selector(0)],
        "mcp_tool_pre_invoke_guardrails": [],
        "mcp_tool_post_invoke_guardrails": [],
    });
    serde_json::from_value(written).unwrap_or_default()
}

fn guardrail(index: usize) -> WrittenGuardrail {
    WrittenGuardrail {
        name: format!("guardrail-{index}"),
        kind: "regex".into(),
        config: json!({"customPatterns": [{"pattern": "[a-z]{1,8}", "redactionText": "[REDACTED]"}]}),
        secret_refs: vec![],
        operation: if index < 2 {
            Operation::Mutate
        } else {
            Operation::Validate
        },
        priority: None,
        strategy: None,
        timeout: None,
        input: ValidatorInput::Original,
        streaming: None,
    }
}

fn written() -> Written {
    let integration = |group: usize| WrittenIntegration {
        source: source("GuardrailIntegration", &format!("group-{group}")),
        created: None,
        collaborators: Some(vec!["team:everyone".into()]),
        allowed_namespaces: vec![],
        guardrails: (0..5).map(guardrail).collect(),
    };
    let config = |part: usize| WrittenConfig {
        source: source("GuardrailConfig", &format!("config-{part}")),
        created: None,
        rules: (part * 100..(part + 1) * 100).map(rule).collect(),
        replace: vec![],
    };
    let provider = |account: usize| WrittenProvider {
        source: source("ModelProvider", &format!("account-{account}")),
        created: None,
        collaborators: None,
        models: Some(
            (0..7)
                .map(|model| (format!("model-{model}"), format!("model-{model}")))
                .collect(),
        ),
        spec: json!({"demo": {}}),
        secret_refs: vec![],
    };
    let token = SecretId {
        namespace: "parapet".into(),
        name: "bot".into(),
        key: "token".into(),
    };
    Written {
        policy_namespace: "parapet".into(),
        integrations: (0..10).map(integration).collect(),
        configs: (0..RULES / 100).map(config).collect(),
        providers: (0..50).map(provider).collect(),
        unreadable_providers: vec![],
        mcp_servers: vec![],
        unreadable_mcp_servers: vec![],
        accounts: vec![WrittenAccount {
            source: source("VirtualAccount", "bot"),
            created: None,
            tokens: vec![token.clone()],
            identities: vec![],
            teams: vec![],
            roles: vec![],
            metadata: BTreeMap::new(),
            fixed_metadata: BTreeMap::new(),
            expires_at: None,
        }],
        identity_providers: vec![WrittenResource {
            source: source("IdentityProvider", "corp"),
            created: None,
            spec: json!({"issuer": "https://id.example.com"}),
            secret_refs: vec![],
        }],
        settings: vec![],
        secrets: [token].into(),
    }
}

fn facts(models: &Models, user: &str, teams: &[&str], model: &str) -> Facts {
    let target = models
        .resolve(model)
        .map(|found| found.target())
        .unwrap_or(Target::Model {
            namespace: "parapet".into(),
            names: Arc::from([]),
        });
    let teams = teams.iter().map(|team| (*team).into()).collect();
    let caller = Caller {
        subject: Subject::User(user.into()),
        teams,
        roles: vec![],
    };
    let metadata = [("environment", "env-3"), ("app", "web")];
    Facts {
        caller,
        target,
        metadata: metadata
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
    }
}

/// The best of five runs of `work`, in milliseconds.
fn milliseconds<T>(mut work: impl FnMut() -> T) -> f64 {
    let run = |_| {
        let start = Instant::now();
        let made = black_box(work());
        let took = start.elapsed().as_secs_f64() * 1e3;
        drop(made);
        took
    };
    (0..5).map(run).fold(f64::INFINITY, f64::min)
}

/// The best mean of a few batches of `work`, in microseconds: the first warms up, and a neighbour on the
/// machine disturbs some.
fn microseconds<T>(mut work: impl FnMut() -> T) -> f64 {
    let batch = |_| {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(work());
        }
        start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
    };
    (0..BATCHES).map(batch).fold(f64::INFINITY, f64::min)
}

fn main() {
    let mut written = written();
    let compiled = compile(&written, &AnyKind);
    let rules = compiled.bundle.rules.len();
    for diagnostic in compiled
        .diagnostics
        .iter()
        .filter(|one| one.severity > parapet_policy::diagnostic::Severity::Info)
    {
        println!("{diagnostic}");
    }
    println!(
        "{rules} rules, {} guardrails",
        compiled.bundle.guardrails.len()
    );
    let bundle = Arc::new(compiled.bundle);
    let index = || Planner::new(bundle.clone(), PlanDefaults::default());
    println!(
        "compile            {:8.2} ms",
        milliseconds(|| compile(&written, &AnyKind))
    );
    println!("index              {:8.2} ms", milliseconds(index));
    let mut priority = 0;
    let edit = milliseconds(|| {
        priority += 1;
        if let Some(rule) = written
            .configs
            .first_mut()
            .and_then(|config| config.rules.first_mut())
        {
            rule.custom_error_message = Some(format!("edit {priority}"));
        }
        let bundle = Arc::new(compile(&written, &AnyKind).bundle);
        Planner::new(bundle, PlanDefaults::default())
    });
    println!("edit of one rule   {edit:8.2} ms   (compile and index, all of it)");

    let planner = index();
    let models = Models::new(&bundle);
    let model = "account-3/model-3";
    println!(
        "resolve a model    {:8.3} µs",
        microseconds(|| models.resolve(model))
    );
    let header = overrides::parse(
        Some(r#"{"llm_input_guardrails": ["group-1/guardrail-4"]}"#),
        Some("last"),
    )
    .ok();
    for (what, user, teams) in [
        ("a user", "user-17@example.com", &[][..]),
        (
            "three teams",
            "user-17@example.com",
            &["team-3", "team-103", "team-403"],
        ),
        (
            "twenty teams",
            "user-17@example.com",
            &[
                "team-0", "team-1", "team-2", "team-3", "team-4", "team-5", "team-6", "team-7",
                "team-8", "team-9", "team-10", "team-11", "team-12", "team-13", "team-14",
                "team-15", "team-16", "team-17", "team-18", "team-19",
            ],
        ),
    ] {
        let facts = facts(&models, user, teams, model);
        let matching = planner.matching(&facts).len();
        let plain = microseconds(|| planner.plan(&facts, None));
        let overridden = microseconds(|| planner.plan(&facts, header.as_ref()));
        let only = microseconds(|| planner.matching(&facts));
        println!(
            "plan for {what:12} {plain:8.3} µs   {matching} rules match; matching alone {only:.3} µs, with a header {overridden:.3} µs"
        );
    }
}
