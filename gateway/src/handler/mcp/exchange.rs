//! What is known of a client's request while its messages go both ways. It owns what it names: a stream outlives the
//! handler.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use parapet_guardrails::client::HttpClient;
use parapet_guardrails::exchange::{Call, McpCall};
use parapet_policy::facts::{Facts, Target};
use parapet_policy::hook::Hook;
use parapet_policy::record::{End, McpMessage, McpSide};

use super::asked::Asked;
use super::post::Session;
use super::virtual_server::Via;
use super::{Admitted, Refused};
use crate::edge::Body;
use crate::handler::Gateway;
use crate::handler::error::Failure;
use crate::handler::resolve::{merged, read_overrides};
use crate::identity::Identity;
use crate::mcp::bridge::Bridge;
use crate::mcp::command::programs::Programs;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::RpcError;
use crate::mcp::guard::Planned;
use crate::mcp::method;
use crate::mcp::oauth::tokens::Tokens;
use crate::mcp::pinning::sightings::Sightings;
use crate::mcp::seal::{Scope, Sealer};
use crate::mcp::server::Server;
use crate::mcp::taint::Taints;
use crate::mcp::tasks::Tasks;
use crate::mcp::user_headers;
use crate::mcp::version::Version;
use crate::pipeline::recording::{Recording, Sink};
use crate::pipeline::stage;
use crate::policy::ready::Snapshot;
use crate::route::metadata;
use crate::telemetry::metrics::ListMetrics;
use crate::upstream::Pool;

/// A client's request and all that its messages need.
#[derive(Clone)]
pub(super) struct Exchange {
    policy: Arc<ArcSwap<Snapshot>>,
    client: Arc<dyn HttpClient>,
    sink: Sink,
    sealer: Arc<Sealer>,
    pub(super) bridge: Arc<Bridge>,
    /// The connections of this thread.
    pub(super) pool: Rc<Pool>,
    /// What was seen of servers' tools.
    pub(super) sightings: Arc<Sightings>,
    /// Counts what lists do not show.
    pub(super) lists: ListMetrics,
    /// Tokens for servers.
    pub(super) tokens: Arc<Tokens>,
    pub(super) taints: Arc<Taints>,
    /// Servers that are programs.
    pub(super) programs: Arc<Programs>,
    /// Which tools tasks came of.
    pub(super) tasks: Arc<Tasks>,
    pub(super) identity: Arc<Identity>,
    /// The session that the client has named.
    pub(super) session: Rc<OnceCell<Session>>,
    pub(super) server: Arc<Server>,
    /// The virtual server that the client has asked for, where [`Self::server`] is a member of it.
    pub(super) via: Option<Rc<Via>>,
    pub(super) version: Version,
    /// The client's.
    pub(super) headers: Rc<HeaderMap>,
    /// What the caller shows the server, to replace what the resource says.
    pub(super) own: Rc<[(HeaderName, HeaderValue)]>,
    /// Whether nobody has asked: the gateway looks by itself.
    pub(super) is_own_look: bool,
    /// The policy at the request's beginning.
    pub(super) snapshot: Arc<Snapshot>,
}

impl Exchange {
    pub(super) fn new(
        gateway: &Gateway,
        admitted: Admitted,
        headers: HeaderMap,
        version: Version,
    ) -> Result<Self, RpcError> {
        let own = user_headers::read(&headers, &admitted.server)?;
        Ok(Self {
            own: own.into(),
            policy: gateway.policy.clone(),
            client: gateway.client.clone(),
            sink: gateway.sink.clone(),
            sealer: gateway.sealer.clone(),
            bridge: gateway.bridge.clone(),
            pool: gateway.upstreams.pool().clone(),
            sightings: gateway.sightings.clone(),
            lists: gateway.lists.clone(),
            tokens: gateway.tokens.clone(),
            taints: gateway.taints.clone(),
            programs: gateway.programs.clone(),
            tasks: gateway.tasks.clone(),
            session: Rc::default(),
            identity: admitted.identity,
            server: admitted.server,
            via: None,
            version,
            headers: Rc::new(headers),
            is_own_look: false,
            snapshot: admitted.snapshot,
        })
    }

    /// Finds the guardrails for a message: with the policy given, whatever it is by now.
    ///
    /// # Errors
    /// A header about guardrails or metadata that cannot be read, or that names what the caller may not.
    pub(super) fn plan(
        &self,
        snapshot: &Arc<Snapshot>,
        asked: &Asked,
        recording: &Recording,
    ) -> Result<Planned, Refused> {
        let invalid = |error: String| RpcError::invalid(error);
        let header = metadata::read(&self.headers).map_err(|error| invalid(error.to_string()))?;
        let named = self.named(asked.tool.as_deref());
        let arguments = asked.arguments.clone();
        let server = &self.server;
        let facts = Facts {
            caller: self.identity.caller.clone(),
            target: Target::Mcp {
                namespace: server.namespace.clone(),
                servers: named.servers.clone(),
                tool: named.tool.clone(),
                source_tool: named.source_tool.clone(),
                of_any_tool: asked.of_any_tool,
            },
            metadata: merged(&snapshot.settings.metadata, &self.identity, header),
        };
        let overrides =
            read_overrides(&self.headers).map_err(|error| invalid(Failure::message(&error)))?;
        let plan = snapshot
            .planner
            .plan(&facts, overrides.as_ref())
            .map_err(|error| invalid(error.to_string()))?;
        let tainted = self.tainted(&plan, asked, &facts.metadata);
        let plan = Arc::new(plan);
        let call = Call {
            hook: Hook::McpToolPreInvoke,
            caller: facts.caller,
            metadata: facts.metadata,
            models: Arc::new([]),
            mcp: Some(McpCall {
                servers: named.servers,
                hints: self.hints(asked.tool.as_deref()),
                tool: named.tool,
                source_tool: named.source_tool,
                arguments,
            }),
            request_id: recording.with(|record| record.request_id.clone()),
        };
        let (of, guardrails) = (plan.clone(), snapshot.clone());
        recording.before_handing_on(move |record| {
            stage::complete(record, &of.hooks, &guardrails.guardrails);
        });
        Ok(Planned {
            snapshot: snapshot.clone(),
            plan,
            call,
            is_about_task: asked.is_about_task(),
            tainted,
            client: self.client.clone(),
            recording: recording.clone(),
        })
    }

    /// The response with what it tells about the guardrails that ran.
    pub(super) fn told(
        &self,
        mut response: Response<Body>,
        recording: &Recording,
    ) -> Response<Body> {
        let expose = self.snapshot.settings.expose_guardrails;
        crate::handler::answer::tell(response.headers_mut(), expose, recording);
        response
    }

    /// Who calls.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where records go.
    pub(super) const fn sink(&self) -> &Sink {
        &self.sink
    }

    /// The policy as it is now: for a message that comes later than the request.
    pub(super) fn current(&self) -> Arc<Snapshot> {
        self.policy.load_full()
    }

    /// A record for another message of the same request.
    pub(super) fn record(
        &self,
        of: &Recording,
        message: &Message,
        tool: Option<&str>,
    ) -> Recording {
        let (request_id, route) = of.with(|record| (record.request_id.clone(), record.route));
        let recording = Recording::begin(request_id, route, self.sink.clone());
        let snapshot = self.current();
        let trace = of.trace_below();
        recording.with(|record| {
            record.trace = trace;
            record.end = End::Allowed;
            record.status = 200;
            record.revision = Some(snapshot.revision);
            record.subject = Some(self.identity.caller.subject.clone());
            record.teams.clone_from(&self.identity.caller.teams);
            record.request_bytes = message.text().len() as u64;
        });
        self.note(&recording, message, McpSide::Server, tool);
        recording
    }

    /// Says in a record which message it is about.
    pub(super) fn note(
        &self,
        recording: &Recording,
        message: &Message,
        from: McpSide,
        tool: Option<&str>,
    ) {
        let method = match message.kind() {
            Kind::Request | Kind::Notification => method::known(&message.method()),
            Kind::Response => "response",
        };
        let by_way = self.via.as_ref().and_then(|via| via.tool.as_deref());
        let tool = by_way
            .or(tool)
            .filter(|tool| method::is_tool_name(tool))
            .map(Arc::from);
        let noted = McpMessage {
            server: self.asked_for().name.clone(),
            source: self.source(),
            method,
            tool,
            version: self.version.name,
            from,
            failed: false,
            dropped: 0,
        };
        recording.with(|record| record.mcp = Some(noted));
    }

    /// Seals what the client brings back later.
    pub(super) fn seal(
        &self,
        purpose: &'static str,
        value: &impl serde::Serialize,
    ) -> Option<String> {
        self.sealer.seal(self.scope(purpose), value)
    }

    /// Opens what this client was given for this server.
    pub(super) fn open<T: serde::de::DeserializeOwned>(
        &self,
        purpose: &'static str,
        text: &str,
    ) -> Option<T> {
        self.sealer.open(self.scope(purpose), text)
    }

    fn scope(&self, purpose: &'static str) -> Scope<'_> {
        Scope {
            purpose,
            server: &self.asked_for().name,
            caller: &self.identity.caller.subject,
        }
    }
}
