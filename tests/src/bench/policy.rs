//! What policy costs: compiling 5,000 rules, editing one, planning a request.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Runs the policy crate's own measurement and returns what it prints.
///
/// # Errors
/// When it cannot be built or fails.
pub fn measure() -> Result<String> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .args([
            "run",
            "--release",
            "--quiet",
            "-p",
            "parapet-policy",
            "--example",
            "plan_cost",
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
