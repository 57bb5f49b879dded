//! Tells the operator what was seen of servers' tools: what is new at once, everything again and again, because a leader may
//! have come anew and messages may get lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt as _;
use parapet_bus::nats::{Connection, REPEAT_TOOLS, ReadError, ToolsReporter};
use parapet_bus::tools::ToolsReport;

use super::RemoteConfig;
use super::follow::jitter::Jitter;
use crate::mcp::pinning::sightings::Sightings;

/// After something was seen: a client that lists one server often lists another.
const SETTLE: Duration = Duration::from_millis(200);
/// After a question: so that not all gateways answer at once.
const SPREAD: Duration = Duration::from_secs(1);
/// After a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Reports for ever.
pub async fn report_tools(connection: Connection, config: RemoteConfig, sightings: Arc<Sightings>) {
    while let Err(error) = run(&connection, &config, &sightings).await {
        tracing::warn!(%error, "what was seen of tools cannot be reported; trying again");
        tokio::time::sleep(RETRY).await;
    }
}

/// Until the connection is given up, which only happens at the end of the process.
async fn run(
    connection: &Connection,
    config: &RemoteConfig,
    sightings: &Sightings,
) -> Result<(), ReadError> {
    let uid = &config.pod.uid;
    let reporter = ToolsReporter::new(connection, &config.class, uid);
    let mut questions = reporter.questions().await?;
    let mut changed = sightings.changed();
    let mut link = connection.state().clone();
    let mut connects = 0;
    let mut sent: BTreeMap<(String, String), ToolsReport> = BTreeMap::new();
    let mut jitter = Jitter::new();
    let mut repeat = Instant::now();
    loop {
        let now = *link.borrow_and_update();
        if now.connected && now.connects != connects {
            connects = now.connects;
            repeat = Instant::now();
        }
        tokio::select! {
            news = changed.changed() => {
                if news.is_err() { return Ok(()) }
                tokio::time::sleep(SETTLE).await;
            }
            up = link.changed() => {
                if up.is_err() { return Ok(()) }
                continue;
            }
            Some(_) = questions.next() => {
                tokio::time::sleep(jitter.add(Duration::ZERO, SPREAD)).await;
                sent.clear();
            }
            () = tokio::time::sleep_until(repeat.into()) => {
                repeat = Instant::now() + jitter.add(REPEAT_TOOLS, REPEAT_TOOLS / 4);
                sent.clear();
            }
        }
        changed.mark_unchanged();
        let mut now_sent = BTreeMap::new();
        for report in sightings.reports(uid) {
            let of = (report.namespace.clone(), report.server.clone());
            let said = timeless(&report);
            if sent.get(&of) != Some(&said)
                && let Err(error) = reporter.send(&report).await
            {
                tracing::debug!(%error, server = report.server, "no report of tools could be sent");
                continue;
            }
            now_sent.insert(of, said);
        }
        sent = now_sent;
    }
}

/// What a report says, whenever that was seen.
fn timeless(report: &ToolsReport) -> ToolsReport {
    let mut report = report.clone();
    for list in &mut report.lists {
        list.at = SystemTime::UNIX_EPOCH;
    }
    report
}
