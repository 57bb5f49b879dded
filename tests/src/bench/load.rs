//! Load by `wrk`, and what it cost the thing under load.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{LOAD_CORE, cpu};

/// Connections that wrk keeps busy.
const CONNECTIONS: u32 = 16;

/// What to send where.
#[derive(Clone, Debug)]
pub struct Load<'a> {
    /// The thing under load.
    pub addr: SocketAddr,
    /// Its process.
    pub pid: u32,
    /// The path to post to.
    pub path: &'a str,
    /// Sent as a bearer token.
    pub token: &'a str,
    /// More headers of every request.
    pub headers: &'a [(&'a str, &'a str)],
    /// The bodies, sent in turn.
    pub bodies: &'a [String],
    /// How long to measure.
    pub time: Duration,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Requests answered in a second.
    pub rps: f64,
    /// CPU time of the thing under load for one request.
    pub cpu_us: f64,
    /// Half of the requests were answered within so many microseconds.
    pub p50_us: f64,
    /// All but one of a hundred.
    pub p99_us: f64,
    /// Resident memory after the load.
    pub rss_kib: u64,
}

/// What the script prints at the end.
#[derive(Debug, Deserialize)]
struct Report {
    requests: u64,
    failed: u64,
    micros: u64,
    p50: f64,
    p99: f64,
}

/// Puts the load on, first for a warm-up of a quarter of the time, then for measuring.
///
/// # Errors
/// When wrk cannot run, or any request was answered with anything but a 2xx.
pub fn measure(load: &Load<'_>) -> Result<Measured> {
    let dir = tempfile::tempdir().context("making a folder for wrk's script")?;
    let script = dir.path().join("load.lua");
    std::fs::write(&script, lua(load)).context("writing wrk's script")?;
    run(load, &script, load.time / 4)?;
    let before = cpu::cpu_time(load.pid)?;
    let report = run(load, &script, load.time)?;
    let spent = cpu::cpu_time(load.pid)?.saturating_sub(before);
    ensure!(report.requests > 0, "no request was answered");
    ensure!(
        report.failed == 0,
        "{} of {} requests failed or were not answered with 2xx",
        report.failed,
        report.requests
    );
    let requests = report.requests as f64;
    Ok(Measured {
        rps: requests / (report.micros as f64 / 1e6),
        cpu_us: spent.as_secs_f64() * 1e6 / requests,
        p50_us: report.p50,
        p99_us: report.p99,
        rss_kib: cpu::resident_kib(load.pid)?,
    })
}

fn run(load: &Load<'_>, script: &Path, time: Duration) -> Result<Report> {
    let output = Command::new("taskset")
        .args(["-c", LOAD_CORE, "wrk", "-t1", &format!("-c{CONNECTIONS}")])
        .arg(format!("-d{}s", time.as_secs().max(1)))
        .arg("-s")
        .arg(script)
        .arg(format!("http://{}", load.addr))
        .output()
        .context("running wrk through taskset")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "wrk: {}\n{text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("report "))
        .context("wrk printed no report")?;
    serde_json::from_str(line).with_context(|| format!("reading wrk's report: {line}"))
}

/// The script: whole requests are prepared before the load begins, so that wrk costs the same for every size.
fn lua(load: &Load<'_>) -> String {
    let mut bodies = String::new();
    for body in load.bodies {
        // A long bracket with a level that no body contains needs no escapes.
        bodies.push_str(&format!("[======[{body}]======],\n"));
    }
    let mut headers = String::new();
    for (name, value) in load.headers {
        headers.push_str(&format!(", ['{name}'] = '{value}'"));
    }
    format!(
        "local bodies = {{\n{bodies}}}\n\
         local requests = {{}}\n\
         local at = 0\n\
         function init()\n\
         \x20 for i, body in ipairs(bodies) do\n\
         \x20   local headers = {{['content-type'] = 'application/json', ['authorization'] = 'Bearer {token}'{headers}}}\n\
         \x20   requests[i] = wrk.format('POST', '{path}', headers, body)\n\
         \x20 end\n\
         end\n\
         function request()\n\
         \x20 at = at % #requests + 1\n\
         \x20 return requests[at]\n\
         end\n\
         function done(summary, latency)\n\
         \x20 local e = summary.errors\n\
         \x20 print(string.format('report {{\"requests\": %d, \"failed\": %d, \"micros\": %d, \"p50\": %d, \"p99\": %d}}',\n\
         \x20   summary.requests, e.status + e.connect + e.read + e.write + e.timeout, summary.duration,\n\
         \x20   latency:percentile(50), latency:percentile(99)))\n\
         end\n",
        token = load.token,
        path = load.path,
    )
}
