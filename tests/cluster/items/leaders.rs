//! The operator that leads is taken away: another one goes on.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::rules::enforced;
use super::{BACK_WITHIN, GATEWAYS, TOLD_WITHIN, World, vanish};
use crate::installed::Pod;
use crate::load::Load;
use crate::node::Node;
use crate::policy::guards;
use crate::tool::{apply, get, shown, until};

/// Requests at the same time.
const WORKERS: u32 = 4;

/// Who holds the Lease, and with which epoch.
async fn holder(world: &World) -> Result<(String, u64)> {
    let lease = get(
        &world.installed.namespace,
        &["lease", &world.installed.name("operator")],
    )
    .await?;
    let holder = lease
        .pointer("/spec/holderIdentity")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let epoch = lease
        .pointer("/metadata/annotations/parapet.dev~1epoch")
        .and_then(Value::as_str);
    Ok((
        holder.to_owned(),
        epoch
            .and_then(|epoch| epoch.parse().ok())
            .context("the Lease has no epoch")?,
    ))
}

async fn leading_pod(world: &World) -> Result<(Pod, u64)> {
    let (holder, epoch) = holder(world).await?;
    let pods = world.installed.pods("operator").await?;
    let leader = pods.into_iter().find(|pod| holder.starts_with(&pod.name));
    Ok((
        leader.with_context(|| format!("{holder} is no pod"))?,
        epoch,
    ))
}

/// Its process is killed: its container starts again.
pub(super) async fn killed(world: &World, node: &Node) -> Result<String> {
    let (killed, epoch) = leading_pod(world).await?;
    let load = Load::start(&[world.installed.service().await?], WORKERS);
    node.kill(&killed).await?;
    let figure = succeeded(world, epoch).await?;
    Ok(format!("{}; {figure}", load.end_clean().await?))
}

/// Its pod is gone for good.
pub(super) async fn vanishes(world: &World, node: &Node) -> Result<String> {
    // Right after a restart a pod's status may still name the container before.
    let ((killed, epoch, process), _) = until(BACK_WITHIN, "a leader with a process", || async {
        let (leader, epoch) = leading_pod(world).await?;
        let process = node.process(&leader).await?;
        Ok((leader, epoch, process))
    })
    .await?;
    let load = Load::start(&[world.installed.service().await?], WORKERS);
    // As when its node is gone: it does not give its Lease back, and no container of its name comes again.
    vanish(&world.installed.namespace, &[&killed]).await?;
    // The pod's deletion may have been faster.
    let _ = node.run(&["kill", "-KILL", &process]).await;
    let figure = succeeded(world, epoch).await?;
    world
        .installed
        .rolled_out(&format!("deployment/{}", world.installed.name("operator")))
        .await?;
    Ok(format!("{}; {figure}", load.end_clean().await?))
}

/// Somebody leads with a higher epoch, an edit is enforced, and statuses tell it.
async fn succeeded(world: &World, epoch: u64) -> Result<String> {
    let installed = &world.installed;
    let begun = Instant::now();
    // Made while nobody leads.
    let edit = world.edit();
    apply(&installed.namespace, &guards(edit)).await?;
    until(BACK_WITHIN, "another leadership", || async {
        let (holder, now) = holder(world).await?;
        ensure!(now > epoch, "{holder} leads in epoch {now}");
        Ok(())
    })
    .await?;
    let won = begun.elapsed();
    let (pods, _) = installed.gateways(GATEWAYS).await?;
    enforced(&pods, edit).await?;
    let edited = begun.elapsed();
    let expected = format!("{GATEWAYS}/{GATEWAYS} gateways at revision ");
    let (condition, _) = installed
        .tells(
            BACK_WITHIN,
            "the status tells the edit in a new epoch",
            |condition| {
                let revision = condition
                    .message
                    .strip_prefix(&expected)
                    .unwrap_or_default();
                let of: Option<u64> = revision
                    .split('.')
                    .next()
                    .and_then(|epoch| epoch.parse().ok());
                condition.status == "True" && of.is_some_and(|of| of > epoch)
            },
        )
        .await?;
    let told = begun.elapsed();
    ensure!(
        told <= TOLD_WITHIN,
        "led after {}, told only after {}",
        shown(won),
        shown(told)
    );
    Ok(format!(
        "led again after {}; an edit made at once is enforced after {} and told after {}: {}",
        shown(won),
        shown(edited),
        shown(told),
        condition.message
    ))
}
