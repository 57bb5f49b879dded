//! How guardrails and their services have fared, from the records that are kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use parapet_policy::hook::Hook;
use parapet_policy::record::{GuardrailRecord, NetworkCall};

use super::entry::{self, Entry};

/// Durations, to tell quantiles of.
#[derive(Debug, Default)]
pub(crate) struct Durations(Vec<u64>);

impl Durations {
    fn add(&mut self, micros: u64) {
        self.0.push(micros);
    }

    /// The value below which so many hundredths lie; none without any.
    pub(crate) fn quantile(&self, hundredths: usize) -> Option<u64> {
        let rank = (self.0.len() * hundredths).div_ceil(100).max(1);
        self.0.get(rank - 1).copied()
    }
}

/// One guardrail at one hook.
#[derive(Debug, Default)]
pub(crate) struct GuardrailHealth {
    pub(crate) kind: &'static str,
    /// How often it was in a plan.
    pub(crate) requests: u64,
    pub(crate) skipped: u64,
    pub(crate) clean: u64,
    pub(crate) changed: u64,
    pub(crate) found: u64,
    pub(crate) blocked: u64,
    /// By why.
    pub(crate) failed: BTreeMap<&'static str, u64>,
    pub(crate) took: Durations,
    pub(crate) last_failure: Option<SystemTime>,
}

impl GuardrailHealth {
    pub(crate) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    fn add(&mut self, entry: &Entry, guardrail: &GuardrailRecord) {
        self.kind = guardrail.kind;
        self.requests += 1;
        self.blocked += u64::from(guardrail.blocks);
        if guardrail.skipped.is_some() {
            self.skipped += 1;
            return;
        }
        self.took.add(guardrail.took_us);
        match guardrail.outcome {
            "clean" => self.clean += 1,
            "changed" => self.changed += 1,
            "violation" => self.found += 1,
            _ if entry::failed(guardrail) => {
                let why = guardrail.failure.map_or("failed", |class| class.as_str());
                *self.failed.entry(why).or_default() += 1;
                self.last_failure = self.last_failure.max(Some(entry.record.started));
            }
            _ => {}
        }
    }
}

/// One service that guardrails call.
#[derive(Debug, Default)]
pub(crate) struct ServiceHealth {
    pub(crate) calls: u64,
    /// By the fixed word, or by the status that was not a success.
    pub(crate) failed: BTreeMap<String, u64>,
    pub(crate) took: Durations,
    pub(crate) last_failure: Option<SystemTime>,
    pub(crate) used_by: BTreeMap<Arc<str>, u64>,
}

impl ServiceHealth {
    pub(crate) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    fn add(&mut self, entry: &Entry, selector: &Arc<str>, call: &NetworkCall) {
        self.calls += 1;
        *self.used_by.entry(Arc::clone(selector)).or_default() += 1;
        // One that nobody waited for says nothing about the service.
        let why = match (call.error, call.status) {
            (Some("dropped"), _) => return,
            (Some(word), _) => Some(word.to_owned()),
            (None, Some(status)) if !(200..300).contains(&status) => {
                Some(format!("status {status}"))
            }
            (None, _) => None,
        };
        self.took.add(call.took_us);
        if let Some(why) = why {
            *self.failed.entry(why).or_default() += 1;
            self.last_failure = self.last_failure.max(Some(entry.record.started));
        }
    }
}

/// How all of them have fared.
#[derive(Debug, Default)]
pub(crate) struct Health {
    pub(crate) guardrails: BTreeMap<(Arc<str>, Hook), GuardrailHealth>,
    pub(crate) services: BTreeMap<Arc<str>, ServiceHealth>,
}

impl Health {
    pub(crate) fn of(entries: &[Arc<Entry>]) -> Self {
        let mut health = Self::default();
        for entry in entries {
            for guardrail in &entry.record.guardrails {
                let key = (Arc::clone(&guardrail.selector), guardrail.hook);
                health
                    .guardrails
                    .entry(key)
                    .or_default()
                    .add(entry, guardrail);
                for call in &guardrail.calls {
                    let service = health.services.entry(Arc::clone(&call.server)).or_default();
                    service.add(entry, &guardrail.selector, call);
                }
            }
        }
        for one in health.guardrails.values_mut() {
            one.took.0.sort_unstable();
        }
        for one in health.services.values_mut() {
            one.took.0.sort_unstable();
        }
        health
    }
}

#[cfg(test)]
mod tests {
    use parapet_policy::outcome::FailureClass;

    use super::*;
    use crate::pages::testing::{guardrail, record};

    fn call(error: Option<&'static str>, status: Option<u16>, took_us: u64) -> NetworkCall {
        NetworkCall {
            server: "svc:443".into(),
            status,
            error,
            start_us: 0,
            took_us,
            span: 0,
        }
    }

    #[test]
    fn failures_and_latency_are_told_by_guardrail_and_by_service() {
        let mut entries = Vec::new();
        for micros in 1..=100 {
            let mut record = record(&micros.to_string());
            let mut one = guardrail("g/a", "clean");
            one.took_us = micros;
            one.calls = vec![call(None, Some(200), micros * 10)];
            if micros > 97 {
                one.outcome = "failed";
                one.failure = Some(FailureClass::Timeout);
                one.calls = vec![
                    call(Some("unavailable"), None, 5_000),
                    call(None, Some(503), 5_000),
                    call(Some("dropped"), None, 9_999),
                ];
            }
            record.guardrails = vec![one];
            entries.push(Arc::new(Entry::new("gw".into(), record)));
        }
        let health = Health::of(&entries);
        let one = &health.guardrails[&("g/a".into(), Hook::LlmInput)];
        assert_eq!((one.requests, one.clean, one.failures()), (100, 97, 3));
        assert_eq!(one.failed["timeout"], 3);
        assert_eq!(one.took.quantile(50), Some(50));
        assert_eq!(one.took.quantile(95), Some(95));
        assert_eq!(one.took.quantile(100), Some(100));
        let service = &health.services["svc:443"];
        assert_eq!((service.calls, service.failures()), (106, 6));
        assert_eq!(
            (service.failed["unavailable"], service.failed["status 503"]),
            (3, 3)
        );
        assert_eq!(service.took.quantile(100), Some(5_000));
        assert!(service.last_failure.is_some());
        assert_eq!(Durations::default().quantile(50), None);
    }
}
