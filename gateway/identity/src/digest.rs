//! Tokens as keyed hashes: what is kept tells nothing about a token, and differs in every process.

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// A token's keyed hash.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// Where it stands in a table. Whoever does not know the key can't aim at a place.
    pub(super) const fn place(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

impl ConstantTimeEq for Digest {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

/// Makes digests under a key that only this process knows.
pub(super) struct Hasher {
    /// SHA-256 after one whole block of key.
    keyed: Sha256,
}

impl Hasher {
    pub(super) fn new() -> Self {
        let mut key = [0; 64];
        let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
        // It fails only where the system has no randomness at all, and there TLS does not work either. The hash
        // is then without a key, which still tells nothing about a token of any length.
        if random.fill(&mut key).is_err() {
            tracing::warn!("the system gives no random bytes");
        }
        Self {
            keyed: Sha256::new_with_prefix(key),
        }
    }

    pub(super) fn digest(&self, token: &[u8]) -> Digest {
        Digest(self.keyed.clone().chain_update(token).finalize().into())
    }
}
