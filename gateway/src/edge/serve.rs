//! Serving one thread's connections: TLS, the version of HTTP, and handing requests to the handler.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::body::Body;
use super::connection::{InUse, Late, Open};
use super::limits::{EdgeLimits, InFlight, Lease};
use super::listener::Handler;
use super::tls::Tls;
use super::transport::{Io, Transport};
use crate::timer;

/// Spawns on the thread's own runtime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalExecutor;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// What a thread's connections share.
pub(super) struct Serving<H> {
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
    pub(super) fn new(
        handler: H,
        limits: &EdgeLimits,
        tls: Option<Tls>,
        in_flight: Arc<InFlight>,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        // The sweep of the thread's connections does what hyper's timer would.
        http1
            .max_header_size(limits.max_head)
            .header_read_timeout(None);
        let mut http2 = http2::Builder::new(LocalExecutor);
        http2
            .max_header_list_size(u32::try_from(limits.max_head).unwrap_or(u32::MAX))
            .max_concurrent_streams(limits.max_streams);
        Self {
            handler,
            http1,
            http2,
            tls,
            in_flight,
            handshake_timeout: limits.handshake_timeout,
        }
    }

    /// Serves one connection to its end.
    pub(super) async fn connection(
        self: Rc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        open: Open,
    ) {
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
