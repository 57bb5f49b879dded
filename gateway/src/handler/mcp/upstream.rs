//! The way to an MCP server and back.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use parapet_policy::record::Attempt;
use tokio::sync::oneshot;

use super::backend::Wanted;
use super::exchange::Exchange;
use super::token;
use crate::mcp::backend::Place;
use crate::mcp::command::serve::serve;
use crate::mcp::envelope::Kind;
use crate::mcp::error::RpcError;
use crate::mcp::method;
use crate::mcp::version::{Era, VERSION_HEADER};
use crate::pipeline::calls;
use crate::pipeline::recording::Recording;
use crate::upstream::{CallLimits, Sent, UpstreamError, UpstreamResponse, send};

/// The session that both sides name in every request.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// From where on a broken stream is to be repeated.
pub(super) const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// How long a stream that answers nothing may be silent.
const QUIET: Duration = Duration::from_secs(24 * 3600);

/// What a server is asked for: either of the two.
const EITHER: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

/// The headers of a request to the server: what the protocol demands, what the resource says, and nothing else of the
/// client's.
fn headers(exchange: &Exchange, method: &Method, session: Option<&str>) -> HeaderMap {
    let version = match exchange.version.era {
        Era::Modern => Some(HeaderValue::from_static(exchange.version.name)),
        // A session's first message has none.
        Era::Legacy => exchange.headers.get(VERSION_HEADER).cloned(),
    };
    with_protocol(signed(exchange), method, version, session)
}

/// What every request to the server says for this caller: what the resource says, and what of the caller's goes on.
pub(super) fn signed(exchange: &Exchange) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    exchange.server.sign(&exchange.headers, &mut headers);
    for (name, value) in &*exchange.own {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

/// The same with what the protocol demands.
pub(super) fn with_protocol(
    mut headers: HeaderMap,
    method: &Method,
    version: Option<HeaderValue>,
    session: Option<&str>,
) -> HeaderMap {
    match *method {
        Method::GET => headers.insert(ACCEPT, EVENTS),
        _ => headers.insert(ACCEPT, EITHER),
    };
    if *method == Method::POST {
        headers.insert(CONTENT_TYPE, JSON);
    }
    if let Some(version) = version {
        headers.insert(HeaderName::from_static(VERSION_HEADER), version);
    }
    if let Some(session) = session.and_then(|session| HeaderValue::from_str(session).ok()) {
        headers.insert(SESSION, session);
    }
    headers
}

/// The request to the server that a wish becomes, and how long it may take.
pub(super) fn sent(
    exchange: &Exchange,
    wanted: Wanted,
    session: Option<&str>,
) -> (Sent, CallLimits) {
    let (method, about, after) = match wanted {
        Wanted::Message(message, mirrored) => {
            let mut headers = headers(exchange, &Method::POST, session);
            if exchange.version.era == Era::Modern {
                mirrored.write(&message, &mut headers);
            }
            let about = match message.kind() {
                Kind::Request | Kind::Notification => method::known(&message.method()),
                Kind::Response => "response",
            };
            let sent = Sent {
                method: Method::POST,
                headers,
                body: Bytes::from(message.into_text()),
            };
            return (sent, limits(exchange, about));
        }
        Wanted::Stream(after) => (Method::GET, "", after),
        Wanted::End => (Method::DELETE, "end", None),
    };
    let mut headers = headers(exchange, &method, session);
    if let Some(after) = after {
        headers.insert(LAST_EVENT, after);
    }
    let sent = Sent {
        method,
        headers,
        body: Bytes::new(),
    };
    (sent, limits(exchange, about))
}

/// Sends a request to a server and waits for the head of the answer. The record, if there is one, tells of it.
pub(super) async fn call(
    exchange: &Exchange,
    place: &Place,
    (mut sent, limits): (Sent, CallLimits),
    recording: Option<&Recording>,
) -> Result<UpstreamResponse, RpcError> {
    let noted = recording.map(|recording| {
        let start_us = recording.now_us();
        let attempt = recording.attempt(Attempt {
            provider: exchange.server.name.clone(),
            kind: "mcp",
            server: place.server(),
            start_us,
            ..Attempt::default()
        });
        recording.with(|record| {
            if let (Some(trace), Some(attempt)) = (&record.trace, record.attempts.get(attempt)) {
                calls::put(&mut sent.headers, trace, trace.span(attempt.span));
            }
        });
        (recording, attempt, start_us)
    });
    let noted_at = noted.map(|(recording, attempt, _)| (recording, attempt));
    let result = match &exchange.server.oauth {
        None => Ok(once(exchange, place, sent, limits).await),
        // Away from the frame of those that need no token.
        Some(_) => Box::pin(with_token(exchange, place, (sent, limits), noted_at)).await,
    };
    if let Some((recording, attempt, start_us)) = noted {
        let took_us = recording.now_us() - start_us;
        recording.with(|record| {
            if let Some(attempt) = record.attempts.get_mut(attempt) {
                attempt.took_us = took_us;
                match &result {
                    Ok(Ok(answer)) => attempt.status = Some(answer.status.as_u16()),
                    Ok(Err(error)) => attempt.error = Some(error.word()),
                    Err(_) => attempt.error = Some("no_token"),
                }
            }
        });
    }
    Ok(result??)
}

/// What came of one sending.
type Answered = Result<UpstreamResponse, UpstreamError>;

async fn once(exchange: &Exchange, to: &Place, sent: Sent, limits: CallLimits) -> Answered {
    match to {
        Place::Url(location) => send(exchange.pool.clone(), location.clone(), sent, limits).await,
        Place::Program(command) => {
            let (programs, command) = (exchange.programs.clone(), command.clone());
            let caller = exchange.identity.caller.subject.clone();
            Box::pin(serve(programs, command, caller, (sent, limits))).await
        }
    }
}

/// Sends with a token, and once more with another one when the server refuses it. The error is that there is no token.
async fn with_token(
    exchange: &Exchange,
    to: &Place,
    (mut sent, limits): (Sent, CallLimits),
    noted: Option<(&Recording, usize)>,
) -> Result<Answered, RpcError> {
    let mut shown = token::show(exchange, &mut sent.headers, noted).await?;
    let mut again = sent.clone();
    let answered = once(exchange, to, sent, limits).await;
    match (&mut shown, &answered) {
        (Some(shown), Ok(answer)) if answer.status == StatusCode::UNAUTHORIZED => {
            if !shown.again(&mut again.headers).await? {
                return Ok(answered);
            }
        }
        (Some(_) | None, Ok(_) | Err(_)) => return Ok(answered),
    }
    Ok(once(exchange, to, again, limits).await)
}

/// How long a server may take to answer one message, and be silent in the middle: a tool may work, and a person may be
/// asked, for as long as an answer may take to begin. A stream that answers nothing may be silent for a day.
pub(super) fn limits(exchange: &Exchange, method: &str) -> CallLimits {
    let settings = &exchange.snapshot.settings;
    let idle = match method {
        "subscriptions/listen" | "" => QUIET,
        _ => settings.idle_timeout.max(settings.first_byte_timeout),
    };
    CallLimits {
        first_byte: settings.first_byte_timeout,
        idle,
    }
}

/// Runs a call that goes on when nobody waits for it any more.
///
/// A client that goes away ends the call of a stateless server, which is how the protocol says it. In a session it does
/// not: there a client cancels by a message, and the answer is read to its end whoever waits for it.
pub(super) async fn going_on(
    call: impl Future<Output = Result<UpstreamResponse, RpcError>> + 'static,
) -> Result<UpstreamResponse, RpcError> {
    let (tell, told) = oneshot::channel();
    tokio::task::spawn_local(async move {
        if let Err(Ok(unwanted)) = tell.send(call.await) {
            super::relay::read_to_the_end(unwanted.body).await;
        }
    });
    let ended = |_| RpcError::upstream("the gateway is shutting down");
    told.await.map_err(ended)?
}
