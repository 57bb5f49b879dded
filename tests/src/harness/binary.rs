//! Finds the gateway's binary, building it once when it is not there yet or no longer current.

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
    BUILT.get_or_try_init(find_or_build).await.cloned()
}

async fn find_or_build() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("PARAPET_GATEWAY") {
        return Ok(path.into());
    }
    let profile = profile_dir()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the crate has no parent folder")?;
    // Cargo itself knows best whether there is something to do. It takes a moment when there is not.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // For the whole workspace, so that the features are those of `cargo test --workspace` and nothing is built twice.
    cargo.current_dir(root).args([
        "build",
        "--quiet",
        "--workspace",
        "--bin",
        "parapet-gateway",
    ]);
    if profile.file_name().is_some_and(|name| name == "release") {
        cargo.arg("--release");
    }
    let status = cargo.status().await.context("running cargo build")?;
    ensure!(
        status.success(),
        "cargo build --bin parapet-gateway: {status}"
    );
    let binary = profile.join("parapet-gateway");
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
