//! The command line. Every setting can come from an environment variable as well.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use parapet_console::args::ConsoleArgs;
use parapet_crds::human_duration::HumanDuration;
use parapet_crds::read::ReadOptions;
use parapet_policy::hook::Hook;

use crate::telemetry::otlp::Names;

mod bus;
mod sharing;

pub use bus::BusArgs;
pub use sharing::SharingArgs;

/// An AI gateway that enforces guardrails on model traffic.
#[derive(Debug, Parser)]
#[command(name = "parapet-gateway", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve traffic with the policy of a folder, which is read again when files change, or of a NATS server.
    Serve(Box<Serve>),
    /// Compile a folder and print what there is to say; exit 1 on an error.
    Check(Check),
    /// Print what would happen to a request, and why. No model and no service is called.
    Try(Box<Try>),
}

/// Where the policy is.
#[derive(Args, Clone, Debug)]
pub struct Manifests {
    /// The folder with the resources, YAML or JSON, or one file.
    #[arg(long, env = "PARAPET_MANIFESTS", value_name = "DIR")]
    pub manifests: PathBuf,
    /// How it is read.
    #[command(flatten)]
    pub reading: Reading,
}

/// How a folder is read.
#[derive(Args, Clone, Debug)]
pub struct Reading {
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
}

impl Manifests {
    /// For the reader.
    pub fn read_options(&self) -> ReadOptions {
        ReadOptions {
            manifests: self.manifests.clone(),
            secrets: self.reading.secrets.clone(),
            policy_namespace: Arc::from(self.reading.policy_namespace.as_str()),
        }
    }
}

/// Where the policy to serve is: in a folder, or in a cluster.
#[derive(Args, Clone, Debug)]
pub struct PolicySource {
    /// The folder with the resources, YAML or JSON, or one file.
    #[arg(
        long,
        env = "PARAPET_MANIFESTS",
        value_name = "DIR",
        required_unless_present = "urls",
        conflicts_with = "urls"
    )]
    pub manifests: Option<PathBuf>,
    /// How it is read.
    #[command(flatten)]
    pub reading: Reading,
    /// Policy over NATS.
    #[command(flatten)]
    pub bus: BusArgs,
}

impl PolicySource {
    /// The folder, when policy comes from one.
    pub fn files(&self) -> Option<Manifests> {
        self.manifests.as_ref().map(|manifests| Manifests {
            manifests: manifests.clone(),
            reading: self.reading.clone(),
        })
    }
}

/// `serve`.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// Where the policy is.
    #[command(flatten)]
    pub policy: PolicySource,
    /// Where traffic comes in.
    #[arg(
        long,
        env = "PARAPET_LISTEN",
        value_name = "ADDR",
        default_value = "0.0.0.0:8787"
    )]
    pub listen: SocketAddr,
    /// Where /healthz, /readyz, /metrics, /policy, /pins and /console/ are.
    #[arg(
        long,
        env = "PARAPET_ADMIN_LISTEN",
        value_name = "ADDR",
        default_value = "0.0.0.0:9787"
    )]
    pub admin_listen: SocketAddr,
    /// Traffic threads; default: as many as there are cores.
    #[arg(long, env = "PARAPET_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// A PEM file with the listener's certificate chain; it is read again when it changes.
    #[arg(
        long,
        env = "PARAPET_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,
    /// A PEM file with the certificate's private key.
    #[arg(
        long,
        env = "PARAPET_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,
    /// A PEM file with certificate authorities to trust beside the system's, for outgoing calls.
    #[arg(long, env = "PARAPET_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// 32 random bytes in base64, one key a line: what MCP session ids are sealed with, so that every gateway with the same
    /// file takes them; a file, or a folder of files. Default: the gateway's keys in a cluster, otherwise a key of this
    /// process only.
    #[arg(long, env = "PARAPET_SESSION_KEYS", value_name = "PATH")]
    pub session_keys: Option<PathBuf>,
    /// How long clients have to list the tools of an MCP server with spec.pinning before the gateway lists them itself, so
    /// that they can be approved; 0s: never.
    #[arg(long, env = "PARAPET_FIRST_LOOK", value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub first_look: Duration,
    /// At the end: how long readiness is off before no connection is accepted any more.
    #[arg(long, env = "PARAPET_DRAIN_NOTICE", value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub drain_notice: Duration,
    /// At the end: how long requests in flight may go on after that.
    #[arg(long, env = "PARAPET_DRAIN_TIMEOUT", value_name = "TIME", default_value = "25s", value_parser = duration)]
    pub drain_timeout: Duration,
    /// What the log says: error, warn, info, debug, or filters by module. Records are not affected.
    #[arg(
        long,
        env = "PARAPET_LOG",
        value_name = "FILTER",
        default_value = "info"
    )]
    pub log: String,
    /// Whether a JSON line is written to standard output for each request.
    #[arg(
        long,
        env = "PARAPET_RECORDS",
        value_name = "WHERE",
        default_value = "stdout"
    )]
    pub records: Records,
    /// Which names spans have. Where traces and metrics go is said by the standard OTEL_* variables.
    #[arg(
        long,
        env = "PARAPET_TRACE_NAMES",
        value_name = "NAMES",
        default_value = "standard"
    )]
    pub trace_names: Names,
    /// How many bytes of a request's and an answer's body stand in spans, as the model and the client get them after
    /// redaction. 0: none.
    #[arg(
        long,
        env = "PARAPET_TRACE_CONTENT",
        value_name = "BYTES",
        default_value = "0",
        value_parser = clap::value_parser!(u32).range(0..=65_536)
    )]
    pub trace_content: u32,
    /// The page of what happened.
    #[command(flatten)]
    pub console: ConsoleArgs,
    /// What leaves over NATS.
    #[command(flatten)]
    pub sharing: SharingArgs,
}

/// Where the record of each request goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Records {
    /// As a JSON line to standard output.
    Stdout,
    /// Nowhere; metrics are counted all the same.
    None,
}

/// `check`.
#[derive(Args, Clone, Debug)]
pub struct Check {
    /// Where the policy is.
    #[command(flatten)]
    pub manifests: Manifests,
    /// How to print.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// How something is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `try`.
#[derive(Args, Clone, Debug)]
pub struct Try {
    /// Where the policy is.
    #[command(flatten)]
    pub manifests: Manifests,
    /// The request's body, JSON, as a client would send it; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub request: PathBuf,
    /// Who calls: user:NAME or virtualaccount:NAME.
    #[arg(long, value_name = "SUBJECT", default_value = "user:nobody")]
    pub subject: String,
    /// A team that a user belongs to; may be given several times.
    #[arg(long = "team", value_name = "TEAM")]
    pub teams: Vec<String>,
    /// Only this hook.
    #[arg(long, value_name = "HOOK", value_parser = hook)]
    pub hook: Option<Hook>,
    /// Metadata of the request, KEY=VALUE; may be given several times.
    #[arg(long = "metadata", value_name = "KEY=VALUE", value_parser = key_value)]
    pub metadata: Vec<(String, String)>,
    /// A header of the request, NAME: VALUE; may be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub headers: Vec<(String, String)>,
    /// The route: /v1/chat/completions or /v1/messages. Default: the first.
    #[arg(long, value_name = "PATH", default_value = "/v1/chat/completions")]
    pub route: String,
    /// The model's answer, JSON, for the output hook.
    #[arg(long, value_name = "FILE")]
    pub response: Option<PathBuf>,
    /// Print what was found, and not only where.
    #[arg(long)]
    pub show_text: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<HumanDuration>()
        .map(|read| read.0)
        .map_err(|error| error.to_string())
}

fn hook(text: &str) -> Result<Hook, String> {
    let names = || Hook::ALL.map(Hook::as_str).join(", ");
    let found = Hook::ALL.into_iter().find(|hook| hook.as_str() == text);
    found.ok_or_else(|| format!("known are {}", names()))
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("parapet-gateway").chain(args.iter().copied()))
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_has_the_documented_defaults() {
        let Command::Serve(serve) = parse(&["serve", "--manifests", "m"]).unwrap().command else {
            panic!()
        };
        assert_eq!(serve.listen.to_string(), "0.0.0.0:8787");
        assert_eq!(serve.admin_listen.to_string(), "0.0.0.0:9787");
        assert_eq!(serve.drain_timeout, Duration::from_secs(25));
        let files = serve.policy.files().unwrap();
        assert_eq!(&*files.read_options().policy_namespace, "default");
    }

    #[test]
    fn policy_comes_from_a_folder_or_from_nats() {
        let nats = [
            "serve",
            "--nats",
            "tls://a:4222,tls://b:4222",
            "--trusted-keys",
            "t",
            "--gateway-keys",
            "k",
            "--installation",
            "i",
        ];
        let Command::Serve(serve) = parse(&nats).unwrap().command else {
            panic!()
        };
        assert!(serve.policy.files().is_none());
        assert_eq!(serve.policy.bus.nats.urls.len(), 2);
        assert_eq!(serve.policy.bus.nats.class, "default");
        for missing in ["--trusted-keys", "--gateway-keys", "--installation"] {
            let at = nats.iter().position(|arg| *arg == missing).unwrap();
            let mut args = nats.to_vec();
            args.drain(at..at + 2);
            assert!(parse(&args).is_err(), "without {missing}");
        }
        let both = [&nats[..], &["--manifests", "m"]].concat();
        assert!(parse(&both).is_err());
        let no_token = [&nats[..], &["--class", "a.b"]].concat();
        assert!(parse(&no_token).is_err());
    }

    #[test]
    fn mistakes_are_refused() {
        let rows: [&[&str]; 7] = [
            &["serve", "--manifests", "m", "--share-records"],
            &["serve"],
            &["serve", "--manifests", "m", "--threads", "0"],
            &["serve", "--manifests", "m", "--tls-cert", "c"],
            &["serve", "--manifests", "m", "--drain-timeout", "5"],
            &[
                "try",
                "--manifests",
                "m",
                "--request",
                "r",
                "--hook",
                "nowhere",
            ],
            &[
                "try",
                "--manifests",
                "m",
                "--request",
                "r",
                "--metadata",
                "a",
            ],
        ];
        for args in rows {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }
}
