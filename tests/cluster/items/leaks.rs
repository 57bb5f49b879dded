//! No secret, and nothing that anybody asked, shows anywhere.

use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parapet_bus::envelope::{Expected, verify};
use parapet_bus::keys::TrustedKeys;
use parapet_bus::nats::{BundleReader, ConnectConfig, Credentials, Role, connect};
use serde_json::Value;

use super::World;
use crate::policy::{API_KEY, AWS_KEY, SSN, TOKEN};
use crate::report::Report;
use crate::tool::{get, kubectl};

pub(super) async fn items(world: &World, report: &mut Report) {
    let name = "no secret in logs, statuses, events, /policy, /metrics, NATS and traces";
    // What has leaked does not unleak.
    report.item(name, nowhere(world)).await;
}

/// Looks for needles in one place after the other.
struct Search {
    needles: Vec<(String, String)>,
    places: usize,
    bytes: usize,
}

impl Search {
    fn look(&mut self, place: &str, hay: &[u8]) -> Result<()> {
        self.places += 1;
        self.bytes += hay.len();
        for (name, needle) in &self.needles {
            ensure!(
                memchr::memmem::find(hay, needle.as_bytes()).is_none(),
                "{name} stands in {place}"
            );
        }
        Ok(())
    }
}

/// The values of a Secret, as text.
async fn values(namespace: &str, secret: &str) -> Result<Vec<(String, String)>> {
    let object = get(namespace, &["secret", secret]).await?;
    let data = object["data"].as_object().cloned().unwrap_or_default();
    let values = data.into_iter().map(|(key, value)| {
        let bytes = BASE64_STANDARD.decode(value.as_str().unwrap_or_default())?;
        Ok((key, String::from_utf8(bytes)?))
    });
    values.collect()
}

async fn nowhere(world: &World) -> Result<String> {
    let installed = &world.installed;
    let namespace = &installed.namespace;
    let operator = values(namespace, &installed.name("operator-keys")).await?;
    let gateway = values(namespace, &installed.name("gateway-keys")).await?;
    let mut needles: Vec<(String, String)> = [
        ("the token", TOKEN),
        ("the model's key", API_KEY),
        ("a key of a prompt", AWS_KEY),
        ("a number of a prompt", SSN),
    ]
    .iter()
    .flat_map(|(name, value)| {
        [
            (name.to_string(), value.to_string()),
            (format!("{name} in base64"), BASE64_STANDARD.encode(value)),
        ]
    })
    .collect();
    let private = ["signing", "digest", "opening", "nats.nk", "traces.nk"];
    for (key, value) in operator
        .iter()
        .chain(&gateway)
        .filter(|(key, _)| private.contains(&key.as_str()))
    {
        ensure!(!value.trim().is_empty(), "{key} is empty");
        needles.extend(
            value
                .lines()
                .map(|line| (format!("a line of {key}"), line.trim().to_owned()))
                .filter(|(_, line)| line.len() > 8),
        );
    }
    let count = needles.len();
    let mut search = Search {
        needles,
        places: 0,
        bytes: 0,
    };
    for component in ["operator", "gateway", "nats", "forwarder"] {
        for pod in installed.pods(component).await? {
            let log = kubectl(&["-n", namespace, "logs", &pod.name]).await?;
            ensure!(!log.is_empty(), "{} has said nothing", pod.name);
            search.look(&format!("the log of {}", pod.name), log.as_bytes())?;
            let routes: &[&str] = match component {
                "gateway" => &["/policy", "/metrics", "/readyz"],
                "operator" | "forwarder" => &["/metrics", "/readyz"],
                _ => &[],
            };
            for route in routes {
                let (_, said) = pod.admin(route).await?;
                search.look(&format!("{route} of {}", pod.name), said.as_bytes())?;
            }
        }
    }
    for what in [
        "parapet",
        "events",
        "events.events.k8s.io",
        "leases",
        "configmaps",
        "pods,deployments,statefulsets,jobs",
    ] {
        let shown = kubectl(&["-n", namespace, "get", what, "-o", "json"]).await?;
        search.look(what, shown.as_bytes())?;
    }
    search.look(
        "what NATS serves",
        published(world, &gateway).await?.as_bytes(),
    )?;
    if let Some(node) = &world.node {
        files(&node.volume(0), &mut search)?;
        search.look("the audit log", node.audit_log()?.as_bytes())?;
        search.look(
            "what a collector got",
            super::traces::written(node).as_bytes(),
        )?;
    }
    Ok(format!(
        "{count} needles in {} places, {} KiB",
        search.places,
        search.bytes / 1024
    ))
}

/// Every file that NATS has written.
fn files(folder: &Path, search: &mut Search) -> Result<()> {
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, search)?;
        } else {
            let bytes =
                std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            search.look(&path.display().to_string(), &bytes)?;
        }
    }
    Ok(())
}

/// What gateways get, verified and unpacked: everything but what is sealed.
async fn published(world: &World, keys: &[(String, String)]) -> Result<String> {
    let installed = &world.installed;
    let dir = tempfile::tempdir().context("making a folder for keys")?;
    for (name, value) in keys {
        std::fs::write(dir.path().join(name), value).with_context(|| format!("writing {name}"))?;
    }
    let connection = connect(&ConnectConfig {
        urls: vec![format!(
            "tls://{}.{}.svc:4222",
            installed.name("nats"),
            installed.namespace
        )],
        name: "test".to_owned(),
        role: Role::Gateway,
        credentials: Credentials::NkeySeedFile(dir.path().join("nats.nk")),
        ca_file: Some(dir.path().join("ca.crt")),
    })
    .await?;
    let mut state = connection.state().clone();
    tokio::time::timeout(
        Duration::from_secs(10),
        state.wait_for(|state| state.connected),
    )
    .await
    .context("NATS does not answer")??;
    let message = BundleReader::new(&connection, "default")
        .get()
        .await?
        .context("nothing is published")?;
    let trusted = keys
        .iter()
        .find(|(name, _)| name == "trusted")
        .map(|(_, text)| text.as_str())
        .unwrap_or_default();
    let trusted = TrustedKeys::from_texts([trusted])?;
    let name = format!("{}-{}", installed.namespace, installed.release);
    let verified = verify(
        &message,
        &Expected {
            trusted: &trusted,
            installation: &name,
            class: "default",
            now: SystemTime::now(),
            in_force: None,
        },
    )
    .map_err(|refusal| anyhow::anyhow!("a gateway would refuse it: {refusal:?}"))?;
    let manifest = serde_json::to_string(verified.manifest())?;
    let body = verified
        .body()
        .map_err(|refusal| anyhow::anyhow!("it cannot be unpacked: {refusal:?}"))?;
    let body = serde_json::to_value(&body)?;
    ensure!(body != Value::Null, "it is empty");
    Ok(format!("{manifest}{body}"))
}
