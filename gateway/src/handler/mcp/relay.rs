//! What a server sends, on its way to the client: one message, or a stream of events that is relayed event by event.

use std::cell::Cell;

use bytes::Bytes;
use http::StatusCode;
use parapet_policy::record::End;

use super::asked::Asked;
use super::exchange::Exchange;
use crate::edge::{Cut, Frames};
use crate::llm::sse::{self, Decoder, EventTooLong, Frame};
use crate::mcp::declared::Capability;
use crate::mcp::envelope::{Kind, Message, same_id};
use crate::mcp::error::RpcError;
use crate::mcp::guard::{self, Judged, Planned, Subject};
use crate::mcp::mirror::annotations;
use crate::mcp::surfaces::{Direction, Parsed};
use crate::mcp::tools;
use crate::mcp::version::Era;
use crate::pipeline::mcp::{self, answer::Instead};
use crate::pipeline::recording::Recording;
use crate::telemetry::metrics::Hidden;
use crate::upstream::UpstreamBody;

mod back;
mod event_id;
mod schema;
mod source;

use back::Back;
pub(super) use event_id::{EVENT_PURPOSE, EventId};
pub(super) use source::read_to_the_end;
use source::{Source, alive};

/// Relays what a server sends for one request of a client.
pub(super) struct Relay {
    pub(super) exchange: Exchange,
    pub(super) recording: Recording,
    /// The request that is answered; without an id for a stream that answers nothing.
    pub(super) asked: Asked,
    /// The request's guardrails.
    pub(super) planned: Option<Planned>,
    /// The way to the server, for what answers a request of its own.
    back: Option<Back>,
    /// Whether the stream has given the client a place to come back to.
    resumable: Cell<bool>,
}

/// What becomes of an event.
enum Next {
    /// These bytes go on.
    Send(Bytes),
    /// Nothing does.
    Drop,
    /// These go on, and the stream is over.
    Last(Bytes, End),
}

impl Relay {
    pub(super) const fn new(
        exchange: Exchange,
        recording: Recording,
        asked: Asked,
        planned: Option<Planned>,
    ) -> Self {
        Self {
            exchange,
            recording,
            asked,
            planned,
            back: None,
            resumable: Cell::new(false),
        }
    }

    /// With a way to answer requests of the server that guardrails stop, in this session.
    pub(super) fn answering(self, session: Option<String>) -> Self {
        Self {
            back: Some(Back { session }),
            ..self
        }
    }

    /// Reads an answer to the request. One with an error `status` may name any request: servers invent an id for what they
    /// refuse before they have read it, and clients know by the status what it is about.
    ///
    /// # Errors
    /// When it is none, or one to another request.
    pub(super) fn response(&self, status: StatusCode, text: String) -> Result<Message, RpcError> {
        let message = Message::parse(text)
            .map_err(|_| RpcError::upstream("the MCP server's answer is no JSON-RPC message"))?;
        let id = message.root().get("id");
        let fits = match (&self.asked.id, id) {
            // An error that answers what the server could not read names no request.
            (Some(_), None) => true,
            (Some(_), Some(_)) if !status.is_success() => true,
            (Some(asked), Some(id)) => id.is_null() || same_id(id, asked),
            (None, _) => false,
        };
        if message.kind() != Kind::Response || !fits {
            return Err(RpcError::upstream(
                "the MCP server's answer is not one to this request",
            ));
        }
        Ok(message)
    }

    /// Judges the answer to the request: what goes out, and how the record ends.
    ///
    /// # Errors
    /// When it holds more than can be judged, or asks for what the client did not declare.
    pub(super) async fn judge_response(&self, message: Message) -> Result<(String, End), RpcError> {
        let result = message.root().get("result");
        let is_error = result.and_then(|result| result.get("isError")?.as_bool());
        let failed = result.is_none() || is_error == Some(true);
        self.recording.with(|record| {
            if let Some(mcp) = &mut record.mcp {
                mcp.failed = failed;
            }
        });
        let server = &self.exchange.server;
        if let (Some(result), Some(declared)) = (result, self.asked.declared)
            && let Some(kind) = declared.exceeded_by(result)
        {
            self.tell_exceeded(kind);
            return Err(kind.into());
        }
        let message = match &*self.asked.method {
            "tools/list" => {
                let message = self.exchange.hold_list(&self.asked, message)?;
                server.definitions.learn(&message);
                server.annotations.listed();
                self.exchange.hold_to_policy(message)?
            }
            "initialize" | "server/discover" => self.exchange.hold_instructions(message)?,
            _ => message,
        };
        let Some(planned) = &self.planned else {
            // Only what answers a request gets here, and a request has a plan.
            return Err(RpcError::upstream("an answer to nothing"));
        };
        let definition = self.definition(planned, &message).await;
        let is_call = matches!(
            &*self.asked.method,
            "tools/call" | "tasks/get" | "tasks/result"
        );
        let subject = Subject {
            schema_is_unknown: is_call && definition.is_none() && schema::is_held(&message),
            id: self.asked.id.as_deref(),
            ..self.subject(&self.asked.method, definition.as_ref())
        };
        match guard::judge(planned, &subject, message).await? {
            Judged::Passed(message) => {
                let method = &self.asked.method;
                self.exchange.note_task(&self.asked, &message);
                self.exchange
                    .reached(method, &self.asked, &planned.call.metadata);
                let hook = mcp::hook_of(Direction::ToClient);
                let is_judged = !planned.plan.hooks.get(hook).is_empty();
                let message = self.exchange.for_caller(message, is_judged);
                Ok((self.as_shown(message), End::Allowed))
            }
            Judged::Stopped(Instead::ToReceiver(text) | Instead::ToSender(text), end) => {
                Ok((text, end))
            }
            // Answers are always answered; without words of their own these would be the ones.
            Judged::Stopped(Instead::Nothing, end) => {
                let error = RpcError::upstream("blocked by guardrails");
                Ok((error.to_json(self.asked.id.as_deref()), end))
            }
        }
    }

    /// An answer as clients see it: lists of tools have the settings of the server's resource, and of a stateless server
    /// no tools with annotations that no header can follow.
    fn as_shown(&self, message: Message) -> String {
        if self.asked.method != "tools/list" {
            return message.into_text();
        }
        let server = &self.exchange.server;
        let invalid = match self.exchange.version.era {
            Era::Modern => annotations::invalid(&message),
            Era::Legacy => Vec::new(),
        };
        if !invalid.is_empty() {
            let dropped = tools::tell_dropped(&message, server, &invalid);
            self.recording.with(|record| {
                if let Some(mcp) = &mut record.mcp {
                    mcp.dropped = dropped;
                }
            });
        }
        let disabled = tools::disabled(&message, server);
        let lists = &self.exchange.lists;
        lists.hidden(&server.name, Hidden::Disabled, disabled);
        let left_out = |index| invalid.iter().any(|(at, _)| *at == index);
        tools::with_settings(&message, server, left_out).unwrap_or_else(|| message.into_text())
    }

    fn subject<'a>(&'a self, method: &'a str, definition: Option<&'a Parsed>) -> Subject<'a> {
        Subject {
            direction: Direction::ToClient,
            method,
            definition,
            schema_is_unknown: false,
            request: self.asked.request.as_ref(),
            task: self.asked.task.as_deref(),
            id: None,
            era: self.exchange.version.era,
        }
    }

    /// The answer has been read to its end.
    pub(super) fn note_complete(&self) {
        let now = self.recording.now_us();
        self.recording.with(|record| {
            if let Some(attempt) = record.attempts.last_mut() {
                attempt.complete = true;
                attempt.took_us = now.saturating_sub(attempt.start_us);
            }
        });
    }

    /// Relays a stream to its end.
    pub(super) async fn run(self, body: UpstreamBody, frames: Frames) -> Result<(), Cut> {
        let goes_on = self.exchange.version.era == Era::Legacy && self.asked.id.is_some();
        let mut source = Source::new(body, goes_on);
        let result = self.events(&mut source, &frames).await;
        let error = match result {
            Ok(end) => {
                self.note_complete();
                self.recording.end(end, 200);
                source.finish();
                return Ok(());
            }
            Err(error) => error,
        };
        // What broke the protocol is not read any further.
        source.give_up();
        self.recording.end(End::UpstreamFailed, 200);
        // A stream with a place to come back to is gone on with from there.
        if let Some(id) = self.asked.id.as_deref().filter(|_| !self.resumable.get()) {
            let body = error.to_json(Some(id));
            frames.send(sse::encode("message", &body)).await;
        }
        Ok(())
    }

    async fn events(&self, source: &mut Source, frames: &Frames) -> Result<End, RpcError> {
        let limit = self.exchange.snapshot.settings.stream_event_bytes;
        let every = self.exchange.snapshot.settings.mcp.keep_alive;
        let mut decoder = Decoder::new(limit);
        let too_long = |_: EventTooLong| RpcError::upstream("the MCP server's event is too long");
        loop {
            let Some(chunk) = alive(frames, every, source.next()).await? else {
                break;
            };
            decoder.push(chunk);
            while let Some(frame) = decoder.next_frame().map_err(too_long)? {
                match alive(frames, every, self.event(frame)).await? {
                    Next::Send(bytes) => frames.send(bytes).await,
                    Next::Drop => {}
                    Next::Last(bytes, end) => {
                        frames.send(bytes).await;
                        return Ok(end);
                    }
                }
            }
        }
        match decoder.finish() {
            None => {}
            Some(frame) => match alive(frames, every, self.event(frame)).await? {
                Next::Send(bytes) => frames.send(bytes).await,
                Next::Drop => {}
                Next::Last(bytes, end) => {
                    frames.send(bytes).await;
                    return Ok(end);
                }
            },
        }
        match &self.asked.id {
            None => Ok(End::Allowed),
            Some(_) => Err(RpcError::upstream(
                "the MCP server's stream ended without an answer",
            )),
        }
    }

    /// Judges one event.
    async fn event(&self, frame: Frame) -> Result<Next, RpcError> {
        if frame.broken || frame.strange {
            return Err(RpcError::upstream("the MCP server's stream cannot be read"));
        }
        // Clients read no other events, so nobody misses what nobody has judged.
        if !frame.event.is_empty() && frame.event != "message" {
            return Ok(Next::Drop);
        }
        let data = frame.data.as_deref().unwrap_or_default();
        if data.trim().is_empty() {
            let raw = self.with_sealed_id(frame.raw.clone());
            return Ok(Next::Send(raw));
        }
        let Ok(message) = Message::parse(data.to_owned()) else {
            return Err(RpcError::upstream(
                "the MCP server sent an event that is no JSON-RPC message",
            ));
        };
        if message.kind() != Kind::Response {
            return Ok(self.aside(&frame, message).await);
        }
        let message = self.response(StatusCode::OK, message.into_text())?;
        let (text, end) = self.judge_response(message).await?;
        let raw = self.with_sealed_id(in_frame(&frame, text));
        Ok(Next::Last(raw, end))
    }

    /// Judges a notification or a request of the server, under the policy as it is now.
    async fn aside(&self, frame: &Frame, message: Message) -> Next {
        if message.kind() == Kind::Request && self.exchange.version.era == Era::Modern {
            tracing::debug!(
                server = &*self.exchange.server.name,
                "a request of a stateless server is dropped"
            );
            return Next::Drop;
        }
        let mut asked = self.asked.clone();
        if message.param("taskId").is_some() {
            self.exchange.attribute(&mut asked, &message);
        }
        let tool = asked.tool.as_deref();
        let recording = self.exchange.record(&self.recording, &message, tool);
        let method = message.method().into_owned();
        if let Some(kind) = self.exceeding(&method, &message) {
            self.tell_exceeded(kind);
            recording.with(|record| record.end = End::Refused);
            if let Some(back) = &self.back {
                let error = "the client did not declare this capability";
                let error = RpcError::new(StatusCode::OK, -32601, error);
                back.answer(&self.exchange, error.to_json(message.id()));
            }
            return Next::Drop;
        }
        let snapshot = self.exchange.current();
        let Ok(planned) = self.exchange.plan(&snapshot, &asked, &recording) else {
            recording.with(|record| record.end = End::Refused);
            return Next::Drop;
        };
        if method == "notifications/tools/list_changed" {
            self.exchange.forget_tools();
        }
        let subject = self.subject(&method, None);
        match guard::judge(&planned, &subject, message).await {
            Ok(Judged::Passed(message)) => {
                self.exchange
                    .reached(&method, &self.asked, &planned.call.metadata);
                let text = self.exchange.for_client(message);
                Next::Send(self.with_sealed_id(in_frame(frame, text)))
            }
            Ok(Judged::Stopped(instead, end)) => {
                recording.with(|record| record.end = end);
                if let (Instead::ToSender(answer), Some(back)) = (instead, &self.back) {
                    back.answer(&self.exchange, answer);
                }
                Next::Drop
            }
            Err(_) => {
                recording.with(|record| record.end = End::Refused);
                Next::Drop
            }
        }
    }

    /// What a request of the server needs that the client did not declare.
    fn exceeding(&self, method: &str, message: &Message) -> Option<Capability> {
        let declared = self.asked.declared?;
        let params = message.root().get("params");
        let kind =
            Capability::needed(method, params).filter(|_| message.kind() == Kind::Request)?;
        (!declared.admits(kind)).then_some(kind)
    }

    fn tell_exceeded(&self, kind: Capability) {
        let server = &*self.exchange.server.name;
        tracing::warn!(
            server,
            ?kind,
            "an MCP server asks for what its client did not declare"
        );
    }

    /// In a session, event ids are places to come back to: the client gets them sealed, with what has to be known then.
    /// Without one nobody comes back, and they go.
    fn with_sealed_id(&self, raw: Bytes) -> Bytes {
        let seal = |id: &str| match self.exchange.version.era {
            Era::Modern => None,
            Era::Legacy => {
                self.resumable.set(true);
                let place = EventId::new(id, &self.asked, self.exchange.place());
                self.exchange.seal(EVENT_PURPOSE, &place)
            }
        };
        event_id::rewritten(&raw, seal).map_or(raw, Bytes::from)
    }
}

/// The event as it came, or with a changed message in it.
fn in_frame(frame: &Frame, text: String) -> Bytes {
    if frame.data.as_deref() == Some(&text) {
        frame.raw.clone()
    } else {
        frame.with_data(&text)
    }
}
