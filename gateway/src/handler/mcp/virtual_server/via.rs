//! Which of the two servers of a routed message is meant.

use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use parapet_guardrails::exchange::ToolHints;
use parapet_policy::facts::Caller;

use crate::handler::mcp::exchange::Exchange;
use crate::mcp::backend::Backend;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::RpcError;
use crate::mcp::own::OwnSession;
use crate::mcp::server::Server;
use crate::mcp::user_headers;
use crate::mcp::version::{self, Era, VERSION_HEADER};
use crate::mcp::virtual_server::edit;

/// By way of which virtual server a message goes.
#[derive(Debug)]
pub(in crate::handler::mcp) struct Via {
    server: Arc<Server>,
    /// The tool as the virtual server calls it.
    pub(in crate::handler::mcp) tool: Option<Arc<str>>,
}

/// What rules know a message's servers and tool by.
pub(in crate::handler::mcp) struct Named {
    pub(in crate::handler::mcp) servers: Arc<[Arc<str>]>,
    pub(in crate::handler::mcp) tool: Option<Arc<str>>,
    pub(in crate::handler::mcp) source_tool: Option<Arc<str>>,
}

impl Exchange {
    /// Who calls.
    pub(in crate::handler::mcp) fn caller(&self) -> &Caller {
        &self.identity().caller
    }

    /// The server that the client has asked for.
    pub(in crate::handler::mcp) fn asked_for(&self) -> &Arc<Server> {
        self.via.as_ref().map_or(&self.server, |via| &via.server)
    }

    /// The member that a message is to or of, where a virtual server was asked for.
    pub(in crate::handler::mcp) fn source(&self) -> Option<Arc<str>> {
        self.via.as_ref().map(|_| self.server.name.clone())
    }

    /// All names of the servers and of the tool, which is given as the server calls it. What is for every member of a virtual
    /// server is for all that the caller may use.
    pub(in crate::handler::mcp) fn named(&self, tool: Option<&str>) -> Named {
        let mut servers = vec![self.asked_for().name.clone()];
        servers.extend(self.source());
        if let Some(Backend::Virtual(of)) = &self.server.backend {
            let members = of.members().map(|(_, member)| member);
            let open = members.filter(|member| member.open_to(self.caller()).is_some());
            servers.extend(open.map(|member| member.name.clone()));
        }
        let own: Option<Arc<str>> = tool.map(Arc::from);
        let exposed = self.via.as_ref().and_then(|via| via.tool.clone());
        let (tool, source_tool) = match (exposed, own) {
            (Some(exposed), Some(own)) if exposed != own => (Some(exposed), Some(own)),
            (_, own) => (own, None),
        };
        Named {
            servers: servers.into(),
            tool,
            source_tool,
        }
    }

    /// What the resources say of a tool: the virtual server's word wins.
    pub(in crate::handler::mcp) fn hints(&self, tool: Option<&str>) -> ToolHints {
        let mut hints = tool.map_or_else(ToolHints::default, |tool| self.server.hints(tool));
        if let Some(via) = &self.via
            && let Some(tool) = &via.tool
        {
            let said = via.server.hints(tool);
            hints.read_only = said.read_only.or(hints.read_only);
            hints.destructive = said.destructive.or(hints.destructive);
        }
        hints
    }

    /// The same exchange with a member of its virtual server, and the session there; none when the client's session has none
    /// at that member.
    ///
    /// # Errors
    /// When the caller's own headers for the member cannot be read.
    pub(super) fn to_member(
        &self,
        member: &Arc<Server>,
        tool: Option<&str>,
        sessions: Option<&OwnSession>,
    ) -> Result<Option<(Self, Option<String>)>, RpcError> {
        let own = user_headers::read(&self.headers, member)?;
        let via = Via {
            server: self.asked_for().clone(),
            tool: tool.map(Arc::from),
        };
        let mut exchange = self.clone();
        exchange.own = own.into();
        exchange.server = member.clone();
        exchange.via = Some(Rc::new(via));
        let Some(sessions) = sessions.filter(|_| self.version.era == Era::Legacy) else {
            return Ok(Some((exchange, None)));
        };
        let Some(session) = sessions.members.get(&*member.name) else {
            return Ok(None);
        };
        exchange.speak(session.version.as_ref().unwrap_or(&sessions.version));
        Ok(Some((exchange, session.id.clone())))
    }

    /// The same exchange with a member about one tool, by the name that the virtual server has for it.
    pub(super) fn of_tool(&self, name: &str) -> Self {
        let via = Via {
            server: self.asked_for().clone(),
            tool: Some(name.into()),
        };
        let mut exchange = self.clone();
        exchange.via = Some(Rc::new(via));
        exchange
    }

    /// Goes on in the revision that a session has agreed on.
    pub(super) fn speak(&mut self, revision: &str) {
        let Some(version) = version::with_sessions(revision) else {
            return;
        };
        self.version = version;
        let mut headers: HeaderMap = (*self.headers).clone();
        headers.insert(
            HeaderName::from_static(VERSION_HEADER),
            HeaderValue::from_static(version.name),
        );
        self.headers = Rc::new(headers);
    }

    /// A message of the server as the client gets it: a request of a member has an id that leads its answer back.
    pub(in crate::handler::mcp) fn for_client(&self, message: Message) -> String {
        let member = self.source().filter(|_| message.kind() == Kind::Request);
        member
            .and_then(|member| edit::with_members_id(&message, &member))
            .unwrap_or_else(|| message.into_text())
    }

    /// What leads a client back to a member's stream: the member, and the tool as the virtual server calls it.
    pub(in crate::handler::mcp) fn place(&self) -> Option<(String, Option<String>)> {
        let via = self.via.as_ref()?;
        let tool = via.tool.as_deref().map(str::to_owned);
        Some((self.server.name.to_string(), tool))
    }

    /// The exchange with the member that a [`Self::place`] leads to, and the session there.
    ///
    /// # Errors
    /// When the member is not part of the virtual server or of the session any more.
    pub(in crate::handler::mcp) fn back_to(
        &self,
        (member, tool): &(String, Option<String>),
        session: Option<&str>,
    ) -> Result<(Self, Option<String>), RpcError> {
        let Some(Backend::Virtual(of)) = &self.server.backend else {
            return Err(RpcError::no_session());
        };
        let sessions = self.own_session(session)?;
        let server = of.named(member);
        let server = server.and_then(|member| member.open_to(self.caller()));
        let server = server.ok_or_else(RpcError::no_session)?;
        self.to_member(server, tool.as_deref(), sessions.as_ref())?
            .ok_or_else(RpcError::no_session)
    }
}
