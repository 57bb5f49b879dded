//! The chart is installed, and what a start costs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::{GATEWAYS, World};
use crate::node::Node;
use crate::policy::base;
use crate::report::Report;
use crate::tool::{apply, kubectl, shown};

/// Installs the chart and applies the first policy.
pub(super) async fn first(world: &World) -> Result<String> {
    let installed = &world.installed;
    if let Some(node) = &world.node {
        node.volumes(1).await?;
    }
    let begun = Instant::now();
    installed.helm("install", &[]).await?;
    let installed_in = begun.elapsed();
    installed
        .scale(
            &format!("deployment/{}", installed.name("gateway")),
            GATEWAYS,
        )
        .await?;
    apply(&installed.namespace, &base(0)).await?;
    installed.gateways(GATEWAYS).await?;
    let (message, _) = installed.programmed(GATEWAYS).await?;
    let listed = kubectl(&["get", "parapet", "-A"]).await?;
    ensure!(
        listed.contains(&message),
        "kubectl get parapet does not show {message:?}:\n{listed}"
    );
    Ok(format!("installed in {}; {message}", shown(installed_in)))
}

/// What a start costs, when nothing has to be waited for.
pub(super) async fn items(world: &World, report: &mut Report) {
    let name = "start of a gateway: from its process to serving, and memory";
    match &world.node {
        Some(node) => drop(report.item(name, start(world, node)).await),
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
