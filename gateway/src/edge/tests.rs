//! The listener over real sockets, with a handler that passes requests on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;

use super::*;
use crate::testing::{RawConnection, RawUpstream, answer, on_traffic_thread};
use crate::upstream::{
    Call, CallLimits, Connector, ConnectorConfig, Dialect, Endpoint, HttpAccount, PoolLimits,
    ReadyProvider, Upstreams,
};

mod tls;

/// Passes requests on, unless the path says something else.
struct PassThrough {
    upstreams: Upstreams,
    provider: ReadyProvider,
    read: ReadLimits,
    gone: Arc<AtomicUsize>,
}

/// Counts futures that were dropped before they were done.
struct Gone(Option<Arc<AtomicUsize>>);

impl Drop for Gone {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response
}

impl Handler for PassThrough {
    async fn handle(&self, head: Parts, body: Incoming, _: SocketAddr) -> Response<Body> {
        let text = match read_body(&head.headers, body, self.read).await {
            Ok(text) => text,
            Err(error) => return plain(error.status(), error.to_string()),
        };
        match head.uri.path() {
            "/echo" => return plain(StatusCode::OK, format!("{:?} {text}", head.version)),
            "/endless" => {
                let frame = Bytes::from(vec![b'x'; 64 * 1024]);
                return Response::new(Body::produced(|out| async move {
                    loop {
                        out.send(frame.clone()).await;
                    }
                }));
            }
            _ => {}
        }
        let mut gone = Gone(Some(Arc::clone(&self.gone)));
        let call = Call {
            endpoint: Endpoint::ChatCompletions,
            query: None,
            headers: head.headers,
            body: text.into(),
        };
        let limits = CallLimits {
            first_byte: Duration::from_secs(10),
            idle: Duration::from_secs(10),
        };
        let result = self.upstreams.call(&self.provider, call, limits).await;
        gone.0 = None;
        match result {
            Ok(answer) => {
                let mut response = Response::new(Body::upstream(answer.body));
                *response.status_mut() = answer.status;
                *response.headers_mut() = answer.headers;
                response
            }
            Err(error) => plain(error.status(), error.to_string()),
        }
    }

    fn overloaded(&self, _: &Parts) -> Response<Body> {
        let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "busy");
        response
            .headers_mut()
            .insert("retry-after", http::HeaderValue::from_static("1"));
        response
    }
}

struct Options {
    limits: EdgeLimits,
    read: ReadLimits,
    tls: Option<TlsFiles>,
    upstream: SocketAddr,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limits: EdgeLimits::default(),
            read: ReadLimits {
                max: 1 << 20,
                idle: Duration::from_millis(200),
            },
            tls: None,
            // Nothing listens there.
            upstream: "127.0.0.1:9".parse().unwrap(),
        }
    }
}

fn start(options: Options) -> (Server, Arc<AtomicUsize>) {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&gone);
    let connector = Connector::new(&ConnectorConfig::default()).unwrap();
    let config = ListenerConfig {
        listen: "127.0.0.1:0".parse().unwrap(),
        threads: 2,
        tls: options.tls,
        limits: options.limits,
    };
    let server = Server::start(config, move |_| PassThrough {
        upstreams: Upstreams::new(connector.clone(), PoolLimits::default()),
        provider: ReadyProvider::http(HttpAccount {
            account: "acme".into(),
            dialect: Dialect::OpenAi,
            base_url: Some(&format!("http://{}", options.upstream)),
            api_key: None,
            anthropic_version: None,
            headers: Vec::new(),
        })
        .unwrap(),
        read: options.read,
        gone: Arc::clone(&count),
    });
    (server.unwrap(), gone)
}

#[test]
fn passes_requests_on_and_answers_back() {
    on_traffic_thread(async || {
        let upstream = RawUpstream::answering(answer("x-request-id: up\r\n", "hello")).await;
        let (server, _) = start(Options {
            upstream: upstream.address,
            ..Options::default()
        });
        let mut client = RawConnection::to(server.local_addr()).await;
        for _ in 0..3 {
            client.post("/v1/chat/completions", "{}").await;
            let (head, body) = client.request().await.unwrap();
            assert!(
                head.starts_with("http/1.1 200 ok\r\n") && head.contains("x-request-id: up\r\n"),
                "{head}"
            );
            assert_eq!(body, b"hello");
        }
        assert_eq!(upstream.connections(), 1);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(server.in_flight().now(), 0);
    });
}

#[test]
fn a_head_that_does_not_come_is_a_408() {
    on_traffic_thread(async || {
        let limits = EdgeLimits {
            head_timeout: Duration::from_millis(200),
            ..EdgeLimits::default()
        };
        let (server, _) = start(Options {
            limits,
            ..Options::default()
        });
        let mut loris = RawConnection::to(server.local_addr()).await;
        let begun = Instant::now();
        loris.send("POST /echo HTTP/1.1\r\nhost: x\r\n").await;
        let trickle = async {
            let mut loris_says = 0;
            loop {
                tokio::time::sleep(Duration::from_millis(30)).await;
                loris_says += 1;
                if loris_says > 100 {
                    break;
                }
            }
        };
        let answer = tokio::select! {
            answer = loris.until_closed() => answer,
            () = trickle => panic!("the connection stays open"),
        };
        assert!(
            answer.starts_with(b"HTTP/1.1 408 "),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
        assert!(begun.elapsed() < Duration::from_secs(2));
    });
}

#[test]
fn trickling_bytes_of_a_head_wins_no_time() {
    on_traffic_thread(async || {
        let limits = EdgeLimits {
            head_timeout: Duration::from_millis(200),
            ..EdgeLimits::default()
        };
        let (server, _) = start(Options {
            limits,
            ..Options::default()
        });
        let mut loris = RawConnection::to(server.local_addr()).await;
        loris.send("POST /echo HTTP/1.1\r\n").await;
        let begun = Instant::now();
        for number in 0..12 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            loris.send(format!("x-{number}: 1\r\n")).await;
        }
        let answer = loris.until_closed().await;
        assert!(!answer.starts_with(b"HTTP/1.1 2") && begun.elapsed() < Duration::from_secs(2));
    });
}

#[test]
fn a_body_that_stops_is_a_408_and_a_wrong_one_a_400() {
    on_traffic_thread(async || {
        let (server, _) = start(Options::default());
        let rows: [(&[u8], &str); 3] = [
            (b"content-length: 10\r\n\r\n{\"a\"", "http/1.1 408 "),
            (b"content-length: 4\r\n\r\n{\"\xff\"", "http/1.1 400 "),
            (
                b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
                "http/1.1 415 ",
            ),
        ];
        for (rest, status) in rows {
            let mut client = RawConnection::to(server.local_addr()).await;
            client
                .send([&b"POST /echo HTTP/1.1\r\nhost: x\r\n"[..], rest].concat())
                .await;
            let (head, _) = client.request().await.unwrap();
            assert!(head.starts_with(status), "{head}");
        }
    });
}

#[test]
fn a_body_over_the_limit_gets_its_413_although_it_is_still_being_sent() {
    on_traffic_thread(async || {
        let (server, _) = start(Options::default());
        let body = "x".repeat(4 << 20);
        let mut client = RawConnection::to(server.local_addr()).await;
        client.post("/echo", &body).await;
        let (head, body) = client.request().await.unwrap();
        assert!(head.starts_with("http/1.1 413 "), "{head}");
        assert_eq!(body, b"the request body is larger than 1048576 bytes");

        let mut client = RawConnection::to(server.local_addr()).await;
        client
            .send("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        for _ in 0..2048 {
            client
                .send(format!("400\r\n{}\r\n", "x".repeat(1024)))
                .await;
        }
        client.send("0\r\n\r\n").await;
        let (head, _) = client.request().await.unwrap();
        assert!(head.starts_with("http/1.1 413 "), "{head}");
    });
}

#[test]
fn a_head_over_the_limit_is_a_431() {
    on_traffic_thread(async || {
        let (server, _) = start(Options::default());
        let mut client = RawConnection::to(server.local_addr()).await;
        client
            .send(format!(
                "POST /echo HTTP/1.1\r\nx: {}\r\n\r\n",
                "y".repeat(70_000)
            ))
            .await;
        let (head, _) = client.request().await.unwrap();
        assert!(head.starts_with("http/1.1 431 "), "{head}");
    });
}

#[test]
fn too_many_requests_in_flight_are_a_503_until_there_is_room() {
    on_traffic_thread(async || {
        let upstream = RawUpstream::start(|mut connection, _| async move {
            connection.request().await;
            connection.until_closed().await;
        })
        .await;
        let limits = EdgeLimits {
            max_in_flight: 1,
            ..EdgeLimits::default()
        };
        let (server, _) = start(Options {
            limits,
            upstream: upstream.address,
            ..Options::default()
        });
        let mut slow = RawConnection::to(server.local_addr()).await;
        slow.post("/v1/chat/completions", "{}").await;
        while upstream.connections() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut client = RawConnection::to(server.local_addr()).await;
        client.post("/echo", "{}").await;
        let (head, _) = client.request().await.unwrap();
        assert!(
            head.starts_with("http/1.1 503 ") && head.contains("retry-after: 1\r\n"),
            "{head}"
        );
        drop(slow);
        tokio::time::sleep(Duration::from_millis(50)).await;
        client.post("/echo", "{}").await;
        assert!(
            client
                .request()
                .await
                .unwrap()
                .0
                .starts_with("http/1.1 200 ")
        );
    });
}

#[test]
fn a_client_that_leaves_ends_the_upstream_call() {
    on_traffic_thread(async || {
        let closed = std::rc::Rc::new(std::cell::Cell::new(0));
        let place = std::rc::Rc::clone(&closed);
        let upstream = RawUpstream::start(move |mut connection, number| {
            let place = std::rc::Rc::clone(&place);
            async move {
                connection.request().await;
                if number == 1 {
                    connection
                        .send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
                        .await;
                }
                connection.until_closed().await;
                place.set(place.get() + 1);
            }
        })
        .await;
        let (server, gone) = start(Options {
            upstream: upstream.address,
            ..Options::default()
        });
        // Before the answer's head, and in the middle of the answer.
        for (round, wait_for) in [None, Some("hello")].into_iter().enumerate() {
            let mut client = RawConnection::to(server.local_addr()).await;
            client.post("/v1/chat/completions", "{}").await;
            while upstream.connections() <= round {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            if let Some(text) = wait_for {
                client.until(text).await;
            }
            drop(client);
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(closed.get(), round + 1);
        }
        assert_eq!(gone.load(Ordering::SeqCst), 1);
        assert_eq!(server.in_flight().now(), 0);
    });
}

#[test]
fn idle_and_deaf_connections_are_closed() {
    on_traffic_thread(async || {
        let limits = EdgeLimits {
            keep_alive: Duration::from_millis(200),
            write_stall: Duration::from_millis(200),
            ..EdgeLimits::default()
        };
        let (server, _) = start(Options {
            limits,
            ..Options::default()
        });
        let mut idle = RawConnection::to(server.local_addr()).await;
        idle.post("/echo", "{}").await;
        assert!(idle.request().await.unwrap().0.starts_with("http/1.1 200 "));
        let begun = Instant::now();
        assert!(idle.until_closed().await.is_empty());
        assert!(begun.elapsed() >= Duration::from_millis(200));

        let mut deaf = RawConnection::to(server.local_addr()).await;
        deaf.post("/endless", "{}").await;
        while server.in_flight().now() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // It reads nothing until the server gives up.
        while server.in_flight().now() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn draining_finishes_what_is_in_flight_and_cuts_what_takes_too_long() {
    on_traffic_thread(async || {
        let upstream = RawUpstream::start(|mut connection, number| async move {
            connection.request().await;
            if number == 0 {
                tokio::time::sleep(Duration::from_millis(500)).await;
                connection.send(answer("", "in time")).await;
            }
            connection.until_closed().await;
        })
        .await;
        let (server, _) = start(Options {
            upstream: upstream.address,
            ..Options::default()
        });
        let address = server.local_addr();
        let readiness = Readiness::default();
        readiness.set(true);
        let mut idle = RawConnection::to(address).await;
        let mut in_time = RawConnection::to(address).await;
        in_time.post("/v1/chat/completions", "{}").await;
        while upstream.connections() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut too_long = RawConnection::to(address).await;
        too_long.post("/v1/chat/completions", "{}").await;
        while upstream.connections() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let times = DrainTimes {
            notice: Duration::from_millis(100),
            limit: Duration::from_secs(1),
        };
        let watched = readiness.clone();
        let drained = tokio::task::spawn_local(async move { server.drain(&watched, times).await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!readiness.is_ready());
        // Still served while load balancers take notice.
        idle.post("/echo", "{}").await;
        assert!(idle.request().await.unwrap().0.starts_with("http/1.1 200 "));
        assert!(idle.until_closed().await.is_empty());
        // The other thread may be a moment behind.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
        assert_eq!(in_time.request().await.unwrap().1, b"in time");
        assert!(too_long.until_closed().await.is_empty());
        assert_eq!(drained.await.unwrap(), 1);
    });
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let (server, _) = start(Options::default());
    let (plain, shared) = (
        std::net::TcpListener::bind("127.0.0.1:0").unwrap(),
        server.local_addr(),
    );
    for taken in [plain.local_addr().unwrap(), shared] {
        let config = ListenerConfig {
            listen: taken,
            threads: 2,
            tls: None,
            limits: EdgeLimits::default(),
        };
        assert!(matches!(
            Server::start(config, |_| Nothing),
            Err(StartError::Listen { .. })
        ));
    }
}

/// For listeners that do not start.
struct Nothing;

impl Handler for Nothing {
    async fn handle(&self, _: Parts, _: Incoming, _: SocketAddr) -> Response<Body> {
        Response::new(Body::empty())
    }

    fn overloaded(&self, _: &Parts) -> Response<Body> {
        Response::new(Body::empty())
    }
}
