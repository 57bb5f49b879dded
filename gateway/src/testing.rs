//! What the tests of several modules share: a traffic thread's runtime, and an upstream that speaks bytes.

use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::timer;

/// Runs a test as on a traffic thread. Everything takes less than 20 s or has hung.
pub(crate) fn on_traffic_thread(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())
        .unwrap();
    runtime.block_on(async {
        tokio::task::spawn_local(timer::run());
        tokio::task::yield_now().await;
        tokio::time::timeout(Duration::from_secs(20), test())
            .await
            .expect("the test hangs");
    });
}

/// An upstream that gives each connection, with its number, to a function.
pub(crate) struct RawUpstream {
    pub(crate) address: SocketAddr,
    connections: Rc<Cell<usize>>,
}

impl RawUpstream {
    pub(crate) async fn start<F>(serve: impl Fn(RawConnection, usize) -> F + 'static) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Rc::new(Cell::new(0));
        let count = Rc::clone(&connections);
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = count.get();
                count.set(number + 1);
                tokio::task::spawn_local(serve(
                    RawConnection {
                        stream,
                        rest: Vec::new(),
                    },
                    number,
                ));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// One that answers every request on every connection with the same bytes.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Rc::new(answer.into());
        Self::start(move |mut connection, _| {
            let answer = Rc::clone(&answer);
            async move {
                while connection.request().await.is_some() {
                    connection.send(&answer[..]).await;
                }
            }
        })
        .await
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.get()
    }
}

/// One side of a connection, in bytes.
pub(crate) struct RawConnection {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl RawConnection {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            rest: Vec::new(),
        }
    }

    /// One request, or response, with its body by `content-length`; none at the connection's end.
    pub(crate) async fn request(&mut self) -> Option<(String, Vec<u8>)> {
        let end = loop {
            if let Some(at) = self.rest.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8(self.rest.drain(..end).collect())
            .unwrap()
            .to_ascii_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.map_or(0, |digits| digits.parse().unwrap());
        while self.rest.len() < length {
            if !self.more().await {
                return None;
            }
        }
        Some((head, self.rest.drain(..length).collect()))
    }

    async fn more(&mut self) -> bool {
        self.stream
            .read_buf(&mut self.rest)
            .await
            .is_ok_and(|read| read > 0)
    }

    /// Whatever comes until the other side closes.
    pub(crate) async fn until_closed(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.rest)
    }

    /// Waits until this text has come.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        while !String::from_utf8_lossy(&self.rest).contains(text) {
            assert!(
                self.more().await,
                "closed before {text:?}: {:?}",
                String::from_utf8_lossy(&self.rest)
            );
        }
        String::from_utf8(std::mem::take(&mut self.rest)).unwrap()
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The other side may have gone; then the test looks at something else.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) {
        let length = body.len();
        self.send(format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
    }
}

/// A response with a `content-length`.
pub(crate) fn answer(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
