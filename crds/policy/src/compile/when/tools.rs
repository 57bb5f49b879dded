//! Checks the MCP servers and tools of a rule.

use crate::diagnostic::Reason;
use crate::rule::{Given, split_tool};

use super::super::report::Report;
use super::super::rules::Placed;
use super::models::written;

pub(super) fn check(at: &Placed<'_>, given: Given<'_>, report: &mut Report) {
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
        } else if let Some((severity, reason, message)) = written(value) {
            report.say(at.source, path, severity, reason, message);
        }
    }
    let servers = given
        .mcp_tools
        .map(|tools| tools.values.as_slice())
        .unwrap_or_default();
    for (place, server) in servers.iter().enumerate() {
        let at_server = format!("{conditions}.mcpTools.values[{place}]");
        if let Some((severity, reason, message)) = written(&server.name) {
            report.say(
                at.source,
                format_args!("{at_server}.name"),
                severity,
                reason,
                message,
            );
        }
        for (place, tool) in server.enabled_tools.iter().enumerate() {
            if let Some((severity, reason, message)) = written(tool) {
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
