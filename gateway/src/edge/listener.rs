//! The traffic listener: one thread per core, each with its own runtime, socket and connections.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use http::Response;
use http::request::Parts;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::body::Body;
use super::connection::Connections;
use super::drain::{DrainTimes, Phase, Readiness};
use super::limits::{EdgeLimits, InFlight};
use super::serve::Serving;
use super::socket;
use super::tls::{Tls, TlsFiles};
use crate::timer;

/// A traffic thread's stack. Unoptimised builds keep every future that waits for another on it once more; what is not touched
/// costs no memory.
const STACK_BYTES: usize = 8 << 20;

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
        let unheard = |reason| StartError::Listen {
            address: config.listen,
            reason,
        };
        let sockets = socket::listen(config.listen, config.threads).map_err(unheard)?;
        let address = sockets
            .first()
            .map_or(Ok(config.listen), StdListener::local_addr)
            .map_err(unheard)?;
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
                .stack_size(STACK_BYTES)
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
        let serving = Rc::new(Serving::new(
            handler,
            &self.limits,
            self.tls.clone(),
            Arc::clone(&self.in_flight),
        ));
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
}
