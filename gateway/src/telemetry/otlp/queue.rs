//! The bounded queue of spans between the records' thread and the exporter.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use parapet_otlp::settings::Batches;

/// Bytes that may wait, whatever the number of spans: text in them is bounded, and still long.
const MAX_BYTES: usize = 32 << 20;
/// Bytes in one message to a collector: it takes 4 MiB over gRPC unless told otherwise.
pub(super) const MAX_BATCH_BYTES: usize = 3 << 20;

/// Spans, as fields of a `ScopeSpans`.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) spans: u32,
}

/// Spans that wait.
#[derive(Debug)]
pub(super) struct SpanQueue {
    waiting: Mutex<Waiting>,
    full: Notify,
    limits: Batches,
    batch_bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Batches that are full.
    full: VecDeque<Batch>,
    open: Batch,
    /// Bytes of the last batch: the next one gets room for as many at once, instead of growing by copying.
    expected: usize,
    spans: u32,
    bytes: usize,
}

impl SpanQueue {
    /// `batch_bytes`: what one message may have, unless a single request has more.
    pub(super) fn new(limits: Batches, batch_bytes: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            full: Notify::new(),
            limits,
            batch_bytes,
        }
    }

    /// Adds the spans of one request, which stay together; false when there is no room for them.
    pub(super) fn add(&self, bytes: &[u8], spans: u32) -> bool {
        let mut waiting = self.lock();
        if waiting.spans.saturating_add(spans) > self.limits.queue
            || waiting.bytes + bytes.len() > MAX_BYTES
        {
            return false;
        }
        let open = &waiting.open;
        let fits = open.spans + spans <= self.limits.batch
            && open.bytes.len() + bytes.len() <= self.batch_bytes;
        if !fits && open.spans > 0 {
            waiting.close();
            self.full.notify_one();
        }
        waiting.spans += spans;
        waiting.bytes += bytes.len();
        if waiting.open.spans == 0 {
            let room = waiting.expected.max(bytes.len());
            waiting.open.bytes.reserve(room);
        }
        waiting.open.bytes.extend_from_slice(bytes);
        waiting.open.spans += spans;
        if waiting.open.spans >= self.limits.batch {
            waiting.close();
            self.full.notify_one();
        }
        true
    }

    /// Waits until a batch is full.
    pub(super) async fn full(&self) {
        self.full.notified().await;
    }

    /// The next batch; one that is not full only when it is asked for.
    pub(super) fn take(&self, all: bool) -> Option<Batch> {
        let mut waiting = self.lock();
        if waiting.full.is_empty() && all && waiting.open.spans > 0 {
            waiting.close();
        }
        let batch = waiting.full.pop_front()?;
        waiting.spans -= batch.spans;
        waiting.bytes -= batch.bytes.len();
        Some(batch)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn close(&mut self) {
        let closed = std::mem::take(&mut self.open);
        // And a little, because no two are alike.
        self.expected = closed.bytes.len() + closed.bytes.len() / 16;
        self.full.push_back(closed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn queue(queue: u32, batch: u32) -> SpanQueue {
        let limits = Batches {
            queue,
            batch,
            delay: Duration::from_secs(5),
        };
        SpanQueue::new(limits, MAX_BATCH_BYTES)
    }

    fn spans(batch: Option<Batch>) -> Option<u32> {
        batch.map(|batch| batch.spans)
    }

    #[test]
    fn batches_fill_and_the_rest_is_taken_when_asked_for() {
        let queue = queue(100, 10);
        for _ in 0..6 {
            assert!(queue.add(b"xxxx", 4));
        }
        // The spans of one request are not torn apart.
        assert_eq!(spans(queue.take(false)), Some(8));
        assert_eq!(spans(queue.take(false)), Some(8));
        assert_eq!(spans(queue.take(false)), None);
        assert_eq!(spans(queue.take(true)), Some(8));
        assert_eq!(spans(queue.take(true)), None);
    }

    #[test]
    fn what_finds_no_room_is_refused_until_there_is_room() {
        let queue = queue(10, 10);
        assert!(queue.add(b"x", 5));
        assert!(queue.add(b"x", 5));
        assert!(!queue.add(b"x", 1));
        assert_eq!(spans(queue.take(true)), Some(10));
        assert!(queue.add(b"x", 1));
        assert!(!queue.add(&vec![0; MAX_BYTES], 1));
    }

    #[test]
    fn a_batch_keeps_to_its_bytes_as_far_as_requests_do() {
        let limits = Batches {
            queue: 100,
            batch: 100,
            delay: Duration::from_secs(5),
        };
        let queue = SpanQueue::new(limits, 10);
        for bytes in [&b"xxxxxx"[..], b"xxxx", b"x", b"xxxxxxxxxxxxxxx", b"x"] {
            assert!(queue.add(bytes, 1));
        }
        let lengths = std::iter::from_fn(|| queue.take(true)).map(|batch| batch.bytes.len());
        assert_eq!(lengths.collect::<Vec<_>>(), [10, 1, 15, 1]);
    }

    #[test]
    fn a_request_larger_than_a_batch_goes_alone() {
        let queue = queue(100, 4);
        assert!(queue.add(b"a", 1));
        assert!(queue.add(b"b", 7));
        assert_eq!(spans(queue.take(false)), Some(1));
        assert_eq!(spans(queue.take(false)), Some(7));
    }
}
