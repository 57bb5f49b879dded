//! The tasks that send: they take what waits, try again where that helps, and drop and count what does not arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prometheus::proto::MetricFamily;
use tokio::sync::watch;
use tokio::time::Instant;

use super::queue::{Batch, SpanQueue};
use super::way::Way;
use super::{families, names, wire};

/// Attempts for one message; what waits meanwhile is bounded by the queue.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// A collector may ask for a longer pause, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A collector that is away is spoken of so often.
const SPEAK_AGAIN: Duration = Duration::from_secs(60);

/// What became of what was to be exported.
#[derive(Debug, Default)]
pub struct Counts {
    /// Spans that arrived.
    pub(super) sent: AtomicU64,
    /// Spans that found the queue full.
    pub(super) queue_full: AtomicU64,
    /// Spans that no attempt delivered.
    pub(super) not_delivered: AtomicU64,
    /// Spans that the collector refused.
    pub(super) refused: AtomicU64,
    /// Messages with metrics that arrived.
    pub(super) metrics_sent: AtomicU64,
    /// Messages with metrics that did not.
    pub(super) metrics_not_delivered: AtomicU64,
}

impl Counts {
    /// Why things were lost, and how often: signal, reason, count.
    pub fn lost(&self) -> [(&'static str, &'static str, u64); 4] {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("traces", "queue_full", get(&self.queue_full)),
            ("traces", "not_delivered", get(&self.not_delivered)),
            ("traces", "refused", get(&self.refused)),
            ("metrics", "not_delivered", get(&self.metrics_not_delivered)),
        ]
    }

    /// What arrived: signal, count.
    pub fn sent(&self) -> [(&'static str, u64); 2] {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("traces", get(&self.sent)),
            ("metrics", get(&self.metrics_sent)),
        ]
    }
}

/// When exporting ends.
#[derive(Clone)]
pub(super) struct Ending(watch::Receiver<Option<Instant>>);

impl Ending {
    pub(super) fn new() -> (watch::Sender<Option<Instant>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    /// Waits until the end is near.
    async fn near(&mut self) {
        // A sender that is gone ends it as well.
        let _ = self.0.wait_for(Option::is_some).await;
    }

    fn is_near(&self) -> bool {
        self.0.borrow().is_some()
    }
}

/// Whom a message is sent for, and to whom.
pub(super) struct Sender {
    pub(super) way: Way,
    /// A `Resource` as a field of what holds it.
    pub(super) resource: Arc<[u8]>,
    /// For the log.
    pub(super) signal: &'static str,
    pub(super) ending: Ending,
    pub(super) spoke: Option<Instant>,
}

/// `resource_spans` and `resource_metrics`.
const RESOURCE_SIGNAL: u32 = 1;
/// `scope_spans` and `scope_metrics`.
const SCOPE_SIGNAL: u32 = 2;
const SCOPE: u32 = 1;
const SCOPE_NAME: u32 = 1;
const SCOPE_VERSION: u32 = 2;
const SCHEMA: u32 = 3;

impl Sender {
    /// The whole message around spans or metrics. There may be megabytes of them, which are copied once: what stands
    /// around them is written first, so that all lengths are known.
    fn message(&self, content: &[u8]) -> Bytes {
        let (mut scope, mut schema, mut inner) = (Vec::new(), Vec::new(), Vec::new());
        wire::message(&mut scope, SCOPE, |out| {
            wire::bytes(out, SCOPE_NAME, b"parapet");
            wire::bytes(out, SCOPE_VERSION, env!("CARGO_PKG_VERSION").as_bytes());
        });
        wire::bytes(&mut schema, SCHEMA, names::SCHEMA_URL.as_bytes());
        let length = scope.len() + content.len() + schema.len();
        wire::opening(&mut inner, SCOPE_SIGNAL, length);
        let length = self.resource.len() + inner.len() + length + schema.len();
        let mut out = Vec::with_capacity(length + 16);
        wire::opening(&mut out, RESOURCE_SIGNAL, length);
        for part in [&*self.resource, &inner, &scope, content, &schema, &schema] {
            out.extend_from_slice(part);
        }
        out.into()
    }

    /// Sends, a few times if need be. Tells how much was refused; an error when nothing arrived.
    async fn deliver(&mut self, content: &[u8], items: u64) -> Result<u64, ()> {
        let message = self.message(content);
        let id = self.way.next_id();
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            let failed = match self.way.send(&id, items, &message).await {
                Ok(refused) => return Ok(refused),
                Err(failed) => failed,
            };
            if !failed.again || attempt == ATTEMPTS || self.ending.is_near() {
                self.speak(&failed.why);
                return Err(());
            }
            // Some of it is random, so that gateways that were let down together don't come back together.
            let random = crate::route::request_id::random() % 1000;
            let jittered = pause.mul_f64(0.5 + random as f64 / 1000.0);
            let wait = failed.after.unwrap_or(jittered).min(LONGEST_PAUSE);
            let mut ending = self.ending.clone();
            let patience = async {
                tokio::time::sleep(wait).await;
                self.way.open().await;
            };
            tokio::select! {
                () = patience => {}
                () = ending.near() => {}
            }
            pause *= 2;
        }
        Err(())
    }

    fn speak(&mut self, why: &str) {
        let now = Instant::now();
        if self.spoke.is_none_or(|spoke| now - spoke >= SPEAK_AGAIN) {
            self.spoke = Some(now);
            tracing::warn!(signal = self.signal, reason = why, "{}", self.way.failure());
        }
    }
}

/// Sends spans until the end is near, and then what is left.
pub(super) async fn spans(
    mut sender: Sender,
    queue: Arc<SpanQueue>,
    counts: Arc<Counts>,
    delay: Duration,
) {
    let mut ending = sender.ending.clone();
    let mut next = Instant::now() + delay;
    loop {
        let all = tokio::select! {
            () = queue.full() => false,
            () = tokio::time::sleep_until(next) => true,
            () = ending.near() => true,
        };
        if all {
            next = Instant::now() + delay;
        }
        tokio::select! {
            () = sender.way.open() => {}
            () = ending.near() => {}
        }
        while let Some(Batch { bytes, spans }) = queue.take(all) {
            let spans = u64::from(spans);
            match sender.deliver(&bytes, spans).await {
                Ok(refused) => {
                    let refused = refused.min(spans);
                    counts.refused.fetch_add(refused, Ordering::Relaxed);
                    counts.sent.fetch_add(spans - refused, Ordering::Relaxed);
                }
                Err(()) => {
                    counts.not_delivered.fetch_add(spans, Ordering::Relaxed);
                }
            }
        }
        if ending.is_near() {
            return;
        }
    }
}

/// Sends what `gather` gives, again and again, and a last time when the end is near.
pub(super) async fn metrics(
    mut sender: Sender,
    gather: impl Fn() -> Vec<MetricFamily> + Send,
    counts: Arc<Counts>,
    every: Duration,
) {
    let begun = SystemTime::now();
    let mut ending = sender.ending.clone();
    let mut bytes = Vec::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = ending.near() => {}
        }
        bytes.clear();
        families::write(&gather(), (begun, SystemTime::now()), &mut bytes);
        let counter = match sender.deliver(&bytes, 1).await {
            Ok(_) => &counts.metrics_sent,
            Err(()) => &counts.metrics_not_delivered,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if ending.is_near() {
            return;
        }
    }
}
