//! What Cedar costs a tool call: microseconds for policies that can apply by their scope, for policies that
//! are about other servers, and for a caller who has not been seen before; and a list of tools.
//! `cargo run --release -p parapet-tests --example cedar_cost [ROUNDS]`.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use bytes::Bytes;
use parapet_guardrails::exchange::{Call, McpCall, ToolHints};
use parapet_guardrails::guardrail::{BuildContext, ContextGuardrail, Guardrail};
use parapet_guardrails::kinds;
use parapet_policy::facts::{Caller, Subject};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::Operation;
use serde_json::json;

/// Policies of each set.
const POLICIES: usize = 100;
/// Tools of the list.
const TOOLS: usize = 200;
/// Callers who take turns where each is new.
const STRANGERS: usize = 1_000;

/// The text of a policy, by its number.
type Policy = fn(usize) -> String;

fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(20_000), |n| n.parse())?;
    println!(
        "{:52}{:>10}{:>10}{:>20}",
        format!("{POLICIES} policies, µs per call"),
        "known",
        "new",
        format!("list of {TOOLS} tools")
    );
    let sets: [(&str, Policy); 3] = [
        ("each about another server and team", elsewhere),
        ("all may apply, by tool name", by_tool),
        (
            "all may apply, by tool, argument, hint and metadata",
            by_everything,
        ),
    ];
    for (name, policy) in sets {
        let guardrail = build(policy)?;
        let known = cost(&*guardrail, &[call(0)], rounds)?;
        let strangers: Vec<Call> = (0..STRANGERS).map(call).collect();
        let strange = cost(&*guardrail, &strangers, STRANGERS)?;
        let list = list_cost(&*guardrail, rounds.div_ceil(TOOLS));
        println!("{name:52}{known:10.2}{strange:10.2}{list:20.2}");
    }
    Ok(())
}

fn elsewhere(number: usize) -> String {
    format!(
        "permit(principal in Team::\"team-{number}\", action, resource == MCPServer::\"server-{number}\")
         when {{ context.tool != \"delete\" }};"
    )
}

fn by_tool(number: usize) -> String {
    format!(
        "forbid(principal, action, resource is Tool) when {{ context.tool == \"tool-{number}\" }};"
    )
}

fn by_everything(number: usize) -> String {
    format!(
        "forbid(principal, action == Action::\"MCPToolInvoke\", resource)
         when {{
           context.arguments has path && context.arguments.path like \"/secret-{number}/*\" &&
           context.hints has destructive && context.hints.destructive &&
           context.metadata has env && context.metadata.env == \"env-{number}\"
         }}
         unless {{ principal in Role::\"admin-{number}\" }};"
    )
}

fn build(policy: Policy) -> Result<Arc<dyn ContextGuardrail>> {
    // One that permits the call, so that the answer is the same everywhere.
    let mut policies =
        "permit(principal in Team::\"team-7\", action, resource is Tool);".to_owned();
    for number in 0..POLICIES - 1 {
        let _ = writeln!(policies, "{}", policy(number));
    }
    let context = BuildContext::without_secrets(Operation::Validate);
    let built = kinds::build("cedar", &json!({"policy": policies}), &context)
        .map_err(|problems| anyhow!("{problems:?}"))?;
    match built.guardrail {
        Guardrail::Context(guardrail) => Ok(guardrail),
        Guardrail::Text(_) | Guardrail::Service(_) => Err(anyhow!("cedar judges the call")),
    }
}

fn call(number: usize) -> Call {
    let text = "x".repeat(1_000);
    let arguments = json!({"path": "/public/a.txt", "text": text, "lines": [1, 2, 3]});
    Call {
        hook: Hook::McpToolPreInvoke,
        caller: Caller {
            subject: Subject::User(format!("user-{number}@example.com").into()),
            teams: ["team-7".into(), "team-8".into()].to_vec(),
            roles: ["developer".into()].to_vec(),
        },
        metadata: [("env".to_owned(), "production".to_owned())].into(),
        models: [].into(),
        mcp: Some(McpCall {
            servers: ["server-7".into()].into(),
            tool: Some("read".into()),
            source_tool: None,
            arguments: Some(Bytes::from(arguments.to_string())),
            hints: ToolHints {
                destructive: Some(true),
                ..ToolHints::default()
            },
        }),
        request_id: "r".into(),
    }
}

/// Microseconds of a call, the calls one after another.
fn cost(guardrail: &dyn ContextGuardrail, calls: &[Call], rounds: usize) -> Result<f64> {
    let mut took = Duration::ZERO;
    for call in calls.iter().cycle().take(rounds) {
        let began = Instant::now();
        let judged = black_box(guardrail.judge(black_box(call)));
        took += began.elapsed();
        judged.map_err(|refused| anyhow!("{refused:?}"))?;
    }
    Ok(took.as_secs_f64() * 1e6 / rounds as f64)
}

/// Microseconds to find out which tools of a list the caller need not be shown.
fn list_cost(guardrail: &dyn ContextGuardrail, rounds: usize) -> f64 {
    let tools: Vec<Call> = (0..TOOLS).map(listed).collect();
    let mut hidden = 0;
    let began = Instant::now();
    for _ in 0..rounds {
        let never = |call: &&Call| guardrail.never_allows(black_box(call));
        hidden += tools.iter().filter(never).count();
    }
    black_box(hidden);
    began.elapsed().as_secs_f64() * 1e6 / rounds as f64
}

/// A tool in a list: nothing is known of a call yet.
fn listed(number: usize) -> Call {
    let mut call = call(0);
    call.metadata.clear();
    if let Some(mcp) = &mut call.mcp {
        mcp.tool = Some(format!("tool-{number}").into());
        mcp.arguments = None;
    }
    call
}
