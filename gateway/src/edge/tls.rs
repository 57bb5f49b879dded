//! The listener's certificate: read from two PEM files and read again when they change.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Where certificate chain and key lie, as PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The leaf's private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Why the files give no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read or is not PEM.
    #[error("cannot read the TLS {what} from {path}: {reason}")]
    Unreadable {
        /// `certificate` or `key`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// They do not belong together, or the key's kind is not supported.
    #[error("the TLS certificate {certificate} and the key {key} do not make a server: {reason}")]
    Unusable {
        /// Which file.
        certificate: PathBuf,
        /// Which file.
        key: PathBuf,
        /// Why.
        reason: rustls::Error,
    },
}

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What tells one state of the files from another; the files behind symbolic links count, so Kubernetes' swap
/// of a directory link is seen.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Stamp([(u64, u64, Option<SystemTime>); 2]);

impl Stamp {
    fn of(files: &TlsFiles) -> io::Result<Self> {
        let one = |meta: Metadata| (meta.ino(), meta.len(), meta.modified().ok());
        Ok(Self([
            one(std::fs::metadata(&files.certificate)?),
            one(std::fs::metadata(&files.key)?),
        ]))
    }
}

/// The certificate in force. Handshakes take the newest; open connections keep theirs.
#[derive(Clone)]
pub struct Tls {
    files: TlsFiles,
    current: Arc<ArcSwap<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let config = read(&files)?;
        Ok(Self {
            files,
            current: Arc::new(ArcSwap::from_pointee(config)),
        })
    }

    /// For the next handshake.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Reads the files again whenever they change, until dropped. Files that do not work leave the last good
    /// certificate in force and are logged once.
    pub async fn watch(self) {
        let mut seen = Stamp::of(&self.files).ok();
        loop {
            tokio::time::sleep(LOOK).await;
            // While files are being replaced one may be missing for a moment.
            let Ok(stamp) = Stamp::of(&self.files) else {
                continue;
            };
            if seen.as_ref() == Some(&stamp) {
                continue;
            }
            seen = Some(stamp);
            match read(&self.files) {
                Ok(config) => {
                    self.current.store(Arc::new(config));
                    tracing::info!(certificate = %self.files.certificate.display(), "TLS certificate reloaded");
                }
                Err(error) => {
                    tracing::warn!(%error, "the last good TLS certificate stays in force")
                }
            }
        }
    }
}

fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let unreadable = |what, path: &Path, reason: String| TlsError::Unreadable {
        what,
        path: path.into(),
        reason,
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| unreadable("certificate", &files.certificate, e.to_string()))?;
    if chain.is_empty() {
        return Err(unreadable(
            "certificate",
            &files.certificate,
            "it holds no certificate".into(),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|e| unreadable("key", &files.key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|reason| TlsError::Unusable {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            reason,
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
