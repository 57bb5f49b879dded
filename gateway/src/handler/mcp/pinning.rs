//! Tools held to what was approved, on the way of messages: in lists, in what a server says of itself, and when a tool is
//! called.

use std::sync::Arc;
use std::time::Instant;

use parapet_crds::mcp_server::PinningMode;

use super::asked::Asked;
use super::exchange::Exchange;
use crate::llm::json::Kind as JsonKind;
use crate::mcp::envelope::Message;
use crate::mcp::error::RpcError;
use crate::mcp::pinning::List;
use crate::mcp::pinning::held::{Judged, may_be_called};
use crate::mcp::pinning::known::ScopeId;
use crate::mcp::pinning::pin::{State, digest_of_instructions};
use crate::mcp::pinning::sightings::{Counted, Seen};
use crate::mcp::pinning::suspicion::find_in_instructions;
use crate::mcp::tools;
use crate::pipeline::recording::Recording;
use crate::telemetry::metrics::Hidden;

impl Exchange {
    /// What decides which tools the server shows this client.
    fn tool_scope(&self) -> ScopeId {
        let version = [self.version.name.as_bytes()];
        if !self.server.pinned.per_caller {
            return ScopeId::of(version);
        }
        let subject = self.identity().caller.subject.to_string();
        let passed = self.server.pass_headers.iter().flat_map(|name| {
            let values = self.headers.get_all(name).iter();
            values.flat_map(|value| [name.as_str().as_bytes(), value.as_bytes()])
        });
        let own = self.own.iter();
        let own = own.flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]);
        let parts = version.into_iter().chain([subject.as_bytes()]);
        ScopeId::of(parts.chain(passed).chain([&b"own"[..]]).chain(own))
    }

    /// A list of tools without those that clients must not see. What was seen is remembered.
    ///
    /// # Errors
    /// With `enforce`: what is no list, or cannot be read without what is left out.
    pub(super) fn hold_list(&self, asked: &Asked, message: Message) -> Result<Message, RpcError> {
        let pinned = &self.server.pinned;
        let mode = pinned.mode();
        if mode == PinningMode::Off {
            return Ok(message);
        }
        let Some(result) = message.root().get("result") else {
            return Ok(message);
        };
        let Some(tools) = result
            .get("tools")
            .filter(|tools| tools.kind() == JsonKind::Array)
        else {
            return match mode {
                PinningMode::Off | PinningMode::Observe => Ok(message),
                PinningMode::Enforce => Err(RpcError::upstream(
                    "the MCP server's list of tools is no list",
                )),
            };
        };
        let foreign = self.sightings.foreign(&self.server.name);
        let judged = pinned.held.judge(tools, &foreign);
        let is_last = result.get("nextCursor").is_none_or(|next| next.is_null());
        let scope = self.tool_scope();
        match asked.whole_list.filter(|_| is_last) {
            Some(moment) => {
                pinned
                    .known
                    .scope(scope)
                    .note(Arc::clone(&judged.list), moment);
                self.note_tools(scope, &judged.list);
            }
            None => self.compare(scope, &judged.list),
        }
        if judged.withheld.is_empty() {
            return Ok(message);
        }
        let hidden = Counted::Hidden(judged.withheld.len());
        self.sightings.count(&self.server.name, hidden);
        if !self.is_own_look {
            let hidden = judged.withheld.len();
            self.lists.hidden(&self.server.name, Hidden::Pinned, hidden);
        }
        let left = tools::without(&message, &judged.withheld);
        let left = left.and_then(|text| Message::parse(text).ok());
        left.ok_or_else(|| RpcError::upstream("a changed list of tools cannot be read"))
    }

    /// What a server says of itself, without instructions that were not approved.
    ///
    /// # Errors
    /// With `enforce`: when it cannot be read without them.
    pub(super) fn hold_instructions(&self, message: Message) -> Result<Message, RpcError> {
        let pinned = &self.server.pinned;
        let mode = pinned.mode();
        let result = message.root().get("result");
        let (PinningMode::Observe | PinningMode::Enforce, Some(result)) = (mode, result) else {
            return Ok(message);
        };
        let (server, version) = (&self.server.name, self.version.name);
        let Some(words) = result.get("instructions").filter(|words| !words.is_null()) else {
            self.sightings.note_instructions(server, version, None);
            return Ok(message);
        };
        let digest = digest_of_instructions(words);
        let foreign = self.sightings.foreign(server);
        let suspicions = find_in_instructions(words, |name| foreign.contains(name));
        self.sightings
            .note_instructions(server, version, Some((digest, suspicions)));
        let is_approved = pinned.pins().state_of_instructions(digest) == State::Approved;
        match mode {
            PinningMode::Off | PinningMode::Observe => Ok(message),
            PinningMode::Enforce if is_approved => Ok(message),
            PinningMode::Enforce => {
                self.sightings.count(server, Counted::Hidden(1));
                let left = tools::without_instructions(&message);
                let left = left.and_then(|text| Message::parse(text).ok());
                left.ok_or_else(|| RpcError::upstream("a changed answer cannot be read"))
            }
        }
    }

    /// The server says that its tools have changed: what is known of them counts no more, under this policy and under the one
    /// in force by now.
    pub(super) fn forget_tools(&self) {
        self.server.pinned.known.forget();
        if let Some(server) = self.current().mcp.get(&self.server.name) {
            server.pinned.known.forget();
        }
    }

    fn note_tools(&self, scope: ScopeId, list: &Arc<List>) {
        let seen = Seen {
            scope,
            version: self.version.name,
            is_own_look: self.is_own_look,
        };
        self.sightings.note(&self.server.name, seen, list);
    }

    /// A part of a list was seen. It cannot say what there is, but that what is known is not so any more.
    fn compare(&self, scope: ScopeId, part: &List) {
        let known = &self.server.pinned.known;
        let scope = known.scope(scope);
        let Some(list) = scope.fresh(known.now(), self.server.pinned.max_age) else {
            return;
        };
        let is_known = |one: &crate::mcp::pinning::Definition| {
            let mut own = list.tools.iter().filter(|tool| tool.name == one.name);
            own.any(|tool| tool.digest == one.digest)
        };
        if !part.tools.iter().all(is_known) {
            scope.doubt();
        }
    }

    /// Lets a call of a tool through only when the tool is as it was approved. Where that is not known it is found out
    /// first, once for all who wait.
    ///
    /// # Errors
    /// An unknown tool for everything that was not approved; and when the server's tools cannot be listed.
    pub(super) async fn hold_call(
        &self,
        session: Option<&str>,
        tool: Option<&str>,
        recording: &Recording,
    ) -> Result<(), RpcError> {
        let pinned = &self.server.pinned;
        match pinned.mode() {
            PinningMode::Off | PinningMode::Observe => return Ok(()),
            PinningMode::Enforce => {}
        }
        let refuse = || {
            self.sightings.count(&self.server.name, Counted::Refused);
            Err(RpcError::unknown_tool())
        };
        // Whatever the server offers by now: nothing of this name was approved.
        let Some(tool) = tool.filter(|tool| pinned.pins().names(tool)) else {
            return refuse();
        };
        let listed = self.known_tools(session, recording).await;
        let list = listed.inspect_err(|_| {
            self.sightings.count(&self.server.name, Counted::Unchecked);
        })?;
        match may_be_called(pinned.pins(), &list, tool) {
            true => Ok(()),
            false => refuse(),
        }
    }

    /// The server's tools as they are by now.
    pub(super) async fn known_tools(
        &self,
        session: Option<&str>,
        recording: &Recording,
    ) -> Result<Arc<List>, RpcError> {
        let pinned = &self.server.pinned;
        let arrived = Instant::now();
        let id = self.tool_scope();
        let scope = pinned.known.scope(id);
        if let Some(list) = scope.fresh(pinned.known.now(), pinned.max_age) {
            return Ok(list);
        }
        let _turn = scope.turn.lock().await;
        let moment = pinned.known.now();
        if let Some(list) = scope.fresh(moment, pinned.max_age) {
            return Ok(list);
        }
        if let Some(error) = scope.failed(arrived) {
            return Err(error);
        }
        let listed = self.list_tools(session, recording).await;
        let listed = listed.and_then(|pages| {
            let foreign = self.sightings.foreign(&self.server.name);
            let read = |page: &Message| -> Option<Arc<Judged>> {
                let tools = page.root().get("result")?.get("tools")?;
                let is_list = tools.kind() == JsonKind::Array;
                is_list.then(|| pinned.held.judge(tools, &foreign))
            };
            let lists: Option<Vec<Arc<List>>> = pages
                .iter()
                .map(|page| Some(Arc::clone(&read(page)?.list)))
                .collect();
            let no_list = || RpcError::upstream("the MCP server's list of tools is no list");
            match &*lists.ok_or_else(no_list)? {
                [only] => Ok(Arc::clone(only)),
                several => Ok(Arc::new(List::joined(several))),
            }
        });
        match listed {
            Ok(list) => {
                scope.note(Arc::clone(&list), moment);
                self.note_tools(id, &list);
                Ok(list)
            }
            Err(error) => {
                let error = unchecked(&error);
                scope.note_failure(error.clone());
                Err(error)
            }
        }
    }
}

/// What a client is told when it cannot be known whether a tool is the one that was approved.
fn unchecked(error: &RpcError) -> RpcError {
    RpcError {
        message: format!(
            "the tool was not called, because it is not known whether it still is as it was approved: {}",
            error.message
        )
        .into(),
        ..error.clone()
    }
}
