//! The guardrails' client: one bounded exchange over the connector.
//!
//! Guardrail services are called from every thread and rarely, so their connections are shared and live on the
//! main runtime, where no traffic keeps them waiting.

use std::error::Error as _;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error as LegacyError};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parapet_guardrails::client::{ClientError, ClientRequest, ClientResponse, HttpClient};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tower_service::Service;

use super::connector::Connector;
use super::decode::{DecodeError, Decoder};
use super::error::UpstreamError;
use super::origin::Origin;
use super::outgoing::Outgoing;

/// Idle connections to one service.
const MAX_IDLE: usize = 64;
/// As for models: below the 75 s after which many servers close.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Sends guardrails' requests. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct SharedClient {
    client: Client<Dial, Full<Bytes>>,
    runtime: Handle,
}

impl SharedClient {
    /// A client whose connections live on `runtime`.
    pub fn new(connector: Connector, runtime: Handle) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(MAX_IDLE)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .build(Dial(connector));
        Self { client, runtime }
    }
}

impl HttpClient for SharedClient {
    fn send(&self, request: ClientRequest) -> BoxFuture<'_, Result<ClientResponse, ClientError>> {
        Box::pin(async move {
            let task = AbortOnDrop(self.runtime.spawn(exchange(self.client.clone(), request)));
            task.await
        })
    }
}

/// A task that ends with the one who waits for it.
struct AbortOnDrop(JoinHandle<Result<ClientResponse, ClientError>>);

impl Future for AbortOnDrop {
    type Output = Result<ClientResponse, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|joined| {
            joined.unwrap_or_else(|_| {
                let (host, reason) = (
                    "the service".to_owned(),
                    "the gateway is shutting down".to_owned(),
                );
                Err(ClientError::Unavailable { host, reason })
            })
        })
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange(
    client: Client<Dial, Full<Bytes>>,
    request: ClientRequest,
) -> Result<ClientResponse, ClientError> {
    let ClientRequest {
        method,
        uri,
        headers,
        body,
        max_answer,
    } = request;
    let origin = Origin::of(&uri).map_err(|error| ClientError::Unavailable {
        host: uri.host().unwrap_or("the service").to_owned(),
        reason: error.to_string(),
    })?;
    let mut outgoing = Request::new(Full::new(body));
    *outgoing.method_mut() = method;
    *outgoing.uri_mut() = uri;
    *outgoing.headers_mut() = headers;
    outgoing.headers_mut().insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    let response = client
        .request(outgoing)
        .await
        .map_err(|error| translate(&origin, &error))?;
    let (head, incoming) = response.into_parts();
    let body = read(&origin, &head.headers, incoming, max_answer).await?;
    Ok(ClientResponse {
        status: head.status,
        headers: head.headers,
        body,
    })
}

/// The whole body, decoded. No time limit: whoever asks keeps the deadline and drops the call.
async fn read(
    origin: &Origin,
    headers: &HeaderMap,
    mut incoming: Incoming,
    limit: usize,
) -> Result<Bytes, ClientError> {
    let host = || origin.name().to_owned();
    let undecodable = |error: DecodeError| ClientError::BadAnswer {
        host: host(),
        reason: error.reason().to_owned(),
    };
    let mut decoder = Decoder::of(headers).map_err(undecodable)?;
    let mut all = BytesMut::new();
    let mut add = |piece: &[u8]| {
        if piece.len() > limit - all.len() {
            return Err(ClientError::TooLarge {
                host: host(),
                limit,
            });
        }
        all.extend_from_slice(piece);
        Ok(())
    };
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| client_error(super::error::cut(origin, &error)))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        match &mut decoder {
            None => add(&data)?,
            Some(decoder) => add(&decoder.decode(&data).map_err(undecodable)?)?,
        }
    }
    if let Some(decoder) = &mut decoder {
        add(&decoder.finish().map_err(undecodable)?)?;
    }
    Ok(all.freeze())
}

fn translate(origin: &Origin, error: &LegacyError) -> ClientError {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(ours) = inner.downcast_ref::<UpstreamError>() {
            return client_error(ours.clone());
        }
        if let Some(hyper) = inner.downcast_ref::<hyper::Error>() {
            return client_error(super::error::cut(origin, hyper));
        }
        source = inner.source();
    }
    ClientError::Unavailable {
        host: origin.name().to_owned(),
        reason: "the connection failed".to_owned(),
    }
}

fn client_error(error: UpstreamError) -> ClientError {
    match error {
        UpstreamError::Unreachable { host, reason } | UpstreamError::Cut { host, reason } => {
            ClientError::Unavailable { host, reason }
        }
        UpstreamError::AddressRefused { host } => ClientError::AddressRefused { host },
        UpstreamError::ConnectTimeout { host, limit }
        | UpstreamError::FirstByteTimeout { host, limit }
        | UpstreamError::IdleTimeout { host, limit } => ClientError::Unavailable {
            host,
            reason: format!("nothing came for {} s", limit.as_secs_f32()),
        },
        UpstreamError::TooLarge { host, limit } => ClientError::TooLarge { host, limit },
        UpstreamError::BadAnswer { host, reason } => ClientError::BadAnswer { host, reason },
    }
}

/// The connector as hyper-util's client wants it.
#[derive(Clone)]
pub struct Dial(pub Connector);

impl Service<Uri> for Dial {
    type Response = TokioIo<Outgoing>;
    type Error = UpstreamError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.0.clone();
        Box::pin(async move {
            let origin = Origin::of(&uri).map_err(|error| UpstreamError::Unreachable {
                host: uri.host().unwrap_or_default().to_owned(),
                reason: error.to_string(),
            })?;
            connector.connect(&origin).await.map(TokioIo::new)
        })
    }
}
