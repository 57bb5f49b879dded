//! Publishing over NATS: signed, sealed, and kept as it was published.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parapet_bus::keys::{DigestKey, ReadKeysError, SealingKey};
use parapet_bus::nats::PublishError as BusError;
use parapet_bus::nats::{
    Checked, ConnectConfig, Connection, Fleet as Heard, Publisher as Bus, PublisherConfig, connect,
};
use parapet_bus::plain::Plain;
use parapet_bus::report::{Problem, Report};
use parapet_policy::bundle::wire::SourceEntry;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use tokio::sync::{Mutex, watch};

use super::keys::KeyFiles;
use super::{
    Fleet, GatewayReport, KeysInUse, Publication, PublishError, Published, Publisher, Rejection,
};

/// How often it is looked whether NATS still serves what was published.
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// How often the keys are read again.
const KEYS_EVERY: Duration = Duration::from_secs(2);

/// A check that failed is repeated so soon: NATS may have lost what it had.
const CHECK_AGAIN: Duration = Duration::from_secs(2);

/// How often it is looked whether a gateway has fallen silent.
const LISTEN_EVERY: Duration = Duration::from_secs(1);

/// How long the connection may be away before gateways count as out of reach: a restart of NATS is no news for every
/// resource.
const OUT_OF_REACH_AFTER: Duration = Duration::from_secs(5);

/// How long a publication waits for a connection that is about to come up.
const CONNECTED_WITHIN: Duration = Duration::from_secs(1);

/// What the way over NATS needs.
#[derive(Clone, Debug)]
pub struct NatsSettings {
    /// How to connect.
    pub connect: ConnectConfig,
    /// The installation whose gateways are meant.
    pub installation: Arc<str>,
    /// Which of its gateways.
    pub class: Arc<str>,
    /// Copies of what is stored.
    pub replicas: usize,
    /// A file, or a folder of files, with the key to sign with; others that it holds are believed. All keys are read
    /// again while the operator runs.
    pub signing_key: PathBuf,
    /// A file with the public key that credentials are sealed to.
    pub sealing_key: PathBuf,
    /// A file with the key of the digest.
    pub digest_key: PathBuf,
}

/// Publishes over NATS.
pub struct Nats {
    connection: Connection,
    bus: Mutex<Bus>,
    installation: Arc<str>,
    files: KeyFiles,
    material: RwLock<Arc<Material>>,
    keys: watch::Sender<KeysInUse>,
    fleet: watch::Sender<Arc<Fleet>>,
}

/// What a policy is packed with.
struct Material {
    sealing: SealingKey,
    digest: DigestKey,
    mark: String,
}

impl Nats {
    /// Begins to connect, and to listen to gateways.
    ///
    /// # Errors
    /// When a key or an address cannot be used. A server that does not answer is no error.
    pub async fn start(settings: &NatsSettings) -> anyhow::Result<Arc<Self>> {
        let files = KeyFiles {
            signing: settings.signing_key.clone(),
            sealing: settings.sealing_key.clone(),
            digest: settings.digest_key.clone(),
        };
        let set = files.read()?;
        let connection = connect(&settings.connect).await?;
        let keys = KeysInUse {
            signing: set.signing.id().to_owned(),
            sealing: set.sealing.id().to_owned(),
            ..KeysInUse::default()
        };
        let mark = set.mark();
        let mut config = PublisherConfig::new(
            settings.installation.clone(),
            settings.class.clone(),
            vec![set.signing],
        );
        config.trusted = set.trusted;
        config.replicas = settings.replicas;
        let nats = Arc::new(Self {
            bus: Mutex::new(Bus::new(&connection, config)),
            installation: settings.installation.clone(),
            files,
            material: RwLock::new(Arc::new(Material {
                sealing: set.sealing,
                digest: set.digest,
                mark,
            })),
            keys: watch::Sender::new(keys),
            fleet: watch::Sender::default(),
            connection,
        });
        let heard = Heard::listen(&nats.connection, &settings.class).await?;
        tokio::spawn(listen(Arc::downgrade(&nats), heard));
        Ok(nats)
    }

    fn material(&self) -> Arc<Material> {
        let material = self.material.read();
        Arc::clone(&material.unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the keys again; others than before ask for a publication. Keys that cannot be read change nothing.
    async fn read_keys(&self) -> Result<(), ReadKeysError> {
        let set = self.files.read()?;
        let mark = set.mark();
        if mark == self.material().mark {
            return Ok(());
        }
        let (signing, sealing) = (set.signing.id().to_owned(), set.sealing.id().to_owned());
        tracing::info!(signing, sealing, "the keys have changed: publishing anew");
        let mut bus = self.bus.lock().await;
        bus.set_keys(vec![set.signing], set.trusted);
        *self
            .material
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(Material {
            sealing: set.sealing,
            digest: set.digest,
            mark,
        });
        self.keys.send_modify(|keys| {
            *keys = KeysInUse {
                signing,
                sealing,
                change: keys.change + 1,
                published: None,
            };
        });
        Ok(())
    }

    /// Reads the keys again and again. What is wrong is said once.
    async fn watch_keys(&self) {
        let mut said = String::new();
        loop {
            match self.read_keys().await {
                Ok(()) => said.clear(),
                Err(error) => {
                    let error = error.to_string();
                    if error != said {
                        tracing::warn!(error, "publishing goes on with the keys before");
                        said = error;
                    }
                }
            }
            tokio::time::sleep(KEYS_EVERY).await;
        }
    }

    /// Without a connection it fails here, with the cause: what is sent nevertheless arrives some time later.
    async fn connected(&self) -> Result<(), PublishError> {
        let mut state = self.connection.state().clone();
        let up = state.wait_for(|state| state.connected);
        match tokio::time::timeout(CONNECTED_WITHIN, up).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(PublishError::Unavailable(self.connection.trouble())),
        }
    }

    async fn last_good(&self) -> Result<Option<Published>, PublishError> {
        // Whoever leads from now on may have waited for long. What is wrong is said while it leads.
        let _ = self.read_keys().await;
        self.connected().await?;
        let bus = self.bus.lock().await;
        bus.prepare().await.map_err(of_bus)?;
        let Some((manifest, body)) = bus.last_good().await.map_err(of_bus)? else {
            return Ok(None);
        };
        let sources = body.sources.iter().filter_map(restored);
        Ok(Some(Published {
            revision: manifest.revision,
            sources: sources.map(Arc::new).collect(),
        }))
    }

    async fn put(&self, publication: &Publication) -> Result<(), PublishError> {
        let sources = publication.sources.iter().filter_map(|one| source(one));
        let (material, change) = (self.material(), self.keys.borrow().change);
        let plain = Plain::new(
            publication.bundle.clone(),
            sources.collect(),
            |id| publication.secrets.get(id),
            &material.digest,
        );
        let packed = plain
            .pack(&self.installation, &material.sealing)
            .map_err(|error| PublishError::Refused(error.to_string()))?;
        self.connected().await?;
        let mut bus = self.bus.lock().await;
        let revision = publication.bundle.revision;
        let published = bus.publish(packed, revision).await;
        let Err(error) = published.map(|_| ()) else {
            self.keys.send_if_modified(|keys| {
                if keys.change == change {
                    keys.published = Some(revision);
                }
                // Nothing that has to be published anew.
                false
            });
            return Ok(());
        };
        // The bucket may be gone, with NATS' disk: the next attempt finds it, or this one says why there is none.
        let cause = match (&error, bus.prepare().await) {
            (
                BusError::Unavailable(_),
                Err(why @ (BusError::NoJetStream(_) | BusError::Full(_))),
            ) => why,
            (_, Ok(()) | Err(_)) => error,
        };
        Err(of_bus(cause))
    }

    /// Looks again and again whether NATS serves what was published, until somebody else has published.
    async fn check(&self) {
        let mut link = self.connection.state().clone();
        let mut connects = link.borrow_and_update().connects;
        let mut wait = CHECK_EVERY;
        loop {
            let came_up = async {
                let state = link.wait_for(|state| state.connects > connects).await;
                state.map(|state| state.connects)
            };
            if let Ok(Ok(now)) = tokio::time::timeout(wait, came_up).await {
                connects = now;
            }
            let checked = self.bus.lock().await.check().await;
            let failed_before = wait == CHECK_AGAIN;
            wait = if checked.is_ok() {
                CHECK_EVERY
            } else {
                CHECK_AGAIN
            };
            match checked {
                Ok(Checked::Serves | Checked::Nothing | Checked::Renewed) => {}
                Ok(Checked::Restored) => {
                    tracing::warn!("NATS did not serve what was published: it does again");
                }
                Err(error @ BusError::Deposed { .. }) => {
                    tracing::warn!(%error, "NATS serves what another leader has published");
                    return;
                }
                Err(_) if failed_before => {}
                Err(error) => tracing::warn!(%error, "it is not known what NATS serves"),
            }
        }
    }
}

impl Publisher for Nats {
    fn current(&self) -> BoxFuture<'_, Result<Option<Published>, PublishError>> {
        self.last_good().boxed()
    }

    fn publish<'a>(
        &'a self,
        publication: &'a Publication,
    ) -> BoxFuture<'a, Result<(), PublishError>> {
        self.put(publication).boxed()
    }

    fn keep(&self) -> BoxFuture<'_, ()> {
        async { tokio::join!(self.check(), self.watch_keys()) }
            .map(drop)
            .boxed()
    }

    fn keys(&self) -> watch::Receiver<KeysInUse> {
        self.keys.subscribe()
    }

    fn fleet(&self) -> watch::Receiver<Arc<Fleet>> {
        self.fleet.subscribe()
    }
}

/// Passes on what gateways say, until the publisher is gone.
async fn listen(nats: std::sync::Weak<Nats>, heard: Heard) {
    let mut changed = heard.changed();
    let Some(mut link) = nats.upgrade().map(|nats| nats.connection.state().clone()) else {
        return;
    };
    let mut last_up: Option<Instant> = None;
    loop {
        let Some(nats) = nats.upgrade() else { return };
        if link.borrow_and_update().connected {
            last_up = Some(Instant::now());
        }
        let fleet = Fleet {
            reachable: last_up.is_some_and(|at| at.elapsed() < OUT_OF_REACH_AFTER),
            gateways: heard.reports().into_iter().map(said).collect(),
            tools: heard.tools().into_iter().map(Arc::new).collect(),
        };
        nats.fleet.send_if_modified(|known| {
            let is_news = **known != fleet;
            if is_news {
                *known = Arc::new(fleet);
            }
            is_news
        });
        drop(nats);
        tokio::select! {
            _ = changed.changed() => {}
            _ = link.changed() => {}
            () = tokio::time::sleep(LISTEN_EVERY) => {}
        }
    }
}

/// A gateway's report, by the uid of its pod.
fn said(report: Report) -> (String, GatewayReport) {
    let rejected = report.rejected.map(|rejected| Rejection {
        // What was not even signed is of no revision: it counts as one of the newest.
        revision: rejected.revision,
        code: rejected.code,
        message: rejected.message,
    });
    let by_resource = |problems: &[Problem]| {
        let problems = problems.iter().map(|problem| {
            let of = (problem.source.uid.to_string(), problem.source.generation);
            (of, format!("{}: {}", problem.path, problem.message))
        });
        problems.collect::<BTreeMap<_, _>>()
    };
    let applied = report.applied.as_ref();
    let said = GatewayReport {
        pod: report.pod,
        applied: applied.map(|applied| applied.revision),
        rejected,
        problems: applied.map_or_else(BTreeMap::new, |it| by_resource(&it.problems)),
        doubts: applied.map_or_else(BTreeMap::new, |it| by_resource(&it.doubts)),
        keys: report.keys,
    };
    (report.uid, said)
}

/// A resource as it travels.
fn source(resource: &Json) -> Option<SourceEntry> {
    let text = |pointer: &str| resource.pointer(pointer).and_then(Json::as_str);
    let spec = serde_json::to_string(resource.get("spec")?).ok()?;
    Some(SourceEntry {
        kind: text("/kind")?.into(),
        namespace: text("/metadata/namespace")?.into(),
        name: text("/metadata/name")?.into(),
        uid: text("/metadata/uid")?.into(),
        generation: resource.pointer("/metadata/generation")?.as_i64()?,
        created: text("/metadata/creationTimestamp").map(str::to_owned),
        spec: RawValue::from_string(spec).ok(),
    })
}

/// A resource as it was before it travelled.
fn restored(source: &SourceEntry) -> Option<Json> {
    let spec: Json = serde_json::from_str(source.spec.as_ref()?.get()).ok()?;
    Some(json!({
        "apiVersion": parapet_crds::API_VERSION,
        "kind": source.kind,
        "metadata": {
            "name": source.name,
            "namespace": source.namespace,
            "uid": source.uid,
            "generation": source.generation,
            "creationTimestamp": source.created,
        },
        "spec": spec,
    }))
}

fn of_bus(error: BusError) -> PublishError {
    match error {
        BusError::Unavailable(_) | BusError::NoJetStream(_) => {
            PublishError::Unavailable(error.to_string())
        }
        BusError::Deposed { stored } => PublishError::Fenced(stored),
        BusError::Full(_) | BusError::Contended | BusError::Refused(_) | BusError::Encode(_) => {
            PublishError::Refused(error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_comes_back_as_it_went() {
        let resource = json!({
            "apiVersion": parapet_crds::API_VERSION, "kind": "GuardrailConfig",
            "metadata": {
                "name": "rules", "namespace": "ns", "uid": "u", "generation": 3,
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": {"rules": [{"id": "a", "llm_input_guardrails": ["g/x"]}]},
        });
        assert_eq!(restored(&source(&resource).unwrap()), Some(resource));
    }
}
