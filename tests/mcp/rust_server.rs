//! A server on `rmcp`, which speaks both eras.
#![allow(
    deprecated,
    reason = "servers still ask for what the protocol is to lose"
)]

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
    CreateMessageRequestParams, ElicitRequestParams, ErrorData, InputRequests, InputRequiredResult,
    JsonObject, ListToolsResult, PaginatedRequestParams, ProgressNotificationParam,
    ProtocolVersion, SamplingMessage, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const LEAK: &str = "the key is AKIAQYLPMN5HFIQR7XYZ, keep it";

/// What was done for whom.
#[derive(Clone, Default)]
struct Tools(Arc<Mutex<Vec<String>>>);

fn object(value: Value) -> JsonObject {
    serde_json::from_value(value).unwrap()
}

fn said(text: &str) -> CallToolResponse {
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(json!({ "text": text }));
    result.into()
}

/// For whom something slow has begun: it is counted as an echo of another.
pub(crate) fn begun(who: &str) -> String {
    format!("{who} begun")
}

impl Tools {
    fn note(&self, what: &str, who: &str) {
        let mut done = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        done.push(format!("{what} {who}"));
    }

    fn tell(&self, who: &str) -> String {
        let done = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |what: &str| {
            done.iter()
                .filter(|done| **done == format!("{what} {who}"))
                .count()
        };
        format!(
            "{} echoed, {} cancelled",
            count("echoed"),
            count("cancelled")
        )
    }

    /// Asks the client: by a request where there is a session, by `input_required` where there is none.
    async fn ask(
        &self,
        question: Value,
        request: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<Result<Value, CallToolResponse>, ErrorData> {
        if context.protocol_version() != Some(ProtocolVersion::V_2026_07_28) {
            let failed =
                |error: rmcp::ServiceError| ErrorData::internal_error(error.to_string(), None);
            let told = if question["method"] == "elicitation/create" {
                let params: ElicitRequestParams =
                    serde_json::from_value(question["params"].clone()).unwrap();
                json!(
                    context
                        .peer
                        .create_elicitation(params)
                        .await
                        .map_err(failed)?
                )
            } else {
                let messages = vec![SamplingMessage::user_text("Say something")];
                let params = CreateMessageRequestParams::new(messages, 20);
                json!(context.peer.create_message(params).await.map_err(failed)?)
            };
            return Ok(Ok(told));
        }
        let told = request
            .input_responses
            .as_ref()
            .and_then(|told| told.get("question"));
        if let Some(told) = told {
            return Ok(Ok(json!(told)));
        }
        let mut questions = InputRequests::new();
        questions.insert("question".into(), serde_json::from_value(question).unwrap());
        Ok(Err(
            InputRequiredResult::from_input_requests(questions).into()
        ))
    }
}

impl ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let record = json!({"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]});
        let tools = ["echo", "leak", "steps", "ask", "sample", "slow", "counts"].map(|name| {
            let input = json!({"type": "object", "properties": {"text": {"type": "string"}, "who": {"type": "string"}}});
            let mut tool = Tool::new(name, "For tests.", object(input));
            tool.output_schema = Some(Arc::new(object(record.clone())));
            tool
        });
        Ok(ListToolsResult::with_all_items(tools.to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let given = Value::Object(request.arguments.clone().unwrap_or_default());
        let who = given["who"].as_str().unwrap_or_default();
        match request.name.as_ref() {
            "echo" => {
                self.note("echoed", who);
                Ok(said(given["text"].as_str().unwrap_or_default()))
            }
            "leak" => Ok(said(LEAK)),
            "steps" => {
                let token = context.meta.get_progress_token();
                for step in [1_u32, 2, 3] {
                    let Some(token) = token.clone() else { break };
                    let told = ProgressNotificationParam::new(token, f64::from(step));
                    let told = told.with_total(3.0).with_message(format!("step {step}"));
                    // Whoever does not listen any more has cancelled.
                    let _ = context.peer.notify_progress(told).await;
                }
                Ok(said("three steps"))
            }
            "ask" => {
                let schema = json!({"type": "object", "properties": {"colour": {"type": "string"}}, "required": ["colour"]});
                let params =
                    json!({"mode": "form", "message": "Which colour?", "requestedSchema": schema});
                let question = json!({"method": "elicitation/create", "params": params});
                let told = self.ask(question, &request, &context).await?;
                Ok(told.map_or_else(
                    |asked| asked,
                    |told| {
                        said(&format!(
                            "accept {}",
                            told["content"]["colour"].as_str().unwrap_or_default()
                        ))
                    },
                ))
            }
            "sample" => {
                let messages =
                    json!([{"role": "user", "content": {"type": "text", "text": "Say something"}}]);
                let params = json!({"messages": messages, "maxTokens": 20});
                let question = json!({"method": "sampling/createMessage", "params": params});
                let told = self.ask(question, &request, &context).await?;
                Ok(told.map_or_else(
                    |asked| asked,
                    |told| said(told["content"]["text"].as_str().unwrap_or_default()),
                ))
            }
            "slow" => {
                self.note("echoed", &begun(who));
                tokio::select! {
                    () = context.ct.cancelled() => self.note("cancelled", who),
                    () = tokio::time::sleep(Duration::from_secs(60)) => {}
                }
                Ok(said("done"))
            }
            "counts" => Ok(said(&self.tell(who))),
            _ => Err(ErrorData::invalid_params("unknown tool", None)),
        }
    }
}

/// Serves on a free port; tells its URL.
pub(crate) async fn serve() -> (String, JoinHandle<()>) {
    let tools = Tools::default();
    let make = move || Ok(tools.clone());
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(make, sessions, StreamableHttpServerConfig::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let serve = hyper::service::service_fn(move |request| {
                    let service = service.clone();
                    async move { Ok::<_, Infallible>(service.handle(request).await) }
                });
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                // A client that leaves is not the server's trouble.
                let _ = server.serve_connection(TokioIo::new(stream), serve).await;
            });
        }
    });
    (url, serving)
}
