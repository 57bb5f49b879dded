//! What the gateway asks a server by itself, in the name of a client and as it would be asked by that client.

use std::time::Duration;

use parapet_policy::record::{End, McpMessage, McpSide};
use serde_json::{Value as Json, json};

use super::backend::{Wanted, dispatch};
use super::exchange::Exchange;
use super::post::check_status;
use super::{is_event_stream, is_json};
use crate::llm::sse::Decoder;
use crate::mcp::envelope::{Kind, Message, same_id};
use crate::mcp::error::RpcError;
use crate::mcp::method;
use crate::mcp::mirror::Mirrored;
use crate::mcp::version::{Era, META_CAPABILITIES, META_VERSION};
use crate::pipeline::recording::Recording;
use crate::route::request_id;
use crate::timer;
use crate::upstream::{UpstreamBody, UpstreamResponse};

/// How long a server may take for everything that one question needs.
const LIMIT: Duration = Duration::from_secs(15);
/// Pages of one list.
const MAX_PAGES: usize = 64;
/// Bytes of all pages of one list.
const MAX_BYTES: usize = 16 << 20;

impl Exchange {
    /// Lists the server's tools, as this client would: the answers, page by page. There is a record for each page.
    ///
    /// # Errors
    /// When the server gives no whole list within bounds.
    pub(super) async fn list_tools(
        &self,
        session: Option<&str>,
        of: &Recording,
    ) -> Result<Vec<Message>, RpcError> {
        let listing = async {
            let mut pages: Vec<Message> = Vec::new();
            let mut bytes = 0;
            let mut cursor: Option<String> = None;
            loop {
                let params = cursor.map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
                let page = self.ask(session, "tools/list", params, of).await?;
                bytes += page.text().len();
                let result = page.root().get("result");
                let next = result.and_then(|result| result.get("nextCursor"));
                cursor = next.filter(|next| !next.is_null()).map(|next| {
                    let text = next.as_str();
                    text.map_or_else(|| next.raw().to_owned(), std::borrow::Cow::into_owned)
                });
                pages.push(page);
                if cursor.is_none() {
                    return Ok(pages);
                }
                if pages.len() >= MAX_PAGES || bytes >= MAX_BYTES {
                    return Err(RpcError::upstream(
                        "the MCP server's list of tools has no end",
                    ));
                }
            }
        };
        timer::timeout(LIMIT, listing)
            .await
            .unwrap_or_else(|_| Err(RpcError::upstream_timeout()))
    }

    /// Sends a request of the gateway's own and reads the answer.
    ///
    /// # Errors
    /// When there is none, or when it is an error.
    async fn ask(
        &self,
        session: Option<&str>,
        method: &'static str,
        mut params: Json,
        of: &Recording,
    ) -> Result<Message, RpcError> {
        // The client's own requests have ids of its choice: this one is not among them.
        let id = format!("\"parapet-{}\"", request_id::new());
        if self.version.era == Era::Modern
            && let Some(params) = params.as_object_mut()
        {
            let meta = json!({META_VERSION: self.version.name, META_CAPABILITIES: {}});
            params.insert("_meta".to_owned(), meta);
        }
        let text =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
        let message = Message::parse(text)?;
        let recording = self.own_record(of, method, message.text().len());
        let answered = self.answer_to(session, message, &id, &recording).await;
        let (end, status) = match &answered {
            Ok(_) => (End::Allowed, 200),
            Err(error) => (End::UpstreamFailed, error.status.as_u16()),
        };
        recording.end(end, status);
        answered
    }

    async fn answer_to(
        &self,
        session: Option<&str>,
        message: Message,
        id: &str,
        recording: &Recording,
    ) -> Result<Message, RpcError> {
        let wanted = Wanted::Message(message, Mirrored::default());
        // A question of the gateway's own is asked in the middle of a client's: not all on one stack.
        let response = Box::pin(dispatch(self, wanted, session, Some(recording))).await?;
        self.read(response, session.is_some(), id).await
    }

    /// Reads the result of a request with this id.
    ///
    /// # Errors
    /// When it is none, or one to another request.
    pub(super) async fn read(
        &self,
        response: UpstreamResponse,
        has_session: bool,
        id: &str,
    ) -> Result<Message, RpcError> {
        let answer = self.message_in(response, has_session).await?;
        let fits = answer.root().get("id").is_some_and(|own| same_id(own, id));
        match answer.root().get("result") {
            Some(_) if fits => Ok(answer),
            Some(_) => Err(RpcError::upstream(
                "the MCP server's answer is not one to this request",
            )),
            None => Err(RpcError::upstream("the MCP server refuses to say it")),
        }
    }

    async fn message_in(
        &self,
        response: UpstreamResponse,
        has_session: bool,
    ) -> Result<Message, RpcError> {
        let UpstreamResponse {
            status,
            headers,
            body,
        } = response;
        check_status(status, has_session)?;
        let settings = &self.snapshot.settings;
        let text = if status.is_success() && is_event_stream(&headers) {
            return answer_in(body, settings.stream_event_bytes).await;
        } else if is_json(&headers) {
            body.collect(settings.answer_bytes).await?
        } else {
            return Err(RpcError::upstream(
                "the MCP server answered with something that is not MCP",
            ));
        };
        let text = String::from_utf8(text.into()).map_err(|_| no_message())?;
        Message::parse(text).map_err(|_| no_message())
    }

    /// A record for a request that the gateway makes by itself.
    fn own_record(&self, of: &Recording, method: &'static str, bytes: usize) -> Recording {
        let (request_id, route) = of.with(|record| (record.request_id.clone(), record.route));
        let recording = Recording::begin(request_id, route, self.sink().clone());
        recording.with(|record| {
            record.revision = Some(self.snapshot.revision);
            record.subject = Some(self.identity().caller.subject.clone());
            record.teams.clone_from(&self.identity().caller.teams);
            record.request_bytes = bytes as u64;
            record.mcp = Some(McpMessage {
                server: self.asked_for().name.clone(),
                source: self.source(),
                method: method::known(method),
                tool: None,
                version: self.version.name,
                from: McpSide::Client,
                failed: false,
                dropped: 0,
            });
        });
        recording
    }
}

fn no_message() -> RpcError {
    RpcError::upstream("the MCP server's answer is no JSON-RPC message")
}

/// The answer in a stream of events. What else a server says there is for clients, and goes nowhere.
async fn answer_in(mut body: UpstreamBody, limit: usize) -> Result<Message, RpcError> {
    let mut decoder = Decoder::new(limit);
    loop {
        let chunk = body.chunk().await?;
        let is_over = chunk.is_none();
        if let Some(chunk) = chunk {
            decoder.push(chunk);
        }
        loop {
            let frame = decoder
                .next_frame()
                .map_err(|_| RpcError::upstream("the MCP server's event is too long"))?;
            let frame = match (frame, is_over) {
                (None, true) => decoder.finish(),
                (frame, _) => frame,
            };
            let Some(frame) = frame else { break };
            let data = frame.data.filter(|data| !data.trim().is_empty());
            let is_message = frame.event.is_empty() || frame.event == "message";
            if let Some(data) = data.filter(|_| is_message) {
                let message = Message::parse(data).map_err(|_| no_message())?;
                if message.kind() == Kind::Response {
                    return Ok(message);
                }
            }
        }
        if is_over {
            return Err(RpcError::upstream(
                "the MCP server's stream ended without an answer",
            ));
        }
    }
}
