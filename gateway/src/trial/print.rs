//! What `try` prints before any guardrail runs: who, what, which rules, and the plan.

use std::io::{self, Write};

use parapet_policy::bundle::ValidatorInput;
use parapet_policy::facts::{Facts, Target};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, Strategy};
use parapet_policy::overrides::Scope;
use parapet_policy::plan::Planned;
use parapet_policy::rule::InputExecution;

use super::Trial;
use crate::policy::guardrail::ReadyGuardrail;

/// Caller, model, metadata, rules, plan.
pub(super) fn head(trial: &Trial, out: &mut dyn Write) -> io::Result<()> {
    let facts = &trial.facts;
    let teams = if facts.caller.teams.is_empty() {
        String::new()
    } else {
        format!(" of {}", facts.caller.teams.join(", "))
    };
    writeln!(out, "caller    {}{teams}", facts.caller.subject)?;
    if let Target::Model { names, namespace } = &facts.target {
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        writeln!(
            out,
            "model     {} (namespace {namespace}; sent upstream as {:?})",
            names.join(", also "),
            &*trial.upstream_model
        )?;
    }
    for (key, value) in &facts.metadata {
        writeln!(out, "metadata  {key}={value}")?;
    }
    writeln!(out, "\nrules")?;
    rules(trial, facts, "  ", out)?;
    for hook in [Hook::LlmInput, Hook::LlmOutput] {
        plan(trial, hook, out)?;
    }
    Ok(())
}

/// Which rules hold, and why or why not.
pub(super) fn rules(
    trial: &Trial,
    facts: &Facts,
    indent: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let explained = trial.snapshot.planner.explain(facts);
    if explained.is_empty() {
        writeln!(out, "{indent}none")?;
    }
    for rule in explained {
        let mark = if rule.matched { "+" } else { "-" };
        writeln!(out, "{indent}{mark} {}: {}", rule.rule, rule.why)?;
    }
    Ok(())
}

fn plan(trial: &Trial, hook: Hook, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nplan for {}", hook.as_str())?;
    let planned = trial.plan.hooks.get(hook);
    if planned.is_empty() {
        writeln!(out, "  nothing runs")?;
    }
    // In the order in which they run, which on input begins with what sees the text as it came.
    let mut planned: Vec<&Planned> = planned.iter().collect();
    planned.sort_by_key(|planned| (hook == Hook::LlmInput).then(|| turn(trial, planned)));
    for (index, planned) in planned.iter().enumerate() {
        let beside = if hook == Hook::LlmInput && is_beside(trial, planned) {
            "; beside the model call"
        } else {
            ""
        };
        writeln!(out, "  {}. {}{beside}", index + 1, line(trial, planned))?;
    }
    Ok(())
}

/// Validators of the original text, then mutators, then validators of what is sent on.
fn turn(trial: &Trial, planned: &Planned) -> u8 {
    let ready = trial.snapshot.guardrails.get(planned.guardrail as usize);
    match (planned.operation, ready.map(|ready| ready.input)) {
        (Operation::Validate, Some(ValidatorInput::Original) | None) => 0,
        (Operation::Mutate, _) => 1,
        (Operation::Validate, Some(ValidatorInput::Mutated)) => 2,
    }
}

/// Whether it is a service that the model call does not wait for.
fn is_beside(trial: &Trial, planned: &Planned) -> bool {
    let ready = trial.snapshot.guardrails.get(planned.guardrail as usize);
    planned.operation == Operation::Validate
        && ready.is_some_and(ReadyGuardrail::is_slow)
        && trial.plan.input_execution != Some(InputExecution::Sequential)
        && !trial.request.provider_runs_tools()
}

/// One guardrail of a plan.
pub(super) fn line(trial: &Trial, planned: &Planned) -> String {
    let ready = trial.snapshot.guardrails.get(planned.guardrail as usize);
    let (selector, kind) = ready.map_or(("?", "?"), |ready| (&*ready.selector, ready.kind));
    let operation = match planned.operation {
        Operation::Validate => "validate",
        Operation::Mutate => "mutate",
    };
    let strategy = match planned.strategy {
        Strategy::Enforce => "enforce",
        Strategy::EnforceButIgnoreOnError => "enforce_but_ignore_on_error",
        Strategy::Audit => "audit",
    };
    let chosen = if planned.rules.is_empty() {
        "by the header".to_owned()
    } else {
        let rules: Vec<&str> = planned.rules.iter().map(|rule| &**rule).collect();
        format!("by {}", rules.join(", "))
    };
    let scope = match planned.scope {
        Scope::All => "",
        Scope::Last => ", newest message only",
    };
    format!("{selector} ({kind}): {operation}, {strategy}{scope}; chosen {chosen}")
}
