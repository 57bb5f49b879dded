//! The command line's part of [`ConnectConfig`], the same for whoever connects.

use std::path::PathBuf;

use clap::Args;

use super::{ConnectConfig, Credentials, Role, is_token};

/// How NATS is reached, and which gateways are meant.
#[derive(Args, Clone, Debug)]
pub struct NatsArgs {
    /// NATS servers that carry the policy; several, separated by commas.
    #[arg(
        long = "nats",
        env = "PARAPET_NATS",
        value_name = "URL",
        value_delimiter = ','
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
    /// The installation: its gateways take no other's policy.
    #[arg(long, env = "PARAPET_INSTALLATION", value_name = "ID", value_parser = token)]
    pub installation: Option<String>,
    /// Which of the installation's gateways are meant.
    #[arg(long, env = "PARAPET_CLASS", value_name = "NAME", default_value = "default", value_parser = token)]
    pub class: String,
}

impl NatsArgs {
    /// How to connect in a role; `name` is what the server's monitoring calls the connection.
    pub fn connect_config(&self, role: Role, name: String) -> ConnectConfig {
        ConnectConfig {
            urls: self.urls.clone(),
            name,
            role,
            credentials: match (&self.nats_nkey, &self.nats_creds) {
                (Some(file), _) => Credentials::NkeySeedFile(file.clone()),
                (None, Some(file)) => Credentials::CredsFile(file.clone()),
                (None, None) => Credentials::None,
            },
            ca_file: self.nats_ca.clone(),
        }
    }
}

/// A value that can be a part of a subject.
///
/// # Errors
/// What may stand in it.
pub fn token(text: &str) -> Result<String, String> {
    if is_token(text) {
        Ok(text.to_owned())
    } else {
        Err("letters, digits, - and _ only".to_owned())
    }
}
