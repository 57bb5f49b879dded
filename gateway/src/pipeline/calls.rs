//! The network calls that a guardrail makes: noted for the record, and told their place in the trace.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue};
use parapet_guardrails::client::{ClientError, ClientRequest, ClientResponse, HttpClient};
use parapet_policy::record::NetworkCall;
use parapet_policy::trace::{SpanId, TraceContext};

/// A guardrail's calls beyond this many are made and not noted.
pub(super) const MAX_NOTED: u32 = 32;

/// The calls of one guardrail. Cheap to clone; clones share what was noted.
#[derive(Clone, Debug)]
pub(super) struct Calls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    trace: Option<TraceContext>,
    /// The number of the first call's span; [`MAX_NOTED`] numbers from here on are this guardrail's.
    first: u32,
    noted: Mutex<Vec<NetworkCall>>,
}

impl Calls {
    /// For a request that began at `began`.
    pub(super) fn new(began: Instant, trace: Option<TraceContext>, first: u32) -> Self {
        Self(Arc::new(Inner {
            began,
            trace,
            first,
            noted: Mutex::default(),
        }))
    }

    /// A client that notes what goes through it.
    pub(super) fn noting(&self, inner: Arc<dyn HttpClient>) -> Arc<dyn HttpClient> {
        Arc::new(Noting {
            inner,
            calls: self.clone(),
        })
    }

    /// What was noted. A call that is still open was dropped.
    pub(super) fn take(&self) -> Vec<NetworkCall> {
        let mut calls = std::mem::take(&mut *self.lock());
        let now = self.now_us();
        for call in &mut calls {
            if call.status.is_none() && call.error.is_none() {
                call.error = Some("dropped");
                call.took_us = now.saturating_sub(call.start_us);
            }
        }
        calls
    }

    fn begin(&self, request: &mut ClientRequest) -> Option<usize> {
        let start_us = self.now_us();
        let mut noted = self.lock();
        let place = noted.len();
        let number = u32::try_from(place).ok().filter(|place| *place < MAX_NOTED);
        if let Some(trace) = &self.0.trace {
            let span = number.map_or(trace.span_id, |number| trace.span(self.0.first + number));
            put(&mut request.headers, trace, span);
        }
        noted.push(NetworkCall {
            server: server(&request.uri).into(),
            status: None,
            error: None,
            start_us,
            took_us: 0,
            span: self.0.first + number?,
        });
        Some(place)
    }

    fn end(&self, call: Option<usize>, result: &Result<ClientResponse, ClientError>) {
        let now = self.now_us();
        if let Some(call) = self.lock().get_mut(call.unwrap_or(usize::MAX)) {
            call.took_us = now.saturating_sub(call.start_us);
            match result {
                Ok(answer) => call.status = Some(answer.status.as_u16()),
                Err(error) => call.error = Some(word(error)),
            }
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<NetworkCall>> {
        self.0.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says in a call's headers which span it belongs to.
pub(crate) fn put(headers: &mut HeaderMap, trace: &TraceContext, span: SpanId) {
    if let Ok(value) = HeaderValue::from_bytes(&trace.traceparent(span)) {
        headers.insert("traceparent", value);
    }
    match trace.state.as_deref().map(HeaderValue::from_str) {
        Some(Ok(value)) => headers.insert("tracestate", value),
        Some(Err(_)) | None => headers.remove("tracestate"),
    };
}

fn server(uri: &http::Uri) -> String {
    let port = match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("https")) => 443,
        (None, Some(_) | None) => 80,
    };
    format!("{}:{port}", uri.host().unwrap_or("?"))
}

const fn word(error: &ClientError) -> &'static str {
    match error {
        ClientError::Unavailable { .. } => "unavailable",
        ClientError::AddressRefused { .. } => "address_refused",
        ClientError::TooLarge { .. } => "too_large",
        ClientError::BadAnswer { .. } => "bad_answer",
    }
}

struct Noting {
    inner: Arc<dyn HttpClient>,
    calls: Calls,
}

impl HttpClient for Noting {
    fn send(
        &self,
        mut request: ClientRequest,
    ) -> BoxFuture<'_, Result<ClientResponse, ClientError>> {
        let call = self.calls.begin(&mut request);
        Box::pin(async move {
            let result = self.inner.send(request).await;
            self.calls.end(call, &result);
            result
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{Method, StatusCode};
    use parapet_policy::trace::TraceId;

    use super::*;

    struct Answers(Option<u16>);

    impl HttpClient for Answers {
        fn send(
            &self,
            request: ClientRequest,
        ) -> BoxFuture<'_, Result<ClientResponse, ClientError>> {
            Box::pin(async move {
                let Some(status) = self.0 else {
                    return std::future::pending().await;
                };
                Ok(ClientResponse {
                    status: StatusCode::from_u16(status).unwrap(),
                    headers: request.headers,
                    body: Bytes::new(),
                })
            })
        }
    }

    fn request() -> ClientRequest {
        ClientRequest {
            method: Method::POST,
            uri: "https://judge.example/v1".parse().unwrap(),
            headers: HeaderMap::from_iter([(
                http::HeaderName::from_static("tracestate"),
                HeaderValue::from_static("of=the-config"),
            )]),
            body: Bytes::new(),
            max_answer: 1,
        }
    }

    fn calls() -> Calls {
        let trace = TraceContext {
            trace_id: TraceId::new(0xabc),
            span_id: SpanId::new(1),
            parent: None,
            state: Some("vendor=1".into()),
            sampled: false,
        };
        Calls::new(Instant::now(), Some(trace), 4)
    }

    #[tokio::test]
    async fn a_call_is_noted_and_carries_the_trace() {
        let calls = calls();
        let client = calls.noting(Arc::new(Answers(Some(429))));
        let answer = client.send(request()).await.unwrap();
        let noted = calls.take();
        assert_eq!(noted.len(), 1);
        assert_eq!(&*noted[0].server, "judge.example:443");
        assert_eq!((noted[0].status, noted[0].error), (Some(429), None));
        let span = calls.0.trace.as_ref().unwrap().span(noted[0].span);
        let expected = format!("00-{:032x}-{span}-00", 0xabc);
        assert_eq!(answer.headers["traceparent"], expected.as_str());
        assert_eq!(answer.headers["tracestate"], "vendor=1");
    }

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_was_dropped() {
        let calls = calls();
        let client = calls.noting(Arc::new(Answers(None)));
        let mut call = client.send(request());
        assert!(futures_util::poll!(&mut call).is_pending());
        drop(call);
        assert_eq!(calls.take()[0].error, Some("dropped"));
    }

    #[tokio::test]
    async fn what_is_noted_is_bounded() {
        let calls = calls();
        let client = calls.noting(Arc::new(Answers(Some(200))));
        for _ in 0..MAX_NOTED + 3 {
            client.send(request()).await.unwrap();
        }
        assert_eq!(calls.take().len(), MAX_NOTED as usize);
    }
}
