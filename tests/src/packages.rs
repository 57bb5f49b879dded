//! Debian packages that tests and measurements need.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Installs packages with apt-get, which only root may.
///
/// # Errors
/// Says what is missing and what to do.
pub fn install(missing: &[&str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let advice = format!("install them: apt-get install {}", missing.join(" "));
    if !is_root() || !found("apt-get") {
        bail!("missing: {}; {advice}", missing.join(", "));
    }
    eprintln!("installing {} with apt-get", missing.join(", "));
    let status = Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(missing)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // A packaged server is not to start one of its own.
        .env("RUNLEVEL", "1")
        .status()
        .context("running apt-get")?;
    ensure!(status.success(), "apt-get: {status}; {advice}");
    Ok(())
}

/// Whether a program is on this machine.
pub fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
        // Debian keeps servers where users do not look.
        || std::path::Path::new("/usr/sbin").join(program).is_file()
}

/// Whether this is root.
pub fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
