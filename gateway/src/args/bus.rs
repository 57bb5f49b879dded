//! Where policy comes from in a cluster.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use parapet_bus::nats::args::{NatsArgs, token};

/// Policy over NATS.
#[derive(Args, Clone, Debug)]
#[command(group(
    ArgGroup::new("policy_over_nats")
        .arg("urls")
        .requires_all(["trusted_keys", "gateway_keys", "installation"])
))]
pub struct BusArgs {
    /// How NATS is reached. With servers, policy comes from there instead of a folder.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// The public keys whose signature makes a bundle good: a file, or a folder of files.
    #[arg(long, env = "PARAPET_TRUSTED_KEYS", value_name = "PATH")]
    pub trusted_keys: Option<PathBuf>,
    /// The private keys that a bundle's credentials are sealed to: a file, or a folder of files.
    #[arg(long, env = "PARAPET_GATEWAY_KEYS", value_name = "PATH")]
    pub gateway_keys: Option<PathBuf>,
    /// The pod's name, for reports; default: the host's name.
    #[arg(long, env = "PARAPET_POD_NAME", value_name = "NAME")]
    pub pod_name: Option<String>,
    /// The pod's uid, for reports; default: a random one.
    #[arg(long, env = "PARAPET_POD_UID", value_name = "UID", value_parser = token)]
    pub pod_uid: Option<String>,
    /// The pod's namespace, for reports.
    #[arg(
        long,
        env = "PARAPET_POD_NAMESPACE",
        value_name = "NAME",
        default_value = ""
    )]
    pub pod_namespace: String,
    /// A folder where the last good bundle is kept, still sealed, for a start without NATS.
    #[arg(long, env = "PARAPET_CACHE_DIR", value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
}
