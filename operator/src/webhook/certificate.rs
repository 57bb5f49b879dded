//! The webhook's certificate: read from a folder, and read again when it changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;
use zeroize::Zeroizing;

/// How often the files are looked at: they are few and small, and a mounted Secret changes without a word.
const LOOK: Duration = Duration::from_secs(1);

/// A certificate that works, and the authority to trust for it.
#[derive(Clone)]
pub struct Certificate {
    /// For the next handshake.
    pub server: Arc<ServerConfig>,
    /// PEM.
    pub authority: Arc<[u8]>,
}

/// What the files say.
#[derive(Eq, PartialEq)]
struct Files {
    chain: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    authority: Vec<u8>,
}

impl Files {
    fn read(folder: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| -> anyhow::Result<Vec<u8>> {
            let path = folder.join(name);
            std::fs::read(&path).with_context(|| format!("reading {}", path.display()))
        };
        Ok(Self {
            chain: read("tls.crt")?,
            key: Zeroizing::new(read("tls.key")?),
            authority: read("ca.crt")?,
        })
    }

    fn certificate(&self) -> anyhow::Result<Certificate> {
        let certificates =
            |pem: &[u8], name: &str| -> anyhow::Result<Vec<CertificateDer<'static>>> {
                let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
                let found = found.with_context(|| format!("reading {name}"))?;
                anyhow::ensure!(!found.is_empty(), "{name} holds no certificate");
                Ok(found)
            };
        certificates(&self.authority, "ca.crt")?;
        let chain = certificates(&self.chain, "tls.crt")?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).context("reading tls.key")?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .context("putting tls.crt and tls.key together")?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Certificate {
            server: Arc::new(server),
            authority: self.authority.as_slice().into(),
        })
    }
}

/// Reads the folder, and again whenever its files change, for ever. What does not work leaves the last good certificate in
/// force, and is said once.
pub async fn follow(folder: PathBuf, tell: watch::Sender<Option<Certificate>>) {
    let mut known: Option<Files> = None;
    let mut said = None;
    loop {
        match look(&folder, &mut known) {
            Ok(None) => {}
            Ok(Some(certificate)) => {
                tell.send_replace(Some(certificate));
                said = None;
                tracing::info!(folder = %folder.display(), "the webhook's certificate is read");
            }
            Err(error) => {
                let error = format!("{error:#}");
                if said.as_ref() != Some(&error) {
                    tracing::warn!(
                        error,
                        "the webhook's certificate cannot be used; trying again"
                    );
                }
                said = Some(error);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What the files come to when they are not those of `known`, which they become when they work.
fn look(folder: &Path, known: &mut Option<Files>) -> anyhow::Result<Option<Certificate>> {
    let files = Files::read(folder)?;
    if known.as_ref() == Some(&files) {
        return Ok(None);
    }
    let certificate = files.certificate()?;
    *known = Some(files);
    Ok(Some(certificate))
}

/// There is no certificate yet.
pub(super) fn none_yet() -> io::Error {
    io::Error::other("there is no certificate yet")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let pem = made.cert.pem();
        std::fs::write(folder.join("tls.crt"), &pem).unwrap();
        std::fs::write(folder.join("ca.crt"), &pem).unwrap();
        std::fs::write(folder.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn files_are_taken_when_they_fit_together_and_when_they_have_changed() {
        let folder = tempfile::tempdir().unwrap();
        let mut known = None;
        let mut look = || look(folder.path(), &mut known);
        assert!(look().is_err());
        write(folder.path(), "one");
        let first = look().unwrap().unwrap().authority;
        assert!(look().unwrap().is_none());
        // Half replaced: the key is still the old one.
        let key = std::fs::read(folder.path().join("tls.key")).unwrap();
        write(folder.path(), "two");
        let new_key = std::fs::read(folder.path().join("tls.key")).unwrap();
        std::fs::write(folder.path().join("tls.key"), key).unwrap();
        assert!(look().is_err());
        assert!(look().is_err());
        std::fs::write(folder.path().join("tls.key"), new_key).unwrap();
        assert_ne!(look().unwrap().unwrap().authority, first);
        std::fs::write(folder.path().join("ca.crt"), "nothing").unwrap();
        let error = look().err().unwrap();
        assert_eq!(error.to_string(), "ca.crt holds no certificate");
    }
}
