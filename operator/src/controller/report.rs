//! Writes statuses: only what has changed, at most once a second for each resource, and events on transitions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::runtime::events::{Event, Recorder, Reporter};
use kube::{Api, Client, Resource as _};
use parapet_crds::mcp_server::McpServerSpec;
use parapet_crds::resource::Spec as _;
use parapet_crds::status::ResourceStatus;
use parapet_crds::status::pinning::PinningStatus;
use parapet_policy::bundle::{Revision, SecretId};
use parapet_policy::diagnostic::Source;
use serde_json::{Value as Json, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::accept::Verdict;
use super::conditions::{self, Context, Distribution, Pod};
use super::reasons::Kind;
use super::tools;
use super::watch_all::{SecretName, Watched};
use crate::cluster::{CALL_LIMIT, asked_to_wait, within};
use crate::metrics::Metrics;
use crate::publisher::{Fleet, PublishError};

mod events;

use events::{MANY, Troubles, transitions};

/// Who owns the fields of a status.
pub const FIELD_MANAGER: &str = "parapet-operator";

/// How long gateways may take before a resource counts as programmed in part only.
const PROGRAMMED_WITHIN: Duration = Duration::from_secs(30);

/// A status is written at most once in this time.
const AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// After a change: gateways answer within milliseconds, and one status is better than two.
const SETTLE: Duration = Duration::from_millis(150);

/// What cannot be written is tried again after this time, then after twice as long, at most [`MAX_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_mins(5);

/// Everything is compared with the cluster anew after this time, should somebody have written over a status.
const COMPARE_ANEW: Duration = Duration::from_mins(5);

/// How many are written at a time.
const AT_ONCE: usize = 8;

/// What is known after a round.
#[derive(Debug, Default)]
pub struct Facts {
    /// What is to be said about each resource.
    pub verdicts: BTreeMap<Source, Verdict>,
    /// From which revision on what counts of a resource is published, and since when.
    pub since: BTreeMap<Source, Since>,
    /// Secrets that may be used.
    pub labelled: BTreeSet<SecretName>,
    /// The Secret values that each resource names.
    pub named: BTreeMap<Source, Vec<SecretId>>,
    /// Why the newest policy could not be published.
    pub failure: Option<PublishError>,
    /// What is published.
    pub published: Option<Revision>,
}

/// From which revision on a resource's generation is published.
#[derive(Clone, Debug)]
pub struct Since {
    /// Which resource of that name.
    pub uid: Arc<str>,
    /// Which generation.
    pub generation: i64,
    /// The first revision that holds it.
    pub revision: Revision,
    /// When it was published.
    pub at: Instant,
}

/// Writes statuses.
pub struct Report {
    client: Client,
    watched: Watched,
    metrics: Arc<Metrics>,
    recorder: Recorder,
    written: HashMap<Source, Written>,
    /// What stands for the operator: its Lease.
    operator: ObjectReference,
    troubles: Troubles,
}

/// What was written last.
#[derive(Debug)]
struct Written {
    uid: Arc<str>,
    status: ResourceStatus,
    /// Not again before.
    next: Instant,
    failures: u32,
}

/// A status that is to be written.
struct Due {
    source: Source,
    uid: Arc<str>,
    seen: Arc<DynamicObject>,
    before: ResourceStatus,
    status: ResourceStatus,
}

impl Report {
    /// Begins with nothing written.
    pub fn new(
        client: Client,
        watched: Watched,
        metrics: Arc<Metrics>,
        instance: String,
        operator: ObjectReference,
    ) -> Self {
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: Some(instance),
        };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            watched,
            metrics,
            written: HashMap::new(),
            operator,
            troubles: Troubles::default(),
        }
    }

    /// Writes whatever has to be written, for ever.
    pub async fn run(
        mut self,
        mut facts: watch::Receiver<Option<Arc<Facts>>>,
        mut fleet: watch::Receiver<Arc<Fleet>>,
    ) {
        let mut compare_anew = Instant::now() + COMPARE_ANEW;
        loop {
            let now = Instant::now();
            if now >= compare_anew {
                self.written.clear();
                compare_anew = now + COMPARE_ANEW;
            }
            let known = facts.borrow_and_update().clone();
            let heard = Arc::clone(&fleet.borrow_and_update());
            let again = match known {
                Some(known) => self.write(&known, heard).await,
                None => compare_anew,
            };
            let pods_changed = Arc::clone(&self.watched.pods_changed);
            tokio::select! {
                changed = facts.changed() => {
                    // Nobody finds anything out any more: the leader has ended.
                    if changed.is_err() { std::future::pending::<()>().await; }
                    tokio::time::sleep(SETTLE).await;
                }
                changed = fleet.changed() => {
                    if changed.is_err() { std::future::pending::<()>().await; }
                    tokio::time::sleep(SETTLE).await;
                }
                () = pods_changed.notified() => tokio::time::sleep(SETTLE).await,
                () = tokio::time::sleep_until(again.min(compare_anew)) => {}
            }
        }
    }

    /// Writes what is due now, and says when to look again at the latest.
    async fn write(&mut self, facts: &Facts, fleet: Arc<Fleet>) -> Instant {
        let (pods, next_is_old) = self.pods();
        let distribution = Distribution {
            fleet,
            pods,
            failure: facts.failure.clone(),
            published: facts.published,
        };
        self.count(facts, &distribution);
        for event in self.troubles.take(&distribution) {
            self.tell(&event, &self.operator).await;
        }
        self.written
            .retain(|source, _| facts.verdicts.contains_key(source));
        let now = Instant::now();
        let mut again = now + next_is_old.unwrap_or(COMPARE_ANEW);
        let mut due = Vec::new();
        for (source, verdict) in &facts.verdicts {
            let Some(seen) = self
                .watched
                .resource(&source.kind, &source.namespace, &source.name)
                .filter(|seen| seen.metadata.uid.as_deref() == Some(&*verdict.uid))
            else {
                continue;
            };
            let written = self
                .written
                .get(source)
                .filter(|written| written.uid == verdict.uid);
            let before = written.map_or_else(|| status_of(&seen), |written| written.status.clone());
            let since = facts.since.get(source).filter(|since| {
                since.uid == verdict.uid && Some(since.generation) == verdict.in_force
            });
            let late = since.map(|since| since.at + PROGRAMMED_WITHIN);
            let context = Context {
                distribution: &distribution,
                since: since.map(|since| since.revision),
                is_late: late.is_some_and(|late| now >= late),
                labelled: &facts.labelled,
                named: facts.named.get(source).map_or(&[], Vec::as_slice),
            };
            let now_is = Timestamp::now();
            let mut status = conditions::status(verdict, &context, &before, now_is);
            status.pinning = pinned(source, &seen, &distribution, &before, now_is);
            status
                .conditions
                .extend(status.pinning.as_deref().map(|pinning| {
                    tools::condition(pinning, verdict.generation, &before.conditions, now_is)
                }));
            if let Some(late) = late.filter(|late| *late > now) {
                again = again.min(late);
            }
            if status == before {
                continue;
            }
            match written
                .map(|written| written.next)
                .filter(|next| *next > now)
            {
                Some(next) => again = again.min(next),
                None => due.push(Due {
                    source: source.clone(),
                    uid: verdict.uid.clone(),
                    seen,
                    before,
                    status,
                }),
            }
        }
        if !due.is_empty() {
            let writer = &*self;
            let concerned = due.iter().filter(|due| {
                let mut with = transitions(&due.before, &due.status, true).into_iter();
                with.any(|event| event.action == Kind::Programmed.as_str())
            });
            let programmed = concerned.count() <= MANY;
            let results: Vec<_> = futures_util::stream::iter(due)
                .map(|due| async move {
                    let result = writer.write_one(&due, programmed).await;
                    (due, result)
                })
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            for (due, result) in results {
                let next = self.remember(due, result);
                again = again.min(next);
            }
        }
        again
    }

    /// Sends one status, and the events that go with it.
    async fn write_one(&self, due: &Due, programmed: bool) -> kube::Result<()> {
        let Due { source, status, .. } = due;
        let Some(resource) = self.watched.api_resource(&source.kind) else {
            return Ok(());
        };
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &source.namespace, resource);
        let patch = json!({
            "apiVersion": parapet_crds::API_VERSION,
            "kind": source.kind,
            // One that was made anew under the same name must not get the old one's status.
            "metadata": {"name": source.name, "uid": due.uid},
            "status": status,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(patch);
        within(CALL_LIMIT, api.patch_status(&source.name, &params, &patch)).await?;
        let about = due.seen.object_ref(resource);
        let drifted =
            tools::events::drift(due.before.pinning.as_deref(), status.pinning.as_deref());
        let events = transitions(&due.before, status, programmed);
        for event in events.into_iter().chain(drifted) {
            self.tell(&event, &about).await;
        }
        Ok(())
    }

    async fn tell(&self, event: &Event, about: &ObjectReference) {
        // In a namespace that is being deleted there are no new events.
        if let Err(error) = within(CALL_LIMIT, self.recorder.publish(event, about)).await {
            tracing::debug!(%error, "an event was not recorded");
        }
    }

    /// The gateways' pods, and in how much time the next of them ceases to be new.
    fn pods(&self) -> (BTreeMap<String, Pod>, Option<Duration>) {
        let now = Timestamp::now();
        let mut next = None;
        let pods = self.watched.pods().into_iter().map(|(uid, name, created)| {
            let age = created.map_or(PROGRAMMED_WITHIN, |created| {
                Duration::try_from(now.duration_since(created)).unwrap_or_default()
            });
            let left = PROGRAMMED_WITHIN.saturating_sub(age);
            let is_new = !left.is_zero();
            if is_new {
                next = Some(next.map_or(left, |next: Duration| next.min(left)));
            }
            (uid, Pod { name, is_new })
        });
        (pods.collect(), next)
    }

    fn remember(&mut self, due: Due, result: kube::Result<()>) -> Instant {
        let now = Instant::now();
        let failures = match &result {
            Ok(()) => 0,
            // Gone, or made anew: the watch will say so.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => 0,
            Err(error) => {
                let before = self.written.get(&due.source).map_or(0, |one| one.failures);
                if before == 0 {
                    tracing::warn!(resource = %due.source, %error, "a status could not be written; trying again");
                }
                before + 1
            }
        };
        self.metrics
            .status_written(if result.is_ok() { "ok" } else { "failed" });
        let wait = match (&result, failures) {
            (Ok(()), _) | (Err(_), 0) => AT_MOST_EVERY,
            (Err(error), n) => FIRST_RETRY
                .saturating_mul(2u32.saturating_pow(n))
                .min(MAX_RETRY)
                .max(asked_to_wait(error)),
        };
        let status = if result.is_ok() {
            due.status
        } else {
            due.before
        };
        let written = Written {
            uid: due.uid,
            status,
            next: now + wait,
            failures,
        };
        self.written.insert(due.source, written);
        now + wait
    }

    fn count(&self, facts: &Facts, distribution: &Distribution) {
        let reports = distribution
            .pods
            .keys()
            .filter_map(|uid| distribution.fleet.gateways.get(uid));
        let has_newest =
            |applied: Option<Revision>| applied.is_some_and(|it| Some(it) >= facts.published);
        let programmed = reports
            .clone()
            .filter(|one| has_newest(one.applied))
            .count();
        let rejected = reports.filter(|one| one.rejected.is_some()).count();
        self.metrics
            .set_gateways(distribution.pods.len(), programmed, rejected);
        let all = facts.verdicts.len();
        let in_force = facts
            .verdicts
            .values()
            .filter(|verdict| verdict.in_force == Some(verdict.generation))
            .count();
        self.metrics.set_resources(in_force, all - in_force);
    }
}

/// How the tools of an MCP server stand to what was approved, as the pods that there are say; none for what is none, or is
/// not looked at.
fn pinned(
    source: &Source,
    seen: &DynamicObject,
    distribution: &Distribution,
    before: &ResourceStatus,
    now: Timestamp,
) -> Option<Box<PinningStatus>> {
    if &*source.kind != McpServerSpec::KIND {
        return None;
    }
    let spec = seen.data.get("spec").cloned()?;
    let spec: McpServerSpec = serde_json::from_value(spec).ok()?;
    let reports = distribution.fleet.tools.iter().map(|report| &**report);
    let reports: Vec<_> = reports
        .filter(|report| {
            *report.namespace == *source.namespace
                && *report.server == *source.name
                && distribution.pods.contains_key(&report.uid)
        })
        .collect();
    let before = before.pinning.as_deref();
    tools::status(&spec, &reports, before, now).map(Box::new)
}

/// The status that a resource has; an empty one when it has none that can be read.
pub fn status_of(seen: &DynamicObject) -> ResourceStatus {
    let status = seen.data.get("status").cloned().unwrap_or(Json::Null);
    serde_json::from_value(status).unwrap_or_default()
}
