//! What a forwarder counts.

use prometheus::{Encoder as _, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

/// What became of a batch, or of a span.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// The collector has taken it.
    Delivered,
    /// The collector has refused it, and would again.
    Refused,
    /// The collector took nothing for as long as traces are kept.
    Expired,
}

impl Fate {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

/// All metrics.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    batches: IntCounterVec,
    spans: IntCounterVec,
    /// Attempts that failed and were or will be made again.
    pub(super) retries: IntCounter,
    /// Batches that came again after they had arrived, and were not posted again.
    pub(super) again: IntCounter,
    /// Batches that wait in the stream, as far as was heard last.
    pub(super) waiting: IntGauge,
    connected: IntGauge,
}

impl Metrics {
    pub(super) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let by_result = |name: &str, help: &str| -> prometheus::Result<IntCounterVec> {
            let counter = IntCounterVec::new(Opts::new(name, help), &["result"])?;
            registry.register(Box::new(counter.clone()))?;
            // They are there from the beginning, so that a first one is a rise.
            for fate in [Fate::Delivered, Fate::Refused, Fate::Expired] {
                counter.with_label_values(&[fate.as_str()]);
            }
            Ok(counter)
        };
        let batches = by_result(
            "parapet_forwarder_batches_total",
            "Batches of traces, by what became of them.",
        )?;
        let spans = by_result(
            "parapet_forwarder_spans_total",
            "Spans, by what became of them.",
        )?;
        let counter = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let retries = counter(
            "parapet_forwarder_retries_total",
            "Attempts at posting a batch that failed and are made again.",
        )?;
        let again = counter(
            "parapet_forwarder_duplicates_total",
            "Batches that came again after they had arrived, and were not posted again.",
        )?;
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        Ok(Self {
            batches,
            spans,
            retries,
            again,
            waiting: gauge(
                "parapet_forwarder_waiting",
                "Batches that wait in the stream, as of the last one taken from it.",
            )?,
            connected: gauge(
                "parapet_nats_connected",
                "1 while there is a connection to NATS.",
            )?,
            registry,
        })
    }

    /// Counts a batch, and its spans, some of which the collector may have refused.
    pub(super) fn count(&self, fate: Fate, spans: u64, refused: u64) {
        self.batches.with_label_values(&[fate.as_str()]).inc();
        let refused = refused.min(spans);
        let add = |fate: Fate, spans| {
            self.spans.with_label_values(&[fate.as_str()]).inc_by(spans);
        };
        add(fate, spans - refused);
        add(Fate::Refused, refused);
    }

    pub(super) fn render(&self, connected: bool) -> String {
        self.connected.set(i64::from(connected));
        let mut out = Vec::new();
        // Into memory, so this cannot fail.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_a_collector_refused_are_told_apart() {
        let metrics = Metrics::new().unwrap();
        metrics.count(Fate::Delivered, 10, 3);
        metrics.count(Fate::Expired, 5, 0);
        let text = metrics.render(true);
        for line in [
            "parapet_forwarder_batches_total{result=\"delivered\"} 1",
            "parapet_forwarder_spans_total{result=\"delivered\"} 7",
            "parapet_forwarder_spans_total{result=\"refused\"} 3",
            "parapet_forwarder_spans_total{result=\"expired\"} 5",
            "parapet_nats_connected 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
