//! Prometheus metrics. What is counted per request is counted from records; the rest is read when asked.

use std::sync::Arc;

use parapet_policy::record::{End, GuardrailRecord, Record};
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use super::queue::Counts;
use crate::policy::live::LivePolicy;

/// Seconds: a gateway's own work takes microseconds, a model's answer minutes.
const REQUEST_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0,
];
const GUARDRAIL_BUCKETS: [f64; 14] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.005, 0.025, 0.1, 0.5,
    1.0, 5.0, 10.0,
];

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    guardrails: IntCounterVec,
    guardrail_seconds: HistogramVec,
    attempts: IntCounterVec,
    first_text_seconds: HistogramVec,
    tokens: IntCounterVec,
    in_flight: IntGauge,
    records_lost: IntCounterVec,
    policy_loads: IntCounterVec,
    policy_generation: IntGauge,
    policy_rejected: IntGauge,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let histogram = |name: &str, help: &str, labels: &[&str], buckets: &[f64]| {
            let metric = HistogramVec::new(
                HistogramOpts::new(name, help).buckets(buckets.to_vec()),
                labels,
            )?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            prometheus::Result::Ok(metric)
        };
        let build = gauges(
            "parapet_build_info",
            "Always 1; the label says which build runs.",
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Self {
            requests: counter(
                "parapet_requests_total",
                "Requests by route, status and how they ended.",
                &["route", "status", "end"],
            )?,
            request_seconds: histogram(
                "parapet_request_duration_seconds",
                "From a request's first byte to its answer's last.",
                &["route"],
                &REQUEST_BUCKETS,
            )?,
            guardrails: counter(
                "parapet_guardrail_outcomes_total",
                "What guardrails came to.",
                &["selector", "hook", "outcome"],
            )?,
            guardrail_seconds: histogram(
                "parapet_guardrail_duration_seconds",
                "How long guardrails took, those that did not run left out.",
                &["selector", "hook"],
                &GUARDRAIL_BUCKETS,
            )?,
            attempts: counter(
                "parapet_upstream_attempts_total",
                "Calls to upstreams; without an answer the status is what went wrong.",
                &["provider", "status"],
            )?,
            first_text_seconds: histogram(
                "parapet_upstream_first_text_seconds",
                "From the call of an upstream to its first text.",
                &["provider"],
                &REQUEST_BUCKETS,
            )?,
            tokens: counter(
                "parapet_upstream_tokens_total",
                "Tokens as upstreams counted them.",
                &["provider", "direction"],
            )?,
            in_flight: gauge(
                "parapet_requests_in_flight",
                "Requests whose answer is not done.",
            )?,
            records_lost: counter(
                "parapet_records_lost_total",
                "Records dropped because the queue was full, and batches that could not be written.",
                &["why"],
            )?,
            policy_loads: counter(
                "parapet_policy_loads_total",
                "Attempts to change the policy since the start, by how they ended.",
                &["result"],
            )?,
            policy_generation: gauge(
                "parapet_policy_generation",
                "The generation of the policy in force.",
            )?,
            policy_rejected: gauge(
                "parapet_policy_rejected",
                "1 while the newest policy has errors and an older one is in force.",
            )?,
            registry,
        })
    }

    /// Counts a batch of records.
    pub fn count(&self, batch: &[Record]) {
        for record in batch {
            let status = record.status.to_string();
            self.requests
                .with_label_values(&[record.route, &status, end(record.end)])
                .inc();
            self.request_seconds
                .with_label_values(&[record.route])
                .observe(seconds(record.total_us));
            for guardrail in &record.guardrails {
                self.count_guardrail(guardrail);
            }
            for attempt in &record.attempts {
                let status = attempt.status.map(|status| status.to_string());
                let status = status.as_deref().or(attempt.error).unwrap_or("none");
                self.attempts
                    .with_label_values(&[&*attempt.provider, status])
                    .inc();
                if let Some(first) = attempt.first_text_us {
                    self.first_text_seconds
                        .with_label_values(&[&*attempt.provider])
                        .observe(seconds(first));
                }
                for (direction, count) in [
                    ("input", attempt.input_tokens),
                    ("output", attempt.output_tokens),
                ] {
                    if let Some(count) = count {
                        self.tokens
                            .with_label_values(&[&*attempt.provider, direction])
                            .inc_by(count);
                    }
                }
            }
        }
    }

    fn count_guardrail(&self, guardrail: &GuardrailRecord) {
        let (selector, hook) = (&*guardrail.selector, guardrail.hook.as_str());
        self.guardrails
            .with_label_values(&[selector, hook, guardrail.outcome])
            .inc();
        if guardrail.skipped.is_none() {
            self.guardrail_seconds
                .with_label_values(&[selector, hook])
                .observe(seconds(guardrail.took_us));
        }
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self, now: &Now<'_>) -> String {
        self.in_flight.set(gauge_of(now.in_flight as u64));
        let lost = [
            ("queue_full", now.records.dropped()),
            ("not_written", now.records.failed()),
        ];
        for (why, count) in lost {
            raise(&self.records_lost.with_label_values(&[why]), count);
        }
        let loads = now.policy.counts();
        let loads = [
            ("accepted", loads.accepted),
            ("rejected", loads.rejected),
            ("failed", loads.failed),
        ];
        for (result, count) in loads {
            raise(&self.policy_loads.with_label_values(&[result]), count);
        }
        self.policy_generation
            .set(gauge_of(now.policy.revision().generation));
        self.policy_rejected
            .set(i64::from(now.policy.status().rejected.is_some()));
        let families = self.registry.gather();
        TextEncoder::new()
            .encode_to_string(&families)
            .unwrap_or_default()
    }
}

/// What is read when somebody asks for metrics.
pub struct Now<'a> {
    /// Requests in flight.
    pub in_flight: usize,
    /// Of the records' queue.
    pub records: &'a Arc<Counts>,
    /// The policy in force.
    pub policy: &'a LivePolicy,
}

/// Brings a counter to a value that is counted elsewhere and only grows.
fn raise(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

fn gauge_of(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a request fit a double exactly for centuries"
)]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1_000_000.0
}

const fn end(end: End) -> &'static str {
    match end {
        End::Allowed => "allowed",
        End::BlockedViolation => "blocked_violation",
        End::BlockedFailure => "blocked_failure",
        End::Refused => "refused",
        End::UpstreamFailed => "upstream_failed",
        End::ClientGone => "client_gone",
    }
}

#[cfg(test)]
mod tests {
    use parapet_policy::hook::Hook;
    use parapet_policy::outcome::{Operation, Strategy};
    use parapet_policy::record::Attempt;

    use super::*;
    use crate::telemetry::queue::tests::record;

    #[test]
    fn records_are_counted() {
        let metrics = Metrics::new().unwrap();
        let mut counted = record("a");
        counted.guardrails.push(GuardrailRecord {
            selector: "g/pii".into(),
            kind: "regex",
            hook: Hook::LlmInput,
            operation: Operation::Validate,
            strategy: Strategy::Enforce,
            outcome: "violation",
            failure: None,
            skipped: None,
            categories: Vec::new(),
            edits: 0,
            start_us: 0,
            took_us: 7,
            cached: false,
            rules: Vec::new().into(),
        });
        counted.attempts.push(Attempt {
            provider: "demo".into(),
            model: "echo".into(),
            status: None,
            start_us: 0,
            first_text_us: None,
            took_us: 5,
            input_tokens: Some(4),
            output_tokens: None,
            error: Some("timeout"),
        });
        metrics.count(&[counted, record("b")]);
        let text = TextEncoder::new()
            .encode_to_string(&metrics.registry.gather())
            .unwrap();
        let lines = [
            r#"parapet_requests_total{end="allowed",route="/v1/chat/completions",status="200"} 2"#,
            r#"parapet_guardrail_outcomes_total{hook="llm_input",outcome="violation",selector="g/pii"} 1"#,
            r#"parapet_upstream_attempts_total{provider="demo",status="timeout"} 1"#,
            r#"parapet_upstream_tokens_total{direction="input",provider="demo"} 4"#,
            r#"parapet_request_duration_seconds_count{route="/v1/chat/completions"} 2"#,
        ];
        for line in lines {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
