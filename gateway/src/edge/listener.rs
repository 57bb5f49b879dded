//! The traffic listener: one thread per core, each with its own runtime, socket and connections.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::body::Body;
use super::connection::{Connections, InUse, Io, Late, Open, Transport};
use super::drain::{DrainTimes, Phase, Readiness};
use super::limits::{EdgeLimits, InFlight, Lease};
use super::tls::{Tls, TlsFiles};
use crate::timer;

/// Answers requests. Each traffic thread has its own, so nothing in it needs to be `Send`.
pub trait Handler: 'static {
    /// Answers one request. The future is dropped when the client goes away before the answer's head; the
    /// body, when it does so later.
    fn handle(
        &self,
        head: Parts,
        body: Incoming,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Body>>;

    /// The answer, 503 with `retry-after`, when there are too many requests in flight.
    fn overloaded(&self, head: &Parts) -> Response<Body>;
}

/// What to listen on, and how.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many threads serve; at least one.
    pub threads: usize,
    /// Serves TLS with these files.
    pub tls: Option<TlsFiles>,
    /// Limits.
    pub limits: EdgeLimits,
}

/// A listener that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        reason: io::Error,
    },
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] super::tls::TlsError),
    /// A thread or its runtime could not be made.
    #[error("cannot start a traffic thread: {0}")]
    Thread(io::Error),
}

/// The running listener. Dropping it cuts everything; [`Server::drain`] does not.
pub struct Server {
    address: SocketAddr,
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
    in_flight: Arc<InFlight>,
    cut: Arc<AtomicUsize>,
}

impl Server {
    /// Starts. `handler` runs once on every thread, inside its runtime, with the thread's number.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start<H, F>(config: ListenerConfig, handler: F) -> Result<Self, StartError>
    where
        H: Handler,
        F: Fn(usize) -> H + Send + Sync + 'static,
    {
        let tls = config.tls.map(Tls::load).transpose()?;
        let listen =
            |address| bind(address).map_err(|reason| StartError::Listen { address, reason });
        let first = listen(config.listen)?;
        let address = first.local_addr().map_err(StartError::Thread)?;
        let mut sockets = vec![first];
        while sockets.len() < config.threads {
            sockets.push(listen(address)?);
        }
        let (phase, _) = watch::channel(Phase::Serving);
        let mut server = Self {
            address,
            threads: Vec::with_capacity(sockets.len()),
            in_flight: InFlight::new(config.limits.max_in_flight),
            cut: Arc::default(),
            phase,
        };
        let handler = Arc::new(handler);
        for (number, socket) in sockets.into_iter().enumerate() {
            let thread = Thread {
                limits: config.limits.clone(),
                tls: tls.clone(),
                in_flight: Arc::clone(&server.in_flight),
                phase: server.phase.subscribe(),
                cut: Arc::clone(&server.cut),
                watches_tls: number == 0,
            };
            let handler = Arc::clone(&handler);
            let runtime = move || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build_local(Default::default())
            };
            let (ready, started) = std::sync::mpsc::channel();
            let run = move || match runtime() {
                Ok(runtime) => {
                    let _ = ready.send(Ok(()));
                    runtime.block_on(async { thread.serve(socket, handler(number)).await });
                }
                Err(error) => drop(ready.send(Err(error))),
            };
            let spawned = std::thread::Builder::new()
                .name(format!("traffic-{number}"))
                .spawn(run);
            server.threads.push(spawned.map_err(StartError::Thread)?);
            started
                .recv()
                .unwrap_or_else(|gone| Err(io::Error::other(gone)))
                .map_err(StartError::Thread)?;
        }
        Ok(server)
    }

    /// The address with the port that was taken.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The requests in flight.
    pub const fn in_flight(&self) -> &Arc<InFlight> {
        &self.in_flight
    }

    /// Ends without losing a request: readiness off, after `notice` no new connections, after `limit` the rest
    /// is cut. Returns how many connections were.
    pub async fn drain(mut self, readiness: &Readiness, times: DrainTimes) -> usize {
        readiness.set(false);
        tokio::time::sleep(times.notice).await;
        self.phase.send_replace(Phase::Draining);
        let threads = std::mem::take(&mut self.threads);
        let joined =
            tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| drop(t.join())));
        let mut joined = std::pin::pin!(joined);
        if tokio::time::timeout(times.limit, joined.as_mut())
            .await
            .is_err()
        {
            self.phase.send_replace(Phase::Cut);
            let _ = joined.await;
        }
        self.cut.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Cut);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What one traffic thread needs.
struct Thread {
    limits: EdgeLimits,
    tls: Option<Tls>,
    in_flight: Arc<InFlight>,
    phase: watch::Receiver<Phase>,
    cut: Arc<AtomicUsize>,
    watches_tls: bool,
}

impl Thread {
    async fn serve<H: Handler>(mut self, socket: StdListener, handler: H) {
        let listener = match TcpListener::from_std(socket) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "a traffic thread cannot use its socket");
                return;
            }
        };
        tokio::task::spawn_local(timer::run());
        // The timers must run before the first connection is timed.
        tokio::task::yield_now().await;
        let connections = Connections::new(&self.limits);
        let swept = Rc::clone(&connections);
        tokio::task::spawn_local(async move {
            loop {
                timer::sleep(timer::TICK).await;
                swept.sweep();
            }
        });
        if let (true, Some(tls)) = (self.watches_tls, self.tls.clone()) {
            tokio::task::spawn_local(tls.watch());
        }
        let serving = Rc::new(Serving {
            handler,
            http1: self.http1(),
            http2: self.http2(),
            tls: self.tls.clone(),
            in_flight: Arc::clone(&self.in_flight),
            handshake_timeout: self.limits.handshake_timeout,
        });
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let (serving, open) = (Rc::clone(&serving), connections.open());
                        tokio::task::spawn_local(async move { serving.connection(stream, peer, open).await });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        // Out of file descriptors, most likely: trying again at once would only spin.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                phase = self.phase.wait_for(|phase| *phase != Phase::Serving) => {
                    drop(phase);
                    break;
                }
            }
        }
        drop(listener);
        connections.drain();
        tokio::select! {
            () = connections.all_gone() => {}
            _ = self.phase.wait_for(|phase| *phase == Phase::Cut) => {
                self.cut.fetch_add(connections.count(), Ordering::Relaxed);
            }
        }
    }

    fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .max_header_size(self.limits.max_head)
            .header_read_timeout(None);
        builder
    }

    fn http2(&self) -> http2::Builder<LocalExecutor> {
        let mut builder = http2::Builder::new(LocalExecutor);
        builder
            .max_header_list_size(u32::try_from(self.limits.max_head).unwrap_or(u32::MAX))
            .max_concurrent_streams(self.limits.max_streams);
        builder
    }
}

/// Spawns on the thread's own runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalExecutor;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// What a thread's connections share.
struct Serving<H> {
    handler: H,
    http1: http1::Builder,
    http2: http2::Builder<LocalExecutor>,
    tls: Option<Tls>,
    in_flight: Arc<InFlight>,
    handshake_timeout: Duration,
}

/// Sent when a head does not arrive in time; there is no route yet whose dialect could be spoken.
const LATE_HEAD: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

impl<H: Handler> Serving<H> {
    async fn connection(self: Rc<Self>, stream: TcpStream, peer: SocketAddr, open: Open) {
        // Without this, small writes wait for acknowledgements. A socket that refuses it is already dead.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let Some((transport, multiplexed)) = self.negotiate(stream, &open).await else {
            return;
        };
        let io = Io::new(transport, &open.state);
        let state = Rc::clone(&open.state);
        let serving = Rc::clone(&self);
        let service = service_fn(move |request| {
            let (serving, in_use) = (Rc::clone(&serving), InUse::new(&state));
            async move { Ok::<_, Infallible>(serving.request(request, peer, in_use).await) }
        });
        if multiplexed {
            let connection = std::pin::pin!(self.http2.serve_connection(io, service));
            open.serve(true, connection).await;
        } else {
            let mut connection = self.http1.serve_connection(io, service);
            if open.serve(false, Pin::new(&mut connection)).await == Some(Late::Head) {
                let mut transport = connection.into_parts().io.into_transport();
                // As much as fits at once: this client gets no more patience.
                let _ = timer::timeout(timer::TICK, transport.write_all(LATE_HEAD)).await;
            }
        }
    }

    /// TLS, and which version of HTTP the client speaks; none when it does not get so far in time.
    async fn negotiate(&self, stream: TcpStream, open: &Open) -> Option<(Transport, bool)> {
        match &self.tls {
            None => {
                let looked = timer::timeout(self.handshake_timeout, speaks_http2(&stream));
                match open.unless_draining(looked).await? {
                    Ok(Ok(multiplexed)) => Some((Transport::Plain(stream), multiplexed)),
                    Ok(Err(_)) => None,
                    // Nothing said at all: served as HTTP/1, and the sweep ends it.
                    Err(timer::Elapsed) => Some((Transport::Plain(stream), false)),
                }
            }
            Some(tls) => {
                let handshake = TlsAcceptor::from(tls.current()).accept(stream);
                let stream = timer::timeout(self.handshake_timeout, handshake)
                    .await
                    .ok()?
                    .ok()?;
                let multiplexed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Some((Transport::Tls(Box::new(stream)), multiplexed))
            }
        }
    }

    async fn request(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        in_use: InUse,
    ) -> Response<Body> {
        let (lease, admitted) = Lease::take(&self.in_flight, in_use);
        let (head, body) = request.into_parts();
        let mut response = if admitted {
            self.handler.handle(head, body, peer).await
        } else {
            super::read::discard(body);
            self.handler.overloaded(&head)
        };
        response.body_mut().hold(lease);
        response
    }
}

/// How an HTTP/2 client begins, on a connection without TLS.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Looks at the first bytes without taking them.
async fn speaks_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut begin = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut begin).await?;
        let same = begin.iter().zip(PREFACE).take(seen).all(|(a, b)| a == b);
        if !same || seen == 0 {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        // A preface in pieces is rare; what has come stays readable, so only time can be waited for.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
