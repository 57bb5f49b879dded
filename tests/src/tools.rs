//! The programs that tests need, built once from pinned sources by `tests/cluster/build-tools`.

use std::io::Write as _;
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
        return missing(programs, why.to_owned()).map(Err);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/build-tools");
    let output = Command::new(&script)
        .args(programs)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("running {}", script.display()))?;
    if !output.status.success() {
        let why = format!("{} ended with {}", script.display(), output.status);
        return missing(programs, why).map(Err);
    }
    let folder = String::from_utf8(output.stdout).context("reading what the script says")?;
    Ok(Ok(PathBuf::from(folder.trim())))
}

/// Says so where it is seen, or fails where `CI` is set.
pub(crate) fn missing(programs: &[&str], why: String) -> Result<Missing> {
    if std::env::var_os("CI").is_some() {
        bail!("{why}");
    }
    let programs = programs.join(" and ");
    // Not by the macro: what a test prints with it is shown only when the test fails.
    let said = writeln!(
        std::io::stderr(),
        "SKIPPED: a test against a real {programs}: {why}"
    );
    said.context("saying that a test is skipped")?;
    // `make test` looks for it to word its last line.
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache");
    std::fs::create_dir_all(&cache).context("making .cache")?;
    std::fs::write(cache.join("server-tests-skipped"), &why).context("noting what is skipped")?;
    Ok(Missing(why))
}
