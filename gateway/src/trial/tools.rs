//! The hooks of tools on the calls and results in a chat: which of them each tool's rules choose, and what they come to.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use parapet_policy::facts::{Facts, Target, UNKNOWN_SERVER};
use parapet_policy::hook::Hook;

use super::judge::{Case, Judged, Style, call, run, say};
use super::{Trial, print};
use crate::handler::tools::{OfTool, PartPayload, ToolHooks, hook_of};
use crate::llm::tool_parts::{Named, Names, Side, ToolPart, ToolParts};
use crate::llm::{Request, Response, Texts};

/// Before what is said of one call or result.
const INDENT: &str = "    ";

/// Runs `mcp_tool_post_invoke` on the results in the request.
pub(super) fn results(
    trial: &Trial,
    show_text: bool,
    out: &mut dyn Write,
) -> anyhow::Result<Judged<Request>> {
    let request = &trial.request;
    writeln!(
        out,
        "\n{}, on the results of tools in the request",
        Hook::McpToolPostInvoke.as_str()
    )?;
    let Some(hooks) = hooks(trial, Hook::McpToolPostInvoke, out)? else {
        return Ok(Judged::Goes(request.clone()));
    };
    let parts = request.tool_results();
    Ok(match judged(trial, hooks, &parts, show_text, out)? {
        Judged::Blocked => Judged::Blocked,
        Judged::Goes(None) => Judged::Goes(request.clone()),
        Judged::Goes(Some(body)) => Judged::Goes(Request::parse(
            request.dialect(),
            Arc::new(body),
            &trial.limits,
        )?),
    })
}

/// Runs the hooks of tools on what is left of an answer, which `body` is.
pub(super) fn answer(
    trial: &Trial,
    body: Vec<u8>,
    show_text: bool,
    out: &mut dyn Write,
) -> anyhow::Result<Judged<Vec<u8>>> {
    writeln!(
        out,
        "\n{}, on the calls of tools in the answer",
        Hook::McpToolPreInvoke.as_str()
    )?;
    let Some(hooks) = hooks(trial, Hook::McpToolPreInvoke, out)? else {
        return Ok(Judged::Goes(body));
    };
    let text = Arc::new(String::from_utf8(body)?);
    let response = Response::parse(trial.request.dialect(), Arc::clone(&text))?;
    let parts = response.tool_parts(Some(&trial.request), &mut Names::default());
    Ok(match judged(trial, hooks, &parts, show_text, out)? {
        Judged::Blocked => Judged::Blocked,
        Judged::Goes(None) => Judged::Goes(text.as_bytes().to_vec()),
        Judged::Goes(Some(changed)) => Judged::Goes(changed.into_bytes()),
    })
}

/// The hooks, when anything could run; otherwise why not is printed.
fn hooks<'a>(
    trial: &'a Trial,
    hook: Hook,
    out: &mut dyn Write,
) -> anyhow::Result<Option<&'a ToolHooks>> {
    let hooks = trial.tools.as_ref();
    if !trial.snapshot.settings.mcp.guard_chat {
        writeln!(
            out,
            "  nothing runs: GatewaySettings has no mcp.guardChat, so only the gateway's MCP endpoints run it"
        )?;
    } else if hooks.is_none() {
        writeln!(
            out,
            "  nothing runs: no rule and no header has a guardrail at {}",
            hook.as_str()
        )?;
    }
    Ok(hooks)
}

/// Judges calls and results one by one, and gives the changed body.
fn judged(
    trial: &Trial,
    hooks: &ToolHooks,
    parts: &ToolParts<'_>,
    show_text: bool,
    out: &mut dyn Write,
) -> anyhow::Result<Judged<Option<String>>> {
    if parts.list.is_empty() {
        writeln!(out, "  there are none")?;
    }
    let mut edited: Vec<Texts> = Vec::new();
    let mut explained: BTreeSet<String> = BTreeSet::new();
    for (index, part) in parts.list.iter().enumerate() {
        let what = name(part.side, &part.named);
        writeln!(
            out,
            "  {}. {what}: {}",
            index + 1,
            hook_of(part.side).as_str()
        )?;
        if !hooks.at_most(part.side).any() {
            writeln!(
                out,
                "{INDENT}nothing runs: no rule and no header has a guardrail at {}",
                hook_of(part.side).as_str()
            )?;
            continue;
        }
        let of_model = call(trial, hook_of(part.side));
        let of = match hooks.of_tool(&trial.snapshot, &of_model, &part.named) {
            Ok(of) => of,
            Err(failure) => {
                writeln!(out, "\nrefused: {}", failure.message())?;
                return Ok(Judged::Blocked);
            }
        };
        // A conversation calls the same tool again and again.
        let tool = target(&of.facts);
        if explained.insert(tool.clone()) {
            writeln!(out, "{INDENT}{tool}")?;
            print::rules(trial, &of.facts, INDENT, out)?;
        }
        match one(trial, &of, parts, part, show_text, out)? {
            Judged::Blocked => return Ok(Judged::Blocked),
            Judged::Goes(texts) => edited.push(texts),
        }
    }
    Ok(Judged::Goes(parts.with_edits(&edited)))
}

/// Judges one call or result.
fn one(
    trial: &Trial,
    of: &OfTool,
    parts: &ToolParts<'_>,
    part: &ToolPart<'_>,
    show_text: bool,
    out: &mut dyn Write,
) -> anyhow::Result<Judged<Texts>> {
    let plan = of.entries(part);
    for planned in &plan {
        writeln!(out, "{INDENT}runs {}", print::line(trial, planned))?;
    }
    let texts = parts.texts(part, &trial.limits)?;
    let mut payload = PartPayload { part, texts };
    let case = Case {
        plan: &plan,
        call: of.call(&call(trial, hook_of(part.side)), part),
        refused: of.refuses_unjudged().then_some(*payload.texts.unjudged()),
    };
    let style = Style {
        indent: INDENT,
        show_text,
    };
    match run(trial, &case, &mut payload, style, out)? {
        Some(blocked) => {
            say(&of.named_in(blocked), out)?;
            Ok(Judged::Blocked)
        }
        None => Ok(Judged::Goes(payload.texts)),
    }
}

/// A call or a result, for people.
fn name(side: Side, named: &Named) -> String {
    let what = match side {
        Side::Call => "call",
        Side::Result => "result",
    };
    match &named.tool {
        Some(tool) => format!("{what} of {tool:?}"),
        None => format!("{what} of a tool that nothing names"),
    }
}

/// How rules see the tool.
fn target(facts: &Facts) -> String {
    let Target::Mcp {
        namespace,
        servers,
        tool,
        ..
    } = &facts.target
    else {
        return String::new();
    };
    let tool = match tool {
        Some(tool) => format!("tool {tool:?}"),
        None => "any tool".to_owned(),
    };
    let known: Vec<&str> = servers
        .iter()
        .map(|server| &**server)
        .filter(|server| *server != UNKNOWN_SERVER)
        .collect();
    let servers = match known.is_empty() {
        true => "no MCP server that is known".to_owned(),
        false => known.join(", also "),
    };
    format!("for rules: {tool} of {servers}, namespace {namespace}")
}
