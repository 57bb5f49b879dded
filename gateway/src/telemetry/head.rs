//! The head of a request in a trace: which trace it belongs to, and whether it is sampled.
//!
//! This is all that the request path does for traces; the spans are made from the record.

use http::HeaderMap;
pub use parapet_otlp::Sampler;
use parapet_policy::trace::{Incoming, SpanId, TraceContext, TraceId, state};

use crate::route::request_id::random;

/// What is decided at a request's head.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// Which requests are sampled.
    pub sampler: Sampler,
    /// Whether a caller's trace is taken up.
    pub propagates: bool,
}

impl Head {
    /// A request's place in its caller's trace, or at the beginning of a new one.
    pub fn begin(&self, headers: &HeaderMap) -> TraceContext {
        let incoming = self.propagates.then(|| incoming(headers)).flatten();
        let trace_id = incoming.as_ref().map_or_else(
            || TraceId::new(u128::from(random()) << 64 | u128::from(random())),
            |incoming| incoming.trace_id,
        );
        let parent = incoming.as_ref().map(|incoming| incoming.sampled);
        TraceContext {
            trace_id,
            span_id: SpanId::new(random()),
            // Without a trace of its own the caller's state means nothing.
            state: incoming.as_ref().and_then(|_| {
                let values = headers.get_all("tracestate").iter();
                state(values.filter_map(|value| value.to_str().ok()))
            }),
            parent: incoming.map(|incoming| incoming.parent),
            sampled: self.sampler.samples(trace_id, parent),
        }
    }
}

fn incoming(headers: &HeaderMap) -> Option<Incoming> {
    let mut values = headers.get_all("traceparent").iter();
    let value = values.next()?.to_str().ok()?;
    // Two of them contradict each other.
    values.next().is_none().then(|| Incoming::parse(value))?
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use parapet_policy::record::End;

    use super::*;
    use crate::telemetry::queue::tests::record;

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    fn begin(sampler: Sampler, headers: &[(&'static str, &'static str)]) -> TraceContext {
        let head = Head {
            sampler,
            propagates: true,
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        head.begin(&map)
    }

    #[test]
    fn a_caller_s_trace_is_taken_up() {
        let state = ("tracestate", "a=1");
        let context = begin(Sampler::always(1.0), &[("traceparent", SAMPLED), state]);
        assert_eq!(
            context.trace_id.to_string(),
            "4bf92f3577b34da6a3ce929d0e0e4736"
        );
        assert_eq!(context.parent.unwrap().to_string(), "00f067aa0ba902b7");
        assert_eq!(context.state.as_deref(), Some("a=1"));
        // Anything else begins a new trace.
        for headers in [
            vec![state],
            vec![("traceparent", "nonsense"), state],
            vec![("traceparent", SAMPLED), ("traceparent", SAMPLED), state],
        ] {
            let context = begin(Sampler::always(1.0), &headers);
            assert!(context.parent.is_none() && context.state.is_none());
            assert_ne!(
                context.trace_id.to_string(),
                "4bf92f3577b34da6a3ce929d0e0e4736"
            );
        }
    }

    #[test]
    fn samplers_decide_at_the_head() {
        let of = |sampler, header| begin(sampler, &[("traceparent", header)]).sampled;
        assert!(of(Sampler::parent_or(0.0), SAMPLED));
        assert!(!of(Sampler::parent_or(1.0), NOT_SAMPLED));
        assert!(of(Sampler::always(1.0), NOT_SAMPLED));
        assert!(!of(Sampler::always(0.0), SAMPLED));
        assert!(!of(Sampler::never(), SAMPLED));
        let sampler = Sampler::parent_or(0.25);
        let sampled = (0..10_000).filter(|_| begin(sampler, &[]).sampled).count();
        assert!((2_200..2_800).contains(&sampled), "{sampled}");
    }

    #[test]
    fn blocks_and_failures_are_kept() {
        let keeps = |end, status| {
            let mut record = record("r");
            (record.end, record.status) = (end, status);
            let sampler = Sampler::parent_or(0.0);
            assert!(!Sampler::never().keeps(&record, false));
            sampler.keeps(&record, false)
        };
        assert!(keeps(End::BlockedViolation, 400));
        assert!(keeps(End::BlockedFailure, 503));
        assert!(keeps(End::UpstreamFailed, 429));
        assert!(!keeps(End::Allowed, 200));
        assert!(!keeps(End::Refused, 404));
        assert!(keeps(End::Refused, 503));
        assert!(Sampler::always(0.0).keeps(&record("r"), true));
    }
}
