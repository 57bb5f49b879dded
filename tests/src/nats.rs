//! A real `nats-server` with the accounts and permissions of an installation.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::harness::free_port;
use crate::tools::{Missing, tools};

/// How long the server may take to greet, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A server, running or not. It is killed when dropped.
#[derive(Debug)]
pub struct Nats {
    binary: PathBuf,
    dir: TempDir,
    addr: SocketAddr,
    child: Option<Child>,
    tls: bool,
}

impl Nats {
    /// A server with these accounts, not yet started; none when it is not to be had on this machine, which is said.
    ///
    /// # Errors
    /// When it cannot be built although it must, or its files cannot be written.
    pub fn new(accounts: &str) -> Result<Option<Self>> {
        let folder = match tools(&["nats-server"])? {
            Ok(folder) => folder,
            Err(Missing(why)) => {
                eprintln!("SKIPPED: tests against a real NATS server: {why}");
                return Ok(None);
            }
        };
        let dir = tempfile::tempdir().context("making a folder for NATS")?;
        let nats = Self {
            binary: folder.join("nats-server"),
            addr: free_port()?,
            dir,
            child: None,
            tls: false,
        };
        nats.configure(accounts, true)?;
        Ok(Some(nats))
    }

    /// Writes the configuration: with these accounts, and with or without JetStream.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure(&self, accounts: &str, jetstream: bool) -> Result<()> {
        let mut text = format!("listen: \"{}\"\n", self.addr);
        if self.tls {
            let file = |name: &str| self.dir.path().join(name);
            text.push_str(&format!(
                "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n",
                file("server.crt").display(),
                file("server.key").display()
            ));
        }
        if jetstream {
            let store = self.store();
            text.push_str(&format!(
                "jetstream {{ store_dir: \"{}\", max_memory_store: 16MB, max_file_store: 768MB, sync_interval: always }}\n",
                store.display()
            ));
        }
        text.push_str(accounts);
        std::fs::write(self.dir.path().join("nats.conf"), text).context("writing nats.conf")
    }

    /// From now on it demands TLS, with a certificate of an authority of its own; returns the authority's file.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn with_tls(&mut self) -> Result<PathBuf> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate()?;
        let certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate()?;
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])?
            .signed_by(&key, &issuer)?;
        let write = |name: &str, text: String| -> Result<PathBuf> {
            let path = self.dir.path().join(name);
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
            Ok(path)
        };
        write("server.crt", server.pem())?;
        write("server.key", key.serialize_pem())?;
        let authority = write("authority.crt", certificate.pem())?;
        self.tls = true;
        Ok(authority)
    }

    /// From now on it demands TLS, with this certificate and key.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn with_certificate(&mut self, certificate: &str, key: &str) -> Result<()> {
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.dir.path().join(name);
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        self.tls = true;
        Ok(())
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "tls" } else { "nats" };
        format!("{scheme}://{}", self.addr)
    }

    /// Starts it and waits for its greeting.
    ///
    /// # Errors
    /// When it does not come in time, with what it said.
    pub async fn start(&mut self) -> Result<()> {
        let path = self.dir.path().join("nats.log");
        let log = std::fs::File::create(&path).context("making a log file")?;
        let mut child = Command::new(&self.binary)
            .arg("--config")
            .arg(self.dir.path().join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("making a log file")?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", self.binary.display()))?;
        let deadline = Instant::now() + START_LIMIT;
        while !self.greets().await {
            let ended = child.try_wait().context("asking for the server's state")?;
            if ended.is_some() || Instant::now() > deadline {
                let said = std::fs::read_to_string(&path).unwrap_or_default();
                bail!("NATS did not start ({ended:?}):\n{said}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.child = Some(child);
        Ok(())
    }

    async fn greets(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.addr).await else {
            return false;
        };
        let mut word = [0; 4];
        stream.read_exact(&mut word).await.is_ok() && &word == b"INFO"
    }

    /// Kills it. Its disk stays.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await.context("killing NATS")?;
        }
        Ok(())
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Takes away what a server that does not run has stored.
    ///
    /// # Errors
    /// When that fails.
    pub fn lose_disk(&self) -> Result<()> {
        std::fs::remove_dir_all(self.store()).context("removing what NATS has stored")
    }
}
