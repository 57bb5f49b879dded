//! Virtual servers: whom a message is for, and what is answered in the place of several servers.
//!
//! A message for one member is *routed* before anything is judged: from there on its exchange is one with the member, as if the
//! client had asked for that, and what holds for the member holds here too. That it came by way of a virtual server is in
//! [`Via`]. What is for all members is answered here, as by a server of our own making.

use std::sync::Arc;

use http::StatusCode;

use super::backend::{Wanted, dispatch, own, whole};
use super::exchange::Exchange;
use crate::mcp::backend::Backend;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::RpcError;
use crate::mcp::mirror::Mirrored;
use crate::mcp::own::{Answer, Offer, Offers, Own, OwnSession};
use crate::mcp::version::Era;
use crate::mcp::virtual_server::{Leads, Virtual, edit};
use crate::pipeline::recording::Recording;
use crate::upstream::UpstreamResponse;

mod joining;
mod lists;
mod notices;
mod sessions;
mod via;

pub(super) use via::Via;

/// A message with all that it is sent on with.
pub(super) struct Routed {
    pub(super) exchange: Exchange,
    pub(super) message: Message,
    pub(super) session: Option<String>,
}

/// Finds the member that a message is for. What is for all members, and what is for another server than a virtual one, stays
/// as it is.
///
/// # Errors
/// A tool that there is not, that the caller may not use or that is disabled: the three read the same. A session that
/// does not open. A member that cannot be asked for its names.
pub(super) async fn route(
    exchange: Exchange,
    message: Message,
    session: Option<String>,
    recording: &Recording,
) -> Result<Routed, RpcError> {
    let of = match &exchange.server.backend {
        Some(Backend::Virtual(of)) => Some(Arc::clone(of)),
        Some(Backend::Http(_) | Backend::OpenApi(_)) | None => None,
    };
    let Some(of) = of else {
        return Ok(Routed {
            exchange,
            message,
            session,
        });
    };
    let routed = match message.kind() {
        Kind::Response => answer_of_client(&exchange, &of, &message, session.as_deref())?,
        Kind::Request if message.method() == "tools/call" => {
            Some(call(&exchange, &of, &message, session.as_deref(), recording).await?)
        }
        Kind::Request | Kind::Notification => None,
    };
    let Some(routed) = routed else {
        return Ok(Routed {
            exchange,
            message,
            session,
        });
    };
    let source = routed.exchange.source();
    recording.with(|record| {
        if let Some(mcp) = &mut record.mcp {
            mcp.source = source;
        }
    });
    Ok(routed)
}

/// A call of a tool, on its way to the member that has it.
async fn call(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    message: &Message,
    session: Option<&str>,
    recording: &Recording,
) -> Result<Routed, RpcError> {
    if message.param("task").is_some() {
        return Err(RpcError::params("this server has no tasks"));
    }
    let sessions = exchange.own_session(session)?;
    let Some(name) = message.tool() else {
        return Err(RpcError::params("params lacks the string \"name\""));
    };
    if !exchange.server.offers(&name) {
        return Err(RpcError::unknown_tool());
    }
    let mut sessions = sessions;
    let (index, own) = match of.resolve(&name) {
        Leads::To(index, own) => (index, own),
        Leads::ToOneOf(members) => {
            sessions = joining::join(exchange, of, sessions, &members, Some(recording)).await;
            let listed = lists::learn(exchange, of, &members, sessions.as_ref(), recording).await;
            match of.resolve(&name) {
                Leads::To(index, own) => (index, own),
                Leads::ToOneOf(_) | Leads::Nowhere => {
                    listed?;
                    return Err(RpcError::unknown_tool());
                }
            }
        }
        Leads::Nowhere => return Err(RpcError::unknown_tool()),
    };
    let sessions = joining::join(exchange, of, sessions, &[index], Some(recording)).await;
    let member = of.member(index).ok_or_else(RpcError::unknown_tool)?;
    let server = member.open_to(exchange.caller());
    let server = server.ok_or_else(RpcError::unknown_tool)?;
    let routed = exchange.to_member(server, Some(&name), sessions.as_ref())?;
    let (exchange, session) = routed.ok_or_else(RpcError::unknown_tool)?;
    let message = edit::renamed(edit::without_tasks(message.clone()), &own);
    Ok(Routed {
        exchange,
        message: message.ok_or_else(RpcError::unknown_tool)?,
        session,
    })
}

/// A client's answer to a request of a member; none when no member has asked.
fn answer_of_client(
    exchange: &Exchange,
    of: &Virtual,
    message: &Message,
    session: Option<&str>,
) -> Result<Option<Routed>, RpcError> {
    let sessions = exchange.own_session(session)?;
    let Some((name, message)) = edit::of_member(message) else {
        return Ok(None);
    };
    let member = of.named(&name);
    let Some(server) = member.and_then(|member| member.open_to(exchange.caller())) else {
        return Ok(None);
    };
    let routed = exchange.to_member(server, None, sessions.as_ref())?;
    Ok(routed.map(|(exchange, session)| Routed {
        exchange,
        message,
        session,
    }))
}

/// Answers what is for all members.
///
/// # Errors
/// When members have to be asked and cannot be, as far as the resource makes that an error.
pub(super) async fn answer(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    wanted: Wanted,
    session: Option<&str>,
    recording: Option<&Recording>,
) -> Result<UpstreamResponse, RpcError> {
    let wanted = match wanted {
        // The gateway's answer to a question that the client does not get to see.
        Wanted::Message(message, _) if message.kind() == Kind::Response => {
            return answer_to_member(exchange, of, &message, session, recording).await;
        }
        other => other,
    };
    let Some(recording) = recording else {
        return Err(RpcError::upstream("a virtual server answers clients only"));
    };
    let message = match wanted {
        Wanted::Message(message, _) => message,
        Wanted::Stream(_) => {
            let sessions = exchange.own_session(session)?;
            return Ok(notices::stream(exchange, of, sessions.as_ref()));
        }
        Wanted::End => {
            sessions::end(exchange, of, session, recording).await?;
            return Ok(whole(StatusCode::OK, String::new()));
        }
    };
    let server = Own {
        name: exchange.server.name.to_string(),
        instructions: of.instructions.clone(),
        offers: Offers::default()
            .with(Offer::Tools)
            .with(Offer::ToolChanges)
            .with(Offer::Logging),
        fresh: lists::FRESH,
    };
    let version = exchange.version;
    if version.era == Era::Legacy
        && message.kind() == Kind::Request
        && message.method() == "initialize"
    {
        return sessions::begin(exchange, of, &server, &message, recording).await;
    }
    if version.era == Era::Modern && message.method() == "subscriptions/listen" {
        return notices::subscribe(exchange, of, &message);
    }
    let sessions = exchange.own_session(session)?;
    if version.era == Era::Legacy && is_for_every_member(&message) {
        sessions::tell(exchange, of, &message, sessions.as_ref(), recording).await;
    }
    if let Some(answer) = server.answer(version, &message) {
        return Ok(own(answer));
    }
    if message.method() == "tools/list" {
        let all: Vec<usize> = of.members().map(|(index, _)| index).collect();
        let sessions = joining::join(exchange, of, sessions, &all, Some(recording)).await;
        let listed = lists::tools(exchange, of, sessions.as_ref(), recording).await?;
        let server = Own {
            fresh: listed.fresh,
            ..server
        };
        return Ok(own(server.list(
            version,
            &message,
            "tools",
            &listed.entries,
        )));
    }
    // A call that could not be routed has been refused before.
    Ok(own(Own::error(version, &message, RpcError::unknown_tool())))
}

/// Gives a member the answer to its question. One of nobody is taken.
async fn answer_to_member(
    exchange: &Exchange,
    of: &Virtual,
    message: &Message,
    session: Option<&str>,
    recording: Option<&Recording>,
) -> Result<UpstreamResponse, RpcError> {
    match answer_of_client(exchange, of, message, session)? {
        None => Ok(own(Answer::taken())),
        Some(routed) => {
            let wanted = Wanted::Message(routed.message, Mirrored::default());
            dispatch(
                &routed.exchange,
                wanted,
                routed.session.as_deref(),
                recording,
            )
            .await
        }
    }
}

/// What a client says to whoever is concerned, without saying who that is.
fn is_for_every_member(message: &Message) -> bool {
    let method = message.method();
    match message.kind() {
        // Each member was told when its session began.
        Kind::Notification => method != "notifications/initialized",
        Kind::Request => method == "logging/setLevel",
        Kind::Response => false,
    }
}

impl Exchange {
    /// What a client's session holds; none where there are no sessions.
    ///
    /// # Errors
    /// When the client names none, or one that is none of a virtual server.
    fn own_session(&self, session: Option<&str>) -> Result<Option<OwnSession>, RpcError> {
        match (self.version.era, session) {
            (Era::Modern, _) => Ok(None),
            (Era::Legacy, None) => Err(RpcError::invalid(
                "this server has sessions: begin one with initialize",
            )),
            (Era::Legacy, Some(text)) => {
                let mut session = OwnSession::read(text).ok_or_else(RpcError::no_session)?;
                match &self.server.backend {
                    Some(Backend::Virtual(_)) => self.bridge.joined.complete(&mut session),
                    Some(Backend::Http(_) | Backend::OpenApi(_)) | None => {}
                }
                Ok(Some(session))
            }
        }
    }
}
