//! What members tell of by themselves, in one stream.
//!
//! Each member is listened to for as long as its client listens. One that cannot be reached, or that ends its stream, is
//! tried again; when it is back after a failure its tools may be others, so the client hears that the list has changed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;

use super::joining;
use crate::handler::mcp::backend::{Wanted, dispatch, events};
use crate::handler::mcp::bridge::{Messages, Way};
use crate::handler::mcp::exchange::Exchange;
use crate::llm::sse;
use crate::mcp::bridge::members::Members;
use crate::mcp::bridge::older;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::RpcError;
use crate::mcp::mirror::Mirrored;
use crate::mcp::own::OwnSession;
use crate::mcp::version::META_SUBSCRIPTION;
use crate::mcp::virtual_server::{Virtual, edit};
use crate::timer;
use crate::upstream::{Feed, UpstreamResponse};

/// How long is waited before a member is listened to again, the first time and at most: each time twice as long.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// What clients are told of.
const CHANGED: &str = "notifications/tools/list_changed";

/// Who listens.
#[derive(Clone)]
enum Listener {
    /// A stateless client: the id of its request as written, and what it asks each member.
    Subscribed { id: String, asked: Option<Message> },
    /// The client of a session.
    InSession,
}

/// Answers `subscriptions/listen` of a stateless client.
///
/// # Errors
/// When the message cannot be read without what members are not asked for.
pub(super) fn subscribe(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    listen: &Message,
) -> Result<UpstreamResponse, RpcError> {
    let wanted = listen.param("notifications");
    let wanted = wanted.and_then(|wanted| wanted.get("toolsListChanged")?.as_bool());
    let wants_tools = wanted == Some(true);
    let filter = if wants_tools {
        r#"{"toolsListChanged":true}"#
    } else {
        "{}"
    };
    let id = listen.id().unwrap_or("null").to_owned();
    let mut meta = Members::default();
    meta.put(META_SUBSCRIPTION, id.clone());
    let first = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{filter},"_meta":{}}}}}"#,
        meta.json()
    );
    let mut root = Members::of(Some(listen.root()));
    let mut params = Members::of(listen.root().get("params"));
    params.put("notifications", filter);
    root.put("params", params.json());
    let asked = Message::parse(root.json())?;
    let listener = Listener::Subscribed {
        id,
        asked: wants_tools.then_some(asked),
    };
    Ok(heard(followed(exchange, of, None, &listener), Some(first)))
}

/// Answers the `GET` of a session.
pub(super) fn stream(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    sessions: Option<&OwnSession>,
) -> UpstreamResponse {
    heard(followed(exchange, of, sessions, &Listener::InSession), None)
}

/// The members that this caller may use.
fn followed(
    exchange: &Exchange,
    of: &Arc<Virtual>,
    sessions: Option<&OwnSession>,
    listener: &Listener,
) -> Vec<Followed> {
    let open = of.members().filter_map(|(index, member)| {
        let server = member.open_to(exchange.caller())?;
        let place = match exchange.to_member(server, None, sessions).ok()? {
            Some((exchange, session)) => Place::In(exchange, session),
            None => Place::Away {
                exchange: exchange.clone(),
                of: of.clone(),
                index,
                session: sessions.filter(|session| session.absent.is_some())?.clone(),
            },
        };
        Some(Followed {
            place,
            listener: listener.clone(),
        })
    });
    open.collect()
}

/// One stream of all.
fn heard(followed: Vec<Followed>, first: Option<String>) -> UpstreamResponse {
    events(|feed| async move {
        if let Some(first) = first {
            feed.send(sse::encode("message", &first)).await;
        }
        join_all(followed.into_iter().map(|member| member.run(&feed))).await;
        // Nobody has anything to say, which is no reason to end what the client has opened.
        std::future::pending().await
    })
}

/// A member that is listened to.
struct Followed {
    place: Place,
    listener: Listener,
}

/// Where a member is.
enum Place {
    /// It can be called, in this session.
    In(Exchange, Option<String>),
    /// The client's session has begun without it.
    Away {
        exchange: Exchange,
        of: Arc<Virtual>,
        index: usize,
        session: OwnSession,
    },
}

/// What comes of listening to a member.
enum Opened {
    /// A stream.
    Stream(Messages),
    /// It has none, and never will.
    None,
    /// It cannot be reached.
    Failed,
}

impl Followed {
    async fn run(mut self, feed: &Feed) {
        if matches!(&self.listener, Listener::Subscribed { asked: None, .. }) {
            return;
        }
        let mut pause = PAUSE;
        // What the client knows of a session's tools may be from when the member was away.
        let mut was_away = matches!(&self.place, Place::Away { .. });
        loop {
            match self.open().await {
                Opened::Stream(messages) => {
                    pause = PAUSE;
                    if was_away {
                        self.tell_changed(feed).await;
                    }
                    was_away = false;
                    self.relay(messages, feed).await;
                }
                Opened::None if was_away => return self.tell_changed(feed).await,
                Opened::None => return,
                Opened::Failed => was_away = true,
            }
            timer::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn open(&mut self) -> Opened {
        if let Place::Away {
            exchange,
            of,
            index,
            session,
        } = &self.place
        {
            match joining::join_one(exchange, of, *index, session).await {
                Some((exchange, session)) => self.place = Place::In(exchange, session),
                None => return Opened::Failed,
            }
        }
        let Place::In(exchange, session) = &self.place else {
            return Opened::Failed;
        };
        let wanted = match &self.listener {
            Listener::Subscribed {
                asked: Some(asked), ..
            } => Wanted::Message(asked.clone(), Mirrored::default()),
            Listener::Subscribed { asked: None, .. } => return Opened::None,
            Listener::InSession => Wanted::Stream(None),
        };
        let Ok(response) = dispatch(exchange, wanted, session.as_deref(), None).await else {
            return Opened::Failed;
        };
        match response.status {
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS => return Opened::Failed,
            status if status.is_server_error() => return Opened::Failed,
            status if !status.is_success() => return Opened::None,
            _ => {}
        }
        match Way::new(exchange.clone(), None).messages(response) {
            Ok(messages) if messages.is_stream() => Opened::Stream(messages),
            Ok(_) | Err(_) => Opened::None,
        }
    }

    /// Relays what the client wants to hear until the member ends its stream, however it does.
    async fn relay(&self, mut messages: Messages, feed: &Feed) {
        let Place::In(exchange, _) = &self.place else {
            return;
        };
        while let Ok(Some(message)) = messages.next().await {
            let is_change = message.kind() == Kind::Notification && message.method() == CHANGED;
            if is_change {
                exchange.forget_tools();
            }
            let text = match &self.listener {
                Listener::Subscribed { id, .. } if is_change => Some(older::notice(&message, id)),
                Listener::Subscribed { .. } if message.kind() == Kind::Response => return,
                Listener::Subscribed { .. } => None,
                Listener::InSession => in_session(message, &exchange.server.name),
            };
            if let Some(text) = text {
                feed.send(sse::encode("message", &text)).await;
            }
        }
    }

    async fn tell_changed(&self, feed: &Feed) {
        let text = format!(r#"{{"jsonrpc":"2.0","method":"{CHANGED}"}}"#);
        let text = match (&self.listener, Message::parse(text.clone())) {
            (Listener::Subscribed { id, .. }, Ok(message)) => older::notice(&message, id),
            (Listener::Subscribed { .. } | Listener::InSession, _) => text,
        };
        feed.send(sse::encode("message", &text)).await;
    }
}

/// What the client of a session hears of a member: of its tools, and what concerns calls. Questions lead back to it.
fn in_session(message: Message, member: &str) -> Option<String> {
    match message.kind() {
        Kind::Request => edit::with_members_id(&message, member),
        Kind::Response => None,
        Kind::Notification => {
            let is_heard = matches!(
                &*message.method(),
                CHANGED | "notifications/message" | "notifications/elicitation/complete"
            );
            is_heard.then(|| message.into_text())
        }
    }
}
