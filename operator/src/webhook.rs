//! The optional validating webhook: what the operator would not accept is refused when it is applied.
//!
//! It has no opinion of its own: [`judge`] asks what the controller asks. Every replica serves it, leading or not. When it
//! cannot judge (not everything has been listed yet, it is busy, there is no time left) it allows, with a warning, and the
//! status tells later: policy must not hang on this server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

pub mod authority;
pub mod certificate;
pub mod judge;
pub mod listener;
pub mod review;
pub mod server;
pub mod start;

/// What the webhook is told.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Where it listens, with TLS.
    pub listen: SocketAddr,
    /// A folder with `tls.crt`, `tls.key` and `ca.crt`.
    pub tls: PathBuf,
    /// The `ValidatingWebhookConfiguration` that gets `ca.crt`; none leaves that to somebody else.
    pub configuration: Option<Arc<str>>,
    /// What becomes of a resource that names what is not there.
    pub missing: Missing,
}

/// What becomes of a resource that names what does not exist, or what it may not use.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Missing {
    /// It is taken with a warning: resources may be applied in any order.
    #[default]
    Warn,
    /// It is refused: what is named has to be there first.
    Refuse,
}
