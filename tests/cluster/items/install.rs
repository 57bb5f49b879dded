//! The chart is installed, and what a start costs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::{GATEWAYS, World};
use crate::installed::ROLLOUT;
use crate::node::Node;
use crate::policy::base;
use crate::report::Report;
use crate::tool::{apply, get, helm, kubectl, root, shown, until};

/// What users do first, and then the policy that the other items need.
pub(super) async fn first(world: &World) -> Result<String> {
    let installed = &world.installed;
    let namespace = &installed.namespace;
    if let Some(node) = &world.node {
        node.volumes(1).await?;
    }
    let restricted = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {namespace}\n  \
         labels: {{pod-security.kubernetes.io/enforce: restricted}}\n"
    );
    apply("default", &restricted).await?;
    let begun = Instant::now();
    installed.helm("install", &[]).await?;
    let installed_in = begun.elapsed();
    let deployment = format!("deployment/{}", installed.name("gateway"));
    installed.scale(&deployment, GATEWAYS).await?;
    installed.gateways(GATEWAYS).await?;
    let examples = root().join("examples/kubernetes");
    let examples = examples.to_string_lossy();
    kubectl(&[
        "apply",
        "--server-side",
        "--dry-run=server",
        "-f",
        &examples,
    ])
    .await?;
    kubectl(&["apply", "-f", &examples]).await?;
    let (count, told) = until(ROLLOUT, "every example is programmed", || {
        all_programmed(world)
    })
    .await?;
    let listed = kubectl(&["get", "parapet", "-A"]).await?;
    let expected = format!("{GATEWAYS}/{GATEWAYS} gateways at revision ");
    ensure!(
        listed.matches(&expected).count() == count,
        "kubectl get parapet shows:\n{listed}"
    );
    kubectl(&["delete", "-f", &examples]).await?;
    apply(namespace, &base(0)).await?;
    installed.programmed(GATEWAYS).await?;
    Ok(format!(
        "installed in {}, under the restricted Pod Security Standard; {count} examples say {expected}... after {}",
        shown(installed_in),
        shown(told)
    ))
}

/// Whether every resource there is, is accepted, resolved and programmed everywhere; how many there are.
async fn all_programmed(world: &World) -> Result<usize> {
    let list = get(&world.installed.namespace, &["parapet"]).await?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    ensure!(!items.is_empty(), "there is no resource");
    for item in &items {
        let name = item
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let conditions = item.pointer("/status/conditions").and_then(Value::as_array);
        for type_ in ["Accepted", "ResolvedRefs", "Programmed"] {
            let mut conditions = conditions.into_iter().flatten();
            let found = conditions.find(|one| one["type"] == type_);
            ensure!(
                found.is_some_and(|one| one["status"] == "True"),
                "{name}: {type_}: {found:?}"
            );
        }
    }
    Ok(items.len())
}

/// The chart's own test.
async fn test(world: &World) -> Result<String> {
    let installed = &world.installed;
    let begun = Instant::now();
    let said = helm(&["test", &installed.release, "-n", &installed.namespace]).await?;
    ensure!(said.contains("Succeeded"), "{said}");
    Ok(format!(
        "one request passes and one is blocked, in {}",
        shown(begun.elapsed())
    ))
}

/// The chart's test, and what a start costs when nothing has to be waited for.
pub(super) async fn items(world: &World, report: &mut Report) {
    world.show(report, "helm test", || test(world)).await;
    let name = "start of a gateway: from its process to serving, and memory";
    match &world.node {
        Some(node) => world.show(report, name, || start(world, node)).await,
        None => report.skip(name, "only on a node of our own"),
    }
}

async fn start(world: &World, node: &Node) -> Result<String> {
    let installed = &world.installed;
    let (pods, _) = installed.gateways(GATEWAYS).await?;
    let mut starts = Vec::new();
    let mut resident: f64 = 0.0;
    for pod in &pods {
        let (began, memory) = node.facts(pod).await?;
        resident = resident.max(memory);
        let log = kubectl(&["-n", &installed.namespace, "logs", &pod.name]).await?;
        let mut lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let line = lines
            .find(|line| line["message"] == "serving")
            .context("it does not say that it serves")?;
        let served: Timestamp = line["timestamp"]
            .as_str()
            .context("a time")?
            .parse()
            .context("reading a log's time")?;
        starts.push(Duration::try_from(served.duration_since(began)).unwrap_or_default());
    }
    starts.sort();
    let operators = installed.pods("operator").await?;
    let mut of_operator: f64 = 0.0;
    for pod in &operators {
        of_operator = of_operator.max(node.facts(pod).await?.1);
    }
    let fastest = starts.first().copied().unwrap_or_default();
    let slowest = starts.last().copied().unwrap_or_default();
    Ok(format!(
        "{} to {} (aim 1 s); resident: gateway {resident:.0} MiB, operator {of_operator:.0} MiB (this build: {})",
        shown(fastest),
        shown(slowest),
        std::env::var("PROFILE").unwrap_or_else(|_| "dev".to_owned())
    ))
}
