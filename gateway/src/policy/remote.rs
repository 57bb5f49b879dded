//! Policy from an operator, over NATS.
//!
//! What is stored is got at the start, whenever the connection comes up, and every 15 to 30 s; what is published is heard
//! of in between. Whatever comes is verified ([`prepare`]), made ready on a thread beside, and put in force; whatever fails
//! is refused, and what is in force stays. Every step is [reported](status).

pub mod cache;
pub mod follow;
pub mod issuers;
pub mod prepare;
pub mod status;
pub mod tools;

use std::path::PathBuf;
use std::sync::Arc;

/// What a gateway needs to know to follow an operator.
#[derive(Clone, Debug)]
pub struct RemoteConfig {
    /// The installation whose bundles count.
    pub installation: Arc<str>,
    /// Which of its gateways this is.
    pub class: Arc<str>,
    /// Public keys whose signature makes a bundle good: a file, or a folder of files.
    pub trusted_keys: PathBuf,
    /// Private keys that credentials are sealed to: a file, or a folder of files.
    pub gateway_keys: PathBuf,
    /// Where the last good bundle is kept.
    pub cache_dir: Option<PathBuf>,
    /// Who reports.
    pub pod: Pod,
}

/// Who reports.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The pod's name.
    pub name: String,
    /// The pod's uid.
    pub uid: String,
    /// The pod's namespace.
    pub namespace: String,
}
