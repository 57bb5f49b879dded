//! Keeps issuers' keys fresh, beside the traffic: a task for each source that a policy names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use parapet_connect::{Connector, SharedClient};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::Identities;
use super::fetch::{FetchError, fetch};
use super::keys::{Authorities, KeySource, Slot};

/// Not more often than this, whatever an answer says about how long it may be kept.
const SOONEST: Duration = Duration::from_secs(60);
/// Tokens with unknown key ids cause at most one fetch in this time.
const AFTER_A_MISS: Duration = Duration::from_secs(30);
/// The first pause after a failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Keeps issuers' keys fresh.
pub struct Refresher {
    connector: Connector,
    runtime: Handle,
    tasks: Mutex<HashMap<KeySource, Task>>,
}

struct Task {
    slot: Arc<Slot>,
    abort: AbortHandle,
}

impl Refresher {
    /// Fetches over `connector`, in tasks on `runtime`.
    pub fn new(connector: Connector, runtime: Handle) -> Self {
        Self {
            connector,
            runtime,
            tasks: Mutex::default(),
        }
    }

    /// From now on keeps fresh what these identities need, and nothing else. What was fetched before is theirs at once.
    pub fn follow(&self, identities: &Identities) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = HashMap::new();
        for (name, source, place) in identities.sources() {
            let task = kept.entry(source.clone()).or_insert_with(|| {
                tasks
                    .remove(source)
                    .unwrap_or_else(|| self.start(name, source))
            });
            // An issuer gets its slot once, when its policy is put in force.
            let _ = place.set(Arc::clone(&task.slot));
        }
        for gone in std::mem::replace(&mut *tasks, kept).into_values() {
            gone.abort.abort();
        }
    }

    fn start(&self, name: &str, source: &KeySource) -> Task {
        let slot = Arc::new(Slot::default());
        let fetcher = Fetcher {
            name: name.to_owned(),
            source: source.clone(),
            slot: Arc::clone(&slot),
            client: Client {
                usual: SharedClient::new(self.connector.clone(), self.runtime.clone()),
                connector: self.connector.clone(),
                runtime: self.runtime.clone(),
                own: None,
            },
        };
        Task {
            slot,
            abort: self.runtime.spawn(fetcher.run()).abort_handle(),
        }
    }
}

impl Drop for Refresher {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        for task in tasks.values() {
            task.abort.abort();
        }
    }
}

struct Fetcher {
    /// The resource's name, for the log.
    name: String,
    source: KeySource,
    slot: Arc<Slot>,
    client: Client,
}

impl Fetcher {
    async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let begun = Instant::now();
            match self.once().await {
                Ok(next) => {
                    pause = FIRST_PAUSE;
                    let miss = begun + AFTER_A_MISS.min(self.source.refresh);
                    tokio::select! {
                        () = sleep(jittered(next)) => {}
                        () = async { sleep_until(miss).await; self.slot.missed().await } => {}
                    }
                }
                Err(error) => {
                    let error = error.to_string();
                    if self.slot.fail(error.clone()) {
                        tracing::warn!(
                            issuer = self.name,
                            error,
                            "an issuer's keys cannot be fetched: what was fetched before stays"
                        );
                    }
                    sleep(jittered(pause.min(self.source.refresh))).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Fetches, and says when to do it again.
    async fn once(&mut self) -> Result<Duration, FetchError> {
        let client = self.client.of(&self.source.authorities)?;
        let fetched = fetch(client, &self.source).await?;
        let count = fetched.read.keys.len();
        if self.slot.put(fetched.read.keys, fetched.document) {
            tracing::info!(
                issuer = self.name,
                keys = count,
                "an issuer's keys were fetched"
            );
            for unused in fetched.read.unused {
                tracing::warn!(issuer = self.name, "{unused}");
            }
        }
        let refresh = self.source.refresh;
        let told = fetched.max_age.unwrap_or(refresh);
        Ok(told.clamp(SOONEST.min(refresh), refresh))
    }
}

/// The ways to issuers.
struct Client {
    usual: SharedClient,
    connector: Connector,
    runtime: Handle,
    /// With the authorities of a file or of the resource, as they were read last.
    own: Option<(Vec<u8>, SharedClient)>,
}

impl Client {
    fn of(&mut self, authorities: &Authorities) -> Result<&SharedClient, FetchError> {
        let pem = match authorities {
            Authorities::Usual => return Ok(&self.usual),
            Authorities::Given(pem) => pem.clone().into_bytes(),
            Authorities::File(path) => std::fs::read(path)
                .map_err(|error| FetchError::Authorities(format!("{}: {error}", path.display())))?,
        };
        if self.own.as_ref().is_some_and(|(read, _)| *read != pem) {
            self.own = None;
        }
        match &mut self.own {
            Some((_, client)) => Ok(client),
            none => {
                let connector = self
                    .connector
                    .trusting_only(&pem)
                    .map_err(FetchError::Authorities)?;
                let client = SharedClient::new(connector, self.runtime.clone());
                Ok(&none.insert((pem, client)).1)
            }
        }
    }
}

/// Up to a tenth earlier, so that gateways that started together do not fetch together for ever.
fn jittered(time: Duration) -> Duration {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(time) % 1000;
    time - time.mul_f64(random as f64 / 10_000.0)
}
