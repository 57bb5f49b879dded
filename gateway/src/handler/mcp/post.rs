//! `POST`: one message of a client.

use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use parapet_policy::record::{End, McpSide};
use serde::{Deserialize, Serialize};

use super::asked::Asked;
use super::backend::{Wanted, dispatch};
use super::exchange::Exchange;
use super::relay::Relay;
use super::taint::Given;
use super::upstream::SESSION;
use super::virtual_server::{Routed, route};
use super::{Admitted, Refused, answer, is_event_stream, is_json};
use crate::edge::{Body, ReadLimits, read_body};
use crate::handler::Gateway;
use crate::handler::error::Failure;
use crate::mcp::declared::Declared;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::RpcError;
use crate::mcp::guard::{self, Judged, Subject};
use crate::mcp::mirror::{self, Mirrored};
use crate::mcp::surfaces::Direction;
use crate::mcp::version::{self, Era};
use crate::pipeline::mcp::answer::Instead;
use crate::pipeline::recording::Recording;
use crate::upstream::{UpstreamBody, UpstreamResponse};

/// What a client's session id stands for.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Session {
    /// The server's own session id; none for a server that has sessions without one.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(super) upstream: Option<String>,
    /// Whether text of strangers has reached its conversation.
    #[serde(rename = "m", default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) marked: bool,
    /// Whose table of marks is the one for it.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub(super) pod: Option<u64>,
    /// What the client declared when it began.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub(super) declared: Option<Declared>,
}

/// For [`Exchange::seal`]: a session id.
pub(super) const SESSION_PURPOSE: &str = "session";

impl Gateway {
    /// Takes a message, sends it on, and relays what comes back.
    pub(super) async fn mcp_post(
        &self,
        admitted: Admitted,
        head: Parts,
        body: Incoming,
        recording: &Recording,
    ) -> Result<Response<Body>, Refused> {
        if !is_json(&head.headers) {
            crate::edge::discard(body);
            let message = "a message is sent as application/json";
            return Err(RpcError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, -32600, message).into());
        }
        let settings = &admitted.snapshot.settings;
        let limits = ReadLimits {
            max: settings.body_bytes,
            idle: settings.client_timeout,
        };
        let text = read_body(&head.headers, body, limits)
            .await
            .map_err(|error| unread(&Failure::from(error)))?;
        recording.with(|record| record.request_bytes = text.len() as u64);
        let message = Message::parse(text)?;
        let id = (message.kind() == Kind::Request)
            .then(|| message.id().map(str::to_owned))
            .flatten();
        let result = self
            .message(admitted, head.headers, message, recording)
            .await;
        result.map_err(|refused| refused.to(id.as_deref()))
    }

    async fn message(
        &self,
        admitted: Admitted,
        client: HeaderMap,
        message: Message,
        recording: &Recording,
    ) -> Result<Response<Body>, Refused> {
        let version = version::of_message(&client, &message)?;
        let exchange = Exchange::new(self, admitted, client, version)?;
        let tool = message.tool();
        exchange.note(recording, &message, McpSide::Client, tool.as_deref());
        // What is no string some servers make one of: nobody has asked whether that tool may be called.
        if tool.is_none() && message.method() == "tools/call" {
            return Err(RpcError::params("params lacks the string \"name\"").into());
        }
        let mirrored = match version.era {
            Era::Modern => mirrored(&exchange, &message, tool.as_deref())?,
            Era::Legacy => Mirrored::default(),
        };
        let session = session(&exchange, &message.method())?;
        // Of what the client itself says; on its way to a member the message is another one.
        let declared = match (version.era, exchange.session.get()) {
            (Era::Legacy, Some(session)) => session.declared,
            (Era::Legacy, None) if message.method() != "initialize" => None,
            (Era::Legacy | Era::Modern, _) => Some(Declared::in_message(&message)),
        };
        let Routed {
            exchange,
            message,
            session,
        } = route(exchange, message, session, recording)
            .await
            .map_err(|error| for_era(error, version.era))?;
        let mut asked = Asked::of(&message);
        asked.declared = declared;
        if asked.is_about_task() {
            exchange.attribute(&mut asked, &message);
        }
        let tool = asked.tool.clone();
        if tool
            .as_deref()
            .is_some_and(|tool| !exchange.server.offers(tool))
        {
            return Err(RpcError::unknown_tool().into());
        }
        if asked.method == "tools/call" {
            exchange
                .hold_call(session.as_deref(), tool.as_deref(), recording)
                .await
                .map_err(|error| for_era(error, version.era))?;
        }
        if asked.method == "tools/list" && message.param("cursor").is_none() {
            asked.whole_list = Some(exchange.server.pinned.known.now());
        }
        let planned = exchange.plan(&exchange.snapshot, &asked, recording)?;
        let definition = tool
            .as_deref()
            .and_then(|tool| exchange.server.definition(tool));
        let subject = Subject {
            direction: Direction::ToServer,
            method: about(&message, &asked.method),
            definition: definition.as_ref(),
            schema_is_unknown: false,
            request: None,
            task: asked.task.as_deref(),
            id: None,
            era: version.era,
        };
        let (message, stopped) = match guard::judge(&planned, &subject, message).await? {
            Judged::Passed(message) => {
                let shows = asked.id.is_some() && planned.shows_requests();
                asked.request = shows.then(|| message.parsed().clone());
                (message, None)
            }
            Judged::Stopped(Instead::ToSender(body), end) => {
                let response = answer::json(StatusCode::OK, body, recording, end);
                return Ok(exchange.told(response, recording));
            }
            Judged::Stopped(Instead::Nothing, end) => {
                let response = answer::accepted(recording);
                recording.with(|record| record.end = end);
                return Ok(exchange.told(response, recording));
            }
            // The server waits for an answer: it gets another one.
            Judged::Stopped(Instead::ToReceiver(body), end) => {
                let instead = Message::parse(body)?;
                // Its id is the client's word for the question; where that is what is wrong, nobody gets anything.
                let is_word = instead
                    .root()
                    .get("id")
                    .is_some_and(|id| id.as_str().is_some());
                if is_word && end == End::BlockedViolation {
                    let again = guard::judge(&planned, &subject, instead.clone()).await?;
                    if matches!(again, Judged::Stopped(..)) {
                        let response = answer::accepted(recording);
                        recording.with(|record| record.end = end);
                        return Ok(exchange.told(response, recording));
                    }
                }
                (instead, Some(end))
            }
        };
        let wanted = Wanted::Message(message, mirrored);
        let result = dispatch(&exchange, wanted, session.as_deref(), Some(recording)).await;
        if asked.id.is_none() {
            let response = taken(result, recording).map_err(|error| for_era(error, version.era))?;
            if let Some(end) = stopped {
                recording.with(|record| record.end = end);
            }
            return Ok(exchange.told(response, recording));
        }
        let relay = Relay::new(exchange.clone(), recording.clone(), asked, Some(planned));
        let relay = relay.answering(session.clone());
        let answered = match result {
            Ok(response) => self.answer(relay, response, session.is_some()).await,
            Err(error) => Err(error),
        };
        let response = answered.map_err(|error| for_era(error, version.era))?;
        Ok(exchange.told(response, recording))
    }

    /// Relays the answer to a request.
    async fn answer(
        &self,
        relay: Relay,
        response: UpstreamResponse,
        has_session: bool,
    ) -> Result<Response<Body>, RpcError> {
        let UpstreamResponse {
            status,
            headers,
            body,
        } = response;
        check_status(status, has_session)?;
        let session = headers.get(&SESSION).and_then(|value| value.to_str().ok());
        // A member of a virtual server has begun its sessions with the client's.
        let is_own = relay.exchange.via.is_none();
        // Where the server gives none, what the client declares needs a place all the same.
        let begins = relay.exchange.version.era == Era::Legacy
            && relay.asked.method == "initialize"
            && status.is_success();
        let given = is_own && (session.is_some() || begins);
        let session = given.then(|| relay.session(session));
        let recording = relay.recording.clone();
        let mut response = if status.is_success() && is_event_stream(&headers) {
            let produced = Body::produced(|frames| relay.run(body, frames));
            answer::events(produced, &recording)
        } else if is_json(&headers) {
            whole(&relay, status, body).await?
        } else {
            return Err(RpcError::upstream(
                "the MCP server answered with something that is not MCP",
            ));
        };
        // After the answer was judged: it may have marked the conversation, or have begun nothing.
        let failed = recording.with(|record| record.mcp.as_ref().is_some_and(|mcp| mcp.failed));
        let session = session.filter(|given| given.is_named() || !failed);
        let session = session.and_then(Given::sealed);
        if let Some(value) = session.and_then(|sealed| sealed.try_into().ok()) {
            response.headers_mut().insert(SESSION, value);
        }
        Ok(response)
    }
}

/// An answer that is one message.
async fn whole(
    relay: &Relay,
    status: StatusCode,
    body: UpstreamBody,
) -> Result<Response<Body>, RpcError> {
    let recording = &relay.recording;
    let limit = relay.exchange.snapshot.settings.answer_bytes;
    let bytes = body.collect(limit).await?;
    relay.note_complete();
    let text = String::from_utf8(bytes.into())
        .map_err(|_| RpcError::upstream("the MCP server's answer is not UTF-8"))?;
    let message = relay.response(status, text)?;
    if !status.is_success() && message.root().get("error").is_none() {
        return Err(RpcError::upstream(
            "the MCP server answered with a result and an error status",
        ));
    }
    let (text, end) = relay.judge_response(message).await?;
    Ok(answer::json(status, text, recording, end))
}

/// The method that a message is judged by. Which question a response answers is the server's to know; only what a form was
/// filled in with says what its sender wants to do.
fn about<'a>(message: &Message, method: &'a str) -> &'a str {
    let result = message.root().get("result");
    let action = result.filter(|_| message.kind() == Kind::Response);
    match action.and_then(|result| result.get("action")) {
        Some(_) => "elicitation/create",
        None => method,
    }
}

/// What became of a message that wants no answer.
fn taken(
    result: Result<UpstreamResponse, RpcError>,
    recording: &Recording,
) -> Result<Response<Body>, RpcError> {
    let response = result?;
    check_status(response.status, true)?;
    if response.status.is_success() {
        return Ok(answer::accepted(recording));
    }
    Err(RpcError::upstream(
        "the MCP server did not take the message",
    ))
}

/// Statuses that are the gateway's own business, or that clients understand by themselves.
pub(super) fn check_status(status: StatusCode, has_session: bool) -> Result<(), RpcError> {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(RpcError::upstream(format!(
            "the MCP server refused the credentials that it was shown ({}): those of its resource, or the caller's in \
             x-tfy-mcp-headers",
            status.as_u16()
        ))),
        StatusCode::NOT_FOUND if has_session => Err(RpcError::no_session()),
        _ if status.is_redirection() => Err(RpcError::upstream(
            "the MCP server leads to another place, and redirects are not followed",
        )),
        _ => Ok(()),
    }
}

/// What the headers of a message repeat of it. Where they do not fit what is known of the tool, that may be what is old.
fn mirrored(
    exchange: &Exchange,
    message: &Message,
    tool: Option<&str>,
) -> Result<Mirrored, RpcError> {
    let server = &exchange.server;
    let tool = tool.filter(|tool| !server.annotations.doubts(tool));
    let definition = tool.and_then(|tool| server.definition(tool));
    let result = mirror::check(&exchange.headers, message, definition.as_ref());
    if let (Err(_), Some(_), Some(tool)) = (&result, definition, tool)
        && mirror::check(&exchange.headers, message, None).is_ok()
    {
        server.annotations.doubt(tool);
    }
    result
}

/// A failure of the server as clients of an era live with it: in a session, any other status than 200 ends it for some.
fn for_era(error: RpcError, era: Era) -> RpcError {
    match era {
        Era::Legacy if error.status.is_server_error() => error.with_status(StatusCode::OK),
        Era::Legacy | Era::Modern => error,
    }
}

/// The session that the client names, if it names one.
pub(super) fn session(exchange: &Exchange, method: &str) -> Result<Option<String>, RpcError> {
    if exchange.version.era == Era::Modern || method == "initialize" {
        return Ok(None);
    }
    let mut given = exchange.headers.get_all(SESSION).iter();
    let Some(sealed) = given.next() else {
        return Ok(None);
    };
    let sealed = sealed.to_str().ok().filter(|_| given.next().is_none());
    let session = sealed.and_then(|sealed| exchange.open::<Session>(SESSION_PURPOSE, sealed));
    let session = session.ok_or_else(RpcError::no_session)?;
    let held = exchange.session.get_or_init(|| session);
    Ok(held.upstream.clone())
}

/// A body that was not read, in the protocol's words.
fn unread(failure: &Failure) -> RpcError {
    let status = StatusCode::from_u16(failure.status()).unwrap_or(StatusCode::BAD_REQUEST);
    RpcError::new(status, -32600, failure.message())
}
