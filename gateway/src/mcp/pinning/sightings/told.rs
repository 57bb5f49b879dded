//! What is told of a server: the lists of all its callers together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use parapet_crds::mcp_server::PinningMode;

use super::{Counts, Sighted};
use crate::mcp::method::is_tool_name;
use crate::mcp::pinning::pin::{self, Digest, State, Treatment};
use crate::mcp::pinning::suspicion::Sort;

/// Names of each state in one line of the log.
const LOGGED: usize = 10;

/// What was seen of a server.
#[derive(Clone, Debug)]
pub struct SeenServer {
    /// As in `/mcp/{name}`.
    pub name: Arc<str>,
    /// The resource's namespace.
    pub namespace: Arc<str>,
    /// What happens to what was not approved.
    pub mode: PinningMode,
    /// Whether what it offers may depend on who calls.
    pub per_caller: bool,
    /// When a whole list was last seen; none before the first.
    pub at: Option<SystemTime>,
    /// By name and digest: what callers of any sort and version see by now.
    pub tools: Vec<SeenTool>,
    /// What it says of itself.
    pub instructions: Vec<SeenInstructions>,
    /// Names that were approved and that no list has.
    pub removed: Vec<Box<str>>,
    /// How often something happened.
    pub counts: Counts,
}

/// A definition that was seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenTool {
    /// The tool's name at the server.
    pub name: Box<str>,
    /// Of its definition.
    pub digest: Digest,
    /// The version of the protocol in which it was seen last.
    pub version: &'static str,
    /// When it was seen last.
    pub at: SystemTime,
    /// How it stands to what was approved.
    pub state: State,
    /// What becomes of it.
    pub treatment: Treatment,
    /// What is suspicious, sorted.
    pub suspicions: Vec<Sort>,
}

/// Instructions that were seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeenInstructions {
    /// Their digest.
    pub digest: Digest,
    /// The version of the protocol in which they were seen.
    pub version: &'static str,
    /// When they were seen last.
    pub at: SystemTime,
    /// How they stand to what was approved.
    pub state: State,
    /// What is suspicious, sorted.
    pub suspicions: Vec<Sort>,
}

impl Sighted {
    pub(super) fn told(&self) -> SeenServer {
        let pins = &self.followed.pins;
        let mut tools: BTreeMap<(Box<str>, [u8; 32]), SeenTool> = BTreeMap::new();
        for seen in &self.lists {
            for tool in &seen.list.tools {
                let of = (tool.name.clone(), tool.digest.bytes());
                let known = tools.get(&of);
                // A list in which the name is not unique says more than one in which it is.
                let is_ambiguous =
                    tool.ambiguous || known.is_some_and(|known| known.state == State::Ambiguous);
                if known.is_some_and(|known| known.at >= seen.at) && !tool.ambiguous {
                    continue;
                }
                let state = match is_ambiguous {
                    true => State::Ambiguous,
                    false => pins.state(tool),
                };
                let told = SeenTool {
                    name: tool.name.clone(),
                    digest: tool.digest,
                    version: seen.version,
                    at: seen.at,
                    state,
                    treatment: pin::treat(pins.mode(), state),
                    suspicions: sorts(tool.suspicions.iter().map(|one| one.sort)),
                };
                tools.insert(of, told);
            }
        }
        let instructions = self.instructions.iter().map(|seen| SeenInstructions {
            digest: seen.digest,
            version: seen.version,
            at: seen.at,
            state: pins.state_of_instructions(seen.digest),
            suspicions: sorts(seen.suspicions.iter().map(|one| one.sort)),
        });
        let tools: Vec<SeenTool> = tools.into_values().collect();
        let mut removed: Vec<Box<str>> = match self.lists.is_empty() {
            true => Vec::new(),
            false => pins
                .missing(tools.iter().map(|tool| &*tool.name))
                .map(Into::into)
                .collect(),
        };
        removed.sort_unstable();
        SeenServer {
            name: self.followed.name.clone(),
            namespace: self.followed.namespace.clone(),
            mode: pins.mode(),
            per_caller: self.followed.per_caller,
            at: self.lists.iter().map(|seen| seen.at).max(),
            instructions: instructions.collect(),
            counts: self.counts,
            tools,
            removed,
        }
    }
}

pub(super) fn sorts(found: impl Iterator<Item = Sort>) -> Vec<Sort> {
    let mut sorts: Vec<Sort> = found.collect();
    sorts.sort_unstable();
    sorts.dedup();
    sorts
}

/// Says in the log what is not as it was approved. Names that no tool may have could be anything, and stay out.
pub(super) fn log(seen: &SeenServer) {
    let names = |state: State| -> Vec<&str> {
        let tools = seen.tools.iter().filter(|tool| tool.state == state);
        let names = tools.map(|tool| &*tool.name);
        names
            .filter(|name| is_tool_name(name))
            .take(LOGGED)
            .collect()
    };
    let count = |state: State| seen.tools.iter().filter(|tool| tool.state == state).count();
    let suspicious = seen.tools.iter().flat_map(|tool| &tool.suspicions);
    let mut suspicions: Vec<&str> = suspicious.map(|sort| sort.as_str()).collect();
    suspicions.sort_unstable();
    suspicions.dedup();
    let server = &*seen.name;
    let (changed, new) = (count(State::Changed), count(State::New));
    let ambiguous = count(State::Ambiguous);
    let words = seen.instructions.iter();
    let mut words = words.filter(|words| words.state != State::Approved);
    let drifted = changed + new + ambiguous + seen.removed.len() > 0 || words.next().is_some();
    if drifted {
        let to_approve = format!("/pins/{server} on the admin listener");
        tracing::warn!(
            server, to_approve, changed, new, ambiguous, removed = seen.removed.len(),
            names_changed = ?names(State::Changed), names_new = ?names(State::New), ?suspicions,
            "tools of an MCP server are not as they were approved"
        );
    } else {
        tracing::info!(
            server,
            tools = seen.tools.len(),
            "the tools of an MCP server are as they were approved"
        );
    }
}
