//! The way out: models, guardrail services, and the demo provider inside the process.
//!
//! - [`Connector`] makes every outgoing connection: it resolves, checks the address, connects, does TLS
//!   (`parapet_connect`).
//! - [`Upstreams`], one for each traffic thread, calls a [`ReadyProvider`] over pooled connections and gives an
//!   [`UpstreamResponse`]; its [`UpstreamBody`] is read piece by piece or collected within a limit.
//! - [`SharedClient`] is the guardrails' client over the same connector.
//! - [`Demo`] answers without a socket.

mod body;
mod call;
mod demo;
mod headers;
mod location;
mod pool;
mod provider;

pub use body::{Feed, UpstreamBody};
pub use call::{Call, CallLimits, UpstreamResponse, Upstreams};
pub use demo::{Demo, Step, ToolCall};
pub(crate) use location::{Location, Sent, named_value, send};
pub use parapet_connect::{
    AddressRules, Cidr, CidrError, Connector, ConnectorConfig, ConnectorError, Dial, Origin,
    OriginError, PeerTls, SharedClient, UpstreamError,
};
pub use pool::{Pool, PoolLimits};
pub(crate) use provider::secret_value;
pub use provider::{
    ANTHROPIC_BASE, ANTHROPIC_VERSION, Dialect, Endpoint, HttpAccount, OPENAI_BASE, ProviderError,
    ReadyProvider,
};

#[cfg(test)]
mod tests;
