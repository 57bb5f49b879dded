//! The chart as it is installed, and what can be seen of it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use parapet_tests::http_client::{Client, Outgoing};
use serde_json::Value;

use crate::load::Target;
use crate::tool::{get, helm, kubectl, root, until};

/// Where traffic comes in at a gateway's pod.
const TRAFFIC: u16 = 8787;
/// Where health, metrics and the revision are.
const ADMIN: u16 = 9787;
/// Longer than a rollout takes on a busy machine.
pub(crate) const ROLLOUT: Duration = Duration::from_secs(120);

/// A release of the chart.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    /// The release, and the prefix of all names.
    pub(crate) release: String,
    /// Where it is.
    pub(crate) namespace: String,
    /// What the chart is told.
    values: Vec<String>,
}

/// A pod of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pod {
    /// Its name.
    pub(crate) name: String,
    /// Its address, once it has one.
    pub(crate) ip: Option<IpAddr>,
    /// Whether it takes traffic.
    pub(crate) ready: bool,
    /// Its container's id in containerd.
    pub(crate) container: String,
    /// Whether its container runs.
    pub(crate) running: bool,
}

impl Pod {
    fn of(value: &Value) -> Option<Self> {
        if value.pointer("/metadata/deletionTimestamp").is_some() {
            return None;
        }
        let text = |path: &str| {
            value
                .pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let container = text("/status/containerStatuses/0/containerID");
        Some(Self {
            name: text("/metadata/name").to_owned(),
            ip: text("/status/podIP").parse().ok(),
            ready: value.pointer("/status/containerStatuses/0/ready") == Some(&Value::Bool(true)),
            container: container.rsplit('/').next().unwrap_or_default().to_owned(),
            running: value
                .pointer("/status/containerStatuses/0/state/running")
                .is_some(),
        })
    }

    /// Its traffic.
    ///
    /// # Errors
    /// When it has no address yet.
    pub(crate) fn client(&self) -> Result<Client> {
        Ok(Client::new(self.target()?.addr))
    }

    /// Itself as a target of load.
    ///
    /// # Errors
    /// When it has no address yet.
    pub(crate) fn target(&self) -> Result<Target> {
        let ip = self
            .ip
            .with_context(|| format!("{} has no address", self.name))?;
        Ok(Target {
            name: self.name.clone(),
            addr: SocketAddr::new(ip, TRAFFIC),
        })
    }

    /// What an admin route says.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn admin(&self, path: &str) -> Result<(u16, String)> {
        let ip = self
            .ip
            .with_context(|| format!("{} has no address", self.name))?;
        let client = Client::new(SocketAddr::new(ip, ADMIN));
        let sent = tokio::time::timeout(Duration::from_secs(5), client.send(Outgoing::get(path)));
        let answer = sent.await.context("no answer in time")??;
        Ok((answer.status.as_u16(), answer.text()?.to_owned()))
    }
}

/// A condition of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// `True`, `False` or `Unknown`.
    pub(crate) status: String,
    /// Why.
    pub(crate) reason: String,
    /// In words.
    pub(crate) message: String,
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status, self.reason, self.message)
    }
}

impl Installed {
    /// A release `parapet` in the namespace `parapet`, with images of this registry and tag.
    pub(crate) fn new(registry: &str, tag: &str) -> Self {
        let values = [
            format!("image.registry={registry}"),
            format!("nats.image.registry={registry}"),
            format!("gateway.image.tag={tag}"),
            format!("operator.image.tag={tag}"),
            format!("nats.image.tag={tag}"),
            // `kubectl scale` says how many.
            "gateway.replicas=null".to_owned(),
            // Five of them on a node of two cores.
            "gateway.resources.requests.cpu=20m".to_owned(),
        ];
        Self {
            release: "parapet".to_owned(),
            namespace: "parapet".to_owned(),
            values: values.into(),
        }
    }

    /// `helm install` or `upgrade`, with more values; waits until everything is ready.
    ///
    /// # Errors
    /// When Helm fails.
    pub(crate) async fn helm(&self, what: &str, more: &[&str]) -> Result<()> {
        let chart = root().join("helm/parapet");
        let chart = chart.to_string_lossy();
        let mut args = vec![
            what,
            &self.release,
            &chart,
            "-n",
            &self.namespace,
            "--wait",
            "--timeout",
            "110s",
        ];
        let values = self
            .values
            .iter()
            .map(String::as_str)
            .chain(more.iter().copied());
        for value in values {
            // A list is given whole: an item of it would lose what is a text and looks like a number.
            let how = if value.ends_with(']') {
                "--set-json"
            } else {
                "--set"
            };
            args.extend([how, value]);
        }
        helm(&args).await.map(|_| ())
    }

    /// The name of a part: `parapet-gateway`.
    pub(crate) fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.release)
    }

    /// The pods of a component that are not about to go.
    ///
    /// # Errors
    /// When the API server does not say.
    pub(crate) async fn pods(&self, component: &str) -> Result<Vec<Pod>> {
        let labels = format!(
            "app.kubernetes.io/instance={},app.kubernetes.io/component={component}",
            self.release
        );
        let list = get(&self.namespace, &["pods", "-l", &labels]).await?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        Ok(items.iter().filter_map(Pod::of).collect())
    }

    /// The Service of the gateways.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) async fn service(&self) -> Result<Target> {
        let service = get(&self.namespace, &["service", &self.name("gateway")]).await?;
        let ip = service
            .pointer("/spec/clusterIP")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let port = service
            .pointer("/spec/ports/0/port")
            .and_then(Value::as_u64)
            .unwrap_or(80);
        Ok(Target {
            name: "Service".to_owned(),
            addr: SocketAddr::new(
                ip.parse().context("the Service has no address")?,
                u16::try_from(port)?,
            ),
        })
    }

    /// `kubectl scale`.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) async fn scale(&self, what: &str, count: usize) -> Result<()> {
        let count = format!("--replicas={count}");
        kubectl(&["-n", &self.namespace, "scale", what, &count])
            .await
            .map(|_| ())
    }

    /// Waits until so many gateways run, all are ready, and none besides; how long that took.
    ///
    /// # Errors
    /// When they do not become ready.
    pub(crate) async fn gateways(&self, count: usize) -> Result<(Vec<Pod>, Duration)> {
        let what = format!("{count} gateways");
        until(ROLLOUT, &what, || async {
            let pods = self.pods("gateway").await?;
            let ready = pods.iter().filter(|pod| pod.ready).count();
            ensure!(
                pods.len() == count && ready == count,
                "{ready} of {} are ready",
                pods.len()
            );
            Ok(pods)
        })
        .await
    }

    /// Waits until no pods of a component are left but so many, also of those that are about to go.
    ///
    /// # Errors
    /// When they stay.
    pub(crate) async fn gone(&self, component: &str, left: usize) -> Result<()> {
        let labels = format!(
            "app.kubernetes.io/instance={},app.kubernetes.io/component={component}",
            self.release
        );
        until(ROLLOUT, &format!("{left} pods are left"), || async {
            let list = get(&self.namespace, &["pods", "-l", &labels]).await?;
            let count = list["items"].as_array().map_or(0, Vec::len);
            ensure!(count == left, "there are {count}");
            Ok(())
        })
        .await
        .map(|_| ())
    }

    /// Waits until a Deployment or StatefulSet has rolled out.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) async fn rolled_out(&self, what: &str) -> Result<()> {
        kubectl(&[
            "-n",
            &self.namespace,
            "rollout",
            "status",
            what,
            "--timeout=110s",
        ])
        .await
        .map(|_| ())
    }

    /// A condition of a resource, of its newest generation.
    ///
    /// # Errors
    /// When it has none.
    pub(crate) async fn condition(&self, kind: &str, name: &str, type_: &str) -> Result<Condition> {
        let object = get(&self.namespace, &[kind, name]).await?;
        let of = object
            .pointer("/status/observedGeneration")
            .and_then(Value::as_u64);
        ensure!(
            of == object
                .pointer("/metadata/generation")
                .and_then(Value::as_u64),
            "the status is of {of:?}"
        );
        let conditions = object
            .pointer("/status/conditions")
            .and_then(Value::as_array);
        let mut conditions = conditions.into_iter().flatten();
        let found = conditions.find(|one| one["type"] == type_);
        let found = found.with_context(|| format!("{kind}/{name} has no condition {type_}"))?;
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        Ok(Condition {
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
        })
    }

    /// Waits until `guards` is programmed in so many gateways and no other; how long that took.
    ///
    /// # Errors
    /// When it does not say so in time.
    pub(crate) async fn programmed(&self, count: usize) -> Result<(String, Duration)> {
        let expected = format!("{count}/{count} gateways at revision ");
        until(ROLLOUT, &format!("Programmed {expected}"), || async {
            let condition = self
                .condition("guardrailintegration", "guards", "Programmed")
                .await?;
            ensure!(
                condition.status == "True" && condition.message.starts_with(&expected),
                "{condition}"
            );
            Ok(condition.message)
        })
        .await
    }

    /// Waits until the condition `Programmed` of `guards` fits; how long that took, and what it says.
    ///
    /// # Errors
    /// When it does not fit within `limit`.
    pub(crate) async fn tells(
        &self,
        limit: Duration,
        what: &str,
        fits: impl Fn(&Condition) -> bool,
    ) -> Result<(Condition, Duration)> {
        until(limit, what, || async {
            let condition = self
                .condition("guardrailintegration", "guards", "Programmed")
                .await?;
            ensure!(fits(&condition), "{condition}");
            Ok(condition)
        })
        .await
    }
}
