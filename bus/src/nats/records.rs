//! Records from gateways to whoever shows them: in batches, at most once, and never in a request's way.
//!
//! A gateway puts records into a bounded [`RecordQueue`]; a task publishes them a few times a second. While NATS is away
//! they wait, and what finds the queue full is lost and counted. Nothing keeps them on the way: who does not listen misses
//! them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::{Client, Subscriber};
use futures_util::StreamExt as _;
use parapet_policy::record::{RECORD_VERSION, Record};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::connect::Connection;
use super::reader::ReadError;
use super::subjects;

/// Bytes of one message: far below what a server takes (1 MiB), so that none holds up the others for long.
pub(super) const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// Of those, what is not records: the pod's name, and a few words.
const FRAME_BYTES: usize = 1024;
/// Messages that may wait: with the one that fills, 4 MiB.
const MAX_WAITING: usize = 15;
/// How long a record may wait for more: the page shows a request within two seconds.
const DELAY: Duration = Duration::from_millis(250);

/// What became of records that were to be published.
#[derive(Debug, Default)]
pub struct RecordCounts {
    sent: AtomicU64,
    queue_full: AtomicU64,
    too_large: AtomicU64,
}

impl RecordCounts {
    /// Records that were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Why records were lost, and how many: there was no room for them because NATS was away or slow, or one alone was
    /// larger than a message.
    pub fn lost(&self) -> [(&'static str, u64); 2] {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("queue_full", get(&self.queue_full)),
            ("too_large", get(&self.too_large)),
        ]
    }
}

/// Records that wait to be published. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RecordQueue {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    filled: Notify,
    counts: Arc<RecordCounts>,
}

#[derive(Debug, Default)]
struct Waiting {
    full: VecDeque<Batch>,
    open: Batch,
}

/// Records as JSON, with commas between them.
#[derive(Debug, Default)]
struct Batch {
    json: Vec<u8>,
    records: u64,
}

impl RecordQueue {
    /// Adds records. It never waits for anybody but another caller of this.
    pub fn put(&self, records: &[Record]) {
        let counts = &self.shared.counts;
        let mut waiting = self.lock();
        for record in records {
            let Ok(json) = serde_json::to_vec(record) else {
                // A record has text keys only, so this cannot happen.
                continue;
            };
            if json.len() + FRAME_BYTES > MAX_MESSAGE_BYTES {
                counts.too_large.fetch_add(1, Ordering::Relaxed);
            } else if !waiting.add(&json) {
                counts.queue_full.fetch_add(1, Ordering::Relaxed);
            }
        }
        if !waiting.full.is_empty() {
            self.shared.filled.notify_one();
        }
    }

    /// What became of them.
    pub fn counts(&self) -> Arc<RecordCounts> {
        Arc::clone(&self.shared.counts)
    }

    /// Publishes what is put into the queue, as the gateway `pod` of a class, until it is told to end.
    pub fn publish(&self, connection: &Connection, class: &str, pod: &str) -> Publishing {
        let (end, ending) = watch::channel(false);
        let task = tokio::spawn(publish(
            self.clone(),
            connection.clone(),
            subjects::records_of_class(class),
            serde_json::Value::from(pod).to_string(),
            ending,
        ));
        Publishing { end, task }
    }

    /// The next batch; one that is not full only when it is asked for.
    fn take(&self, all: bool) -> Option<Batch> {
        let mut waiting = self.lock();
        if waiting.full.is_empty() && all && waiting.open.records > 0 {
            waiting.close();
        }
        waiting.full.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        let waiting = self.shared.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Adds a record that fits into a message; false when there is no room for it.
    fn add(&mut self, json: &[u8]) -> bool {
        let open = self.open.json.len() + 1 + json.len() + FRAME_BYTES;
        if open > MAX_MESSAGE_BYTES {
            if self.full.len() >= MAX_WAITING {
                return false;
            }
            self.close();
        }
        if self.open.records > 0 {
            self.open.json.push(b',');
        }
        self.open.json.extend_from_slice(json);
        self.open.records += 1;
        true
    }

    fn close(&mut self) {
        self.full.push_back(std::mem::take(&mut self.open));
    }
}

/// What publishes, until it is told to end.
#[derive(Debug)]
pub struct Publishing {
    end: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Publishing {
    /// Publishes what is left, for as long as `limit`.
    pub async fn finish(mut self, limit: Duration) {
        self.end.send_replace(true);
        if tokio::time::timeout(limit, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn publish(
    queue: RecordQueue,
    connection: Connection,
    subject: String,
    pod: String,
    mut ending: watch::Receiver<bool>,
) {
    let client = connection.client();
    let mut state = connection.state().clone();
    let mut next = Instant::now() + DELAY;
    loop {
        let all = tokio::select! {
            () = queue.shared.filled.notified() => false,
            () = tokio::time::sleep_until(next) => true,
            // A sender that is gone ends it as well.
            _ = ending.wait_for(|end| *end) => true,
        };
        if all {
            next = Instant::now() + DELAY;
        }
        // Without a connection the client would gather what is published, without any bound that counts.
        if state.wait_for(|state| state.connected).await.is_err() {
            return;
        }
        while let Some(batch) = queue.take(all) {
            if send(client, &subject, &pod, &batch).await {
                let sent = &queue.shared.counts.sent;
                sent.fetch_add(batch.records, Ordering::Relaxed);
            }
        }
        if *ending.borrow() {
            // Whoever waits for the end has a limit.
            let _ = client.flush().await;
            return;
        }
    }
}

/// Publishes one message: `{"v":1,"pod":"...","records":[...]}`.
async fn send(client: &Client, subject: &str, pod: &str, batch: &Batch) -> bool {
    let mut message = Vec::with_capacity(batch.json.len() + FRAME_BYTES);
    message.extend_from_slice(
        format!("{{\"v\":{RECORD_VERSION},\"pod\":{pod},\"records\":[").as_bytes(),
    );
    message.extend_from_slice(&batch.json);
    message.extend_from_slice(b"]}");
    let sent = client.publish(subject.to_owned(), message.into()).await;
    sent.is_ok()
}

/// Records of one gateway, in the order in which their requests ended.
#[derive(Clone, Debug)]
pub struct RecordBatch {
    /// The gateway's pod, as it calls itself: whoever has a gateway's credential can use another's name.
    pub pod: Arc<str>,
    /// What was read.
    pub records: Vec<Record>,
    /// How many could not be read: a newer gateway may write what this build does not know.
    pub unreadable: u64,
}

/// Hears the records of one class's gateways.
#[derive(Debug)]
pub struct RecordReader {
    subscriber: Subscriber,
}

#[derive(Deserialize)]
struct Message<'a> {
    v: u32,
    pod: Arc<str>,
    #[serde(borrow)]
    records: Vec<&'a RawValue>,
}

impl RecordReader {
    /// Begins to listen. The connection has the role [`super::Role::Watcher`].
    ///
    /// # Errors
    /// When the subscription cannot be sent.
    pub async fn listen(connection: &Connection, class: &str) -> Result<Self, ReadError> {
        let client = connection.client();
        let subscriber = client.subscribe(subjects::records_of_class(class)).await;
        Ok(Self {
            subscriber: subscriber.map_err(|error| ReadError::new(&error))?,
        })
    }

    /// The next batch; none when the connection is gone for good. What is no batch is passed over.
    pub async fn next(&mut self) -> Option<RecordBatch> {
        loop {
            let message = self.subscriber.next().await?;
            if let Some(batch) = read(&message.payload) {
                return Some(batch);
            }
        }
    }
}

fn read(payload: &[u8]) -> Option<RecordBatch> {
    if payload.len() > MAX_MESSAGE_BYTES {
        return None;
    }
    let message: Message<'_> = serde_json::from_slice(payload).ok()?;
    if message.v != RECORD_VERSION {
        return None;
    }
    // Not as many as there are entries: a record takes hundreds of times the room of an entry that is none.
    let (mut records, mut unreadable) = (Vec::new(), 0);
    for json in message.records {
        match serde_json::from_str::<Record>(json.get()) {
            Ok(record) if record.version == RECORD_VERSION => records.push(record),
            Ok(_) | Err(_) => unreadable += 1,
        }
    }
    Some(RecordBatch {
        pod: message.pod,
        records,
        unreadable,
    })
}

#[cfg(test)]
mod tests;
