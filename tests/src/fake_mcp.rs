//! A scripted MCP server: what it lists and answers is the test's, and it can be told to misbehave.
//!
//! It speaks Streamable HTTP of 2026-07-28 (stateless) and of the revisions with sessions, answers in JSON or in
//! events, and refuses what a server must refuse: headers that disagree with the body, a revision it does not speak,
//! a session it does not know. Every HTTP call and every JSON-RPC message is kept.

mod catalog;
pub mod control;
mod legacy;
mod modern;
mod state;
mod turn;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fake::{Call, Fake, Reply};

pub use catalog::Catalog;
pub use turn::{Fault, Turn};

use state::State;

/// The stateless revision.
pub const MODERN: &str = "2026-07-28";
/// The newest revision with sessions.
pub const LEGACY: &str = "2025-11-25";

/// Which revisions a server speaks.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Era {
    /// Both.
    #[default]
    Both,
    /// Only the stateless one.
    Modern,
    /// Only those with sessions.
    Legacy,
}

impl Era {
    /// Whether it speaks the stateless revision.
    pub const fn is_modern(self) -> bool {
        matches!(self, Self::Modern | Self::Both)
    }

    /// Whether it speaks the revisions with sessions.
    pub const fn is_legacy(self) -> bool {
        matches!(self, Self::Legacy | Self::Both)
    }
}

/// How a server speaks.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manner {
    /// The revisions.
    pub era: Era,
    /// Answers are event streams even when there is nothing but the answer.
    pub events: bool,
    /// Legacy: a session id is given out and demanded.
    pub sessions: bool,
    /// Entries on one page of a list.
    pub page: usize,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            era: Era::Both,
            events: false,
            sessions: true,
            page: usize::MAX,
        }
    }
}

/// A running server at `/mcp`. It stops when dropped.
pub struct FakeMcp {
    fake: Fake,
    state: Arc<State>,
}

impl FakeMcp {
    /// Starts a server that speaks both eras and has the [`Catalog`] that is the default.
    ///
    /// # Errors
    /// When no local port can be had.
    pub async fn start() -> Result<Self> {
        Self::start_at("127.0.0.1:0", Manner::default()).await
    }

    /// The same in another manner.
    ///
    /// # Errors
    /// When no local port can be had.
    pub async fn start_as(manner: Manner) -> Result<Self> {
        Self::start_at("127.0.0.1:0", manner).await
    }

    /// The same on a given address, to bring a server back where it was; it has forgotten its sessions.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn start_at(addr: &str, manner: Manner) -> Result<Self> {
        let state = Arc::new(State::new(manner));
        let answering = Arc::clone(&state);
        let fake = Fake::start_at(addr, move |call| answer(&answering, call)).await?;
        Ok(Self { fake, state })
    }

    /// Starts a server behind TLS.
    ///
    /// # Errors
    /// When no local port can be had.
    pub async fn start_tls(config: rustls::ServerConfig) -> Result<Self> {
        let state = Arc::new(State::new(Manner::default()));
        let answering = Arc::clone(&state);
        let fake = Fake::start_tls(config, move |call| answer(&answering, call)).await?;
        Ok(Self { fake, state })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.fake.addr())
    }

    /// The address it listens on.
    pub const fn addr(&self) -> SocketAddr {
        self.fake.addr()
    }

    /// The HTTP calls, as they came.
    pub const fn server(&self) -> &Fake {
        &self.fake
    }

    /// The JSON-RPC messages received so far.
    pub fn messages(&self) -> Vec<Value> {
        let calls = self.fake.calls();
        let bodies = calls.iter().filter(|call| !call.body.is_empty());
        bodies.map(Call::json).collect()
    }

    /// The messages received so far with this method.
    pub fn of(&self, method: &str) -> Vec<Value> {
        let mut messages = self.messages();
        messages.retain(|message| message["method"] == method);
        messages
    }

    /// How often a method was called, e.g. `tools/call`: what a block must leave as it was.
    pub fn count(&self, method: &str) -> usize {
        self.of(method).len()
    }

    /// Waits until a message with this method has come, and returns it.
    pub async fn wait_for(&self, method: &str, limit: Duration) -> Option<Value> {
        let there = |calls: &[Call]| calls.iter().any(|call| call.json()["method"] == method);
        self.fake.wait_for(limit, there).await;
        self.of(method).pop()
    }

    /// Changes how it speaks from the next call on.
    pub fn set_manner(&self, manner: Manner) {
        self.state.lock().manner = manner;
    }

    /// Changes what it lists and has.
    pub fn set_catalog(&self, catalog: Catalog) {
        self.state.lock().catalog = catalog;
    }

    /// Changes a part of what it lists and has.
    pub fn edit(&self, change: impl FnOnce(&mut Catalog)) {
        change(&mut self.state.lock().catalog);
    }

    /// What it does at the next calls of `what`: a method (`tools/list`), or a method and a name
    /// (`tools/call echo`), which goes first. The last turn stays.
    pub fn script(&self, what: &str, turns: impl IntoIterator<Item = Turn>) {
        let turns: VecDeque<Turn> = turns.into_iter().collect();
        self.state.lock().scripts.insert(what.to_owned(), turns);
    }

    /// Sends a message to every open stream that is not an answer to a call: those of `GET` and of
    /// `subscriptions/listen`. Returns how many there were.
    pub fn push(&self, method: &str, params: &Value) -> usize {
        self.state.lock().push(method, params)
    }

    /// Sends this message as it stands to the same streams.
    pub fn push_raw(&self, message: &Value) -> usize {
        let inner = self.state.lock();
        let sent = inner.listeners.iter();
        sent.filter(|listener| listener.line.send(turn::event(message)))
            .count()
    }

    /// Ends every stream of `GET` and of `subscriptions/listen`.
    pub fn hang_up(&self) {
        self.state.lock().listeners.clear();
    }

    /// How many sessions it knows.
    pub fn sessions(&self) -> usize {
        self.state.lock().sessions.len()
    }

    /// Forgets all sessions, as after a restart: their ids lead to 404.
    pub fn forget_sessions(&self) {
        self.state.lock().sessions.clear();
    }

    /// Forgets scripts, sessions, streams and calls, and has the default catalogue again.
    pub fn reset(&self) {
        let mut inner = self.state.lock();
        *inner = state::Inner::new(inner.manner);
        drop(inner);
        self.fake.take_calls();
    }
}

/// Answers one HTTP call.
fn answer(state: &State, call: &Call) -> Reply {
    let (path, _) = call.path.split_once('?').unwrap_or((&call.path, ""));
    if path != "/mcp" {
        return Reply::new(404, "text/plain", "there is nothing here");
    }
    let mut inner = state.0.lock().unwrap_or_else(PoisonError::into_inner);
    let era = inner.manner.era;
    match call.method.as_str() {
        "POST" => {}
        "GET" | "DELETE" if era.is_legacy() => return legacy::get_or_delete(&mut inner, call),
        _ => return Reply::new(405, "text/plain", "").header("allow", "POST"),
    }
    let message = call.json();
    if !message.is_object() {
        return modern::refuse(400, &Value::Null, -32600, "not one JSON-RPC message");
    }
    let named = call.header("mcp-protocol-version");
    let meta = &message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
    // The same test as in servers that speak both: the first message of a session and what belongs to one.
    let is_modern =
        message["method"] != "initialize" && (named == Some(MODERN) || meta.is_string());
    match (is_modern, era.is_modern(), era.is_legacy()) {
        (true, true, _) | (false, true, false) => modern::answer(&mut inner, call, &message),
        (false, _, true) => legacy::answer(&mut inner, call, &message),
        // Word for word what a server says that has never heard of it.
        (true, false, true) => modern::refuse(
            400,
            &message["id"],
            -32000,
            "Bad Request: Unsupported protocol version",
        ),
        (_, false, false) => Reply::json(500, &json!({"error": "a server without an era"})),
    }
}

#[cfg(test)]
mod tests;
