//! JSON Web Tokens: which issuer, which key, and whether to believe it.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, dangerous};
use parapet_crds::identity_provider::{Claims, IdentityProviderSpec};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::claims;
use super::jwks::Key;
use super::{AuthError, Identity};

/// Bytes of a token; a head may have 64 KiB in all.
const MAX_TOKEN: usize = 16 * 1024;
/// Clocks may differ by so many seconds.
pub(super) const LEEWAY: u64 = 30;

/// An issuer whose tokens are accepted.
pub(super) struct Issuer {
    issuer: String,
    keys: Vec<Key>,
    validation: Validation,
    claims: Claims,
}

impl Issuer {
    pub(super) fn new(spec: &IdentityProviderSpec, keys: Vec<Key>) -> Self {
        let mut validation = Validation {
            leeway: LEEWAY,
            validate_nbf: true,
            // Filled in with the key's algorithm, and never from the token.
            algorithms: Vec::new(),
            ..Validation::default()
        };
        validation.set_issuer(&[&spec.issuer]);
        validation.set_audience(&spec.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        Self {
            issuer: spec.issuer.clone(),
            keys,
            validation,
            claims: spec.claims.clone(),
        }
    }
}

/// A token that is what it claims to be.
pub(super) struct Verified {
    pub(super) identity: Identity,
    /// Seconds since 1970.
    pub(super) expires: u64,
}

/// Whether it is worth looking for an issuer: three parts, the first of which begins like JSON in base64.
pub(super) fn looks_like_one(token: &[u8]) -> bool {
    token.len() <= MAX_TOKEN
        && token.starts_with(b"ey")
        && token.iter().filter(|byte| **byte == b'.').count() == 2
}

/// What is read before anything is believed.
#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

/// Verifies a token with the keys of the issuer that it names.
pub(super) fn verify(issuers: &[Issuer], token: &[u8]) -> Result<Verified, AuthError> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Unknown)?;
    // "Critical" fields are those that must be understood, and none is.
    if header.crit.is_some() || header.enc.is_some() || header.zip.is_some() {
        return Err(AuthError::Unknown);
    }
    let claimed: Claimed =
        dangerous::insecure_decode_claims(token).map_err(|_| AuthError::Unknown)?;
    let mut failed = AuthError::Unknown;
    // Two resources may name one issuer, with different audiences.
    for issuer in issuers.iter().filter(|issuer| issuer.issuer == claimed.iss) {
        for key in &issuer.keys {
            // A key without an id may be meant by any token, a token without one may mean any key.
            let meant = key.id.is_none() || header.kid.is_none() || key.id == header.kid;
            if !meant || key.algorithm != header.alg {
                continue;
            }
            match verify_with(issuer, key, token) {
                Ok(verified) => return Ok(verified),
                Err(AuthError::Unknown) => {}
                Err(error) => failed = error,
            }
        }
    }
    Err(failed)
}

fn verify_with(issuer: &Issuer, key: &Key, token: &[u8]) -> Result<Verified, AuthError> {
    let mut validation = issuer.validation.clone();
    validation.algorithms = vec![key.algorithm];
    let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &key.key, &validation)
        .map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => AuthError::Expired,
            ErrorKind::ImmatureSignature => AuthError::NotYetValid,
            ErrorKind::InvalidAudience => AuthError::Audience,
            // The list is open; whatever else is wrong, the token is not accepted.
            _ => AuthError::Unknown,
        })?
        .claims;
    let expires = claims
        .get("exp")
        .and_then(Value::as_f64)
        .ok_or(AuthError::Unknown)?;
    // The cast saturates: a time that far away is no limit.
    let expires = (expires as u64).saturating_add(LEEWAY);
    Ok(Verified {
        identity: claims::identity(&issuer.claims, &claims)?,
        expires,
    })
}
