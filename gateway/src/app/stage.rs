//! How far the process has come: what the admin routes answer before there is policy, and after.

use std::sync::{Arc, OnceLock};

use parapet_bus::nats::RecordCounts;

use crate::admin::Admin;
use crate::edge::{InFlight, Readiness};
use crate::mcp::pinning::sightings::Sightings;
use crate::policy::live::{LivePolicy, PolicyStatus};
use crate::policy::remote::status::SharedStatus;
use crate::telemetry::metrics::{Metrics, Now};
use crate::telemetry::otlp;
use crate::telemetry::queue::Counts;

/// Shared with the admin routes.
#[derive(Default)]
pub(super) struct Stage {
    readiness: Readiness,
    serving: OnceLock<(Arc<LivePolicy>, Arc<InFlight>)>,
    remote: OnceLock<SharedStatus>,
    sightings: Arc<Sightings>,
}

/// What is counted, and where.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) metrics: Arc<Metrics>,
    pub(super) records: Arc<Counts>,
    pub(super) export: Option<Arc<otlp::Counts>>,
    pub(super) shared: Option<Arc<RecordCounts>>,
}

impl Stage {
    pub(super) const fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// What was seen of MCP servers' tools.
    pub(super) const fn sightings(&self) -> &Arc<Sightings> {
        &self.sightings
    }

    /// From now on traffic is served.
    pub(super) fn serving(&self, live: Arc<LivePolicy>, in_flight: Arc<InFlight>) {
        // It begins once.
        let _ = self.serving.set((live, in_flight));
    }

    /// The policy in force; none before the first.
    pub(super) fn live(&self) -> Option<&Arc<LivePolicy>> {
        self.serving.get().map(|(live, _)| live)
    }

    /// The policy comes from an operator.
    pub(super) fn following(&self, status: SharedStatus) {
        let _ = self.remote.set(status);
    }

    /// The metrics as they stand.
    pub(super) fn metrics<R>(&self, shown: &Shown, read: impl Fn(&Metrics, &Now<'_>) -> R) -> R {
        let serving = self.serving.get();
        read(
            &shown.metrics,
            &Now {
                in_flight: serving.map_or(0, |(_, in_flight)| in_flight.now()),
                records: &shown.records,
                export: shown.export.as_deref(),
                shared: shown.shared.as_deref(),
                policy: serving.map(|(live, _)| &**live),
                remote: self.remote.get().map(|status| status.numbers()),
                tools: Some(&self.sightings),
            },
        )
    }

    pub(super) fn admin(self: &Arc<Self>, shown: Shown) -> Admin {
        let (ready, policy, metrics) = (Arc::clone(self), Arc::clone(self), Arc::clone(self));
        let sightings = Arc::clone(&self.sightings);
        Admin {
            ready: Arc::new(move || ready.ready()),
            policy: Arc::new(move || policy.status()),
            pins: Arc::new(move |server| sightings.proposals(server)),
            metrics: Arc::new(move || metrics.metrics(&shown, Metrics::render)),
        }
    }

    fn ready(&self) -> Result<(), String> {
        if self.readiness.is_ready() {
            return Ok(());
        }
        Err(match (self.serving.get(), self.remote.get()) {
            (Some(_), _) => "the process is ending".to_owned(),
            (None, Some(remote)) => remote.why_not_ready(),
            (None, None) => "the process is starting".to_owned(),
        })
    }

    fn status(&self) -> PolicyStatus {
        match self.serving.get() {
            Some((live, _)) => live.status(),
            None => PolicyStatus {
                rejected: self.remote.get().and_then(|remote| remote.rejected()),
                ..PolicyStatus::default()
            },
        }
    }
}
