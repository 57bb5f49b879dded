//! The one way out: every outgoing connection is made here, by the gateway and by the operator.
//!
//! - [`Connector`] makes every outgoing connection: it resolves, checks the address, connects, does TLS.
//! - [`SharedClient`] makes one bounded exchange over it: for guardrails, and for the documents of identity providers.
//! - [`Decoder`] undoes a `content-encoding` that was not asked for.

mod address;
mod client;
mod connector;
mod decode;
mod error;
mod origin;
mod outgoing;
mod peer;

use std::time::Duration;

use socket2::TcpKeepalive;

pub use address::{AddressRules, Cidr, CidrError};
pub use client::{Dial, SharedClient};
pub use connector::{Connector, ConnectorConfig, ConnectorError};
pub use decode::{DecodeError, Decoder};
pub use error::{UpstreamError, cut};
pub use origin::{Origin, OriginError};
pub use outgoing::Outgoing;
pub use peer::{PeerError, PeerSettings, PeerTls};

/// When the kernel asks a silent peer whether it still lives, and how often before it gives up: within a minute
/// a client whose machine is gone no longer holds an upstream call.
pub const ALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(30))
    .with_interval(Duration::from_secs(10))
    .with_retries(3);
