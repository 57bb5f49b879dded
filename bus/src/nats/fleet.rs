//! What the gateways of a class report, gathered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::connect::{Connection, LinkState};
use super::subjects::{self, CONTROL_STATUS};
use super::tools::HeardTools;
use crate::report::{REPORT_VERSION, Report};
use crate::tools::ToolsReport;

/// A gateway that was not heard of for so long has fallen silent. They report every 4 to 5 s, so two reports are lost
/// by then; and a status should tell it within 15 s.
pub(crate) const EXPIRY: Duration = Duration::from_secs(13);
/// Bytes that a report may have.
const MAX_REPORT_BYTES: usize = 64 * 1024;
/// Gateways that are remembered: whoever has a gateway's credential can make up others.
const MAX_GATEWAYS: usize = 10_000;

/// What all gateways of a class said last. It listens until dropped.
#[derive(Debug)]
pub struct Fleet {
    client: Client,
    heard: Arc<Mutex<Heard>>,
    changed: watch::Receiver<u64>,
    link: watch::Receiver<LinkState>,
    task: JoinHandle<()>,
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fleet {
    /// Begins to listen, and asks for a first report.
    ///
    /// # Errors
    /// When the subscription cannot be sent.
    pub async fn listen(
        connection: &Connection,
        class: &str,
    ) -> Result<Self, async_nats::SubscribeError> {
        let client = connection.client().clone();
        let subscriber = client.subscribe(subjects::status_of_class(class)).await?;
        let tools = client.subscribe(subjects::tools_of_class(class)).await?;
        let heard = Arc::<Mutex<Heard>>::default();
        let (send, changed) = watch::channel(0);
        let link = connection.state().clone();
        let task = follow((subscriber, tools), link.clone(), Arc::clone(&heard), send);
        let task = tokio::spawn(task);
        let fleet = Self {
            client,
            heard,
            changed,
            link,
            task,
        };
        fleet.ask().await;
        Ok(fleet)
    }

    /// Asks all gateways for a report at once, as a new leader does.
    pub async fn ask(&self) {
        // They report soon anyway.
        let _ = self.client.publish(CONTROL_STATUS, Bytes::new()).await;
    }

    /// The last report of each gateway that was heard of lately, by the pod's uid.
    pub fn reports(&self) -> Vec<Report> {
        let is_up = self.link.borrow().connected;
        lock(&self.heard).lately(Instant::now(), is_up)
    }

    /// The last report of each gateway about the tools of each server.
    pub fn tools(&self) -> Vec<ToolsReport> {
        lock(&self.heard).tools.reports()
    }

    /// Changes whenever a gateway says something else than before, or is heard of for the first time.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }
}

async fn follow(
    (mut subscriber, mut tools): (Subscriber, Subscriber),
    mut link: watch::Receiver<LinkState>,
    heard: Arc<Mutex<Heard>>,
    changed: watch::Sender<u64>,
) {
    let mut connects = 0;
    loop {
        let message = tokio::select! {
            message = subscriber.next() => message,
            message = tools.next() => {
                let Some(message) = message else { return };
                let uid = message.subject.rsplit('.').nth(1).unwrap_or_default();
                let news = lock(&heard).tools.take(uid, &message.payload, Instant::now());
                if news {
                    changed.send_modify(|count| *count += 1);
                }
                continue;
            }
            up = link.wait_for(|state| state.connected && state.connects > connects) => {
                let Ok(up) = up.map(|state| state.connects) else { return };
                connects = up;
                lock(&heard).up_since = Some(Instant::now());
                continue;
            }
        };
        let Some(message) = message else { return };
        let uid = message
            .subject
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .to_owned();
        let news = lock(&heard).take(&uid, &message.payload, Instant::now());
        if news {
            changed.send_modify(|count| *count += 1);
        }
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last report of each pod, and when it came.
#[derive(Debug, Default)]
struct Heard {
    reports: BTreeMap<String, (Report, Instant)>,
    tools: HeardTools,
    /// Since when anything can be heard.
    up_since: Option<Instant>,
}

impl Heard {
    /// Takes a report, and says whether it is news.
    fn take(&mut self, uid: &str, body: &[u8], now: Instant) -> bool {
        if body.len() > MAX_REPORT_BYTES {
            return false;
        }
        let Ok(report) = serde_json::from_slice::<Report>(body) else {
            return false;
        };
        if report.v != REPORT_VERSION || report.uid != uid {
            return false;
        }
        let up_since = self.up_since;
        self.reports
            .retain(|_, (_, at)| is_recent(*at, up_since, now));
        if self.reports.len() >= MAX_GATEWAYS && !self.reports.contains_key(uid) {
            return false;
        }
        let same = |before: &Report| {
            (
                &before.applied,
                &before.rejected,
                &before.keys,
                &before.build,
            ) == (
                &report.applied,
                &report.rejected,
                &report.keys,
                &report.build,
            )
        };
        let news = self
            .reports
            .get(uid)
            .is_none_or(|(before, _)| !same(before));
        self.reports.insert(uid.to_owned(), (report, now));
        news
    }

    fn lately(&self, now: Instant, is_up: bool) -> Vec<Report> {
        let lately = self
            .reports
            .values()
            .filter(|(_, at)| !is_up || is_recent(*at, self.up_since, now));
        lately.map(|(report, _)| report.clone()).collect()
    }
}

/// Who could not be heard has not fallen silent: after an outage everybody has the same time again.
fn is_recent(at: Instant, up_since: Option<Instant>, now: Instant) -> bool {
    let from = up_since.map_or(at, |up| at.max(up));
    now.duration_since(from) < EXPIRY
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(uid: &str, seq: u64, epoch: u64) -> Vec<u8> {
        let report = json!({
            "v": 1, "pod": "gw", "uid": uid, "namespace": "ns", "build": "0", "seq": seq, "ageS": 0,
            "applied": {
                "epoch": epoch, "generation": 1, "digest": "d", "at": "2026-01-01T00:00:00Z", "stale": false
            }
        });
        report.to_string().into_bytes()
    }

    #[test]
    fn a_gateway_is_remembered_until_it_was_silent_for_long() {
        let mut heard = Heard::default();
        let start = Instant::now();
        assert!(heard.take("a", &report("a", 1, 1), start));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!heard.take("a", &report("a", 2, 1), at(5)));
        assert!(heard.take("a", &report("a", 3, 2), at(10)));
        assert!(heard.take("b", &report("b", 1, 2), at(10)));
        assert_eq!(heard.lately(at(22), true).len(), 2);
        assert_eq!(heard.lately(at(23), true).len(), 0);
        // Nobody can be heard: that is no news of anybody.
        assert_eq!(heard.lately(at(100), false).len(), 2);
        heard.up_since = Some(at(100));
        assert_eq!(heard.lately(at(112), true).len(), 2);
        assert_eq!(heard.lately(at(113), true).len(), 0);
    }

    #[test]
    fn what_is_no_report_of_its_sender_is_passed_over() {
        let mut heard = Heard::default();
        let now = Instant::now();
        let long = vec![b' '; MAX_REPORT_BYTES + 1];
        let other_version = String::from_utf8(report("a", 1, 1))
            .unwrap()
            .replace("\"v\":1", "\"v\":2");
        for body in [
            &b""[..],
            b"{}",
            &report("b", 1, 1),
            &long,
            other_version.as_bytes(),
        ] {
            assert!(!heard.take("a", body, now));
        }
        assert!(heard.lately(now, true).is_empty());
    }
}
