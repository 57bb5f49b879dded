//! More gateways and fewer, and new ones for old, under load.

use anyhow::Result;

use super::{GATEWAYS, World};
use crate::load::Load;
use crate::report::Report;
use crate::tool::{kubectl, shown};

/// Requests at the same time.
const WORKERS: u32 = 6;

pub(super) async fn items(world: &World, report: &mut Report) {
    let name = "scale 1 to 5 to 1 under load";
    world.show(report, name, || scale(world)).await;
    let name = "rolling update of the gateways under load";
    world.show(report, name, || roll(world, "gateway")).await;
    let name = "rolling update of the operator under load";
    world.show(report, name, || roll(world, "operator")).await;
}

async fn scale(world: &World) -> Result<String> {
    let installed = &world.installed;
    let deployment = format!("deployment/{}", installed.name("gateway"));
    installed.scale(&deployment, 1).await?;
    installed.gateways(1).await?;
    let load = Load::start(&[installed.service().await?], WORKERS);
    installed.scale(&deployment, 5).await?;
    let (_, up) = installed.gateways(5).await?;
    installed.programmed(5).await?;
    installed.scale(&deployment, 1).await?;
    let (_, down) = installed.gateways(1).await?;
    // The pods that go serve on for a while.
    installed.gone("gateway", 1).await?;
    let (_, told) = installed.programmed(1).await?;
    let tally = load.end_clean().await?;
    installed.scale(&deployment, GATEWAYS).await?;
    installed.gateways(GATEWAYS).await?;
    installed.programmed(GATEWAYS).await?;
    Ok(format!(
        "{tally}; 5 ready after {}, 1 left after {}, the status {} later",
        shown(up),
        shown(down),
        shown(told)
    ))
}

async fn roll(world: &World, part: &str) -> Result<String> {
    let installed = &world.installed;
    let deployment = format!("deployment/{}", installed.name(part));
    let begun = std::time::Instant::now();
    let load = Load::start(&[installed.service().await?], WORKERS);
    kubectl(&[
        "-n",
        &installed.namespace,
        "rollout",
        "restart",
        &deployment,
    ])
    .await?;
    installed.rolled_out(&deployment).await?;
    let count = installed.pods(part).await?.len();
    installed.gone(part, count).await?;
    installed.programmed(GATEWAYS).await?;
    // Whoever leads by now can still change something.
    let edit = world.edit();
    let (pods, _) = installed.gateways(GATEWAYS).await?;
    crate::tool::apply(&installed.namespace, &crate::policy::guards(edit)).await?;
    let enforced = super::rules::enforced(&pods, edit).await?;
    let tally = load.end_clean().await?;
    Ok(format!(
        "{tally}; {count} new ones in {}, an edit after that in {}",
        shown(begun.elapsed()),
        shown(enforced)
    ))
}
