//! Whose tool a name in a chat means.

use std::sync::Arc;

use parapet_guardrails::exchange::ToolHints;
use parapet_policy::facts::UNKNOWN_SERVER;

use crate::llm::tool_parts::Named;
use crate::mcp::backend::Backend;
use crate::mcp::server::{Server, Servers};
use crate::mcp::virtual_server::Leads;

/// What agents put before the names of servers and tools.
const PREFIX: &str = "mcp__";

/// A tool as rules know it.
#[derive(Debug, PartialEq)]
pub(super) struct Attributed {
    pub(super) namespace: Arc<str>,
    /// [`UNKNOWN_SERVER`] alone where no server can be named.
    pub(super) servers: Arc<[Arc<str>]>,
    pub(super) tool: Option<Arc<str>>,
    /// The tool as the member of a virtual server calls it, where that is not the same.
    pub(super) source_tool: Option<Arc<str>>,
    pub(super) hints: ToolHints,
}

/// Whose tool it is: the server's that the provider calls it at; that of an `MCPServer` whose name stands before the tool's,
/// as agents write it that have several servers (`server__tool`, `mcp__server__tool`, `server:tool`); otherwise nobody's that
/// is known.
pub(super) fn attributed(servers: &Servers, named: &Named, namespace: &Arc<str>) -> Attributed {
    let unknown = || Attributed {
        namespace: namespace.clone(),
        servers: [Arc::from(UNKNOWN_SERVER)].into(),
        tool: named.tool.clone(),
        source_tool: None,
        hints: ToolHints::default(),
    };
    let Some(tool) = &named.tool else {
        return unknown();
    };
    if let Some(name) = &named.server {
        return match servers.get(name) {
            Some(server) => of_server(servers, server, tool),
            // The request has named it so; there is no resource of that name.
            None => Attributed {
                servers: [name.clone()].into(),
                ..unknown()
            },
        };
    }
    let bare = tool.strip_prefix(PREFIX).unwrap_or(tool);
    // No server's name has either of them.
    let halves = bare.split_once("__").or_else(|| bare.split_once(':'));
    let found = halves.and_then(|(server, rest)| Some((servers.get(server)?, rest)));
    match found.filter(|(_, rest)| !rest.is_empty()) {
        Some((server, rest)) => of_server(servers, server, &rest.into()),
        None => unknown(),
    }
}

fn of_server(servers: &Servers, server: &Server, tool: &Arc<str>) -> Attributed {
    let mut names = vec![server.name.clone()];
    let mut source_tool = None;
    let mut hints = server.hints(tool);
    if let Some(Backend::Virtual(of)) = &server.backend {
        match of.resolve(tool) {
            Leads::To(member, own) => {
                if let Some(member) = of.member(member) {
                    names.push(member.name.clone());
                    let said = servers.get(&member.name).map(|server| server.hints(&own));
                    let said = said.unwrap_or_default();
                    hints.read_only = hints.read_only.or(said.read_only);
                    hints.destructive = hints.destructive.or(said.destructive);
                    hints.idempotent = hints.idempotent.or(said.idempotent);
                    hints.open_world = hints.open_world.or(said.open_world);
                }
                source_tool = (own != **tool).then(|| own.into());
            }
            // Any of them may be meant.
            Leads::ToOneOf(members) => {
                let members = members.into_iter().filter_map(|member| of.member(member));
                names.extend(members.map(|member| member.name.clone()));
            }
            Leads::Nowhere => {}
        }
    }
    Attributed {
        namespace: server.namespace.clone(),
        servers: names.into(),
        tool: Some(tool.clone()),
        source_tool,
        hints,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_servers_that_there_are() {
        // The only server is `test`.
        let servers = Servers::new([Arc::new(Server::for_tests(Vec::new()))]);
        let namespace: Arc<str> = "models".into();
        // The name, the server that the provider says, and what comes of both.
        let rows = [
            (Some("test__send"), None, "test", Some("send"), "default"),
            (
                Some("mcp__test__send"),
                None,
                "test",
                Some("send"),
                "default",
            ),
            (Some("test:send"), None, "test", Some("send"), "default"),
            (
                Some("test__send__now"),
                None,
                "test",
                Some("send__now"),
                "default",
            ),
            (Some("other__send"), None, "", Some("other__send"), "models"),
            (
                Some("mcp__other__send"),
                None,
                "",
                Some("mcp__other__send"),
                "models",
            ),
            (Some("test__"), None, "", Some("test__"), "models"),
            (Some("test_send"), None, "", Some("test_send"), "models"),
            (Some("send"), None, "", Some("send"), "models"),
            (Some("send"), Some("test"), "test", Some("send"), "default"),
            (Some("send"), Some("other"), "other", Some("send"), "models"),
            (None, None, "", None, "models"),
        ];
        for (tool, server, expected, as_tool, of) in rows {
            let named = Named {
                tool: tool.map(Arc::from),
                server: server.map(Arc::from),
            };
            let found = attributed(&servers, &named, &namespace);
            let names: Vec<&str> = found.servers.iter().map(|name| &**name).collect();
            assert_eq!(names, [expected], "{named:?}");
            assert_eq!(
                (found.tool.as_deref(), &*found.namespace),
                (as_tool, of),
                "{named:?}"
            );
        }
    }
}
