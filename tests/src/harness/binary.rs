//! Finds our binaries, building each once when it is not there yet or no longer current.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use tokio::sync::OnceCell;

/// The gateway of this build. `PARAPET_GATEWAY` names another one.
///
/// # Errors
/// When it cannot be built.
pub async fn gateway_binary() -> Result<PathBuf> {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    let find = || async {
        match std::env::var_os("PARAPET_GATEWAY") {
            Some(path) => Ok(path.into()),
            None => build("parapet-gateway").await,
        }
    };
    BUILT.get_or_try_init(find).await.cloned()
}

/// The operator of this build.
///
/// # Errors
/// When it cannot be built.
pub async fn operator_binary() -> Result<PathBuf> {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    BUILT
        .get_or_try_init(|| build("parapet-operator"))
        .await
        .cloned()
}

async fn build(name: &str) -> Result<PathBuf> {
    let profile = profile_dir()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the crate has no parent folder")?;
    // Cargo itself knows best whether there is something to do. It takes a moment when there is not.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // For the whole workspace, so that the features are those of `cargo test --workspace` and nothing is built twice.
    cargo
        .current_dir(root)
        .args(["build", "--quiet", "--workspace", "--bin", name]);
    if profile.file_name().is_some_and(|name| name == "release") {
        cargo.arg("--release");
    }
    let status = cargo.status().await.context("running cargo build")?;
    ensure!(status.success(), "cargo build --bin {name}: {status}");
    let binary = profile.join(name);
    ensure!(binary.is_file(), "cargo built no {}", binary.display());
    Ok(binary)
}

/// The folder of the profile that this program was built with, e.g. `target/debug`.
fn profile_dir() -> Result<PathBuf> {
    let mut dir = std::env::current_exe().context("finding this program")?;
    dir.pop();
    if dir.ends_with("deps") {
        dir.pop();
    }
    Ok(dir)
}
