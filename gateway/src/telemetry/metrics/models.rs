//! What models cost: the metrics of the `gen_ai` conventions, and what guardrails spared.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parapet_policy::record::{Attempt, End, Record};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::{Make, OTHER, seconds};

/// Models that have series of their own: behind an account without a list, callers choose the names.
const MAX_MODELS: usize = 200;
/// The conventions' boundaries.
const DURATION: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
/// A token is about four bytes of English.
const BYTES_A_TOKEN: u64 = 4;

pub(super) struct ModelMetrics {
    duration: HistogramVec,
    tokens: HistogramVec,
    first_chunk: HistogramVec,
    capped: IntCounter,
    never_made: IntCounter,
    cut_short: IntCounter,
    tokens_spared: IntCounter,
}

/// Series that were looked up before.
#[derive(Default)]
pub(super) struct KnownModels(HashMap<(&'static str, Arc<str>), OfModel, RandomState>);

struct OfModel {
    /// As the label says it.
    name: Arc<str>,
    /// By what went wrong.
    duration: Vec<(String, Histogram)>,
    input: Histogram,
    output: Histogram,
    first_chunk: Histogram,
}

impl ModelMetrics {
    pub(super) fn new(make: &Make<'_>) -> prometheus::Result<Self> {
        let spared: IntCounterVec = make.counter(
            "parapet_model_calls_spared_total",
            "Calls of models that guardrails spared: those of a blocked prompt never made, those of a blocked answer cut short.",
            &["how"],
        )?;
        let labels = [
            "gen_ai_operation_name",
            "gen_ai_provider_name",
            "gen_ai_request_model",
        ];
        let with = |more: &'static str| [labels[0], labels[1], labels[2], more];
        Ok(Self {
            duration: make.histogram(
                "gen_ai_client_operation_duration_seconds",
                "How long calls of models took.",
                &with("error_type"),
                &DURATION,
            )?,
            tokens: make.histogram(
                "gen_ai_client_token_usage",
                "Tokens of a call, as the model counted them.",
                &with("gen_ai_token_type"),
                &TOKENS,
            )?,
            first_chunk: make.histogram(
                "gen_ai_client_operation_time_to_first_chunk_seconds",
                "From the call of a model to the first piece of its stream.",
                &labels,
                &DURATION,
            )?,
            capped: make
                .counter(
                    "parapet_metric_labels_capped_total",
                    "Observations counted under \"other\" because a label has too many values.",
                    &["label"],
                )?
                .with_label_values(&["gen_ai_request_model"]),
            never_made: spared.with_label_values(&["never_made"]),
            cut_short: spared.with_label_values(&["cut_short"]),
            tokens_spared: make
                .counter(
                    "parapet_tokens_spared_estimate_total",
                    "Input tokens of model calls that were never made: an estimate, four bytes of the request each.",
                    &[],
                )?
                .with_label_values::<&str>(&[]),
        })
    }

    /// Counts what became of a request's model calls.
    pub(super) fn count(&self, known: &mut KnownModels, record: &Record) {
        for attempt in &record.attempts {
            self.count_attempt(known, attempt);
        }
        if !matches!(record.end, End::BlockedViolation | End::BlockedFailure) {
            return;
        }
        match record.attempts.last() {
            None => {
                self.never_made.inc();
                self.tokens_spared
                    .inc_by(record.request_bytes / BYTES_A_TOKEN);
            }
            Some(attempt) if !attempt.complete => self.cut_short.inc(),
            Some(_) => {}
        }
    }

    fn count_attempt(&self, known: &mut KnownModels, attempt: &Attempt) {
        let status = attempt.status.filter(|status| *status >= 400);
        let error = match (attempt.error, status) {
            (Some(word), _) => word.to_owned(),
            (None, Some(status)) => status.to_string(),
            (None, None) => String::new(),
        };
        let of_model = known.of(self, attempt);
        let took = seconds(attempt.took_us);
        match of_model.duration.iter().find(|(known, _)| *known == error) {
            Some((_, duration)) => duration.observe(took),
            None => {
                let values = ["chat", attempt.kind, &of_model.name, &error];
                let duration = self.duration.with_label_values(&values);
                duration.observe(took);
                of_model.duration.push((error, duration));
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "no call has 2^53 tokens")]
        for (histogram, count) in [
            (&of_model.input, attempt.input_tokens),
            (&of_model.output, attempt.output_tokens),
        ] {
            if let Some(count) = count {
                histogram.observe(count as f64);
            }
        }
        if let Some(first) = attempt.first_text_us {
            of_model.first_chunk.observe(seconds(first));
        }
    }
}

impl KnownModels {
    fn of(&mut self, metrics: &ModelMetrics, attempt: &Attempt) -> &mut OfModel {
        let full = self.0.len() >= MAX_MODELS;
        let mut key = (attempt.kind, Arc::clone(&attempt.model));
        if full && !self.0.contains_key(&key) {
            metrics.capped.inc();
            key.1 = OTHER.into();
        }
        let name = Arc::clone(&key.1);
        self.0.entry(key).or_insert_with(|| {
            let tokens = |kind| {
                let values = ["chat", attempt.kind, &*name, kind];
                metrics.tokens.with_label_values(&values)
            };
            OfModel {
                duration: Vec::new(),
                input: tokens("input"),
                output: tokens("output"),
                first_chunk: metrics
                    .first_chunk
                    .with_label_values(&["chat", attempt.kind, &*name]),
                name,
            }
        })
    }
}
