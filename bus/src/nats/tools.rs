//! Reports about tools: sent by gateways, gathered by whoever leads.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_nats::{Client, Subscriber};

use super::connect::Connection;
use super::reader::ReadError;
use super::subjects::{self, CONTROL_STATUS};
use crate::tools::{MAX_LISTS, MAX_TOOLS, TOOLS_VERSION, ToolsReport};

/// Gateways repeat what they have said after this time.
pub const REPEAT_TOOLS: Duration = Duration::from_mins(1);
/// What was not repeated for so long does not count any more: two repetitions may be lost.
const EXPIRY: Duration = Duration::from_secs(200);
/// Bytes that a report may have.
const MAX_BYTES: usize = 768 * 1024;
/// Bytes of all reports that are remembered: whoever has a gateway's credential can make up others.
const MAX_BYTES_IN_ALL: usize = 128 << 20;

/// The way of one gateway's reports.
#[derive(Clone, Debug)]
pub struct ToolsReporter {
    client: Client,
    subject: String,
}

impl ToolsReporter {
    /// Of this pod.
    pub fn new(connection: &Connection, class: &str, uid: &str) -> Self {
        Self {
            client: connection.client().clone(),
            subject: subjects::tools_subject(class, uid),
        }
    }

    /// Sends a report. It is sent once, and repeated by whoever sends it.
    ///
    /// # Errors
    /// When it is too large, or cannot be handed to the connection.
    pub async fn send(&self, report: &ToolsReport) -> Result<(), ReadError> {
        let body =
            serde_json::to_vec(report).map_err(|error| ReadError::said(&error.to_string()))?;
        if body.len() > MAX_BYTES {
            return Err(ReadError::said("the report is too large"));
        }
        let sent = self.client.publish(self.subject.clone(), body.into());
        sent.await
            .map_err(|error| ReadError::said(&error.to_string()))
    }

    /// A message whenever somebody wants all reports.
    ///
    /// # Errors
    /// When the subscription cannot be sent.
    pub async fn questions(&self) -> Result<Subscriber, ReadError> {
        let subscribed = self.client.subscribe(CONTROL_STATUS.to_owned()).await;
        subscribed.map_err(|error| ReadError::said(&error.to_string()))
    }
}

/// The last report of each pod about each server, and when it came.
#[derive(Debug, Default)]
pub(super) struct HeardTools {
    reports: BTreeMap<Key, Kept>,
    bytes: usize,
}

/// The pod's uid, the server's namespace and its name.
type Key = (String, String, String);

#[derive(Debug)]
struct Kept {
    report: ToolsReport,
    bytes: usize,
    at: Instant,
}

impl HeardTools {
    /// Takes a report, and says whether it is news.
    pub(super) fn take(&mut self, uid: &str, body: &[u8], now: Instant) -> bool {
        if body.len() > MAX_BYTES {
            return false;
        }
        let Ok(report) = serde_json::from_slice::<ToolsReport>(body) else {
            return false;
        };
        let is_bounded = report.lists.len() <= MAX_LISTS
            && report
                .lists
                .iter()
                .all(|list| list.tools.len() <= MAX_TOOLS);
        if report.v != TOOLS_VERSION || report.uid != uid || !is_bounded {
            return false;
        }
        self.forget(now);
        let key = (
            uid.to_owned(),
            report.namespace.clone(),
            report.server.clone(),
        );
        let before = self.reports.get(&key);
        let known = before.map_or(0, |kept| kept.bytes);
        let bytes = self.bytes - known + body.len();
        if bytes > MAX_BYTES_IN_ALL {
            return false;
        }
        let is_news = before.is_none_or(|kept| kept.report != report);
        self.bytes = bytes;
        let kept = Kept {
            report,
            bytes: body.len(),
            at: now,
        };
        self.reports.insert(key, kept);
        is_news
    }

    /// What is known.
    pub(super) fn reports(&self) -> Vec<ToolsReport> {
        self.reports
            .values()
            .map(|kept| kept.report.clone())
            .collect()
    }

    fn forget(&mut self, now: Instant) {
        let bytes = &mut self.bytes;
        self.reports.retain(|_, kept| {
            let stays = now.saturating_duration_since(kept.at) < EXPIRY;
            if !stays {
                *bytes -= kept.bytes;
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(uid: &str, server: &str, tools: usize) -> Vec<u8> {
        let tool = |number: usize| json!({"name": format!("t{number}"), "digest": "d", "decision": "told"});
        let tools: Vec<_> = (0..tools).map(tool).collect();
        let report = json!({
            "v": 1, "uid": uid, "namespace": "ns", "server": server, "perCaller": false, "mode": "observe",
            "lists": [{"version": "v", "at": "2026-01-01T00:00:00Z", "listed": true, "tools": tools}],
        });
        report.to_string().into_bytes()
    }

    #[test]
    fn reports_are_kept_by_pod_and_server_until_they_are_old() {
        let mut heard = HeardTools::default();
        let start = Instant::now();
        assert!(heard.take("a", &report("a", "s", 1), start));
        assert!(!heard.take("a", &report("a", "s", 1), start));
        assert!(heard.take("a", &report("a", "s", 2), start));
        assert!(heard.take("a", &report("a", "t", 1), start));
        assert!(heard.take("b", &report("b", "s", 1), start + EXPIRY / 2));
        assert_eq!(heard.reports().len(), 3);
        assert!(heard.take("b", &report("b", "u", 1), start + EXPIRY));
        assert_eq!(heard.reports().len(), 2);
        let counted: usize = heard.reports.values().map(|kept| kept.bytes).sum();
        assert_eq!(counted, heard.bytes);
    }

    #[test]
    fn what_is_no_report_of_its_sender_or_too_large_is_passed_over() {
        let mut heard = HeardTools::default();
        let now = Instant::now();
        for body in [
            &b"{}"[..],
            &report("b", "s", 1),
            &report("a", "s", MAX_TOOLS + 1),
            &vec![b' '; MAX_BYTES + 1],
        ] {
            assert!(!heard.take("a", body, now));
        }
        assert!(heard.take("a", &report("a", "s", MAX_TOOLS), now));
    }
}
