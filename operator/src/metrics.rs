//! What the operator counts.

use std::time::Duration;

use prometheus::{
    Encoder as _, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Seconds that a round or a review takes: from one resource on an idle machine to thousands of rules on a busy one.
const SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// 1 on the leader.
    pub leader: IntGauge,
    /// The epoch of the leader that this process is, or was last.
    pub epoch: IntGauge,
    /// The generation published last.
    pub generation: IntGauge,
    /// From looking at everything to knowing what to publish.
    pub round: Histogram,
    /// Configurations of guardrails that were built to see whether they do.
    pub builds: IntGauge,
    publications: IntCounterVec,
    status_writes: IntCounterVec,
    reviews: IntCounterVec,
    refusals: IntCounterVec,
    review: Histogram,
    watch_errors: IntCounterVec,
    watch_up: IntGaugeVec,
    gateways: IntGaugeVec,
    resources: IntGaugeVec,
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let histogram = |name: &str, help: &str| -> prometheus::Result<Histogram> {
            let buckets = SECONDS.to_vec();
            let histogram = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?;
            registry.register(Box::new(histogram.clone()))?;
            Ok(histogram)
        };
        let round = histogram(
            "parapet_operator_reconcile_seconds",
            "From looking at every resource to knowing what to publish.",
        )?;
        let review = histogram(
            "parapet_operator_admission_seconds",
            "From an admission request to its answer.",
        )?;
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let counters = |name: &str, help: &str, label: &str| -> prometheus::Result<IntCounterVec> {
            let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(counters.clone()))?;
            Ok(counters)
        };
        let gauges = |name: &str, help: &str, label: &str| -> prometheus::Result<IntGaugeVec> {
            let gauges = IntGaugeVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(gauges.clone()))?;
            Ok(gauges)
        };
        Ok(Self {
            leader: gauge(
                "parapet_operator_leader",
                "Whether this replica leads: 1 or 0.",
            )?,
            epoch: gauge("parapet_operator_epoch", "The epoch that it leads with.")?,
            generation: gauge(
                "parapet_operator_generation",
                "The generation that it published last.",
            )?,
            builds: gauge(
                "parapet_operator_guardrail_builds",
                "Configurations of guardrails built so far, to see whether they do.",
            )?,
            publications: counters(
                "parapet_operator_publications_total",
                "Attempts to publish, by how they ended.",
                "result",
            )?,
            status_writes: counters(
                "parapet_operator_status_writes_total",
                "Statuses written, by how it ended.",
                "result",
            )?,
            reviews: counters(
                "parapet_operator_admission_requests_total",
                "Admission requests, by the answer: allowed, warned, refused, unjudged (and allowed), unread.",
                "answer",
            )?,
            refusals: counters(
                "parapet_operator_admission_refusals_total",
                "Reasons of refusals, as the status would give them.",
                "reason",
            )?,
            review,
            watch_errors: counters(
                "parapet_operator_watch_errors_total",
                "Errors while watching, by what.",
                "what",
            )?,
            watch_up: gauges(
                "parapet_operator_watch_up",
                "Whether everything of a kind has been listed and is watched: 1 or 0.",
                "what",
            )?,
            gateways: gauges(
                "parapet_operator_gateways",
                "Gateway pods: desired, programmed with the newest revision, rejected.",
                "state",
            )?,
            resources: gauges(
                "parapet_operator_resources",
                "Resources, by whether their newest generation is in force.",
                "in_force",
            )?,
            round,
            registry,
        })
    }

    /// An attempt to publish has ended.
    pub fn published(&self, result: &'static str) {
        self.publications.with_label_values(&[result]).inc();
    }

    /// A status was written, or was not.
    pub fn status_written(&self, result: &'static str) {
        self.status_writes.with_label_values(&[result]).inc();
    }

    /// An admission request was answered.
    pub fn reviewed(&self, answer: &'static str, took: Duration) {
        self.reviews.with_label_values(&[answer]).inc();
        self.review.observe(took.as_secs_f64());
    }

    /// A resource was refused for this reason.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.with_label_values(&[reason]).inc();
    }

    /// A watch has failed.
    pub fn watch_error(&self, what: &'static str) {
        self.watch_errors.with_label_values(&[what]).inc();
    }

    /// A watch has been listed and works, or does not.
    pub fn set_watch(&self, what: &'static str, works: bool) {
        let up = self.watch_up.with_label_values(&[what]);
        up.set(i64::from(works));
    }

    /// How many gateways there are, enforce the newest revision, and have refused it.
    pub fn set_gateways(&self, desired: usize, programmed: usize, rejected: usize) {
        for (state, count) in [
            ("desired", desired),
            ("programmed", programmed),
            ("rejected", rejected),
        ] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.gateways.with_label_values(&[state]).set(count);
        }
    }

    /// How many resources there are, by whether their newest generation is in force.
    pub fn set_resources(&self, in_force: usize, not: usize) {
        for (state, count) in [("true", in_force), ("false", not)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.resources.with_label_values(&[state]).set(count);
        }
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        // Writing to a Vec cannot fail, and what is registered can be encoded.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}
