//! Publishing over NATS: signed, sealed, and kept as it was published.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parapet_bus::keys::{
    DigestKey, SealingKey, TrustedKeys, read_digest_key, read_sealing_key, read_signing_keys,
};
use parapet_bus::nats::{
    Checked, ConnectConfig, Connection, Fleet as Heard, Publisher as Bus, PublisherConfig, connect,
};
use parapet_bus::plain::Plain;
use parapet_bus::report::Report;
use parapet_policy::bundle::wire::SourceEntry;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use tokio::sync::{Mutex, watch};

use super::{Fleet, GatewayReport, Publication, PublishError, Published, Publisher, Rejection};

/// How often it is looked whether NATS still serves what was published.
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// How often it is looked whether a gateway has fallen silent.
const LISTEN_EVERY: Duration = Duration::from_secs(5);

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
    /// A file, or a folder of files, with the key to sign with.
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
    sealing_key: SealingKey,
    digest_key: DigestKey,
    fleet: watch::Sender<Arc<Fleet>>,
}

impl Nats {
    /// Begins to connect, and to listen to gateways.
    ///
    /// # Errors
    /// When a key or an address cannot be used. A server that does not answer is no error.
    pub async fn start(settings: &NatsSettings) -> anyhow::Result<Arc<Self>> {
        let mut signing = read_signing_keys(&settings.signing_key)?;
        let sealing_key = read_sealing_key(&settings.sealing_key)?;
        let digest_key = read_digest_key(&settings.digest_key)?;
        let connection = connect(&settings.connect).await?;
        let mut config = PublisherConfig::new(
            settings.installation.clone(),
            settings.class.clone(),
            signing.drain(..1).collect(),
        );
        config.trusted = TrustedKeys::default();
        for other in &signing {
            config.trusted.add(other);
        }
        config.replicas = settings.replicas;
        let nats = Arc::new(Self {
            bus: Mutex::new(Bus::new(&connection, config)),
            installation: settings.installation.clone(),
            sealing_key,
            digest_key,
            fleet: watch::Sender::default(),
            connection,
        });
        let heard = Heard::listen(&nats.connection, &settings.class).await?;
        tokio::spawn(listen(Arc::downgrade(&nats), heard));
        Ok(nats)
    }

    async fn last_good(&self) -> Result<Option<Published>, PublishError> {
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
        let plain = Plain::new(
            publication.bundle.clone(),
            sources.collect(),
            |id| publication.secrets.get(id),
            &self.digest_key,
        );
        let packed = plain
            .pack(&self.installation, &self.sealing_key)
            .map_err(|error| PublishError::Refused(error.to_string()))?;
        let mut bus = self.bus.lock().await;
        let published = bus.publish(packed, publication.bundle.revision).await;
        published.map(|_| ()).map_err(of_bus)
    }

    /// Looks again and again whether NATS serves what was published.
    async fn check(&self) {
        let mut link = self.connection.state().clone();
        let mut connects = link.borrow_and_update().connects;
        loop {
            let came_up = async {
                let state = link.wait_for(|state| state.connects > connects).await;
                state.map(|state| state.connects)
            };
            if let Ok(Ok(now)) = tokio::time::timeout(CHECK_EVERY, came_up).await {
                connects = now;
            }
            let checked = self.bus.lock().await.check().await;
            match checked {
                Ok(Checked::Serves | Checked::Nothing | Checked::Renewed) => {}
                Ok(Checked::Restored) => {
                    tracing::warn!("NATS did not serve what was published: it does again");
                }
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
        self.check().boxed()
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
    loop {
        let Some(nats) = nats.upgrade() else { return };
        let fleet = Fleet {
            reachable: link.borrow_and_update().connected,
            gateways: heard.reports().into_iter().map(said).collect(),
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
        code: format!("{:?}", rejected.code),
        message: rejected.message,
    });
    let problems = report.applied.iter().flat_map(|applied| &applied.problems);
    let problems: BTreeMap<_, _> = problems
        .map(|problem| {
            let of = (problem.source.uid.to_string(), problem.source.generation);
            (of, format!("{}: {}", problem.path, problem.message))
        })
        .collect();
    let said = GatewayReport {
        pod: report.pod,
        applied: report.applied.map(|applied| applied.revision),
        rejected,
        problems,
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

fn of_bus(error: parapet_bus::nats::PublishError) -> PublishError {
    use parapet_bus::nats::PublishError as Bus;
    match error {
        Bus::Unavailable(_) | Bus::NoJetStream(_) => PublishError::Unavailable(error.to_string()),
        Bus::Deposed { stored } => PublishError::Fenced(stored),
        Bus::Full(_) | Bus::Contended | Bus::Refused(_) | Bus::Encode(_) => {
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
