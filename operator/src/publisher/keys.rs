//! The keys that publications are made with, read again while the operator runs.

use std::path::PathBuf;

use parapet_bus::keys::{
    DigestKey, ReadKeysError, SealingKey, SigningKey, TrustedKeys, read_digest_key,
    read_sealing_key, read_signing_keys,
};

/// Where they are.
#[derive(Clone, Debug)]
pub(super) struct KeyFiles {
    pub(super) signing: PathBuf,
    pub(super) sealing: PathBuf,
    pub(super) digest: PathBuf,
}

/// All of them, as they were at one moment.
#[derive(Debug)]
pub(super) struct KeySet {
    /// Signs.
    pub(super) signing: SigningKey,
    /// Is believed beside it: the key before, or the next one.
    pub(super) trusted: TrustedKeys,
    pub(super) sealing: SealingKey,
    pub(super) digest: DigestKey,
}

impl KeyFiles {
    pub(super) fn read(&self) -> Result<KeySet, ReadKeysError> {
        let mut signing = read_signing_keys(&self.signing)?.into_iter();
        let Some(first) = signing.next() else {
            let path = self.signing.clone();
            return Err(ReadKeysError::Empty { path });
        };
        let mut trusted = TrustedKeys::default();
        for other in signing {
            trusted.add(&other);
        }
        Ok(KeySet {
            signing: first,
            trusted,
            sealing: read_sealing_key(&self.sealing)?,
            digest: read_digest_key(&self.digest)?,
        })
    }
}

impl KeySet {
    /// Equal for equal keys. It says nothing of them.
    pub(super) fn mark(&self) -> String {
        let mut ids = vec![
            self.signing.id().to_owned(),
            self.sealing.id().to_owned(),
            self.digest.id(),
        ];
        ids.extend(self.trusted.ids().map(str::to_owned));
        ids.join(" ")
    }
}
