//! What a scripted MCP server remembers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::turn::event;
use super::{Catalog, Manner, Turn};
use crate::fake::Line;

pub(super) struct State(pub(super) Mutex<Inner>);

impl State {
    pub(super) fn new(manner: Manner) -> Self {
        Self(Mutex::new(Inner::new(manner)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Inner {
    pub(super) manner: Manner,
    pub(super) catalog: Catalog,
    pub(super) scripts: HashMap<String, VecDeque<Turn>>,
    pub(super) sessions: HashSet<String>,
    /// The `requestState`s that were given out and did not come back yet.
    pub(super) states: HashSet<String>,
    /// Answers that wait for an answer of the client, by the id of the question.
    pub(super) waiting: HashMap<String, Waiting>,
    pub(super) listeners: Vec<Listener>,
    /// Never used twice, so that no two sessions or questions have the same.
    pub(super) next: u64,
}

/// A call whose answer needs the client's first.
pub(super) struct Waiting {
    pub(super) line: Line,
    pub(super) call: Value,
    pub(super) turn: Turn,
}

/// A stream that is not the answer to one call.
pub(super) struct Listener {
    pub(super) line: Line,
    /// The id of a `subscriptions/listen`.
    pub(super) subscription: Option<Value>,
}

impl Inner {
    pub(super) fn new(manner: Manner) -> Self {
        Self {
            manner,
            catalog: Catalog::default(),
            scripts: HashMap::new(),
            sessions: HashSet::new(),
            states: HashSet::new(),
            waiting: HashMap::new(),
            listeners: Vec::new(),
            next: 1,
        }
    }

    /// A number that was not given out yet.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// What the script says to this message, when it says anything.
    pub(super) fn turn(&mut self, message: &Value) -> Option<Turn> {
        let method = message["method"].as_str()?;
        let params = &message["params"];
        let name = params["name"].as_str().or_else(|| params["uri"].as_str());
        let key = name.map(|name| format!("{method} {name}"));
        let key = key.filter(|key| self.scripts.contains_key(key));
        let turns = self.scripts.get_mut(key.as_deref().unwrap_or(method))?;
        if turns.len() > 1 {
            turns.pop_front()
        } else {
            turns.front().cloned()
        }
    }

    pub(super) fn push(&mut self, method: &str, params: &Value) -> usize {
        self.listeners.retain(|listener| {
            let mut params = params.clone();
            if let Some(id) = &listener.subscription {
                params["_meta"]["io.modelcontextprotocol/subscriptionId"] = id.clone();
            }
            let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
            listener.line.send(event(&message))
        });
        self.listeners.len()
    }
}
