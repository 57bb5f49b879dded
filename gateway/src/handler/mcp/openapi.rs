//! A server that is an HTTP API: messages are answered here, and a call of a tool is a request to the API.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::backend::{Wanted, own, whole};
use super::exchange::Exchange;
use super::upstream;
use crate::mcp::backend::{Described, Place};
use crate::mcp::envelope::Message;
use crate::mcp::error::RpcError;
use crate::mcp::openapi::answer::{MAX_ANSWER_BYTES, failed, members};
use crate::mcp::openapi::{OpenApi, Request, Tool};
use crate::mcp::own::{Answer, Own};
use crate::pipeline::recording::Recording;
use crate::timer;
use crate::upstream::{Sent, UpstreamResponse};

/// What an API is asked for when the resource's `headers` do not say it: JSON rather than anything else.
const ANYTHING: HeaderValue = HeaderValue::from_static("application/json, */*;q=0.5");
/// Who calls, when the resource does not say it: some APIs want to know.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("parapet/", env!("CARGO_PKG_VERSION")));

/// Answers a client.
pub(super) async fn answer(
    exchange: &Exchange,
    server: &Described,
    wanted: Wanted,
    recording: Option<&Recording>,
) -> UpstreamResponse {
    let api = &server.api;
    let message = match wanted {
        // Nothing ever happens here that nobody has asked for.
        Wanted::Stream(_) => return whole(StatusCode::METHOD_NOT_ALLOWED, String::new()),
        // A session holds nothing that could be given back.
        Wanted::End => return whole(StatusCode::OK, String::new()),
        Wanted::Message(message, _) => message,
    };
    let version = exchange.version;
    let answer = match api.own.answer(version, &message) {
        Some(answer) => answer,
        None if message.method() == "tools/list" => {
            api.own.list(version, &message, "tools", api.entries())
        }
        None => call(exchange, server, &message, recording).await,
    };
    own(answer)
}

async fn call(
    exchange: &Exchange,
    server: &Described,
    message: &Message,
    recording: Option<&Recording>,
) -> Answer {
    let version = exchange.version;
    let tool = message.tool();
    let Some(tool) = tool.and_then(|name| server.api.tool(&name)) else {
        return Own::error(version, message, RpcError::unknown_tool());
    };
    let result = match OpenApi::request(&server.base, tool, message) {
        Ok(request) => asked(exchange, tool, request, recording).await,
        Err(unfit) => failed(&unfit.to_string()),
    };
    Own::result(version, message, &result)
}

/// Sends the request, and makes the result of what comes back. It has as long as an answer may take to begin: a body
/// that drips for ever is none.
async fn asked(
    exchange: &Exchange,
    tool: &Tool,
    request: Request,
    recording: Option<&Recording>,
) -> String {
    let limits = upstream::limits(exchange, "tools/call");
    let most = MAX_ANSWER_BYTES.min(exchange.snapshot.settings.answer_bytes);
    let sent = Sent {
        method: request.method,
        headers: headers(exchange, request.headers),
        body: request.body,
    };
    let place = Place::Url(request.location);
    let called = async {
        let response = upstream::call(exchange, &place, (sent, limits), recording).await?;
        let body: Bytes = response.body.collect(most).await?;
        Ok::<_, RpcError>((response.status, response.headers, body))
    };
    let called = match timer::timeout(limits.first_byte, called).await {
        Ok(called) => called,
        Err(timer::Elapsed) => Err(RpcError::upstream_timeout()),
    };
    match called {
        Ok((status, headers, body)) => members(tool, status, &headers, &body),
        // Where it failed is in the log. For the model there is no MCP server behind this one.
        Err(error) => failed(&error.message.replace("the MCP server", "the API")),
    }
}

/// The headers of a request: what the resource and the caller show the API wins over what arguments say.
fn headers(exchange: &Exchange, mut from_arguments: HeaderMap) -> HeaderMap {
    let body = from_arguments.remove(CONTENT_TYPE);
    let mut headers = from_arguments;
    headers.insert(ACCEPT, ANYTHING);
    headers.insert(USER_AGENT, AGENT);
    exchange.server.sign(&exchange.headers, &mut headers);
    for (name, value) in &*exchange.own {
        headers.insert(name.clone(), value.clone());
    }
    if let Some(value) = body {
        headers.insert(CONTENT_TYPE, value);
    }
    headers
}
