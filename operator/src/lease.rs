//! Who leads: one replica at a time, by a Lease, with an epoch that grows with every change of leader.
//!
//! No election by leases keeps two leaders from overlapping for a moment, so what is published carries the epoch, and
//! a lower one is refused wherever it arrives. The epoch stands in an annotation of the Lease and is raised by the same
//! compare-and-set that takes it; when the Lease was deleted, [`Leadership::raise`] lifts it above what is published.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::cluster;

/// The annotation with the epoch.
pub const EPOCH: &str = "parapet.dev/epoch";

/// How leases are taken and kept.
#[derive(Clone, Debug)]
pub struct LeaseConfig {
    /// Where the Lease is.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who asks; no two processes have the same.
    pub identity: String,
    /// How long others wait after the last sign of life.
    pub duration: Duration,
    /// How long the leader goes on without being able to renew. Shorter than `duration`.
    pub renew_deadline: Duration,
    /// How often it is renewed, or tried for.
    pub retry: Duration,
}

impl LeaseConfig {
    /// With shorter times than Kubernetes' own components have (15, 10 and 2 s): a leader whose node is gone is replaced
    /// soon enough for statuses to tell it within 15 s.
    pub fn new(namespace: String, name: String, identity: String) -> Self {
        Self {
            namespace,
            name,
            identity,
            duration: Duration::from_secs(10),
            renew_deadline: Duration::from_secs(7),
            retry: Duration::from_millis(1500),
        }
    }
}

/// Tries for the Lease.
#[derive(Clone)]
pub struct Campaign {
    config: LeaseConfig,
    api: Api<Lease>,
}

/// This process leads, until the Lease is lost or this is dropped.
pub struct Leadership {
    campaign: Campaign,
    held: Arc<Mutex<Lease>>,
    epoch: AtomicU64,
    lost: watch::Receiver<bool>,
    renewing: AbortHandle,
    notes: Notes,
}

/// Annotations that are written with the next renewal.
type Notes = Arc<StdMutex<BTreeMap<&'static str, String>>>;

/// Why an epoch could not be raised: the Lease is not ours any more, or the API server does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the epoch could not be raised")]
pub struct RaiseError(#[from] kube::Error);

impl Campaign {
    /// Prepares to try.
    pub fn new(client: Client, config: LeaseConfig) -> Self {
        let api = Api::namespaced(client, &config.namespace);
        Self { config, api }
    }

    /// Waits until this process leads.
    pub async fn win(&self) -> Leadership {
        let mut seen: Option<(String, Instant)> = None;
        let mut warned = false;
        loop {
            match self.attempt(&mut seen).await {
                Ok(Some(lease)) => return self.lead(lease),
                Ok(None) => warned = false,
                Err(error) => {
                    if !warned {
                        tracing::warn!(%error, lease = self.config.name, "cannot try for the lease; trying again");
                        warned = true;
                    }
                }
            }
            tokio::time::sleep(self.config.retry).await;
        }
    }

    /// One try. `seen` is the version of somebody else's Lease and since when it has stood still by our own clock.
    async fn attempt(&self, seen: &mut Option<(String, Instant)>) -> kube::Result<Option<Lease>> {
        let Some(lease) = self.within(self.api.get_opt(&self.config.name)).await? else {
            let lease = self.taken(Lease {
                metadata: ObjectMeta {
                    name: Some(self.config.name.clone()),
                    ..ObjectMeta::default()
                },
                spec: None,
            });
            let params = PostParams::default();
            let created = self.within(self.api.create(&params, &lease)).await;
            return unless_beaten(created);
        };
        let holder = lease
            .spec
            .as_ref()
            .and_then(|spec| spec.holder_identity.as_deref());
        let is_free =
            holder.is_none_or(|holder| holder.is_empty() || holder == self.config.identity);
        if !is_free {
            let version = lease.resource_version().unwrap_or_default();
            let duration = lease
                .spec
                .as_ref()
                .and_then(|spec| spec.lease_duration_seconds)
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map_or(self.config.duration, Duration::from_secs);
            match seen {
                Some((known, since)) if *known == version => {
                    if since.elapsed() <= duration {
                        return Ok(None);
                    }
                }
                _ => {
                    *seen = Some((version, Instant::now()));
                    return Ok(None);
                }
            }
        }
        let lease = self.taken(lease);
        unless_beaten(self.put(&lease).await)
    }

    /// The Lease as it is when this process has taken it: the epoch is one higher.
    fn taken(&self, mut lease: Lease) -> Lease {
        let next = epoch_of(&lease) + 1;
        set_epoch(&mut lease, next);
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        let now = MicroTime(Timestamp::now());
        spec.holder_identity = Some(self.config.identity.clone());
        spec.lease_duration_seconds = i32::try_from(self.config.duration.as_secs()).ok();
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default().saturating_add(1));
        spec.acquire_time = Some(now.clone());
        spec.renew_time = Some(now);
        lease
    }

    /// Replaces the Lease if it still is what `lease` was made from.
    async fn put(&self, lease: &Lease) -> kube::Result<Lease> {
        let params = PostParams::default();
        self.within(self.api.replace(&self.config.name, &params, lease))
            .await
    }

    /// A call that hangs is one that failed.
    async fn within<T>(&self, call: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
        cluster::within(self.config.retry.max(Duration::from_secs(1)), call).await
    }

    fn lead(&self, lease: Lease) -> Leadership {
        let epoch = AtomicU64::new(epoch_of(&lease));
        let held = Arc::new(Mutex::new(lease));
        let (tell, lost) = watch::channel(false);
        let notes = Notes::default();
        let (campaign, renewed, noted) = (self.clone(), Arc::clone(&held), Arc::clone(&notes));
        let task = tokio::spawn(async move {
            campaign.renew(&renewed, &noted).await;
            // Whoever waits is told, or is gone.
            let _ = tell.send(true);
        });
        Leadership {
            campaign: self.clone(),
            held,
            epoch,
            lost,
            renewing: task.abort_handle(),
            notes,
        }
    }

    /// Renews until the Lease is lost.
    async fn renew(&self, held: &Mutex<Lease>, notes: &Notes) {
        let mut last = Instant::now();
        loop {
            tokio::time::sleep(self.config.retry).await;
            let mut lease = held.lock().await;
            let mut next = lease.clone();
            if let Some(spec) = &mut next.spec {
                spec.renew_time = Some(MicroTime(Timestamp::now()));
            }
            for (&name, text) in &*notes.lock().unwrap_or_else(PoisonError::into_inner) {
                next.annotations_mut().insert(name.to_owned(), text.clone());
            }
            let begun = Instant::now();
            match self.put(&next).await {
                Ok(renewed) => {
                    *lease = renewed;
                    // From when the call was made: others count from when it arrived.
                    last = begun;
                }
                Err(error) if is_conflict(&error) => match self.still_ours().await {
                    Ok(Some(current)) => *lease = current,
                    Ok(None) => {
                        tracing::warn!(lease = self.config.name, "somebody else holds the lease");
                        return;
                    }
                    Err(_) => {}
                },
                Err(error) => {
                    tracing::warn!(%error, "the lease could not be renewed; trying again")
                }
            }
            if last.elapsed() >= self.config.renew_deadline {
                tracing::warn!(
                    lease = self.config.name,
                    "the lease was not renewed in time"
                );
                return;
            }
        }
    }

    /// The Lease as it is, when this process still holds it: somebody may have labelled it.
    async fn still_ours(&self) -> kube::Result<Option<Lease>> {
        let lease = self.within(self.api.get_opt(&self.config.name)).await?;
        Ok(lease.filter(|lease| {
            let holder = lease
                .spec
                .as_ref()
                .and_then(|spec| spec.holder_identity.as_deref());
            holder == Some(&*self.config.identity)
        }))
    }
}

impl Leadership {
    /// The epoch of this leadership.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The Lease, for events about what concerns all of the operator.
    pub async fn reference(&self) -> ObjectReference {
        self.held.lock().await.object_ref(&())
    }

    /// Waits until the Lease is lost.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        // An error: the task that renews has ended, which is as bad.
        let _ = lost.wait_for(|lost| *lost).await;
    }

    /// Raises the epoch to at least `least`: what is published already must not win.
    ///
    /// # Errors
    /// When it is not written into the Lease.
    pub async fn raise(&self, least: u64) -> Result<(), RaiseError> {
        let mut lease = self.held.lock().await;
        if self.epoch() >= least {
            return Ok(());
        }
        let mut next = lease.clone();
        set_epoch(&mut next, least);
        *lease = self.campaign.put(&next).await?;
        self.epoch.store(least, Ordering::Release);
        Ok(())
    }

    /// Has an annotation written with the next renewal, for whoever looks at the Lease.
    pub fn note(&self, name: &'static str, text: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.insert(name, text);
    }

    /// Gives the Lease back, so that the next one need not wait.
    pub async fn release(self) {
        self.renewing.abort();
        let mut lease = self.held.lock().await.clone();
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        if let Err(error) = self.campaign.put(&lease).await {
            tracing::warn!(%error, "the lease could not be given back: it runs out by itself");
        }
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

fn epoch_of(lease: &Lease) -> u64 {
    let written = lease.annotations().get(EPOCH);
    written
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

fn set_epoch(lease: &mut Lease, epoch: u64) {
    lease
        .annotations_mut()
        .insert(EPOCH.to_owned(), epoch.to_string());
}

/// None when somebody else was faster.
fn unless_beaten(result: kube::Result<Lease>) -> kube::Result<Option<Lease>> {
    match result {
        Ok(lease) => Ok(Some(lease)),
        Err(error) if is_conflict(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// 409, which both a version that has moved and a name that is taken come to.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}
