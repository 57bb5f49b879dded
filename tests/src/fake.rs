//! A scripted HTTP server. The test decides every answer, byte by byte when it wants; every call is kept.

mod body;
mod live;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use body::ScriptedBody;

pub use live::{Line, Live};

/// What the server is to answer to one call.
#[derive(Clone, Debug)]
pub struct Reply {
    /// How long it thinks before the head of the answer goes out.
    pub after: Duration,
    /// The status.
    pub status: u16,
    /// Headers, sent as they stand.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub steps: Vec<Step>,
}

/// One step of a body.
#[derive(Clone, Debug)]
pub enum Step {
    /// These bytes, in a write of their own.
    Send(Bytes),
    /// Silence for so long.
    Pause(Duration),
    /// What a [`Line`] is given while the answer is under way, until the line is dropped.
    Live(Live),
    /// Silence until the other side gives up.
    Hang,
    /// The connection breaks in the middle of the body.
    Cut,
}

impl Reply {
    /// An answer with a whole body.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            after: Duration::ZERO,
            status,
            headers: vec![("content-type".into(), content_type.into())],
            steps: vec![Step::Send(body.into())],
        }
    }

    /// A JSON answer.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// An event stream, one write for each of `pieces`.
    pub fn event_stream(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self {
            after: Duration::ZERO,
            status: 200,
            headers: vec![("content-type".into(), "text/event-stream".into())],
            steps: pieces.into_iter().map(Step::Send).collect(),
        }
    }

    /// Takes the call and never answers.
    pub fn silence() -> Self {
        Self::new(200, "application/json", "").after(Duration::from_secs(3600))
    }

    /// The same after thinking for so long.
    #[must_use]
    pub const fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with the body written in pieces of at most `size` bytes, wherever that cuts.
    #[must_use]
    pub fn cut_every(mut self, size: usize) -> Self {
        let whole: Vec<u8> = self.body_bytes();
        self.steps = whole
            .chunks(size.max(1))
            .map(|piece| Step::Send(Bytes::copy_from_slice(piece)))
            .collect();
        self
    }

    /// The same, gzipped, with the header that says so.
    #[must_use]
    pub fn gzip(mut self) -> Self {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        // A Vec takes every write.
        let _ = encoder.write_all(&self.body_bytes());
        self.steps = vec![Step::Send(encoder.finish().unwrap_or_default().into())];
        self.header("content-encoding", "gzip")
    }

    /// All bytes that the steps send.
    pub fn body_bytes(&self) -> Vec<u8> {
        let mut whole = Vec::new();
        for step in &self.steps {
            match step {
                Step::Send(bytes) => whole.extend_from_slice(bytes),
                Step::Pause(_) | Step::Live(_) | Step::Hang | Step::Cut => {}
            }
        }
        whole
    }
}

/// How far a call got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// The answer is still under way.
    Open,
    /// The whole answer went out.
    Done,
    /// The caller went away, or the script broke the connection, before the end.
    Gone,
}

/// One call that the server received.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// HTTP/1.1 or HTTP/2.
    pub version: http::Version,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// When the head arrived.
    pub at: Instant,
    /// How far its answer got.
    pub progress: Progress,
}

impl Call {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's value, when there is one and it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The calls so far, and a bell that rings with every change.
#[derive(Debug, Default)]
pub(crate) struct Log {
    calls: Mutex<Vec<Call>>,
    bell: Notify,
}

impl Log {
    fn open(&self, call: Call) -> usize {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push(call);
        let index = calls.len() - 1;
        drop(calls);
        self.bell.notify_waiters();
        index
    }

    pub(crate) fn close(&self, index: usize, progress: Progress) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(call) = calls.get_mut(index) {
            call.progress = progress;
        }
        drop(calls);
        self.bell.notify_waiters();
    }
}

type Answer = dyn Fn(&Call) -> Reply + Send + Sync;

/// A running server. It stops when dropped.
pub struct Fake {
    addr: SocketAddr,
    log: Arc<Log>,
    task: JoinHandle<()>,
}

impl Fake {
    /// Starts a server on a free local port that answers every call with what `answer` says.
    pub async fn start(answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Result<Self> {
        Self::launch("127.0.0.1:0", Arc::new(answer), None).await
    }

    /// The same on a given address, to bring a server back where it was.
    pub async fn start_at(
        addr: &str,
        answer: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::launch(addr, Arc::new(answer), None).await
    }

    /// The same behind TLS; HTTP/2 when `config` offers it.
    pub async fn start_tls(
        config: rustls::ServerConfig,
        answer: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::launch(
            "127.0.0.1:0",
            Arc::new(answer),
            Some(TlsAcceptor::from(Arc::new(config))),
        )
        .await
    }

    async fn launch(addr: &str, answer: Arc<Answer>, tls: Option<TlsAcceptor>) -> Result<Self> {
        let listener = TcpListener::bind(addr)
            .await
            .with_context(|| format!("binding a fake to {addr}"))?;
        let addr = listener
            .local_addr()
            .context("reading the fake's address")?;
        let log = Arc::new(Log::default());
        let task = tokio::spawn(accept(listener, answer, Arc::clone(&log), tls));
        Ok(Self { addr, log, task })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.log
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Forgets the calls so far and returns them. Only between scenarios: a call under way is forgotten too.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(
            &mut *self
                .log
                .calls
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Waits until the calls so far satisfy `done`; after `limit` returns them as they are.
    pub async fn wait_for(&self, limit: Duration, done: impl Fn(&[Call]) -> bool) -> Vec<Call> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let bell = self.log.bell.notified();
            tokio::pin!(bell);
            bell.as_mut().enable();
            let calls = self.calls();
            if done(&calls) || tokio::time::timeout_at(deadline, bell).await.is_err() {
                return calls;
            }
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    answer: Arc<Answer>,
    log: Arc<Log>,
    tls: Option<TlsAcceptor>,
) {
    // Connections die with the server: a stopped fake must look stopped on kept connections too.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        // Without it small writes would be merged, and the script's cuts would be lost.
        let _ = stream.set_nodelay(true);
        let (answer, log, tls) = (Arc::clone(&answer), Arc::clone(&log), tls.clone());
        connections.spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                serve(request, Arc::clone(&answer), Arc::clone(&log))
            });
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            // What the gateway does to the connection is what tests look at in the log, not here.
            let _ = match tls {
                None => server.serve_connection(TokioIo::new(stream), service).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => server.serve_connection(TokioIo::new(stream), service).await,
                    Err(_) => return,
                },
            };
        });
    }
}

/// Marks a call as gone when it is dropped before its answer began.
struct Thinking {
    log: Arc<Log>,
    index: usize,
    armed: bool,
}

impl Drop for Thinking {
    fn drop(&mut self) {
        if self.armed {
            self.log.close(self.index, Progress::Gone);
        }
    }
}

async fn serve(
    request: Request<Incoming>,
    answer: Arc<Answer>,
    log: Arc<Log>,
) -> Result<Response<ScriptedBody>, Infallible> {
    let (head, body) = request.into_parts();
    let at = Instant::now();
    let whole = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let call = Call {
        method: head.method.to_string(),
        path: head
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string),
        version: head.version,
        headers: head.headers,
        body: whole.unwrap_or_default(),
        at,
        progress: Progress::Open,
    };
    let reply = answer(&call);
    let index = log.open(call);
    let mut thinking = Thinking {
        log: Arc::clone(&log),
        index,
        armed: true,
    };
    if !reply.after.is_zero() {
        tokio::time::sleep(reply.after).await;
    }
    thinking.armed = false;
    let mut response = Response::new(ScriptedBody::new(VecDeque::from(reply.steps), log, index));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    for (name, value) in &reply.headers {
        let name = http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_str(value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}
