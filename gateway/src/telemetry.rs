//! Records to log lines, metrics and spans, off the request path.
//!
//! The path hands a finished record to a bounded [`Records`] queue and goes on; a thread of its own writes the
//! log line, counts, and makes spans. A full queue drops records, counts them, and never slows a request.

pub mod head;
mod known;
pub mod log;
pub mod metrics;
pub mod otlp;
pub mod queue;

pub use metrics::Metrics;
pub use queue::{Consumer, Records};
