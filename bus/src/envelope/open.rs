//! A verified message, opened.

use std::fmt;

use bytes::Bytes;
use parapet_policy::bundle::wire::{
    self, Body, Encoding, MAX_COMPRESSED_BYTES, MAX_PLAIN_BYTES, Manifest, SourceEntry,
};
use parapet_policy::bundle::{Bundle, Refusal, RefusalCode, SecretId};
use zeroize::Zeroizing;

use super::Order;
use crate::keys::OpeningKeys;
use crate::plain::sha256;
use crate::seal::{self, Purpose};

/// A message whose manifest a trusted key has signed for this installation and class.
#[derive(Clone, Debug)]
pub struct Verified {
    manifest: Manifest,
    inline: Option<Bytes>,
    order: Order,
}

impl Verified {
    pub(super) fn new(manifest: Manifest, rest: Bytes, order: Order) -> Result<Self, Refusal> {
        let body = &manifest.body;
        let sizes = [
            (body.bytes, MAX_COMPRESSED_BYTES, "compressed"),
            (body.plain_bytes, MAX_PLAIN_BYTES, "decompressed"),
        ];
        for (bytes, limit, what) in sizes {
            if bytes > limit {
                let message = format!("its body has {bytes} bytes {what}, {limit} are allowed");
                return Err(Refusal::new(RefusalCode::TooLarge, message));
            }
        }
        let inline = (!body.object).then_some(rest);
        Ok(Self {
            manifest,
            inline,
            order,
        })
    }

    /// What was signed.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whether it says anything new.
    pub const fn order(&self) -> Order {
        self.order
    }

    /// The name of the object that holds the body, when it did not come along.
    pub fn object(&self) -> Option<&str> {
        self.inline.is_none().then_some(&*self.manifest.body.sha256)
    }

    /// Adds the body that did not come along.
    #[must_use]
    pub fn with_object(self, body: Bytes) -> Self {
        Self {
            inline: Some(body),
            ..self
        }
    }

    /// The body, its credentials still sealed: for a new leader, which starts from its sources.
    ///
    /// # Errors
    /// When the body is missing, is not the one that was signed, or cannot be read.
    pub fn body(&self) -> Result<Body, Refusal> {
        let signed = &self.manifest.body;
        let Some(body) = &self.inline else {
            let message = "its body is an object that is not there";
            return Err(Refusal::new(RefusalCode::BodyMissing, message));
        };
        if body.len() as u64 != signed.bytes || sha256(body) != *signed.sha256 {
            let message = format!(
                "its body has {} bytes of another hash, signed are {}",
                body.len(),
                signed.bytes
            );
            return Err(Refusal::new(RefusalCode::BodyMismatch, message));
        }
        let undecodable = |what: &str| Refusal::new(RefusalCode::Undecodable, what);
        let plain = match signed.encoding {
            Encoding::Zstd => {
                let capacity = usize::try_from(signed.plain_bytes).unwrap_or(usize::MAX);
                zstd::bulk::decompress(body, capacity)
                    .map_err(|_| undecodable("its body cannot be decompressed to its size"))?
            }
        };
        let body: Body = serde_json::from_slice(&plain)
            .map_err(|_| undecodable("its body is not one of its format"))?;
        if wire::digest(&body.bundle, &body.secrets) != *self.manifest.digest {
            let message = "its body is not the policy whose digest was signed";
            return Err(Refusal::new(RefusalCode::DigestMismatch, message));
        }
        Ok(body)
    }

    /// Opens body and credentials.
    ///
    /// # Errors
    /// See [`Self::body`]; and when the credentials are sealed to another key or for another place.
    pub fn open(self, keys: &OpeningKeys) -> Result<Opened, Refusal> {
        let body = self.body()?;
        let purpose = Purpose {
            installation: &self.manifest.installation,
            digest: &self.manifest.digest,
        };
        let secrets = seal::open(&body.secrets, body.sealed.as_ref(), purpose, keys)?;
        let mut bundle = body.bundle;
        bundle.revision = self.manifest.revision;
        // From here on the policy goes by the digest that covers its credentials.
        bundle.digest = self.manifest.digest.to_string();
        let mut sources = body.sources;
        for source in &mut sources {
            source.spec = None;
        }
        Ok(Opened {
            manifest: self.manifest,
            bundle,
            secrets,
            sources,
        })
    }
}

/// A policy with its credentials, ready to be made ready.
pub struct Opened {
    /// What was signed.
    pub manifest: Manifest,
    /// The policy; revision and digest are the manifest's.
    pub bundle: Bundle,
    /// Its credentials. They are overwritten when dropped.
    pub secrets: Vec<(SecretId, Zeroizing<String>)>,
    /// What it was compiled from, without the written forms.
    pub sources: Vec<SourceEntry>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("manifest", &self.manifest)
            .finish_non_exhaustive()
    }
}
