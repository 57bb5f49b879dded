//! Credentials, sealed for the gateways: HPKE (RFC 9180), base mode, X25519-HKDF-SHA256 with ChaCha20-Poly1305.
//!
//! One encapsulation for a bundle, one sealed text for each credential, in order. The context is bound to installation
//! and digest, every text to its field path: what is moved elsewhere does not open.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parapet_policy::bundle::wire::{Sealed, SecretHash, field_path};
use parapet_policy::bundle::{Refusal, RefusalCode, SecretId};
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_CHACHA20_POLY1305 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke as _, HpkePrivateKey, HpkePublicKey};
use zeroize::Zeroizing;

use crate::keys::{OpeningKeys, SealingKey};

/// What a credential is sealed for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose<'a> {
    /// The installation.
    pub(crate) installation: &'a str,
    /// The policy's digest.
    pub(crate) digest: &'a str,
}

impl Purpose<'_> {
    /// HPKE's `info`: lengths before texts, so that no two purposes have the same bytes.
    fn info(self) -> Vec<u8> {
        let mut info = b"parapet bundle credentials v1".to_vec();
        for part in [self.installation, self.digest] {
            info.extend((part.len() as u64).to_be_bytes());
            info.extend(part.as_bytes());
        }
        info
    }
}

/// Seals values in their order; none gives nothing.
pub(crate) fn seal<'a>(
    values: impl Iterator<Item = (&'a SecretId, &'a str)>,
    purpose: Purpose<'_>,
    key: &SealingKey,
) -> Result<Option<Sealed>, rustls::Error> {
    let mut values = values.peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    let public = HpkePublicKey(key.public.clone());
    let (encapsulated, mut sealer) = SUITE.setup_sealer(&purpose.info(), &public)?;
    let mut sealed = Vec::new();
    for (id, value) in values {
        let text = sealer.seal(field_path(id).as_bytes(), value.as_bytes())?;
        sealed.push(STANDARD.encode(text));
    }
    Ok(Some(Sealed {
        key_id: key.id().to_owned(),
        encapsulated: STANDARD.encode(encapsulated.0),
        values: sealed,
    }))
}

/// Credentials by the name of their Secrets. They are overwritten when dropped.
pub(crate) type Values = Vec<(SecretId, Zeroizing<String>)>;

/// Opens all of them, or none.
pub(crate) fn open(
    secrets: &[SecretHash],
    sealed: Option<&Sealed>,
    purpose: Purpose<'_>,
    keys: &OpeningKeys,
) -> Result<Values, Refusal> {
    let bad = |message: &str| Refusal::new(RefusalCode::BadSeal, message);
    let Some(sealed) = sealed else {
        return if secrets.is_empty() {
            Ok(Vec::new())
        } else {
            Err(bad("credentials are listed, and none is there"))
        };
    };
    if sealed.values.len() != secrets.len() {
        return Err(bad("another number of credentials is there than listed"));
    }
    let private = keys.get(&sealed.key_id).ok_or_else(|| {
        let message = "the credentials are sealed to a key that this gateway does not have";
        Refusal::new(RefusalCode::UnknownSealKey, message)
    })?;
    let not_base64 = |_| bad("a sealed credential is not base64");
    let encapsulated =
        EncapsulatedSecret(STANDARD.decode(&sealed.encapsulated).map_err(not_base64)?);
    let private = HpkePrivateKey::from(private.to_vec());
    let does_not_open = |_| bad("a credential does not open: it is sealed for another place");
    let mut opener = SUITE
        .setup_opener(&encapsulated, &purpose.info(), &private)
        .map_err(does_not_open)?;
    let mut values = Vec::with_capacity(secrets.len());
    for (secret, text) in secrets.iter().zip(&sealed.values) {
        let text = STANDARD.decode(text).map_err(not_base64)?;
        let path = field_path(&secret.id);
        let value = opener.open(path.as_bytes(), &text).map_err(does_not_open)?;
        let value = match String::from_utf8(value) {
            Ok(value) => Zeroizing::new(value),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                return Err(bad("a credential is not UTF-8 text"));
            }
        };
        values.push((secret.id.clone(), value));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::generate;

    const PURPOSE: Purpose<'_> = Purpose {
        installation: "here",
        digest: "d",
    };

    fn id(key: &str) -> SecretId {
        SecretId {
            namespace: "ns".into(),
            name: "s".into(),
            key: key.into(),
        }
    }

    fn hashes(keys: &[&str]) -> Vec<SecretHash> {
        let hash = |key: &&str| SecretHash {
            id: id(key),
            hash: String::new(),
        };
        keys.iter().map(hash).collect()
    }

    fn code(result: Result<Values, Refusal>) -> RefusalCode {
        result.unwrap_err().code
    }

    #[test]
    fn what_is_sealed_opens_where_it_belongs_and_nowhere_else() {
        let opening =
            OpeningKeys::from_texts([generate().unwrap().as_str(), generate().unwrap().as_str()])
                .unwrap();
        let key = opening.sealing_keys().nth(1).unwrap();
        let ids = [id("a"), id("b")];
        let values = ids.iter().zip(["hush-a", "hush-b"]);
        let sealed = seal(values, PURPOSE, key).unwrap().unwrap();
        let text = serde_json::to_string(&sealed).unwrap();
        assert!(!text.contains("hush"));
        let opened = open(&hashes(&["a", "b"]), Some(&sealed), PURPOSE, &opening).unwrap();
        let opened: Vec<_> = opened
            .iter()
            .map(|(id, value)| (&*id.key, value.as_str()))
            .collect();
        assert_eq!(opened, [("a", "hush-a"), ("b", "hush-b")]);

        let elsewhere = Purpose {
            installation: "there",
            ..PURPOSE
        };
        let other_digest = Purpose {
            digest: "e",
            ..PURPOSE
        };
        for purpose in [elsewhere, other_digest] {
            let result = open(&hashes(&["a", "b"]), Some(&sealed), purpose, &opening);
            assert_eq!(code(result), RefusalCode::BadSeal);
        }
        let mut swapped = sealed.clone();
        swapped.values.swap(0, 1);
        let mut fewer = sealed.clone();
        fewer.values.pop();
        let mut torn = sealed.clone();
        torn.values[0].truncate(7);
        for wrong in [&swapped, &fewer, &torn] {
            let result = open(&hashes(&["a", "b"]), Some(wrong), PURPOSE, &opening);
            assert_eq!(code(result), RefusalCode::BadSeal);
        }
        let moved = open(&hashes(&["b", "a"]), Some(&sealed), PURPOSE, &opening);
        assert_eq!(code(moved), RefusalCode::BadSeal);
        let gone = open(&hashes(&["a", "b"]), None, PURPOSE, &opening);
        assert_eq!(code(gone), RefusalCode::BadSeal);
        let others = OpeningKeys::from_texts([generate().unwrap().as_str()]).unwrap();
        let result = open(&hashes(&["a", "b"]), Some(&sealed), PURPOSE, &others);
        assert_eq!(code(result), RefusalCode::UnknownSealKey);
        // Everybody may know the id of a key.
        let mut renamed = sealed;
        renamed.key_id = others.sealing_keys().next().unwrap().id().to_owned();
        let result = open(&hashes(&["a", "b"]), Some(&renamed), PURPOSE, &others);
        assert_eq!(code(result), RefusalCode::BadSeal);
    }

    #[test]
    fn nothing_to_seal_is_nothing() {
        let opening = OpeningKeys::from_texts([generate().unwrap().as_str()]).unwrap();
        let key = opening.sealing_keys().next().unwrap();
        assert_eq!(seal(std::iter::empty(), PURPOSE, key).unwrap(), None);
        assert!(open(&[], None, PURPOSE, &opening).unwrap().is_empty());
    }
}
