//! Members that were down when a client's session began, and are back.
//!
//! The client's session id cannot say anything new of them, so a gateway remembers the sessions that it has begun with them.
//! Another gateway begins its own.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;

use super::sessions::{self, open_one};
use crate::handler::mcp::backend::{Wanted, dispatch};
use crate::handler::mcp::exchange::Exchange;
use crate::mcp::envelope::Message;
use crate::mcp::own::{MemberSession, OwnSession};
use crate::mcp::virtual_server::Virtual;
use crate::pipeline::recording::Recording;

/// A client's sessions with those of these members that could not be reached when it began, as far as they can be reached
/// now.
pub(super) async fn join(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    sessions: Option<OwnSession>,
    wanted: &[usize],
    recording: Option<&Recording>,
) -> Option<OwnSession> {
    let mut sessions = sessions?;
    let begun = wanted
        .iter()
        .map(|index| begin(exchange, of, *index, &sessions, recording));
    let begun = join_all(begun).await;
    for (index, joined) in wanted.iter().zip(begun) {
        if let (Some(session), Some(member)) = (joined, of.member(*index)) {
            sessions.members.insert(member.name.to_string(), session);
        }
    }
    Some(sessions)
}

/// The exchange with such a member, and the session there; none while it cannot be reached.
pub(super) async fn join_one(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    index: usize,
    sessions: &OwnSession,
) -> Option<(Exchange, Option<String>)> {
    let sessions = join(exchange, of, Some(sessions.clone()), &[index], None).await?;
    let server = of.member(index)?.open_to(exchange.caller())?;
    let routed = exchange.to_member(server, None, Some(&sessions));
    routed.ok().flatten()
}

/// Begins a session with a member, unless the client's has one with it or it was tried a moment ago.
async fn begin(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    index: usize,
    sessions: &OwnSession,
    recording: Option<&Recording>,
) -> Option<MemberSession> {
    let member = of.member(index)?;
    let server = member.open_to(exchange.caller())?;
    if sessions.members.contains_key(&*member.name) {
        return None;
    }
    let initialize = sessions.absent.as_deref()?;
    let joined = &exchange.bridge.joined;
    if let Some(known) = joined.get(&sessions.id, &member.name) {
        return Some(known);
    }
    if !joined.may_be_tried(&member.name) {
        return None;
    }
    let initialize = Message::parse(initialize.to_owned()).ok()?;
    let from = Instant::now();
    let opening = open_one(exchange, member, initialize, &sessions.version, recording);
    let begun = match sessions::limited(opening).await {
        Ok(begun) => begun,
        Err(error) => {
            let (server, name) = (&*exchange.server.name, &*member.name);
            let error = &*error.message;
            tracing::debug!(server, member = name, error, "a member is still away");
            joined.note_failure(&member.name, from.elapsed());
            return None;
        }
    };
    let (server_name, member_name) = (&*exchange.server.name, &*member.name);
    tracing::info!(
        server = server_name,
        member = member_name,
        "a member of a virtual server is back"
    );
    match joined.keep(&sessions.id, &member.name, begun.clone()) {
        None => Some(begun),
        // Another request of the client was quicker.
        Some(first) => {
            let id = begun.id?;
            let (exchange, _) = exchange.to_member(server, None, None).ok()??;
            tokio::task::spawn_local(async move {
                let ended = dispatch(&exchange, Wanted::End, Some(&id), None);
                // It ends by itself when nobody can end it.
                drop(sessions::limited(ended).await);
            });
            Some(first)
        }
    }
}
