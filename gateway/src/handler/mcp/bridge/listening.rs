//! Streams that answer nothing, in the other era's words.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::json;

use super::newer::headers;
use super::older::Opening;
use super::way::{Messages, Way};
use crate::handler::mcp::backend::{events, whole};
use crate::handler::mcp::is_event_stream;
use crate::llm::sse;
use crate::mcp::bridge::members::Members;
use crate::mcp::bridge::newer::{self, Request, Session, Told};
use crate::mcp::bridge::notices::{Filter, Notices};
use crate::mcp::bridge::older;
use crate::mcp::bridge::parked::Said;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::error::RpcError;
use crate::mcp::mirror::Mirrored;
use crate::mcp::version::META_SUBSCRIPTION;
use crate::timer;
use crate::upstream::{Feed, Sent, UpstreamResponse};

/// How long is waited before a stream that ended is opened again.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers `subscriptions/listen` of a stateless client from the stream of a session, which is there for it alone.
///
/// # Errors
/// When the server cannot be reached.
pub(super) async fn before_sessions(
    way: &Way,
    listen: &Message,
    opened: Box<Opening>,
) -> Result<UpstreamResponse, RpcError> {
    let mut opened = *opened;
    let mut filter = Filter::wanted(listen, opened.agreed.notices);
    let sent = Sent {
        method: Method::GET,
        headers: opened.leased.headers(&Method::GET),
        body: Bytes::new(),
    };
    let response = way.send((sent, way.limits(""))).await?;
    let has_stream = response.status.is_success() && is_event_stream(&response.headers);
    let messages = if has_stream {
        Some(way.messages(response)?)
    } else {
        // Without a stream nothing will be heard, and the client is told so.
        filter = Filter::default();
        None
    };
    let mut refused = Vec::new();
    for uri in &filter.resources {
        let number = opened.leased.number();
        let body = older::own(number, "resources/subscribe", "uri", uri);
        let answer = opened.leased.post(body, "resources/subscribe").await?;
        let answer = way.answer(answer, &number.to_string()).await?;
        if answer.root().get("result").is_none() {
            refused.push(uri.clone());
        }
    }
    for uri in refused {
        filter.resources.remove(&uri);
    }
    let id = listen.id().unwrap_or("null").to_owned();
    Ok(events(|feed| async move {
        let heard = Heard {
            opened,
            filter,
            id,
            feed,
        };
        heard.run(messages).await;
        Ok(())
    }))
}

/// A stateless client that listens.
struct Heard {
    opened: Opening,
    filter: Filter,
    /// The id of its request, as written.
    id: String,
    feed: Feed,
}

impl Heard {
    async fn run(self, messages: Option<Messages>) {
        let meta = || {
            let mut meta = Members::default();
            meta.put(META_SUBSCRIPTION, self.id.clone());
            meta.json()
        };
        let first = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"notifications":{},"_meta":{}}}}}"#,
            self.filter.json(),
            meta(),
        );
        self.feed.send(sse::encode("message", &first)).await;
        match messages {
            Some(messages) => self.relay(messages).await,
            // It is told when its wish can be heard: not here.
            None => std::future::pending().await,
        }
        let last = format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{{"resultType":"complete","_meta":{}}}}}"#,
            self.id,
            meta(),
        );
        self.feed.send(sse::encode("message", &last)).await;
    }

    /// Relays what was asked for until the server ends its stream, however it does.
    async fn relay(&self, mut messages: Messages) {
        while let Ok(Some(message)) = messages.next().await {
            match message.kind() {
                Kind::Notification if self.filter.passes(&message) => {
                    let text = older::notice(&message, &self.id);
                    self.feed.send(sse::encode("message", &text)).await;
                }
                Kind::Request => self.opened.leased.tell(older::reply(&message)),
                Kind::Notification | Kind::Response => {}
            }
        }
    }
}

/// Answers the `GET` of a session that only the gateway knows from `subscriptions/listen`.
///
/// # Errors
/// When the server cannot be reached, or does not tell of anything.
pub(super) async fn before_stateless(
    way: &Way,
    session: Session,
) -> Result<UpstreamResponse, RpcError> {
    let offered = session.notices;
    if !offered.any() {
        return Ok(whole(StatusCode::METHOD_NOT_ALLOWED, String::new()));
    }
    let mut told = way.exchange.bridge.parked.listen(&session.name);
    let filter = wished(offered, &told.borrow_and_update());
    let listener = Listener {
        way: way.clone(),
        session,
    };
    // Whether the server has a stream at all shows at the beginning, and can still be told by a status.
    let mut messages = match listener.open(&filter).await? {
        Ok(messages) => messages,
        Err(refused) => return Ok(refused),
    };
    Ok(events(|feed| async move {
        loop {
            tokio::select! {
                () = relay(&mut messages, &feed) => timer::sleep(PAUSE).await,
                changed = told.changed() => if changed.is_err() {
                    // The session has ended.
                    return Ok(());
                },
            }
            let filter = wished(offered, &told.borrow_and_update());
            match listener.open(&filter).await {
                Ok(Ok(opened)) => messages = opened,
                // The client opens its stream again, and is told then what is wrong.
                Ok(Err(_)) | Err(_) => return Ok(()),
            }
        }
    }))
}

/// What a session hears: every list, and the resources that it named.
fn wished(offered: Notices, said: &Said) -> Filter {
    Filter {
        lists: offered,
        resources: said.resources.clone(),
    }
}

/// Relays what a stateless server tells, until it ends. Without a stream nothing is told, and nothing ends.
async fn relay(messages: &mut Option<Messages>, feed: &Feed) {
    let Some(messages) = messages else {
        return std::future::pending().await;
    };
    while let Ok(Some(message)) = messages.next().await {
        if message.kind() == Kind::Response {
            return;
        }
        if message.kind() == Kind::Notification
            && let Some(text) = newer::notice(&message)
        {
            feed.send(sse::encode("message", &text)).await;
        }
    }
}

/// Who listens for a session.
struct Listener {
    way: Way,
    session: Session,
}

impl Listener {
    /// Opens a stream; none where there is nothing to hear. What the server says when it opens none is in `Err`.
    async fn open(
        &self,
        filter: &Filter,
    ) -> Result<Result<Option<Messages>, UpstreamResponse>, RpcError> {
        let wanted = filter.json();
        if wanted == json!({}) {
            return Ok(Ok(None));
        }
        let mut params = Members::default();
        params.put("notifications", wanted.to_string());
        let told = Told {
            session: &self.session,
            level: None,
            can_be_asked: false,
        };
        let request = Request::own("subscriptions/listen", params, told);
        let message = Message::parse(request.text())?;
        let headers = headers(&self.way, &message, &Mirrored::default());
        let response = self
            .way
            .post(headers, message.into_text(), "subscriptions/listen")
            .await?;
        if response.status.is_success() && is_event_stream(&response.headers) {
            return self.way.messages(response).map(Some).map(Ok);
        }
        if response.status.is_client_error() && response.status != StatusCode::UNAUTHORIZED {
            return Ok(Err(whole(StatusCode::METHOD_NOT_ALLOWED, String::new())));
        }
        Ok(Err(response))
    }
}
