//! How many instructions a request takes, counted by callgrind: the same on a busy machine as on a quiet one, where
//! microseconds are not. What the kernel does is not counted.
//! `cargo run --release -p parapet-tests --bin bench-instructions -- [ONLY]`.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use parapet_tests::bench::corpus::{SHAPES, bodies};
use parapet_tests::bench::nginx::Nginx;
use parapet_tests::bench::{manifests, mcp};
use parapet_tests::harness::{Gateway, Setup};
use parapet_tests::http_client::{Client, Outgoing};

/// Counts the instructions of requests through the whole gateway.
#[derive(Debug, Parser)]
struct Args {
    /// Only the scenarios whose name holds this.
    only: Option<String>,
    /// The gateway to measure: a release build.
    #[arg(long, default_value = "target/release/parapet-gateway")]
    gateway: PathBuf,
    /// How many requests to count.
    #[arg(long, default_value_t = 1_000)]
    requests: usize,
    /// Where to keep what callgrind wrote, for `callgrind_annotate`.
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// What is sent, and what the gateway does with it.
struct Scenario {
    name: String,
    path: &'static str,
    requests: Vec<Outgoing>,
    resources: Vec<(&'static str, String)>,
    /// Whether every request is traced, and spans and metrics go to a collector.
    telemetry: bool,
    /// For how many of the usual number of requests the count is repeated.
    share: usize,
}

/// As many at a time as in `bench`.
const CONNECTIONS: usize = 16;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-instructions: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("starting a runtime")?;
    let (model, server) = (Nginx::mock_model()?, Nginx::mock_mcp(&mcp::answer())?);
    let wanted = |name: &str| args.only.as_deref().is_none_or(|only| name.contains(only));
    println!("{:42} {:>14}", "", "instructions");
    for scenario in scenarios(model.addr(), server.addr()) {
        if wanted(&scenario.name) {
            let counted = runtime.block_on(count(args, &scenario, model.addr()))?;
            println!("{:42} {:>14}", scenario.name, counted.iter().sum::<u64>());
            for (thread, one) in counted.iter().enumerate().filter(|(_, one)| **one > 0) {
                println!("{:>42} {one:>14}", format!("thread {}", thread + 1));
            }
        }
    }
    Ok(())
}

fn scenarios(model: SocketAddr, server: SocketAddr) -> Vec<Scenario> {
    let mut all = Vec::new();
    for (name, guarded) in [("plain", false), ("guarded", true)] {
        all.push(Scenario {
            name: format!("tools/call, {name}"),
            path: "/mcp/bench",
            requests: mcp::calls("/mcp/bench"),
            resources: vec![("resources.yaml", mcp::resources(server, guarded))],
            telemetry: false,
            share: 1,
        });
    }
    for (guarded, telemetry) in [(false, false), (true, false), (false, true), (true, true)] {
        for (shape, share) in SHAPES.iter().zip([1, 2, 10, 4]) {
            if telemetry && share > 1 {
                continue;
            }
            let stream = format!("http://{model}/stream/v1");
            let mut resources = vec![("resources.yaml", manifests::plain(model, &stream))];
            if guarded {
                resources.push(("guardrails.yaml", manifests::guarded().to_owned()));
            }
            let (path, called) = (
                "/v1/chat/completions",
                if shape.stream { "stream/m" } else { "mock/m" },
            );
            let post = |body| Outgoing::post(path, body).bearer(manifests::TOKEN);
            all.push(Scenario {
                name: format!(
                    "{}, {}{}",
                    shape.name,
                    if guarded { "guarded" } else { "plain" },
                    if telemetry { ", traced" } else { "" }
                ),
                path,
                requests: bodies(*shape, called).into_iter().map(post).collect(),
                resources,
                telemetry,
                share,
            });
        }
    }
    all
}

/// Instructions of one request, by thread.
async fn count(args: &Args, scenario: &Scenario, collector: SocketAddr) -> Result<Vec<u64>> {
    let dir = tempfile::tempdir().context("making a folder for callgrind")?;
    let at = match &args.keep {
        Some(keep) => keep.join(scenario.name.replace([' ', ',', '/'], "-")),
        None => dir.path().to_owned(),
    };
    fs::create_dir_all(&at).with_context(|| format!("making {}", at.display()))?;
    let binary = wrapper(dir.path(), &args.gateway, &at)?;
    let mut setup = Setup::default().binary(binary).discard_stdout();
    for (name, text) in &scenario.resources {
        setup = setup.file(name, text.clone());
    }
    if scenario.telemetry {
        let endpoint = format!("http://{collector}/otlp");
        setup = setup
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
            .env("OTEL_TRACES_SAMPLER", "always_on");
    }
    let gateway = setup.start().await?;
    let pid = gateway.pid().context("the gateway has ended")?;
    let requests = (args.requests / scenario.share).max(64);
    control(pid, &["-i", "on"])?;
    send(&gateway, scenario, 128).await?;
    settle(scenario).await;
    control(pid, &["-z"])?;
    send(&gateway, scenario, requests).await?;
    settle(scenario).await;
    control(pid, &["-d"])?;
    drop(gateway);
    let mut threads = Vec::new();
    for entry in fs::read_dir(&at).with_context(|| format!("reading {}", at.display()))? {
        let path = entry.context("reading what callgrind wrote")?.path();
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        threads.extend(of_dump(&text));
    }
    threads.sort_unstable();
    Ok(threads
        .into_iter()
        .map(|(_, sum)| sum / requests as u64)
        .collect())
}

/// Number of the thread and instructions, of a dump that was asked for; not of the one at the end.
fn of_dump(text: &str) -> Option<(u32, u64)> {
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    line("desc: Trigger:").filter(|trigger| !trigger.contains("termination"))?;
    let thread = line("thread:")?.trim().parse().ok()?;
    Some((
        thread,
        line("summary:")
            .or_else(|| line("totals:"))?
            .trim()
            .parse()
            .ok()?,
    ))
}

/// What is sent in batches needs a while to go.
async fn settle(scenario: &Scenario) {
    let time = if scenario.telemetry { 12 } else { 1 };
    tokio::time::sleep(Duration::from_secs(time)).await;
}

/// A script that is the gateway under callgrind.
fn wrapper(dir: &Path, gateway: &Path, out: &Path) -> Result<PathBuf> {
    let gateway =
        fs::canonicalize(gateway).with_context(|| format!("finding {}", gateway.display()))?;
    let script = dir.join("gateway");
    let text = format!(
        "#!/bin/sh\nexec valgrind -q --tool=callgrind --instr-atstart=no --separate-threads=yes \
         --callgrind-out-file={}/out '{}' \"$@\"\n",
        out.display(),
        gateway.display()
    );
    fs::write(&script, text).context("writing a script")?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .context("making it a program")?;
    Ok(script)
}

fn control(pid: u32, args: &[&str]) -> Result<()> {
    let output = Command::new("callgrind_control")
        .args(args)
        .arg(pid.to_string())
        .output()
        .context("running callgrind_control, a part of valgrind")?;
    ensure!(
        output.status.success(),
        "callgrind_control {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Sends so many requests, some at a time.
async fn send(gateway: &Gateway, scenario: &Scenario, requests: usize) -> Result<()> {
    let client = Client::new(gateway.traffic());
    let one = |lane: usize| {
        let client = client.clone();
        async move {
            for n in (lane..requests).step_by(CONNECTIONS) {
                let request = scenario
                    .requests
                    .iter()
                    .cycle()
                    .nth(n % scenario.requests.len());
                let request = request.context("a scenario without requests")?.clone();
                let answered = client.send(request).await?;
                let (status, path) = (answered.status, scenario.path);
                ensure!(status.is_success(), "{path} answered {status}");
            }
            Ok(())
        }
    };
    futures_util::future::try_join_all((0..CONNECTIONS).map(one)).await?;
    Ok(())
}
