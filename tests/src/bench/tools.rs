//! The programs that measuring needs.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Program and Debian package.
const NEEDED: [(&str, &str); 3] = [
    ("nginx", "nginx"),
    ("wrk", "wrk"),
    ("taskset", "util-linux"),
];

/// Makes sure that nginx, wrk and taskset are there and that there are two cores; installs Debian packages
/// when it may.
///
/// # Errors
/// Says what is missing and what to do.
pub fn prepare() -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    ensure!(
        cores >= 2,
        "measuring needs two cores: one for what is measured, one for the load"
    );
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(program, _)| !found(program))
        .map(|(_, package)| *package)
        .collect();
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
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // The packaged nginx is not to start a server of its own.
        .env("RUNLEVEL", "1")
        .status()
        .context("running apt-get")?;
    ensure!(status.success(), "apt-get: {status}; {advice}");
    Ok(())
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
        // Debian keeps servers where users do not look.
        || std::path::Path::new("/usr/sbin").join(program).is_file()
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
