//! Prometheus metrics. What is counted per request is counted from records; the rest is read when asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;
use parapet_bus::nats::RecordCounts;
use parapet_policy::hook::Hook;
use parapet_policy::record::{Attempt, End, GuardrailRecord, Record};
use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use super::otlp as export;
use super::queue::Counts;
use crate::mcp::pinning::sightings::Sightings;
use crate::policy::live::LivePolicy;
use crate::policy::remote::status::Numbers;

mod chat_tools;
mod issuers;
mod lists;
mod make;
mod mcp;
mod models;
mod programs;
mod remote;
mod tools;

use chat_tools::{ChatToolMetrics, KnownTools};
use issuers::IssuerMetrics;
pub(crate) use lists::{Hidden, ListMetrics, Wanted};
use make::Make;
use mcp::McpMetrics;
use models::{KnownModels, ModelMetrics};
pub(crate) use programs::{ProgramEnd, ProgramMetrics, ProgramRefusal};
use remote::RemoteMetrics;
use tools::ToolMetrics;

/// Seconds: a gateway's own work takes microseconds, a model's answer minutes.
const REQUEST_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0,
];
const GUARDRAIL_BUCKETS: [f64; 14] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.005, 0.025, 0.1, 0.5,
    1.0, 5.0, 10.0,
];

/// Selectors that have series of their own: policy that changes for ever must not make series for ever.
const MAX_SELECTORS: usize = 5000;
/// Categories of one guardrail that have series of their own: services choose their names.
const MAX_CATEGORIES: usize = 100;
/// Where the others are counted.
const OTHER: &str = "other";

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    known: Mutex<Known>,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    guardrails: IntCounterVec,
    guardrail_seconds: HistogramVec,
    findings: IntCounterVec,
    failures: IntCounterVec,
    blocks: IntCounterVec,
    unjudged: IntCounterVec,
    models: ModelMetrics,
    mcp: McpMetrics,
    tools: ToolMetrics,
    chat_tools: ChatToolMetrics,
    attempts: IntCounterVec,
    first_text_seconds: HistogramVec,
    tokens: IntCounterVec,
    in_flight: IntGauge,
    records_lost: IntCounterVec,
    exported: IntCounterVec,
    not_exported: IntCounterVec,
    policy_loads: IntCounterVec,
    policy_epoch: IntGauge,
    policy_generation: IntGauge,
    policy_rejected: IntGauge,
    remote: RemoteMetrics,
    issuers: IssuerMetrics,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let make = Make(&registry);
        let counter = |name, help, labels| make.counter(name, help, labels);
        let histogram = |name, help, labels, buckets| make.histogram(name, help, labels, buckets);
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
            findings: counter(
                "parapet_guardrail_findings_total",
                "What guardrails found, by category.",
                &["selector", "hook", "category"],
            )?,
            failures: counter(
                "parapet_guardrail_failures_total",
                "Guardrails that could not judge, by class.",
                &["selector", "hook", "class"],
            )?,
            blocks: counter(
                "parapet_blocks_total",
                "Requests and answers that guardrails blocked: for what they found, or because they could not judge.",
                &["hook", "why"],
            )?,
            unjudged: counter(
                "parapet_unjudged_total",
                "Content that no guardrail could judge, by class.",
                &["class"],
            )?,
            models: ModelMetrics::new(&make)?,
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
            exported: counter(
                "parapet_telemetry_sent_total",
                "Spans that a collector took, and messages with metrics.",
                &["signal"],
            )?,
            not_exported: counter(
                "parapet_telemetry_lost_total",
                "Spans that no collector took, and messages with metrics.",
                &["signal", "why"],
            )?,
            policy_loads: counter(
                "parapet_policy_loads_total",
                "Attempts to change the policy since the start, by how they ended.",
                &["result"],
            )?,
            policy_epoch: gauge(
                "parapet_policy_epoch",
                "The epoch of the policy in force; 0 for policy from files.",
            )?,
            policy_generation: gauge(
                "parapet_policy_generation",
                "The generation of the policy in force.",
            )?,
            policy_rejected: gauge(
                "parapet_policy_rejected",
                "1 while the newest policy has errors and an older one is in force.",
            )?,
            remote: RemoteMetrics::new()?,
            mcp: McpMetrics::new(&make, &registry)?,
            tools: ToolMetrics::new(&make, &registry)?,
            chat_tools: ChatToolMetrics::new(&make)?,
            issuers: IssuerMetrics::new(&registry)?,
            known: Mutex::default(),
            registry,
        })
    }

    /// Counts a batch of records.
    pub fn count(&self, batch: &[Record]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for record in batch {
            let (counter, histogram) = known.request(self, record);
            counter.inc();
            histogram.observe(seconds(record.total_us));
            for guardrail in &record.guardrails {
                known.guardrail(self, guardrail);
                self.chat_tools.count(&mut known.chat_tools, guardrail);
            }
            for attempt in &record.attempts {
                self.count_attempt(attempt);
            }
            match &record.mcp {
                Some(message) => self.mcp.count(record, message),
                None => self.models.count(&mut known.models, record),
            }
            self.count_block(record);
            for (class, count) in &record.unjudged {
                self.unjudged
                    .with_label_values(&[&**class])
                    .inc_by(u64::from(*count));
            }
        }
    }

    fn count_block(&self, record: &Record) {
        let why = match record.end {
            End::BlockedViolation => "violation",
            End::BlockedFailure => "failure",
            End::Allowed | End::Refused | End::UpstreamFailed | End::ClientGone => return,
        };
        let blocker = record.guardrails.iter().find(|entry| entry.blocks);
        // Without one it was content that no guardrail can judge: of the prompt, or of the answer.
        let hook = match (blocker, record.attempts.is_empty()) {
            (Some(blocker), _) => blocker.hook,
            (None, true) => Hook::LlmInput,
            (None, false) => Hook::LlmOutput,
        };
        let hook = hook.as_str();
        self.blocks.with_label_values(&[hook, why]).inc();
    }

    fn count_attempt(&self, attempt: &Attempt) {
        let provider = &*attempt.provider;
        let status = attempt.status.map(|status| status.to_string());
        let status = status.as_deref().or(attempt.error).unwrap_or("none");
        self.attempts.with_label_values(&[provider, status]).inc();
        if let Some(first) = attempt.first_text_us {
            self.first_text_seconds
                .with_label_values(&[provider])
                .observe(seconds(first));
        }
        for (direction, count) in [
            ("input", attempt.input_tokens),
            ("output", attempt.output_tokens),
        ] {
            if let Some(count) = count {
                self.tokens
                    .with_label_values(&[provider, direction])
                    .inc_by(count);
            }
        }
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self, now: &Now<'_>) -> String {
        TextEncoder::new()
            .encode_to_string(&self.gather(now))
            .unwrap_or_default()
    }

    /// Everything as it stands.
    pub fn gather(&self, now: &Now<'_>) -> Vec<MetricFamily> {
        self.in_flight.set(gauge_of(now.in_flight as u64));
        let lost = [
            ("queue_full", now.records.dropped()),
            ("not_written", now.records.failed()),
        ];
        for (why, count) in lost {
            raise(&self.records_lost.with_label_values(&[why]), count);
        }
        if let Some(sightings) = now.tools {
            self.tools.set(sightings);
        }
        if let Some(policy) = now.policy {
            let loads = policy.counts();
            let loads = [
                ("accepted", loads.accepted),
                ("rejected", loads.rejected),
                ("failed", loads.failed),
            ];
            for (result, count) in loads {
                raise(&self.policy_loads.with_label_values(&[result]), count);
            }
            let revision = policy.revision();
            self.policy_epoch.set(gauge_of(revision.epoch));
            self.policy_generation.set(gauge_of(revision.generation));
            let status = policy.status();
            self.policy_rejected
                .set(i64::from(status.rejected.is_some()));
            self.issuers.show(&status.issuers);
        }
        if let Some(numbers) = &now.remote {
            self.remote.show(&self.registry, numbers);
        }
        if let Some(shared) = now.shared {
            let signal = "records";
            raise(&self.exported.with_label_values(&[signal]), shared.sent());
            for (why, count) in shared.lost() {
                raise(&self.not_exported.with_label_values(&[signal, why]), count);
            }
        }
        if let Some(export) = now.export {
            for (signal, count) in export.sent() {
                raise(&self.exported.with_label_values(&[signal]), count);
            }
            for (signal, why, count) in export.lost() {
                raise(&self.not_exported.with_label_values(&[signal, why]), count);
            }
        }
        self.registry.gather()
    }
}

/// Series that were looked up before: the look-up by label values costs more than all the rest of the counting,
/// and the thread that counts shares its core with traffic.
#[derive(Default)]
struct Known {
    requests: HashMap<(&'static str, u16, &'static str), (IntCounter, Histogram), RandomState>,
    guardrails: HashMap<Arc<str>, [OfHook; Hook::ALL.len()], RandomState>,
    models: KnownModels,
    chat_tools: KnownTools,
}

/// The series of one guardrail at one hook.
#[derive(Default)]
struct OfHook {
    outcomes: Vec<(&'static str, IntCounter)>,
    seconds: Option<Histogram>,
    findings: Vec<(Arc<str>, IntCounter)>,
}

/// Makes metrics and registers them.
impl Known {
    fn request(&mut self, metrics: &Metrics, record: &Record) -> &(IntCounter, Histogram) {
        let end = record.end.as_str();
        self.requests
            .entry((record.route, record.status, end))
            .or_insert_with(|| {
                let status = record.status.to_string();
                (
                    metrics
                        .requests
                        .with_label_values(&[record.route, &status, end]),
                    metrics.request_seconds.with_label_values(&[record.route]),
                )
            })
    }

    fn guardrail(&mut self, metrics: &Metrics, record: &GuardrailRecord) {
        let known = self.guardrails.contains_key(&record.selector);
        let selector = if known || self.guardrails.len() < MAX_SELECTORS {
            &*record.selector
        } else {
            OTHER
        };
        if !self.guardrails.contains_key(selector) {
            self.guardrails.insert(selector.into(), Default::default());
        }
        let of_hook = self
            .guardrails
            .get_mut(selector)
            .and_then(|hooks| hooks.get_mut(record.hook.index()));
        let Some(of_hook) = of_hook else { return };
        let hook = record.hook.as_str();
        match of_hook
            .outcomes
            .iter()
            .find(|(outcome, _)| *outcome == record.outcome)
        {
            Some((_, counter)) => counter.inc(),
            None => {
                let counter =
                    metrics
                        .guardrails
                        .with_label_values(&[selector, hook, record.outcome]);
                counter.inc();
                of_hook.outcomes.push((record.outcome, counter));
            }
        }
        for (category, count) in &record.categories {
            of_hook.found(metrics, [selector, hook], category, u64::from(*count));
        }
        if let Some(class) = record.failure {
            metrics
                .failures
                .with_label_values(&[selector, hook, class.as_str()])
                .inc();
        }
        if record.skipped.is_none() {
            let make = || {
                metrics
                    .guardrail_seconds
                    .with_label_values(&[selector, hook])
            };
            of_hook
                .seconds
                .get_or_insert_with(make)
                .observe(seconds(record.took_us));
        }
    }
}

impl OfHook {
    fn found(&mut self, metrics: &Metrics, of: [&str; 2], category: &Arc<str>, count: u64) {
        let known = |findings: &[(Arc<str>, IntCounter)], category: &str| {
            findings.iter().position(|(known, _)| **known == *category)
        };
        let mut place = known(&self.findings, category);
        let mut name = Arc::clone(category);
        if place.is_none() && self.findings.len() >= MAX_CATEGORIES {
            name = OTHER.into();
            place = known(&self.findings, OTHER);
        }
        match place.and_then(|place| self.findings.get(place)) {
            Some((_, counter)) => counter.inc_by(count),
            None => {
                let counter = metrics.findings.with_label_values(&[of[0], of[1], &*name]);
                counter.inc_by(count);
                self.findings.push((name, counter));
            }
        }
    }
}

/// What is read when somebody asks for metrics.
pub struct Now<'a> {
    /// Requests in flight.
    pub in_flight: usize,
    /// Of the records' queue.
    pub records: &'a Arc<Counts>,
    /// What became of what was to be exported; none when nothing is.
    pub export: Option<&'a export::Counts>,
    /// What became of records that were to be sent over NATS; none when none are.
    pub shared: Option<&'a RecordCounts>,
    /// The policy in force, as soon as there is one.
    pub policy: Option<&'a LivePolicy>,
    /// The way from the operator, when there is one.
    pub remote: Option<Numbers>,
    /// What was seen of MCP servers' tools.
    pub tools: Option<&'a Sightings>,
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

#[cfg(test)]
mod tests;
