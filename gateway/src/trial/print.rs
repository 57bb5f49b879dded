//! What `try` prints before any guardrail runs: who, what, which rules, and the plan.

use std::io::{self, Write};

use parapet_policy::facts::Target;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, Strategy};
use parapet_policy::overrides::Scope;
use parapet_policy::plan::Planned;

use super::Trial;

/// Caller, model, metadata, rules, plan.
pub(super) fn head(trial: &Trial, out: &mut impl Write) -> io::Result<()> {
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
    let explained = trial.snapshot.planner.explain(facts);
    if explained.is_empty() {
        writeln!(out, "  none")?;
    }
    for rule in explained {
        let mark = if rule.matched { "+" } else { "-" };
        writeln!(out, "  {mark} {}: {}", rule.rule, rule.why)?;
    }
    for hook in [Hook::LlmInput, Hook::LlmOutput] {
        plan(trial, hook, out)?;
    }
    Ok(())
}

fn plan(trial: &Trial, hook: Hook, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nplan for {}", hook.as_str())?;
    let planned = trial.plan.hooks.get(hook);
    if planned.is_empty() {
        writeln!(out, "  nothing runs")?;
    }
    for (index, planned) in planned.iter().enumerate() {
        writeln!(out, "  {}. {}", index + 1, line(trial, planned))?;
    }
    Ok(())
}

/// One guardrail of a plan.
fn line(trial: &Trial, planned: &Planned) -> String {
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
