//! Who calls: from a token to a [`Caller`].
//!
//! [`Identities::new`] makes the accounts and issuers of a bundle ready; [`Identities::authenticate`] looks at a
//! request's headers and gives an [`Identity`], or an [`AuthError`] that is a 401. Tokens are kept as keyed hashes
//! only, and a JWT that was verified once is remembered until it expires or its issuer's keys change. What keys an issuer
//! has, a [`Refresher`] finds out beside the traffic; a request only looks at what is there.

mod claims;
mod digest;
mod fetch;
mod issuer;
mod jwks;
mod jwt;
mod keys;
mod refresh;
mod remembered;
mod status;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use parapet_crds::read::Secrets;
use parapet_policy::bundle::{AccountEntry, Bundle};
use parapet_policy::diagnostic::{Diagnostic, Reason, Severity, Source};
use parapet_policy::facts::{Caller, Subject};
use parapet_policy::time::parse_rfc3339;
use subtle::ConstantTimeEq as _;

use digest::{Digest, Hasher};
use jwt::{Issuer, Verified};
use keys::{KeySource, Keys, Slot};
use remembered::{Entry, Remembered};

pub use issuer::check;
pub use refresh::Refresher;
pub use status::IssuerStatus;

/// Where SDKs for Anthropic's dialect send a token.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Who calls, and what they bring along.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// For matching rules.
    pub caller: Caller,
    /// Metadata of the account; the header's wins over it.
    pub metadata: BTreeMap<String, String>,
    /// Metadata of the account or from claims that wins over the header's.
    pub fixed_metadata: BTreeMap<String, String>,
}

impl Identity {
    /// A virtual account's.
    pub fn of_account(account: &AccountEntry) -> Self {
        Self {
            caller: Caller {
                subject: Subject::VirtualAccount(account.source.name.clone()),
                teams: account.teams.clone(),
                roles: account.roles.clone(),
            },
            metadata: account.metadata.clone(),
            fixed_metadata: account.fixed_metadata.clone(),
        }
    }

    /// Bytes that it takes in memory, nearly.
    fn bytes(&self) -> usize {
        // A shared text has two counters before it, and an allocation is rounded up.
        const TEXT: usize = 40;
        let names = |names: &[Arc<str>]| names.iter().map(|name| TEXT + name.len()).sum::<usize>();
        let pairs = self.metadata.iter().chain(&self.fixed_metadata);
        let metadata: usize = pairs
            .map(|(key, value)| 2 * TEXT + key.len() + value.len())
            .sum();
        let subject = TEXT + self.caller.subject.name().len();
        size_of::<Self>()
            + subject
            + names(&self.caller.teams)
            + names(&self.caller.roles)
            + metadata
    }
}

/// Why a request has no identity. All of them are a 401 but for [`AuthError::NoKeys`]; none repeats anything of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AuthError {
    /// No token at all.
    #[error("no credentials: send a token as `Authorization: Bearer ...` or as `x-api-key`")]
    Missing,
    /// More than one token in one place: which of them others believe, nobody knows.
    #[error("there are several tokens: send one `Authorization` or `x-api-key` header")]
    Several,
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
    /// It lists more teams or roles than are read: with some of them left out, rules for those would not run.
    #[error("the token lists more than {} teams or roles", claims::MAX_NAMES)]
    TooMany,
    /// The keys of its issuer have not arrived: a 503.
    #[error("the keys of the token's issuer have not arrived yet: try again")]
    NoKeys,
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
    machine: Machine,
}

/// A machine's identity.
#[derive(Clone)]
struct Machine {
    identity: Arc<Identity>,
    /// Seconds since 1970.
    expires: Option<u64>,
}

impl Machine {
    fn new(account: &AccountEntry) -> Self {
        // The compiler says what is wrong with a time; an account whose end is not known is over.
        let end = |text: &String| parse_rfc3339(text).map_or(0, seconds);
        Self {
            expires: account.expires_at.as_ref().map(end),
            identity: Arc::new(Identity::of_account(account)),
        }
    }

    /// Its identity, unless its time is over.
    fn identity(&self) -> Result<&Arc<Identity>, AuthError> {
        match self.expires {
            Some(expires) if now() >= expires => Err(AuthError::Expired),
            Some(_) | None => Ok(&self.identity),
        }
    }
}

/// Machines that prove who they are with an identity provider's tokens: by the claim's value.
type Machines = HashMap<Arc<str>, Machine, foldhash::fast::RandomState>;

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
        let mut by_provider: HashMap<&str, Machines> = HashMap::new();
        for account in &bundle.accounts {
            let machine = Machine::new(account);
            for identity in &account.identities {
                let machines = by_provider.entry(&identity.provider).or_default();
                machines.insert(identity.value.clone(), machine.clone());
            }
            identities.add_tokens(account, &machine, secrets, &mut said);
        }
        for provider in &bundle.identity_providers {
            let machines = by_provider.remove(&*provider.source.name);
            let issuer = issuer::read(provider, machines.unwrap_or_default(), secrets, &mut said);
            identities.issuers.extend(issuer);
        }
        (identities, said)
    }

    fn add_tokens(
        &mut self,
        account: &AccountEntry,
        machine: &Machine,
        secrets: &Secrets,
        said: &mut Vec<Diagnostic>,
    ) {
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
                .is_some_and(|other| other.machine.identity.caller != machine.identity.caller)
            {
                said.push(wrong(
                    Reason::Conflicted,
                    "another account has the same token and keeps it",
                ));
                continue;
            }
            let token = Token {
                digest,
                machine: machine.clone(),
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
        let token = token(headers)?;
        let digest = self.hasher.digest(token);
        if let Some(token) = self.token(&digest) {
            return token.machine.identity().cloned();
        }
        if self.issuers.is_empty() {
            return Err(AuthError::Unknown);
        }
        // Before anything else is done with it: what is remembered was looked at once.
        if let Some(entry) = self.remembered.get(&digest, now())
            && self.is_current(&entry)
        {
            return Ok(entry.identity);
        }
        if !jwt::looks_like_one(token) {
            return Err(AuthError::Unknown);
        }
        let Verified {
            identity,
            expires,
            by,
        } = jwt::verify(&self.issuers, token)?;
        let entry = Entry {
            identity: Arc::clone(&identity),
            expires,
            by,
        };
        self.remembered.put(digest, entry, now());
        Ok(identity)
    }

    /// The token that a request is let in by, when an identity provider has issued it. A machine's own token is none: it is
    /// between the machine and the gateway.
    pub fn issued_token<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let token = token(headers).ok()?;
        if self.token(&self.hasher.digest(token)).is_some() {
            return None;
        }
        self.authenticate(headers).ok()?;
        std::str::from_utf8(token).ok()
    }

    /// Whether the keys that a token was verified with are still its issuer's.
    fn is_current(&self, entry: &Entry) -> bool {
        let issuer = self.issuers.get(entry.by.issuer);
        issuer.and_then(|issuer| issuer.keys.generation()) == Some(entry.by.generation)
    }

    /// Where keys are fetched from, for whom, and where what was fetched goes.
    fn sources(&self) -> impl Iterator<Item = (&str, &KeySource, &OnceLock<Arc<Slot>>)> {
        self.issuers.iter().filter_map(|issuer| match &issuer.keys {
            Keys::Given(_) => None,
            Keys::Fetched { source, slot } => Some((&*issuer.name, source, slot)),
        })
    }

    /// How it stands with each issuer's keys.
    pub fn issuers(&self) -> Vec<IssuerStatus> {
        self.issuers
            .iter()
            .map(|issuer| IssuerStatus::of(issuer.name.clone(), &issuer.keys))
            .collect()
    }
}

/// Whether the client sends anything that could be meant as credentials.
pub fn has_credentials(headers: &HeaderMap) -> bool {
    headers.contains_key(header::AUTHORIZATION) || headers.contains_key(API_KEY)
}

/// The token that the client sent: a bearer token before an `x-api-key`, as SDKs for either dialect send them.
fn token(headers: &HeaderMap) -> Result<&[u8], AuthError> {
    let bearer = only(headers, &header::AUTHORIZATION)?.and_then(|value| {
        let (scheme, token) = value.split_at_checked(b"bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
    });
    let key = only(headers, &API_KEY)?;
    let token = bearer.or(key).map(<[u8]>::trim_ascii);
    token
        .filter(|token| !token.is_empty())
        .ok_or(AuthError::Missing)
}

/// A header's value. The same twice is one; others contradict each other, and whatever stands in front may have looked at
/// another than we would.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, AuthError> {
    let mut values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let first = values.next();
    if values.any(|value| Some(value) != first) {
        return Err(AuthError::Several);
    }
    Ok(first)
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
