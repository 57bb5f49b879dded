//! MCP servers in their ready form: where they are, who may use them, what is known of their tools.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_crds::mcp_server::McpTool;
use parapet_guardrails::exchange::ToolHints;
use parapet_policy::facts::Caller;
use parapet_policy::subject::Subjects;

use super::backend::Backend;
use super::command::Command;
use super::definitions::Definitions;
use super::mirror::memory::Memory;
use super::oauth::OAuth;
use super::pinning::pinned::Pinned;
use super::pinning::sightings::Followed;
use super::surfaces::Parsed;
use super::taint::Danger;

/// The servers of one policy revision, by name.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    by_name: HashMap<Arc<str>, Arc<Server>, RandomState>,
}

impl Servers {
    pub(crate) fn new(servers: impl IntoIterator<Item = Arc<Server>>) -> Self {
        let by_name = servers
            .into_iter()
            .map(|server| (server.name.clone(), server))
            .collect();
        Self { by_name }
    }

    /// All servers, as far as their tools are looked at.
    pub(crate) fn followed(&self) -> impl Iterator<Item = Followed> {
        self.by_name.values().map(|server| Followed {
            name: server.name.clone(),
            namespace: server.namespace.clone(),
            place: server.pinned.place.clone(),
            pins: Arc::clone(server.pinned.pins()),
            per_caller: server.pinned.per_caller,
        })
    }

    /// The programs among them.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &Arc<Command>> {
        self.by_name
            .values()
            .filter_map(|server| match &server.backend {
                Some(Backend::Http(http)) => http.place.program(),
                Some(Backend::Virtual(_) | Backend::OpenApi(_)) | None => None,
            })
    }

    /// The server of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Server>> {
        self.by_name.get(name)
    }
}

/// One server.
#[derive(Debug)]
pub(crate) struct Server {
    /// As in `/mcp/{name}`.
    pub(crate) name: Arc<str>,
    /// The resource's namespace.
    pub(crate) namespace: Arc<str>,
    /// None: every authenticated caller.
    pub(crate) collaborators: Option<Subjects>,
    /// What answers its clients; none when the resource cannot be made ready.
    pub(crate) backend: Option<Backend>,
    /// Tokens that it is shown; none when they are not got from an authorization server.
    pub(crate) oauth: Option<Arc<OAuth>>,
    /// Sent with every request.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Headers of the caller's request that go on.
    pub(crate) pass_headers: Vec<HeaderName>,
    /// Headers that each caller may give for themself.
    pub(crate) user_headers: Vec<HeaderName>,
    /// What the resource says of tools, by name.
    pub(crate) tools: HashMap<String, McpTool, RandomState>,
    /// Whether its results hold text of strangers.
    pub(crate) untrusted: bool,
    /// Whether the server's own word for what its tools do counts where the resource says nothing.
    pub(crate) trusts_annotations: bool,
    /// Tools as the server listed them.
    pub(crate) definitions: Definitions,
    /// About the annotations of its tools.
    pub(crate) annotations: Memory,
    /// What was approved of its tools.
    pub(crate) pinned: Pinned,
}

impl Server {
    /// A server named `test` with these settings of tools.
    #[cfg(test)]
    pub(crate) fn for_tests(tools: Vec<McpTool>) -> Self {
        Self {
            name: "test".into(),
            namespace: "default".into(),
            collaborators: None,
            backend: None,
            oauth: None,
            headers: Vec::new(),
            pass_headers: Vec::new(),
            user_headers: Vec::new(),
            tools: tools
                .into_iter()
                .map(|tool| (tool.name.clone(), tool))
                .collect(),
            untrusted: false,
            trusts_annotations: false,
            definitions: Definitions::default(),
            annotations: Memory::default(),
            pinned: Pinned::default(),
        }
    }

    /// Whether a caller may use it at all.
    pub(crate) fn may_use(&self, caller: &Caller) -> bool {
        self.collaborators
            .as_ref()
            .is_none_or(|subjects| subjects.hold(caller))
    }

    /// Whether a tool may be called and listed, as far as the resource says.
    pub(crate) fn offers(&self, tool: &str) -> bool {
        self.tools.get(tool).is_none_or(|tool| !tool.disabled)
    }

    /// What a tool does, as the resource says. What it does not say is not known, unless the resource says that the
    /// server's own word counts: then it is what the server said when this gateway saw its list. The method of an API's
    /// operation is something else: it is what the gateway itself sends.
    pub(crate) fn hints(&self, tool: &str) -> ToolHints {
        let said = self.tools.get(tool);
        let own = self.own_hints(tool);
        ToolHints {
            read_only: said.and_then(|tool| tool.read_only).or(own.read_only),
            destructive: said.and_then(|tool| tool.destructive).or(own.destructive),
            idempotent: said.and_then(|tool| tool.idempotent).or(own.idempotent),
            open_world: said.and_then(|tool| tool.open_world).or(own.open_world),
        }
    }

    /// What the server itself says of a tool, as far as that counts, and what an operation's method says.
    fn own_hints(&self, tool: &str) -> ToolHints {
        match &self.backend {
            Some(Backend::OpenApi(server)) => return server.api.hints(tool),
            Some(Backend::Http(_) | Backend::Virtual(_)) | None => {}
        }
        let definition = self.definition(tool).filter(|_| self.trusts_annotations);
        let Some(definition) = definition else {
            return ToolHints::default();
        };
        let annotations = definition.root().get("annotations");
        let hint = |name: &str| annotations?.get(name)?.as_bool();
        ToolHints {
            read_only: hint("readOnlyHint"),
            destructive: hint("destructiveHint"),
            idempotent: hint("idempotentHint"),
            open_world: hint("openWorldHint"),
        }
    }

    /// What a tool can do with what it is given.
    pub(crate) fn danger(&self, tool: &str) -> Danger {
        Danger {
            egress: self.tools.get(tool).is_some_and(|tool| tool.egress),
            destructive: self.hints(tool).destructive == Some(true),
        }
    }

    /// The definition of a tool as this gateway saw it last; of an API's as it is.
    pub(crate) fn definition(&self, tool: &str) -> Option<Parsed> {
        match &self.backend {
            Some(Backend::OpenApi(server)) => server.api.definition(tool),
            Some(Backend::Http(_) | Backend::Virtual(_)) | None => self.definitions.get(tool),
        }
    }

    /// Adds what goes out to the server with every request: what callers pass on, and over it what the resource says.
    pub(crate) fn sign(&self, caller: &HeaderMap, out: &mut HeaderMap) {
        for name in &self.pass_headers {
            for value in caller.get_all(name) {
                out.append(name.clone(), value.clone());
            }
        }
        for (name, value) in &self.headers {
            out.insert(name.clone(), value.clone());
        }
    }
}
