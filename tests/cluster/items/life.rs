//! The chart is upgraded and taken away.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use super::{GATEWAYS, TOLD_WITHIN, World};
use crate::load::Load;
use crate::policy::guards;
use crate::report::Report;
use crate::tool::{apply, get, helm, kubectl, shown, until};

/// Requests at the same time.
const WORKERS: u32 = 6;

pub(super) async fn upgrade(world: &World, report: &mut Report) {
    let name = "helm upgrade to other values under load keeps resources and traffic";
    report.item(name, upgraded(world)).await;
    let name = "the webhook, enabled by the upgrade, refuses what would not be accepted";
    world.show(report, name, || webhook(world)).await;
}

pub(super) async fn uninstall(world: &World, report: &mut Report) {
    let name = "helm uninstall leaves no pod, and keeps definitions and resources";
    report.item(name, uninstalled(world)).await;
}

/// The uid and the generation of every resource of ours.
async fn resources(namespace: &str) -> Result<BTreeMap<String, String>> {
    let list = get(namespace, &["parapet"]).await?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value, path: &str| {
        value
            .pointer(path)
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    Ok(items
        .iter()
        .map(|one| {
            let name = format!("{} {}", text(one, "/kind"), text(one, "/metadata/name"));
            (
                name,
                format!(
                    "{} {}",
                    text(one, "/metadata/uid"),
                    text(one, "/metadata/generation")
                ),
            )
        })
        .collect())
}

async fn definitions() -> Result<usize> {
    let names = kubectl(&["get", "customresourcedefinitions", "-o", "name"]).await?;
    Ok(names
        .lines()
        .filter(|name| name.ends_with(".parapet.dev"))
        .count())
}

async fn upgraded(world: &World) -> Result<String> {
    let installed = &world.installed;
    let before = resources(&installed.namespace).await?;
    ensure!(before.len() >= 4, "{before:?}");
    let load = Load::start(&[installed.service().await?], WORKERS);
    let begun = Instant::now();
    // All pods of all components are replaced.
    let values = [
        "gateway.log=debug",
        "operator.log=debug",
        "nats.podAnnotations.test=upgraded",
        "webhook.enabled=true",
    ];
    installed.helm("upgrade", &values).await?;
    let took = begun.elapsed();
    installed.gateways(GATEWAYS).await?;
    installed.gone("gateway", GATEWAYS).await?;
    let edit = world.edit();
    apply(&installed.namespace, &guards(edit)).await?;
    let (pods, _) = installed.gateways(GATEWAYS).await?;
    super::rules::enforced(&pods, edit).await?;
    let (message, _) = installed.programmed(GATEWAYS).await?;
    let tally = load.end_clean().await?;
    let mut after = resources(&installed.namespace).await?;
    // The one that was edited since.
    let kept = after
        .iter()
        .filter(|(name, is)| before.get(*name) == Some(*is))
        .count();
    after.retain(|name, _| !before.contains_key(name));
    ensure!(
        kept + 1 == before.len() && after.is_empty(),
        "resources are others: {after:?}"
    );
    Ok(format!(
        "{tally}; in {}, {} resources kept; {message}",
        shown(took),
        before.len()
    ))
}

async fn webhook(world: &World) -> Result<String> {
    let installed = &world.installed;
    let bad = guards(0).replace("\"marker\"", "\"(\"");
    // The API server gets to know the operator's certificate after it has begun to run.
    let look = || async {
        match apply(&installed.namespace, &bad).await {
            Err(error) => Ok(format!("{error:#}")),
            Ok(()) => bail!("it is taken"),
        }
    };
    let (said, took) = until(
        TOLD_WITHIN,
        "a pattern that does not compile is refused",
        look,
    )
    .await?;
    ensure!(said.contains("denied the request"), "{said}");
    apply(&installed.namespace, &guards(world.edit())).await?;
    let said = said.split("denied the request: ").nth(1).unwrap_or(&said);
    Ok(format!(
        "after {}: {}",
        shown(took),
        said.lines().next().unwrap_or_default()
    ))
}

async fn uninstalled(world: &World) -> Result<String> {
    let installed = &world.installed;
    let before = (resources(&installed.namespace).await?, definitions().await?);
    let begun = Instant::now();
    helm(&[
        "uninstall",
        &installed.release,
        "-n",
        &installed.namespace,
        "--wait",
        "--timeout",
        "110s",
    ])
    .await?;
    for component in ["gateway", "operator", "nats", "keys", "forwarder"] {
        installed.gone(component, 0).await?;
    }
    let took = begun.elapsed();
    let hooks = kubectl(&["get", "validatingwebhookconfigurations", "-o", "name"]).await?;
    ensure!(
        !hooks.contains(&installed.release),
        "a webhook is left that nobody answers: {hooks}"
    );
    let after = (resources(&installed.namespace).await?, definitions().await?);
    ensure!(before == after, "before {before:?}, after {after:?}");
    Ok(format!(
        "in {}; {} resources and {} definitions stay",
        shown(took),
        after.0.len(),
        after.1
    ))
}
