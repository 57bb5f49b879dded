//! The policy in force, and what is known about the last attempt to change it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use parapet_crds::read::Remark;
use parapet_policy::bundle::Revision;
use parapet_policy::diagnostic::Severity;
use serde::Serialize;

use super::ready::Snapshot;
use super::source::{Loaded, Outcome};
use crate::identity::IssuerStatus;

/// So many remarks of one attempt are logged; `check` shows all.
const MAX_LOGGED: usize = 50;

/// Called with every snapshot that is put in force.
type OnChange = Box<dyn Fn(&Snapshot) + Send>;

/// The policy in force. Requests load it; the source replaces it.
pub struct LivePolicy {
    snapshot: Arc<ArcSwap<Snapshot>>,
    on_change: Mutex<Vec<OnChange>>,
    rejected: Mutex<Option<Rejected>>,
    counts: Mutex<LoadCounts>,
    /// What the log has said of the files as they are: it is not said again each time they are read.
    told: Mutex<Vec<String>>,
}

/// A set of manifests that was not put in force. It names no text of any document.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Rejected {
    /// Seconds since 1970.
    pub at: u64,
    /// How many errors.
    pub errors: usize,
    /// How many of each reason.
    pub reasons: BTreeMap<String, usize>,
}

/// What `/policy` answers. Before the first policy there is neither revision nor digest.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PolicyStatus {
    /// `epoch.generation`.
    pub revision: Option<String>,
    /// The bundle's digest.
    pub digest: Option<Arc<str>>,
    /// The last attempt to change the policy, when it failed.
    pub rejected: Option<Rejected>,
    /// Whether callers without a token are let in.
    pub anonymous: bool,
    /// How it stands with each issuer's keys.
    pub issuers: Vec<IssuerStatus>,
}

/// How attempts to change the policy ended, for metrics.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LoadCounts {
    /// Put in force.
    pub accepted: u64,
    /// Refused for errors.
    pub rejected: u64,
    /// Something went wrong in the gateway itself.
    pub failed: u64,
}

impl std::fmt::Debug for LivePolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LivePolicy")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl LivePolicy {
    /// Puts the first snapshot in force.
    pub fn new(first: Snapshot) -> Self {
        say_anonymous(&first);
        Self {
            snapshot: Arc::new(ArcSwap::from_pointee(first)),
            on_change: Mutex::default(),
            rejected: Mutex::default(),
            counts: Mutex::new(LoadCounts {
                accepted: 1,
                ..LoadCounts::default()
            }),
            told: Mutex::default(),
        }
    }

    /// Calls `hook` now and with every snapshot that is put in force later, just before it is.
    pub fn on_change(&self, hook: impl Fn(&Snapshot) + Send + 'static) {
        hook(&self.snapshot.load());
        lock(&self.on_change).push(Box::new(hook));
    }

    /// The policy in force, for the request path.
    pub const fn snapshot(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.snapshot
    }

    /// The revision in force.
    pub fn revision(&self) -> Revision {
        self.snapshot.load().revision
    }

    /// For `/policy`.
    pub fn status(&self) -> PolicyStatus {
        let snapshot = self.snapshot.load();
        PolicyStatus {
            revision: Some(snapshot.revision.to_string()),
            digest: Some(snapshot.digest.clone()),
            rejected: lock(&self.rejected).clone(),
            anonymous: snapshot.settings.anonymous.is_some(),
            issuers: snapshot.identities.issuers(),
        }
    }

    /// How attempts ended so far.
    pub fn counts(&self) -> LoadCounts {
        *lock(&self.counts)
    }

    /// Puts another snapshot in force.
    pub fn put(&self, snapshot: Box<Snapshot>) {
        let snapshot: Arc<Snapshot> = Arc::from(snapshot);
        lock(&self.on_change)
            .iter()
            .for_each(|hook| hook(&snapshot));
        self.snapshot.store(Arc::clone(&snapshot));
        lock(&self.counts).accepted += 1;
        *lock(&self.rejected) = None;
        // Said last: whoever reads the line may ask at once, and finds it so.
        say_in_force(&snapshot);
    }

    /// Notes that the newest policy was refused; none: that what is in force is the newest again.
    pub fn note_rejected(&self, rejected: Option<Rejected>) {
        if rejected.is_some() {
            lock(&self.counts).rejected += 1;
        }
        *lock(&self.rejected) = rejected;
    }

    /// Takes what came of a change of files, and says it in the log.
    pub fn take(&self, loaded: Loaded, root: &Path) {
        match loaded.outcome {
            Outcome::New(snapshot) => {
                self.put(snapshot);
                self.tell(&loaded.remarks, root);
            }
            Outcome::Unchanged => {
                let was_rejected = lock(&self.rejected).take().is_some();
                self.tell(&loaded.remarks, root);
                if was_rejected {
                    tracing::info!(revision = %self.revision(), "the errors are gone: the policy in force is what the files say");
                }
            }
            Outcome::Rejected => {
                let rejected = Rejected::of(&loaded.remarks);
                let errors = rejected.errors;
                self.note_rejected(Some(rejected));
                // Whoever has just saved a file wants to know what is wrong with it, also when that was said before.
                lock(&self.told).clear();
                self.tell(&loaded.remarks, root);
                tracing::error!(
                    revision = %self.revision(),
                    errors,
                    "the changed policy has errors: the last good one stays in force"
                );
            }
        }
    }

    /// Says errors and warnings in the log, but for those that it has said already.
    pub fn tell(&self, remarks: &[Remark], root: &Path) {
        let worth = remarks
            .iter()
            .filter(|remark| remark.diagnostic.severity != Severity::Info);
        let lines: Vec<(bool, String)> = worth
            .map(|remark| (remark.is_error(), remark.render(root)))
            .collect();
        let all = lines.iter().map(|(_, line)| line.clone()).collect();
        let before = std::mem::replace(&mut *lock(&self.told), all);
        let new: Vec<_> = lines
            .into_iter()
            .filter(|(_, line)| !before.contains(line))
            .collect();
        for (is_error, line) in new.iter().take(MAX_LOGGED) {
            if *is_error {
                tracing::error!("{line}");
            } else {
                tracing::warn!("{line}");
            }
        }
        let more = new.len().saturating_sub(MAX_LOGGED);
        if more > 0 {
            tracing::warn!(
                more,
                "more was found: `parapet-gateway check` shows everything"
            );
        }
    }

    /// Notes that reading failed for a fault of the gateway's own.
    pub fn reading_failed(&self) {
        lock(&self.counts).failed += 1;
        tracing::error!(revision = %self.revision(), "reading the policy failed inside the gateway: the last good one stays in force");
    }
}

/// Says in the log what is put in force.
pub(super) fn say_in_force(snapshot: &Snapshot) {
    tracing::info!(
        revision = %snapshot.revision,
        digest = &*snapshot.digest,
        guardrails = snapshot.guardrails.len(),
        rules = snapshot.planner.bundle().rules.len(),
        "policy in force"
    );
    say_anonymous(snapshot);
}

/// Says in the log who needs no token.
fn say_anonymous(snapshot: &Snapshot) {
    if let Some(anonymous) = &snapshot.settings.anonymous {
        tracing::warn!(subject = %anonymous.caller.subject, "anonymous access is on: callers without a token are let in");
    }
}

/// Nothing that panics runs while these are held, and what they hold is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rejected {
    fn of(remarks: &[Remark]) -> Self {
        let errors = remarks.iter().filter(|remark| remark.is_error());
        Self::now(errors.map(|remark| format!("{:?}", remark.diagnostic.reason)))
    }

    /// Something that was refused now, for these reasons.
    pub(super) fn now(all: impl Iterator<Item = String>) -> Self {
        let mut reasons = BTreeMap::new();
        for reason in all {
            *reasons.entry(reason).or_default() += 1;
        }
        Self {
            at: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
            errors: reasons.values().sum(),
            reasons,
        }
    }
}

#[cfg(test)]
mod tests;
