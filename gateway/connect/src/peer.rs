//! What is special about TLS with one peer: authorities, a name, a certificate to show.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsConnector;

use super::connector::{certificates, client_config, only, system};

/// What a [`PeerTls`] is made from, all of it in PEM.
#[derive(Clone, Copy, Default)]
pub struct PeerSettings<'a> {
    /// Authorities to trust instead of the system's.
    pub ca: Option<&'a str>,
    /// The name that is asked for and that the certificate must hold; none: the host of the URL.
    pub server_name: Option<&'a str>,
    /// A certificate chain to show.
    pub certificate: Option<&'a str>,
    /// Its key.
    pub key: Option<&'a str>,
}

/// Settings of TLS that cannot be used. The text quotes nothing of them.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PeerError {
    /// The authorities.
    #[error("{0}")]
    Ca(String),
    /// The name.
    #[error("it is neither the name of a host nor an address")]
    ServerName,
    /// The certificate chain.
    #[error("{0}")]
    Certificate(String),
    /// The key.
    #[error("{0}")]
    Key(String),
    /// The system's own authorities.
    #[error("{0}")]
    System(String),
}

/// What is special about TLS with one peer. Cheap to clone; what was made from the same settings is equal, so that
/// connections are shared.
#[derive(Clone)]
pub struct PeerTls(Arc<Inner>);

struct Inner {
    connector: TlsConnector,
    server_name: Option<ServerName<'static>>,
    /// The settings' hash.
    print: [u8; 32],
}

impl PeerTls {
    /// Reads the settings.
    ///
    /// # Errors
    /// See [`PeerError`].
    pub fn new(settings: PeerSettings<'_>) -> Result<Self, PeerError> {
        let PeerSettings {
            ca,
            server_name,
            certificate,
            key,
        } = settings;
        let verifier = match ca {
            Some(pem) => only(readable(pem.as_bytes()).map_err(PeerError::Ca)?),
            None => system(Vec::new()),
        };
        let verifier = verifier.map_err(|reason| match ca {
            Some(_) => PeerError::Ca(reason),
            None => PeerError::System(reason),
        })?;
        let identity = match (certificate, key) {
            (Some(chain), Some(key)) => {
                let chain = readable(chain.as_bytes()).map_err(PeerError::Certificate)?;
                // The parser's own words would quote a line of it.
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                    .map_err(|_| PeerError::Key("it holds no private key in PEM".to_owned()))?;
                Some((chain, key))
            }
            (None, None) => None,
            (Some(_), None) => return Err(PeerError::Key("there is none".to_owned())),
            (None, Some(_)) => return Err(PeerError::Certificate("there is none".to_owned())),
        };
        let connector = client_config(verifier, identity).map_err(PeerError::Key)?;
        let server_name = server_name.map(|name| ServerName::try_from(name.to_owned()));
        Ok(Self(Arc::new(Inner {
            connector,
            server_name: server_name.transpose().map_err(|_| PeerError::ServerName)?,
            print: print(settings),
        })))
    }

    pub(super) fn connector(&self) -> &TlsConnector {
        &self.0.connector
    }

    pub(super) fn server_name(&self) -> Option<&ServerName<'static>> {
        self.0.server_name.as_ref()
    }

    /// The same for the same settings, and for no others.
    pub fn print(&self) -> &[u8; 32] {
        &self.0.print
    }
}

fn readable(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    certificates(pem).map_err(|_| "it holds no certificate in PEM".to_owned())
}

fn print(settings: PeerSettings<'_>) -> [u8; 32] {
    let mut hash = Sha256::new();
    let PeerSettings {
        ca,
        server_name,
        certificate,
        key,
    } = settings;
    for part in [ca, server_name, certificate, key] {
        hash.update([u8::from(part.is_some())]);
        let part = part.unwrap_or_default();
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

impl PartialEq for PeerTls {
    fn eq(&self, other: &Self) -> bool {
        self.0.print == other.0.print
    }
}

impl Eq for PeerTls {}

impl Hash for PeerTls {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.print.hash(state);
    }
}

impl std::fmt::Debug for PeerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerTls").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    #[test]
    fn settings_that_cannot_be_used_are_said_and_not_quoted() {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["a.internal".to_owned()]).unwrap();
        let other = generate_simple_self_signed(vec!["b.internal".to_owned()]).unwrap();
        let (cert, key) = (cert.pem(), signing_key.serialize_pem());
        let other = other.signing_key.serialize_pem();
        let (cert, key, other) = (Some(&*cert), Some(&*key), Some(&*other));
        let bad = Some("-----BEGIN SECRET\nSECRET\n");
        let with = |ca, server_name, certificate, key| PeerSettings {
            ca,
            server_name,
            certificate,
            key,
        };
        let rows = [
            (with(cert, Some("a.internal"), cert, key), "good"),
            (with(cert, Some("10.0.0.1"), None, None), "good"),
            (with(bad, None, None, None), "ca"),
            (with(Some(""), None, None, None), "ca"),
            (with(key, None, None, None), "ca"),
            (with(cert, Some("not a name"), None, None), "name"),
            (with(cert, None, bad, key), "certificate"),
            (with(cert, None, cert, bad), "key"),
            (with(cert, None, cert, None), "key"),
            (with(cert, None, cert, other), "key"),
            (with(cert, None, None, key), "certificate"),
        ];
        for (number, (settings, expected)) in rows.into_iter().enumerate() {
            let made = PeerTls::new(settings);
            let found = match &made {
                Ok(_) => "good",
                Err(PeerError::Ca(_)) => "ca",
                Err(PeerError::ServerName) => "name",
                Err(PeerError::Certificate(_)) => "certificate",
                Err(PeerError::Key(_)) => "key",
                Err(PeerError::System(_)) => "system",
            };
            assert_eq!(found, expected, "{number}");
            assert!(!format!("{made:?}").contains("SECRET"), "{made:?}");
        }
        let one = PeerTls::new(with(cert, None, cert, key)).unwrap();
        assert_eq!(one, PeerTls::new(with(cert, None, cert, key)).unwrap());
        assert_ne!(one, PeerTls::new(with(cert, None, None, None)).unwrap());
    }
}
