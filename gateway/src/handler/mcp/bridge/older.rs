//! A stateless client before a server with sessions.

use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::way::{Messages, Way, no_answer};
use super::{is_page, listening, refused};
use crate::handler::mcp::backend::{events, whole};
use crate::handler::mcp::upstream::{self, SESSION};
use crate::llm::sse;
use crate::mcp::backend::Place;
use crate::mcp::bridge::era::{Known, may_tell};
use crate::mcp::bridge::idle::{Given, Key, LONGEST, Session};
use crate::mcp::bridge::older::{self, Agreed, Aside};
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::RpcError;
use crate::mcp::version::META_LEVEL;
use crate::timer;
use crate::upstream::{Feed, Sent, UpstreamResponse};

/// How long a server may take to hear that its question is refused.
const SAYING_NO: Duration = Duration::from_secs(5);
/// How long is waited for the first event of an answer before the client gets a stream.
const FIRST_EVENT: Duration = Duration::from_secs(2);

/// What became of a client's message.
pub(super) enum Answered {
    /// It is answered.
    With(UpstreamResponse),
    /// The server begins no session, and said this.
    NotSpoken(UpstreamResponse),
}

/// Answers a message of a stateless client.
///
/// # Errors
/// When nothing usable comes back.
pub(super) async fn answer(way: &Way, message: &Message) -> Result<Answered, RpcError> {
    if message.kind() != Kind::Request {
        // Nothing that a stateless client tells means anything in a session that is not its own.
        return Ok(Answered::With(whole(StatusCode::ACCEPTED, String::new())));
    }
    let method = message.method().into_owned();
    if !older::has(&method) {
        let error = refused(&older::unknown_method(), message.id());
        return Ok(Answered::With(error));
    }
    let info = older::client_info(message);
    if method == "server/discover" || method == "subscriptions/listen" {
        let opened = match open(way, &info).await? {
            Opened::Session(opened) => opened,
            Opened::Not(response) => return Ok(Answered::NotSpoken(response)),
            Opened::Nothing(response) => return Ok(Answered::With(response)),
        };
        let response = if method == "server/discover" {
            let id = message.id().unwrap_or("null");
            let body = older::discovered(&opened.greeting, id);
            opened.leased.give_back();
            whole(StatusCode::OK, body)
        } else {
            listening::before_sessions(way, message, opened).await?
        };
        return Ok(Answered::With(response));
    }
    let key = key(way, &info);
    if let Some(session) = way.exchange.bridge.idle.take(&key) {
        let mut leased = Leased::new(way, key, session);
        leased.is_used = true;
        // A session that is gone took nothing: the message is sent again in a new one.
        if let Some(response) = call(leased, message).await? {
            return Ok(Answered::With(response));
        }
    }
    match open(way, &info).await? {
        Opened::Not(response) => Ok(Answered::NotSpoken(response)),
        Opened::Nothing(response) => Ok(Answered::With(response)),
        Opened::Session(opened) => {
            let answered = call(opened.leased, message).await?;
            answered.map(Answered::With).ok_or_else(|| {
                RpcError::upstream("the MCP server does not know a session that it has just begun")
            })
        }
    }
}

/// Whether a server begins a session.
enum Opened {
    Session(Box<Opening>),
    /// What it said instead, as servers do that know no sessions.
    Not(UpstreamResponse),
    /// What it said instead, which tells nothing about that: a login page, a refusal of credentials, a failure.
    Nothing(UpstreamResponse),
}

/// A session that has just begun.
pub(super) struct Opening {
    pub(super) leased: Leased,
    pub(super) agreed: Agreed,
    /// The answer to `initialize`.
    pub(super) greeting: Message,
}

/// Begins a session.
async fn open(way: &Way, info: &str) -> Result<Opened, RpcError> {
    let signed = upstream::signed(&way.exchange);
    let headers = upstream::with_protocol(signed.clone(), &Method::POST, None, None);
    let response = way
        .post(headers, older::initialize(info), "initialize")
        .await?;
    if !response.status.is_success() {
        let tells = may_tell(response.status) && !is_page(&response);
        return Ok(if tells {
            Opened::Not(response)
        } else {
            Opened::Nothing(response)
        });
    }
    let id = response.headers.get(&SESSION).cloned();
    let id = id.and_then(|id| Some(id.to_str().ok()?.to_owned()));
    let greeting = way.answer(response, "0").await?;
    let Some(agreed) = older::agreed(&greeting) else {
        if greeting.root().get("error").is_some() {
            return Ok(Opened::Not(whole(StatusCode::OK, greeting.into_text())));
        }
        return Err(RpcError::upstream(
            "the MCP server begins its sessions with a revision that is not served",
        ));
    };
    let session = Session {
        id,
        version: agreed.version,
        logs: agreed.logs,
        level: None,
        requests: 0,
        signed,
    };
    let leased = Leased::new(way, key(way, info), session);
    let told = leased
        .post(older::INITIALIZED.to_owned(), "notifications/initialized")
        .await?;
    if !told.status.is_success() {
        return Err(RpcError::upstream(
            "the MCP server began a session and did not take the client's word for it",
        ));
    }
    way.http()?.speaks.learn(Known::LegacyOnly);
    Ok(Opened::Session(Box::new(Opening {
        leased,
        agreed,
        greeting,
    })))
}

/// Whose sessions they are: server, caller, client and credentials.
fn key(way: &Way, info: &str) -> Key {
    let mut hash = Context::new(&SHA256);
    let mut add = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    let exchange = &way.exchange;
    add(exchange.server.name.as_bytes());
    if let Ok(http) = way.http() {
        match &http.place {
            Place::Url(location) => add(location.server().as_bytes()),
            Place::Program(command) => add(&command.print),
        }
    }
    add(exchange.identity.caller.subject.to_string().as_bytes());
    add(info.as_bytes());
    for (name, value) in &upstream::signed(exchange) {
        add(name.as_str().as_bytes());
        add(value.as_bytes());
    }
    let mut key = Key::default();
    // SHA-256 has as many bytes as the key.
    for (to, from) in key.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    key
}

/// A session that one call has for itself. When it is dropped without being given back, the call is cancelled and the session
/// ended: what the server does in it is not known.
pub(super) struct Leased {
    way: Way,
    key: Key,
    session: Option<Session>,
    /// The request that the server works at.
    at_work: Option<u64>,
    /// It was begun for an earlier call.
    is_used: bool,
}

impl Leased {
    fn new(way: &Way, key: Key, session: Session) -> Self {
        Self {
            way: way.clone(),
            key,
            session: Some(session),
            at_work: None,
            is_used: false,
        }
    }

    /// A number for the next request.
    pub(super) fn number(&mut self) -> u64 {
        self.session.as_mut().map_or(0, Session::number)
    }

    /// The headers of a request in this session.
    pub(super) fn headers(&self, method: &Method) -> HeaderMap {
        self.session
            .as_ref()
            .map(|session| headers(session, method))
            .unwrap_or_default()
    }

    /// Sends a message in this session.
    pub(super) async fn post(
        &self,
        body: String,
        about: &str,
    ) -> Result<UpstreamResponse, RpcError> {
        let headers = self.headers(&Method::POST);
        self.way.post(headers, body, about).await
    }

    /// Sends a message whose answer nobody waits for.
    pub(super) fn tell(&self, body: String) {
        let headers = self.headers(&Method::POST);
        let way = self.way.unrecorded();
        tokio::task::spawn_local(async move {
            if let Err(error) = way.post(headers, body, "response").await {
                let reason = &*error.message;
                tracing::warn!(reason, "a message did not reach its MCP server");
            }
        });
    }

    /// Keeps the session for the next call.
    pub(super) fn give_back(mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        let (way, key) = (self.way.unrecorded(), self.key);
        match way.exchange.bridge.idle.give(key, session, Instant::now()) {
            Given::Waits => {}
            Given::First => {
                tokio::task::spawn_local(look_after(way, key));
            }
            Given::NoRoom(session) => {
                tokio::task::spawn_local(async move { end(&way, &session).await });
            }
        }
    }

    /// Whether a refusal says that the session is not there any more. In one that was used before, so may a refusal of the
    /// request itself: the server may have another version by now.
    fn is_gone(&self, status: StatusCode) -> bool {
        let session = self.session.as_ref();
        let has_id = session.is_some_and(|session| session.id.is_some());
        (status == StatusCode::NOT_FOUND && has_id)
            || (status == StatusCode::BAD_REQUEST && self.is_used)
    }

    /// The session is not there any more.
    fn forget(mut self) {
        self.session = None;
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else {
            return;
        };
        let (way, at_work) = (self.way.unrecorded(), self.at_work);
        tokio::task::spawn_local(async move {
            if let Some(number) = at_work {
                let headers = headers(&session, &Method::POST);
                let told = way.post(headers, older::cancelled(number), "notifications/cancelled");
                if let Err(error) = told.await {
                    tracing::warn!(reason = &*error.message, "a call was not cancelled");
                }
            }
            end(&way, &session).await;
        });
    }
}

fn headers(session: &Session, method: &Method) -> HeaderMap {
    let version = HeaderValue::from_static(session.version);
    let id = session.id.as_deref();
    upstream::with_protocol(session.signed.clone(), method, Some(version), id)
}

/// Ends the sessions of a key that nobody uses, as long as there are any.
async fn look_after(way: Way, key: Key) {
    loop {
        timer::sleep(LONGEST).await;
        let idle = &way.exchange.bridge.idle;
        let Some(old) = idle.outdated(&key, Instant::now()) else {
            return;
        };
        for session in old {
            end(&way, &session).await;
        }
    }
}

/// Ends a session at the server; one that has no id has nothing to end.
async fn end(way: &Way, session: &Session) {
    if session.id.is_none() {
        return;
    }
    let sent = Sent {
        method: Method::DELETE,
        headers: headers(session, &Method::DELETE),
        body: Bytes::new(),
    };
    // Servers may refuse to end sessions, and end them by themselves.
    if let Err(error) = way.send((sent, way.limits("end"))).await {
        tracing::debug!(reason = &*error.message, "a session was not ended");
    }
}

/// Makes a call in a session. None: the server does not know the session any more.
async fn call(mut leased: Leased, message: &Message) -> Result<Option<UpstreamResponse>, RpcError> {
    if !set_level(&mut leased, message).await? {
        leased.forget();
        return Ok(None);
    }
    let number = leased.number();
    let method = message.method().into_owned();
    leased.at_work = Some(number);
    let response = leased
        .post(older::request(message, number), &method)
        .await?;
    if leased.is_gone(response.status) {
        leased.forget();
        return Ok(None);
    }
    let status = response.status;
    if status.is_redirection() || matches!(status.as_u16(), 401 | 403) {
        return Ok(Some(response));
    }
    let mut calling = Calling {
        messages: leased.way.messages(response)?,
        leased,
        request: message.clone(),
        number,
        method,
        status,
    };
    let first = if calling.messages.is_stream() {
        // What comes first may be the answer already, and then it still has a status of its own.
        match timer::timeout(FIRST_EVENT, calling.messages.next()).await {
            Ok(first) => Some(first?.ok_or_else(no_answer)?),
            Err(timer::Elapsed) => None,
        }
    } else {
        Some(calling.messages.next().await?.ok_or_else(no_answer)?)
    };
    match first {
        Some(answer) if answer.kind() == Kind::Response => {
            let (status, body) = calling.done(answer)?;
            Ok(Some(whole(status, body)))
        }
        Some(question) if question.kind() == Kind::Request && question.method() != "ping" => {
            let error = calling.refuse(&question).await;
            Ok(Some(refused(&error, message.id())))
        }
        first => Ok(Some(events(|feed| calling.run(feed, first)))),
    }
}

/// Tells the server which level of log this call wants. False: it does not know the session any more.
async fn set_level(leased: &mut Leased, message: &Message) -> Result<bool, RpcError> {
    let wanted = message.meta(META_LEVEL);
    let Some(wanted) = wanted.and_then(|level| Some(level.as_str()?.into_owned())) else {
        return Ok(true);
    };
    let needed = leased
        .session
        .as_ref()
        .is_some_and(|session| session.logs && session.level.as_deref() != Some(&wanted));
    if !needed {
        return Ok(true);
    }
    let number = leased.number();
    let body = older::own(number, "logging/setLevel", "level", &wanted);
    let response = leased.post(body, "logging/setLevel").await?;
    if leased.is_gone(response.status) {
        return Ok(false);
    }
    // A server that refuses the level says what it says anyway.
    let way = leased.way.clone();
    way.answer(response, &number.to_string()).await?;
    if let Some(session) = &mut leased.session {
        session.level = Some(wanted);
    }
    Ok(true)
}

/// A call that a server works at.
struct Calling {
    leased: Leased,
    messages: Messages,
    request: Message,
    number: u64,
    method: String,
    status: StatusCode,
}

impl Calling {
    /// Relays what comes to the answer.
    async fn run(
        self,
        feed: Feed,
        first: Option<Message>,
    ) -> Result<(), crate::upstream::UpstreamError> {
        let id = self.request.id().unwrap_or("null").to_owned();
        let said = match self.relay(&feed, first).await {
            Ok(answer) => answer,
            Err(error) => error.to_json(Some(&id)),
        };
        feed.send(sse::encode("message", &said)).await;
        Ok(())
    }

    async fn relay(mut self, feed: &Feed, first: Option<Message>) -> Result<String, RpcError> {
        let mut next = first;
        if next.is_none() {
            next = self.messages.next().await?;
        }
        while let Some(message) = next {
            if message.kind() == Kind::Response {
                return self.done(message).map(|(_, body)| body);
            }
            match older::aside(&message, &self.request, self.number) {
                Aside::Send(text) => feed.send(sse::encode("message", &text)).await,
                Aside::Drop => {}
                Aside::Ping => self.leased.tell(older::reply(&message)),
                Aside::Question => return Err(self.refuse(&message).await),
            }
            next = self.messages.next().await?;
        }
        Err(no_answer())
    }

    /// Refuses a question of the server, before the session ends, so that the server learns why. Returns what the client is
    /// told.
    async fn refuse(&self, question: &Message) -> RpcError {
        let told = self.leased.post(older::reply(question), "response");
        let _ = timer::timeout(SAYING_NO, told).await;
        older::unreachable(&question.method(), &self.request)
    }

    /// The answer is there: what the client gets, and the session is free.
    fn done(self, answer: Message) -> Result<(StatusCode, String), RpcError> {
        let number = self.number.to_string();
        let answer = self.messages.fitting(answer, &number)?;
        let id = self.request.id().unwrap_or("null");
        let answered = older::answer(&self.method, id, &answer, self.status);
        let mut leased = self.leased;
        leased.at_work = None;
        leased.give_back();
        Ok(answered)
    }
}
