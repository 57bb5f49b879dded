//! What the gateway gives a client to bring back later, sealed: session ids and event ids.
//!
//! Gateways keep nothing: what has to be known later travels with the client. It is encrypted, bound to the caller and the
//! server that it was made for, and any gateway with the same keys opens it.

use std::path::PathBuf;
use std::sync::Mutex;
#[cfg(test)]
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parapet_bus::keys::key_lines;
use parapet_policy::facts::Subject;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// How long keys are used before their files are looked at again.
const FRESH: Duration = Duration::from_secs(30);
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// The longest text that is tried: session ids travel in a header.
const MAX_SEALED: usize = 8192;
/// What keys for sealing are derived with: the keys in the files have another purpose too.
const LABEL: &[u8] = b"parapet mcp sealing 1";

/// Seals and opens. The first key seals, any opens.
pub(crate) struct Sealer {
    keys: ArcSwap<Vec<RandomizedNonceKey>>,
    /// None: the key is of this process only.
    files: Option<Files>,
}

struct Files {
    path: PathBuf,
    read: Mutex<Instant>,
}

/// For whom and for what something is sealed: it opens for nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    /// What it is, e.g. `session`.
    pub(crate) purpose: &'static str,
    /// The server's name, which is unique in an installation.
    pub(crate) server: &'a str,
    /// The caller.
    pub(crate) caller: &'a Subject,
}

/// Keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealerError {
    /// A file cannot be read.
    #[error("cannot read the keys in {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds no key.
    #[error("{0} holds no key: write 32 random bytes in base64, one key a line")]
    NoKey(PathBuf),
    /// The system gives no random bytes, or the library refuses a key.
    #[error("no key can be made")]
    NoRandom,
}

impl Sealer {
    /// With a key of this process only.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(crate) fn random() -> Result<Self, SealerError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(bytes.as_mut()).map_err(|_| SealerError::NoRandom)?;
        Ok(Self {
            keys: ArcSwap::from_pointee(vec![key(bytes.as_ref())?]),
            files: None,
        })
    }

    /// With keys from a file or a folder of files, as [`key_lines`] reads them; they are read again while they are used.
    ///
    /// # Errors
    /// When they cannot be read, or there is none.
    pub(crate) fn from_files(path: PathBuf) -> Result<Self, SealerError> {
        let keys = read(&path)?;
        Ok(Self {
            keys: ArcSwap::from_pointee(keys),
            files: Some(Files {
                path,
                read: Mutex::new(Instant::now()),
            }),
        })
    }

    /// Seals a value; none when it cannot be, which does not happen to values of our own.
    pub(crate) fn seal(&self, scope: Scope<'_>, value: &impl Serialize) -> Option<String> {
        self.refresh();
        let mut bytes = serde_json::to_vec(value).ok()?;
        let keys = self.keys.load();
        let nonce = keys
            .first()?
            .seal_in_place_append_tag(Aad::from(scope.bytes()), &mut bytes)
            .ok()?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.extend_from_slice(&bytes);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what was sealed for this scope; none for anything else.
    pub(crate) fn open<T: DeserializeOwned>(&self, scope: Scope<'_>, text: &str) -> Option<T> {
        if text.len() > MAX_SEALED {
            return None;
        }
        self.refresh();
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let aad = scope.bytes();
        self.keys.load().iter().find_map(|key| {
            let mut bytes = rest.to_vec();
            let plain = key
                .open_in_place(Nonce::from(nonce), Aad::from(&aad), &mut bytes)
                .ok()?;
            serde_json::from_slice(plain).ok()
        })
    }

    /// Looks at the files again when it is time. Keys that cannot be read any more stay.
    fn refresh(&self) {
        let Some(files) = &self.files else { return };
        let Ok(mut read_at) = files.read.try_lock() else {
            return;
        };
        if read_at.elapsed() < FRESH {
            return;
        }
        *read_at = Instant::now();
        match read(&files.path) {
            Ok(keys) => self.keys.store(keys.into()),
            Err(error) => tracing::warn!(%error, "the keys for MCP sessions stay as they were"),
        }
    }

    /// As if the files had been read long ago.
    #[cfg(test)]
    fn grow_old(&self) {
        let files = self.files.as_ref().unwrap();
        let mut read = files.read.lock().unwrap_or_else(PoisonError::into_inner);
        *read = Instant::now().checked_sub(FRESH).unwrap();
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer")
            .field("keys", &self.keys.load().len())
            .finish_non_exhaustive()
    }
}

impl Scope<'_> {
    /// Names have no zero byte, so no two scopes read the same.
    fn bytes(&self) -> Vec<u8> {
        [self.purpose, self.server, &self.caller.to_string()]
            .join("\0")
            .into_bytes()
    }
}

fn read(path: &PathBuf) -> Result<Vec<RandomizedNonceKey>, SealerError> {
    let failed = |source| SealerError::Read {
        path: path.clone(),
        source,
    };
    let mut files = Vec::new();
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?.path();
            // A mounted Secret has `..data` beside its files.
            let hidden = entry
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if !hidden && entry.is_file() {
                files.push(entry);
            }
        }
        files.sort();
    } else {
        files.push(path.clone());
    }
    let mut keys = Vec::new();
    for file in files {
        let text = Zeroizing::new(std::fs::read_to_string(&file).map_err(failed)?);
        for line in key_lines(&text) {
            let bytes = Zeroizing::new(STANDARD.decode(line).unwrap_or_default());
            if bytes.len() != KEY_BYTES {
                return Err(SealerError::NoKey(file));
            }
            keys.push(key(&bytes)?);
        }
    }
    if keys.is_empty() {
        return Err(SealerError::NoKey(path.clone()));
    }
    Ok(keys)
}

fn key(bytes: &[u8]) -> Result<RandomizedNonceKey, SealerError> {
    let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), LABEL);
    RandomizedNonceKey::new(&AES_256_GCM, derived.as_ref()).map_err(|_| SealerError::NoRandom)
}

#[cfg(test)]
mod tests;
