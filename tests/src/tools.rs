//! The programs that tests need, built once from pinned sources by `tests/cluster/build-tools`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Why programs are not to be had on this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Missing(pub String);

/// The folder in which these programs lie. They are built when they are not there yet, which takes minutes.
///
/// # Errors
/// When building them fails, or when they cannot be built here although `CI` is set.
pub fn tools(programs: &[&str]) -> Result<Result<PathBuf, Missing>> {
    let is_there = |program: &str| {
        let found = Command::new(program)
            .arg("version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        found.is_ok_and(|status| status.success())
    };
    if !is_there("go") {
        let why = "Go is not installed, and the programs are built from source";
        if std::env::var_os("CI").is_some() {
            bail!("{why}");
        }
        return Ok(Err(Missing(why.to_owned())));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/build-tools");
    let output = Command::new(&script)
        .args(programs)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("running {}", script.display()))?;
    if !output.status.success() {
        let why = format!("{} ended with {}", script.display(), output.status);
        if std::env::var_os("CI").is_some() {
            bail!("{why}");
        }
        return Ok(Err(Missing(why)));
    }
    let folder = String::from_utf8(output.stdout).context("reading what the script says")?;
    Ok(Ok(PathBuf::from(folder.trim())))
}
