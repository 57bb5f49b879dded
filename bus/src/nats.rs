//! Bundles and reports over NATS.
//!
//! The bucket `rules` is a stream that republishes what is stored, so that a gateway needs no consumer: it gets what is
//! stored directly, and listens to what is republished. Getting is the guarantee, listening the latency.
//!
//! Records and traces travel the other way, in an account of their own: [`RecordQueue`] and [`RecordReader`],
//! [`TracePublisher`] and [`TraceReader`].

#[cfg(feature = "clap")]
pub mod args;
mod bucket;
mod connect;
mod fleet;
mod objects;
mod publisher;
mod reader;
mod records;
mod server_config;
mod subjects;
mod tools;
mod trace_reader;
mod traces;
mod user;

pub use connect::{ConnectConfig, Connection, Credentials, LinkState, Role, connect};
pub use fleet::Fleet;
pub use publisher::{Checked, PublishError, Published, Publisher, PublisherConfig};
pub use reader::{BundleReader, ReadError};
pub use records::{Publishing, RecordBatch, RecordCounts, RecordQueue, RecordReader};
pub use server_config::{ServerConfig, Users};
pub use subjects::{is_token, status_subject};
pub use tools::{REPEAT_TOOLS, ToolsReporter};
pub use trace_reader::{PROGRESS, TraceBatch, TraceConsumer, TraceReader, TraceStreamConfig};
pub use traces::{MAX_TRACE_BYTES, NotStored, TracePublisher};
pub use user::UserKey;

pub use subjects::CONTROL_STATUS;
