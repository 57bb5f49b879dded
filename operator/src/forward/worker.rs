//! One batch after the other: taken from the stream, posted until the collector has it, and only then done.
//!
//! While the collector is away, a worker stays with its batch: the others would fare no better. A batch that fails in a way
//! that no waiting helps is handed back and comes again later, so that what somebody sent who is no gateway holds up nobody;
//! when others arrive all the while, it is at fault itself, and is let go after some attempts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use parapet_bus::nats::{PROGRESS, TraceBatch, TraceConsumer, TraceReader};
use parapet_otlp::{Failed, Transport};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::metrics::{Fate, Metrics};
use super::remembered::Remembered;

/// The first pause before another attempt; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Attempts at a batch in one go, while others arrive.
const IN_ONE_GO: u32 = 4;
/// How often a batch is taken up that the collector does not take although it takes others'.
const MOST: u64 = 6;
/// Others arrive when one has within this time.
const LATELY: Duration = Duration::from_secs(60);
/// The longest pause before the next batch, after one that no waiting helps. Not long: the next one may be no such.
const LONGEST_BREATH: Duration = Duration::from_secs(2);
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
    arrived: Mutex<Option<Instant>>,
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
            arrived: Mutex::default(),
            metrics,
            ready: AtomicBool::new(false),
        }
    }

    /// Notes that the collector has taken a batch.
    fn arrived(&self) {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        *arrived = Some(Instant::now());
    }

    /// Whether the collector takes batches.
    fn others_arrive(&self) -> bool {
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.is_some_and(|arrived| arrived.elapsed() < LATELY)
    }

    fn speak(&self, reason: &str, what: &str) {
        let mut spoke = self.spoke.lock().unwrap_or_else(PoisonError::into_inner);
        if spoke.is_none_or(|spoke| spoke.elapsed() >= SPEAK_AGAIN) {
            *spoke = Some(Instant::now());
            tracing::warn!(reason, "{what}");
        }
    }
}

/// How long a worker that ends looks for what it has asked for: what comes to nobody is only given to another much later.
const LAST_LOOK: Duration = Duration::from_millis(250);

/// Works until it is told to end; a batch that is under way then is posted, or handed back.
pub(super) async fn run(shared: Arc<Shared>, mut ends: watch::Receiver<bool>) {
    let mut consumer = None;
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(next) = next_or_end(&shared, &mut consumer, &mut ends).await else {
            return;
        };
        match next {
            Ok(Some(batch)) => {
                if forward(&shared, batch, &mut ends).await {
                    pause = FIRST_PAUSE;
                    continue;
                }
                // Nothing arrives: perhaps the next one would not either.
                tokio::select! {
                    () = sleep(jittered(pause, &shared)) => {}
                    _ = ends.wait_for(|ends| *ends) => return,
                }
                pause = (pause * 2).min(LONGEST_BREATH);
            }
            Ok(None) => {}
            Err(reason) => {
                consumer = None;
                shared.speak(&reason, "NATS gives no traces");
                sleep(NATS_PAUSE).await;
            }
        }
    }
}

/// The next batch; none when it is time to end. What comes until then is handed back, and was not posted.
async fn next_or_end(
    shared: &Shared,
    consumer: &mut Option<TraceConsumer>,
    ends: &mut watch::Receiver<bool>,
) -> Option<Result<Option<TraceBatch>, String>> {
    let asked = next(shared, consumer);
    tokio::pin!(asked);
    let next = tokio::select! {
        biased;
        _ = ends.wait_for(|ends| *ends) => None,
        next = &mut asked => Some(next),
    };
    if next.is_none()
        && let Ok(Ok(Some(batch))) = timeout(LAST_LOOK, asked).await
    {
        batch.hand_back(None).await;
    }
    next
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

/// Posts a batch, and says whether the next one has a chance.
async fn forward(shared: &Shared, batch: TraceBatch, ends: &mut watch::Receiver<bool>) -> bool {
    let metrics = &shared.metrics;
    metrics
        .waiting
        .set(i64::try_from(batch.waiting()).unwrap_or(i64::MAX));
    if batch.id().is_some_and(|id| shared.remembered.knows(id)) {
        metrics.again.inc();
        done(shared, &batch).await;
        return true;
    }
    let mut pause = FIRST_PAUSE;
    for attempt in 1.. {
        let sent = while_saying_so(&batch, shared.transport.send(batch.message())).await;
        let failed = match sent {
            Ok(refused) => {
                if let Some(id) = batch.id() {
                    shared.remembered.add(id);
                }
                shared.arrived();
                metrics.count(Fate::Delivered, batch.spans(), refused);
                done(shared, &batch).await;
                return true;
            }
            Err(failed) => failed,
        };
        shared.speak(&failed.why, "the collector did not take what was sent");
        let others_arrive = shared.others_arrive();
        if let Some(fate) = given_up(&failed, &batch, shared.max_age, others_arrive) {
            metrics.count(fate, batch.spans(), 0);
            batch.give_up().await;
            return true;
        }
        metrics.retries.inc();
        if !failed.again || (others_arrive && attempt >= IN_ONE_GO) {
            batch.hand_back(Some(later(batch.deliveries()))).await;
            return others_arrive;
        }
        let wait = failed.after.unwrap_or_else(|| jittered(pause, shared));
        let patience = while_saying_so(&batch, sleep(wait.min(LONGEST_PAUSE)));
        let ended = tokio::select! {
            () = patience => false,
            _ = ends.wait_for(|ends| *ends) => true,
        };
        if ended {
            batch.hand_back(None).await;
            return true;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    true
}

/// What becomes of a batch that nobody tries again; none when it is.
fn given_up(
    failed: &Failed,
    batch: &TraceBatch,
    max_age: Duration,
    others_arrive: bool,
) -> Option<Fate> {
    if failed.of_message {
        return Some(Fate::Refused);
    }
    if batch.age() >= max_age {
        return Some(Fate::Expired);
    }
    let at_fault = !failed.again && others_arrive && batch.deliveries() >= MOST;
    at_fault.then_some(Fate::Refused)
}

/// When a batch is taken up again that was taken up so often.
fn later(deliveries: u64) -> Duration {
    let doubled = u32::try_from(deliveries.saturating_sub(1)).unwrap_or(u32::MAX);
    let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doubled.min(16)));
    pause.min(LONGEST_PAUSE)
}

/// About so long, so that forwarders that failed together do not come back together.
fn jittered(pause: Duration, shared: &Shared) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(shared.metrics.retries.get()) % 1000;
    pause / 2 + pause.mul_f64(random as f64 / 1000.0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_often_waits_longer_and_not_for_ever() {
        assert_eq!(later(1), FIRST_PAUSE);
        assert_eq!(later(3), FIRST_PAUSE * 4);
        for often in [0, 20, u64::MAX] {
            assert!((FIRST_PAUSE..=LONGEST_PAUSE).contains(&later(often)));
        }
    }
}
