//! One batch after the other: taken from the stream, posted until the collector has it, and only then done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use parapet_bus::nats::{PROGRESS, TraceBatch, TraceConsumer, TraceReader};
use parapet_otlp::{Failed, Transport};
use tokio::sync::watch;
use tokio::time::sleep;

use super::metrics::{Fate, Metrics};
use super::remembered::Remembered;

/// The first pause before another attempt; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The pause after NATS has failed.
const NATS_PAUSE: Duration = Duration::from_secs(1);
/// What goes on failing is spoken of so often.
const SPEAK_AGAIN: Duration = Duration::from_secs(60);

/// What all workers use.
#[derive(Debug)]
pub(super) struct Shared {
    reader: TraceReader,
    transport: Transport,
    max_age: Duration,
    remembered: Remembered,
    spoke: Mutex<Option<Instant>>,
    pub(super) metrics: Metrics,
    /// Whether batches can be got.
    pub(super) ready: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        reader: TraceReader,
        transport: Transport,
        metrics: Metrics,
        max_age: Duration,
    ) -> Self {
        Self {
            reader,
            transport,
            max_age,
            remembered: Remembered::default(),
            spoke: Mutex::default(),
            metrics,
            ready: AtomicBool::new(false),
        }
    }

    fn speak(&self, reason: &str, what: &str) {
        let mut spoke = self.spoke.lock().unwrap_or_else(PoisonError::into_inner);
        if spoke.is_none_or(|spoke| spoke.elapsed() >= SPEAK_AGAIN) {
            *spoke = Some(Instant::now());
            tracing::warn!(reason, "{what}");
        }
    }
}

/// Works until it is told to end; a batch that is under way then is posted, or handed back.
pub(super) async fn run(shared: Arc<Shared>, mut ends: watch::Receiver<bool>) {
    let mut consumer = None;
    loop {
        let next = tokio::select! {
            // What comes in the same moment is given to somebody else later, and was not posted.
            biased;
            _ = ends.wait_for(|ends| *ends) => return,
            next = next(&shared, &mut consumer) => next,
        };
        match next {
            Ok(Some(batch)) => forward(&shared, batch, &mut ends).await,
            Ok(None) => {}
            Err(reason) => {
                consumer = None;
                shared.speak(&reason, "NATS gives no traces");
                sleep(NATS_PAUSE).await;
            }
        }
    }
}

async fn next(
    shared: &Shared,
    consumer: &mut Option<TraceConsumer>,
) -> Result<Option<TraceBatch>, String> {
    let failed = |error: &dyn std::error::Error| error.to_string();
    let prepared = match consumer {
        Some(prepared) => prepared,
        None => {
            let made = shared.reader.prepare().await;
            shared.ready.store(made.is_ok(), Ordering::Relaxed);
            consumer.insert(made.map_err(|error| failed(&error))?)
        }
    };
    prepared.next().await.map_err(|error| failed(&error))
}

async fn forward(shared: &Shared, batch: TraceBatch, ends: &mut watch::Receiver<bool>) {
    let metrics = &shared.metrics;
    metrics
        .waiting
        .set(i64::try_from(batch.waiting()).unwrap_or(i64::MAX));
    if batch.id().is_some_and(|id| shared.remembered.knows(id)) {
        metrics.again.inc();
        done(shared, &batch).await;
        return;
    }
    let mut pause = FIRST_PAUSE;
    loop {
        let sent = while_saying_so(&batch, shared.transport.send(batch.message())).await;
        let failed = match sent {
            Ok(refused) => {
                if let Some(id) = batch.id() {
                    shared.remembered.add(id);
                }
                metrics.count(Fate::Delivered, batch.spans(), refused);
                done(shared, &batch).await;
                return;
            }
            Err(failed) => failed,
        };
        shared.speak(&failed.why, "the collector did not take what was sent");
        if failed.of_message || batch.age() >= shared.max_age {
            let fate = match failed.of_message {
                true => Fate::Refused,
                false => Fate::Expired,
            };
            metrics.count(fate, batch.spans(), 0);
            batch.give_up().await;
            return;
        }
        metrics.retries.inc();
        let patience = while_saying_so(&batch, sleep(wait(&failed, pause, shared)));
        let ended = tokio::select! {
            () = patience => false,
            _ = ends.wait_for(|ends| *ends) => true,
        };
        if ended {
            batch.hand_back().await;
            return;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// How long to wait: as the collector says, or so that forwarders that failed together do not come back together.
fn wait(failed: &Failed, pause: Duration, shared: &Shared) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(shared.metrics.retries.get()) % 1000;
    let jittered = pause / 2 + pause.mul_f64(random as f64 / 1000.0);
    failed.after.unwrap_or(jittered).min(LONGEST_PAUSE)
}

/// Does something, and says all the while that the batch is worked on.
async fn while_saying_so<T>(batch: &TraceBatch, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = sleep(PROGRESS) => batch.in_work().await,
        }
    }
}

async fn done(shared: &Shared, batch: &TraceBatch) {
    if let Err(error) = batch.done().await {
        // Whoever gets it again, after some time, does not know that it has arrived, unless it is this forwarder.
        shared.speak(&error.to_string(), "NATS does not confirm what is done");
    }
}
