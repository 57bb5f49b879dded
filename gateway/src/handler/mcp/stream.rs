//! `GET` and `DELETE`: a session's stream, and its end.

use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use parapet_policy::record::{End, McpMessage, McpSide};

use super::asked::Asked;
use super::backend::{Wanted, dispatch};
use super::exchange::Exchange;
use super::post::session;
use super::relay::{EVENT_PURPOSE, EventId, Relay};
use super::upstream::LAST_EVENT;
use super::{Admitted, Refused, answer, is_event_stream};
use crate::edge::Body;
use crate::handler::Gateway;
use crate::mcp::error::RpcError;
use crate::mcp::version::{self, Era};
use crate::pipeline::recording::Recording;
use crate::upstream::UpstreamResponse;

impl Gateway {
    /// Opens the stream of a session, or goes on with one that broke off.
    pub(super) async fn mcp_listen(
        &self,
        admitted: &Admitted,
        head: &Parts,
        recording: &Recording,
    ) -> Result<Response<Body>, Refused> {
        let (mut exchange, mut session) = self.in_session(admitted, head, "stream", recording)?;
        let mut after = None;
        let mut asked = Asked::default();
        if let Some(place) = head.headers.get(&LAST_EVENT) {
            let unknown = || RpcError::invalid("there is no such event to go on from");
            let sealed = place.to_str().map_err(|_| unknown())?;
            let place: EventId = exchange.open(EVENT_PURPOSE, sealed).ok_or_else(unknown)?;
            let value = HeaderValue::try_from(&place.upstream).map_err(|_| unknown())?;
            after = Some(value);
            if let Some(member) = &place.member {
                (exchange, session) = exchange.back_to(member, session.as_deref())?;
            }
            asked = place.asked();
        }
        let held = exchange.session.get();
        asked.declared = held.and_then(|session| session.declared);
        // What a server says by itself may be about any call that is under way.
        asked.of_any_tool |= asked.id.is_none();
        let planned = match asked.id {
            None => None,
            Some(_) => Some(exchange.plan(&exchange.snapshot, &asked, recording)?),
        };
        let wanted = Wanted::Stream(after);
        let response = dispatch(&exchange, wanted, session.as_deref(), Some(recording)).await?;
        check(&response)?;
        if !response.status.is_success() || !is_event_stream(&response.headers) {
            return Err(RpcError::upstream("the MCP server opened no stream").into());
        }
        let relay = Relay::new(exchange, recording.clone(), asked, planned);
        let relay = relay.answering(session);
        let body = Body::produced(|frames| relay.run(response.body, frames));
        Ok(answer::events(body, recording))
    }

    /// Ends a session.
    pub(super) async fn mcp_end_session(
        &self,
        admitted: &Admitted,
        head: &Parts,
        recording: &Recording,
    ) -> Result<Response<Body>, Refused> {
        let (exchange, session) = self.in_session(admitted, head, "end", recording)?;
        let session = session.as_deref();
        let response = dispatch(&exchange, Wanted::End, session, Some(recording)).await?;
        check(&response)?;
        if !response.status.is_success() {
            return Err(RpcError::upstream("the MCP server did not end the session").into());
        }
        recording.end(End::Allowed, StatusCode::OK.as_u16());
        Ok(Response::new(Body::empty()))
    }

    fn in_session(
        &self,
        admitted: &Admitted,
        head: &Parts,
        what: &'static str,
        recording: &Recording,
    ) -> Result<(Exchange, Option<String>), Refused> {
        let version = version::of_bodiless(&head.headers)?;
        if version.era == Era::Modern {
            let error = no_such_method("this protocol version has neither streams nor sessions");
            return Err(error.into());
        }
        let admitted = Admitted {
            snapshot: admitted.snapshot.clone(),
            identity: admitted.identity.clone(),
            server: admitted.server.clone(),
        };
        let exchange = Exchange::new(self, admitted, head.headers.clone(), version)?;
        recording.with(|record| {
            record.mcp = Some(McpMessage {
                server: exchange.server.name.clone(),
                source: None,
                method: what,
                tool: None,
                version: version.name,
                from: McpSide::Client,
                failed: false,
                dropped: 0,
            });
        });
        let session = session(&exchange, "")?;
        Ok((exchange, session))
    }
}

fn check(response: &UpstreamResponse) -> Result<(), RpcError> {
    match response.status {
        StatusCode::METHOD_NOT_ALLOWED => Err(no_such_method("the MCP server does not offer this")),
        StatusCode::NOT_FOUND => Err(RpcError::no_session()),
        StatusCode::BAD_REQUEST => Err(RpcError::invalid("the MCP server refused the request")),
        _ => Ok(()),
    }
}

fn no_such_method(message: &'static str) -> RpcError {
    RpcError::new(StatusCode::METHOD_NOT_ALLOWED, -32600, message)
}
