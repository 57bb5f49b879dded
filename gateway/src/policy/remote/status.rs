//! What is known about the way from the operator: for reports, metrics, `/readyz` and `/policy`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use parapet_bus::report::{Applied, HeldKeys, REPORT_VERSION, Rejected, Report};
use parapet_policy::bundle::wire::Manifest;
use parapet_policy::bundle::{Refusal, RefusalCode};

use super::Pod;
use super::issuers::{self, Providers};
use super::prepare::{InForce, Prepared};
use crate::identity::IssuerStatus;
use crate::policy::live;

/// Shared between whoever follows the operator and whoever asks.
#[derive(Debug, Default)]
pub struct RemoteStatus(Mutex<Known>);

/// Everything that is known.
#[derive(Debug, Default)]
struct Known {
    connected: bool,
    bucket_empty: bool,
    unreadable: Option<String>,
    applied: Option<Applied>,
    providers: Providers,
    not_after: Option<SystemTime>,
    confirmed: Option<Instant>,
    rejected: Option<Rejected>,
    refusals: BTreeMap<RefusalCode, u64>,
    seq: u64,
}

/// Numbers for metrics.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Numbers {
    /// Whether NATS is connected.
    pub connected: bool,
    /// Since what is in force was last seen to be the newest; none before the first.
    pub age: Option<Duration>,
    /// Whether its manifest has run out.
    pub stale: bool,
    /// How many bundles were refused, by code.
    pub refusals: BTreeMap<RefusalCode, u64>,
}

impl RemoteStatus {
    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing that panics runs while this is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes whether NATS is connected.
    pub fn set_connected(&self, connected: bool) {
        self.lock().connected = connected;
    }

    /// Notes that the bucket could be read, and whether anything was in it.
    pub fn note_read(&self, empty: bool) {
        let mut known = self.lock();
        known.bucket_empty = empty;
        known.unreadable = None;
    }

    /// Notes that the bucket could not be read.
    pub fn note_unreadable(&self, error: String) {
        self.lock().unreadable = Some(error);
    }

    /// What is in force.
    pub fn in_force(&self) -> Option<InForce> {
        let known = self.lock();
        known
            .applied
            .as_ref()
            .map(|applied| (applied.revision, applied.digest.clone()))
    }

    /// Notes what was put in force.
    pub fn note_applied(&self, prepared: &Prepared) {
        let mut known = self.lock();
        known.applied = Some(Applied {
            revision: prepared.manifest.revision,
            digest: prepared.manifest.digest.clone(),
            at: SystemTime::now(),
            stale: false,
            problems: prepared.problems.clone(),
            doubts: Vec::new(),
            more: prepared.more,
        });
        known.providers = prepared.providers.clone();
        known.not_after = Some(prepared.manifest.not_after);
        known.confirmed = Some(Instant::now());
        known.rejected = None;
    }

    /// Notes that what is in force is what is published. True when something newer had been refused before.
    pub fn note_confirmed(&self, manifest: &Manifest) -> bool {
        let mut known = self.lock();
        known.not_after = known.not_after.max(Some(manifest.not_after));
        known.confirmed = Some(Instant::now());
        known.rejected.take().is_some()
    }

    /// Notes a refusal.
    pub fn note_refused(&self, refusal: &Refusal) {
        let mut known = self.lock();
        *known.refusals.entry(refusal.code).or_default() += 1;
        known.rejected = Some(Rejected {
            revision: refusal.revision,
            code: refusal.code.to_string(),
            message: refusal.message.clone(),
            at: SystemTime::now(),
        });
    }

    /// For `/policy`.
    pub fn rejected(&self) -> Option<live::Rejected> {
        let known = self.lock();
        let rejected = known.rejected.as_ref()?;
        Some(live::Rejected::now(std::iter::once(rejected.code.clone())))
    }

    /// For `/readyz`, before the first policy.
    pub fn why_not_ready(&self) -> String {
        let known = self.lock();
        if let Some(rejected) = &known.rejected {
            return format!(
                "the bundle was refused: {}: {}",
                rejected.code, rejected.message
            );
        }
        if !known.connected {
            return "there is no connection to NATS, and so no bundle".to_owned();
        }
        if let Some(error) = &known.unreadable {
            return error.clone();
        }
        if known.bucket_empty {
            return "no bundle was published yet".to_owned();
        }
        "the first bundle is on its way".to_owned()
    }

    /// For metrics.
    pub fn numbers(&self) -> Numbers {
        let known = self.lock();
        Numbers {
            connected: known.connected,
            age: known.confirmed.map(|at| at.elapsed()),
            stale: known.is_stale(),
            refusals: known.refusals.clone(),
        }
    }

    /// The next report. `issuers` are those of the policy in force, as they stand now.
    pub fn report(&self, pod: &Pod, keys: Option<HeldKeys>, issuers: &[IssuerStatus]) -> Report {
        let mut known = self.lock();
        known.seq += 1;
        let stale = known.is_stale();
        let applied = known.applied.clone().map(|mut applied| {
            applied.stale = stale;
            issuers::add(&mut applied, &known.providers, issuers);
            applied
        });
        Report {
            v: REPORT_VERSION,
            pod: pod.name.clone(),
            uid: pod.uid.clone(),
            namespace: pod.namespace.clone(),
            build: env!("CARGO_PKG_VERSION").to_owned(),
            seq: known.seq,
            applied,
            rejected: known.rejected.clone(),
            age_s: known.confirmed.map_or(0, |at| at.elapsed().as_secs()),
            keys,
        }
    }
}

impl Known {
    fn is_stale(&self) -> bool {
        self.not_after.is_some_and(|end| end <= SystemTime::now())
    }
}

/// Shared.
pub type SharedStatus = Arc<RemoteStatus>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_says_the_nearest_cause() {
        let status = RemoteStatus::default();
        assert!(status.why_not_ready().contains("no connection"));
        status.set_connected(true);
        status.note_unreadable("NATS says no".to_owned());
        assert_eq!(status.why_not_ready(), "NATS says no");
        status.note_read(true);
        assert!(status.why_not_ready().contains("published"));
        status.note_read(false);
        assert!(status.why_not_ready().contains("on its way"));
        status.note_refused(&Refusal::new(RefusalCode::Expired, "late"));
        assert!(status.why_not_ready().ends_with("Expired: late"));
        assert_eq!(
            status.numbers().refusals.get(&RefusalCode::Expired),
            Some(&1)
        );
    }

    #[test]
    fn reports_count_up() {
        let status = RemoteStatus::default();
        let pod = Pod {
            name: "p".to_owned(),
            uid: "u".to_owned(),
            namespace: "n".to_owned(),
        };
        let report = || status.report(&pod, None, &[]);
        assert_eq!((report().seq, report().seq), (1, 2));
        assert!(report().applied.is_none());
    }
}
