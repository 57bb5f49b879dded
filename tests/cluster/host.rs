//! Outside of the cluster: makes it, puts the images into it, and takes it down whatever happens.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use parapet_tests::packages;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::tool::{helm, kubectl, root, script};

/// Programs of Debian packages that a node needs.
const PROGRAMS: &[(&str, &str)] = &[
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("iptables", "iptables"),
    ("ip", "iproute2"),
    ("openssl", "openssl"),
    ("python3", "python3"),
];

/// What runs in the cluster: what is installed, and a collector to send traces to.
const IMAGES: [&str; 4] = ["parapet-gateway", "parapet-operator", "nats", "otelcol"];

/// Whether a cluster that is there already is to be taken.
pub(crate) fn is_existing() -> bool {
    std::env::var("CLUSTER").is_ok_and(|cluster| cluster == "existing")
}

/// Runs the items in the cluster of `KUBECONFIG`, and takes away from it what they brought.
///
/// # Errors
/// When Parapet is in that cluster already: it is not to be touched.
pub(crate) async fn existing() -> Result<bool> {
    let found = kubectl(&["get", "customresourcedefinitions", "-o", "name"]).await?;
    ensure!(
        !found.contains(".parapet.dev"),
        "Parapet is in this cluster already: take one without it"
    );
    let namespaces = kubectl(&["get", "namespaces", "-o", "name"]).await?;
    ensure!(
        !namespaces.lines().any(|name| name == "namespace/parapet"),
        "the namespace parapet is there already: take a cluster without it"
    );
    let outcome = interruptible(crate::items::all()).await;
    if std::env::var_os("KEEP").is_none() {
        // Where it was uninstalled already there is nothing to uninstall.
        let _ = helm(&[
            "uninstall",
            "parapet",
            "-n",
            "parapet",
            "--wait",
            "--timeout",
            "110s",
        ])
        .await;
        kubectl(&["delete", "namespace", "parapet", "--ignore-not-found"]).await?;
        let kinds = kubectl(&["get", "customresourcedefinitions", "-o", "name"]).await?;
        for kind in kinds.lines().filter(|kind| kind.ends_with(".parapet.dev")) {
            kubectl(&["delete", kind]).await?;
        }
    }
    outcome
}

/// The same, ended early by Ctrl-C or SIGTERM, so that what follows can clean up.
async fn interruptible(work: impl Future<Output = Result<bool>>) -> Result<bool> {
    let mut interrupt = signal(SignalKind::interrupt()).context("waiting for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("waiting for signals")?;
    tokio::select! {
        outcome = work => outcome,
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("asked to end")),
    }
}

/// Makes a cluster, runs the items in it, and takes it down; whether all of them hold.
///
/// # Errors
/// When something fails on the way there.
pub(crate) async fn run() -> Result<bool> {
    let skipped = root().join(".cache/cluster-tests-skipped");
    let _ = std::fs::remove_file(&skipped);
    if let Err(why) = prepare() {
        ensure!(std::env::var_os("CI").is_none(), "{why:#}");
        println!("SKIPPED: the tests in a cluster: {why:#}");
        std::fs::create_dir_all(root().join(".cache")).context("making .cache")?;
        std::fs::write(&skipped, format!("{why:#}")).context("noting what is skipped")?;
        return Ok(true);
    }
    let dir = folder()?;
    let outcome = interruptible(in_cluster(&dir)).await;
    if std::env::var_os("KEEP").is_some() {
        let dir = dir.display();
        println!(
            "the cluster stays: PARAPET_CLUSTER={dir} tests/cluster/in-cluster kubectl get pods -A"
        );
    } else {
        command("down", &dir).await?;
    }
    outcome
}

/// What the machine needs; packages are installed where that may be done.
fn prepare() -> Result<()> {
    ensure!(
        packages::is_root(),
        "only root can make a cluster on this machine; CLUSTER=existing takes another one"
    );
    ensure!(
        Path::new("/sys/fs/cgroup/memory").is_dir(),
        "the test cluster needs control groups of version 1, and this host has only version 2; CLUSTER=existing takes another one"
    );
    ensure!(
        packages::found("go"),
        "Go is not installed, and the cluster's programs are built from source"
    );
    let mut missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| !packages::found(program))
        .map(|(_, package)| *package)
        .collect();
    if !Path::new("/usr/lib/cni/bridge").exists() {
        missing.push("containernetworking-plugins");
    }
    packages::install(&missing)
}

/// All of the cluster; another for each copy of the repository. Never below /var or /run, which a node has of its own.
fn folder() -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    root().hash(&mut hasher);
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    let cache = match (
        std::env::var_os("PARAPET_CACHE"),
        std::env::var_os("XDG_CACHE_HOME"),
    ) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(caches)) => Path::new(&caches).join("parapet"),
        (None, None) => Path::new(&home).join(".cache/parapet"),
    };
    Ok(cache.join(format!("cluster-{:016x}", hasher.finish())))
}

async fn in_cluster(dir: &Path) -> Result<bool> {
    let mut images = Command::new(root().join("images/build"));
    if std::env::var_os("PROFILE").is_none() {
        // The same code as in a release, with a tenth of the time to build it.
        images.env("PROFILE", "dev");
    }
    succeeds(images.args(IMAGES).current_dir(root())).await?;
    // What a run that was killed has left.
    command("down", dir).await?;
    command("up", dir).await?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    for image in IMAGES {
        let archive = target.join("images").join(format!("{image}.tar"));
        let file = std::fs::File::open(&archive)
            .with_context(|| format!("opening {}", archive.display()))?;
        let mut import = Command::new(script("in-cluster"));
        import.args(["-a", "ctr", "-n", "k8s.io", "images", "import", "-"]);
        import
            .env("PARAPET_CLUSTER", dir)
            .stdin(file)
            .stdout(Stdio::null());
        succeeds(&mut import).await?;
    }
    let mut inside = Command::new(script("in-cluster"));
    inside
        .arg(std::env::current_exe().context("finding this program")?)
        .arg("inside");
    inside.env("PARAPET_CLUSTER", dir).kill_on_drop(true);
    let status = inside
        .status()
        .await
        .context("running the tests in the cluster")?;
    Ok(status.success())
}

async fn command(name: &str, dir: &Path) -> Result<()> {
    let mut command = Command::new(script(name));
    succeeds(command.env("PARAPET_CLUSTER", dir)).await
}

async fn succeeds(command: &mut Command) -> Result<()> {
    let what = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let status = command
        .kill_on_drop(true)
        .status()
        .await
        .with_context(|| format!("running {what}"))?;
    ensure!(status.success(), "{what}: {status}");
    Ok(())
}
