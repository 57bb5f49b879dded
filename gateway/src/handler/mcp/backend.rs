//! What a client wants of a server, on its way to whatever answers for that server.
//!
//! Everything that comes back has one shape, whoever made it: a status, headers, and one message or a stream of events. What
//! is above this point judges, relays and records without knowing who answered.
//!
//! A backend inside the process makes its answers with [`whole`] and [`events`]. A session id that it puts into the header
//! [`SESSION`](super::upstream::SESSION) comes back with every later request of that session: clients get it sealed.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::bridge;
use super::exchange::Exchange;
use super::openapi;
use super::upstream;
use super::virtual_server;
use crate::mcp::backend::Backend;
use crate::mcp::envelope::Message;
use crate::mcp::error::RpcError;
use crate::mcp::mirror::Mirrored;
use crate::mcp::own::Answer;
use crate::pipeline::recording::Recording;
use crate::upstream::{Feed, UpstreamBody, UpstreamError, UpstreamResponse};

/// What a client wants. It has been judged.
#[derive(Debug)]
pub(super) enum Wanted {
    /// A message is taken, and answered when it is a request.
    Message(Message, Mirrored),
    /// The stream of a session opens: from the beginning, or after an event of the server's.
    Stream(Option<HeaderValue>),
    /// A session ends.
    End,
}

/// Gives a client's wish to whatever answers for the server, and waits for the head of the answer. `session` is the id that
/// the server gave the session; `recording` is told how the server was called.
///
/// # Errors
/// When nothing usable comes back. An answer with an error status is an answer.
pub(super) async fn dispatch(
    exchange: &Exchange,
    wanted: Wanted,
    session: Option<&str>,
    recording: Option<&Recording>,
) -> Result<UpstreamResponse, RpcError> {
    match &exchange.server.backend {
        Some(Backend::Http(_)) => bridge::answer(exchange, wanted, session, recording).await,
        Some(Backend::Virtual(of)) => {
            // Members are asked in the same way: the future would hold itself.
            Box::pin(virtual_server::answer(
                exchange, of, wanted, session, recording,
            ))
            .await
        }
        Some(Backend::OpenApi(server)) => {
            Ok(openapi::answer(exchange, server, wanted, recording).await)
        }
        None => Err(RpcError::upstream(
            "this MCP server is not usable: its resource says why",
        )),
    }
}

/// The answer of a server of our own making.
pub(super) fn own(answer: Answer) -> UpstreamResponse {
    let mut response = whole(answer.status, answer.body.unwrap_or_default());
    let session = answer.session.and_then(|session| session.try_into().ok());
    if let Some(session) = session {
        response.headers.insert(upstream::SESSION, session);
    }
    response
}

/// An answer that is one message; empty for a message that wants no answer (status 202).
pub(super) fn whole(status: StatusCode, message: String) -> UpstreamResponse {
    response(
        status,
        HeaderValue::from_static("application/json"),
        UpstreamBody::whole(Bytes::from(message)),
    )
}

/// An answer that is a stream of events, as [`crate::llm::sse::encode`] makes them. The future puts them into its feed; it is
/// dropped when nobody reads any more.
pub(super) fn events<F>(produce: impl FnOnce(Feed) -> F) -> UpstreamResponse
where
    F: Future<Output = Result<(), UpstreamError>> + 'static,
{
    response(
        StatusCode::OK,
        HeaderValue::from_static("text/event-stream"),
        UpstreamBody::produced(produce),
    )
}

fn response(status: StatusCode, content_type: HeaderValue, body: UpstreamBody) -> UpstreamResponse {
    let mut headers = HeaderMap::with_capacity(2);
    headers.insert(CONTENT_TYPE, content_type);
    UpstreamResponse {
        status,
        headers,
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::mcp::{is_event_stream, is_json};
    use crate::llm::sse;

    #[tokio::test]
    async fn answers_are_one_message_or_a_stream() {
        let answer = whole(StatusCode::OK, "{}".to_owned());
        assert!(is_json(&answer.headers));
        assert_eq!(answer.body.collect(16).await.unwrap(), "{}");
        let answer = events(|feed| async move {
            feed.send(sse::encode("message", "{}")).await;
            Ok(())
        });
        assert!(is_event_stream(&answer.headers));
        let body = answer.body.collect(64).await.unwrap();
        assert_eq!(body, sse::encode("message", "{}"));
    }
}
