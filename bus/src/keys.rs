//! The keys of an installation, and the text in which they are kept: 32 bytes in base64, one key a line.
//!
//! | key | private half | public half |
//! |---|---|---|
//! | signing, Ed25519 | operator | gateways, by id |
//! | sealing, X25519 | gateways | operator |
//! | digest, HMAC-SHA-256 | operator | none |
//!
//! An id is the beginning of the public half's SHA-256: nobody has to invent names for keys.

mod files;

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::agreement::{self, X25519};
use aws_lc_rs::rand;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

pub use files::{
    ReadKeysError, key_lines, read_digest_key, read_opening_keys, read_sealing_key,
    read_signing_keys, read_trusted_keys,
};

/// Bytes of every key.
const KEY_BYTES: usize = 32;

/// What is wrong with the text of a key. It shows nothing of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// Not the text of 32 bytes.
    #[error("this is not base64 of 32 bytes")]
    NotAKey,
    /// The library refuses it.
    #[error("this is not a usable key")]
    Unusable,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandom,
}

/// Makes a new private key, as text: any 32 random bytes are one, for signing, sealing and digests alike.
///
/// # Errors
/// When the system gives no random bytes.
pub fn generate() -> Result<Zeroizing<String>, KeyError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    rand::fill(bytes.as_mut()).map_err(|_| KeyError::NoRandom)?;
    Ok(Zeroizing::new(STANDARD.encode(bytes.as_ref())))
}

fn decode(text: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>, KeyError> {
    let mut bytes = STANDARD
        .decode(text.trim())
        .map_err(|_| KeyError::NotAKey)?;
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map(Zeroizing::new);
    bytes.zeroize();
    key.map_err(|_| KeyError::NotAKey)
}

/// The id of a key, by its public half: 16 hexadecimal digits.
fn id_of(public: &[u8]) -> String {
    let hash = Sha256::digest(public);
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Signs manifests. Only operators have it.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    id: String,
}

impl SigningKey {
    /// From its text, see [`generate`].
    ///
    /// # Errors
    /// When it is no key.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let seed = decode(text)?;
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).map_err(|_| KeyError::Unusable)?;
        let id = id_of(pair.public_key().as_ref());
        Ok(Self { pair, id })
    }

    /// What signatures name it by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The text of its public half, for gateways.
    pub fn public_text(&self) -> String {
        STANDARD.encode(self.pair.public_key().as_ref())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The public halves of the signing keys that are trusted. Several while keys are rotated.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys {
    keys: BTreeMap<String, [u8; KEY_BYTES]>,
}

impl TrustedKeys {
    /// From the texts of public halves.
    ///
    /// # Errors
    /// When one of them is no key.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, KeyError> {
        let mut keys = BTreeMap::new();
        for text in texts {
            let key = *decode(text)?;
            keys.insert(id_of(&key), key);
        }
        Ok(Self { keys })
    }

    /// Adds the public half of a signing key.
    pub fn add(&mut self, key: &SigningKey) {
        if let Ok(public) = <[u8; KEY_BYTES]>::try_from(key.pair.public_key().as_ref()) {
            self.keys.insert(key.id.clone(), public);
        }
    }

    /// The ids of all of them, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&[u8]> {
        self.keys.get(id).map(<[u8; KEY_BYTES]>::as_slice)
    }
}

/// What credentials are sealed to: the public half of the gateways' key.
#[derive(Clone, Debug)]
pub struct SealingKey {
    pub(crate) public: Vec<u8>,
    id: String,
}

impl SealingKey {
    /// From the text of the public half.
    ///
    /// # Errors
    /// When it is no key.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let public = decode(text)?.to_vec();
        let id = id_of(&public);
        Ok(Self { public, id })
    }

    /// What a seal names it by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its text.
    pub fn text(&self) -> String {
        STANDARD.encode(&self.public)
    }
}

/// Opens what is sealed. Only gateways have it.
struct OpeningKey {
    private: Zeroizing<[u8; KEY_BYTES]>,
    public: SealingKey,
}

/// The keys that open what is sealed. Several while keys are rotated.
#[derive(Default)]
pub struct OpeningKeys {
    keys: Vec<OpeningKey>,
}

impl OpeningKeys {
    /// From the texts of private halves.
    ///
    /// # Errors
    /// When one of them is no key.
    pub fn from_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for text in texts {
            let private = decode(text)?;
            let key = agreement::PrivateKey::from_private_key(&X25519, private.as_ref())
                .map_err(|_| KeyError::Unusable)?;
            let public = key.compute_public_key().map_err(|_| KeyError::Unusable)?;
            let public = public.as_ref().to_vec();
            let id = id_of(&public);
            keys.push(OpeningKey {
                private,
                public: SealingKey { public, id },
            });
        }
        Ok(Self { keys })
    }

    /// The public halves, for the operator, in the order in which the keys were given.
    pub fn sealing_keys(&self) -> impl Iterator<Item = &SealingKey> {
        self.keys.iter().map(|key| &key.public)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&[u8]> {
        let key = self.keys.iter().find(|key| key.public.id == id)?;
        Some(key.private.as_slice())
    }
}

impl fmt::Debug for OpeningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.public.id))
            .finish()
    }
}

/// Makes a credential's hash, so that nobody who sees the hash can try values. Every leader has the same one: another
/// key is another digest for the same policy.
pub struct DigestKey(aws_lc_rs::hmac::Key);

impl DigestKey {
    /// From its text, see [`generate`].
    ///
    /// # Errors
    /// When it is no key.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let bytes = decode(text)?;
        Ok(Self(aws_lc_rs::hmac::Key::new(
            aws_lc_rs::hmac::HMAC_SHA256,
            bytes.as_ref(),
        )))
    }

    /// What tells it from another one: 16 hexadecimal digits, which say nothing of it.
    pub fn id(&self) -> String {
        self.hash(&["id"]).chars().take(16).collect()
    }

    /// Lower-case hexadecimal, over the lengths and bytes of all parts.
    pub(crate) fn hash(&self, parts: &[&str]) -> String {
        let mut context = aws_lc_rs::hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        let tag = context.sign();
        tag.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_have_one_id() {
        let signing = SigningKey::from_text(&generate().unwrap()).unwrap();
        let trusted = TrustedKeys::from_texts([signing.public_text().as_str()]).unwrap();
        assert_eq!(trusted.ids().collect::<Vec<_>>(), [signing.id()]);
        assert_eq!(signing.id().len(), 16);
        let opening = OpeningKeys::from_texts([generate().unwrap().as_str()]).unwrap();
        let public = opening.sealing_keys().next().unwrap().text();
        let sealing = SealingKey::from_text(&public).unwrap();
        assert!(opening.get(sealing.id()).is_some());
        assert!(opening.get(signing.id()).is_none());
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_shown() {
        let short = STANDARD.encode([1; 31]);
        for text in ["", "hush", short.as_str()] {
            let error = SigningKey::from_text(text).unwrap_err();
            assert_eq!(error, KeyError::NotAKey);
            assert!(TrustedKeys::from_texts([text]).is_err());
            assert!(OpeningKeys::from_texts([text]).is_err());
            assert!(DigestKey::from_text(text).is_err());
        }
        let text = generate().unwrap();
        let shown = format!(
            "{:?} {:?} {:?}",
            SigningKey::from_text(&text).unwrap(),
            OpeningKeys::from_texts([text.as_str()]).unwrap(),
            DigestKey::from_text(&text).unwrap()
        );
        assert!(!shown.contains(text.as_str()), "{shown}");
    }

    #[test]
    fn a_hash_depends_on_key_name_and_value() {
        let key = DigestKey::from_text(&STANDARD.encode([7; 32])).unwrap();
        let other = DigestKey::from_text(&STANDARD.encode([8; 32])).unwrap();
        assert_ne!(key.id(), other.id());
        let hash = key.hash(&["a", "b"]);
        assert_eq!(key.hash(&["a", "b"]), hash);
        for different in [
            key.hash(&["ab", ""]),
            key.hash(&["a", "c"]),
            other.hash(&["a", "b"]),
        ] {
            assert_ne!(different, hash);
        }
    }
}
