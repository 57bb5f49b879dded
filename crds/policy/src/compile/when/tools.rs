//! Checks the MCP servers and tools of a rule.

use std::collections::BTreeSet;

use crate::diagnostic::{Reason, Severity};
use crate::glob;
use crate::rule::{Given, split_tool};

use super::super::known::Known;
use super::super::report::Report;
use super::super::rules::Placed;
use super::models::{Remark, written};

pub(super) fn check(at: &Placed<'_>, given: Given<'_>, known: &Known<'_>, report: &mut Report) {
    let conditions = format!("spec.rules[{}].when.target.conditions", at.index);
    let servers = given
        .mcp_servers
        .map(|servers| servers.values.as_slice())
        .unwrap_or_default();
    for (place, value) in servers.iter().enumerate() {
        let path = format_args!("{conditions}.mcpServers.values[{place}]");
        let (server, tool) = split_tool(value);
        if server.is_empty() || tool == Some("") {
            let message =
                format!("{value:?} names no server or no tool: write server or server:tool");
            report.error(at.source, path, Reason::Invalid, message);
            continue;
        }
        let remark = written(value).or_else(|| unknown_server(at, server, known));
        let remark = remark.or_else(|| unknown_tool(server, tool?, known));
        if let Some((severity, reason, message)) = remark {
            report.say(at.source, path, severity, reason, message);
        }
    }
    let servers = given
        .mcp_tools
        .map(|tools| tools.values.as_slice())
        .unwrap_or_default();
    for (place, server) in servers.iter().enumerate() {
        let at_server = format!("{conditions}.mcpTools.values[{place}]");
        let remark = written(&server.name).or_else(|| unknown_server(at, &server.name, known));
        if let Some((severity, reason, message)) = remark {
            report.say(
                at.source,
                format_args!("{at_server}.name"),
                severity,
                reason,
                message,
            );
        }
        for (place, tool) in server.enabled_tools.iter().enumerate() {
            let remark = written(tool).or_else(|| unknown_tool(&server.name, tool, known));
            if let Some((severity, reason, message)) = remark {
                let path = format_args!("{at_server}.enabled_tools[{place}]");
                report.say(at.source, path, severity, reason, message);
            }
        }
        let doubt = match (server.enable_all_tools, server.enabled_tools.is_empty()) {
            (false, true) => "no tool is meant: write enable_all_tools: true, or list tools",
            (true, false) => {
                "every tool is meant, whatever is listed: leave enable_all_tools or the list out"
            }
            (true, true) | (false, false) => continue,
        };
        report.warning(
            at.source,
            format_args!("{at_server}.enabled_tools"),
            Reason::Suspicious,
            doubt,
        );
    }
}

/// A server that is not there, or that the rule does not govern.
fn unknown_server(at: &Placed<'_>, name: &str, known: &Known<'_>) -> Option<Remark> {
    let warning = |reason, message| Some((Severity::Warning, reason, message));
    if glob::is_pattern(name) {
        let mut names = known.mcp_servers.keys();
        let message = || format!("no MCPServer has a name like {name:?}");
        return match names.any(|known| glob::matches(name, known)) {
            true => None,
            // Everything, as soon as there is anything.
            false if name == "*" => None,
            false => warning(Reason::UnknownReference, message()),
        };
    }
    let Some((server, _)) = known.mcp_servers.get(name) else {
        let hint = known.hints.did_you_mean(name, known.mcp_servers.keys());
        let message = format!("there is no MCPServer {name:?}{hint}");
        return warning(Reason::UnknownReference, message);
    };
    let (own, of) = (&at.source.namespace, &server.source.namespace);
    if **own != *known.policy_namespace && own != of {
        let message = format!(
            "a rule in namespace {own} governs only the servers of {own}, and {name} is in {of}: move the rule to {of} or to \
             the policy namespace {}",
            known.policy_namespace
        );
        return warning(Reason::NeverMatches, message);
    }
    None
}

/// A tool that a server's resource says it does not have, or that is written like another one there.
fn unknown_tool(server: &str, tool: &str, known: &Known<'_>) -> Option<Remark> {
    let (_, tools) = known.mcp_servers.get(server)?;
    let is_in = |names: &BTreeSet<&str>| names.iter().any(|name| glob::matches(tool, name));
    let warning = |reason, message| Some((Severity::Warning, reason, message));
    if tools.disabled.contains(tool) {
        let message = format!("MCPServer {server} has {tool:?} disabled, so nobody calls it");
        return warning(Reason::NeverMatches, message);
    }
    if let Some(only) = &tools.only {
        let hint = || known.hints.did_you_mean(tool, only);
        let message = || {
            format!(
                "MCPServer {server} lets only tools be called that are approved, and {tool:?} is not{}",
                hint()
            )
        };
        return match is_in(only) {
            true => None,
            false => warning(Reason::UnknownReference, message()),
        };
    }
    if is_in(&tools.listed) || glob::is_pattern(tool) {
        return None;
    }
    // The server may well have more tools than its resource speaks of, but hardly two that are written almost the same.
    let hint = known.hints.did_you_mean(tool, &tools.listed);
    if hint.is_empty() {
        return None;
    }
    let message = format!("the resource of MCPServer {server} does not speak of {tool:?}{hint}");
    warning(Reason::UnknownReference, message)
}
