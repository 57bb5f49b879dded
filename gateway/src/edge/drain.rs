//! Going away without losing a request: readiness off, then no new connections, then the last answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where the process is in its life, as the traffic threads see it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Phase {
    /// Connections are accepted.
    Serving,
    /// No new ones; what is in flight is finished.
    Draining,
    /// Whatever is left is cut.
    Cut,
}

/// Whether this process wants traffic. The admin server's `/readyz` reads it; it is off until policy is in
/// force and again from the first moment of a shutdown.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Whether traffic is wanted.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Says so.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }
}

/// How long the steps of a shutdown take.
#[derive(Clone, Copy, Debug)]
pub struct DrainTimes {
    /// From readiness off until no connection is accepted: load balancers need time to notice.
    pub notice: Duration,
    /// From then until what is still in flight is cut.
    pub limit: Duration,
}

impl Default for DrainTimes {
    /// Together below Kubernetes' default grace period of 30 s.
    fn default() -> Self {
        Self {
            notice: Duration::from_secs(5),
            limit: Duration::from_secs(20),
        }
    }
}

/// Waits until the process is asked to end: SIGTERM, or SIGINT from a terminal.
///
/// # Errors
/// When the signal handlers can't be installed.
pub async fn asked_to_end() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut term, mut int) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    Ok(())
}
