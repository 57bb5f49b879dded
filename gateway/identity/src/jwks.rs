//! An issuer's public keys, read from a JSON Web Key Set. Each key works with the algorithms of its own type only, so a
//! token can't choose how it is checked.

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Keys that one issuer may have. The largest issuers publish a dozen.
pub(super) const MAX_KEYS: usize = 100;
/// Keys that one token is tried with: those of its id, or any when it names none. A signature costs up to 100 µs.
const MAX_TRIED: usize = 8;

/// What an RSA key verifies when its set does not say.
const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// One key.
pub(super) struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    pub(super) key: DecodingKey,
}

/// The keys of one issuer that can be used.
pub(super) struct KeySet(Vec<Key>);

/// What reading a key set comes to.
pub(super) struct Read {
    pub(super) keys: KeySet,
    /// Why the others are not used.
    pub(super) unused: Vec<String>,
}

impl KeySet {
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The keys that a token with this head may have been signed with. A key without an id may be meant by any token, a
    /// token without one may mean any key.
    pub(super) fn meant(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &Key> {
        self.0
            .iter()
            .filter(move |key| key.may_be(id) && key.algorithms.contains(&algorithm))
            .take(MAX_TRIED)
    }

    /// Whether any key may be meant by this id, whatever its algorithm.
    pub(super) fn has(&self, id: Option<&str>) -> bool {
        self.0.iter().any(|key| key.may_be(id))
    }
}

impl Key {
    fn may_be(&self, id: Option<&str>) -> bool {
        match (&self.id, id) {
            (Some(own), Some(id)) => own == id,
            (None, _) | (_, None) => true,
        }
    }
}

/// Reads a key set.
///
/// # Errors
/// When it is none, or has no key that can be used; nothing of its text is repeated.
pub(super) fn read(text: &[u8]) -> Result<Read, String> {
    let set: Value = serde_json::from_slice(text).map_err(|error| {
        format!(
            "it is not JSON (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    let Some(list) = set.get("keys").and_then(Value::as_array) else {
        return Err("it is not a key set: write {\"keys\": [...]}".to_owned());
    };
    if list.len() > MAX_KEYS {
        return Err(format!("it has more than {MAX_KEYS} keys"));
    }
    let (mut usable_keys, mut unused) = (Vec::new(), Vec::new());
    for (index, value) in list.iter().enumerate() {
        if value.get("d").is_some() || value.get("k").is_some() {
            return Err(format!(
                "key {index} holds private or secret material: give public keys only, and replace this one"
            ));
        }
        match usable(value) {
            Ok(key) => usable_keys.push(key),
            Err(why) => unused.push(format!("key {index} is not used: {why}")),
        }
    }
    if usable_keys.is_empty() {
        let why = if unused.is_empty() {
            "it is empty".to_owned()
        } else {
            unused.join("; ")
        };
        return Err(format!(
            "it has no key that can be used (RSA, P-256, P-384 or Ed25519): {why}"
        ));
    }
    Ok(Read {
        keys: KeySet(usable_keys),
        unused,
    })
}

fn usable(value: &Value) -> Result<Key, String> {
    // The library's reader knows every key type; a wrong one is not worth more words.
    let jwk: Jwk =
        serde_json::from_value(value.clone()).map_err(|_| "it is not a well-formed key")?;
    let algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => RSA,
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            // The list is open, and the library verifies no other curve.
            _ => &[][..],
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        // This list is open too.
        _ => &[],
    };
    if algorithms.is_empty() {
        return Err("its type or curve is not one of RSA, P-256, P-384 and Ed25519".to_owned());
    }
    let named = |algorithm: &Algorithm| {
        let given = jwk.common.key_algorithm;
        given.is_none_or(|given| given == KeyAlgorithm::from(*algorithm))
    };
    let algorithms: Vec<_> = algorithms.iter().copied().filter(named).collect();
    if algorithms.is_empty() {
        return Err("its alg is not one of its type's for signatures".to_owned());
    }
    if jwk
        .common
        .public_key_use
        .as_ref()
        .is_some_and(|used| *used != PublicKeyUse::Signature)
    {
        return Err("its use is not sig".to_owned());
    }
    let verifies = |operations: &Vec<KeyOperations>| operations.contains(&KeyOperations::Verify);
    if jwk
        .common
        .key_operations
        .as_ref()
        .is_some_and(|operations| !verifies(operations))
    {
        return Err("its key_ops do not include verify".to_owned());
    }
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| "its numbers are not well formed")?;
    Ok(Key {
        id: jwk.common.key_id,
        algorithms,
        key,
    })
}
