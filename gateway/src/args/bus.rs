//! Where policy comes from in a cluster.

use std::path::PathBuf;

use clap::Args;
use parapet_bus::nats::{ConnectConfig, Credentials, Role, is_token};

/// Policy over NATS.
#[derive(Args, Clone, Debug)]
pub struct BusArgs {
    /// NATS servers to take policy from, instead of a folder; several, separated by commas.
    #[arg(
        long = "nats",
        env = "PARAPET_NATS",
        value_name = "URL",
        value_delimiter = ',',
        requires_all = ["trusted_keys", "gateway_keys", "installation"]
    )]
    pub urls: Vec<String>,
    /// A file with the seed of the nkey to connect with; it is read again at every connection.
    #[arg(
        long,
        env = "PARAPET_NATS_NKEY",
        value_name = "FILE",
        conflicts_with = "nats_creds"
    )]
    pub nats_nkey: Option<PathBuf>,
    /// A file with the JWT and the seed to connect with; it is read again at every connection.
    #[arg(long, env = "PARAPET_NATS_CREDS", value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,
    /// A PEM file with the authorities to trust for NATS, instead of the system's. With it TLS is demanded.
    #[arg(long, env = "PARAPET_NATS_CA", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,
    /// The public keys whose signature makes a bundle good: a file, or a folder of files.
    #[arg(long, env = "PARAPET_TRUSTED_KEYS", value_name = "PATH")]
    pub trusted_keys: Option<PathBuf>,
    /// The private keys that a bundle's credentials are sealed to: a file, or a folder of files.
    #[arg(long, env = "PARAPET_GATEWAY_KEYS", value_name = "PATH")]
    pub gateway_keys: Option<PathBuf>,
    /// The installation whose bundles count.
    #[arg(long, env = "PARAPET_INSTALLATION", value_name = "ID", value_parser = token)]
    pub installation: Option<String>,
    /// Which of the installation's gateways this is.
    #[arg(long, env = "PARAPET_CLASS", value_name = "NAME", default_value = "default", value_parser = token)]
    pub class: String,
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

impl BusArgs {
    /// How to connect, as a gateway.
    pub fn connect_config(&self, name: String) -> ConnectConfig {
        ConnectConfig {
            urls: self.urls.clone(),
            name,
            role: Role::Gateway,
            credentials: match (&self.nats_nkey, &self.nats_creds) {
                (Some(file), _) => Credentials::NkeySeedFile(file.clone()),
                (None, Some(file)) => Credentials::CredsFile(file.clone()),
                (None, None) => Credentials::None,
            },
            ca_file: self.nats_ca.clone(),
        }
    }
}

fn token(text: &str) -> Result<String, String> {
    if is_token(text) {
        Ok(text.to_owned())
    } else {
        Err("letters, digits, - and _ only".to_owned())
    }
}
