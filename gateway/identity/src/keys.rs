//! Where an issuer's keys are: in its resource, or fetched in the background and held in a [`Slot`].

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use tokio::sync::Notify;

use super::jwks::KeySet;

/// Where keys are fetched from. Equal sources share what was fetched, also from one policy to the next.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct KeySource {
    /// Which document names the keys.
    pub(super) place: Place,
    /// Whom to trust for the call.
    pub(super) authorities: Authorities,
    /// What to show to whoever has them.
    pub(super) token: Option<Bearer>,
    /// After so long they are fetched again, or earlier when the answer says so.
    pub(super) refresh: Duration,
}

/// Which document names an issuer's keys.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Place {
    /// What OpenID Connect's discovery document of the issuer names.
    Discovered {
        /// As in the resource.
        issuer: String,
    },
    /// A key set.
    At(http::Uri),
}

/// A bearer token, ready to be sent; it stays out of debug output.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Bearer(HeaderValue);

impl Bearer {
    /// # Errors
    /// With the field and what is wrong, when a header cannot carry it.
    pub(super) fn new(token: &str) -> Result<Self, (&'static str, String)> {
        let visible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let value = visible.then(|| HeaderValue::try_from(format!("Bearer {token}")).ok());
        let mut value = value.flatten().ok_or_else(|| {
            let message = "the token is empty, or has characters that a header cannot carry";
            ("spec.token", message.to_owned())
        })?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The value of an `authorization` header.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Whom to trust for a call.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Authorities {
    /// As for every other call.
    Usual,
    /// Only these, in PEM.
    Given(String),
    /// Only those in this file, which is read again for each call.
    File(PathBuf),
}

/// The keys of one issuer.
pub(super) enum Keys {
    /// They stand in the resource.
    Given(Arc<Current>),
    /// They are fetched. Whoever fetches puts the slot in; until then there are none.
    Fetched {
        source: KeySource,
        slot: OnceLock<Arc<Slot>>,
    },
}

/// Keys as they are now.
pub(super) struct Current {
    pub(super) keys: KeySet,
    /// Grows when they change: what was verified with others is verified again.
    pub(super) generation: u64,
}

impl Keys {
    pub(super) fn given(keys: KeySet) -> Self {
        Self::Given(Arc::new(Current {
            keys,
            generation: 0,
        }))
    }

    pub(super) const fn fetched(source: KeySource) -> Self {
        Self::Fetched {
            source,
            slot: OnceLock::new(),
        }
    }

    /// The keys, when there are any yet.
    pub(super) fn load(&self) -> Option<Arc<Current>> {
        match self {
            Self::Given(keys) => Some(Arc::clone(keys)),
            Self::Fetched { slot, .. } => slot.get()?.current.load_full(),
        }
    }

    /// The generation of the keys, when there are any.
    pub(super) fn generation(&self) -> Option<u64> {
        match self {
            Self::Given(keys) => Some(keys.generation),
            Self::Fetched { slot, .. } => slot.get()?.current.load().as_ref().map(|c| c.generation),
        }
    }

    /// A token names a key that is not here: whoever fetches looks again, at most once in its interval.
    pub(super) fn miss(&self) {
        match self {
            Self::Given(_) => {}
            Self::Fetched { slot, .. } => {
                if let Some(slot) = slot.get() {
                    slot.missed.notify_one();
                }
            }
        }
    }
}

/// What was fetched from one source, and how that went.
#[derive(Default)]
pub(super) struct Slot {
    current: ArcSwapOption<Current>,
    missed: Notify,
    /// For status and metrics; never locked for more than a copy.
    fetches: Mutex<Fetches>,
}

/// How fetching went so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Fetches {
    /// How often there were keys.
    pub(super) succeeded: u64,
    /// How often not.
    pub(super) failed: u64,
    /// When there were keys last.
    pub(super) last: Option<Instant>,
    /// Why there were none at the last attempt.
    pub(super) error: Option<String>,
    /// The document that the current keys were read from, hashed.
    document: Option<[u8; 32]>,
}

impl Slot {
    /// Puts fetched keys in force. `document` is the hash of what they were read from: the same again changes nothing.
    /// Returns whether the keys are others than before.
    pub(super) fn put(&self, keys: KeySet, document: [u8; 32]) -> bool {
        let mut fetches = self.lock();
        fetches.succeeded += 1;
        fetches.last = Some(Instant::now());
        fetches.error = None;
        if fetches.document == Some(document) {
            return false;
        }
        fetches.document = Some(document);
        let before = self.current.load().as_ref().map_or(0, |c| c.generation);
        self.current.store(Some(Arc::new(Current {
            keys,
            generation: before + 1,
        })));
        true
    }

    /// Notes that there was nothing to fetch; the keys stay. Returns whether that is news.
    pub(super) fn fail(&self, why: String) -> bool {
        let mut fetches = self.lock();
        fetches.failed += 1;
        fetches.error.replace(why).is_none()
    }

    /// Waits until a token names a key that is not here.
    pub(super) async fn missed(&self) {
        self.missed.notified().await;
    }

    pub(super) fn fetches(&self) -> Fetches {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Fetches> {
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
