//! A plain HTTP client for tests: sends exactly what it is told, retries nothing, follows nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Longer than anything a test waits for: what takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Client {
    addr: SocketAddr,
    inner: HyperClient<HttpConnector, Full<Bytes>>,
}

/// One request to send.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path: String,
    /// Headers as they are to be sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Whether the body broke off before its end.
    pub cut: bool,
}

impl Outgoing {
    /// A POST of JSON.
    pub fn post(path: &str, body: impl Into<Bytes>) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.into(),
        }
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with a bearer token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }
}

impl Answered {
    /// The body as text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).context("the answer is not UTF-8")
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!(
                "the answer is not JSON: {:?}",
                String::from_utf8_lossy(&self.body)
            )
        })
    }

    /// A header's value, when there is one and it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer whose body is read as it comes.
#[derive(Debug)]
pub struct Opened {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    /// What came with what was waited for, and was not asked for yet.
    ahead: Bytes,
}

impl Opened {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// When the connection breaks or nothing comes for very long.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if !self.ahead.is_empty() {
            return Ok(Some(std::mem::take(&mut self.ahead)));
        }
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.body.frame())
                .await
                .context("waiting for the body")?;
            match frame.transpose().context("reading the body")? {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// Reads until the text so far holds `needle`, and returns the text so far. Later events of a stream stay to be read.
    ///
    /// # Errors
    /// When the body ends or breaks before, or goes on for very long without it.
    pub async fn read_until(&mut self, needle: &str) -> Result<String> {
        let end = |text: &str| {
            let at = text.find(needle)?;
            let from = at + needle.trim_end_matches('\n').len();
            let event = text[from..].find("\n\n").map(|event| from + event + 2);
            Some(event.map_or(text.len(), |event| event.max(at + needle.len())))
        };
        self.read_to(needle, end).await
    }

    /// Reads the next event of a stream that has data, and returns them as JSON.
    ///
    /// # Errors
    /// When there is none, or it is no JSON.
    pub async fn next_data(&mut self) -> Result<Value> {
        const FIELD: &str = "data: ";
        let end = |text: &str| {
            let from = text.find(FIELD)?;
            Some(from + text[from..].find("\n\n")? + 2)
        };
        let text = self.read_to(FIELD, end).await?;
        let line = text.lines().find_map(|line| line.strip_prefix(FIELD));
        serde_json::from_str(line.unwrap_or_default()).with_context(|| format!("no JSON: {text:?}"))
    }

    /// Reads until `end` finds where the text that is wanted ends, and keeps the rest.
    async fn read_to(
        &mut self,
        wanted: &str,
        end: impl Fn(&str) -> Option<usize>,
    ) -> Result<String> {
        let mut so_far = String::new();
        let limit = Instant::now() + PATIENCE;
        while let Some(bytes) = self.next().await? {
            so_far.push_str(&String::from_utf8_lossy(&bytes));
            if let Some(end) = end(&so_far) {
                self.ahead = so_far.split_off(end).into();
                return Ok(so_far);
            }
            // Comments that keep a stream alive may come for ever.
            if Instant::now() > limit {
                break;
            }
        }
        bail!("the body ended or went on without {wanted:?}: {so_far:?}")
    }

    /// The rest of the body, and whether it broke off.
    pub async fn rest(mut self) -> (Vec<u8>, bool) {
        let mut whole = Vec::new();
        loop {
            match self.next().await {
                Ok(Some(bytes)) => whole.extend_from_slice(&bytes),
                Ok(None) => return (whole, false),
                Err(_) => return (whole, true),
            }
        }
    }
}

impl Client {
    /// A client of the server at `addr`, with its own pool of connections.
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            inner: HyperClient::builder(TokioExecutor::new())
                .retry_canceled_requests(false)
                .build_http(),
        }
    }

    /// Sends and returns as soon as the head of the answer is there.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn open(&self, outgoing: Outgoing) -> Result<Opened> {
        let uri = format!("http://{}{}", self.addr, outgoing.path);
        let mut request = Request::builder().method(outgoing.method).uri(&uri);
        for (name, value) in &outgoing.headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(outgoing.body))
            .context("building the request")?;
        let sent = tokio::time::timeout(PATIENCE, self.inner.request(request));
        let response = sent.await.with_context(|| format!("waiting for {uri}"))?;
        let (head, body) = response
            .with_context(|| format!("calling {uri}"))?
            .into_parts();
        Ok(Opened {
            status: head.status,
            headers: head.headers,
            body,
            ahead: Bytes::new(),
        })
    }

    /// Sends and reads the whole answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, outgoing: Outgoing) -> Result<Answered> {
        let opened = self.open(outgoing).await?;
        let (status, headers) = (opened.status, opened.headers.clone());
        let (body, cut) = opened.rest().await;
        Ok(Answered {
            status,
            headers,
            body: body.into(),
            cut,
        })
    }
}
