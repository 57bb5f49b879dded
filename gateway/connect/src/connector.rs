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
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
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
use super::peer::PeerTls;

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
    /// Takes the place of `tls`, for origins that have no peer of their own.
    peer: Option<PeerTls>,
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
            peer: None,
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
            peer: None,
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
            tls: Arc::new(Ok(client_config(only(certificates(pem)?)?, None)?)),
            peer: None,
            settings: Arc::clone(&self.settings),
        })
    }

    /// The same way out, under the same rules, for a peer with which TLS is special.
    #[must_use]
    pub fn to_peer(&self, peer: PeerTls) -> Self {
        Self {
            peer: Some(peer),
            ..self.clone()
        }
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
        let peer = origin.peer().or(self.peer.as_ref());
        let usual = || self.tls.as_ref().as_ref();
        let tls = peer
            .map_or_else(usual, |peer| Ok(peer.connector()))
            .map_err(|reason| unreachable(reason.clone()))?;
        let name = match peer.and_then(PeerTls::server_name) {
            Some(name) => name.clone(),
            None => ServerName::try_from(origin.host().to_owned())
                .map_err(|e| unreachable(e.to_string()))?,
        };
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

pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
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
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

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
    client_config(system(extra)?, identity)
}

type Verifies = Arc<dyn ServerCertVerifier>;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Trust in the system's authorities and in these.
pub(super) fn system(extra: Vec<CertificateDer<'static>>) -> Result<Verifies, String> {
    let verifier = Verifier::new_with_extra_roots(extra, provider()).map_err(|e| e.to_string())?;
    Ok(Arc::new(verifier))
}

/// Trust in these authorities and in no other.
pub(super) fn only(authorities: Vec<CertificateDer<'static>>) -> Result<Verifies, String> {
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        roots.add(certificate).map_err(|e| e.to_string())?;
    }
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    let verifier = builder.build().map_err(|e| e.to_string())?;
    Ok(verifier)
}

/// TLS with a peer that is verified like this, and shown this.
pub(super) fn client_config(verifier: Verifies, identity: Option<Identity>) -> Trust {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|e| e.to_string())?,
    };
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(TlsConnector::from(Arc::new(config)))
}
