//! MCP servers: what is checked about each of them, and what is known of their tools when a policy is compiled.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use crate::bundle::McpServerEntry;
use crate::diagnostic::Reason;

use super::kinds::Kinds;
use super::known::Known;
use super::report::Report;
use super::resources::{collaborators, placed, sorted};
use super::secrets::Secrets;
use super::virtual_servers;
use super::written::WrittenMcpServer;

/// Members of `spec.auth` that lead to a token endpoint.
const TOKEN_WAYS: [&str; 2] = ["clientCredentials", "tokenExchange"];

/// What is said of a program where none is started.
pub const NO_COMMANDS: &str = "only a gateway that serves a folder of resources starts programs: in a cluster run it as a \
                               container with a bridge from stdio to HTTP, and give its url";

pub(super) fn compile(
    written: &[&WrittenMcpServer],
    kinds: &dyn Kinds,
    known: &Known<'_>,
    secrets: &Secrets<'_>,
    report: &mut Report,
) -> Vec<McpServerEntry> {
    virtual_servers::check(written, known, report);
    let mut entries = Vec::with_capacity(written.len());
    for server in written {
        let source = &server.source;
        for (path, id) in &server.secret_refs {
            secrets.check(source, format_args!("spec.{path}"), id, report);
        }
        collaborators(source, server.collaborators.as_deref(), known, report);
        token_endpoints(server, report);
        let mut spec = server.spec.clone();
        let command = spec
            .get("command")
            .is_some_and(|command| !command.is_null());
        if command && !kinds.may_start_programs() {
            report.error(source, "spec.command", Reason::Invalid, NO_COMMANDS);
            // Whatever becomes of the resource, no gateway is told what to start.
            if let Some(spec) = spec.as_object_mut() {
                spec.remove("command");
            }
        }
        entries.push(McpServerEntry {
            source: placed(source),
            collaborators: server.collaborators.as_deref().map(sorted),
            spec,
        });
    }
    entries
}

/// A token endpoint that secrets and tokens travel to where others can read them.
fn token_endpoints(server: &WrittenMcpServer, report: &mut Report) {
    for way in TOKEN_WAYS {
        let url = text(&server.spec, &["auth", way, "tokenUrl"]);
        if url.is_some_and(|url| host_of_plain_http(url).is_some_and(|host| !is_loopback(host))) {
            let path = format_args!("spec.auth.{way}.tokenUrl");
            let message = "client secret and tokens go over the network in the clear: write https";
            report.warning(&server.source, path, Reason::Suspicious, message);
        }
    }
}

fn text<'a>(spec: &'a Value, path: &[&str]) -> Option<&'a str> {
    let member = path
        .iter()
        .try_fold(spec, |member, name| member.get(name))?;
    member.as_str()
}

/// The host of an `http` URL, without brackets and port; none of any other.
fn host_of_plain_http(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place = authority.rsplit('@').next().unwrap_or_default();
    match place.strip_prefix('[') {
        Some(address) => address.split(']').next(),
        None => place.split(':').next(),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// What resources say of a server's tools.
#[derive(Debug, Default)]
pub(super) struct KnownTools<'a> {
    /// With `pinning.mode: enforce`: nothing else can be called.
    pub(super) only: Option<BTreeSet<&'a str>>,
    /// Approved, or listed under `tools`: there may be others.
    pub(super) listed: BTreeSet<&'a str>,
    /// Listed under `tools` as `disabled`.
    pub(super) disabled: BTreeSet<&'a str>,
}

impl<'a> KnownTools<'a> {
    pub(super) fn new(server: &'a WrittenMcpServer) -> Self {
        let spec = &server.spec;
        let tools = || entries(spec.get("tools"));
        let names = |tool: &'a Value| tool.get("name").and_then(Value::as_str);
        let pinning = spec.get("pinning");
        let approved = || {
            let approved = entries(pinning.and_then(|pinning| pinning.get("approved")));
            approved.filter_map(names)
        };
        let mode = pinning.and_then(|pinning| pinning.get("mode"));
        let enforces = mode.and_then(Value::as_str) == Some("enforce");
        let is_disabled = |tool: &&Value| tool.get("disabled") == Some(&Value::Bool(true));
        Self {
            only: enforces.then(|| approved().collect()),
            listed: tools().filter_map(names).chain(approved()).collect(),
            disabled: tools().filter(is_disabled).filter_map(names).collect(),
        }
    }
}

fn entries(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leaves_the_machine_in_the_clear_is_told_of() {
        let rows = [
            ("https://id.example.com/token", false),
            ("http://id.example.com/token", true),
            ("HTTP://id.example.com", true),
            ("http://localhost:8080/token", false),
            ("http://127.0.0.2/token", false),
            ("http://[::1]:80/token", false),
            ("http://[2001:db8::1]/token", true),
            ("http://localhost@id.example.com/", true),
            ("http://localhost.example.com/", true),
            ("no url", false),
        ];
        for (url, told) in rows {
            let is_told = host_of_plain_http(url).is_some_and(|host| !is_loopback(host));
            assert_eq!(is_told, told, "{url}");
        }
    }
}
