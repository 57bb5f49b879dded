//! The command line of `keys`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::rotate::{Step, What};

/// `keys`.
#[derive(Args, Clone, Debug)]
pub struct Keys {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with keys.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Make what is missing, and renew certificates that are good for less than a year. Everything else stays.
    Ensure(Ensure),
    /// Replace a key in three steps: `add`, `use`, `drop`. A step that comes too early is refused, as far as that can be
    /// known.
    Rotate(Rotate),
    /// Print which keys there are, how old they are, which are in use and which gateways have them. Never a key.
    Show(Show),
}

/// Where an installation's keys are.
#[derive(Args, Clone, Debug)]
pub struct Where {
    /// The namespace of the Secrets.
    #[arg(long, env = "PARAPET_NAMESPACE", value_name = "NAME")]
    pub namespace: String,
    /// What the names of the Secrets begin with: the chart's full name.
    #[arg(
        long,
        env = "PARAPET_PREFIX",
        value_name = "NAME",
        default_value = "parapet"
    )]
    pub prefix: String,
    /// A folder to keep them in instead of a cluster: DIR/<secret>/<key>.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `keys ensure`.
#[derive(Args, Clone, Debug)]
pub struct Ensure {
    /// Where they are.
    #[command(flatten)]
    pub place: Where,
    /// Another name or address of the NATS servers, beside those that their Service gives them; may be given several
    /// times.
    #[arg(
        long = "nats-host",
        value_name = "HOST",
        conflicts_with = "external_nats"
    )]
    pub nats_hosts: Vec<String>,
    /// NATS is somebody else's: no users, no accounts and no certificate for it.
    #[arg(long)]
    pub external_nats: bool,
    /// A name of the webhook's Service; may be given several times. Without one there is no certificate for it.
    #[arg(long = "webhook-host", value_name = "HOST")]
    pub webhook_hosts: Vec<String>,
}

/// `keys rotate`.
#[derive(Args, Clone, Debug)]
pub struct Rotate {
    /// What to replace.
    pub what: What,
    /// Which step to take; one that is done already changes nothing.
    #[arg(long)]
    pub step: Step,
    /// How long the step before must have been done for: pods take up to two minutes to see a Secret that has changed.
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = crate::args::duration)]
    pub after: Duration,
    /// Where they are.
    #[command(flatten)]
    pub place: Where,
    /// Where the operator writes down how far keys have got.
    #[command(flatten)]
    pub lease: LeaseName,
}

/// `keys show`.
#[derive(Args, Clone, Debug)]
pub struct Show {
    /// Where they are.
    #[command(flatten)]
    pub place: Where,
    /// Where the operator writes down how far keys have got.
    #[command(flatten)]
    pub lease: LeaseName,
}

/// The operator's Lease.
#[derive(Args, Clone, Debug)]
pub struct LeaseName {
    /// The operator's Lease, in which it writes down how far keys have got; default: PREFIX-operator.
    #[arg(long, env = "PARAPET_LEASE", value_name = "NAME")]
    pub lease: Option<String>,
}

impl Ensure {
    /// What the installation should have.
    pub fn wanted(&self) -> super::ring::Wanted {
        let Where {
            namespace, prefix, ..
        } = &self.place;
        let mut nats_names = Vec::new();
        if !self.external_nats {
            let service = format!("{prefix}-nats");
            for name in [service.clone(), format!("{service}-headless")] {
                nats_names.extend([
                    format!("{name}.{namespace}.svc"),
                    format!("{name}.{namespace}.svc.cluster.local"),
                    format!("{name}.{namespace}"),
                    name.clone(),
                    // The pods by themselves. A pattern over a single name is none that clients believe.
                    format!("*.{name}.{namespace}.svc"),
                    format!("*.{name}.{namespace}.svc.cluster.local"),
                    format!("*.{name}.{namespace}"),
                ]);
            }
            nats_names.extend(["localhost", "127.0.0.1"].map(str::to_owned));
            nats_names.extend(self.nats_hosts.iter().cloned());
        }
        super::ring::Wanted {
            prefix: prefix.clone(),
            nats_names,
            webhook_names: self.webhook_hosts.clone(),
        }
    }
}
