//! Measurements in process, which examples print: what policy costs (compiling 5,000 rules, editing one, planning a
//! request), what it costs to know who calls, and what the console holds.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Runs an example of a crate and returns what it prints.
///
/// # Errors
/// When it cannot be built or fails.
pub fn measure(package: &str, example: &str) -> Result<String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args([
            "run",
            "--release",
            "--quiet",
            "-p",
            package,
            "--example",
            example,
        ])
        .output()
        .context("running cargo")?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
