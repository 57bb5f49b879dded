//! Who calls: from a token to a [`Caller`].
//!
//! [`Identities::new`] makes the accounts and issuers of a bundle ready; [`Identities::authenticate`] looks at a
//! request's headers and gives an [`Identity`], or an [`AuthError`] that is a 401. Tokens are kept as keyed hashes
//! only, and a JWT that was verified once is remembered until it expires.

mod claims;
mod digest;
mod jwks;
mod jwt;
mod remembered;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header};
use parapet_crds::identity_provider::IdentityProviderSpec;
use parapet_crds::read::Secrets;
use parapet_policy::bundle::{AccountEntry, Bundle, ResourceEntry};
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};
use parapet_policy::facts::{Caller, Subject};
use parapet_policy::time::parse_rfc3339;
use subtle::ConstantTimeEq as _;

use digest::{Digest, Hasher};
use jwt::{Issuer, Verified};
use remembered::Remembered;

/// Who calls, and what they bring along.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// For matching rules.
    pub caller: Caller,
    /// Metadata of the account or from claims; wins over the header's.
    pub metadata: BTreeMap<String, String>,
}

/// Why a request has no identity. All of them are a 401; none repeats anything of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuthError {
    /// No token at all.
    #[error("no credentials: send a token as `Authorization: Bearer ...` or as `x-api-key`")]
    Missing,
    /// A token that nobody here issued, or whose signature is wrong.
    #[error("the token is not accepted")]
    Unknown,
    /// It was accepted once.
    #[error("the token has expired")]
    Expired,
    /// It will be accepted later.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It was issued for somebody else.
    #[error("the token was not issued for this gateway: its audience is another")]
    Audience,
    /// Its claims name no user.
    #[error(
        "the token does not name a user in the claim that the identity provider is configured with"
    )]
    NoUser,
}

/// The identities of one policy revision.
pub struct Identities {
    hasher: Hasher,
    /// By the first bytes of the hash.
    tokens: HashMap<u64, Vec<Token>, foldhash::fast::RandomState>,
    issuers: Vec<Issuer>,
    remembered: Remembered,
}

/// A token of a machine.
struct Token {
    digest: Digest,
    identity: Arc<Identity>,
    /// Seconds since 1970.
    expires: Option<u64>,
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identities")
            .field("tokens", &self.tokens.len())
            .field("issuers", &self.issuers.len())
            .finish_non_exhaustive()
    }
}

impl Identities {
    /// Makes the accounts and issuers ready. What cannot be is said, and lets nobody in.
    pub fn new(bundle: &Bundle, secrets: &Secrets) -> (Self, Vec<Diagnostic>) {
        let mut said = Vec::new();
        let mut identities = Self {
            hasher: Hasher::new(),
            tokens: HashMap::default(),
            issuers: Vec::new(),
            remembered: Remembered::default(),
        };
        for account in &bundle.accounts {
            identities.add_account(account, secrets, &mut said);
        }
        for provider in &bundle.identity_providers {
            identities.issuers.extend(issuer(provider, &mut said));
        }
        (identities, said)
    }

    fn add_account(
        &mut self,
        account: &AccountEntry,
        secrets: &Secrets,
        said: &mut Vec<Diagnostic>,
    ) {
        // The compiler says what is wrong with a time; an account whose end is not known is over.
        let end = |text: &String| parse_rfc3339(text).map_or(0, seconds);
        let expires = account.expires_at.as_ref().map(end);
        let identity = Arc::new(Identity {
            caller: Caller {
                subject: Subject::VirtualAccount(account.source.name.clone()),
                teams: account.teams.clone(),
                roles: Vec::new(),
            },
            metadata: account.metadata.clone(),
        });
        for (index, id) in account.tokens.iter().enumerate() {
            // That a Secret is missing, the compiler says.
            let Some(token) = secrets.get(id) else {
                continue;
            };
            let path = format!("spec.tokens[{index}]");
            let wrong =
                |reason, message: &str| error(&account.source, path.clone(), reason, message);
            if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                said.push(wrong(
                    Reason::NotBuildable,
                    "the token is empty, or has characters that a header cannot carry: use visible ASCII without spaces",
                ));
                continue;
            }
            let digest = self.hasher.digest(token.as_bytes());
            if self
                .token(&digest)
                .is_some_and(|other| other.identity.caller != identity.caller)
            {
                said.push(wrong(
                    Reason::Conflicted,
                    "another account has the same token and keeps it",
                ));
                continue;
            }
            let token = Token {
                digest,
                identity: Arc::clone(&identity),
                expires,
            };
            self.tokens.entry(digest.place()).or_default().push(token);
        }
    }

    fn token(&self, digest: &Digest) -> Option<&Token> {
        let candidates = self.tokens.get(&digest.place())?;
        candidates
            .iter()
            .find(|token| token.digest.ct_eq(digest).into())
    }

    /// Finds out who calls.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Identity>, AuthError> {
        let token = token(headers).ok_or(AuthError::Missing)?;
        let digest = self.hasher.digest(token);
        if let Some(token) = self.token(&digest) {
            return match token.expires {
                Some(expires) if now() >= expires => Err(AuthError::Expired),
                Some(_) | None => Ok(Arc::clone(&token.identity)),
            };
        }
        if self.issuers.is_empty() || !jwt::looks_like_one(token) {
            return Err(AuthError::Unknown);
        }
        if let Some(identity) = self.remembered.get(&digest, now()) {
            return Ok(identity);
        }
        let Verified { identity, expires } = jwt::verify(&self.issuers, token)?;
        let identity = Arc::new(identity);
        self.remembered
            .put(digest, Arc::clone(&identity), expires, now());
        Ok(identity)
    }
}

/// The token that the client sent: a bearer token before an `x-api-key`, as SDKs for either dialect send them.
fn token(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.as_bytes().split_at_checked(b"bearer ".len())?;
        scheme
            .eq_ignore_ascii_case(b"bearer ")
            .then(|| token.trim_ascii())
    });
    bearer
        .or_else(|| {
            headers
                .get("x-api-key")
                .map(|value| value.as_bytes().trim_ascii())
        })
        .filter(|token| !token.is_empty())
}

fn issuer(provider: &ResourceEntry, said: &mut Vec<Diagnostic>) -> Option<Issuer> {
    let Ok(spec) = serde_json::from_value::<IdentityProviderSpec>(provider.spec.clone()) else {
        let message = "this identity provider is not of this version";
        said.push(error(
            &provider.source,
            "spec".to_owned(),
            Reason::Invalid,
            message,
        ));
        return None;
    };
    let inline = spec.jwks.as_ref().and_then(|jwks| jwks.inline.as_deref());
    let Some(inline) = inline else {
        let message = "keys are not fetched yet: give them in jwks.inline";
        said.push(error(
            &provider.source,
            "spec.jwks".to_owned(),
            Reason::NotBuildable,
            message,
        ));
        return None;
    };
    let path = || "spec.jwks.inline".to_owned();
    let keys = match jwks::read(inline) {
        Ok(keys) => keys,
        Err(message) => {
            said.push(error(
                &provider.source,
                path(),
                Reason::NotBuildable,
                &message,
            ));
            return None;
        }
    };
    for message in &keys.unused {
        let warning = error(&provider.source, path(), Reason::Suspicious, message);
        said.push(Diagnostic {
            severity: Severity::Warning,
            ..warning
        });
    }
    Some(Issuer::new(&spec, keys.usable))
}

fn error(source: &Source, path: String, reason: Reason, message: &str) -> Diagnostic {
    Diagnostic {
        source: source.clone(),
        path,
        severity: Severity::Error,
        reason,
        message: message.to_owned(),
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn now() -> u64 {
    seconds(SystemTime::now())
}

#[cfg(test)]
mod tests;
