//! Metrics of issuers' keys. The labels are the names of `IdentityProvider`s; those that are gone are gone here too.

use prometheus::{IntCounterVec, IntGaugeVec, Opts, Registry};

use super::{gauge_of, raise};
use crate::identity::IssuerStatus;

pub(super) struct IssuerMetrics {
    keys: IntGaugeVec,
    age: IntGaugeVec,
    fetches: IntCounterVec,
}

impl IssuerMetrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let keys = IntGaugeVec::new(
            Opts::new(
                "parapet_issuer_keys",
                "Keys of an identity provider; without any its tokens get a 503.",
            ),
            &["provider"],
        )?;
        let age = IntGaugeVec::new(
            Opts::new(
                "parapet_issuer_keys_age_seconds",
                "Since when an identity provider's keys were last fetched.",
            ),
            &["provider"],
        )?;
        let fetches = IntCounterVec::new(
            Opts::new(
                "parapet_issuer_key_fetches_total",
                "Fetches of an identity provider's keys, by how they ended.",
            ),
            &["provider", "result"],
        )?;
        registry.register(Box::new(keys.clone()))?;
        registry.register(Box::new(age.clone()))?;
        registry.register(Box::new(fetches.clone()))?;
        Ok(Self { keys, age, fetches })
    }

    pub(super) fn show(&self, issuers: &[IssuerStatus]) {
        self.keys.reset();
        self.age.reset();
        self.fetches.reset();
        for issuer in issuers {
            let name = &*issuer.name;
            self.keys
                .with_label_values(&[name])
                .set(gauge_of(issuer.keys as u64));
            if let Some(age) = issuer.age {
                self.age.with_label_values(&[name]).set(gauge_of(age));
            }
            for (result, count) in [("succeeded", issuer.fetched), ("failed", issuer.failed)] {
                raise(&self.fetches.with_label_values(&[name, result]), count);
            }
        }
    }
}
