//! From the registry that Prometheus scrapes to OTLP's metrics: the same series, under the same names, but for those of the
//! conventions, which have dots there.

use std::time::SystemTime;

use prometheus::proto::{Histogram, LabelPair, MetricFamily, MetricType};

use super::wire::{self, Attributes};

/// `ScopeMetrics.metrics`.
const METRICS: u32 = 2;
/// `Metric`.
const NAME: u32 = 1;
const DESCRIPTION: u32 = 2;
const UNIT: u32 = 3;
const GAUGE: u32 = 5;
const SUM: u32 = 7;
const HISTOGRAM: u32 = 9;
/// `Gauge`, `Sum` and `Histogram`.
const POINTS: u32 = 1;
const TEMPORALITY: u32 = 2;
const MONOTONIC: u32 = 3;
/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u64 = 2;
/// `NumberDataPoint` and `HistogramDataPoint`.
const START: u32 = 2;
const TIME: u32 = 3;
const COUNT: u32 = 4;
const AS_DOUBLE: u32 = 4;
const HISTOGRAM_SUM: u32 = 5;
const BUCKETS: u32 = 6;
const BOUNDS: u32 = 7;
const NUMBER_ATTRIBUTES: u32 = 7;
const HISTOGRAM_ATTRIBUTES: u32 = 9;

/// Metrics of the conventions: Prometheus' name, OTLP's name, unit.
const CONVENTIONS: [(&str, &str, &str); 3] = [
    (
        "gen_ai_client_operation_duration_seconds",
        "gen_ai.client.operation.duration",
        "s",
    ),
    (
        "gen_ai_client_operation_time_to_first_chunk_seconds",
        "gen_ai.client.operation.time_to_first_chunk",
        "s",
    ),
    (
        "gen_ai_client_token_usage",
        "gen_ai.client.token.usage",
        "{token}",
    ),
];

/// Labels of the conventions.
const LABELS: [(&str, &str); 5] = [
    ("gen_ai_operation_name", "gen_ai.operation.name"),
    ("gen_ai_provider_name", "gen_ai.provider.name"),
    ("gen_ai_request_model", "gen_ai.request.model"),
    ("gen_ai_token_type", "gen_ai.token.type"),
    ("error_type", "error.type"),
];

/// Writes families as fields of a `ScopeMetrics`.
pub(super) fn write(
    families: &[MetricFamily],
    (begun, now): (SystemTime, SystemTime),
    out: &mut Vec<u8>,
) {
    let times = Times {
        begun: nanos(begun),
        now: nanos(now),
    };
    for family in families {
        let Some((kind, monotonic)) = (match family.get_field_type() {
            MetricType::COUNTER => Some((SUM, true)),
            MetricType::GAUGE => Some((GAUGE, false)),
            MetricType::HISTOGRAM => Some((HISTOGRAM, false)),
            // There is none.
            MetricType::SUMMARY | MetricType::UNTYPED => None,
        }) else {
            continue;
        };
        let (name, unit) = name_and_unit(family.name());
        wire::message(out, METRICS, |out| {
            wire::bytes(out, NAME, name.as_bytes());
            wire::bytes(out, DESCRIPTION, family.help().as_bytes());
            wire::bytes(out, UNIT, unit.as_bytes());
            wire::message(out, kind, |out| {
                for metric in family.get_metric() {
                    wire::message(out, POINTS, |out| match kind {
                        SUM => {
                            times.number(out, metric.get_label(), metric.get_counter().get_value())
                        }
                        GAUGE => {
                            times.number(out, metric.get_label(), metric.get_gauge().get_value())
                        }
                        _ => times.histogram(out, metric.get_label(), metric.get_histogram()),
                    });
                }
                if kind != GAUGE {
                    wire::uint(out, TEMPORALITY, CUMULATIVE);
                }
                if monotonic {
                    wire::uint(out, MONOTONIC, 1);
                }
            });
        });
    }
}

struct Times {
    begun: u64,
    now: u64,
}

impl Times {
    fn put(&self, out: &mut Vec<u8>) {
        wire::fixed64(out, START, self.begun);
        wire::fixed64(out, TIME, self.now);
    }

    fn number(&self, out: &mut Vec<u8>, labels: &[LabelPair], value: f64) {
        self.put(out);
        wire::double(out, AS_DOUBLE, value);
        put_labels(out, NUMBER_ATTRIBUTES, labels);
    }

    fn histogram(&self, out: &mut Vec<u8>, labels: &[LabelPair], histogram: &Histogram) {
        self.put(out);
        wire::fixed64(out, COUNT, histogram.get_sample_count());
        wire::double(out, HISTOGRAM_SUM, histogram.get_sample_sum());
        // Prometheus counts up to each bound; OTLP between bounds, and above the last one.
        let finite: Vec<_> = histogram
            .get_bucket()
            .iter()
            .filter(|bucket| bucket.upper_bound().is_finite())
            .collect();
        let mut counts = Vec::with_capacity(finite.len() + 1);
        let mut below = 0;
        for bucket in &finite {
            counts.push(bucket.cumulative_count().saturating_sub(below));
            below = bucket.cumulative_count();
        }
        counts.push(histogram.get_sample_count().saturating_sub(below));
        wire::packed(out, BUCKETS, counts.into_iter());
        let bounds = finite.iter().map(|bucket| bucket.upper_bound().to_bits());
        wire::packed(out, BOUNDS, bounds);
        put_labels(out, HISTOGRAM_ATTRIBUTES, labels);
    }
}

fn put_labels(out: &mut Vec<u8>, field: u32, labels: &[LabelPair]) {
    let mut attributes = Attributes { out, field };
    // In Prometheus an empty label is one that is not there.
    for label in labels.iter().filter(|label| !label.value().is_empty()) {
        let known = LABELS.iter().find(|(known, _)| *known == label.name());
        let name = known.map_or(label.name(), |(_, name)| name);
        attributes.str(name, label.value());
    }
}

fn name_and_unit(name: &str) -> (&str, &'static str) {
    if let Some((_, name, unit)) = CONVENTIONS.iter().find(|(known, ..)| *known == name) {
        return (name, unit);
    }
    let unit = match name {
        _ if name.ends_with("_seconds") => "s",
        _ if name.ends_with("_bytes") => "By",
        _ => "1",
    };
    (name, unit)
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
    use opentelemetry_proto::tonic::metrics::v1::{Metric, ScopeMetrics};
    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};
    use prost::Message as _;

    use super::*;

    fn read(registry: &Registry) -> Vec<Metric> {
        let mut out = Vec::new();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        write(&registry.gather(), (at(1), at(3)), &mut out);
        ScopeMetrics::decode(out.as_slice()).unwrap().metrics
    }

    #[test]
    fn counters_and_gauges_read_back_with_generated_types() {
        let registry = Registry::new();
        let counter = IntCounterVec::new(Opts::new("a_total", "What."), &["why"]).unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        counter.with_label_values(&["x"]).inc_by(3);
        let gauge = IntGauge::new("b", "Now.").unwrap();
        registry.register(Box::new(gauge.clone())).unwrap();
        gauge.set(-2);
        let metrics = read(&registry);
        assert_eq!(
            (metrics[0].name.as_str(), metrics[0].unit.as_str()),
            ("a_total", "1")
        );
        let Some(Data::Sum(sum)) = &metrics[0].data else {
            panic!("{metrics:?}");
        };
        assert!(sum.is_monotonic);
        assert_eq!(sum.aggregation_temporality, 2);
        let point = &sum.data_points[0];
        assert_eq!(point.value, Some(Value::AsDouble(3.0)));
        assert_eq!(point.start_time_unix_nano, 1_000_000_000);
        assert_eq!(point.time_unix_nano, 3_000_000_000);
        assert_eq!(point.attributes[0].key, "why");
        let Some(Data::Gauge(gauge)) = &metrics[1].data else {
            panic!("{metrics:?}");
        };
        assert_eq!(gauge.data_points[0].value, Some(Value::AsDouble(-2.0)));
    }

    #[test]
    fn histograms_read_back_with_the_names_of_the_conventions() {
        let registry = Registry::new();
        let opts = HistogramOpts::new("gen_ai_client_operation_duration_seconds", "How long.")
            .buckets(vec![1.0, 2.0]);
        let histogram = HistogramVec::new(opts, &["gen_ai_request_model"]).unwrap();
        registry.register(Box::new(histogram.clone())).unwrap();
        for value in [0.5, 1.5, 1.5, 9.0] {
            histogram.with_label_values(&["m"]).observe(value);
        }
        let metrics = read(&registry);
        assert_eq!(metrics[0].name, "gen_ai.client.operation.duration");
        assert_eq!(metrics[0].unit, "s");
        let Some(Data::Histogram(histogram)) = &metrics[0].data else {
            panic!("{metrics:?}");
        };
        let point = &histogram.data_points[0];
        assert_eq!((point.count, point.sum), (4, Some(12.5)));
        assert_eq!(point.bucket_counts, [1, 2, 1]);
        assert_eq!(point.explicit_bounds, [1.0, 2.0]);
        assert_eq!(point.attributes[0].key, "gen_ai.request.model");
    }
}
