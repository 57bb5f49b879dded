//! TLS and HTTP/2 to upstreams.

use std::convert::Infallible;
use std::io::Write as _;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::edge::LocalExecutor;

/// An echo server with TLS that offers `alpn`; returns its address, the file of its authority and a count of
/// its connections.
async fn start(alpn: &[&str]) -> (SocketAddr, tempfile::NamedTempFile, Rc<Cell<usize>>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let mut authority = tempfile::NamedTempFile::new().unwrap();
    authority.write_all(made.cert.pem().as_bytes()).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Rc::new(Cell::new(0));
    let count = Rc::clone(&connections);
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            count.set(count.get() + 1);
            tokio::task::spawn_local(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let _ = hyper_util::server::conn::auto::Builder::new(LocalExecutor)
                    .serve_connection(TokioIo::new(stream), hyper::service::service_fn(echo))
                    .await;
            });
        }
    });
    (address, authority, connections)
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let version = format!("{:?} {} ", request.version(), request.uri().path());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(Response::new(Full::from(
        [version.as_bytes(), &body].concat(),
    )))
}

fn trusting(authority: &tempfile::NamedTempFile) -> Upstreams {
    let config = ConnectorConfig {
        extra_ca: Some(authority.path().into()),
        ..ConnectorConfig::default()
    };
    Upstreams::new(Connector::new(&config).unwrap(), PoolLimits::default())
}

#[test]
fn http2_shares_one_connection() {
    on_traffic_thread(async || {
        let (address, authority, connections) = start(&["h2", "http/1.1"]).await;
        let upstreams = trusting(&authority);
        let provider = provider_at(&format!("https://{address}/v1"), Dialect::OpenAi);
        assert_eq!(
            text(&upstreams, &provider).await.unwrap(),
            "HTTP/2.0 /v1/chat/completions {}"
        );
        let (a, b, c) = tokio::join!(
            text(&upstreams, &provider),
            text(&upstreams, &provider),
            text(&upstreams, &provider)
        );
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        assert_eq!(connections.get(), 1);
    });
}

#[test]
fn http1_over_tls() {
    on_traffic_thread(async || {
        let (address, authority, connections) = start(&["http/1.1"]).await;
        let upstreams = trusting(&authority);
        let provider = provider_at(&format!("https://{address}/v1"), Dialect::OpenAi);
        for _ in 0..2 {
            assert_eq!(
                text(&upstreams, &provider).await.unwrap(),
                "HTTP/1.1 /v1/chat/completions {}"
            );
        }
        assert_eq!(connections.get(), 1);
    });
}

#[test]
fn an_unknown_authority_is_not_trusted() {
    on_traffic_thread(async || {
        let (address, ..) = start(&["h2"]).await;
        let provider = provider_at(&format!("https://{address}/v1"), Dialect::OpenAi);
        let error = text(&upstreams(), &provider).await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::Unreachable { .. }),
            "{error}"
        );
    });
}

#[test]
fn wrong_authorities_are_an_error_at_start() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"no certificate").unwrap();
    for path in [file.path(), std::path::Path::new("/does/not/exist")] {
        let config = ConnectorConfig {
            extra_ca: Some(path.into()),
            ..ConnectorConfig::default()
        };
        assert!(Connector::new(&config).is_err(), "{}", path.display());
    }
}
