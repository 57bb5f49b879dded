//! An issuer's public keys. Each key works with one algorithm only, so a token can't choose how it is checked.

use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

/// Keys that one issuer may have.
const MAX_KEYS: usize = 100;

pub(super) struct Key {
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

pub(super) struct Keys {
    pub(super) usable: Vec<Key>,
    /// Why the others are not used.
    pub(super) unused: Vec<String>,
}

/// Reads a key set.
pub(super) fn read(text: &str) -> Result<Keys, String> {
    let set: Value = serde_json::from_str(text).map_err(|error| {
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
    let mut keys = Keys {
        usable: Vec::new(),
        unused: Vec::new(),
    };
    for (index, value) in list.iter().enumerate() {
        if value.get("d").is_some() || value.get("k").is_some() {
            return Err(format!(
                "key {index} holds private or secret material: give public keys only, and replace this one"
            ));
        }
        match usable(value) {
            Ok(key) => keys.usable.push(key),
            Err(why) => keys.unused.push(format!("key {index} is not used: {why}")),
        }
    }
    if keys.usable.is_empty() {
        let why = if keys.unused.is_empty() {
            "it is empty".to_owned()
        } else {
            keys.unused.join("; ")
        };
        return Err(format!(
            "it has no key that can be used (RS256, ES256 or EdDSA): {why}"
        ));
    }
    Ok(keys)
}

fn usable(value: &Value) -> Result<Key, String> {
    // The library's reader knows every key type; a wrong one is not worth more words.
    let jwk: Jwk =
        serde_json::from_value(value.clone()).map_err(|_| "it is not a well-formed key")?;
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return Err("its type or curve is not one of RSA, P-256 and Ed25519".to_owned()),
    };
    if jwk.common.key_algorithm.is_some_and(|given| given != named) {
        return Err(format!("its alg is not {algorithm:?}"));
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
        algorithm,
        key,
    })
}
