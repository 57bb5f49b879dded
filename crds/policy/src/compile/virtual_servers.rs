//! Checks the members of virtual MCP servers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::bundle::McpServerEntry;
use crate::diagnostic::{Reason, Severity, Source};

use super::known::Known;
use super::report::Report;
use super::written::WrittenMcpServer;

/// Says which members are left out, and why. `written` are the servers that hold their names.
pub(super) fn check(written: &[&WrittenMcpServer], known: &Known<'_>, report: &mut Report) {
    let by_name: BTreeMap<&str, &WrittenMcpServer> = written
        .iter()
        .map(|server| (&*server.source.name, *server))
        .collect();
    for server in written {
        for (index, name) in members(&server.spec).enumerate() {
            let path = format!("spec.virtual.members[{index}].server");
            let source = &server.source;
            match by_name.get(name) {
                None => {
                    let hint = known.hints.did_you_mean(name, by_name.keys());
                    let message = format!("there is no MCPServer {name:?}{hint}");
                    report.error(source, path, Reason::UnknownReference, message);
                }
                Some(member) => {
                    if let Some((severity, reason, message)) = doubt(source, member) {
                        report.say(source, path, severity, reason, message);
                    }
                }
            }
        }
    }
}

/// What is wrong with one server as a member of another.
fn doubt(of: &Source, member: &WrittenMcpServer) -> Option<(Severity, Reason, String)> {
    let unusable = |message| Some((Severity::Error, Reason::UnknownReference, message));
    if member.source.namespace != of.namespace {
        return unusable(format!(
            "{} is of another namespace: whoever may write in this one does not decide who reaches it",
            member.source
        ));
    }
    if is_virtual(&member.spec) {
        return unusable(format!(
            "{} is virtual itself: list its members here",
            member.source
        ));
    }
    let nobody = member.collaborators.as_ref().is_some_and(Vec::is_empty);
    nobody.then(|| {
        let message = format!("{} admits nobody, so nobody gets its tools", member.source);
        (Severity::Warning, Reason::Suspicious, message)
    })
}

/// The names of a virtual server's members, in order; none of any other server.
pub(super) fn members(spec: &Value) -> impl Iterator<Item = &str> {
    let members = spec.get("virtual").and_then(|of| of.get("members"));
    let members = members.and_then(Value::as_array).into_iter().flatten();
    members.map(|member| {
        let name = member.get("server").and_then(Value::as_str);
        name.unwrap_or_default()
    })
}

fn is_virtual(spec: &Value) -> bool {
    spec.get("virtual").is_some_and(|of| !of.is_null())
}

impl McpServerEntry {
    /// Whether it offers what other servers have, and has nothing of its own.
    pub fn is_virtual(&self) -> bool {
        is_virtual(&self.spec)
    }
}
