//! A real control plane of Kubernetes as processes on this machine: etcd and kube-apiserver.
//!
//! No kubelet, no scheduler, no controllers: resources, admission, watches, RBAC and leases are real, and pods are
//! records that nobody runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::{NamedTempFile, TempDir};
use tokio::sync::Mutex;

use crate::harness::free_port;
use crate::tools::{Missing, tools};

/// How long the API server may take to become ready, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// Users that the API server knows, with their groups; a user's token is its name with `-token` behind it.
const USERS: &[(&str, &str)] = &[
    ("admin", "system:masters"),
    ("operator", ""),
    ("editor", ""),
];

/// A running control plane. It ends when the last one who holds it lets go.
#[derive(Debug)]
pub struct ControlPlane {
    url: String,
    ca: String,
    dir: TempDir,
    /// Dropped, it ends the processes.
    processes: mpsc::Sender<Order>,
}

/// A program of the control plane.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Program {
    /// What the API server keeps everything in.
    Etcd,
    /// The API server.
    ApiServer,
}

/// What is to be done with a program, and who waits for it.
#[derive(Debug)]
enum Order {
    Kill(Program, mpsc::Sender<Result<()>>),
    Start(Program, mpsc::Sender<Result<()>>),
}

impl ControlPlane {
    /// The one that other tests of this process use at this moment, or a new one; none when its programs are not to be
    /// had, which is said.
    ///
    /// # Errors
    /// When it does not become ready, or when its programs are missing although `CI` is set.
    pub async fn shared() -> Result<Option<Arc<Self>>> {
        static SHARED: Mutex<Weak<ControlPlane>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return Ok(Some(running));
        }
        let running = Self::own().await?.map(Arc::new);
        if let Some(running) = &running {
            *shared = Arc::downgrade(running);
        }
        Ok(running)
    }

    /// A new one that nobody else uses, for tests that take it apart; none when its programs are not to be had, which
    /// is said.
    ///
    /// # Errors
    /// As [`Self::shared`].
    pub async fn own() -> Result<Option<Self>> {
        match tools(&["etcd", "kube-apiserver"])? {
            Ok(tools) => Ok(Some(Self::begin(&tools).await?)),
            Err(Missing(_)) => Ok(None),
        }
    }

    /// Kills a program, as a machine that loses its power does.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&self, program: Program) -> Result<()> {
        self.order(|done| Order::Kill(program, done))
    }

    /// Starts a program that was killed, on what it has on its disk.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, program: Program) -> Result<()> {
        self.order(|done| Order::Start(program, done))
    }

    fn order(&self, order: impl FnOnce(mpsc::Sender<Result<()>>) -> Order) -> Result<()> {
        let (done, wait) = mpsc::channel();
        let sent = self.processes.send(order(done));
        sent.ok()
            .context("the thread with the processes has ended")?;
        wait.recv()
            .context("the thread with the processes has ended")?
    }

    async fn begin(tools: &Path) -> Result<Self> {
        let dir = tempfile::tempdir().context("making a folder for the control plane")?;
        let at = |name: &str| dir.path().join(name);
        let ca = write_keys(dir.path())?;
        let users = USERS.iter().map(|(user, group)| {
            let groups = if group.is_empty() {
                String::new()
            } else {
                format!(",\"{group}\"")
            };
            format!("{user}-token,{user},{user}{groups}\n")
        });
        write(&at("tokens.csv"), &users.collect::<String>())?;
        let (client, peer, secure) = (free_port()?, free_port()?, free_port()?);
        let client = format!("http://{client}");
        let url = format!("https://{secure}");
        let mut etcd = command(&tools.join("etcd"));
        etcd.arg("--data-dir").arg(at("etcd")).args([
            "--unsafe-no-fsync",
            "--log-level=warn",
            &format!("--listen-client-urls={client}"),
            &format!("--advertise-client-urls={client}"),
            &format!("--listen-peer-urls=http://{peer}"),
            &format!("--initial-advertise-peer-urls=http://{peer}"),
            &format!("--initial-cluster=default=http://{peer}"),
        ]);
        let file = |flag: &str, name: &str| format!("--{flag}={}", at(name).display());
        let mut server = command(&tools.join("kube-apiserver"));
        server.args([
            format!("--etcd-servers={client}"),
            "--bind-address=127.0.0.1".into(),
            "--advertise-address=127.0.0.1".into(),
            format!("--secure-port={}", secure.port()),
            file("tls-cert-file", "server.crt"),
            file("tls-private-key-file", "server.key"),
            file("token-auth-file", "tokens.csv"),
            "--service-cluster-ip-range=10.96.0.0/24".into(),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
            file("service-account-key-file", "accounts.pub"),
            file("service-account-signing-key-file", "accounts.key"),
            "--authorization-mode=RBAC".into(),
            // Without the controllers no namespace gets its account.
            "--disable-admission-plugins=ServiceAccount".into(),
            "--endpoint-reconciler-type=none".into(),
            "--profiling=false".into(),
            "-v=0".into(),
        ]);
        for (command, name) in [(&mut etcd, "etcd.log"), (&mut server, "kube-apiserver.log")] {
            let log = std::fs::File::create(at(name)).context("making a log file")?;
            command
                .stdout(log.try_clone().context("making a log file")?)
                .stderr(log);
        }
        let processes = hold(vec![(Program::Etcd, etcd), (Program::ApiServer, server)])?;
        let running = Self {
            url,
            ca,
            dir,
            processes,
        };
        running.wait_until_ready().await?;
        Ok(running)
    }

    /// Where the API server is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate authority of its certificate, PEM.
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// The bearer token of a user: `admin` may do everything, the others nothing that nobody has given them.
    pub fn token(user: &str) -> String {
        format!("{user}-token")
    }

    /// A file with which a program calls the API server as this user.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn kubeconfig(&self, user: &str) -> Result<PathBuf> {
        self.kubeconfig_at(&self.url, user)
    }

    /// The same through something that listens elsewhere.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn kubeconfig_at(&self, url: &str, user: &str) -> Result<PathBuf> {
        let place: String = url.chars().filter(char::is_ascii_alphanumeric).collect();
        let path = self.dir.path().join(format!("{user}-{place}.kubeconfig"));
        let ca = self.dir.path().join("ca.crt");
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": ca}}],
            "users": [{"name": user, "user": {"token": Self::token(user)}}],
        });
        // Another test's kubectl may be reading the same user's.
        let mut whole = NamedTempFile::new_in(self.dir.path()).context("making a file")?;
        std::io::Write::write_all(&mut whole, text.to_string().as_bytes())
            .and_then(|()| Ok(whole.persist(&path).map(drop)?))
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// A client for a user.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn client(&self, user: &str) -> Result<kube::Client> {
        kube::Client::try_from(self.config_at(&self.url, user)?).context("making a client")
    }

    /// What a client for a user is made from, through something that listens elsewhere.
    ///
    /// # Errors
    /// When the address is none.
    pub fn config_at(&self, url: &str, user: &str) -> Result<kube::Config> {
        let mut config = kube::Config::new(url.parse().context("reading the server's address")?);
        let ca =
            CertificateDer::from_pem_slice(self.ca.as_bytes()).context("reading the authority")?;
        config.root_cert = Some(vec![ca.to_vec()]);
        config.auth_info.token = Some(Self::token(user).into());
        Ok(config)
    }

    /// Waits until it answers, at the start and after one of its programs was started again.
    ///
    /// # Errors
    /// When it does not in time, with what it said last.
    pub async fn wait_until_ready(&self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        let client = self.client("admin")?;
        loop {
            let request = http::Request::get("/readyz").body(Vec::new())?;
            if client.request_text(request).await.is_ok() {
                return Ok(());
            }
            let log = std::fs::read_to_string(self.dir.path().join("kube-apiserver.log"))
                .unwrap_or_default();
            // What it says before it gives up.
            let has_ended = log.contains("\"command failed\"");
            if has_ended || Instant::now() > deadline {
                let last: Vec<&str> = log.lines().rev().take(20).collect();
                bail!(
                    "the API server is not ready (it may take {START_LIMIT:?}):\n{}",
                    last.join("\n")
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A program that ends with the thread that starts it, where the system can do that.
fn command(program: &Path) -> std::process::Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    let mut command = if setpriv.exists() {
        let mut command = std::process::Command::new(setpriv);
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    } else {
        std::process::Command::new(program)
    };
    command.stdin(Stdio::null());
    command
}

/// Starts programs in a thread of their own, which ends them when the sender is dropped.
fn hold(mut commands: Vec<(Program, std::process::Command)>) -> Result<mpsc::Sender<Order>> {
    let (orders, ordered) = mpsc::channel();
    let (tell, started) = mpsc::channel();
    std::thread::spawn(move || {
        let mut children = BTreeMap::new();
        let mut result = Ok(());
        for (program, command) in &mut commands {
            result = result.and_then(|()| start(*program, command, &mut children));
        }
        let _ = tell.send(result);
        // An error: the sender is gone, and so is the test.
        while let Ok(order) = ordered.recv() {
            let (done, result) = match order {
                Order::Kill(program, done) => {
                    let child = children.remove(&program);
                    (done, child.map_or(Ok(()), |child| end(child, program)))
                }
                Order::Start(program, done) => {
                    let command = commands.iter_mut().find(|(other, _)| *other == program);
                    let result = command.map_or(Ok(()), |(_, command)| {
                        start(program, command, &mut children)
                    });
                    (done, result)
                }
            };
            let _ = done.send(result);
        }
        for (program, child) in children {
            let _ = end(child, program);
        }
    });
    started.recv().context("starting the control plane")??;
    Ok(orders)
}

fn start(
    program: Program,
    command: &mut std::process::Command,
    children: &mut BTreeMap<Program, std::process::Child>,
) -> Result<()> {
    let child = command
        .spawn()
        .with_context(|| format!("starting {program:?}"))?;
    children.insert(program, child);
    Ok(())
}

fn end(mut child: std::process::Child, program: Program) -> Result<()> {
    child
        .kill()
        .and_then(|()| child.wait())
        .with_context(|| format!("killing {program:?}"))?;
    Ok(())
}

/// Keys and certificates; returns the authority.
fn write_keys(dir: &Path) -> Result<String> {
    let key = KeyPair::generate().context("making a key")?;
    let mut params = CertificateParams::new(Vec::new()).context("describing the authority")?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).context("signing the authority")?;
    let ca = authority.pem();
    let issuer = Issuer::new(params, key);
    let server = KeyPair::generate().context("making a key")?;
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let certificate = CertificateParams::new(names)
        .context("describing the server")?
        .signed_by(&server, &issuer)
        .context("signing the server")?;
    let accounts = KeyPair::generate().context("making a key")?;
    for (name, text) in [
        ("ca.crt", ca.clone()),
        ("server.crt", certificate.pem()),
        ("server.key", server.serialize_pem()),
        ("accounts.key", accounts.serialize_pem()),
        ("accounts.pub", accounts.public_key_pem()),
    ] {
        write(&dir.join(name), &text)?;
    }
    Ok(ca)
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
