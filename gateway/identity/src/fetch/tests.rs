//! Issuers that answer all sorts of things.

use std::collections::HashMap;
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use parapet_guardrails::client::ClientResponse;
use serde_json::{Value, json};

use super::*;
use crate::keys::Authorities;

/// Answers by URL; keeps what was asked.
#[derive(Default)]
struct Scripted {
    answers: HashMap<&'static str, (u16, &'static str, Vec<u8>)>,
    asked: Mutex<Vec<String>>,
}

impl Scripted {
    fn answer(mut self, url: &'static str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        self.answers.insert(url, (status, "", body.into()));
        self
    }

    fn json(self, url: &'static str, body: Value) -> Self {
        self.answer(url, 200, body.to_string())
    }
}

impl HttpClient for Scripted {
    fn send(&self, request: ClientRequest) -> BoxFuture<'_, Result<ClientResponse, ClientError>> {
        let url = request.uri.to_string();
        let shown = request.headers.get(header::AUTHORIZATION);
        let shown = shown.map_or("", |shown| {
            assert!(shown.is_sensitive());
            assert_eq!(shown, "Bearer secret-token");
            ", with the token"
        });
        self.asked.lock().unwrap().push(format!("{url}{shown}"));
        Box::pin(async move {
            let Some((status, cache, body)) = self.answers.get(&*url) else {
                // It listens and says nothing.
                return std::future::pending().await;
            };
            assert!(request.max_answer <= MAX_DOCUMENT);
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
            Ok(ClientResponse {
                status: StatusCode::from_u16(*status).unwrap(),
                headers,
                body: body.clone().into(),
            })
        })
    }
}

const ISSUER: &str = "https://id.example.com/realm";
const DOCUMENT: &str = "https://id.example.com/realm/.well-known/openid-configuration";
const KEYS: &str = "https://keys.example.com/jwks";

fn source(place: Place, token: Option<&str>) -> KeySource {
    KeySource {
        place,
        authorities: Authorities::Usual,
        token: token.map(|token| Bearer::new(token).unwrap()),
        refresh: Duration::from_secs(1),
    }
}

fn discovered(token: Option<&str>) -> KeySource {
    let issuer = ISSUER.into();
    source(Place::Discovered { issuer }, token)
}

fn at() -> KeySource {
    source(Place::At(Uri::from_static(KEYS)), None)
}

fn key(id: &str) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": "E50MvfE9n4HfxI6qKVjQ8YnOe_6lPwgOriHFVO-ioQs"})
}

fn document(issuer: &str, keys: &str) -> Value {
    json!({"issuer": issuer, "jwks_uri": keys})
}

#[tokio::test]
async fn a_token_is_shown_to_the_issuer_and_to_nobody_else() {
    const OWN: &str = "https://id.example.com/keys";
    let own = format!("{OWN}, with the token");
    let document_with = format!("{DOCUMENT}, with the token");
    for (keys, asked) in [(OWN, own.as_str()), (KEYS, KEYS)] {
        let client = Scripted::default()
            .json(DOCUMENT, document(ISSUER, keys))
            .json(keys, json!({"keys": [key("a")]}));
        let source = discovered(Some("secret-token"));
        fetch(&client, &source).await.unwrap();
        assert_eq!(*client.asked.lock().unwrap(), [&document_with, asked]);
        assert!(!format!("{source:?}").contains("secret-token"));
    }
    let client = Scripted::default().json(KEYS, json!({"keys": [key("a")]}));
    let given = source(Place::At(Uri::from_static(KEYS)), Some("secret-token"));
    fetch(&client, &given).await.unwrap();
    let asked = format!("{KEYS}, with the token");
    assert_eq!(*client.asked.lock().unwrap(), [asked]);
}

#[tokio::test]
async fn keys_are_discovered() {
    let client = Scripted::default()
        .json(DOCUMENT, document(ISSUER, KEYS))
        .json(KEYS, json!({"keys": [key("a"), key("b")]}));
    let fetched = fetch(&client, &discovered(None)).await.unwrap();
    assert_eq!(fetched.read.keys.len(), 2);
    assert_eq!(*client.asked.lock().unwrap(), [DOCUMENT, KEYS]);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_said_without_a_word_of_the_document() {
    let many: Vec<Value> = (0..10_000).map(|id| key(&id.to_string())).collect();
    let rows = [
        (
            discovered(None),
            Scripted::default(),
            "did not answer within 10 s",
        ),
        (at(), Scripted::default(), "did not answer within 10 s"),
        (
            discovered(None),
            Scripted::default().json(DOCUMENT, document(ISSUER, KEYS)),
            "did not answer within 10 s",
        ),
        (
            discovered(None),
            Scripted::default().answer(DOCUMENT, 404, "SECRET"),
            "id.example.com answered with status 404",
        ),
        (
            discovered(None),
            Scripted::default().answer(DOCUMENT, 302, "SECRET"),
            "id.example.com redirects",
        ),
        (
            discovered(None),
            Scripted::default().answer(DOCUMENT, 200, "SECRET"),
            "is not one",
        ),
        (
            discovered(None),
            Scripted::default().json(DOCUMENT, document("https://SECRET.example.com", KEYS)),
            "names another issuer",
        ),
        (
            discovered(None),
            Scripted::default().json(DOCUMENT, document(ISSUER, "http://SECRET.example.com")),
            "without it",
        ),
        (
            discovered(None),
            Scripted::default().json(DOCUMENT, document(ISSUER, "SECRET not a URL")),
            "is no URL",
        ),
        (
            at(),
            Scripted::default().answer(KEYS, 307, ""),
            "keys.example.com redirects",
        ),
        (
            at(),
            Scripted::default().answer(KEYS, 500, "SECRET"),
            "status 500",
        ),
        (
            at(),
            Scripted::default().answer(KEYS, 200, "<html>SECRET"),
            "not JSON",
        ),
        (
            at(),
            Scripted::default().json(KEYS, json!({"keys": many})),
            "more than 100 keys",
        ),
        (
            at(),
            Scripted::default().json(KEYS, json!({"keys": [{"kty": "oct", "k": "SECRET"}]})),
            "secret material",
        ),
    ];
    for (place, client, said) in rows {
        let error = fetch(&client, &place).await.err().unwrap().to_string();
        assert!(error.contains(said), "{said}: {error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
}

#[test]
fn how_long_an_answer_may_be_kept() {
    for (value, expected) in [
        ("public, max-age=300", Some(300)),
        ("Max-Age=\"60\", must-revalidate", Some(60)),
        ("no-store", Some(0)),
        ("max-age=900, no-cache", Some(0)),
        ("max-age=soon", None),
        ("public", None),
        ("", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(value));
        assert_eq!(
            max_age(&headers),
            expected.map(Duration::from_secs),
            "{value}"
        );
    }
}
