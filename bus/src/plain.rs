//! The operator's side: from what was compiled to what is signed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parapet_policy::bundle::wire::{
    self, Body, BodyRef, Encoding, MAX_COMPRESSED_BYTES, MAX_INLINE_BYTES, MAX_PLAIN_BYTES,
    SecretHash, SourceEntry,
};
use parapet_policy::bundle::{Bundle, Revision};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::keys::{DigestKey, SealingKey};
use crate::seal::{self, Purpose, Values};

/// How hard zstd tries: 3 is its own default. A bundle is text that repeats itself.
const LEVEL: i32 = 3;

/// What was compiled, with the credentials that it names, not yet packed. Its digest says whether there is anything to
/// publish.
pub struct Plain {
    body: Body,
    values: Values,
    digest: Arc<str>,
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain")
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Plain {
    /// Gathers the credentials that the bundle names: `value` looks each of them up, none for one that does not exist.
    /// What the bundle does not name does not travel. The sources are sorted here.
    pub fn new<'a>(
        mut bundle: Bundle,
        mut sources: Vec<SourceEntry>,
        value: impl Fn(&parapet_policy::bundle::SecretId) -> Option<&'a str>,
        key: &DigestKey,
    ) -> Self {
        bundle.revision = Revision::default();
        let (mut secrets, mut values) = (Vec::new(), Vec::new());
        for id in bundle.secret_ids() {
            let Some(value) = value(&id) else { continue };
            secrets.push(SecretHash {
                hash: key.hash(&[&id.namespace, &id.name, &id.key, value]),
                id: id.clone(),
            });
            values.push((id, Zeroizing::new(value.to_owned())));
        }
        sources.sort_by(|a, b| {
            (&a.kind, &a.namespace, &a.name).cmp(&(&b.kind, &b.namespace, &b.name))
        });
        Self {
            digest: wire::digest(&bundle, &secrets).into(),
            body: Body {
                bundle,
                secrets,
                sealed: None,
                sources,
            },
            values,
        }
    }

    /// Equal for equal policy.
    pub const fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// Seals the credentials for the gateways of an installation, and compresses the whole.
    ///
    /// # Errors
    /// When it is too large, or the key cannot be used.
    pub fn pack(mut self, installation: &str, key: &SealingKey) -> Result<Packed, PackError> {
        let purpose = Purpose {
            installation,
            digest: &self.digest,
        };
        let values = self.values.iter().map(|(id, value)| (id, value.as_str()));
        self.body.sealed = seal::seal(values, purpose, key).map_err(PackError::Seal)?;
        let plain = serde_json::to_vec(&self.body).map_err(PackError::Encode)?;
        let plain_bytes = plain.len() as u64;
        if plain_bytes > MAX_PLAIN_BYTES {
            return Err(PackError::TooLarge {
                bytes: plain_bytes,
                limit: MAX_PLAIN_BYTES,
            });
        }
        let body = zstd::bulk::compress(&plain, LEVEL).map_err(PackError::Compress)?;
        let bytes = body.len() as u64;
        if bytes > MAX_COMPRESSED_BYTES {
            return Err(PackError::TooLarge {
                bytes,
                limit: MAX_COMPRESSED_BYTES,
            });
        }
        Ok(Packed {
            installation: installation.into(),
            digest: self.digest,
            reference: BodyRef {
                encoding: Encoding::Zstd,
                bytes,
                plain_bytes,
                sha256: sha256(&body).into(),
                object: bytes > MAX_INLINE_BYTES,
            },
            body: body.into(),
        })
    }
}

/// Lower-case hexadecimal SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A policy ready to be signed, as often as needed: revision and validity are the signature's.
#[derive(Clone, Debug)]
pub struct Packed {
    pub(crate) installation: Arc<str>,
    pub(crate) digest: Arc<str>,
    pub(crate) reference: BodyRef,
    pub(crate) body: Bytes,
}

impl Packed {
    /// Equal for equal policy.
    pub const fn digest(&self) -> &Arc<str> {
        &self.digest
    }

    /// Its size, and whether it travels as an object of its own.
    pub const fn reference(&self) -> &BodyRef {
        &self.reference
    }

    /// Another packing of the same policy.
    pub(crate) const fn body(&self) -> &Bytes {
        &self.body
    }
}

/// Why a policy cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It has too many bytes.
    #[error("the bundle has {bytes} bytes, {limit} are allowed")]
    TooLarge {
        /// How many, compressed or not.
        bytes: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// The gateways' key cannot be used.
    #[error("sealing credentials: {0}")]
    Seal(rustls::Error),
    /// It cannot be written as JSON.
    #[error("writing the bundle as JSON: {0}")]
    Encode(serde_json::Error),
    /// It cannot be compressed.
    #[error("compressing the bundle: {0}")]
    Compress(std::io::Error),
}
