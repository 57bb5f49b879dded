//! Records to log lines and metrics, off the request path.
//!
//! The path hands a finished record to a bounded [`Records`] queue and goes on; a thread of its own writes the
//! log line and counts. A full queue drops records, counts them, and never slows a request.

pub mod log;
pub mod metrics;
pub mod queue;

pub use metrics::Metrics;
pub use queue::{Consumer, Records};
