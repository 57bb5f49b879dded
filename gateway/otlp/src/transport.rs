//! One message to a collector, over HTTP or gRPC, through the one connector.
//!
//! gRPC here is one call with one message each way, which is a POST over HTTP/2 with five bytes in front of each message and
//! a status in the trailers: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use std::io::Write as _;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, TE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use parapet_connect::{Connector, ConnectorError, Dial};

use crate::fields::{self, Field};
use crate::settings::{Protocol, Signal};

/// A collector's answer is empty, or a few words.
const MAX_ANSWER: usize = 64 << 10;
/// Below the 75 s after which many servers close.
const IDLE: Duration = Duration::from_secs(60);
/// How often a connection is asked whether it lives: one behind which nobody is left would fail call after call.
const ALIVE: Duration = Duration::from_secs(20);

/// The way to a collector for one signal.
pub struct Transport {
    client: Client<Dial, Full<Bytes>>,
    signal: Signal,
    agent: HeaderValue,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("signal", &self.signal)
            .finish_non_exhaustive()
    }
}

/// Why a message did not arrive.
#[derive(Debug)]
pub struct Failed {
    /// In a few words; never what the collector wrote.
    pub why: String,
    /// Whether it may arrive another time.
    pub again: bool,
    /// Whether the message is at fault: whoever has patience may try anything else again.
    pub of_message: bool,
    /// When the collector wants to be asked again.
    pub after: Option<Duration>,
}

impl Failed {
    /// It may arrive another time.
    pub fn for_now(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            again: true,
            of_message: false,
            after: None,
        }
    }

    /// It never will.
    pub fn for_good(why: impl Into<String>) -> Self {
        Self {
            again: false,
            of_message: true,
            ..Self::for_now(why)
        }
    }
}

impl Transport {
    /// Through `connector`, with the signal's own trust; `agent` is what it calls itself.
    ///
    /// # Errors
    /// When certificates or keys cannot be read.
    pub fn new(
        connector: &Connector,
        signal: Signal,
        agent: &'static str,
    ) -> Result<Self, ConnectorError> {
        let connector = match (&signal.ca, &signal.identity) {
            (None, None) => connector.clone(),
            (ca, identity) => connector.with_trust(ca.as_deref(), identity.as_ref())?,
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http2_only(signal.protocol == Protocol::Grpc)
            .http2_keep_alive_interval(ALIVE)
            .build(Dial(connector));
        Ok(Self {
            client,
            signal,
            agent: HeaderValue::from_static(agent),
        })
    }

    /// Sends a message, once. Tells how much of it the collector refused.
    ///
    /// # Errors
    /// When it did not arrive, and whether it may another time.
    pub async fn send(&self, message: &Bytes) -> Result<u64, Failed> {
        let request = self.request(message)?;
        let exchange = async {
            let answer = self
                .client
                .request(request)
                .await
                // What lies behind may quote an address, and nothing else.
                .map_err(|error| Failed::for_now(reason(&error)))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER)
                .collect()
                .await
                .map_err(|_| Failed::for_now("its answer cannot be read"))?;
            let trailers = body.trailers().cloned().unwrap_or_default();
            Ok((head, trailers, body.to_bytes()))
        };
        let (head, trailers, body) = match tokio::time::timeout(self.signal.timeout, exchange).await
        {
            Ok(result) => result?,
            Err(_) => return Err(Failed::for_now("it did not answer in time")),
        };
        match self.signal.protocol {
            Protocol::Http => http_result(head.status, &head.headers, &body),
            Protocol::Grpc => grpc_result(head.status, &head.headers, &trailers, &body),
        }
    }

    fn request(&self, message: &Bytes) -> Result<Request<Full<Bytes>>, Failed> {
        let Signal {
            protocol,
            uri,
            headers,
            gzip,
            timeout,
            ..
        } = &self.signal;
        let message = match gzip {
            true => pack(message).map_err(|_| Failed::for_good("compressing failed"))?,
            // Shared, not copied.
            false => message.clone(),
        };
        let mut headers = headers.clone();
        headers.insert(USER_AGENT, self.agent.clone());
        let body = match protocol {
            Protocol::Http => {
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/x-protobuf"),
                );
                if *gzip {
                    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                }
                message
            }
            Protocol::Grpc => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                headers.insert(TE, HeaderValue::from_static("trailers"));
                if *gzip {
                    headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
                }
                // At most eight digits are allowed; hours of milliseconds fit.
                let limit = format!("{}m", timeout.as_millis().min(99_999_999));
                if let Ok(limit) = HeaderValue::try_from(limit) {
                    headers.insert("grpc-timeout", limit);
                }
                let length = u32::try_from(message.len())
                    .map_err(|_| Failed::for_good("the message is too large"))?;
                let mut framed = BytesMut::with_capacity(5 + message.len());
                framed.put_u8(u8::from(*gzip));
                framed.put_u32(length);
                framed.put_slice(&message);
                framed.freeze()
            }
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }
}

fn pack(message: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(message.len() / 4), Compression::fast());
    encoder.write_all(message)?;
    encoder.finish().map(Bytes::from)
}

/// The innermost reason: the outer ones say that a request failed.
fn reason(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(inner) = error.source() {
        error = inner;
    }
    error.to_string()
}

fn http_result(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<u64, Failed> {
    if status.is_success() {
        return Ok(rejected(body));
    }
    let after = headers.get(RETRY_AFTER).and_then(|value| {
        let seconds: u64 = value.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    });
    Err(Failed {
        why: format!("it answered with status {}", status.as_u16()),
        // As the specification has it.
        again: matches!(status.as_u16(), 429 | 502 | 503 | 504),
        of_message: matches!(status.as_u16(), 400 | 413 | 415 | 422),
        after,
    })
}

/// Codes after which the specification wants another attempt: cancelled, deadline exceeded, aborted, out of range,
/// unavailable, data loss. Resource exhausted would need details that say so.
const AGAIN: [u16; 6] = [1, 4, 10, 11, 14, 15];

/// The code by which a server says that the message can never be taken.
const INVALID_ARGUMENT: u16 = 3;

fn grpc_result(
    status: StatusCode,
    headers: &HeaderMap,
    trailers: &HeaderMap,
    body: &[u8],
) -> Result<u64, Failed> {
    let code = trailers
        .get("grpc-status")
        .or_else(|| headers.get("grpc-status"))
        .and_then(|value| value.to_str().ok()?.parse::<u16>().ok());
    match code {
        Some(0) => Ok(rejected(body.get(5..).unwrap_or_default())),
        Some(code) => Err(Failed {
            why: format!("it answered with gRPC status {code}"),
            again: AGAIN.contains(&code),
            of_message: code == INVALID_ARGUMENT,
            after: None,
        }),
        // Not gRPC: something in between answered, or the wrong port.
        None => Err(Failed {
            why: format!("it does not speak gRPC; HTTP status {}", status.as_u16()),
            again: matches!(status.as_u16(), 429 | 502 | 503 | 504),
            of_message: false,
            after: None,
        }),
    }
}

/// `partial_success.rejected_*` of either signal's answer.
fn rejected(mut answer: &[u8]) -> u64 {
    const PARTIAL: u64 = 1;
    const REJECTED: u64 = 1;
    while let Some((number, field)) = fields::read(&mut answer) {
        let (PARTIAL, Field::Bytes(mut partial)) = (number, field) else {
            continue;
        };
        while let Some((number, field)) = fields::read(&mut partial) {
            if let (REJECTED, Field::Number(count)) = (number, field) {
                return count;
            }
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use prost::Message as _;

    use super::*;

    #[test]
    fn what_a_collector_refused_is_told() {
        let answer = ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans: 300,
                error_message: "no".to_owned(),
            }),
        };
        let answer = answer.encode_to_vec();
        let headers = HeaderMap::new();
        assert_eq!(http_result(StatusCode::OK, &headers, &answer).unwrap(), 300);
        assert_eq!(http_result(StatusCode::OK, &headers, b"{}").unwrap(), 0);
        let framed = [&[0; 5][..], &answer].concat();
        let trailers = HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            HeaderValue::from_static("0"),
        )]);
        let told = grpc_result(StatusCode::OK, &headers, &trailers, &framed);
        assert_eq!(told.unwrap(), 300);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (status, again) in [(400, false), (401, false), (404, false), (500, false)] {
            let status = StatusCode::from_u16(status).unwrap();
            let failed = http_result(status, &HeaderMap::new(), b"").unwrap_err();
            assert_eq!(failed.again, again);
            assert_eq!(failed.of_message, status == StatusCode::BAD_REQUEST);
        }
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7"))]);
        let failed = http_result(StatusCode::SERVICE_UNAVAILABLE, &headers, b"").unwrap_err();
        assert_eq!(
            (failed.again, failed.after),
            (true, Some(Duration::from_secs(7)))
        );
        for (code, again) in [("14", true), ("16", false), ("8", false), ("x", false)] {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-status"),
                HeaderValue::from_static(code),
            )]);
            let failed = grpc_result(StatusCode::OK, &headers, &HeaderMap::new(), b"");
            assert_eq!(failed.unwrap_err().again, again, "{code}");
        }
    }
}
