//! Calls to upstreams over real sockets.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use zeroize::Zeroizing;

use super::*;
use crate::testing::{RawUpstream, answer, on_traffic_thread};

mod answers;
mod guardrail_client;
mod tls;
mod waiting;

pub(super) fn connector() -> Connector {
    Connector::new(&ConnectorConfig::default()).unwrap()
}

fn provider(address: SocketAddr) -> ReadyProvider {
    provider_at(&format!("http://{address}/v1"), Dialect::OpenAi)
}

fn provider_at(base_url: &str, dialect: Dialect) -> ReadyProvider {
    ReadyProvider::http(HttpAccount {
        account: "acme".into(),
        dialect,
        base_url: Some(base_url),
        api_key: Some(Zeroizing::new("sk-upstream".to_owned())),
        anthropic_version: None,
        headers: vec![(
            "OpenAI-Organization".to_owned(),
            Zeroizing::new("org-1".to_owned()),
        )],
    })
    .unwrap()
}

fn upstreams() -> Upstreams {
    Upstreams::new(connector(), PoolLimits::default())
}

fn chat(body: &'static str) -> Call {
    Call {
        endpoint: Endpoint::ChatCompletions,
        query: None,
        headers: HeaderMap::new(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

const PATIENT: CallLimits = CallLimits {
    first_byte: Duration::from_secs(10),
    idle: Duration::from_secs(10),
};
const HASTY: CallLimits = CallLimits {
    first_byte: Duration::from_millis(200),
    idle: Duration::from_millis(200),
};

async fn text(upstreams: &Upstreams, provider: &ReadyProvider) -> Result<Bytes, UpstreamError> {
    upstreams
        .call(provider, chat("{}"), PATIENT)
        .await?
        .body
        .collect(1 << 20)
        .await
}

#[test]
fn a_call_carries_the_accounts_credentials_and_not_the_clients() {
    on_traffic_thread(async || {
        let seen = Rc::new(RefCell::new(None));
        let place = Rc::clone(&seen);
        let upstream = RawUpstream::start(move |mut connection, _| {
            let place = Rc::clone(&place);
            async move {
                *place.borrow_mut() = connection.request().await;
                connection
                    .send(answer(
                        "x-request-id: up-1\r\nconnection: x-hop\r\nx-hop: 1\r\n",
                        "hello",
                    ))
                    .await;
            }
        })
        .await;
        let mut call = chat("{\"a\":1}");
        for (name, value) in [
            ("authorization", "Bearer client"),
            ("x-tfy-metadata", "{}"),
            ("user-agent", "sdk"),
        ] {
            call.headers.insert(name, HeaderValue::from_static(value));
        }
        let response = upstreams()
            .call(&provider(upstream.address), call, PATIENT)
            .await
            .unwrap();
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!(response.headers["x-request-id"], "up-1");
        assert!(!response.headers.contains_key("x-hop"));
        assert_eq!(response.body.collect(100).await.unwrap(), "hello");
        let (head, body) = seen.take().unwrap();
        assert_eq!(body, b"{\"a\":1}");
        assert!(
            head.starts_with("post /v1/chat/completions http/1.1\r\n"),
            "{head}"
        );
        for wanted in [
            "authorization: bearer sk-upstream\r\n",
            "openai-organization: org-1\r\n",
            "user-agent: sdk\r\n",
            "accept-encoding: identity\r\n",
            &format!("host: {}\r\n", upstream.address),
        ] {
            assert!(head.contains(wanted), "{wanted} is missing in {head}");
        }
        assert!(!head.contains("client") && !head.contains("tfy"), "{head}");
    });
}

#[test]
fn anthropic_has_its_own_headers_and_keeps_the_query() {
    on_traffic_thread(async || {
        let seen = Rc::new(RefCell::new(None));
        let place = Rc::clone(&seen);
        let upstream = RawUpstream::start(move |mut connection, _| {
            let place = Rc::clone(&place);
            async move {
                *place.borrow_mut() = connection.request().await;
                connection.send(answer("", "{}")).await;
            }
        })
        .await;
        let provider = provider_at(
            &format!("http://{}/proxy/v1/", upstream.address),
            Dialect::Anthropic,
        );
        let call = Call {
            endpoint: Endpoint::Messages,
            query: Some("beta=true".to_owned()),
            ..chat("{}")
        };
        upstreams().call(&provider, call, PATIENT).await.unwrap();
        let (head, _) = seen.take().unwrap();
        assert!(
            head.starts_with("post /proxy/v1/messages?beta=true http/1.1\r\n"),
            "{head}"
        );
        assert!(
            head.contains("x-api-key: sk-upstream\r\n")
                && head.contains("anthropic-version: 2023-06-01\r\n")
        );
        assert!(!head.contains("authorization"));
    });
}

#[test]
fn connections_are_kept_and_used_again() {
    on_traffic_thread(async || {
        let upstream = RawUpstream::answering(answer("", "hello")).await;
        let (upstreams, provider) = (upstreams(), provider(upstream.address));
        for _ in 0..5 {
            assert_eq!(text(&upstreams, &provider).await.unwrap(), "hello");
        }
        assert_eq!(upstream.connections(), 1);
        assert_eq!(upstreams.pool().idle(), 1);
    });
}

#[test]
fn a_connection_that_was_closed_while_idle_is_replaced() {
    on_traffic_thread(async || {
        let upstream = RawUpstream::start(|mut connection, _| async move {
            connection.request().await;
            connection.send(answer("", "hello")).await;
        })
        .await;
        let (upstreams, provider) = (upstreams(), provider(upstream.address));
        for _ in 0..3 {
            assert_eq!(text(&upstreams, &provider).await.unwrap(), "hello");
        }
        assert_eq!(upstream.connections(), 3);
    });
}

#[test]
fn a_rested_connection_that_breaks_is_replaced_if_sending_twice_is_harmless() {
    on_traffic_thread(async || {
        for (key, rest, expected) in [
            (Some("k"), 1200, Ok(StatusCode::OK)),
            (None, 1200, Err("cut")),
            (Some("k"), 0, Err("cut")),
        ] {
            // The first connection answers once, takes the second request and closes.
            let upstream = RawUpstream::start(|mut connection, number| async move {
                connection.request().await;
                connection.send(answer("", "hello")).await;
                if number == 0 {
                    connection.request().await;
                }
            })
            .await;
            let (upstreams, provider) = (upstreams(), provider(upstream.address));
            text(&upstreams, &provider).await.unwrap();
            tokio::time::sleep(Duration::from_millis(rest)).await;
            let mut call = chat("{}");
            if let Some(key) = key {
                call.headers
                    .insert("idempotency-key", HeaderValue::from_static(key));
            }
            let result = upstreams.call(&provider, call, PATIENT).await;
            let result = result
                .map(|answer| answer.status)
                .map_err(|error| error.word());
            assert_eq!(result, expected, "{key:?} {rest}");
        }
    });
}

#[test]
fn an_idle_connection_grows_old() {
    on_traffic_thread(async || {
        let upstream = RawUpstream::answering(answer("", "hello")).await;
        let limits = PoolLimits {
            idle_timeout: Duration::from_millis(100),
            ..PoolLimits::default()
        };
        let (upstreams, provider) = (
            Upstreams::new(connector(), limits),
            provider(upstream.address),
        );
        text(&upstreams, &provider).await.unwrap();
        assert_eq!(upstreams.pool().idle(), 1);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(upstreams.pool().idle(), 0);
    });
}

#[test]
fn every_way_to_fail_has_its_error() {
    on_traffic_thread(async || {
        let closed = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = text(&upstreams(), &provider(closed)).await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::Unreachable { .. }),
            "{error}"
        );
        assert_eq!(
            (error.status(), error.word()),
            (StatusCode::BAD_GATEWAY, "refused")
        );

        for url in [
            "http://169.254.169.254/v1",
            "http://[fd00:ec2::254]/v1",
            "http://[::ffff:a9fe:a9fe]/v1",
        ] {
            let error = text(&upstreams(), &provider_at(url, Dialect::OpenAi))
                .await
                .unwrap_err();
            assert!(
                matches!(error, UpstreamError::AddressRefused { .. }),
                "{url}: {error}"
            );
        }
        let rows: [(&[u8], &str); 5] = [
            (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "bad_answer"),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", "cut"),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
                "cut",
            ),
            (
                b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx",
                "bad_answer",
            ),
            (b"", "cut"),
        ];
        for (bytes, word) in rows {
            let upstream = RawUpstream::start(move |mut connection, _| async move {
                connection.request().await;
                connection.send(bytes).await;
            })
            .await;
            let error = text(&upstreams(), &provider(upstream.address))
                .await
                .unwrap_err();
            assert_eq!(error.word(), word, "{error}");
            assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
        }
    });
}

#[test]
fn rules_of_the_settings_hold_for_every_call() {
    on_traffic_thread(async || {
        let upstream = RawUpstream::answering(answer("", "hello")).await;
        let connector = connector();
        let (upstreams, provider) = (
            Upstreams::new(connector.clone(), PoolLimits::default()),
            provider(upstream.address),
        );
        let rules = AddressRules {
            deny: vec!["127.0.0.0/8".parse().unwrap()],
            ..AddressRules::default()
        };
        connector.configure(rules, Duration::from_secs(1));
        let error = text(&upstreams, &provider).await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::AddressRefused { .. }),
            "{error}"
        );
        assert_eq!(upstream.connections(), 0);
    });
}

#[test]
fn wrong_accounts_are_refused_without_showing_their_secrets() {
    let make = |base_url, key: &str, header: (&str, &str)| {
        ReadyProvider::http(HttpAccount {
            account: "acme".into(),
            dialect: Dialect::OpenAi,
            base_url: Some(base_url),
            api_key: Some(Zeroizing::new(key.to_owned())),
            anthropic_version: None,
            headers: vec![(header.0.to_owned(), Zeroizing::new(header.1.to_owned()))],
        })
    };
    let good = ("x-a", "b");
    for (base_url, key, header) in [
        ("ftp://x/", "k", good),
        ("not a url", "k", good),
        ("http://x/v1?key=1", "k", good),
        ("http://user:pass@x/v1", "k", good),
        ("http://x/v1", "SECRET\n", good),
        ("http://x/v1", "k", ("bad name", "SECRET")),
        ("http://x/v1", "k", ("x-a", "SECRET\r\n")),
    ] {
        let error = make(base_url, key, header).unwrap_err().to_string();
        assert!(
            !error.contains("SECRET") && !error.contains("pass@"),
            "{error}"
        );
    }
    let provider = make("http://x/v1", "SECRET", good).unwrap();
    assert!(!format!("{provider:?}").contains("SECRET"));
}
