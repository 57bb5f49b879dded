//! Sessions with a virtual server: the client's holds one with each member.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use parapet_crds::mcp_server::OnMemberFailure;

use crate::handler::mcp::backend::{Wanted, dispatch, own};
use crate::handler::mcp::exchange::Exchange;
use crate::handler::mcp::post::check_status;
use crate::handler::mcp::upstream::SESSION;
use crate::mcp::envelope::Message;
use crate::mcp::error::RpcError;
use crate::mcp::mirror::Mirrored;
use crate::mcp::own::{MemberSession, Own, OwnSession};
use crate::mcp::tools::quoted;
use crate::mcp::version::{self, negotiated};
use crate::mcp::virtual_server::{Member, Virtual};
use crate::pipeline::recording::Recording;
use crate::telemetry::metrics;
use crate::timer;
use crate::upstream::UpstreamResponse;

/// How long a member may take to begin or end a session.
const LIMIT: Duration = Duration::from_secs(10);
/// The longest session id of a member.
const MOST_ID: usize = 512;
/// Bytes of all sessions: sealed they travel in a header, and clients and proxies take 8 KiB of those.
const MOST_BYTES: usize = 4096;
/// What members are told of the client's abilities: what can be asked of it by way of the gateway.
const ABILITIES: [&str; 3] = ["elicitation", "roots", "sampling"];

/// Begins a session with every member that the caller may use.
///
/// # Errors
/// When one cannot be reached and the resource makes that an error, or when none can.
pub(super) async fn begin(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    server: &Own,
    message: &Message,
    recording: &Recording,
) -> Result<UpstreamResponse, RpcError> {
    let mut session = OwnSession::new(negotiated(message));
    let revision = session.version.clone();
    let initialize = initialize(message, &revision)?;
    let members = of.members().map(|(_, member)| member);
    let open =
        members.filter(|member| !member.is_there() || member.open_to(exchange.caller()).is_some());
    let begun = open.map(|member| {
        let initialize = initialize.clone();
        let beginning = open_one(exchange, member, initialize, &revision, Some(recording));
        async move { (member, limited(beginning).await) }
    });
    let mut failed = None;
    for (member, begun) in join_all(begun).await {
        let begun = begun.and_then(|begun| {
            session.members.insert(member.name.to_string(), begun);
            if session.to_text().len() <= MOST_BYTES {
                return Ok(());
            }
            session.members.remove(&*member.name);
            Err(RpcError::upstream(
                "the MCP servers' session ids are too long",
            ))
        });
        if let Err(error) = begun {
            let (lists, server) = (&exchange.lists, &*exchange.server.name);
            lists.absent(server, &member.name, metrics::Wanted::Session);
            tracing::warn!(
                server,
                member = &*member.name,
                error = &*error.message,
                "a member of a virtual server begins no session"
            );
            if of.on_failure == OnMemberFailure::Fail {
                return Err(error);
            }
            failed = Some(error);
        }
    }
    match failed {
        Some(error) if session.members.is_empty() => return Err(error),
        Some(_) => remember_absent(&mut session, &initialize),
        None => {}
    }
    Ok(own(server.greeting(message, &session)))
}

/// Members that could not be reached join the session when they are back, as far as it can carry what they are told then.
fn remember_absent(session: &mut OwnSession, initialize: &Message) {
    session.absent = Some(initialize.text().to_owned());
    if session.to_text().len() > MOST_BYTES {
        session.absent = None;
    }
}

/// Begins a session with one member, with a message that [`initialize`] made.
///
/// # Errors
/// When it cannot be reached or agrees to no revision.
pub(super) async fn open_one(
    exchange: &Exchange,
    member: &Member,
    initialize: Message,
    revision: &str,
    recording: Option<&Recording>,
) -> Result<MemberSession, RpcError> {
    let absent = || RpcError::upstream("there is no such MCP server");
    let server = member.open_to(exchange.caller()).ok_or_else(absent)?;
    let (mut exchange, _) = exchange.to_member(server, None, None)?.ok_or_else(absent)?;
    let id = initialize.id().unwrap_or("0").to_owned();
    let wanted = Wanted::Message(initialize, Mirrored::default());
    let response = dispatch(&exchange, wanted, None, recording).await?;
    let id_of_session = match response.headers.get(&SESSION) {
        None => None,
        Some(given) => {
            let text = given.to_str().ok().filter(|text| text.len() <= MOST_ID);
            let text = text
                .ok_or_else(|| RpcError::upstream("the MCP server's session id cannot be kept"))?;
            Some(text.to_owned())
        }
    };
    let answer = exchange.read(response, false, &id).await?;
    let agreed = answer.root().get("result").and_then(|result| {
        let version = version::with_sessions(&result.get_str("protocolVersion")?)?;
        Some(version.name)
    });
    let agreed = agreed.ok_or_else(|| {
        RpcError::upstream("the MCP server speaks no protocol version that is served")
    })?;
    exchange.speak(agreed);
    let told = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned();
    let wanted = Wanted::Message(Message::parse(told)?, Mirrored::default());
    let taken = dispatch(&exchange, wanted, id_of_session.as_deref(), recording).await?;
    check_status(taken.status, false)?;
    Ok(MemberSession {
        id: id_of_session,
        version: (agreed != revision).then(|| agreed.to_owned()),
    })
}

/// The client's `initialize` as members get it.
fn initialize(message: &Message, revision: &str) -> Result<Message, RpcError> {
    let capabilities = message.param("capabilities");
    let able = ABILITIES.into_iter().filter_map(|name| {
        let given = capabilities?.get(name)?;
        Some(format!("\"{name}\":{}", given.raw()))
    });
    let able = able.collect::<Vec<_>>().join(",");
    let info = message.param("clientInfo").map_or("{}", |info| info.raw());
    let id = message.id().unwrap_or("0");
    let text = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"initialize","params":{{"protocolVersion":{},"capabilities":{{{able}}},"clientInfo":{info}}}}}"#,
        quoted(revision)
    );
    Message::parse(text)
}

/// Tells all members of a session what a client says. Whether they mind is their own business.
pub(super) async fn tell(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    message: &Message,
    sessions: Option<&OwnSession>,
    recording: &Recording,
) {
    let told = in_session(exchange, of, sessions).map(|(exchange, session)| {
        let wanted = Wanted::Message(message.clone(), Mirrored::default());
        limited(
            async move { dispatch(&exchange, wanted, session.as_deref(), Some(recording)).await },
        )
    });
    for told in join_all(told).await {
        if let Err(error) = told {
            let error = &*error.message;
            tracing::debug!(error, "a member of a virtual server was not told");
        }
    }
}

/// Ends the sessions with all members.
///
/// # Errors
/// When a member cannot be reached: its session goes on.
pub(super) async fn end(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    session: Option<&str>,
    recording: &Recording,
) -> Result<(), RpcError> {
    let sessions = exchange.own_session(session)?;
    if let Some(sessions) = &sessions {
        exchange.bridge.joined.forget(&sessions.id);
    }
    let ended = in_session(exchange, of, sessions.as_ref()).map(|(exchange, session)| {
        limited(async move {
            let Some(session) = session else {
                return Ok(StatusCode::OK);
            };
            let ended = dispatch(&exchange, Wanted::End, Some(&session), Some(recording)).await;
            ended.map(|response| response.status)
        })
    });
    let ended: Vec<StatusCode> = join_all(ended)
        .await
        .into_iter()
        .collect::<Result<_, _>>()?;
    // One that all members have forgotten is gone already.
    if !ended.is_empty() && ended.iter().all(|status| *status == StatusCode::NOT_FOUND) {
        return Err(RpcError::no_session());
    }
    Ok(())
}

/// The members that a session has, each with its own session.
fn in_session(
    exchange: &Exchange,
    of: &Virtual,
    sessions: Option<&OwnSession>,
) -> impl Iterator<Item = (Exchange, Option<String>)> {
    let members = of.members().filter_map(move |(_, member)| {
        let server = member.open_to(exchange.caller())?;
        exchange.to_member(server, None, sessions).ok().flatten()
    });
    members.collect::<Vec<_>>().into_iter()
}

/// Waits for a member as long as its client's session may take to begin or to end.
///
/// # Errors
/// Those of the future, and that it took too long.
pub(super) async fn limited<T>(
    future: impl Future<Output = Result<T, RpcError>>,
) -> Result<T, RpcError> {
    let limited = timer::timeout(LIMIT, future).await;
    limited.unwrap_or_else(|_| Err(RpcError::upstream_timeout()))
}
