//! Which conversation an exchange belongs to, and what strangers' text in it means for a call.

use std::collections::BTreeMap;
use std::time::Instant;

use http::HeaderMap;
use parapet_policy::plan::Plan;
use parapet_policy::trace::Incoming;

use super::asked::Asked;
use super::exchange::Exchange;
use super::post::{SESSION_PURPOSE, Session};
use super::relay::Relay;
use crate::mcp::backend::Backend;
use crate::mcp::guard::Tainted;
use crate::mcp::taint::{Conversation, METADATA, may_hold_text};

impl Exchange {
    /// What the rules have to say of a call. A conversation's mark goes where the conversation goes, so this is asked for
    /// every message of a client.
    pub(super) fn tainted(
        &self,
        plan: &Plan,
        asked: &Asked,
        metadata: &BTreeMap<String, String>,
    ) -> Option<Tainted> {
        let now = Instant::now();
        let (trace, session) = (trace(&self.headers, asked), self.session.get());
        let conversation = self.conversation(trace.as_deref(), metadata);
        if session.is_some_and(|session| session.marked) {
            self.taints.mark(&conversation, now);
        }
        // To ask how it stands with a task carries nothing out.
        let calls = matches!(&*asked.method, "tools/call" | "tasks/update");
        let tool = asked.tool.as_deref().filter(|_| calls);
        let danger = tool.map_or_else(Default::default, |tool| self.server.danger(tool));
        match &plan.taint {
            Some(said) if danger.is_any() => Some(Tainted {
                marked: self.taints.taints(&conversation, said.scope, now)
                    || session.is_some_and(|session| self.may_have_read(session)),
                said: said.clone(),
                danger,
            }),
            Some(_) | None => {
                self.taints.follow(&conversation, now);
                None
            }
        }
    }

    /// Something of this method has been judged and goes to the client: of a server of strangers' text, that marks the
    /// conversation before any of it is sent.
    pub(super) fn reached(&self, method: &str, asked: &Asked, metadata: &BTreeMap<String, String>) {
        if self.server.untrusted && may_hold_text(method) {
            let trace = trace(&self.headers, asked);
            let conversation = self.conversation(trace.as_deref(), metadata);
            self.taints.mark(&conversation, Instant::now());
        }
    }

    /// Whether a session with a server of strangers' text was begun by another gateway, or before this one's start: what
    /// has been read in it there is not known here.
    fn may_have_read(&self, session: &Session) -> bool {
        session.pod != Some(self.taints.pod()) && self.may_hold_strangers_text()
    }

    /// Whether a session with the server that the client has asked for can bring text of strangers.
    fn may_hold_strangers_text(&self) -> bool {
        match &self.asked_for().backend {
            Some(Backend::Virtual(of)) => of.members().any(|(_, member)| {
                let server = member.open_to(self.caller());
                server.is_some_and(|server| server.untrusted)
            }),
            Some(Backend::Http(_) | Backend::OpenApi(_)) | None => self.server.untrusted,
        }
    }

    fn conversation<'a>(
        &'a self,
        trace: Option<&'a str>,
        metadata: &'a BTreeMap<String, String>,
    ) -> Conversation<'a> {
        let session = self.session.get();
        let mut ids = METADATA.iter().filter_map(|key| metadata.get(*key));
        Conversation {
            caller: &self.identity.caller.subject,
            // Of the server that the client has asked for: members of a virtual one share its sessions.
            session: session
                .and_then(|session| Some((&*self.asked_for().name, session.upstream.as_deref()?))),
            trace,
            id: ids.next().map(String::as_str),
        }
    }
}

/// A session that a client is given with an answer.
pub(super) struct Given {
    exchange: Exchange,
    asked: Asked,
    metadata: BTreeMap<String, String>,
    upstream: Option<String>,
}

impl Relay {
    /// The session that the server has named with its answer, or has begun without a name.
    pub(super) fn session(&self, upstream: Option<&str>) -> Given {
        let planned = self.planned.as_ref();
        Given {
            exchange: self.exchange.clone(),
            asked: self.asked.clone(),
            metadata: planned.map_or_else(BTreeMap::new, |planned| planned.call.metadata.clone()),
            upstream: upstream.map(str::to_owned),
        }
    }
}

impl Given {
    /// Whether the server has named it.
    pub(super) const fn is_named(&self) -> bool {
        self.upstream.is_some()
    }

    /// The session's id for the client, with the mark that its conversation has by now: clients that take the id from
    /// every answer bring the mark to other gateways.
    pub(super) fn sealed(self) -> Option<String> {
        let Self {
            exchange,
            asked,
            metadata,
            upstream,
        } = self;
        let trace = trace(&exchange.headers, &asked);
        let conversation = Conversation {
            session: upstream
                .as_deref()
                .map(|upstream| (&*exchange.asked_for().name, upstream)),
            ..exchange.conversation(trace.as_deref(), &metadata)
        };
        let marked = exchange.taints.follow(&conversation, Instant::now());
        let pod = match exchange.session.get() {
            // The one that has begun it: what was read there is not known here.
            Some(session) => session.pod,
            None => Some(exchange.taints.pod()),
        };
        let session = Session {
            upstream: upstream.clone(),
            declared: asked.declared,
            marked,
            pod,
        };
        exchange.seal(SESSION_PURPOSE, &session)
    }
}

/// The trace that the client says the message belongs to: in the one header, otherwise in the message.
fn trace(headers: &HeaderMap, asked: &Asked) -> Option<String> {
    let mut values = headers.get_all("traceparent").iter();
    let header = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (Some(_), Some(_)) | (None, _) => None,
    };
    let trace = |text: &str| Some(Incoming::parse(text)?.trace_id.to_string());
    header
        .and_then(trace)
        .or_else(|| asked.trace.as_deref().and_then(trace))
}
