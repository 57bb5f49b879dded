//! The one way out: every outgoing connection is made here.
//!
//! A name is resolved, its addresses are checked, and only a checked address is connected to, so a name can't
//! lead anywhere else between check and use.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls_platform_verifier::Verifier;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::ALIVE;
use super::address::AddressRules;
use super::error::UpstreamError;
use super::origin::Origin;
use super::outgoing::Outgoing;

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
    /// The certificate to show, or its key, can't be read.
    #[error("cannot read the certificate or the key to show from {path}: {reason}")]
    Identity {
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

/// An installation without any certificate authority can still make calls without TLS.
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
            tls: Arc::new(trust(extra, None)),
            settings: Arc::new(ArcSwap::from_pointee(Settings {
                rules: AddressRules::default(),
                timeout: config.timeout,
            })),
        })
    }

    /// The same connector, address rules included, for a peer with an authority of its own, or that asks for a
    /// certificate: PEM files with authorities to trust beside the system's, and with a certificate chain and its key.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn with_trust(
        &self,
        ca: Option<&Path>,
        identity: Option<&(PathBuf, PathBuf)>,
    ) -> Result<Self, ConnectorError> {
        let extra = ca.map_or_else(|| Ok(Vec::new()), authorities)?;
        let identity = identity
            .map(|(chain, key)| read_identity(chain, key))
            .transpose()?;
        Ok(Self {
            tls: Arc::new(trust(extra, identity)),
            settings: Arc::clone(&self.settings),
        })
    }

    /// Puts new address rules and a new timeout in force for the connections made from now on.
    pub fn configure(&self, rules: AddressRules, timeout: Duration) {
        self.settings.store(Arc::new(Settings { rules, timeout }));
    }

    /// The same way out, under the same rules, that trusts only these authorities (PEM) and none of the system's.
    ///
    /// # Errors
    /// In words, when they can't be read.
    pub fn trusting_only(&self, pem: &[u8]) -> Result<Self, String> {
        Ok(Self {
            tls: Arc::new(Ok(only(pem)?)),
            settings: Arc::clone(&self.settings),
        })
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
            .and_then(|()| SockRef::from(&stream).set_tcp_keepalive(&ALIVE))
            .map_err(|e| unreachable(e.to_string()))?;
        if !origin.tls() {
            return Ok(Outgoing::plain(stream));
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
        Ok(Outgoing::tls(stream))
    }
}

/// How long an address may keep the next one waiting; RFC 8305 recommends 250 ms.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// Connects to the first address that answers. The next one is tried when one fails or is slow.
async fn tcp(origin: &Origin, rules: &AddressRules) -> Result<TcpStream, UpstreamError> {
    let host = || origin.name().to_owned();
    let found = resolve(origin)
        .await
        .map_err(|reason| UpstreamError::Unreachable {
            host: host(),
            reason,
        })?;
    let any = !found.is_empty();
    let mut addresses = found
        .into_iter()
        .filter(|address| rules.permits(address.ip()))
        .peekable();
    let mut last = match addresses.peek() {
        None if any => return Err(UpstreamError::AddressRefused { host: host() }),
        None | Some(_) => "the name has no address".to_owned(),
    };
    let mut attempts = FuturesUnordered::new();
    loop {
        let more = addresses.next();
        let waits = addresses.peek().is_some();
        attempts.extend(more.map(TcpStream::connect));
        if attempts.is_empty() {
            return Err(UpstreamError::Unreachable {
                host: host(),
                reason: last,
            });
        }
        let next = tokio::select! {
            next = attempts.next() => next,
            () = tokio::time::sleep(NEXT_ADDRESS), if waits => continue,
        };
        match next {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last = error.to_string(),
            None => {}
        }
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
    let pem = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
    certificates(&pem).map_err(fail)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| e.to_string())?;
    if found.is_empty() {
        Err("it holds no certificate".into())
    } else {
        Ok(found)
    }
}

/// Offers HTTP/2 and HTTP/1.1.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate chain and its key.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_identity(chain: &Path, key: &Path) -> Result<Identity, ConnectorError> {
    let fail = |path: &Path, reason: String| ConnectorError::Identity {
        path: path.into(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| fail(chain, e.to_string()))?;
    if certificates.is_empty() {
        return Err(fail(chain, "it holds no certificate".into()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| fail(key, e.to_string()))?;
    Ok((certificates, key))
}

fn trust(extra: Vec<CertificateDer<'static>>, identity: Option<Identity>) -> Trust {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(|e| e.to_string())?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|e| e.to_string())?,
    };
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Trust in these authorities and in no other.
fn only(pem: &[u8]) -> Trust {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|e| e.to_string())?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(TlsConnector::from(Arc::new(config)))
}
