//! Limits of the edge, and the count of requests in flight over all threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::connection::InUse;

/// What the listener allows. The defaults suit chat traffic.
#[derive(Clone, Debug)]
pub struct EdgeLimits {
    /// Bytes of a request's head; more is a 431. OpenAI documents 64 KiB.
    pub max_head: usize,
    /// From the first byte of a head to its last, and for a connection's first byte; then a 408.
    pub head_timeout: Duration,
    /// How long a connection may stay open without a request.
    pub keep_alive: Duration,
    /// How long a client may refuse to read what is sent to it.
    pub write_stall: Duration,
    /// For the TLS handshake.
    pub handshake_timeout: Duration,
    /// Requests in flight over all threads; more is a 503.
    pub max_in_flight: usize,
    /// Streams that one HTTP/2 connection may have open.
    pub max_streams: u32,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            max_head: 64 * 1024,
            head_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            write_stall: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            max_in_flight: 4096,
            max_streams: 200,
        }
    }
}

/// How many requests are in flight, over all threads.
#[derive(Debug)]
pub struct InFlight {
    now: AtomicUsize,
    max: AtomicUsize,
}

impl InFlight {
    /// At most `max` at a time.
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            now: AtomicUsize::new(0),
            max: AtomicUsize::new(max),
        })
    }

    /// How many there are.
    pub fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// Changes the limit; what is in flight goes on.
    pub fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// Counts one more, unless there are too many. The count is exact because every request adds before
    /// it looks; nothing else is ordered by it.
    fn enter(self: &Arc<Self>) -> Option<Permit> {
        let permit = Permit(Arc::clone(self));
        let before = self.now.fetch_add(1, Ordering::Relaxed);
        (before < self.max.load(Ordering::Relaxed)).then_some(permit)
    }
}

/// One request in flight.
struct Permit(Arc<InFlight>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request's place among those in flight and on its connection, from its head to its last byte.
pub(super) struct Lease {
    _permit: Option<Permit>,
    _in_use: InUse,
}

impl Lease {
    /// Takes a place. The second value says whether there was one in the process.
    pub(super) fn take(in_flight: &Arc<InFlight>, in_use: InUse) -> (Self, bool) {
        let permit = in_flight.enter();
        let admitted = permit.is_some();
        (
            Self {
                _permit: permit,
                _in_use: in_use,
            },
            admitted,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_up_to_the_limit_and_down_again() {
        let in_flight = InFlight::new(2);
        let first = in_flight.enter();
        let second = in_flight.enter();
        assert!(first.is_some() && second.is_some() && in_flight.enter().is_none());
        assert_eq!(in_flight.now(), 2);
        drop(first);
        assert!(in_flight.enter().is_some());
        drop(second);
        assert_eq!(in_flight.now(), 0);
    }
}
