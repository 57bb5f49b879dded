//! One request on a connection of its own, with or without TLS.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Patience with one request.
const WITHIN: Duration = Duration::from_secs(15);
/// Bytes that an answer may have.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// The route that is asked.
const ROUTE: &str = "/v1/chat/completions";

/// Whom to ask.
pub(super) struct Gateway {
    host: String,
    port: u16,
    authority: HeaderValue,
    path: String,
    bearer: HeaderValue,
    tls: Option<TlsConnector>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Gateway {
    pub(super) fn new(url: &str, token: &str, ca_file: Option<&Path>) -> anyhow::Result<Self> {
        let uri: Uri = url
            .parse()
            .with_context(|| format!("{url:?} is no address"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            bail!("write the gateway's address like http://parapet-gateway.parapet.svc");
        };
        let (port, tls) = match scheme {
            "http" => (80, None),
            "https" => (443, Some(connector(ca_file)?)),
            other => bail!("{other}: is no way to reach a gateway, http and https are"),
        };
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}"))
            .context("the token cannot stand in a header")?;
        bearer.set_sensitive(true);
        Ok(Self {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(port),
            authority: HeaderValue::try_from(authority.as_str()).context("reading the address")?,
            path: format!("{}{ROUTE}", uri.path().trim_end_matches('/')),
            bearer,
            tls,
        })
    }

    /// Asks, and says in words why there is no answer.
    pub(super) async fn ask(&self, body: String) -> Result<Answer, String> {
        match tokio::time::timeout(WITHIN, self.send(body)).await {
            Ok(result) => result.map_err(|error| format!("{error:#}")),
            Err(_) => Err(format!("no answer within {WITHIN:?}")),
        }
    }

    async fn send(&self, body: String) -> anyhow::Result<Answer> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .with_context(|| format!("connecting to {}:{}", self.host, self.port))?;
        match &self.tls {
            None => self.exchange(stream, body).await,
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone()).context("reading the host")?;
                let stream = tls.connect(name, stream).await.context("TLS")?;
                self.exchange(stream, body).await
            }
        }
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        body: String,
    ) -> anyhow::Result<Answer> {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::post(&self.path)
            .header(HOST, &self.authority)
            .header(AUTHORIZATION, &self.bearer)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        // It ends with the answer; what is wrong with it is wrong with the answer too.
        let driving = tokio::spawn(connection);
        let answer = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
                .collect()
                .await
                .map_err(|error| anyhow::anyhow!("reading the answer: {error}"))?;
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            Ok(Answer { status, body })
        }
        .await;
        driving.abort();
        answer
    }
}

/// Trusts what the system trusts, and what a file adds.
fn connector(ca_file: Option<&Path>) -> anyhow::Result<TlsConnector> {
    let mut extra = Vec::new();
    if let Some(file) = ca_file {
        let read = || -> Result<Vec<_>, rustls::pki_types::pem::Error> {
            CertificateDer::pem_file_iter(file)?.collect()
        };
        extra = read().with_context(|| format!("reading authorities in {}", file.display()))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
        .context("reading the system's authorities")?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("setting up TLS")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
