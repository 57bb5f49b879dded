//! One installation's keys, users and NATS server, with whoever publishes and reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use parapet_bus::keys::{DigestKey, OpeningKeys, SealingKey, SigningKey, generate};
use parapet_bus::nats::{
    ConnectConfig, Connection, Credentials, Publisher, PublisherConfig, Role, ServerConfig,
    UserKey, Users, connect,
};
use parapet_bus::plain::{Packed, Plain};
use parapet_crds::read::{ReadOptions, Reader, Remark};
use parapet_guardrails::guardrail::{BuildContext, Guardrail};
use parapet_guardrails::kinds;
use parapet_policy::bundle::wire::SourceEntry;
use parapet_policy::bundle::{Bundle, SecretId};
use parapet_policy::compile::{KindReport, Kinds, compile};
use parapet_policy::outcome::Operation;
use tempfile::TempDir;

use crate::harness::Setup;
use crate::nats::Nats;

/// The installation's name.
pub const INSTALLATION: &str = "here";
/// The class of its gateways.
pub const CLASS: &str = "default";

/// Everything but the gateways.
pub struct Installation {
    /// The server.
    pub nats: Nats,
    /// Its users and limits.
    pub server: ServerConfig,
    /// The authority of the server's certificate, when it has one.
    pub authority: Option<PathBuf>,
    /// The public half of the gateways' key.
    pub sealing: SealingKey,
    dir: TempDir,
    signing: String,
    digest: DigestKey,
}

impl Installation {
    /// Makes keys and users, and a server that runs; none when there is no server on this machine.
    ///
    /// # Errors
    /// When something fails.
    pub async fn start() -> Result<Option<Self>> {
        let installation = Self::down()?;
        match installation {
            Some(mut installation) => {
                installation.nats.start().await?;
                Ok(Some(installation))
            }
            None => Ok(None),
        }
    }

    /// The same with a server that is not started yet.
    ///
    /// # Errors
    /// When something fails.
    pub fn down() -> Result<Option<Self>> {
        let dir = tempfile::tempdir().context("making a folder for keys")?;
        let user = || UserKey::generate().context("making a NATS user");
        let (operator, gateway) = (user()?, user()?);
        let (recorder, watcher, forwarder) = (user()?, user()?, user()?);
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).with_context(|| format!("writing {name}"))
        };
        write("operator.nk", &operator.seed)?;
        write("gateway.nk", &gateway.seed)?;
        write("recorder.nk", &recorder.seed)?;
        write("watcher.nk", &watcher.seed)?;
        write("forwarder.nk", &forwarder.seed)?;
        let signing = generate()?;
        write("trusted", &SigningKey::from_text(&signing)?.public_text())?;
        let opening = generate()?;
        write("opening", &opening)?;
        write("signing", &signing)?;
        let digest = generate()?;
        write("digest", &digest)?;
        let sealing = OpeningKeys::from_texts([opening.as_str()])?
            .sealing_keys()
            .next()
            .context("a key has a public half")?
            .clone();
        write("sealing", &sealing.text())?;
        let server = ServerConfig::new(Users {
            operators: vec![operator.public],
            gateways: vec![gateway.public],
            recorders: vec![recorder.public],
            watchers: vec![watcher.public],
            forwarders: vec![forwarder.public],
        });
        let Some(nats) = Nats::new(&server.accounts())? else {
            return Ok(None);
        };
        Ok(Some(Self {
            nats,
            server,
            authority: None,
            dir,
            signing: signing.to_string(),
            sealing,
            digest: DigestKey::from_text(&digest)?,
        }))
    }

    /// A file of this installation's keys: the seed of each role (`operator.nk`), `trusted`, `opening`, `signing`, `sealing` or
    /// `digest`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The key that signs.
    ///
    /// # Errors
    /// Never: it was made here.
    pub fn signing(&self) -> Result<SigningKey> {
        Ok(SigningKey::from_text(&self.signing)?)
    }

    /// A connection with a role's rights.
    ///
    /// # Errors
    /// When it cannot be tried.
    pub async fn connect(&self, role: Role) -> Result<Connection> {
        let file = format!("{}.nk", role.as_str());
        self.connect_as(role, Credentials::NkeySeedFile(self.file(&file)))
            .await
    }

    /// A connection with any credentials.
    ///
    /// # Errors
    /// When it cannot be tried.
    pub async fn connect_as(&self, role: Role, credentials: Credentials) -> Result<Connection> {
        let config = ConnectConfig {
            urls: vec![self.nats.url()],
            name: "test".to_owned(),
            role,
            credentials,
            ca_file: self.authority.clone(),
        };
        Ok(connect(&config).await?)
    }

    /// An operator that has published nothing, with its bucket made.
    ///
    /// # Errors
    /// When the bucket cannot be made.
    pub async fn publisher(&self) -> Result<Publisher> {
        let publisher = self.publisher_unprepared().await?;
        publisher.prepare().await?;
        Ok(publisher)
    }

    /// The same without a bucket.
    ///
    /// # Errors
    /// When the connection cannot be tried.
    pub async fn publisher_unprepared(&self) -> Result<Publisher> {
        let connection = self.connect(Role::Operator).await?;
        let mut state = connection.state().clone();
        state.wait_for(|state| state.connected).await?;
        Ok(Publisher::new(&connection, self.publisher_config()?))
    }

    /// How this installation's operators publish.
    ///
    /// # Errors
    /// Never: its key was made here.
    pub fn publisher_config(&self) -> Result<PublisherConfig> {
        Ok(PublisherConfig::new(
            INSTALLATION.into(),
            CLASS.into(),
            vec![self.signing()?],
        ))
    }

    /// Compiles resources as an operator does, and packs them.
    ///
    /// # Errors
    /// When they have errors, or are too large.
    pub fn pack(&self, resources: &str) -> Result<Packed> {
        self.pack_changed(resources, |_| ())
    }

    /// The same, changed after it was compiled: as an operator of another version might have compiled it.
    ///
    /// # Errors
    /// When the resources have errors, or are too large.
    pub fn pack_changed(
        &self,
        resources: &str,
        change: impl FnOnce(&mut Bundle),
    ) -> Result<Packed> {
        self.pack_for(INSTALLATION, resources, change)
    }

    /// The same for another installation.
    ///
    /// # Errors
    /// When the resources have errors, or are too large.
    pub fn pack_for(
        &self,
        installation: &str,
        resources: &str,
        change: impl FnOnce(&mut Bundle),
    ) -> Result<Packed> {
        let dir = tempfile::tempdir().context("making a folder for resources")?;
        std::fs::write(dir.path().join("all.yaml"), resources).context("writing resources")?;
        let read = Reader::new(ReadOptions {
            manifests: dir.path().to_owned(),
            secrets: None,
            policy_namespace: "default".into(),
        })
        .read();
        let errors: Vec<_> = read
            .remarks
            .iter()
            .filter(|remark| remark.is_error())
            .collect();
        anyhow::ensure!(errors.is_empty(), "{}", rendered(&errors, dir.path()));
        let mut bundle = compile(&read.written, &Registry).bundle;
        change(&mut bundle);
        let sources = read.written.integrations.iter().map(|written| SourceEntry {
            kind: written.source.kind.clone(),
            namespace: written.source.namespace.clone(),
            name: written.source.name.clone(),
            uid: Arc::from(format!("uid-of-{}", written.source.name)),
            generation: 3,
            created: None,
            spec: None,
        });
        let value = |id: &SecretId| read.secrets.get(id);
        let plain = Plain::new(bundle, sources.collect(), value, &self.digest);
        Ok(plain.pack(installation, &self.sealing)?)
    }

    /// A gateway of this installation, yet to be started.
    pub fn gateway(&self, pod: &str) -> Setup {
        self.gateway_of(pod, &format!("uid-of-{pod}"))
    }

    /// The same, of a pod that has this uid.
    pub fn gateway_of(&self, pod: &str, uid: &str) -> Setup {
        self.gateway_that_trusts(&self.file("trusted"), pod, uid)
    }

    /// The same with another file of keys whose signatures count.
    pub fn gateway_that_trusts(&self, trusted: &Path, pod: &str, uid: &str) -> Setup {
        let file = |name: &str| self.file(name).to_string_lossy().into_owned();
        let args = [
            ("--nats", self.nats.url()),
            ("--nats-nkey", file("gateway.nk")),
            ("--traces-nkey", file("recorder.nk")),
            ("--trusted-keys", trusted.to_string_lossy().into_owned()),
            ("--gateway-keys", file("opening")),
            ("--installation", INSTALLATION.to_owned()),
            ("--class", CLASS.to_owned()),
            ("--pod-name", pod.to_owned()),
            ("--pod-uid", uid.to_owned()),
        ];
        let mut setup = Setup::default().without_manifests();
        if let Some(authority) = &self.authority {
            setup = setup.arg("--nats-ca").arg(authority.to_string_lossy());
        }
        for (name, value) in args {
            setup = setup.arg(name).arg(value);
        }
        setup
    }

    /// What an operator of this installation is told about the way to the gateways.
    pub fn operator_args(&self) -> Vec<String> {
        let file = |name: &str| self.file(name).to_string_lossy().into_owned();
        let args = [
            ("--nats", self.nats.url()),
            ("--nats-nkey", file("operator.nk")),
            ("--signing-key", file("signing")),
            ("--sealing-key", file("sealing")),
            ("--digest-key", file("digest")),
            ("--installation", INSTALLATION.to_owned()),
            ("--class", CLASS.to_owned()),
        ];
        args.into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }
}

fn rendered(remarks: &[&Remark], folder: &Path) -> String {
    let lines: Vec<_> = remarks.iter().map(|remark| remark.render(folder)).collect();
    lines.join("\n")
}

/// What the compiler asks about kinds, answered by building them.
struct Registry;

impl Kinds for Registry {
    fn check(&self, kind: &str, config: &serde_json::Value, operation: Operation) -> KindReport {
        let context = BuildContext::without_secrets(operation);
        match kinds::build(kind, config, &context) {
            Ok(built) => KindReport {
                hooks: built.hooks.iter().copied().collect(),
                can_mutate: operation == Operation::Mutate,
                slow: matches!(built.guardrail, Guardrail::Service(_)),
                hold_back: None,
                problems: built.remarks,
            },
            Err(problems) => KindReport {
                problems,
                ..KindReport::default()
            },
        }
    }
}
