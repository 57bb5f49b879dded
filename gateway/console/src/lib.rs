//! A read-only page of what happened: recent requests, what their guardrails did, and the policy as the gateways run it.
//!
//! - [`Console`] keeps the newest records in a bounded [`ring`]; whoever has records gives them to [`Console::add`].
//! - [`router`] serves the pages below `/console/`, rendered here, with one style sheet and one small script.
//! - An [`Installation`] says who a token belongs to, and what is in force. [`session`] seals a token into a cookie.
//!
//! Pages are made from records, so they hold no text of a prompt or an answer. Every name on them that a caller chose is
//! escaped, and what would not be seen of it is made visible ([`text`]).

#[cfg(feature = "clap")]
pub mod args;
mod assets;
mod entry;
mod filter;
mod health;
mod history;
mod pages;
mod ring;
mod routes;
pub mod session;
pub mod text;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use parapet_policy::bundle::{Bundle, Revision};
use parapet_policy::facts::Caller;
use parapet_policy::record::Record;
use parapet_policy::subject::Subjects;

pub use entry::Entry;
pub use filter::{Filter, Show};
pub use history::HistoryError;
pub use ring::Limits;
pub use routes::router;

use history::History;
use ring::Ring;
use session::SealingKey;

/// What the console shows besides records, and who may read it.
pub trait Installation: Send + Sync {
    /// Whom a token belongs to.
    ///
    /// # Errors
    /// Why it is nobody's.
    fn authenticate(&self, token: &str) -> Result<Caller, Refused>;
    /// Whether there is any account or issuer at all.
    fn has_identities(&self) -> bool;
    /// The compiled policy; none before the first.
    fn policy(&self) -> Option<Arc<Bundle>>;
    /// The gateways, and what they run.
    fn gateways(&self) -> Vec<Gateway>;
}

/// A token that is not accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// Why, for people. It repeats nothing of the token.
    pub message: String,
    /// Whether it may be accepted later.
    pub unavailable: bool,
}

/// A gateway, and what it runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Gateway {
    /// Its pod, or how else it is called.
    pub name: Arc<str>,
    /// What is in force there; none before the first good bundle.
    pub revision: Option<Revision>,
    /// The digest of that.
    pub digest: Option<Arc<str>>,
    /// Since when, as far as it is known.
    pub since: Option<SystemTime>,
    /// What is wrong with it, in words; empty when nothing is.
    pub remarks: Vec<String>,
}

/// What is told to a console at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How much the ring keeps.
    pub limits: Limits,
    /// Who may read: `role:`, `team:`, `user:` and `virtualaccount:`, as rules write them.
    pub readers: Vec<String>,
    /// An SQLite file that follows what is kept; none: a restart begins anew.
    pub file: Option<PathBuf>,
}

/// Keeps what is shown. Shared between who adds records and the pages.
pub struct Console {
    ring: Mutex<Ring>,
    history: Option<History>,
    readers: Subjects,
    reader_names: Vec<String>,
    key: SealingKey,
    installation: Arc<dyn Installation>,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("ring", &*self.ring())
            .finish_non_exhaustive()
    }
}

impl Console {
    /// A console with what its file holds, or an empty one.
    ///
    /// # Errors
    /// When there is to be a file, and it cannot be used.
    pub fn new(
        settings: &Settings,
        key: SealingKey,
        installation: Arc<dyn Installation>,
    ) -> Result<Self, HistoryError> {
        let mut ring = Ring::new(settings.limits);
        let mut history = None;
        if let Some(file) = &settings.file {
            let (opened, before) = History::open(file)?;
            for entry in before {
                ring.push(Arc::new(entry));
            }
            history = Some(opened);
        }
        Ok(Self {
            ring: Mutex::new(ring),
            history,
            readers: Subjects::new(&settings.readers),
            reader_names: settings.readers.clone(),
            key,
            installation,
        })
    }

    /// Adds records of one gateway, oldest first. Text that a setting keeps in them for spans is thrown away.
    pub fn add(&self, gateway: &Arc<str>, records: impl IntoIterator<Item = Record>) {
        let entries = records
            .into_iter()
            .map(|record| Arc::new(Entry::new(Arc::clone(gateway), record)));
        let entries: Vec<_> = entries.collect();
        let mut ring = self.ring();
        for entry in &entries {
            ring.push(Arc::clone(entry));
        }
        if let Some(history) = &self.history {
            // Under the lock, so that the file has the order of the ring.
            history.put(entries, ring.len());
        }
    }

    /// Waits until the file has everything, for as long as `limit`. Without one there is nothing to wait for.
    pub fn finish(&self, limit: Duration) {
        let keep = self.ring().len();
        if let Some(history) = &self.history {
            history.finish(keep, limit);
        }
    }

    /// Bytes of memory that what is kept takes, nearly.
    pub fn bytes(&self) -> usize {
        self.ring().bytes()
    }

    /// Everything that is kept, newest first, with the number of records ever added.
    fn newest(&self) -> (Vec<Arc<Entry>>, u64) {
        let ring = self.ring();
        (ring.newest(), ring.added())
    }

    fn find(&self, request_id: &str) -> Option<Arc<Entry>> {
        self.ring().find(request_id)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Nothing that panics runs while this is held.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
