//! `try`: what would happen to a request, and why.
//!
//! The plan, the scanners and the edits are those of the request path. No model and no service is called: what
//! needs one is named instead.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use parapet_policy::diagnostic::Severity;
use parapet_policy::facts::{Caller, Facts, Subject};
use parapet_policy::hook::Hook;
use parapet_policy::plan::Plan;

use crate::args::Try;
use crate::handler::resolve::resolve;
use crate::handler::tools::ToolHooks;
use crate::identity::Identity;
use crate::llm::tool_parts::Names;
use crate::llm::{self, Request, Response};
use crate::policy::ready::Snapshot;
use crate::policy::source::{Outcome, Source};
use crate::route::{Route, dialect_of};

mod judge;
mod print;
#[cfg(test)]
mod tests;
mod tools;

use judge::Judged;

/// Everything that is known before any guardrail runs.
struct Trial {
    snapshot: Box<Snapshot>,
    facts: Facts,
    plan: Plan,
    request: Request,
    response: Option<Response>,
    /// For calls and results of tools; none where nothing could run on them.
    tools: Option<ToolHooks>,
    /// What the upstream calls the model.
    upstream_model: Arc<str>,
    limits: llm::Limits,
}

/// Prints what would happen. The exit code is 1 when the request would be refused or blocked.
///
/// # Errors
/// When the policy has errors, or the request is none.
pub fn run(args: &Try, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let trial = match prepare(args)? {
        Ok(trial) => trial,
        Err(refused) => {
            writeln!(out, "refused: {refused}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    print::head(&trial, out)?;
    let blocked = request(&trial, args, out)? | answer(&trial, args, out)?;
    Ok(if blocked {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The way of the request. Whether it would be stopped.
fn request(trial: &Trial, args: &Try, out: &mut dyn Write) -> anyhow::Result<bool> {
    let (results, text) = (Hook::McpToolPostInvoke, Hook::LlmInput);
    let has_results = !trial.request.tool_results().list.is_empty();
    let shown = wanted(args, results) && (has_results || args.hook.is_some());
    // It runs also where it is not to be shown: what comes behind it sees what it leaves.
    let mut quiet = io::sink();
    let told = if shown { &mut *out } else { &mut quiet };
    let left = match tools::results(trial, args.show_text, told)? {
        Judged::Goes(left) => left,
        Judged::Blocked if shown => return Ok(true),
        Judged::Blocked if wanted(args, text) => {
            let (results, text) = (results.as_str(), text.as_str());
            writeln!(
                out,
                "\n{text}\n  never runs: {results} blocks the request before"
            )?;
            return Ok(true);
        }
        Judged::Blocked => return Ok(false),
    };
    if !wanted(args, text) {
        return Ok(false);
    }
    judge::input(trial, left, args.show_text, out)
}

/// The way of the answer. Whether it would be stopped.
fn answer(trial: &Trial, args: &Try, out: &mut dyn Write) -> anyhow::Result<bool> {
    let text = wanted(args, Hook::LlmOutput);
    let tools = wanted(args, Hook::McpToolPreInvoke) || wanted(args, Hook::McpToolPostInvoke);
    if !text && !tools {
        return Ok(false);
    }
    let Some(response) = &trial.response else {
        let hook = args.hook.unwrap_or(Hook::LlmOutput).as_str();
        writeln!(
            out,
            "\n{hook}\n  no model is called: give an answer to judge with --response FILE"
        )?;
        return Ok(false);
    };
    let mut quiet = io::sink();
    let told = if text { &mut *out } else { &mut quiet };
    let left = match judge::output(trial, response, args.show_text, told)? {
        Judged::Goes(left) => left,
        Judged::Blocked if text => return Ok(true),
        Judged::Blocked => {
            let (before, text) = (args.hook.unwrap_or(Hook::McpToolPreInvoke), Hook::LlmOutput);
            let (before, text) = (before.as_str(), text.as_str());
            writeln!(
                out,
                "\n{before}\n  never runs: {text} blocks the answer before"
            )?;
            return Ok(true);
        }
    };
    let called = response.tool_parts(Some(&trial.request), &mut Names::default());
    let shown = tools && (!called.list.is_empty() || args.hook.is_some());
    let told = if shown { &mut *out } else { &mut quiet };
    match tools::answer(trial, left, args.show_text, told)? {
        Judged::Blocked if shown => Ok(true),
        Judged::Blocked => {
            writeln!(out, "\na guardrail on tools blocks the answer then")?;
            Ok(false)
        }
        Judged::Goes(left) => {
            judge::body("sent to the client", &left, out)?;
            Ok(false)
        }
    }
}

/// Whether a hook is to be shown.
fn wanted(args: &Try, hook: Hook) -> bool {
    args.hook.is_none_or(|only| only == hook)
}

/// Reads everything. The inner error is what a client would be told.
fn prepare(args: &Try) -> anyhow::Result<Result<Trial, String>> {
    let loaded = Source::new(args.manifests.read_options()).load(Severity::Info);
    let Outcome::New(snapshot) = loaded.outcome else {
        for remark in loaded.remarks.iter().filter(|remark| remark.is_error()) {
            eprintln!("{}", remark.render(&args.manifests.manifests));
        }
        bail!("the policy has errors");
    };
    if !matches!(
        Route::find(&Method::POST, &args.route),
        Ok(Route::ChatCompletions | Route::Messages)
    ) {
        bail!(
            "{:?} is no route with guardrails: /v1/chat/completions or /v1/messages",
            args.route
        );
    }
    let headers = headers(&args.headers)?;
    let limits = llm::Limits {
        max_segments: snapshot.settings.segments,
        ..llm::Limits::default()
    };
    let body = read(&args.request)?;
    let request = match Request::parse(dialect_of(&args.route), Arc::new(body), &limits) {
        Ok(request) => request,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let response = match &args.response {
        None => None,
        Some(path) => {
            let text = Arc::new(read(path)?);
            Some(Response::parse(request.dialect(), text).context("reading the response")?)
        }
    };
    let mut identity = caller(args, &snapshot)?;
    // As from the header, which wins over an account's.
    identity.metadata.extend(args.metadata.iter().cloned());
    let resolved = match resolve(&snapshot, &identity, &headers, &request) {
        Ok(resolved) => resolved,
        Err(failure) => return Ok(Err(failure.message())),
    };
    Ok(Ok(Trial {
        tools: ToolHooks::of(
            &snapshot,
            resolved.facts.target.namespace(),
            resolved.overrides,
        ),
        facts: resolved.facts,
        plan: resolved.plan,
        upstream_model: resolved.upstream_model,
        snapshot,
        request,
        response,
        limits,
    }))
}

/// The caller of `--subject`, with what an account brings along.
fn caller(args: &Try, snapshot: &Snapshot) -> anyhow::Result<Identity> {
    let teams: Vec<Arc<str>> = args
        .teams
        .iter()
        .map(|team| team.trim_start_matches("team:").into())
        .collect();
    match args.subject.split_once(':') {
        Some(("user", name)) if !name.is_empty() => {
            let subject = Subject::User(name.into());
            Ok(Identity {
                caller: Caller {
                    subject,
                    teams,
                    roles: Vec::new(),
                },
                metadata: BTreeMap::new(),
                fixed_metadata: BTreeMap::new(),
            })
        }
        Some(("virtualaccount", name)) if !name.is_empty() => {
            let accounts = &snapshot.planner.bundle().accounts;
            let Some(account) = accounts
                .iter()
                .find(|account| &*account.source.name == name)
            else {
                bail!("there is no virtual account {name:?}");
            };
            Ok(Identity::of_account(account))
        }
        _ => bail!(
            "{:?} is no caller: write user:NAME or virtualaccount:NAME",
            args.subject
        ),
    }
}

fn headers(pairs: &[(String, String)]) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let parsed = HeaderName::try_from(name.as_str())
            .ok()
            .zip(HeaderValue::from_str(value).ok());
        let (name, value) = parsed.with_context(|| format!("{name:?} is no header"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// A file's text, or standard input for `-`.
fn read(path: &std::path::Path) -> anyhow::Result<String> {
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
