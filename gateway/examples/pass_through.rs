//! The listener and the upstream pool alone, with nothing between them: the floor under every number of the
//! benchmark, and the smallest example of a handler.
//!
//! ```text
//! cargo run --release --example pass_through -- 127.0.0.1:8080 http://127.0.0.1:9000/v1 1
//! ```

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use parapet_gateway::edge::{
    Body, EdgeLimits, Handler, ListenerConfig, ReadLimits, Server, asked_to_end, read_body,
};
use parapet_gateway::upstream::{
    Call, CallLimits, Connector, ConnectorConfig, Dialect, Endpoint, HttpAccount, PoolLimits,
    ReadyProvider, Upstreams,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct PassThrough {
    upstreams: Upstreams,
    provider: Arc<ReadyProvider>,
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response
}

impl Handler for PassThrough {
    async fn handle(&self, head: Parts, body: Incoming, _: SocketAddr) -> Response<Body> {
        let body = match read_body(&head.headers, body, ReadLimits::default()).await {
            Ok(body) => body.into(),
            Err(error) => return plain(error.status(), error.to_string()),
        };
        let call = Call {
            endpoint: Endpoint::ChatCompletions,
            query: None,
            headers: head.headers,
            body,
        };
        match self
            .upstreams
            .call(&self.provider, call, CallLimits::default())
            .await
        {
            Ok(answer) => {
                let mut response = Response::new(Body::upstream(answer.body));
                *response.status_mut() = answer.status;
                *response.headers_mut() = answer.headers;
                response
            }
            Err(error) => plain(error.status(), error.to_string()),
        }
    }

    fn overloaded(&self, _: &Parts) -> Response<Body> {
        plain(StatusCode::SERVICE_UNAVAILABLE, "busy".to_owned())
    }
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let mut arg = |what: &str| args.next().with_context(|| format!("give the {what}"));
    let (listen, base_url) = (
        arg("address to listen on")?,
        arg("base URL of the upstream")?,
    );
    let threads = arg("number of threads")?.parse()?;
    let provider = Arc::new(ReadyProvider::http(HttpAccount {
        account: "upstream".into(),
        dialect: Dialect::OpenAi,
        base_url: Some(&base_url),
        api_key: None,
        anthropic_version: None,
        headers: Vec::new(),
    })?);
    let connector = Connector::new(&ConnectorConfig::default())?;
    let config = ListenerConfig {
        listen: listen.parse()?,
        threads,
        tls: None,
        limits: EdgeLimits::default(),
    };
    let _server = Server::start(config, move |_| PassThrough {
        upstreams: Upstreams::new(connector.clone(), PoolLimits::default()),
        provider: Arc::clone(&provider),
    })?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(asked_to_end())?;
    Ok(())
}
