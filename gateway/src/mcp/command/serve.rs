//! What a server behind HTTP would answer, from a program: one message, a stream of events, or a status.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use parapet_policy::facts::Subject;
use tokio::sync::{mpsc, oneshot};

use super::Command;
use super::owner::{Order, Running};
use super::programs::Programs;
use super::routing::{AHEAD, AHEAD_OF_STREAM, Waiting, numbered};
use crate::llm::sse;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::RpcError;
use crate::timer;
use crate::upstream::{CallLimits, Sent, UpstreamBody, UpstreamError, UpstreamResponse};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Gives a program what would be sent to a server, and waits for the head of the answer.
///
/// # Errors
/// When it cannot be started, ends, or does not begin to answer in time.
pub(crate) async fn serve(
    programs: Arc<Programs>,
    command: Arc<Command>,
    caller: Subject,
    (sent, limits): (Sent, CallLimits),
) -> Result<UpstreamResponse, UpstreamError> {
    let served = with(&programs, &command, caller, (sent, limits));
    let late = UpstreamError::FirstByteTimeout {
        host: command.server.to_string(),
        limit: limits.first_byte,
    };
    let served = timer::timeout(limits.first_byte, served).await;
    served.map_err(|_| late)?
}

async fn with(
    programs: &Arc<Programs>,
    command: &Arc<Command>,
    caller: Subject,
    (sent, limits): (Sent, CallLimits),
) -> Result<UpstreamResponse, UpstreamError> {
    let session = sent.headers.get(&SESSION);
    let session = session.and_then(|value| value.to_str().ok());
    let message = match sent.method {
        Method::POST => {
            let text = String::from_utf8(sent.body.into()).ok();
            let Some(message) = text.and_then(|text| Message::parse(text).ok()) else {
                return Ok(status(StatusCode::BAD_REQUEST));
            };
            if message.kind() == Kind::Request && message.method() == "initialize" {
                return begin(programs, command, caller, &message).await;
            }
            Some(message)
        }
        _ => None,
    };
    let Some(session) = session else {
        return Ok(match &message {
            Some(message) => no_session(message),
            None => status(StatusCode::BAD_REQUEST),
        });
    };
    let Some(running) = programs.of(command, session) else {
        return Ok(status(StatusCode::NOT_FOUND));
    };
    match (sent.method, message) {
        (_, Some(message)) if message.kind() == Kind::Request => {
            ask(command, &running, &message, limits.idle).await
        }
        (_, Some(message)) => {
            give(command, &running, Order::Message(message)).await?;
            Ok(status(StatusCode::ACCEPTED))
        }
        (Method::GET, None) => {
            let (stream, told) = mpsc::channel(AHEAD_OF_STREAM);
            give(command, &running, Order::Listen(stream)).await?;
            Ok(stream_of(told))
        }
        (Method::DELETE, None) => {
            programs.end_one(session);
            Ok(status(StatusCode::OK))
        }
        (_, None) => Ok(status(StatusCode::METHOD_NOT_ALLOWED)),
    }
}

/// Begins a session: a process, which ends again when it does not answer that it begins.
async fn begin(
    programs: &Arc<Programs>,
    command: &Arc<Command>,
    caller: Subject,
    initialize: &Message,
) -> Result<UpstreamResponse, UpstreamError> {
    let started = programs.start(command, caller).await;
    let (session, running) = started.map_err(|reason| UpstreamError::Unreachable {
        host: command.server.to_string(),
        reason: reason.to_string(),
    })?;
    let begun = Begun {
        programs,
        session: Some(session),
    };
    // What it says before that is for the session's stream.
    let (call, answer) = Call::new(command, &running, initialize, None).await?;
    let text = call.answered(answer.await)?;
    let has_begun =
        Message::parse(text.clone()).is_ok_and(|answer| answer.root().get("result").is_some());
    let mut response = whole(StatusCode::OK, text);
    if has_begun && let Ok(value) = HeaderValue::try_from(begun.keep()) {
        response.headers.insert(SESSION, value);
    }
    Ok(response)
}

/// A process that ends when nobody gets to know its session.
struct Begun<'a> {
    programs: &'a Programs,
    session: Option<String>,
}

impl Begun<'_> {
    fn keep(mut self) -> String {
        self.session.take().unwrap_or_default()
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.programs.end_one(&session);
        }
    }
}

/// A request that a program works at. When it is dropped before the answer is there, the program is told that nobody waits.
struct Call {
    command: Arc<Command>,
    running: Running,
    number: u64,
    is_answered: bool,
}

impl Call {
    async fn new(
        command: &Arc<Command>,
        running: &Running,
        message: &Message,
        before: Option<mpsc::Sender<String>>,
    ) -> Result<(Self, oneshot::Receiver<String>), UpstreamError> {
        let number = running.number();
        let (line, id, progress) = numbered(message, number);
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            id,
            progress,
            before,
            answer,
        };
        let order = Order::Request(number, line, waiting);
        give(command, running, order).await?;
        let call = Self {
            command: Arc::clone(command),
            running: running.clone(),
            number,
            is_answered: false,
        };
        Ok((call, answered))
    }

    /// The answer, or that the program has ended without one.
    fn answered(
        mut self,
        answer: Result<String, oneshot::error::RecvError>,
    ) -> Result<String, UpstreamError> {
        self.is_answered = true;
        answer.map_err(|_| cut(&self.command))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.is_answered {
            // A program with so much to read that there is no room hears nothing in time anyway.
            let _ = self.running.orders.try_send(Order::GiveUp(self.number));
        }
    }
}

/// Asks, and waits for the first thing that is said about it: the answer, or a message before it.
async fn ask(
    command: &Arc<Command>,
    running: &Running,
    message: &Message,
    idle: Duration,
) -> Result<UpstreamResponse, UpstreamError> {
    let (before, mut told) = mpsc::channel(AHEAD);
    let (call, mut answer) = Call::new(command, running, message, Some(before)).await?;
    let first = tokio::select! {
        // What was said before the answer stands before it.
        biased;
        Some(first) = told.recv() => first,
        answer = &mut answer => return Ok(whole(StatusCode::OK, call.answered(answer)?)),
    };
    Ok(events(call, first, told, answer, idle))
}

/// A stream of what a program says of one request, to the answer.
fn events(
    call: Call,
    first: String,
    mut told: mpsc::Receiver<String>,
    mut answer: oneshot::Receiver<String>,
    idle: Duration,
) -> UpstreamResponse {
    event_stream(UpstreamBody::produced(move |feed| async move {
        feed.send(sse::encode("message", &first)).await;
        loop {
            let next = async {
                tokio::select! {
                    biased;
                    Some(text) = told.recv() => Next::Aside(text),
                    last = &mut answer => Next::Answer(last),
                }
            };
            match timer::timeout(idle, next).await {
                Ok(Next::Aside(text)) => feed.send(sse::encode("message", &text)).await,
                Ok(Next::Answer(last)) => {
                    let last = call.answered(last)?;
                    feed.send(sse::encode("message", &last)).await;
                    return Ok(());
                }
                Err(timer::Elapsed) => {
                    return Err(UpstreamError::IdleTimeout {
                        host: call.command.server.to_string(),
                        limit: idle,
                    });
                }
            }
        }
    }))
}

/// What is said next about a request.
enum Next {
    Aside(String),
    Answer(Result<String, oneshot::error::RecvError>),
}

/// What a program says by itself, for as long as it runs.
fn stream_of(mut told: mpsc::Receiver<String>) -> UpstreamResponse {
    event_stream(UpstreamBody::produced(move |feed| async move {
        while let Some(text) = told.recv().await {
            feed.send(sse::encode("message", &text)).await;
        }
        Ok(())
    }))
}

async fn give(command: &Command, running: &Running, order: Order) -> Result<(), UpstreamError> {
    let given = running.orders.send(order).await;
    given.map_err(|_| cut(command))
}

/// To whoever has no session.
fn no_session(message: &Message) -> UpstreamResponse {
    let error = RpcError::invalid("this server has sessions: initialize one");
    whole(StatusCode::BAD_REQUEST, error.to_json(message.id()))
}

fn status(status: StatusCode) -> UpstreamResponse {
    UpstreamResponse {
        status,
        headers: HeaderMap::new(),
        body: UpstreamBody::whole(Bytes::new()),
    }
}

fn whole(status: StatusCode, text: String) -> UpstreamResponse {
    let body = UpstreamBody::whole(Bytes::from(text));
    response(status, HeaderValue::from_static("application/json"), body)
}

fn event_stream(body: UpstreamBody) -> UpstreamResponse {
    let kind = HeaderValue::from_static("text/event-stream");
    response(StatusCode::OK, kind, body)
}

fn response(status: StatusCode, kind: HeaderValue, body: UpstreamBody) -> UpstreamResponse {
    let mut headers = HeaderMap::with_capacity(1);
    headers.insert(CONTENT_TYPE, kind);
    UpstreamResponse {
        status,
        headers,
        body,
    }
}

fn cut(command: &Command) -> UpstreamError {
    UpstreamError::Cut {
        host: command.server.to_string(),
        reason: "its program has ended".to_owned(),
    }
}
