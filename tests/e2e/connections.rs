//! Connections of callers and to the upstream: TLS, HTTP/2, new certificates, dead ones.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parapet_tests::fake::Reply;
use parapet_tests::fake_llm::{FakeLlm, Turn};
use parapet_tests::world::World;
use serde_json::json;
use tokio::net::TcpStream;

/// A certificate for localhost and the files that hold it.
struct Certificate {
    chain: String,
    key: String,
    der: rustls::pki_types::CertificateDer<'static>,
    private: rustls::pki_types::PrivateKeyDer<'static>,
}

fn certificate() -> Certificate {
    let made =
        rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
    Certificate {
        chain: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
        der: made.cert.der().clone(),
        private: rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der())
            .unwrap(),
    }
}

fn client_config(certificate: &Certificate, protocols: &[&[u8]]) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.der.clone()).unwrap();
    let mut config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

/// One request over TLS, with what was agreed on.
async fn ask_over_tls(
    world: &World,
    config: Arc<rustls::ClientConfig>,
) -> anyhow::Result<(http::Version, u16, String)> {
    let stream = TcpStream::connect(world.gateway.traffic()).await?;
    let name = rustls::pki_types::ServerName::try_from("localhost")?;
    let stream = tokio_rustls::TlsConnector::from(config)
        .connect(name, stream)
        .await?;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let body = json!({"model": "demo/echo", "messages": [{"role": "user", "content": "over TLS"}]})
        .to_string();
    let request = http::Request::post("https://localhost/v1/chat/completions")
        .header("authorization", "Bearer bot-token")
        .header("content-type", "application/json")
        .header("host", "localhost")
        .body(Full::new(Bytes::from(body)))?;
    let response = if h2 {
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await?;
        tokio::spawn(connection);
        sender.send_request(request).await?
    } else {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        sender.send_request(request).await?
    };
    let (version, status) = (response.version(), response.status().as_u16());
    let body = response.into_body().collect().await?.to_bytes();
    Ok((version, status, String::from_utf8_lossy(&body).into_owned()))
}

#[tokio::test]
async fn the_listener_speaks_tls_and_http_2_and_takes_up_a_new_certificate() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (first, second) = (certificate(), certificate());
    let dir = tempfile::tempdir().unwrap();
    let (chain, key) = (dir.path().join("tls.crt"), dir.path().join("tls.key"));
    std::fs::write(&chain, &first.chain).unwrap();
    std::fs::write(&key, &first.key).unwrap();
    let args = [("--tls-cert", &chain), ("--tls-key", &key)];
    let world = World::start_with("", |setup| {
        args.iter().fold(setup, |setup, (name, path)| {
            setup.arg(*name).arg(path.display().to_string())
        })
    });
    let world = world.await.unwrap();
    for (protocols, version) in [
        (&[&b"h2"[..]][..], http::Version::HTTP_2),
        (&[], http::Version::HTTP_11),
    ] {
        let (found, status, body) = ask_over_tls(&world, client_config(&first, protocols))
            .await
            .unwrap();
        assert_eq!((found, status), (version, 200), "{body}");
        assert!(body.contains("over TLS"), "{body}");
    }
    std::fs::write(&key, &second.key).unwrap();
    std::fs::write(&chain, &second.chain).unwrap();
    let config = client_config(&second, &[b"h2"]);
    let started = std::time::Instant::now();
    while ask_over_tls(&world, Arc::clone(&config)).await.is_err() {
        assert!(
            started.elapsed().as_secs() < 10,
            "the new certificate is not used"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_upstream_is_called_over_tls_and_http_2_and_its_certificate_is_checked() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let certificate = certificate();
    let mut server = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der.clone()],
            certificate.private.clone_key(),
        )
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let llm = FakeLlm::start_tls(server).await.unwrap();
    llm.script([Turn::say("over TLS")]);
    let resources = format!(
        "apiVersion: parapet.dev/v1alpha1\nkind: ModelProvider\nmetadata: {{name: secure}}\nspec: {{openai: {{baseUrl: \"https://localhost:{}/v1\"}}}}\n",
        llm.server().addr().port()
    );
    let dir = tempfile::tempdir().unwrap();
    let roots = dir.path().join("roots.pem");
    std::fs::write(&roots, &certificate.chain).unwrap();
    let body = json!({"model": "secure/m", "messages": [{"role": "user", "content": "x"}]});
    let world = World::start_with(&resources, |setup| {
        setup.env("SSL_CERT_FILE", &roots.display().to_string())
    })
    .await
    .unwrap();
    for _ in 0..2 {
        let answer = world.client.send(world.chat(&body)).await.unwrap();
        assert_eq!(answer.status, 200, "{:?}", answer.text());
    }
    assert!(
        llm.server()
            .calls()
            .iter()
            .all(|call| call.version == http::Version::HTTP_2)
    );
    // A gateway that does not trust it does not call it.
    let world = World::start(&resources).await.unwrap();
    let answer = world.client.send(world.chat(&body)).await.unwrap();
    assert_eq!(answer.status, 502);
    assert_eq!(llm.server().calls().len(), 2);
}

#[tokio::test]
async fn connections_to_the_upstream_are_kept_and_a_dead_one_is_replaced() {
    let world = World::start("").await.unwrap();
    let body = json!({"model": "model/m", "messages": [{"role": "user", "content": "x"}]});
    for n in 0..20 {
        // Every third answer closes its connection.
        let reply = Reply::json(200, &json!({"choices": []}));
        let reply = if n % 3 == 0 {
            reply.header("connection", "close")
        } else {
            reply
        };
        world.llm.script([Turn::Raw(reply)]);
        let answer = world.client.send(world.chat(&body)).await.unwrap();
        assert_eq!(answer.status, 200, "{n}: {:?}", answer.text());
        assert!(answer.header("connection").is_none());
    }
}
