//! One thing after the other is taken away under load, and comes back.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::rules::enforced;
use super::{BACK_WITHIN, GATEWAYS, TOLD_WITHIN, World, leaders, vanish};
use crate::installed::Pod;
use crate::load::Load;
use crate::node::Node;
use crate::policy::guards;
use crate::report::Report;
use crate::tool::{apply, kubectl, shown, until};

/// Requests at the same time.
const WORKERS: u32 = 4;
/// The port of NATS.
const NATS: u16 = 4222;
/// How long the API server and etcd are away: longer than a leader goes on without its Lease.
const AWAY: Duration = Duration::from_secs(12);

pub(super) async fn items(world: &World, report: &mut Report) {
    let Some(node) = &world.node else {
        for what in [
            "a gateway",
            "the leading operator",
            "NATS",
            "the API server",
            "etcd",
            "a gateway's way to NATS",
        ] {
            report.skip(
                &format!("without {what}, under load"),
                "only on a node of our own",
            );
        }
        return;
    };
    let name = "a gateway is killed under load";
    world.show(report, name, || gateway(world, node)).await;
    let name = "the leading operator is killed under load";
    world
        .show(report, name, || leaders::killed(world, node))
        .await;
    let name = "the leading operator's pod vanishes under load";
    world
        .show(report, name, || leaders::vanishes(world, node))
        .await;
    let name = "NATS is away and comes back with its disk; a new gateway waits for it";
    world.show(report, name, || nats(world, node, true)).await;
    let name = "NATS is away and comes back without its disk";
    world.show(report, name, || nats(world, node, false)).await;
    let name = "a gateway is cut off from NATS";
    world.show(report, name, || partition(world, node)).await;
    for (name, daemon) in [
        ("the API server is away", "kube-apiserver"),
        ("etcd is away", "etcd"),
    ] {
        world
            .show(report, name, || control_plane(world, node, daemon))
            .await;
    }
}

/// Gives everything back that an item may have taken away: the next ones must not fail for it.
pub(super) async fn restore(world: &World) -> Result<()> {
    let installed = &world.installed;
    if let Some(node) = &world.node {
        for daemon in ["etcd", "kube-apiserver"] {
            if node.is_away(daemon) {
                node.give_back(daemon).await?;
            }
        }
    }
    installed
        .scale(&format!("statefulset/{}", installed.name("nats")), 1)
        .await?;
    installed
        .scale(
            &format!("deployment/{}", installed.name("gateway")),
            GATEWAYS,
        )
        .await?;
    for part in [
        "statefulset/nats",
        "deployment/operator",
        "deployment/gateway",
    ] {
        let what = part.replace('/', &format!("/{}-", installed.release));
        installed.rolled_out(&what).await?;
    }
    installed.gateways(GATEWAYS).await?;
    installed.programmed(GATEWAYS).await.map(|_| ())
}

/// Applies an edit; until all enforce it.
async fn edited(world: &World, pods: &[Pod]) -> Result<Duration> {
    let edit = world.edit();
    apply(&world.installed.namespace, &guards(edit)).await?;
    enforced(pods, edit).await
}

async fn gateway(world: &World, node: &Node) -> Result<String> {
    let installed = &world.installed;
    let (pods, _) = installed.gateways(GATEWAYS).await?;
    let killed = pods.first().context("a gateway")?;
    let mut targets = vec![installed.service().await?];
    for pod in &pods {
        targets.push(pod.target()?);
    }
    let load = Load::start(&targets, WORKERS);
    tokio::time::sleep(Duration::from_secs(1)).await;
    node.kill(killed).await?;
    vanish(&installed.namespace, &[killed]).await?;
    let (_, told) = installed
        .tells(
            TOLD_WITHIN,
            "the status tells of the gateway that is gone",
            |condition| condition.status != "True" || !condition.message.starts_with("3/3 "),
        )
        .await?;
    let (pods, back) = installed.gateways(GATEWAYS).await?;
    installed.programmed(GATEWAYS).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let tallies = load.end().await;
    let mut through_service = String::new();
    for (name, tally) in &tallies {
        ensure!(
            tally.unguarded == 0,
            "{name}: {tally}: {}",
            tally.said.join("; ")
        );
        if name == "Service" {
            let window = tally
                .failing
                .map_or(Duration::ZERO, |(first, last)| last - first);
            through_service = format!("{tally} through the Service, within {}", shown(window));
            // Until the endpoints are without it, its connections come to nothing.
            ensure!(
                window < Duration::from_secs(5),
                "{through_service}: {}",
                tally.said.join("; ")
            );
        } else if *name == killed.name {
            ensure!(
                tally.failed > 0,
                "nobody has noticed that {name} was killed: {tally}"
            );
        } else {
            ensure!(
                tally.failed == 0,
                "{name}: {tally}: {}",
                tally.said.join("; ")
            );
        }
    }
    edited(world, &pods).await?;
    Ok(format!(
        "{through_service}; 0 failed and 0 unguarded at the others; told in {}, another one ready after {}",
        shown(told),
        shown(back)
    ))
}

async fn nats(world: &World, node: &Node, with_disk: bool) -> Result<String> {
    let installed = &world.installed;
    let (gateways, servers) = (
        format!("deployment/{}", installed.name("gateway")),
        format!("statefulset/{}", installed.name("nats")),
    );
    let (pods, _) = installed.gateways(GATEWAYS).await?;
    let load = Load::start(&[installed.service().await?], WORKERS);
    let running = installed.pods("nats").await?;
    let killed = running.first().context("a NATS server")?;
    let process = node.process(killed).await?;
    installed.scale(&servers, 0).await?;
    // Asked to end it might do so in order.
    let _ = node.run(&["kill", "-KILL", &process]).await;
    vanish(&installed.namespace, &[killed]).await?;
    let (condition, told) = installed
        .tells(
            TOLD_WITHIN,
            "the status tells that NATS is away",
            |condition| condition.reason == "DistributionUnavailable",
        )
        .await?;
    ensure!(condition.status == "Unknown", "{condition}");
    // An edit that nobody gets yet, and a gateway that has nothing to enforce.
    let edit = world.edit();
    apply(&installed.namespace, &guards(edit)).await?;
    let mut waited = String::new();
    if with_disk {
        installed.scale(&gateways, GATEWAYS + 1).await?;
        waited = not_ready(world, &pods).await?;
    } else {
        let data = node.volume(0);
        std::fs::remove_dir_all(&data).context("wiping the disk")?;
        std::fs::create_dir(&data).context("making the disk anew")?;
        std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .context("opening the disk")?;
    }
    installed.scale(&servers, 1).await?;
    installed.rolled_out(&servers).await?;
    let back = enforced(&pods, edit).await?;
    let count = if with_disk { GATEWAYS + 1 } else { GATEWAYS };
    let (_, ready) = installed.gateways(count).await?;
    let (_, all) = installed.programmed(count).await?;
    if with_disk {
        waited.push_str(&format!(
            ", ready {} after the others had the edit",
            shown(ready)
        ));
        installed.scale(&gateways, GATEWAYS).await?;
        installed.gateways(GATEWAYS).await?;
        installed.gone("gateway", GATEWAYS).await?;
        installed.programmed(GATEWAYS).await?;
    }
    let tally = load.end_clean().await?;
    Ok(format!(
        "{tally}; told in {}; back, the edit is enforced after {} and told {} later{waited}",
        shown(told),
        shown(back),
        shown(all)
    ))
}

/// The gateway that is not among `old` runs and is not ready, for as long as NATS is away.
async fn not_ready(world: &World, old: &[Pod]) -> Result<String> {
    let installed = &world.installed;
    let (fresh, _) = until(BACK_WITHIN, "a new gateway runs", || async {
        let pods = installed.pods("gateway").await?;
        let fresh = pods
            .into_iter()
            .find(|pod| pod.running && !old.iter().any(|one| one.name == pod.name));
        fresh.context("there is none")
    })
    .await?;
    let ((status, said), _) = until(BACK_WITHIN, "it says whether it is ready", || {
        fresh.admin("/readyz")
    })
    .await?;
    ensure!(status == 503, "it says that it is ready: {said}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let pods = installed.pods("gateway").await?;
    let fresh = pods
        .iter()
        .find(|pod| pod.name == fresh.name)
        .context("it is gone")?;
    ensure!(
        fresh.running && !fresh.ready,
        "it is ready without a policy: {fresh:?}"
    );
    let client = fresh.client()?;
    let served = crate::load::answered(&client, crate::load::chat("demo/echo", "hello")).await;
    ensure!(served.is_err(), "it serves without a policy: {served:?}");
    Ok(format!("; the new gateway says {:?}", said.trim()))
}

async fn partition(world: &World, node: &Node) -> Result<String> {
    let installed = &world.installed;
    let (pods, _) = installed.gateways(GATEWAYS).await?;
    let (alone, others) = pods.split_first().context("gateways")?;
    let mut targets = vec![installed.service().await?];
    targets.push(alone.target()?);
    let load = Load::start(&targets, WORKERS);
    let before = world.edits.get();
    node.cut(alone, NATS, true).await?;
    let begun = Instant::now();
    let spread = edited(world, others).await?;
    let expected = format!("{}/{GATEWAYS} gateways", GATEWAYS - 1);
    let told = installed
        .tells(
            TOLD_WITHIN,
            &format!("the status tells {expected}"),
            |condition| condition.status != "True" && condition.message.contains(&expected),
        )
        .await;
    let told_after = begun.elapsed();
    let (_, revision) = alone.admin("/policy").await?;
    let kept = enforced(std::slice::from_ref(alone), before).await;
    // Whatever was seen: the next items need the gateway.
    node.cut(alone, NATS, false).await?;
    let (condition, _) = told?;
    kept.with_context(|| format!("it lost its last good policy, and has {revision}"))?;
    let healed = enforced(std::slice::from_ref(alone), world.edits.get()).await?;
    installed.programmed(GATEWAYS).await?;
    let tally = load.end_clean().await?;
    Ok(format!(
        "{tally}; the others had an edit in {}, told after {}: {condition}; the one kept its last and had the edit {} after the cut was mended",
        shown(spread),
        shown(told_after),
        shown(healed)
    ))
}

async fn control_plane(world: &World, node: &Node, daemon: &str) -> Result<String> {
    let installed = &world.installed;
    let (pods, _) = installed.gateways(GATEWAYS).await?;
    let load = Load::start(&[installed.service().await?], WORKERS);
    node.take_away(daemon).await?;
    tokio::time::sleep(AWAY).await;
    let asked = kubectl(&[
        "--request-timeout=1s",
        "-n",
        &installed.namespace,
        "get",
        "guardrailintegration",
        "guards",
    ])
    .await;
    let back = node.give_back(daemon).await?;
    ensure!(asked.is_err(), "{daemon} was not away");
    let begun = Instant::now();
    // Right after a start some requests are still refused.
    let edit = world.edit();
    let guards = &guards(edit);
    until(BACK_WITHIN, "an edit is taken", || {
        apply(&installed.namespace, guards)
    })
    .await?;
    enforced(&pods, edit).await?;
    let enforced = begun.elapsed();
    let (message, _) = installed.programmed(GATEWAYS).await?;
    let told = begun.elapsed();
    ensure!(told <= TOLD_WITHIN, "told only after {}", shown(told));
    let tally = load.end_clean().await?;
    Ok(format!(
        "{tally}; away for {}, ready {} after its start, an edit enforced {} and told {} after that: {message}",
        shown(AWAY),
        shown(back),
        shown(enforced),
        shown(told)
    ))
}
