//! The bounded queue between the request path and everything that is made from records.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parapet_policy::record::Record;

use crate::pipeline::recording::Sink;

/// Records that may wait: some tenths of a second of heavy traffic, some megabytes.
const CAPACITY: usize = 8192;

/// How long the consumer lets records gather. Waking it for each one would cost the path a system call, and
/// writing each one alone another.
const GATHER: Duration = Duration::from_millis(10);

/// The way in. Cheap to clone; one for each traffic thread.
#[derive(Clone, Debug)]
pub struct Records {
    queue: SyncSender<Record>,
    counts: Arc<Counts>,
}

/// What went wrong with records.
#[derive(Debug, Default)]
pub struct Counts {
    dropped: AtomicU64,
    failed: AtomicU64,
}

impl Counts {
    /// Records that found the queue full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Batches on which the consumer failed.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// The thread behind the queue. It ends when every [`Records`] is gone.
#[derive(Debug)]
pub struct Consumer(JoinHandle<()>);

impl Consumer {
    /// Waits until everything has been written.
    pub fn finish(self) {
        // A panic inside has been caught and counted.
        let _ = self.0.join();
    }
}

impl Records {
    /// Starts the thread that gives batches of records to `consume`, which may keep them.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        counts: Arc<Counts>,
        consume: impl FnMut(&mut Vec<Record>) + Send + 'static,
    ) -> std::io::Result<(Self, Consumer)> {
        let (queue, waiting) = sync_channel(CAPACITY);
        let of_thread = Arc::clone(&counts);
        let thread = std::thread::Builder::new()
            .name("records".to_owned())
            .spawn(move || run(&waiting, &of_thread, consume))?;
        Ok((Self { queue, counts }, Consumer(thread)))
    }

    /// Hands a record over, or drops and counts it when the queue is full.
    pub fn put(&self, record: Record) {
        if self.queue.try_send(record).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The same for a request's recording.
    pub fn sink(&self) -> Sink {
        let records = self.clone();
        Rc::new(move |record| records.put(record))
    }
}

fn run(waiting: &Receiver<Record>, counts: &Counts, mut consume: impl FnMut(&mut Vec<Record>)) {
    let mut batch = Vec::new();
    while let Ok(first) = waiting.recv() {
        std::thread::sleep(GATHER);
        batch.push(first);
        batch.extend(waiting.try_iter().take(CAPACITY));
        // Whatever fails in there must not end the records of all later requests.
        let records = batch.len();
        if catch_unwind(AssertUnwindSafe(|| consume(&mut batch))).is_err() {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            tracing::error!(records, "writing records failed inside the gateway");
        }
        batch.clear();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;
    use std::time::SystemTime;

    use parapet_policy::record::{End, Parameters, RECORD_VERSION};

    use super::*;

    pub(crate) fn record(id: &str) -> Record {
        Record {
            version: RECORD_VERSION,
            request_id: id.into(),
            trace: None,
            started: SystemTime::UNIX_EPOCH,
            revision: None,
            route: "/v1/chat/completions",
            subject: None,
            teams: Vec::new(),
            model: None,
            mcp: None,
            stream: false,
            parameters: Parameters::default(),
            guardrails: Vec::new(),
            attempts: Vec::new(),
            unjudged: Vec::new(),
            rewrites: Vec::new(),
            end: End::Allowed,
            status: 200,
            request_bytes: 1,
            response_bytes: 2,
            total_us: 3_000,
            content: None,
        }
    }

    #[test]
    fn every_record_arrives_in_order_and_the_end_is_waited_for() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let of_consumer = Arc::clone(&seen);
        let consume = move |batch: &mut Vec<Record>| {
            of_consumer
                .lock()
                .unwrap()
                .extend(batch.iter().map(|r| r.request_id.to_string()));
        };
        let (records, consumer) = Records::start(Arc::default(), consume).unwrap();
        let expected: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        for id in &expected {
            records.put(record(id));
        }
        drop(records);
        consumer.finish();
        assert_eq!(*seen.lock().unwrap(), expected);
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (release, held) = sync_channel::<()>(0);
        let counts = Arc::new(Counts::default());
        let mut held = Some(held);
        let consume = move |_: &mut Vec<Record>| {
            // Only the first batch waits.
            if let Some(held) = held.take() {
                let _ = held.recv();
            }
        };
        let (records, consumer) = Records::start(Arc::clone(&counts), consume).unwrap();
        for _ in 0..3 * CAPACITY {
            records.put(record("x"));
        }
        assert!(counts.dropped() > 0);
        release.send(()).unwrap();
        drop(records);
        consumer.finish();
    }

    #[test]
    fn a_failure_is_counted_and_the_next_batch_is_read() {
        let counts = Arc::new(Counts::default());
        let (done, wait) = std::sync::mpsc::channel();
        let consume = move |batch: &mut Vec<Record>| {
            let _ = done.send(());
            assert!(
                batch.iter().all(|record| &*record.request_id != "bad"),
                "as meant"
            );
        };
        let (records, consumer) = Records::start(Arc::clone(&counts), consume).unwrap();
        records.put(record("bad"));
        wait.recv().unwrap();
        records.put(record("good"));
        wait.recv().unwrap();
        drop(records);
        consumer.finish();
        assert_eq!(counts.failed(), 1);
    }
}
