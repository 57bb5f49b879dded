//! TLS and HTTP/2 on the listener, and certificates that change.

use std::path::Path;

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use rustls_pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;

/// Writes a new certificate and its key into a new folder.
fn make(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("tls.crt"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles {
        certificate: folder.join("tls.crt"),
        key: folder.join("tls.key"),
    }
}

/// Whether the listener shows exactly the certificate that lies in `folder`; then also one request.
async fn works_with(address: SocketAddr, folder: &Path, alpn: &str) -> Option<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(rustls_pki_types::CertificateDer::from_pem_file(folder.join("tls.crt")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .ok()?;
    let request = Request::post(format!("https://{address}/echo"))
        .header("host", "x")
        .body(Full::<Bytes>::from("{}"))
        .unwrap();
    let response = if alpn == "h2" {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(LocalExecutor, TokioIo::new(stream))
                .await
                .unwrap();
        tokio::task::spawn_local(connection);
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::task::spawn_local(connection);
        sender.send_request(request).await.unwrap()
    };
    let body: Bytes = response.into_body().collect().await.unwrap().to_bytes();
    Some(String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn serves_both_versions_and_reloads_when_the_link_is_swapped() {
    on_traffic_thread(async || {
        let root = tempfile::tempdir().unwrap();
        let (first, second, link) = (
            root.path().join("1"),
            root.path().join("2"),
            root.path().join("data"),
        );
        make(&first);
        make(&second);
        std::os::unix::fs::symlink(&first, &link).unwrap();
        let (server, _) = start(Options {
            tls: Some(files(&link)),
            ..Options::default()
        });
        let address = server.local_addr();
        assert_eq!(
            works_with(address, &first, "h2").await.unwrap(),
            "HTTP/2.0 {}"
        );
        assert_eq!(
            works_with(address, &first, "http/1.1").await.unwrap(),
            "HTTP/1.1 {}"
        );
        assert_eq!(works_with(address, &second, "h2").await, None);

        std::os::unix::fs::symlink(&second, root.path().join("new")).unwrap();
        std::fs::rename(root.path().join("new"), &link).unwrap();
        while works_with(address, &second, "h2").await.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(works_with(address, &first, "h2").await, None);
    });
}

#[test]
fn files_that_do_not_work_leave_the_last_good_certificate() {
    on_traffic_thread(async || {
        let root = tempfile::tempdir().unwrap();
        make(root.path());
        let good = tempfile::tempdir().unwrap();
        std::fs::copy(root.path().join("tls.crt"), good.path().join("tls.crt")).unwrap();
        let (server, _) = start(Options {
            tls: Some(files(root.path())),
            ..Options::default()
        });
        std::fs::write(root.path().join("tls.key"), "no key").unwrap();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(
            works_with(server.local_addr(), good.path(), "h2")
                .await
                .is_some()
        );
        make(root.path());
        while works_with(server.local_addr(), root.path(), "h2")
            .await
            .is_none()
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}

#[test]
fn wrong_files_are_an_error_at_start() {
    let root = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    make(root.path());
    make(other.path());
    let mixed = TlsFiles {
        key: other.path().join("tls.key"),
        ..files(root.path())
    };
    assert!(matches!(
        crate::edge::tls::Tls::load(mixed),
        Err(TlsError::Unusable { .. })
    ));
    let missing = files(Path::new("/does/not/exist"));
    assert!(matches!(
        crate::edge::tls::Tls::load(missing),
        Err(TlsError::Unreadable { .. })
    ));
}

#[test]
fn http2_without_tls_works_with_prior_knowledge() {
    on_traffic_thread(async || {
        let (server, _) = start(Options::default());
        let stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(LocalExecutor, TokioIo::new(stream))
                .await
                .unwrap();
        tokio::task::spawn_local(connection);
        for _ in 0..3 {
            let request = Request::post("http://x/echo")
                .body(Full::<Bytes>::from("{}"))
                .unwrap();
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(
                response.into_body().collect().await.unwrap().to_bytes(),
                "HTTP/2.0 {}"
            );
        }
    });
}

#[test]
fn a_cancelled_http2_stream_ends_the_upstream_call_and_nothing_else() {
    on_traffic_thread(async || {
        let closed = std::rc::Rc::new(std::cell::Cell::new(false));
        let place = std::rc::Rc::clone(&closed);
        let upstream = RawUpstream::start(move |mut connection, _| {
            let place = std::rc::Rc::clone(&place);
            async move {
                connection.request().await;
                connection.until_closed().await;
                place.set(true);
            }
        })
        .await;
        let (server, gone) = start(Options {
            upstream: upstream.address,
            ..Options::default()
        });
        let stream = TcpStream::connect(server.local_addr()).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(LocalExecutor, TokioIo::new(stream))
                .await
                .unwrap();
        tokio::task::spawn_local(connection);
        let post = |path: &str| {
            Request::post(format!("http://x{path}"))
                .body(Full::<Bytes>::from("{}"))
                .unwrap()
        };
        let call = sender.send_request(post("/v1/chat/completions"));
        assert!(
            tokio::time::timeout(Duration::from_millis(100), call)
                .await
                .is_err()
        );
        while !closed.get() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(gone.load(Ordering::SeqCst), 1);
        let response = sender.send_request(post("/echo")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    });
}
