//! The command line. Every setting can come from an environment variable as well.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use parapet_bus::nats::Role;
use parapet_bus::nats::args::NatsArgs;
use parapet_crds::human_duration::HumanDuration;
use parapet_crds::read::ReadOptions;

use crate::console::args::PageArgs;
use crate::controller::watch_all::Scope;
use crate::forward::args::Forward;
use crate::keys::args::Keys;
use crate::lease::LeaseConfig;
use crate::publisher::nats::NatsSettings;
use crate::run::Settings;
use crate::verify::Verify;
use crate::webhook::{Missing, WebhookSettings};

/// Parapet's control plane.
#[derive(Debug, Parser)]
#[command(name = "parapet-operator", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch the cluster's resources, publish their policy to the gateways, and write statuses.
    Run(Box<Run>),
    /// Compile a folder and print the bundle's digest, what it holds, and every diagnostic; exit 1 on an error.
    Compile(Compile),
    /// Post the traces that gateways send over NATS to a collector, as the standard OTEL_* variables say.
    Forward(Box<Forward>),
    /// Make the keys of an installation.
    Keys(Keys),
    /// Send a gateway one request that has to pass and one that has to be blocked, and print what came of them; exit 1
    /// when it is not as it should be.
    Verify(Verify),
    /// Print the custom resource definitions, for `kubectl apply --server-side -f -`.
    Crds,
}

/// `run`.
#[derive(Args, Clone, Debug)]
pub struct Run {
    /// The namespace that this operator runs in: its Lease is there.
    #[arg(long, env = "PARAPET_NAMESPACE", value_name = "NAME")]
    pub namespace: String,
    /// The namespace whose resources govern the whole installation; default: the operator's.
    #[arg(long, env = "PARAPET_POLICY_NAMESPACE", value_name = "NAME")]
    pub policy_namespace: Option<String>,
    /// Namespaces with resources, besides the policy namespace; may be given several times, or with commas. Default: all.
    #[arg(
        long = "watch-namespace",
        env = "PARAPET_WATCH_NAMESPACES",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub watch_namespaces: Vec<String>,
    /// Where the gateways run; default: the operator's namespace.
    #[arg(long, env = "PARAPET_GATEWAY_NAMESPACE", value_name = "NAME")]
    pub gateway_namespace: Option<String>,
    /// Which pods there are gateways.
    #[arg(
        long,
        env = "PARAPET_GATEWAY_SELECTOR",
        value_name = "LABELS",
        default_value = "app.kubernetes.io/name=parapet,app.kubernetes.io/component=gateway"
    )]
    pub gateway_selector: String,
    /// The name of the Lease.
    #[arg(
        long,
        env = "PARAPET_LEASE",
        value_name = "NAME",
        default_value = "parapet-operator"
    )]
    pub lease: String,
    /// Who this replica is; its pod's name. No two replicas have the same.
    #[arg(long, env = "PARAPET_POD_NAME", value_name = "NAME")]
    pub identity: String,
    /// The way to the gateways.
    #[command(flatten)]
    pub bus: BusArgs,
    /// The page of what happened.
    #[command(flatten)]
    pub page: PageArgs,
    /// What a process says about itself.
    #[command(flatten)]
    pub process: ProcessArgs,
    /// The validating webhook.
    #[command(flatten)]
    pub webhook: WebhookArgs,
}

/// What a process that stays says about itself, and where.
#[derive(Args, Clone, Debug)]
pub struct ProcessArgs {
    /// Where /healthz, /readyz and /metrics are; of `run` also /console/.
    #[arg(
        long,
        env = "PARAPET_ADMIN_LISTEN",
        value_name = "ADDR",
        default_value = "0.0.0.0:9787"
    )]
    pub admin_listen: SocketAddr,
    /// What the log says: error, warn, info, debug, or filters by module.
    #[arg(
        long,
        env = "PARAPET_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub log: String,
}

/// Copies that NATS keeps.
#[derive(Args, Clone, Copy, Debug)]
pub struct CopiesArgs {
    /// Copies that NATS keeps: as many as it has servers, up to three.
    #[arg(
        long,
        env = "PARAPET_NATS_REPLICAS",
        value_name = "N",
        default_value_t = 1
    )]
    pub nats_replicas: usize,
}

/// The validating webhook.
#[derive(Args, Clone, Debug)]
pub struct WebhookArgs {
    /// Where the validating webhook is, under /validate with TLS; absent: there is none.
    #[arg(
        long,
        env = "PARAPET_WEBHOOK_LISTEN",
        value_name = "ADDR",
        requires = "webhook_tls"
    )]
    pub webhook_listen: Option<SocketAddr>,
    /// A folder with its tls.crt, tls.key and ca.crt; they are read again when they change.
    #[arg(long, env = "PARAPET_WEBHOOK_TLS", value_name = "DIR")]
    pub webhook_tls: Option<PathBuf>,
    /// The ValidatingWebhookConfiguration that is told ca.crt; absent: none is.
    #[arg(long, env = "PARAPET_WEBHOOK_CONFIGURATION", value_name = "NAME")]
    pub webhook_configuration: Option<String>,
    /// What becomes of a resource that names what does not exist.
    #[arg(
        long,
        env = "PARAPET_WEBHOOK_MISSING",
        value_name = "WHAT",
        default_value = "warn"
    )]
    pub webhook_missing: Missing,
}

impl WebhookArgs {
    fn settings(&self) -> Option<WebhookSettings> {
        Some(WebhookSettings {
            listen: self.webhook_listen?,
            tls: self.webhook_tls.clone()?,
            configuration: self.webhook_configuration.as_deref().map(Arc::from),
            missing: self.webhook_missing,
        })
    }
}

impl Run {
    /// What [`crate::run::run`] is told.
    pub fn settings(&self) -> Settings {
        let policy_namespace = self.policy_namespace.as_ref().unwrap_or(&self.namespace);
        let gateway_namespace = self.gateway_namespace.as_ref().unwrap_or(&self.namespace);
        let mut namespaces: std::collections::BTreeSet<String> =
            self.watch_namespaces.iter().cloned().collect();
        if !namespaces.is_empty() {
            namespaces.insert(policy_namespace.clone());
        }
        // Two processes with one name, one after the other, are two.
        let identity = format!("{}_{}", self.identity, std::process::id());
        Settings {
            policy_namespace: policy_namespace.as_str().into(),
            scope: Scope {
                namespaces,
                gateway_namespace: gateway_namespace.clone(),
                gateway_selector: self.gateway_selector.clone(),
            },
            lease: LeaseConfig::new(self.namespace.clone(), self.lease.clone(), identity),
            admin_listen: self.process.admin_listen,
            console: self
                .page
                .settings(&self.bus, format!("{}-page", self.identity)),
            webhook: self.webhook.settings(),
        }
    }
}

/// The way to the gateways: NATS, and the keys of the installation.
#[derive(Args, Clone, Debug)]
pub struct BusArgs {
    /// How NATS is reached.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Of what is published.
    #[command(flatten)]
    pub copies: CopiesArgs,
    /// The private key to sign with: a file, or a folder of files of which the first counts.
    #[arg(long, env = "PARAPET_SIGNING_KEY", value_name = "PATH", requires_all = ["urls", "installation"])]
    pub signing_key: PathBuf,
    /// The public key of the gateways, to which credentials are sealed.
    #[arg(long, env = "PARAPET_SEALING_KEY", value_name = "FILE")]
    pub sealing_key: PathBuf,
    /// The key by which the digest covers credentials.
    #[arg(long, env = "PARAPET_DIGEST_KEY", value_name = "FILE")]
    pub digest_key: PathBuf,
}

impl BusArgs {
    /// For the publisher; `name` is what NATS calls the connection.
    pub fn settings(&self, name: String) -> NatsSettings {
        NatsSettings {
            connect: self.nats.connect_config(Role::Operator, name),
            // Demanded together with the key to sign with.
            installation: self.nats.installation.as_deref().unwrap_or_default().into(),
            class: self.nats.class.as_str().into(),
            replicas: self.copies.nats_replicas,
            signing_key: self.signing_key.clone(),
            sealing_key: self.sealing_key.clone(),
            digest_key: self.digest_key.clone(),
        }
    }
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<HumanDuration>()
        .map(|read| read.0)
        .map_err(|error| error.to_string())
}

/// `compile`.
#[derive(Args, Clone, Debug)]
pub struct Compile {
    /// The folder with the resources, YAML or JSON, or one file.
    pub manifests: PathBuf,
    /// A folder with the layout of mounted Secrets, DIR/<name>/<key>.
    #[arg(long, env = "PARAPET_SECRETS", value_name = "DIR")]
    pub secrets: Option<PathBuf>,
    /// The namespace whose resources govern the whole installation; documents without one belong to it.
    #[arg(
        long,
        env = "PARAPET_POLICY_NAMESPACE",
        value_name = "NAME",
        default_value = "default"
    )]
    pub policy_namespace: String,
    /// Print the bundle too, as JSON. It holds no secret.
    #[arg(long)]
    pub bundle: bool,
}

impl Compile {
    /// For the reader.
    pub fn read_options(&self) -> ReadOptions {
        ReadOptions {
            manifests: self.manifests.clone(),
            secrets: self.secrets.clone(),
            policy_namespace: Arc::from(self.policy_namespace.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn run_needs_a_place_the_way_to_gateways_and_keys() {
        let needed = [
            "--namespace=parapet",
            "--identity=pod",
            "--nats=nats://n",
            "--signing-key=s",
            "--sealing-key=g",
            "--digest-key=d",
            "--installation=i",
        ];
        let parse = |without: &str| {
            let given = needed.iter().filter(|arg| **arg != without);
            Cli::try_parse_from(["parapet-operator", "run"].iter().chain(given))
        };
        assert!(parse("").is_ok());
        for missing in needed {
            let error = parse(missing).unwrap_err().to_string();
            let name = missing.split('=').next().unwrap();
            assert!(error.contains(name), "{missing}: {error}");
        }
    }

    #[test]
    fn the_policy_namespace_is_always_watched_and_nothing_named_is_everything() {
        let parse = |more: &[&str]| {
            let needed = [
                "parapet-operator",
                "run",
                "--namespace=parapet",
                "--identity=pod",
                "--nats=nats://n",
                "--signing-key=s",
                "--sealing-key=g",
                "--digest-key=d",
                "--installation=i",
            ];
            let args = needed.iter().chain(more);
            match Cli::try_parse_from(args).unwrap().command {
                Command::Run(run) => run.settings(),
                Command::Compile(_)
                | Command::Crds
                | Command::Forward(_)
                | Command::Keys(_)
                | Command::Verify(_) => {
                    panic!("not what was asked for")
                }
            }
        };
        assert!(parse(&[]).scope.namespaces.is_empty());
        let some = parse(&["--watch-namespace=a,b"]);
        assert!(some.scope.namespaces.iter().eq(["a", "b", "parapet"]));
        assert_eq!(&*parse(&[]).policy_namespace, "parapet");
        assert!(parse(&[]).webhook.is_none());
        let webhook = parse(&[
            "--webhook-listen=0.0.0.0:9443",
            "--webhook-tls=/tls",
            "--webhook-configuration=parapet",
            "--webhook-missing=refuse",
        ]);
        let webhook = webhook.webhook.unwrap();
        assert_eq!(webhook.configuration.as_deref(), Some("parapet"));
        assert_eq!(webhook.missing, Missing::Refuse);
    }
}
