//! Metrics of the way from the operator. They appear with it: a gateway that reads files has none.

use parapet_policy::bundle::RefusalCode;
use prometheus::{Gauge, IntCounterVec, IntGauge, Opts, Registry};
use std::sync::Once;

use super::raise;
use crate::policy::remote::status::Numbers;

/// Registered when first shown.
pub(super) struct RemoteMetrics {
    registered: Once,
    connected: IntGauge,
    age: Gauge,
    stale: IntGauge,
    refusals: IntCounterVec,
}

impl RemoteMetrics {
    pub(super) fn new() -> prometheus::Result<Self> {
        let refusals = IntCounterVec::new(
            Opts::new(
                "parapet_bundle_refusals_total",
                "Bundles that were refused, by code; the same one again is not counted.",
            ),
            &["code"],
        )?;
        Ok(Self {
            registered: Once::new(),
            connected: IntGauge::new(
                "parapet_nats_connected",
                "1 while there is a connection to NATS.",
            )?,
            age: Gauge::new(
                "parapet_rules_age_seconds",
                "Since when the policy in force was last seen to be the newest; -1 before the first.",
            )?,
            stale: IntGauge::new(
                "parapet_rules_stale",
                "1 when the validity of the policy in force has run out.",
            )?,
            refusals,
        })
    }

    pub(super) fn show(&self, registry: &Registry, numbers: &Numbers) {
        self.registered.call_once(|| {
            // Their names are their own, so none of this can fail.
            let _ = registry.register(Box::new(self.connected.clone()));
            let _ = registry.register(Box::new(self.age.clone()));
            let _ = registry.register(Box::new(self.stale.clone()));
            let _ = registry.register(Box::new(self.refusals.clone()));
        });
        self.connected.set(i64::from(numbers.connected));
        self.age
            .set(numbers.age.map_or(-1.0, |age| age.as_secs_f64()));
        self.stale.set(i64::from(numbers.stale));
        for code in RefusalCode::ALL {
            let count = numbers.refusals.get(&code).copied().unwrap_or(0);
            raise(&self.refusals.with_label_values(&[code.as_str()]), count);
        }
    }
}
