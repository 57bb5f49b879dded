//! Node and Python with pinned packages, installed once into the cache outside the tree.
//!
//! A folder of the cache is named after what it was made from, is made beside it and then renamed: what breaks off
//! half way is made anew, and two runs at once do not meet.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::packages;
use crate::tools::{Missing, missing};

/// Below this, the conformance suite does not run.
const NODE: u32 = 22;

/// Scripts with the packages that they import.
#[derive(Debug)]
pub struct Node {
    program: PathBuf,
    packages: PathBuf,
    scripts: TempDir,
}

impl Node {
    /// The packages of the `package-lock.json` in `folder`, and its scripts beside them.
    ///
    /// # Errors
    /// When they cannot be had although `CI` is set.
    pub fn start(folder: &Path) -> Result<Result<Self, Missing>> {
        match Self::try_start(folder) {
            Ok(node) => Ok(Ok(node)),
            Err(error) => missing(&["Node"], format!("{error:#}")).map(Err),
        }
    }

    fn try_start(folder: &Path) -> Result<Self> {
        let files = ["package.json", "package-lock.json"];
        let made_from = files.map(|name| std::fs::read(folder.join(name)).unwrap_or_default());
        let packages = kept("npm", &made_from, |target| {
            if !packages::found("npm") {
                packages::install(&["npm"])?;
            }
            for name in files {
                std::fs::copy(folder.join(name), target.join(name))
                    .with_context(|| format!("copying {name}"))?;
            }
            // Nothing that is installed may run while it is installed.
            let flags = [
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--silent",
            ];
            quiet(Command::new("npm").args(flags).current_dir(target))
        })?;
        let scripts = tempfile::tempdir().context("making a folder for scripts")?;
        copy_scripts(folder, scripts.path())?;
        // Where imports are looked for, from a script upwards.
        std::os::unix::fs::symlink(
            packages.join("node_modules"),
            scripts.path().join("node_modules"),
        )
        .context("linking the packages")?;
        let program = node_program(&packages)?;
        Ok(Self {
            program,
            packages,
            scripts,
        })
    }

    /// Runs a script of the folder, e.g. `server.mjs`.
    pub fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(self.scripts.path().join(name));
        command.stdin(Stdio::null());
        command
    }

    /// The command line of a program of a package, for programs that start others.
    pub fn line(&self, name: &str) -> String {
        let bin = self.packages.join("node_modules/.bin").join(name);
        format!("{} {}", self.program.display(), bin.display())
    }

    /// The command line of a script of the folder, for programs that start others.
    pub fn script_line(&self, name: &str) -> String {
        let script = self.scripts.path().join(name);
        format!("{} {}", self.program.display(), script.display())
    }

    /// Runs a program of a package by the name that it is installed under, e.g. `conformance`.
    pub fn bin(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(self.packages.join("node_modules/.bin").join(name));
        command.stdin(Stdio::null());
        command
    }
}

/// A Python with pinned packages.
#[derive(Clone, Debug)]
pub struct Python(PathBuf);

impl Python {
    /// The packages of a file of requirements.
    ///
    /// # Errors
    /// When they cannot be had although `CI` is set.
    pub fn start(requirements: &Path) -> Result<Result<Self, Missing>> {
        match Self::try_start(requirements) {
            Ok(python) => Ok(Ok(python)),
            Err(error) => missing(&["Python"], format!("{error:#}")).map(Err),
        }
    }

    fn try_start(requirements: &Path) -> Result<Self> {
        let wanted = std::fs::read(requirements)
            .with_context(|| format!("reading {}", requirements.display()))?;
        let folder = kept("python", &[wanted], |target| {
            let complete = quiet(Command::new("python3").args(["-m", "ensurepip", "--version"]));
            if complete.is_err() {
                packages::install(&["python3", "python3-venv"])?;
            }
            quiet(Command::new("python3").args(["-m", "venv"]).arg(target))?;
            let pip = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "-r",
            ];
            quiet(
                Command::new(target.join("bin/python"))
                    .args(pip)
                    .arg(requirements),
            )
        })?;
        Ok(Self(folder.join("bin/python")))
    }

    /// Runs a script.
    pub fn script(&self, path: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.arg(path).stdin(Stdio::null());
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// The interpreter, for programs that start others.
    pub fn program(&self) -> &Path {
        &self.0
    }

    /// Runs a module, as `-m` does.
    pub fn module(&self, name: &str) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["-m", name]).stdin(Stdio::null());
        command
    }
}

/// The Node that came with the packages; else the machine's own, when it is new enough.
fn node_program(packages: &Path) -> Result<PathBuf> {
    let own = packages.join("node_modules/.bin/node");
    if own.exists() {
        return Ok(own);
    }
    let output = Command::new("node").arg("--version").output();
    let output = output.context("running node")?;
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let major = version.trim().trim_start_matches('v').split('.').next();
    let major = major
        .and_then(|major| major.parse::<u32>().ok())
        .unwrap_or(0);
    ensure!(
        major >= NODE,
        "Node {NODE} is needed, and this is {version}"
    );
    Ok("node".into())
}

fn copy_scripts(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry.with_context(|| format!("reading {}", from.display()))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "node_modules" {
            continue;
        }
        if path.is_dir() {
            std::fs::create_dir(&target).with_context(|| format!("making {}", target.display()))?;
            copy_scripts(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).with_context(|| format!("copying {}", path.display()))?;
        }
    }
    Ok(())
}

/// The folder of the cache that was made from `made_from`; `make` fills it when it is not there yet.
fn kept(
    name: &str,
    made_from: &[impl AsRef<[u8]>],
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    // Tests of one process that want the same folder wait for it.
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut hasher = DefaultHasher::new();
    for part in made_from {
        part.as_ref().hash(&mut hasher);
    }
    let root = cache()?;
    let folder = root.join(format!("{name}-{:016x}", hasher.finish()));
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&root).with_context(|| format!("making {}", root.display()))?;
    let beside = tempfile::tempdir_in(&root).context("making a folder in the cache")?;
    make(beside.path())?;
    let renamed = std::fs::rename(beside.path(), &folder);
    // Another process may have been faster.
    ensure!(
        renamed.is_ok() || folder.is_dir(),
        "{} cannot be made",
        folder.display()
    );
    Ok(folder)
}

fn cache() -> Result<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(own) = named("PARAPET_CACHE") {
        return Ok(PathBuf::from(own).join("runtimes"));
    }
    let general = named("XDG_CACHE_HOME").map(PathBuf::from);
    let general = general.or_else(|| Some(PathBuf::from(named("HOME")?).join(".cache")));
    let general = general.context("neither PARAPET_CACHE nor HOME says where the cache is")?;
    Ok(general.join("parapet/runtimes"))
}

/// Runs a command and shows what it says only when it fails.
fn quiet(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("running {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program}: {}: {}",
        output.status,
        said.trim()
    );
    Ok(())
}
