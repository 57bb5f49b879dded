//! Connections to upstreams, kept open between requests. One pool for each traffic thread: nothing is locked
//! and nothing wakes another thread.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use parapet_connect::{Connector, Origin, UpstreamError, cut};

use crate::edge::LocalExecutor;
use crate::timer;

/// How connections are kept.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Idle HTTP/1 connections kept for one origin on one thread.
    pub max_idle: usize,
    /// An idle connection is closed after at most this, and at least half of it.
    pub idle_timeout: Duration,
}

impl Default for PoolLimits {
    /// 60 s stays below the 75 s of nginx and others, so that the upstream rarely closes first.
    fn default() -> Self {
        Self {
            max_idle: 256,
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// A connection with calls on it is asked for a sign of life so often, and has so long to give it.
const PING: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// A connection that was idle for so long may be about to be closed by the server: uvicorn does it after 5 s, gunicorn
/// after 2 s.
const REST: Duration = Duration::from_secs(1);

type Sender1 = http1::SendRequest<Full<Bytes>>;
type Sender2 = http2::SendRequest<Full<Bytes>>;
type ByOrigin<T> = HashMap<Origin, T, foldhash::fast::RandomState>;

/// The connections of one thread.
pub struct Pool {
    connector: Connector,
    limits: PoolLimits,
    idle: RefCell<ByOrigin<Vec<Idle>>>,
    shared: RefCell<ByOrigin<Sender2>>,
    /// Grows twice in every idle timeout.
    age: Cell<u32>,
}

struct Idle {
    sender: Sender1,
    age: u32,
    /// Tick at which the last answer ended.
    since: u64,
}

/// What is sent: the same for both versions of HTTP, except for where the host stands.
pub struct Outbound {
    /// Usually POST.
    pub method: Method,
    /// Path and query.
    pub path: Uri,
    /// The whole URL, for HTTP/2.
    pub absolute: Uri,
    /// Without hop-by-hop headers and `host`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The connection of an HTTP/1 answer. It goes back to the pool with [`Lease::give_back`] when the answer was read
/// to its end; dropped before, the connection is closed, which tells the upstream to stop.
pub struct Lease {
    pool: Weak<Pool>,
    origin: Origin,
    sender: Sender1,
}

impl Lease {
    /// The answer is complete: the connection is free.
    pub fn give_back(self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.put(self.origin, self.sender);
        }
    }
}

/// One connection to send on.
enum Channel {
    One(Sender1),
    Many(Sender2),
}

impl Pool {
    /// An empty pool. Must be called on a thread whose runtime takes local tasks.
    pub fn new(connector: Connector, limits: PoolLimits) -> Rc<Self> {
        let pool = Rc::new(Self {
            connector,
            limits,
            idle: RefCell::default(),
            shared: RefCell::default(),
            age: Cell::new(0),
        });
        let weak = Rc::downgrade(&pool);
        tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(limits.idle_timeout / 2).await;
                let Some(pool) = weak.upgrade() else { return };
                pool.grow_older();
            }
        });
        pool
    }

    /// Connections that wait for a request.
    pub fn idle(&self) -> usize {
        self.idle.borrow().values().map(Vec::len).sum()
    }

    fn grow_older(&self) {
        let age = self.age.get().wrapping_add(1);
        self.age.set(age);
        self.idle.borrow_mut().retain(|_, list| {
            list.retain(|idle| !idle.sender.is_closed() && age.wrapping_sub(idle.age) < 2);
            !list.is_empty()
        });
        self.shared
            .borrow_mut()
            .retain(|_, sender| !sender.is_closed());
    }

    fn put(&self, origin: Origin, sender: Sender1) {
        if sender.is_closed() {
            return;
        }
        let idle = Idle {
            sender,
            age: self.age.get(),
            since: timer::now_ticks(),
        };
        let mut all = self.idle.borrow_mut();
        match all.get_mut(&origin) {
            Some(list) if list.len() >= self.limits.max_idle => {}
            Some(list) => list.push(idle),
            None => {
                all.insert(origin, vec![idle]);
            }
        }
    }

    /// An open connection, and whether it has rested for a while. The newest idle one is the least likely to be
    /// closed by the other side.
    fn reuse(&self, origin: &Origin) -> Option<(Channel, bool)> {
        if let Some(list) = self.idle.borrow_mut().get_mut(origin) {
            while let Some(idle) = list.pop() {
                if !idle.sender.is_closed() {
                    let rested =
                        timer::now_ticks().saturating_sub(idle.since) >= timer::ticks(REST);
                    return Some((Channel::One(idle.sender), rested));
                }
            }
        }
        let shared = self.shared.borrow();
        let open = shared.get(origin).filter(|sender| !sender.is_closed());
        open.map(|sender| (Channel::Many(sender.clone()), false))
    }

    async fn connect(&self, origin: &Origin) -> Result<Channel, UpstreamError> {
        let outgoing = self.connector.connect(origin).await?;
        let bad = |error: hyper::Error| cut(origin, &error);
        if outgoing.is_http2() {
            let (sender, connection) = http2::Builder::new(LocalExecutor)
                .timer(TokioTimer::new())
                .keep_alive_interval(PING)
                .keep_alive_timeout(PING_TIMEOUT)
                .handshake(TokioIo::new(outgoing))
                .await
                .map_err(bad)?;
            tokio::task::spawn_local(connection);
            self.shared
                .borrow_mut()
                .insert(origin.clone(), sender.clone());
            Ok(Channel::Many(sender))
        } else {
            let (sender, connection) = http1::handshake(TokioIo::new(outgoing))
                .await
                .map_err(bad)?;
            tokio::task::spawn_local(connection);
            Ok(Channel::One(sender))
        }
    }

    /// Sends and waits for the answer's head. No time limit of its own.
    ///
    /// A connection that turns out to be closed before anything was sent on it is replaced once by a new one. The same
    /// when it has rested and breaks before the answer, which is how a server's own idle limit looks from here, if the
    /// client's `idempotency-key` says that sending twice does no harm.
    ///
    /// # Errors
    /// What [`Connector::connect`] says, [`UpstreamError::Cut`] and [`UpstreamError::BadAnswer`].
    pub async fn send(
        self: &Rc<Self>,
        origin: &Origin,
        outbound: Outbound,
    ) -> Result<(Response<Incoming>, Option<Lease>), UpstreamError> {
        let Outbound {
            method,
            path,
            absolute,
            headers,
            body,
        } = outbound;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        if let Some((channel, rested)) = self.reuse(origin) {
            let harmless = rested && request.headers().contains_key("idempotency-key");
            let spare = harmless.then(|| request.clone());
            let sent = self
                .send_on(channel, origin, &path, &absolute, request)
                .await;
            request = match (sent, spare) {
                (Ok(Sent::Answer(response, lease)), _) => return Ok((response, lease)),
                (Ok(Sent::Stale(request)), _) => request,
                (Err(UpstreamError::Cut { .. }), Some(spare)) => spare,
                (Err(error), _) => return Err(error),
            };
        }
        let channel = self.connect(origin).await?;
        match self
            .send_on(channel, origin, &path, &absolute, request)
            .await?
        {
            Sent::Answer(response, lease) => Ok((response, lease)),
            Sent::Stale(_) => Err(UpstreamError::Cut {
                host: origin.name().to_owned(),
                reason: "it closes every new connection".to_owned(),
            }),
        }
    }

    async fn send_on(
        self: &Rc<Self>,
        channel: Channel,
        origin: &Origin,
        path: &Uri,
        absolute: &Uri,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Sent, UpstreamError> {
        match channel {
            Channel::One(mut sender) => {
                // The connection's task may still be finishing the last answer.
                if !sender.is_ready() && sender.ready().await.is_err() {
                    return Ok(Sent::Stale(request));
                }
                *request.uri_mut() = path.clone();
                request
                    .headers_mut()
                    .insert(header::HOST, origin.host_header());
                match sender.try_send_request(request).await {
                    Ok(response) => {
                        let lease = Lease {
                            pool: Rc::downgrade(self),
                            origin: origin.clone(),
                            sender,
                        };
                        Ok(Sent::Answer(response, Some(lease)))
                    }
                    Err(mut error) => stale_or_cut(origin, error.take_message(), error.error()),
                }
            }
            Channel::Many(mut sender) => {
                if sender.ready().await.is_err() {
                    return Ok(Sent::Stale(request));
                }
                *request.uri_mut() = absolute.clone();
                request.headers_mut().remove(header::HOST);
                match sender.try_send_request(request).await {
                    Ok(response) => Ok(Sent::Answer(response, None)),
                    Err(mut error) => stale_or_cut(origin, error.take_message(), error.error()),
                }
            }
        }
    }
}

enum Sent {
    Answer(Response<Incoming>, Option<Lease>),
    /// Nothing was sent: the request comes back.
    Stale(Request<Full<Bytes>>),
}

/// hyper gives the request back exactly when it has not begun to write it.
fn stale_or_cut(
    origin: &Origin,
    unsent: Option<Request<Full<Bytes>>>,
    error: &hyper::Error,
) -> Result<Sent, UpstreamError> {
    unsent.map_or_else(
        || Err(cut(origin, error)),
        |request| Ok(Sent::Stale(request)),
    )
}
