//! TLS connections, bounded in number and in time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::certificate::{Certificate, none_yet};

/// Connections at a time. An API server keeps a few.
const MAX_CONNECTIONS: usize = 64;

/// Requests at a time on one connection.
const MAX_STREAMS: u32 = 32;

/// How long a handshake or a request's head may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a silent HTTP/2 connection is asked whether somebody is still there.
const PING_EVERY: Duration = Duration::from_secs(30);

/// Serves for ever. Dropped, it ends every connection.
pub async fn serve(
    listener: TcpListener,
    certificate: watch::Receiver<Option<Certificate>>,
    router: Router,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the webhook cannot accept a connection");
                // Out of file descriptors, most likely: trying again at once would only spin.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let newest = certificate.borrow().clone();
        let router = router.clone();
        connections.spawn(async move {
            let _place = place;
            if let Err(error) = connection(stream, newest, router).await {
                tracing::debug!(%error, "a connection to the webhook has ended");
            }
        });
    }
}

async fn connection(
    stream: TcpStream,
    certificate: Option<Certificate>,
    router: Router,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let server = certificate.ok_or_else(none_yet)?.server;
    stream.set_nodelay(true)?;
    let handshake = TlsAcceptor::from(server).accept(stream);
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let stream = tokio::time::timeout(PATIENCE, handshake)
        .await
        .map_err(late)??;
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(PING_EVERY);
    builder
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await
}
