//! Traces and metrics over OTLP, off the request path.
//!
//! The records' thread writes each kept record's spans into a bounded queue ([`Tracer`]); tasks on the main runtime send
//! them, and the metrics, to a collector, or the spans over NATS to whoever forwards them. What is slow, dead or wrong
//! behind the queue costs that queue and a counter.

mod export;
mod families;
mod names;
mod queue;
mod spans;
mod way;
mod wire;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parapet_bus::nats::{MAX_TRACE_BYTES, TracePublisher};
use parapet_otlp::{Sampler, Signal, Transport};
use parapet_policy::record::Record;
use prometheus::proto::MetricFamily;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::head::Head;
use crate::upstream::Connector;

pub use export::Counts;
pub use parapet_otlp::Settings;
pub use spans::Names;

use export::{Ending, Sender};
use queue::{MAX_BATCH_BYTES, SpanQueue};
use spans::KnownGuardrails;
use way::Way;
use wire::Attributes;

/// What a gateway calls itself.
const AGENT: &str = concat!("parapet-gateway/", env!("CARGO_PKG_VERSION"));

/// From records to the exporter's queue. The records' thread holds it.
#[derive(Debug)]
pub struct Tracer {
    queue: Arc<SpanQueue>,
    counts: Arc<Counts>,
    sampler: Sampler,
    names: Names,
    known: KnownGuardrails,
    scratch: Vec<u8>,
}

impl Tracer {
    /// Queues the spans of those records that are kept.
    pub fn add(&mut self, batch: &[Record]) {
        for record in batch {
            let Some(trace) = &record.trace else { continue };
            if !self.sampler.keeps(record, trace.sampled) {
                continue;
            }
            self.scratch.clear();
            let spans = spans::write(
                record,
                trace,
                self.names,
                &mut self.known,
                &mut self.scratch,
            );
            if !self.queue.add(&self.scratch, spans) {
                self.counts
                    .queue_full
                    .fetch_add(u64::from(spans), Ordering::Relaxed);
            }
        }
    }

    /// A tracer whose spans nobody sends, for measurements: what waits is thrown away by [`Tracer::discard`].
    pub fn detached(names: Names) -> Self {
        Self {
            queue: Arc::new(SpanQueue::new(
                Settings::read(|_| None).batches,
                MAX_BATCH_BYTES,
            )),
            counts: Arc::default(),
            sampler: Sampler::always(1.0),
            names,
            known: KnownGuardrails::default(),
            scratch: Vec::new(),
        }
    }

    /// Throws away what waits, and tells how many bytes that were.
    pub fn discard(&self) -> usize {
        std::iter::from_fn(|| self.queue.take(true))
            .map(|batch| batch.bytes.len())
            .sum()
    }
}

/// Where traces go.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Traces {
    /// To a collector, as the OTEL_* variables say; nowhere when they don't.
    Otlp,
    /// Over NATS, to a forwarder.
    Nats,
    /// Nowhere.
    None,
}

/// Bytes of a message around spans, beside the resource: names, versions, lengths.
const FRAME_BYTES: usize = 1024;

/// What is exported, before anything is sent.
#[derive(Debug)]
pub struct Otlp {
    traces: Traces,
    settings: Settings,
    resource: Arc<[u8]>,
    queue: Arc<SpanQueue>,
    counts: Arc<Counts>,
}

impl Otlp {
    /// Of settings; what there is to remark upon is logged.
    pub fn new(settings: Settings, traces: Traces) -> Self {
        for remark in &settings.remarks {
            tracing::warn!("{remark}");
        }
        let traces = match traces {
            Traces::Otlp if settings.traces.is_some() => Traces::Otlp,
            Traces::Nats if !settings.disabled => Traces::Nats,
            Traces::Otlp | Traces::Nats | Traces::None => Traces::None,
        };
        let resource = resource(&settings.resource);
        let bytes = match traces {
            Traces::Otlp | Traces::None => MAX_BATCH_BYTES,
            // A resource may have any length; what is too long then for the server is counted.
            Traces::Nats => (MAX_TRACE_BYTES - FRAME_BYTES)
                .saturating_sub(resource.len())
                .max(MAX_TRACE_BYTES / 4),
        };
        Self {
            traces,
            queue: Arc::new(SpanQueue::new(settings.batches, bytes)),
            counts: Arc::default(),
            resource: resource.into(),
            settings,
        }
    }

    /// Whether traces want a way over NATS.
    pub fn wants_nats(&self) -> bool {
        self.traces == Traces::Nats
    }

    /// What is decided at a request's head; none when traces are not exported.
    pub fn head(&self) -> Option<Head> {
        (self.traces != Traces::None).then_some(Head {
            sampler: self.settings.sampler,
            propagates: self.settings.propagates,
        })
    }

    /// For the records' thread; none when traces are not exported.
    pub fn tracer(&self, names: Names) -> Option<Tracer> {
        if self.traces == Traces::None {
            return None;
        }
        Some(Tracer {
            queue: Arc::clone(&self.queue),
            counts: Arc::clone(&self.counts),
            sampler: self.settings.sampler,
            names,
            known: KnownGuardrails::default(),
            scratch: Vec::new(),
        })
    }

    /// What became of what was to be exported; none when nothing is.
    pub fn counts(&self) -> Option<Arc<Counts>> {
        let any = self.traces != Traces::None || self.settings.metrics.is_some();
        any.then(|| Arc::clone(&self.counts))
    }

    /// Starts sending, on the current runtime; traces over `nats` when they [want](Self::wants_nats) it. A signal whose
    /// certificates cannot be read is not sent, and the log says so.
    pub fn start(
        self,
        connector: &Connector,
        gather: impl Fn() -> Vec<MetricFamily> + Send + 'static,
        nats: Option<TracePublisher>,
    ) -> Exporting {
        let (end, ending) = Ending::new();
        let sender = |way: Way, name: &'static str| Sender {
            way,
            resource: Arc::clone(&self.resource),
            signal: name,
            ending: ending.clone(),
            spoke: None,
        };
        let collector = |signal: Option<Signal>, name: &'static str| {
            let signal = signal?;
            tracing::info!(signal = name, to = %Shown(&signal), protocol = ?signal.protocol, "exporting");
            let transport = Transport::new(connector, signal, AGENT)
                .inspect_err(|error| tracing::warn!(signal = name, %error, "nothing is exported"))
                .ok()?;
            Some(sender(Way::Collector(transport), name))
        };
        let mut tasks = Vec::new();
        let counts = &self.counts;
        let traces = match self.traces {
            Traces::Otlp => collector(self.settings.traces, "traces"),
            Traces::Nats => {
                tracing::info!(signal = "traces", "exporting over NATS");
                nats.map(|nats| sender(Way::Nats(nats), "traces"))
            }
            Traces::None => None,
        };
        if let Some(sender) = traces {
            let delay = self.settings.batches.delay;
            let queue = Arc::clone(&self.queue);
            tasks.push(tokio::spawn(export::spans(
                sender,
                queue,
                Arc::clone(counts),
                delay,
            )));
        }
        if let Some(sender) = collector(self.settings.metrics, "metrics") {
            let every = self.settings.metrics_every;
            tasks.push(tokio::spawn(export::metrics(
                sender,
                gather,
                Arc::clone(counts),
                every,
            )));
        }
        Exporting { end, tasks }
    }
}

/// What sends, until it is told to end.
#[derive(Debug)]
pub struct Exporting {
    end: watch::Sender<Option<Instant>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Exporting {
    /// Sends what is left, for as long as `limit`.
    pub async fn finish(self, limit: Duration) {
        let deadline = Instant::now() + limit;
        self.end.send_replace(Some(deadline));
        for task in self.tasks {
            let abort = task.abort_handle();
            if tokio::time::timeout_at(deadline, task).await.is_err() {
                abort.abort();
                tracing::warn!("the last of the telemetry was not taken in time");
            }
        }
    }
}

/// A `Resource` as the first field of `ResourceSpans` and `ResourceMetrics`.
fn resource(attributes: &[(String, String)]) -> Vec<u8> {
    const RESOURCE: u32 = 1;
    const ATTRIBUTES: u32 = 1;
    let mut out = Vec::new();
    wire::message(&mut out, RESOURCE, |out| {
        let mut written = Attributes {
            out,
            field: ATTRIBUTES,
        };
        for (key, value) in attributes {
            written.str(key, value);
        }
    });
    out
}

/// Where a signal goes, without a query, which may hold a token.
struct Shown<'a>(&'a Signal);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let uri = &self.0.uri;
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", http::uri::Authority::as_str);
        write!(f, "{scheme}://{authority}{}", uri.path())
    }
}
