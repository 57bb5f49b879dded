//! A server over HTTP, whichever era it speaks: a client of the other era is answered all the same.
//!
//! A client's own era is tried first. What a server says when it refuses that tells whether it may speak the other one
//! ([`crate::mcp::bridge::era`]); then it is asked, once, and what was found out is remembered for the server. No message is
//! tried in the same way twice, so nothing here goes round in circles.

use http::StatusCode;

use super::backend::{Wanted, whole};
use super::exchange::Exchange;
use super::upstream::{self, SESSION};
use super::{is_event_stream, is_json, is_type};
use crate::mcp::backend::Http;
use crate::mcp::bridge::era::{Known, Refusal, may_tell, refusal};
use crate::mcp::bridge::newer::{Session, is_discovery};
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::RpcError;
use crate::mcp::mirror::Mirrored;
use crate::mcp::version::Era;
use crate::pipeline::recording::Recording;
use crate::upstream::{UpstreamBody, UpstreamResponse};

mod asking;
mod listening;
mod newer;
mod older;
mod way;

pub(super) use way::{Messages, Way};

/// Answers a client in its own era.
///
/// # Errors
/// When nothing usable comes back.
pub(super) async fn answer(
    exchange: &Exchange,
    wanted: Wanted,
    session: Option<&str>,
    recording: Option<&Recording>,
) -> Result<UpstreamResponse, RpcError> {
    let way = Way::new(exchange.clone(), recording.cloned());
    match exchange.version.era {
        Era::Modern => match wanted {
            Wanted::Message(message, mirrored) => modern(&way, message, mirrored).await,
            // A stateless client has neither streams of its own nor sessions.
            other @ (Wanted::Stream(_) | Wanted::End) => straight(&way, other, None).await,
        },
        Era::Legacy => {
            let session = session.map(str::to_owned);
            upstream::going_on(async move { legacy(&way, wanted, session.as_deref()).await }).await
        }
    }
}

/// Sends what a client wants as it is.
async fn straight(
    way: &Way,
    wanted: Wanted,
    session: Option<&str>,
) -> Result<UpstreamResponse, RpcError> {
    let sent = upstream::sent(&way.exchange, wanted, session);
    way.send(sent).await
}

/// A message of a stateless client.
async fn modern(
    way: &Way,
    message: Message,
    mirrored: Mirrored,
) -> Result<UpstreamResponse, RpcError> {
    let http = way.http()?;
    if http.speaks.known() == Known::LegacyOnly {
        match older::answer(way, &message).await? {
            older::Answered::With(response) => return Ok(response),
            older::Answered::NotSpoken(response) if http.speaks.is_said() => return Ok(response),
            older::Answered::NotSpoken(_) => http.speaks.learn(Known::Nothing),
        }
    }
    let is_request = message.kind() == Kind::Request;
    let method = message.method().into_owned();
    let (sent, limits) = upstream::sent(&way.exchange, Wanted::Message(message, mirrored), None);
    // The message itself has gone into what is sent, which costs no copy.
    let body = sent.body.clone();
    let response = way.send((sent, limits)).await?;
    if !is_request || http.speaks.is_said() {
        return Ok(response);
    }
    let known = http.speaks.known();
    let (response, doubt) = doubtful(way, http, response, &method, known).await?;
    if !doubt {
        return Ok(response);
    }
    if method != "server/discover" && newer::discovers(way).await {
        http.speaks.learn(Known::Modern);
        return Ok(response);
    }
    http.speaks.learn(Known::Nothing);
    let Some(message) = again(&body) else {
        return Ok(response);
    };
    match older::answer(way, &message).await {
        Ok(older::Answered::With(answered)) => Ok(answered),
        // What it said to begin with is what the client is told.
        Ok(older::Answered::NotSpoken(_)) | Err(_) => Ok(response),
    }
}

/// Whether an answer to a stateless request may come of a server that knows sessions only. What a server says that is sure is
/// remembered.
async fn doubtful(
    way: &Way,
    http: &Http,
    response: UpstreamResponse,
    method: &str,
    known: Known,
) -> Result<(UpstreamResponse, bool), RpcError> {
    let is_new = known == Known::Nothing;
    let succeeds = response.status.is_success();
    if succeeds && is_new && is_event_stream(&response.headers) {
        http.speaks.learn(Known::Modern);
    }
    let tells = if succeeds {
        is_new && is_json(&response.headers)
    } else {
        may_tell(response.status) && !is_page(&response)
    };
    if !tells {
        return Ok((response, false));
    }
    let (response, text) = buffered(way, response).await?;
    let doubt = match (succeeds, method) {
        (true, "server/discover") => !is_discovery(&text),
        // What has a result was understood. An error may say that a session has to begin first.
        (true, _) => !has_result(&text),
        (false, _) => match refusal(&text) {
            Refusal::Modern => false,
            Refusal::Plain => is_new,
            Refusal::Doubtful => true,
        },
    };
    if !doubt && is_new {
        http.speaks.learn(Known::Modern);
    }
    Ok((response, doubt))
}

fn has_result(answer: &str) -> bool {
    Message::parse(answer.to_owned()).is_ok_and(|answer| answer.root().get("result").is_some())
}

/// What the client of a session wants.
async fn legacy(
    way: &Way,
    wanted: Wanted,
    session: Option<&str>,
) -> Result<UpstreamResponse, RpcError> {
    let http = way.http()?;
    if let Some(session) = session.filter(|session| Session::is_id(session)) {
        let session = Session::of_id(session).ok_or_else(RpcError::no_session)?;
        return newer::answer(way, wanted, session).await;
    }
    let begins = match &wanted {
        Wanted::Message(message, _) => {
            message.kind() == Kind::Request && message.method() == "initialize"
        }
        Wanted::Stream(_) | Wanted::End => false,
    };
    if begins && let Wanted::Message(message, mirrored) = wanted {
        return begin(way, http, message, mirrored).await;
    }
    let response = unmarked(straight(way, wanted, session).await?);
    if session.is_none() || response.status != StatusCode::BAD_REQUEST || http.speaks.is_said() {
        return Ok(response);
    }
    let (response, text) = buffered(way, response).await?;
    // It has another version by now, without sessions: the client begins anew.
    let is_other = match refusal(&text) {
        Refusal::Modern => true,
        Refusal::Plain => newer::has_no_sessions(way).await,
        Refusal::Doubtful => false,
    };
    if is_other {
        http.speaks.learn(Known::Nothing);
        return Err(RpcError::no_session());
    }
    Ok(response)
}

/// Begins a session: with the server, or before one that has none.
async fn begin(
    way: &Way,
    http: &Http,
    message: Message,
    mirrored: Mirrored,
) -> Result<UpstreamResponse, RpcError> {
    if http.speaks.known() == Known::ModernOnly {
        match newer::begin(way, &message).await? {
            newer::Begun::With(response) => return Ok(response),
            newer::Begun::NotSpoken(response) if http.speaks.is_said() => return Ok(response),
            newer::Begun::NotSpoken(_) => http.speaks.learn(Known::Nothing),
        }
    }
    let text = message.text().to_owned();
    let response = unmarked(straight(way, Wanted::Message(message, mirrored), None).await?);
    let may_refuse = if response.status.is_success() {
        is_json(&response.headers)
    } else {
        may_tell(response.status) && !is_page(&response)
    };
    if http.speaks.is_said() || !may_refuse {
        return Ok(response);
    }
    let (response, said) = buffered(way, response).await?;
    let Some(message) = Message::parse(text).ok().filter(|_| !has_result(&said)) else {
        return Ok(response);
    };
    match newer::begin(way, &message).await {
        Ok(newer::Begun::With(begun)) => {
            http.speaks.learn(Known::ModernOnly);
            Ok(begun)
        }
        // What it said to begin with is what the client is told.
        Ok(newer::Begun::NotSpoken(_)) | Err(_) => Ok(response),
    }
}

/// An answer with its body read, as text.
async fn buffered(
    way: &Way,
    response: UpstreamResponse,
) -> Result<(UpstreamResponse, String), RpcError> {
    let limit = way.exchange.snapshot.settings.answer_bytes;
    let bytes = response.body.collect(limit).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let response = UpstreamResponse {
        body: UpstreamBody::whole(bytes),
        ..response
    };
    Ok((response, text))
}

/// A message that has been sent already.
fn again(body: &[u8]) -> Option<Message> {
    let text = std::str::from_utf8(body).ok()?;
    Message::parse(text.to_owned()).ok()
}

/// A page for people: whoever sends it is no MCP server.
fn is_page(response: &UpstreamResponse) -> bool {
    is_type(&response.headers, "text/html")
}

/// No server's session passes for one of the gateway's.
fn unmarked(mut response: UpstreamResponse) -> UpstreamResponse {
    let id = response.headers.get(&SESSION);
    if id.is_some_and(|id| id.to_str().is_ok_and(Session::is_id)) {
        response.headers.remove(&SESSION);
    }
    response
}

/// A JSON-RPC error as an answer, with its own status.
fn refused(error: &RpcError, id: Option<&str>) -> UpstreamResponse {
    whole(error.status, error.to_json(id))
}
