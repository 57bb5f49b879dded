//! What leads to a collector: the standard settings, and one message over HTTP or gRPC.
//!
//! Spans are made from records by the gateway; a gateway, and a forwarder of what gateways made, send them with the same
//! code.

pub mod fields;
pub mod sampler;
pub mod settings;
pub mod transport;

pub use sampler::Sampler;
pub use settings::{Protocol, Settings, Signal};
pub use transport::{Failed, Transport};
