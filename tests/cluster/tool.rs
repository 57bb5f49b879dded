//! Programs that the tests call, and waiting for what they bring about.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Longer than any call takes: one that does not answer is stuck.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// The repository.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// A script of the test cluster.
pub(crate) fn script(name: &str) -> PathBuf {
    root().join("tests/cluster").join(name)
}

/// Runs a program to its end and returns what it wrote to standard output.
///
/// # Errors
/// When it fails, with what it wrote to standard error.
pub(crate) async fn run(command: &mut Command, input: Option<&[u8]>) -> Result<String> {
    let what = described(command);
    let mut child = command
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {what}"))?;
    let stdin = child.stdin.take();
    let feed = async {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            stdin.write_all(input).await?;
        }
        anyhow::Ok(())
    };
    let both = async { tokio::join!(feed, child.wait_with_output()) };
    let (fed, output) = tokio::time::timeout(PATIENCE, both)
        .await
        .with_context(|| format!("{what} takes longer than {PATIENCE:?}"))?;
    let output = output.with_context(|| format!("waiting for {what}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{what}: {}: {}", output.status, said.trim());
    }
    fed.with_context(|| format!("writing to {what}"))?;
    String::from_utf8(output.stdout).with_context(|| format!("{what} does not write UTF-8"))
}

fn described(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

/// Runs `kubectl`.
///
/// # Errors
/// When it fails, with what it said.
pub(crate) async fn kubectl(args: &[&str]) -> Result<String> {
    run(Command::new("kubectl").args(args), None).await
}

/// Applies documents with `kubectl apply`, as users do.
///
/// # Errors
/// When one is refused.
pub(crate) async fn apply(namespace: &str, yaml: &str) -> Result<()> {
    let mut command = Command::new("kubectl");
    command.args(["-n", namespace, "apply", "-f", "-"]);
    run(&mut command, Some(yaml.as_bytes())).await.map(|_| ())
}

/// An object, or a list of them, as JSON.
///
/// # Errors
/// When it is not there.
pub(crate) async fn get(namespace: &str, args: &[&str]) -> Result<Value> {
    let mut all = vec!["-n", namespace, "get", "-o", "json"];
    all.extend(args);
    serde_json::from_str(&kubectl(&all).await?).context("reading what kubectl says")
}

/// Runs `helm`.
///
/// # Errors
/// When it fails, with what it said.
pub(crate) async fn helm(args: &[&str]) -> Result<String> {
    run(Command::new("helm").args(args), None).await
}

/// Waits until there is something, and tells how long that took.
///
/// # Errors
/// When there is nothing within `limit`, with why not.
pub(crate) async fn until<T, F>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> Result<(T, Duration)>
where
    F: Future<Output = Result<T>>,
{
    let begun = Instant::now();
    loop {
        match look().await {
            Ok(found) => return Ok((found, begun.elapsed())),
            Err(error) => {
                ensure!(
                    begun.elapsed() < limit,
                    "not within {limit:?}: {what}: {error:#}"
                );
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A time as it is printed.
pub(crate) fn shown(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
