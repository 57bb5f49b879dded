//! A server in front of an API server: it counts what passes, and answers in its place when a test says so.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::control_plane::ControlPlane;

/// What passed, or was kept from passing.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When it came.
    pub at: Instant,
    /// Its method.
    pub method: Method,
    /// Path and query.
    pub path: String,
}

impl Asked {
    /// Whether it begins a watch.
    pub fn is_watch(&self) -> bool {
        self.path.contains("watch=1") || self.path.contains("watch=true")
    }

    /// Whether it lists resources, or watches them, whose plural name this is.
    pub fn is_of(&self, plural: &str) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        path.split('/').any(|part| part == plural)
    }

    /// Whether it writes a status.
    pub fn writes_status(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        self.method == Method::PATCH && path.ends_with("/status")
    }
}

/// What the proxy does with a request instead of passing it on.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It answers so, with plain text as a body, and perhaps `Retry-After` in seconds.
    Answer(u16, Option<u32>),
    /// It answers 200 and these bytes, and ends the answer in order.
    Say(Bytes),
    /// It answers 200 and these bytes, and breaks the connection.
    BreakAfter(Bytes),
    /// It waits before it passes the request on.
    Stall(Duration),
}

type Faults = Box<dyn FnMut(&Asked) -> Option<Fault> + Send>;

struct State {
    upstream: SocketAddr,
    tls: TlsConnector,
    asked: Mutex<Vec<Asked>>,
    faults: Mutex<Faults>,
    /// Counts how often everything under way was cut.
    cuts: watch::Sender<u64>,
}

/// A proxy, until it is dropped.
pub struct ApiProxy {
    addr: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

impl ApiProxy {
    /// Begins to pass on.
    ///
    /// # Errors
    /// When it cannot listen, or the server's authority cannot be read.
    pub async fn start(server: &ControlPlane) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(server.ca().as_bytes())?)?;
        let tls = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let url: Uri = server.url().parse()?;
        let upstream = url.authority().context("the server has an address")?;
        let state = Arc::new(State {
            upstream: upstream.as_str().parse()?,
            tls: TlsConnector::from(Arc::new(tls)),
            asked: Mutex::default(),
            faults: Mutex::new(Box::new(|_| None)),
            cuts: watch::Sender::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { addr, state, task })
    }

    /// Where it listens, without TLS.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// From now on these requests fail so. The last call stands.
    pub fn fail(&self, faults: impl FnMut(&Asked) -> Option<Fault> + Send + 'static) {
        *lock(&self.state.faults) = Box::new(faults);
    }

    /// From now on everything passes.
    pub fn pass(&self) {
        self.fail(|_| None);
    }

    /// Breaks every answer that is under way: all watches, above all.
    pub fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.state.asked).clone()
    }

    /// How many requests of a kind came so far.
    pub fn count(&self, of: impl Fn(&Asked) -> bool) -> usize {
        lock(&self.state.asked)
            .iter()
            .filter(|asked| of(asked))
            .count()
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Dropped with this task, so that nothing passes after it.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&state), request));
            // A client that goes away is no fault of anybody.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let asked = Asked {
        at: Instant::now(),
        method: request.method().clone(),
        path: request.uri().to_string(),
    };
    let fault = (lock(&state.faults))(&asked);
    lock(&state.asked).push(asked);
    match fault {
        Some(Fault::Answer(code, retry_after)) => {
            let mut answer = whole(code, Bytes::from_static(b"not now, says the test\n"));
            if let Some(seconds) = retry_after {
                let headers = answer.headers_mut();
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            return Ok(answer);
        }
        Some(Fault::Say(bytes)) => return Ok(whole(200, bytes)),
        Some(Fault::BreakAfter(bytes)) => {
            let broken = Err(std::io::Error::other("broken by the test"));
            let frames = futures_util::stream::iter([Ok(Frame::data(bytes)), broken]);
            return Ok(Response::new(StreamBody::new(frames).boxed_unsync()));
        }
        Some(Fault::Stall(time)) => tokio::time::sleep(time).await,
        None => {}
    }
    Ok(match pass(&state, request).await {
        Ok(answer) => answer,
        Err(_) => whole(502, Bytes::from_static(b"the API server does not answer\n")),
    })
}

fn whole(code: u16, bytes: Bytes) -> Response<Body> {
    let body = Full::new(bytes).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::IM_A_TEAPOT);
    answer
}

/// One connection for each request: a test counts requests, not microseconds.
async fn pass(state: &State, request: Request<Incoming>) -> Result<Response<Body>> {
    let stream = TcpStream::connect(state.upstream).await?;
    let name = ServerName::try_from(state.upstream.ip().to_string())?;
    let stream = state.tls.connect(name, stream).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    let host = HeaderValue::try_from(state.upstream.to_string())?;
    head.headers.insert(header::HOST, host);
    let answer = sender.send_request(Request::from_parts(head, body)).await?;
    let (head, body) = answer.into_parts();
    let mut cuts = state.cuts.subscribe();
    cuts.mark_unchanged();
    let frames = body
        .into_data_stream()
        .map(|bytes| bytes.map(Frame::data).map_err(std::io::Error::other));
    // The sender lives as long as the answer: without it the connection would end.
    let frames = futures_util::stream::unfold(
        (Box::pin(frames), cuts, Some(sender)),
        |(mut frames, mut cuts, sender)| async move {
            sender.as_ref()?;
            tokio::select! {
                frame = frames.next() => frame.map(|frame| (frame, (frames, cuts, sender))),
                _ = cuts.changed() => {
                    let broken = Err(std::io::Error::other("cut by the test"));
                    Some((broken, (frames, cuts, None)))
                }
            }
        },
    );
    Ok(Response::from_parts(
        head,
        StreamBody::new(frames).boxed_unsync(),
    ))
}
