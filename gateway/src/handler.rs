//! Answering traffic: from a request's head to the response, for every route.

mod answer;
mod chat;
pub mod error;
pub(crate) mod mcp;
mod models;
pub(crate) mod payload;
mod plan;
pub(crate) mod resolve;
mod stream;
mod told;
pub(crate) mod tools;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::request::Parts;
use http::{HeaderValue, Response};
use hyper::body::Incoming;
use parapet_guardrails::client::HttpClient;
use parapet_policy::record::End;

use crate::edge::{Body, Handler};
use crate::llm::Dialect;
use crate::mcp::bridge::Bridge;
use crate::mcp::command::programs::Programs;
use crate::mcp::oauth::tokens::Tokens;
use crate::mcp::pinning::sightings::Sightings;
use crate::mcp::seal::Sealer;
use crate::mcp::taint::Taints;
use crate::mcp::tasks::Tasks;
use crate::pipeline::recording::{Recording, Sink};
use crate::policy::ready::Snapshot;
use crate::route::{self, NoRoute, Route, request_id};
use crate::telemetry::head::Head;
use crate::telemetry::metrics::ListMetrics;
use crate::upstream::Upstreams;

use error::Failure;

/// Told to whoever asks for what is not served; a client with a wrong base URL is what mostly does.
const NO_PATH: &str = "there is no such path; served are /v1/chat/completions, /v1/messages, /v1/models and /mcp/{server}";

/// What one traffic thread answers with.
pub struct Gateway {
    /// The policy in force. A request takes one snapshot and keeps it.
    pub policy: Arc<ArcSwap<Snapshot>>,
    /// The way to models.
    pub upstreams: Upstreams,
    /// What is shared for MCP clients and servers of different eras.
    pub(crate) bridge: Arc<Bridge>,
    /// Seals what MCP clients bring back.
    pub(crate) sealer: Arc<Sealer>,
    /// What was seen of MCP servers' tools.
    pub(crate) sightings: Arc<Sightings>,
    /// Counts what lists do not show.
    pub(crate) lists: ListMetrics,
    /// Which tools tasks came of.
    pub(crate) tasks: Arc<Tasks>,
    /// Tokens for MCP servers.
    pub(crate) tokens: Arc<Tokens>,
    /// Conversations that have read text of strangers.
    pub(crate) taints: Arc<Taints>,
    /// MCP servers that are programs.
    pub(crate) programs: Arc<Programs>,
    /// The way to guardrail services.
    pub client: Arc<dyn HttpClient>,
    /// Where records go.
    pub sink: Sink,
    /// How requests take their place in a trace; none when traces are not exported.
    pub head: Option<Head>,
    /// How many bytes of what goes out, after every redaction, are kept for spans.
    pub trace_content: usize,
}

impl Handler for Gateway {
    async fn handle(&self, head: Parts, body: Incoming, peer: SocketAddr) -> Response<Body> {
        let dialect = route::dialect_of(head.uri.path());
        let request_id = request_id::new();
        let found = Route::find(&head.method, head.uri.path());
        let name = found.map_or("other", Route::name);
        let recording = Recording::begin(request_id.clone(), name, self.sink.clone());
        if let Some(trace) = &self.head {
            recording.trace(trace.begin(&head.headers));
            recording.keep_content(self.trace_content);
        }
        let path = head.uri.path().to_owned();
        let result = match Route::find(&head.method, &path) {
            Ok(Route::ChatCompletions | Route::Messages) => {
                self.chat(head, body, dialect, &recording).await
            }
            Ok(Route::Models) => self.models(&head, None, &recording),
            Ok(Route::Model(model)) => self.models(&head, Some(model), &recording),
            Ok(Route::Mcp(server)) => Ok(self.mcp(head, body, peer, server, &recording).await),
            Ok(Route::McpMetadata(about)) => self.mcp_metadata(&head, about, &recording),
            Err(NoRoute::WrongMethod { allow }) => Err(Failure::WrongMethod { allow }),
            Err(NoRoute::UnknownPath) => Err(Failure::NotFound(NO_PATH.to_owned())),
        };
        let response =
            result.unwrap_or_else(|failure| answer::failed(&failure, dialect, &recording));
        identified(response, dialect, &request_id)
    }

    fn overloaded(&self, head: &Parts) -> Response<Body> {
        let dialect = route::dialect_of(head.uri.path());
        let found = Route::find(&head.method, head.uri.path());
        let name = found.map_or("other", Route::name);
        let request_id = request_id::new();
        let recording = Recording::begin(request_id.clone(), name, self.sink.clone());
        if let Some(trace) = &self.head {
            recording.trace(trace.begin(&head.headers));
        }
        let response = answer::failed(&Failure::Overloaded, dialect, &recording);
        identified(response, dialect, &request_id)
    }
}

/// The response with the id that the client quotes, where its dialect looks for it.
fn identified(mut response: Response<Body>, dialect: Dialect, id: &str) -> Response<Body> {
    if let Ok(id) = HeaderValue::from_str(id) {
        if dialect == Dialect::Anthropic && !response.headers().contains_key("request-id") {
            response.headers_mut().insert("request-id", id.clone());
        }
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// How a failure shows in the record.
fn end_of(failure: &Failure) -> End {
    match failure {
        Failure::Blocked(blocked) if blocked.status() == 400 => End::BlockedViolation,
        Failure::Blocked(_) => End::BlockedFailure,
        Failure::Upstream(_) | Failure::UpstreamTimeout(_) => End::UpstreamFailed,
        Failure::ClientGone(_) => End::ClientGone,
        Failure::Invalid(_)
        | Failure::Parameter { .. }
        | Failure::Unauthenticated(_)
        | Failure::Forbidden(_)
        | Failure::NotFound(_)
        | Failure::WrongMethod { .. }
        | Failure::ClientTimeout(_)
        | Failure::TooLarge(_)
        | Failure::Encoded(_)
        | Failure::Overloaded => End::Refused,
    }
}
