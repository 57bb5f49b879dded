//! JSON Web Tokens: which issuer, which key, and whether to believe it.

use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, dangerous};
use parapet_crds::identity_provider::{Claims, IdentityProviderSpec};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::claims;
use super::jwks::Key;
use super::keys::Keys;
use super::{AuthError, Identity, Machines, now};

/// Bytes of a token; a head may have 64 KiB in all.
const MAX_TOKEN: usize = 16 * 1024;
/// Clocks may differ by so many seconds.
pub(super) const LEEWAY: u64 = 30;

/// An issuer whose tokens are accepted.
pub(super) struct Issuer {
    /// The resource's name.
    pub(super) name: Arc<str>,
    pub(super) keys: Keys,
    issuer: String,
    validation: Validation,
    claims: Claims,
    machines: Machines,
}

impl Issuer {
    pub(super) fn new(
        name: Arc<str>,
        spec: &IdentityProviderSpec,
        keys: Keys,
        machines: Machines,
    ) -> Self {
        let mut validation = Validation {
            leeway: LEEWAY,
            validate_nbf: true,
            // Filled in with one that the key works with.
            algorithms: Vec::new(),
            ..Validation::default()
        };
        validation.set_issuer(&[&spec.issuer]);
        validation.set_audience(&spec.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        Self {
            name,
            keys,
            issuer: spec.issuer.clone(),
            validation,
            claims: spec.claims.clone(),
            machines,
        }
    }
}

/// A token that is what it claims to be.
pub(super) struct Verified {
    pub(super) identity: Arc<Identity>,
    /// Seconds since 1970.
    pub(super) expires: u64,
    /// The keys that it was verified with.
    pub(super) by: VerifiedBy,
}

/// The keys that a token was verified with. When they change it is verified again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct VerifiedBy {
    /// Index among the issuers.
    pub(super) issuer: usize,
    pub(super) generation: u64,
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
    for (index, issuer) in issuers.iter().enumerate() {
        if issuer.issuer != claimed.iss {
            continue;
        }
        let Some(current) = issuer.keys.load() else {
            failed = telling(failed, AuthError::NoKeys);
            continue;
        };
        let id = header.kid.as_deref();
        if !current.keys.has(id) {
            issuer.keys.miss();
        }
        for key in current.keys.meant(id, header.alg) {
            match verify_with(issuer, key, header.alg, token) {
                Ok((identity, expires)) => {
                    let by = VerifiedBy {
                        issuer: index,
                        generation: current.generation,
                    };
                    return Ok(Verified {
                        identity,
                        expires,
                        by,
                    });
                }
                Err(error) => failed = telling(failed, error),
            }
        }
    }
    Err(failed)
}

/// Of two reasons the one that tells more. Whether an issuer without keys would have accepted the token, nobody knows; that
/// it is for another audience says less than what is wrong with it where it is meant for.
fn telling(one: AuthError, other: AuthError) -> AuthError {
    let tells = |error| match error {
        AuthError::Missing | AuthError::Several | AuthError::Unknown => 0,
        AuthError::Audience => 1,
        AuthError::Expired | AuthError::NotYetValid | AuthError::NoUser | AuthError::TooMany => 2,
        AuthError::NoKeys => 3,
    };
    if tells(other) > tells(one) {
        other
    } else {
        one
    }
}

/// Verifies with a key that works with `algorithm`.
fn verify_with(
    issuer: &Issuer,
    key: &Key,
    algorithm: Algorithm,
    token: &[u8],
) -> Result<(Arc<Identity>, u64), AuthError> {
    let mut validation = issuer.validation.clone();
    validation.algorithms = vec![algorithm];
    let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &key.key, &validation)
        .map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => AuthError::Expired,
            ErrorKind::ImmatureSignature => AuthError::NotYetValid,
            ErrorKind::InvalidAudience => AuthError::Audience,
            // The list is open; whatever else is wrong, the token is not accepted.
            _ => AuthError::Unknown,
        })?
        .claims;
    // The library passes over times that are no numbers, and over the time of issue.
    let latest = (now() + LEEWAY) as f64;
    for name in ["nbf", "iat"] {
        match claims.get(name) {
            None | Some(Value::Null) => {}
            Some(time) => {
                let time = time.as_f64().ok_or(AuthError::Unknown)?;
                if time > latest {
                    return Err(AuthError::NotYetValid);
                }
            }
        }
    }
    let expires = claims
        .get("exp")
        .and_then(Value::as_f64)
        .ok_or(AuthError::Unknown)?;
    // The cast saturates: a time that far away is no limit.
    let expires = (expires as u64).saturating_add(LEEWAY);
    match claims::machine(&issuer.claims, &issuer.machines, &claims) {
        Some(machine) => {
            let identity = machine.identity()?;
            let end = machine.expires.unwrap_or(u64::MAX);
            Ok((
                claims::of_machine(&issuer.claims, identity, &claims),
                expires.min(end),
            ))
        }
        None => Ok((
            Arc::new(claims::identity(&issuer.claims, &claims)?),
            expires,
        )),
    }
}
