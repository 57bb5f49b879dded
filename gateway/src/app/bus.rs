//! Following an operator, as far as the command line says how.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use parapet_bus::keys::{read_opening_keys, read_trusted_keys};
use parapet_bus::nats::{self, Role};

use super::stage::Stage;
use crate::args::BusArgs;
use crate::policy::live::LivePolicy;
use crate::policy::remote::follow::{First, Following, follow as follow_operator};
use crate::policy::remote::status::SharedStatus;
use crate::policy::remote::tools::report_tools;
use crate::policy::remote::{Pod, RemoteConfig};

/// Begins to follow the operator.
///
/// # Errors
/// When the command line is not enough, or a connection cannot even be tried.
pub(super) async fn follow(
    args: &BusArgs,
    pod: &Pod,
    stage: &Stage,
) -> anyhow::Result<(Following, First)> {
    let needed = |given: &Option<PathBuf>, name: &str| {
        given
            .clone()
            .with_context(|| format!("--nats needs {name}"))
    };
    let installation = args
        .nats
        .installation
        .as_deref()
        .context("--nats needs --installation")?;
    let config = RemoteConfig {
        installation: installation.into(),
        class: args.nats.class.as_str().into(),
        trusted_keys: needed(&args.trusted_keys, "--trusted-keys")?,
        gateway_keys: needed(&args.gateway_keys, "--gateway-keys")?,
        cache_dir: args.cache_dir.clone(),
        pod: pod.clone(),
    };
    // Later a rotation may be half done; at the start it is a mistake.
    read_trusted_keys(&config.trusted_keys)?;
    read_opening_keys(&config.gateway_keys)?;
    let status = SharedStatus::default();
    stage.following(Arc::clone(&status));
    tracing::info!(
        installation = &*config.installation,
        class = &*config.class,
        pod = config.pod.name,
        uid = config.pod.uid,
        "following the operator over NATS"
    );
    let name = config.pod.name.clone();
    let connection = nats::connect(&args.nats.connect_config(Role::Gateway, name)).await?;
    let sightings = Arc::clone(stage.sightings());
    tokio::spawn(report_tools(connection.clone(), config.clone(), sightings));
    Ok(follow_operator(connection, config, status))
}

/// Waits for the first policy.
///
/// # Errors
/// When whoever follows has ended.
pub(super) async fn first(first: &mut First) -> anyhow::Result<Arc<LivePolicy>> {
    let live = first.wait_for(Option::is_some).await;
    let live = live.context("following the operator has ended")?.clone();
    live.context("there is no policy")
}

/// Which pod this process is.
///
/// # Errors
/// Never at present.
pub(super) fn pod(args: &BusArgs) -> anyhow::Result<Pod> {
    let name = args.pod_name.clone().or_else(|| {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
        Some(name.trim().to_owned())
    });
    let uid = match &args.pod_uid {
        Some(uid) => uid.clone(),
        None => random_uid()?,
    };
    Ok(Pod {
        name: name.unwrap_or_else(|| uid.clone()),
        uid,
        namespace: args.pod_namespace.clone(),
    })
}

/// One that no other process has.
fn random_uid() -> anyhow::Result<String> {
    use std::hash::{BuildHasher as _, RandomState};
    let mut uid = String::with_capacity(32);
    for part in 0..2_u8 {
        uid.push_str(&format!(
            "{:016x}",
            RandomState::new().hash_one((part, std::process::id()))
        ));
    }
    Ok(uid)
}
