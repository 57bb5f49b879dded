//! The way out: models, guardrail services, and the demo provider inside the process.
//!
//! - [`Connector`] makes every outgoing connection: it resolves, checks the address, connects, does TLS.
//! - [`Upstreams`], one for each traffic thread, calls a [`ReadyProvider`] over pooled connections and gives an
//!   [`UpstreamResponse`]; its [`UpstreamBody`] is read piece by piece or collected within a limit.
//! - [`SharedClient`] is the guardrails' client over the same connector.
//! - [`Demo`] answers without a socket.

mod address;
mod body;
mod call;
mod client;
mod connector;
mod decode;
mod demo;
mod error;
mod headers;
mod origin;
mod outgoing;
mod pool;
mod provider;

pub use address::{AddressRules, Cidr, CidrError};
pub use body::UpstreamBody;
pub use call::{Call, CallLimits, UpstreamResponse, Upstreams};
pub(crate) use client::Dial;
pub use client::SharedClient;
pub use connector::{Connector, ConnectorConfig, ConnectorError};
pub use demo::{Demo, Step, ToolCall};
pub use error::UpstreamError;
pub use origin::{Origin, OriginError};
pub use pool::{Pool, PoolLimits};
pub use provider::{
    ANTHROPIC_BASE, ANTHROPIC_VERSION, Dialect, Endpoint, HttpAccount, OPENAI_BASE, ProviderError,
    ReadyProvider,
};

#[cfg(test)]
mod tests;
