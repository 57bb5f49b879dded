//! One call to a model: headers, sending, time limits, decoding.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use parapet_connect::{Connector, Decoder, Origin, UpstreamError};

use super::body::UpstreamBody;
use super::headers;
use super::pool::{Outbound, Pool, PoolLimits};
use super::provider::{Backend, Endpoint, HttpBackend, ReadyProvider};
use crate::timer;

/// How long an upstream may take.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// From the call until the answer's head.
    pub first_byte: Duration,
    /// Between two pieces of the answer.
    pub idle: Duration,
}

impl Default for CallLimits {
    /// 10 min for the first byte, as the SDKs have it for a whole answer that is not streamed; 2 min of silence.
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(600),
            idle: Duration::from_secs(120),
        }
    }
}

/// What to send.
#[derive(Debug)]
pub struct Call {
    /// Where to.
    pub endpoint: Endpoint,
    /// The client's query, e.g. `beta=true`.
    pub query: Option<String>,
    /// The client's headers as they came; what must not go on is taken out here.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The answer's head; its body follows.
#[derive(Debug)]
pub struct UpstreamResponse {
    /// As the upstream sent it.
    pub status: StatusCode,
    /// Without hop-by-hop headers and length.
    pub headers: HeaderMap,
    /// Decoded.
    pub body: UpstreamBody,
}

/// The way to all upstreams from one thread. Dropping the future of a call, or the body of its answer, ends the call
/// at the upstream.
pub struct Upstreams {
    pool: Rc<Pool>,
}

impl Upstreams {
    /// Must be called on a thread whose runtime takes local tasks.
    pub fn new(connector: Connector, limits: PoolLimits) -> Self {
        Self {
            pool: Pool::new(connector, limits),
        }
    }

    /// The connections, for tests and metrics.
    pub const fn pool(&self) -> &Rc<Pool> {
        &self.pool
    }

    /// Calls, and waits for the head of the answer.
    ///
    /// # Errors
    /// See [`UpstreamError`]. An answer with an error status is an answer.
    pub async fn call(
        &self,
        provider: &ReadyProvider,
        call: Call,
        limits: CallLimits,
    ) -> Result<UpstreamResponse, UpstreamError> {
        match &provider.backend {
            Backend::Http(http) => {
                match timer::timeout(limits.first_byte, self.call_http(http, call, limits.idle))
                    .await
                {
                    Ok(result) => result,
                    Err(timer::Elapsed) => Err(UpstreamError::FirstByteTimeout {
                        host: http.origin.name().to_owned(),
                        limit: limits.first_byte,
                    }),
                }
            }
            Backend::Demo(demo) => Ok(demo.answer(call.endpoint.dialect(), &call.body)),
        }
    }

    async fn call_http(
        &self,
        http: &HttpBackend,
        call: Call,
        idle: Duration,
    ) -> Result<UpstreamResponse, UpstreamError> {
        let mut outgoing = call.headers;
        headers::to_upstream(&mut outgoing);
        http.sign(&mut outgoing);
        let with_query = call
            .query
            .and_then(|query| http.target.with_query(&http.origin, &query));
        let target = with_query.as_ref().unwrap_or(&http.target);
        let outbound = Outbound {
            method: Method::POST,
            path: target.path.clone(),
            absolute: target.absolute.clone(),
            headers: outgoing,
            body: call.body,
        };
        exchange(&self.pool, &http.origin, outbound, idle).await
    }
}

/// Sends, and waits for the head of the answer, which is made fit for the client.
pub(super) async fn exchange(
    pool: &Rc<Pool>,
    origin: &Origin,
    outbound: Outbound,
    idle: Duration,
) -> Result<UpstreamResponse, UpstreamError> {
    let (response, lease) = pool.send(origin, outbound).await?;
    let (head, incoming) = response.into_parts();
    let mut headers = head.headers;
    let decoder = Decoder::of(&headers).map_err(|error| UpstreamError::BadAnswer {
        host: origin.name().to_owned(),
        reason: error.reason().to_owned(),
    })?;
    headers::to_client(&mut headers, decoder.is_some());
    let body = UpstreamBody::http(incoming, lease, origin.clone(), idle, decoder);
    Ok(UpstreamResponse {
        status: head.status,
        headers,
        body,
    })
}
