//! The way to one server for one message of a client, and what comes back on it.

use std::time::Duration;

use http::{HeaderMap, Method};

use crate::handler::mcp::exchange::Exchange;
use crate::handler::mcp::upstream;
use crate::handler::mcp::{is_event_stream, is_json};
use crate::llm::sse::{Decoder, EventTooLong, Frame};
use crate::mcp::backend::{Backend, Http};
use crate::mcp::envelope::{Kind, Message, same_id};
use crate::mcp::error::RpcError;
use crate::pipeline::recording::Recording;
use crate::upstream::{CallLimits, Sent, UpstreamBody, UpstreamResponse};

/// A client's message, and where it goes. Cheap to clone.
#[derive(Clone)]
pub(in crate::handler::mcp) struct Way {
    pub(super) exchange: Exchange,
    recording: Option<Recording>,
}

impl Way {
    pub(in crate::handler::mcp) const fn new(
        exchange: Exchange,
        recording: Option<Recording>,
    ) -> Self {
        Self {
            exchange,
            recording,
        }
    }

    /// The same for calls that the client's record does not tell of.
    pub(super) fn unrecorded(&self) -> Self {
        Self::new(self.exchange.clone(), None)
    }

    /// The server.
    ///
    /// # Errors
    /// When it is none over HTTP, which [`super::answer`] is never called for.
    pub(super) fn http(&self) -> Result<&Http, RpcError> {
        let Some(Backend::Http(http)) = &self.exchange.server.backend else {
            return Err(RpcError::upstream("this MCP server is not usable"));
        };
        Ok(http)
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// When none comes.
    pub(super) async fn send(
        &self,
        sent: (Sent, CallLimits),
    ) -> Result<UpstreamResponse, RpcError> {
        let place = &self.http()?.place;
        upstream::call(&self.exchange, place, sent, self.recording.as_ref()).await
    }

    /// Sends a message of the gateway's making. `about` is its method, by which it is known how long it may take.
    ///
    /// # Errors
    /// When no answer comes.
    pub(super) async fn post(
        &self,
        headers: HeaderMap,
        body: String,
        about: &str,
    ) -> Result<UpstreamResponse, RpcError> {
        let sent = Sent {
            method: Method::POST,
            headers,
            body: body.into(),
        };
        self.send((sent, self.limits(about))).await
    }

    /// How long an answer may take.
    pub(super) fn limits(&self, about: &str) -> CallLimits {
        upstream::limits(&self.exchange, about)
    }

    /// How long a client may take to answer a question.
    pub(super) fn patience(&self) -> Duration {
        self.exchange.snapshot.settings.first_byte_timeout
    }

    /// Reads the one message that answers a request of the gateway's own, and nothing that comes before it.
    ///
    /// # Errors
    /// When it is none, or answers another request.
    pub(super) async fn answer(
        &self,
        response: UpstreamResponse,
        id: &str,
    ) -> Result<Message, RpcError> {
        let mut messages = self.messages(response)?;
        while let Some(message) = messages.next().await? {
            if message.kind() == Kind::Response {
                return messages.fitting(message, id);
            }
        }
        Err(no_answer())
    }

    /// The messages of an answer, one or many.
    ///
    /// # Errors
    /// When it is neither JSON nor a stream of events.
    pub(in crate::handler::mcp) fn messages(
        &self,
        response: UpstreamResponse,
    ) -> Result<Messages, RpcError> {
        let settings = &self.exchange.snapshot.settings;
        let is_error = !response.status.is_success();
        let form = if is_event_stream(&response.headers) && !is_error {
            let decoder = Box::new(Decoder::new(settings.stream_event_bytes));
            Form::Events(decoder, response.body)
        } else if is_json(&response.headers) {
            Form::Whole(Some(response.body), settings.answer_bytes)
        } else {
            return Err(RpcError::upstream(
                "the MCP server answered with something that is not MCP",
            ));
        };
        Ok(Messages { form, is_error })
    }
}

/// The answer to the request did not come.
pub(super) fn no_answer() -> RpcError {
    RpcError::upstream("the MCP server's stream ended without an answer")
}

/// What a server sends for one request.
pub(in crate::handler::mcp) struct Messages {
    form: Form,
    is_error: bool,
}

enum Form {
    /// One message, within so many bytes.
    Whole(Option<UpstreamBody>, usize),
    /// Events.
    Events(Box<Decoder>, UpstreamBody),
}

impl Messages {
    /// The next message; none at the end. What was read of it is kept when nobody waits for it any more.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub(in crate::handler::mcp) async fn next(&mut self) -> Result<Option<Message>, RpcError> {
        match &mut self.form {
            Form::Whole(body, limit) => {
                let Some(body) = body.take() else {
                    return Ok(None);
                };
                let bytes = body.collect(*limit).await?;
                let text = String::from_utf8(bytes.into())
                    .map_err(|_| RpcError::upstream("the MCP server's answer is not UTF-8"))?;
                let message = Message::parse(text).map_err(|_| {
                    RpcError::upstream("the MCP server's answer is no JSON-RPC message")
                })?;
                Ok(Some(message))
            }
            Form::Events(decoder, body) => events(decoder, body).await,
        }
    }

    /// The answer, when it is one to the request with this id as written. One with an error status may name any request:
    /// servers invent an id for what they refuse before they have read it.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn fitting(&self, answer: Message, id: &str) -> Result<Message, RpcError> {
        let named = answer.root().get("id");
        let fits = self.is_error || named.is_none_or(|named| named.is_null() || same_id(named, id));
        if fits {
            return Ok(answer);
        }
        Err(RpcError::upstream(
            "the MCP server's answer is not one to this request",
        ))
    }

    /// Whether there may be more than one.
    pub(in crate::handler::mcp) const fn is_stream(&self) -> bool {
        matches!(self.form, Form::Events(..))
    }
}

async fn events(
    decoder: &mut Decoder,
    body: &mut UpstreamBody,
) -> Result<Option<Message>, RpcError> {
    let too_long = |_: EventTooLong| RpcError::upstream("the MCP server's event is too long");
    loop {
        while let Some(frame) = decoder.next_frame().map_err(too_long)? {
            if let Some(message) = read(&frame)? {
                return Ok(Some(message));
            }
        }
        match body.chunk().await? {
            Some(chunk) => decoder.push(chunk),
            None => return decoder.finish().map_or(Ok(None), |frame| read(&frame)),
        }
    }
}

/// The message of an event; none where it has none.
fn read(frame: &Frame) -> Result<Option<Message>, RpcError> {
    if frame.broken || frame.strange {
        return Err(RpcError::upstream("the MCP server's stream cannot be read"));
    }
    let data = frame.data.as_deref().unwrap_or_default();
    // Clients read no other events.
    if data.trim().is_empty() || !(frame.event.is_empty() || frame.event == "message") {
        return Ok(None);
    }
    let message = Message::parse(data.to_owned()).map_err(|_| {
        RpcError::upstream("the MCP server sent an event that is no JSON-RPC message")
    })?;
    Ok(Some(message))
}
