//! Who calls: machine tokens and users' JWTs, over plain connections, TLS and HTTP/2.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parapet_tests::fake::Reply;
use parapet_tests::fake_llm::{FakeLlm, Turn};
use parapet_tests::http_client::{Answered, Outgoing};
use parapet_tests::world::World;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// A key made for this test run, with its public half as a JWK.
struct Key {
    algorithm: Algorithm,
    private: EncodingKey,
    jwk: Value,
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut bits = 0_usize;
        for i in 0..3 {
            bits = bits << 8 | usize::from(chunk.get(i).copied().unwrap_or(0));
        }
        for i in 0..=chunk.len() {
            text.push(char::from(ALPHABET[bits >> (18 - 6 * i) & 63]));
        }
    }
    text
}

fn ec_key(kid: &str) -> Key {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let point = pair.public_key_raw();
    let (x, y) = (base64url(&point[1..33]), base64url(&point[33..65]));
    Key {
        algorithm: Algorithm::ES256,
        private: EncodingKey::from_ec_der(&pair.serialize_der()),
        jwk: json!({"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "use": "sig", "x": x, "y": y}),
    }
}

fn ed_key(kid: &str) -> Key {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    Key {
        algorithm: Algorithm::EdDSA,
        private: EncodingKey::from_ed_der(&pair.serialize_der()),
        jwk: json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": base64url(pair.public_key_raw())}),
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn token(key: &Key, kid: &str, claims: &Value) -> String {
    let header = Header {
        kid: Some(kid.into()),
        ..Header::new(key.algorithm)
    };
    jsonwebtoken::encode(&header, claims, &key.private).unwrap()
}

fn claims(more: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://id.example.com", "aud": "parapet", "exp": now() + 300,
        "email": "ana@example.com", "groups": ["payments", "testers"],
    });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn resources(keys: &[&Key]) -> String {
    let jwks = json!({"keys": keys.iter().map(|key| &key.jwk).collect::<Vec<_>>()}).to_string();
    format!(
        r#"apiVersion: parapet.dev/v1alpha1
kind: IdentityProvider
metadata: {{name: corp}}
spec:
  issuer: https://id.example.com
  audiences: [parapet]
  jwks: {{inline: '{jwks}'}}
  claims: {{user: email, teams: groups}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailIntegration
metadata: {{name: g}}
spec: {{guardrails: [{{name: team, codeSafetyLinter: {{}}}}, {{name: user, codeSafetyLinter: {{}}}}, {{name: all, codeSafetyLinter: {{}}}}]}}
---
apiVersion: parapet.dev/v1alpha1
kind: GuardrailConfig
metadata: {{name: rules}}
spec:
  rules:
    - {{id: team, when: {{subjects: {{operator: and, conditions: {{in: ["team:payments"]}}}}}}, llm_input_guardrails: [g/team]}}
    - {{id: user, when: {{subjects: {{operator: and, conditions: {{in: ["user:ana@*"]}}}}}}, llm_input_guardrails: [g/user]}}
    - {{id: everyone, when: {{subjects: {{operator: and, conditions: {{in: ["team:everyone"]}}}}}}, llm_input_guardrails: [g/all]}}
"#
    )
}

async fn ask(world: &World, token: &str) -> Answered {
    let body = json!({"model": "model/m", "messages": [{"role": "user", "content": "x"}]});
    world
        .client
        .send(Outgoing::post("/v1/chat/completions", body.to_string()).bearer(token))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_users_token_tells_user_and_teams() {
    let (ec, ed) = (ec_key("ec"), ed_key("ed"));
    let world = World::start(&resources(&[&ec, &ed])).await.unwrap();
    for (key, kid) in [(&ec, "ec"), (&ed, "ed")] {
        let answer = ask(&world, &token(key, kid, &claims(&json!({})))).await;
        assert_eq!(answer.status, 200, "{kid}: {:?}", answer.text());
        let record = world
            .gateway
            .record(answer.header("x-request-id").unwrap())
            .await
            .unwrap();
        assert_eq!(
            record["subject"],
            json!({"type": "user", "name": "ana@example.com"})
        );
        assert_eq!(record["teams"], json!(["payments", "testers"]));
        let ran: Vec<&str> = record["guardrails"]
            .as_array()
            .unwrap()
            .iter()
            .map(|g| g["selector"].as_str().unwrap())
            .collect();
        assert_eq!(ran, ["g/all", "g/team", "g/user"]);
    }
    let other = ask(
        &world,
        &token(
            &ec,
            "ec",
            &claims(&json!({"email": "bo@example.com", "groups": []})),
        ),
    )
    .await;
    let record = world
        .gateway
        .record(other.header("x-request-id").unwrap())
        .await
        .unwrap();
    assert_eq!(record["guardrails"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn tokens_that_prove_nothing_are_refused() {
    let (ec, stranger) = (ec_key("ec"), ec_key("ec"));
    let world = World::start(&resources(&[&ec])).await.unwrap();
    let good = token(&ec, "ec", &claims(&json!({})));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let unsigned = format!(
        "{}.{}.",
        base64url(br#"{"alg":"none"}"#),
        signed.split_once('.').unwrap().1
    );
    let shared_secret = {
        // The public key taken for a shared secret: the oldest trick there is.
        let header = Header {
            kid: Some("ec".into()),
            ..Header::new(Algorithm::HS256)
        };
        let secret = EncodingKey::from_secret(ec.jwk.to_string().as_bytes());
        jsonwebtoken::encode(&header, &claims(&json!({})), &secret).unwrap()
    };
    for (what, token) in [
        ("another key", token(&stranger, "ec", &claims(&json!({})))),
        (
            "an unknown key id",
            token(&ec, "other", &claims(&json!({}))),
        ),
        (
            "another issuer",
            token(
                &ec,
                "ec",
                &claims(&json!({"iss": "https://evil.example.com"})),
            ),
        ),
        (
            "another audience",
            token(&ec, "ec", &claims(&json!({"aud": "somebody"}))),
        ),
        (
            "a time that is over",
            token(&ec, "ec", &claims(&json!({"exp": now() - 120}))),
        ),
        (
            "a time that has not come",
            token(&ec, "ec", &claims(&json!({"nbf": now() + 600}))),
        ),
        (
            "no user",
            token(&ec, "ec", &claims(&json!({"email": null}))),
        ),
        ("no signature", unsigned),
        ("a shared secret", shared_secret),
        (
            "a signature that was changed",
            format!("{signed}.{}", signature.chars().rev().collect::<String>()),
        ),
        ("nothing at all", "a.b.c".into()),
    ] {
        let answer = ask(&world, &token).await;
        assert_eq!(answer.status, 401, "{what}: {:?}", answer.text());
        assert!(
            !answer.text().unwrap().contains(&token),
            "{what} is repeated"
        );
    }
    assert!(world.llm.server().calls().is_empty());
    let tokens_logged = world
        .gateway
        .log()
        .lines()
        .iter()
        .any(|line| line.contains(signed));
    assert!(!tokens_logged);
}

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
