//! The unchanged `rmcp` as a client. Its HTTP client speaks over a Unix socket, which a relay here leads to a port.
#![allow(
    deprecated,
    reason = "servers still ask for what the protocol is to lose"
)]

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientCapabilities, ClientConfig, ClientRequest,
    CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams, ElicitResult,
    ElicitationAction, ErrorData, Implementation, ProgressNotificationParam, ProtocolVersion, Role,
    SamplingMessage, SamplingMessageContentBlock,
};
use rmcp::service::{NotificationContext, PeerRequestOptions, RequestContext};
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::transport::{StreamableHttpClientTransport, UnixSocketHttpClient};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::{Map, Value, json};
use tokio::net::{TcpStream, UnixListener};

use crate::rust_server::begun;

/// Whose questions are answered, and who hears how far a call is.
#[derive(Clone, Default)]
struct Answering {
    progress: Arc<Mutex<Vec<Value>>>,
}

impl ClientHandler for Answering {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder()
            .enable_elicitation()
            .enable_sampling();
        ClientConfig::new(capabilities.build(), Implementation::new("rust", "1.0.0"))
    }

    async fn create_elicitation(
        &self,
        _request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({"colour": "blue"})))
    }

    async fn create_message(
        &self,
        _params: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let said = SamplingMessageContentBlock::text("from the model");
        Ok(CreateMessageResult::new(
            SamplingMessage::new(Role::Assistant, said),
            "test".into(),
        ))
    }

    async fn on_progress(
        &self,
        told: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        let told = json!([told.progress, told.total, told.message]);
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(told);
    }
}

/// Leads every connection of a Unix socket to a server.
async fn relay(socket: &Path, addr: &str) -> tokio::task::JoinHandle<()> {
    let addr = addr.to_owned();
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        while let Ok((mut from, _)) = listener.accept().await {
            let mut to = TcpStream::connect(&addr).await.unwrap();
            // Who leaves first is what the tests are about, not what the relay looks at.
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
        }
    })
}

fn params(tool: &str, arguments: &Value) -> CallToolRequestParams {
    let arguments: Map<String, Value> = arguments.as_object().unwrap().clone();
    CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments)
}

/// What the client sees of the server at `url`, step by step.
pub(crate) async fn talk(url: &str, who: &str, token: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("relay");
    // Only the path goes into the request line; the name of the host comes from the URL.
    let (authority, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let relaying = relay(&socket, authority).await;
    let mut config = StreamableHttpClientTransportConfig::with_uri(format!("/{path}"));
    config.auth_header = (!token.is_empty()).then(|| token.to_owned());
    let client = UnixSocketHttpClient::new(socket.to_str().unwrap(), url);
    let transport = StreamableHttpClientTransport::with_client(client, config);
    let auto = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    };
    let answering = Answering::default();
    let client = answering
        .clone()
        .serve_with_lifecycle(transport, auto)
        .await
        .unwrap();
    let tools = client.list_all_tools().await.unwrap();
    let mut tools: Vec<String> = tools
        .into_iter()
        .map(|tool| tool.name.into_owned())
        .collect();
    tools.sort_unstable();
    let protocol = client
        .peer_info()
        .map(|info| info.protocol_version.to_string());
    let mut seen = json!({"protocol": protocol, "tools": tools});
    let call =
        async |tool: &str, arguments: Value| match client.call_tool(params(tool, &arguments)).await
        {
            Err(error) => json!({"error": error.to_string()}),
            Ok(result) => {
                let texts = result.content.iter().filter_map(|block| block.as_text());
                json!({
                    "texts": texts.map(|text| text.text.as_str()).collect::<Vec<_>>(),
                    "structured": result.structured_content,
                    "failed": result.is_error == Some(true),
                })
            }
        };
    seen["echo"] = call("echo", json!({"text": "hello", "who": who})).await;
    seen["blocked"] = call("echo", json!({"text": "DROP TABLE users", "who": who})).await;
    seen["alive"] = call("echo", json!({"text": "again", "who": who})).await;
    seen["leak"] = call("leak", json!({})).await;
    seen["steps"] = call("steps", json!({})).await;
    // Each is told in a task of its own: the last may come after the answer, and one before another.
    let mut progress = Vec::new();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        progress.clone_from(
            &answering
                .progress
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if progress.len() == 3 {
            break;
        }
    }
    progress.sort_by_key(|told| told[0].as_f64().map(f64::to_bits));
    seen["progress"] = progress.into();
    seen["ask"] = call("ask", json!({})).await;
    seen["sample"] = call("sample", json!({})).await;
    let slow = CallToolRequest::new(params("slow", &json!({"who": who})));
    let slow = client.send_cancellable_request(
        ClientRequest::CallToolRequest(slow),
        PeerRequestOptions::no_options(),
    );
    let slow = slow.await.unwrap();
    // The server begins and notices in its own time.
    let noticed = async |who: &str, wanted: &str| {
        let mut counts = Value::Null;
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            counts = call("counts", json!({"who": who})).await;
            if counts.to_string().contains(wanted) {
                break;
            }
        }
        counts
    };
    noticed(&begun(who), "1 echoed").await;
    slow.cancel(Some("changed my mind".into())).await.unwrap();
    seen["after_cancelling"] = call("echo", json!({"text": "still here", "who": who})).await;
    seen["counts"] = noticed(who, "1 cancelled").await;
    client.cancel().await.unwrap();
    relaying.abort();
    seen
}
