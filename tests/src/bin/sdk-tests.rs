//! Runs the vendors' own Python SDKs against the real gateway and a scripted model.
//!
//! Needs python3 with venv, and once the network for the packages of `sdk/requirements.txt`. Without them it says
//! so and passes, except where `CI` is set.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use parapet_tests::control;
use parapet_tests::fake_guardrail::FakeGuardrails;
use parapet_tests::fake_llm::FakeLlm;
use parapet_tests::harness::Setup;
use parapet_tests::{packages, world};
use tokio::process::Command;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    // `make test` looks for it to word its last line.
    let skipped = cache_folder().join("sdk-tests-skipped");
    let _ = std::fs::remove_file(&skipped);
    let python = match environment().await {
        Ok(python) => python,
        Err(error) if std::env::var_os("CI").is_none() => {
            println!("SKIPPED: the SDK tests: {error:#}");
            let _ = std::fs::create_dir_all(cache_folder());
            let _ = std::fs::write(&skipped, format!("{error:#}"));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("the SDK tests cannot run: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    match run(&python).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the SDK tests: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn sdk_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk")
}

/// Where things are kept between runs; git ignores it.
fn cache_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache")
}

/// A Python with the SDKs, made once for each version of the requirements.
async fn environment() -> Result<PathBuf> {
    let requirements = sdk_folder().join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).context("reading the requirements")?;
    let venv = cache_folder().join("sdk-venv");
    let python = venv.join("bin/python");
    let stamp = venv.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let complete = Command::new("python3")
        .args(["-m", "ensurepip", "--version"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .await;
    if !complete.is_ok_and(|status| status.success()) {
        packages::install(&["python3", "python3-venv"])?;
    }
    let clear: &[&str] = if venv.exists() { &["--clear"] } else { &[] };
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .args(clear)
        .arg(&venv)
        .status()
        .await;
    ensure!(
        made.context("running python3")?.success(),
        "python3 -m venv failed"
    );
    let installed = Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "-r",
        ])
        .arg(&requirements)
        .status()
        .await
        .context("running pip")?;
    ensure!(
        installed.success(),
        "pip cannot install tests/sdk/requirements.txt"
    );
    // Written last: an environment that broke off half way is made anew.
    std::fs::write(&stamp, wanted).context("stamping the environment")?;
    Ok(python)
}

async fn run(python: &Path) -> Result<bool> {
    let llm = Arc::new(FakeLlm::start().await?);
    let services = Arc::new(FakeGuardrails::start().await?);
    let control = control::serve("127.0.0.1:0", Arc::clone(&llm), Arc::clone(&services)).await?;
    let places = world::places(&llm, &services)?;
    let resources = std::fs::read_to_string(sdk_folder().join("resources.yaml"))
        .context("reading the resources")?;
    let gateway = Setup::default()
        .file("base.yaml", places.fill(world::BASE))
        .file("sdk.yaml", places.fill(&resources))
        .start()
        .await?;
    let status = Command::new(python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
        .arg(sdk_folder())
        .args(std::env::args_os().skip(1))
        .env("GATEWAY_URL", format!("http://{}", gateway.traffic()))
        .env("CONTROL_URL", format!("http://{}", control.addr()))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .status()
        .await
        .context("running pytest")?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => {
            println!("the gateway's last words:\n{}", gateway.said());
            Ok(false)
        }
        _ => bail!("pytest: {status}"),
    }
}
