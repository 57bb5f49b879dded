//! The one way out: every outgoing connection is made here.
//!
//! A name is resolved, its addresses are checked, and only a checked address is connected to, so a name can't
//! lead anywhere else between check and use.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper_util::client::legacy::connect::{Connected, Connection};
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::AddressRules;
use super::error::UpstreamError;
use super::origin::Origin;

/// What the connector needs to know.
#[derive(Clone, Debug)]
pub struct ConnectorConfig {
    /// PEM file with certificate authorities that are trusted beside the system's.
    pub extra_ca: Option<PathBuf>,
    /// For resolving, connecting and the TLS handshake together.
    pub timeout: Duration,
}

impl Default for ConnectorConfig {
    /// 10 s.
    fn default() -> Self {
        Self {
            extra_ca: None,
            timeout: Duration::from_secs(10),
        }
    }
}

/// The connector can't be built.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The extra authorities can't be read.
    #[error("cannot read certificate authorities from {path}: {reason}")]
    ExtraCa {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Makes connections. Cheap to clone; all clones share rules and trust.
#[derive(Clone)]
pub struct Connector {
    tls: Arc<Trust>,
    settings: Arc<ArcSwap<Settings>>,
}

/// What may change while connections are made.
struct Settings {
    rules: AddressRules,
    timeout: Duration,
}

/// Offers HTTP/2 and HTTP/1.1. An installation without any certificate authority can still make calls without TLS.
type Trust = Result<TlsConnector, String>;

impl Connector {
    /// Reads the system's certificate authorities and the extra ones.
    ///
    /// # Errors
    /// When the extra ones can't be read. A system without authorities is an error of the calls with TLS.
    pub fn new(config: &ConnectorConfig) -> Result<Self, ConnectorError> {
        let extra = config
            .extra_ca
            .as_deref()
            .map_or_else(|| Ok(Vec::new()), authorities)?;
        Ok(Self {
            tls: Arc::new(trust(extra)),
            settings: Arc::new(ArcSwap::from_pointee(Settings {
                rules: AddressRules::default(),
                timeout: config.timeout,
            })),
        })
    }

    /// Puts new address rules and a new timeout in force for the connections made from now on.
    pub fn configure(&self, rules: AddressRules, timeout: Duration) {
        self.settings.store(Arc::new(Settings { rules, timeout }));
    }

    /// Connects.
    ///
    /// # Errors
    /// [`UpstreamError::Unreachable`], [`UpstreamError::AddressRefused`] or [`UpstreamError::ConnectTimeout`].
    pub async fn connect(&self, origin: &Origin) -> Result<Outgoing, UpstreamError> {
        let settings = self.settings.load_full();
        let limit = settings.timeout;
        match tokio::time::timeout(limit, self.connect_unlimited(origin, &settings.rules)).await {
            Ok(result) => result,
            Err(_) => Err(UpstreamError::ConnectTimeout {
                host: origin.name().to_owned(),
                limit,
            }),
        }
    }

    async fn connect_unlimited(
        &self,
        origin: &Origin,
        rules: &AddressRules,
    ) -> Result<Outgoing, UpstreamError> {
        let unreachable = |reason: String| UpstreamError::Unreachable {
            host: origin.name().to_owned(),
            reason,
        };
        let stream = tcp(origin, rules).await?;
        stream
            .set_nodelay(true)
            .map_err(|e| unreachable(e.to_string()))?;
        if !origin.tls() {
            return Ok(Outgoing {
                stream: Stream::Plain(stream),
                http2: false,
            });
        }
        let tls = self
            .tls
            .as_ref()
            .as_ref()
            .map_err(|reason| unreachable(reason.clone()))?;
        let name = ServerName::try_from(origin.host().to_owned())
            .map_err(|e| unreachable(e.to_string()))?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|e| unreachable(format!("TLS: {e}")))?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Outgoing {
            stream: Stream::Tls(Box::new(stream)),
            http2,
        })
    }
}

async fn tcp(origin: &Origin, rules: &AddressRules) -> Result<TcpStream, UpstreamError> {
    let host = || origin.name().to_owned();
    let mut last: Option<std::io::Error> = None;
    let mut refused = false;
    for address in resolve(origin)
        .await
        .map_err(|reason| UpstreamError::Unreachable {
            host: host(),
            reason,
        })?
    {
        if !rules.permits(address.ip()) {
            refused = true;
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(UpstreamError::Unreachable {
            host: host(),
            reason: error.to_string(),
        }),
        None if refused => Err(UpstreamError::AddressRefused { host: host() }),
        None => Err(UpstreamError::Unreachable {
            host: host(),
            reason: "the name has no address".into(),
        }),
    }
}
async fn resolve(origin: &Origin) -> Result<Vec<SocketAddr>, String> {
    if let Ok(address) = origin.host().parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, origin.port())]);
    }
    match tokio::net::lookup_host((origin.host(), origin.port())).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(_) => Err("the name does not resolve".to_owned()),
    }
}

fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectorError> {
    let fail = |reason: String| ConnectorError::ExtraCa {
        path: path.into(),
        reason,
    };
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| fail(e.to_string()))?;
    if found.is_empty() {
        Err(fail("it holds no certificate".into()))
    } else {
        Ok(found)
    }
}

fn trust(extra: Vec<CertificateDer<'static>>) -> Trust {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(|e| e.to_string())?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A connection to an upstream.
pub struct Outgoing {
    stream: Stream,
    http2: bool,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Outgoing {
    /// Whether HTTP/2 was agreed on.
    pub const fn is_http2(&self) -> bool {
        self.http2
    }
}

impl Connection for Outgoing {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        if self.http2 {
            connected.negotiated_h2()
        } else {
            connected
        }
    }
}

impl AsyncRead for Outgoing {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Outgoing {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }
}
