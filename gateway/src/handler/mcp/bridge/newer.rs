//! The client of a session before a stateless server.

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::asking::Calling;
use super::way::Way;
use super::{buffered, is_page, listening, refused};
use crate::handler::mcp::backend::{Wanted, whole};
use crate::handler::mcp::is_json;
use crate::handler::mcp::upstream::{self, SESSION};
use crate::mcp::bridge::era::{Known, Refusal, may_tell, refusal};
use crate::mcp::bridge::members::Members;
use crate::mcp::bridge::newer::{self, Request, Session, Told};
use crate::mcp::bridge::notices::Notices;
use crate::mcp::bridge::older;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::{HEADER_MISMATCH, RpcError};
use crate::mcp::mirror::Mirrored;
use crate::mcp::version::MODERN;
use crate::upstream::UpstreamResponse;

/// Pages of a list of tools that are read to find one tool.
const MOST_PAGES: usize = 20;

/// Levels of a log, as both eras spell them.
const LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

/// What became of a client's `initialize`.
pub(super) enum Begun {
    /// It is answered.
    With(UpstreamResponse),
    /// The server does not speak the stateless revision, and said this.
    NotSpoken(UpstreamResponse),
}

/// Answers `initialize` with what the server tells of itself, and begins a session that only the gateway knows.
///
/// # Errors
/// When nothing usable comes back.
pub(super) async fn begin(way: &Way, initialize: &Message) -> Result<Begun, RpcError> {
    let no_session = || RpcError::upstream("no session can be begun: there are no random numbers");
    let mut session = Session::begin(initialize).ok_or_else(no_session)?;
    let response = discover(way, &session).await?;
    let status = response.status;
    if !status.is_success() && (!may_tell(status) || is_page(&response)) {
        return Ok(Begun::With(response));
    }
    let id = initialize.id().unwrap_or("null");
    let refuses = !status.is_success();
    if refuses || is_json(&response.headers) {
        let (response, text) = buffered(way, response).await?;
        if refuses && refusal(&text) == Refusal::Modern {
            let said = Message::parse(text)?;
            let newer::Outcome::Complete(text) = newer::outcome("initialize", id, &said) else {
                return Ok(Begun::NotSpoken(response));
            };
            return Ok(Begun::With(whole(StatusCode::OK, text)));
        }
        if refuses || !newer::is_discovery(&text) {
            return Ok(Begun::NotSpoken(response));
        }
        let answer = way.answer(response, DISCOVERY).await?;
        return greeting(initialize, &answer, &mut session);
    }
    let answer = way.answer(response, DISCOVERY).await?;
    greeting(initialize, &answer, &mut session)
}

fn greeting(
    initialize: &Message,
    answer: &Message,
    session: &mut Session,
) -> Result<Begun, RpcError> {
    let unusable =
        || RpcError::upstream("the MCP server does not tell what it is as the protocol wants it");
    let greeting = newer::greeting(initialize, answer).ok_or_else(unusable)?;
    let result = answer.root().get("result");
    session.notices = Notices::offered(result.and_then(|result| result.get("capabilities")));
    let id = session
        .to_id()
        .and_then(|id| HeaderValue::try_from(id).ok());
    let mut response = whole(StatusCode::OK, greeting);
    response.headers.insert(SESSION, id.ok_or_else(unusable)?);
    Ok(Begun::With(response))
}

/// The id of the gateway's own requests: each is alone on its connection.
const DISCOVERY: &str = "0";

/// Whether the server speaks the stateless revision.
pub(super) async fn discovers(way: &Way) -> bool {
    discovered(way)
        .await
        .is_some_and(|answer| newer::is_discovery(answer.text()))
}

/// Whether it speaks no other.
pub(super) async fn has_no_sessions(way: &Way) -> bool {
    discovered(way)
        .await
        .is_some_and(|answer| newer::has_no_sessions(&answer))
}

async fn discovered(way: &Way) -> Option<Message> {
    let nobody = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"clientInfo":{"name":"parapet"}}}"#;
    let session = Session::begin(&Message::parse(nobody.to_owned()).ok()?)?;
    let response = discover(way, &session).await.ok()?;
    if !response.status.is_success() {
        return None;
    }
    way.answer(response, DISCOVERY).await.ok()
}

async fn discover(way: &Way, session: &Session) -> Result<UpstreamResponse, RpcError> {
    let told = Told {
        session,
        level: None,
        can_be_asked: true,
    };
    let request = Request::own("server/discover", Members::default(), told);
    let message = Message::parse(request.text())?;
    let headers = headers(way, &message, &Mirrored::default());
    way.post(headers, message.into_text(), "server/discover")
        .await
}

/// The headers of a stateless request.
pub(super) fn headers(way: &Way, message: &Message, mirrored: &Mirrored) -> HeaderMap {
    let signed = upstream::signed(&way.exchange);
    let version = HeaderValue::from_static(MODERN);
    let mut headers = upstream::with_protocol(signed, &Method::POST, Some(version), None);
    mirrored.write(message, &mut headers);
    headers
}

/// Answers what the client of a session wants that only the gateway knows.
///
/// # Errors
/// When nothing usable comes back.
pub(super) async fn answer(
    way: &Way,
    wanted: Wanted,
    session: Session,
) -> Result<UpstreamResponse, RpcError> {
    match wanted {
        Wanted::Stream(_) => listening::before_stateless(way, session).await,
        Wanted::End => {
            way.exchange.bridge.parked.forget(&session.name);
            Ok(whole(StatusCode::NO_CONTENT, String::new()))
        }
        Wanted::Message(message, _) => match message.kind() {
            Kind::Request => request(way, session, message).await,
            Kind::Notification => Ok(told(way, &session, &message)),
            Kind::Response => answered(way, &session, message),
        },
    }
}

/// A notification: what it means for the server's calls, the gateway does.
fn told(way: &Way, session: &Session, message: &Message) -> UpstreamResponse {
    if message.method() == "notifications/cancelled"
        && let Some(id) = message.param("requestId")
    {
        way.exchange.bridge.parked.cancel(&session.name, id.raw());
    }
    whole(StatusCode::ACCEPTED, String::new())
}

/// The client's answer to a question.
fn answered(way: &Way, session: &Session, message: Message) -> Result<UpstreamResponse, RpcError> {
    if way.exchange.bridge.parked.answer(&session.name, message) {
        return Ok(whole(StatusCode::ACCEPTED, String::new()));
    }
    Err(RpcError::invalid(
        "no call of this session waits for this answer here: it has ended, or it is under way at another gateway",
    ))
}

async fn request(
    way: &Way,
    session: Session,
    message: Message,
) -> Result<UpstreamResponse, RpcError> {
    let method = message.method().into_owned();
    let parked = &way.exchange.bridge.parked;
    let done = |id: Option<&str>| {
        let id = id.unwrap_or("null");
        whole(
            StatusCode::OK,
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#),
        )
    };
    let wrong = |text: &'static str| {
        let error = RpcError::params(text).with_status(StatusCode::OK);
        Ok(refused(&error, message.id()))
    };
    let text = |name: &str| Some(message.param(name)?.as_str()?.into_owned());
    match method.as_str() {
        "ping" => Ok(done(message.id())),
        "logging/setLevel" => match text("level") {
            Some(level) if LEVELS.contains(&level.as_str()) => {
                parked.set_level(&session.name, &level);
                Ok(done(message.id()))
            }
            Some(_) | None => wrong("there is no such level"),
        },
        "resources/subscribe" | "resources/unsubscribe" => match text("uri") {
            Some(uri) if uri.len() <= LONGEST_URI && session.notices.updates => {
                let wants = method == "resources/subscribe";
                if parked.subscribe(&session.name, &uri, wants) {
                    Ok(done(message.id()))
                } else {
                    wrong("this session hears about too many resources already")
                }
            }
            Some(_) | None => wrong("there is nothing to subscribe to"),
        },
        _ if !older::has(&method) => {
            let error = older::unknown_method().with_status(StatusCode::OK);
            Ok(refused(&error, message.id()))
        }
        _ => call(way, session, message).await,
    }
}

/// The longest address of a resource that is kept.
const LONGEST_URI: usize = 2048;

async fn call(way: &Way, session: Session, message: Message) -> Result<UpstreamResponse, RpcError> {
    let can_be_asked = way
        .exchange
        .headers
        .get_all(ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(takes_events));
    let level = way.exchange.bridge.parked.said(&session.name).level;
    let told = Told {
        session: &session,
        level: level.as_deref(),
        can_be_asked,
    };
    let calling = Calling {
        way: way.clone(),
        request: Request::of(&message, told),
        mirrored: annotations(way, &message),
        method: message.method().into_owned(),
        id: message.id().unwrap_or("null").to_owned(),
        session,
        can_be_asked,
    };
    let running = way
        .exchange
        .bridge
        .parked
        .run(&calling.session.name, &calling.id);
    let sent = tokio::select! {
        sent = first(way, calling, &message) => sent,
        () = running.cancelled() => return Err(RpcError::upstream("the call was cancelled")),
    };
    let (calling, response) = sent?;
    calling.relay(response, running).await
}

fn takes_events(accept: &str) -> bool {
    let mut kinds = accept.split(',').map(|kind| {
        let kind = kind.split(';').next().unwrap_or_default();
        kind.trim().to_ascii_lowercase()
    });
    kinds.any(|kind| matches!(kind.as_str(), "text/event-stream" | "text/*" | "*/*"))
}

/// Sends the call the first time, and says it better when the server wants more headers than the gateway knew of.
async fn first(
    way: &Way,
    mut calling: Calling,
    message: &Message,
) -> Result<(Calling, UpstreamResponse), RpcError> {
    let response = calling.send(calling.request.text()).await?;
    if !may_tell(response.status) || is_page(&response) {
        return Ok((calling, response));
    }
    let (response, text) = buffered(way, response).await?;
    if calling.method == "tools/call" && code(&text) == Some(i64::from(HEADER_MISMATCH)) {
        let Some(mirrored) = look_up(way, &calling, message).await else {
            return Ok((calling, response));
        };
        calling.mirrored = mirrored;
        let response = calling.send(calling.request.text()).await?;
        return Ok((calling, response));
    }
    let http = way.http()?;
    if refusal(&text) == Refusal::Doubtful && !http.speaks.is_said() && !discovers(way).await {
        http.speaks.learn(Known::Nothing);
        return Err(RpcError::no_session());
    }
    Ok((calling, response))
}

fn code(text: &str) -> Option<i64> {
    let message = Message::parse(text.to_owned()).ok()?;
    message.root().get("error")?.get("code")?.as_i64()
}

/// Which arguments of a call a header repeats, as far as this gateway has seen the tool.
fn annotations(way: &Way, message: &Message) -> Mirrored {
    let definition = message
        .tool()
        .and_then(|tool| way.exchange.server.definition(&tool));
    let mirrored = definition.map(|tool| Mirrored::annotated(tool.root()));
    mirrored.and_then(Result::ok).unwrap_or_default()
}

/// The same, asked of the server.
async fn look_up(way: &Way, calling: &Calling, message: &Message) -> Option<Mirrored> {
    let name = message.tool()?;
    let mut cursor: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let mut params = Members::default();
        if let Some(cursor) = cursor {
            params.put("cursor", cursor);
        }
        let told = Told {
            session: &calling.session,
            level: None,
            can_be_asked: calling.can_be_asked,
        };
        let list = Message::parse(Request::own("tools/list", params, told).text()).ok()?;
        let headers = headers(way, &list, &Mirrored::default());
        let response = way.post(headers, list.into_text(), "tools/list").await;
        let answer = way.answer(response.ok()?, DISCOVERY).await.ok()?;
        let result = answer.root().get("result")?;
        let tool = result.get("tools").and_then(|tools| {
            tools
                .items()
                .find(|tool| tool.get_str("name").is_some_and(|known| known == name))
        });
        if let Some(tool) = tool {
            return Mirrored::annotated(tool).ok();
        }
        cursor = Some(result.get("nextCursor")?.raw().to_owned());
    }
    None
}
