//! Steady requests that know what has to become of them.
//!
//! Each worker keeps its connection for a while, as clients do, and takes a new one then, so that it sees pods that come.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use parapet_tests::http_client::{Client, Outgoing};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::policy::{AWS_KEY, SSN, TOKEN};

/// Between two requests of a worker.
const PAUSE: Duration = Duration::from_millis(40);
/// Requests on one connection.
const PER_CONNECTION: usize = 25;
/// A request that takes longer has failed. A pod that is gone does not answer at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How many failures are kept to be printed.
const KEPT: usize = 5;

/// Where requests go.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// How it is called in figures.
    pub(crate) name: String,
    /// The address.
    pub(crate) addr: SocketAddr,
}

/// What came through in all of the load of this run: no second attempt makes up for it.
static UNGUARDED: AtomicUsize = AtomicUsize::new(0);

/// How many requests of this run were not guarded, also in items that failed for something else.
pub(crate) fn unguarded() -> usize {
    UNGUARDED.load(Ordering::Relaxed)
}

/// What became of the requests to one target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// All of them.
    pub(crate) sent: usize,
    /// No answer, or not the one that was due.
    pub(crate) failed: usize,
    /// What a guardrail had to stop came through.
    pub(crate) unguarded: usize,
    /// The first failures, with when they happened.
    pub(crate) said: Vec<String>,
    /// The longest that an answer took.
    pub(crate) slowest: Duration,
    /// From the first failure to the last.
    pub(crate) failing: Option<(Instant, Instant)>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} requests, {} failed, {} unguarded",
            self.sent, self.failed, self.unguarded
        )
    }
}

/// Running load. It ends when dropped.
pub(crate) struct Load {
    tallies: Arc<Mutex<BTreeMap<String, Tally>>>,
    end: watch::Sender<bool>,
    workers: JoinSet<()>,
}

impl Load {
    /// Starts so many workers for each target.
    pub(crate) fn start(targets: &[Target], workers: u32) -> Self {
        let tallies = Arc::<Mutex<BTreeMap<String, Tally>>>::default();
        let (end, ended) = watch::channel(false);
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for target in targets {
            for number in 0..workers {
                let worker = Worker {
                    target: target.clone(),
                    tallies: Arc::clone(&tallies),
                    ended: ended.clone(),
                    begun,
                };
                tasks.spawn(async move {
                    // Not all at once.
                    tokio::time::sleep(PAUSE * number / workers).await;
                    worker.work().await;
                });
            }
        }
        Self {
            tallies,
            end,
            workers: tasks,
        }
    }

    /// Lets requests under way end, and returns what became of all, by target.
    pub(crate) async fn end(mut self) -> BTreeMap<String, Tally> {
        let _ = self.end.send(true);
        while self.workers.join_next().await.is_some() {}
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.clone()
    }

    /// The same, all targets together: all requests must have been answered, and guarded.
    ///
    /// # Errors
    /// When one failed or was not guarded, with the first that did.
    pub(crate) async fn end_clean(self) -> Result<Tally> {
        let mut all = Tally::default();
        for tally in self.end().await.into_values() {
            all.sent += tally.sent;
            all.failed += tally.failed;
            all.unguarded += tally.unguarded;
            all.slowest = all.slowest.max(tally.slowest);
            all.said.extend(tally.said);
        }
        ensure!(all.sent > 0, "no request was sent");
        ensure!(
            all.failed == 0 && all.unguarded == 0,
            "{all}: {}",
            all.said.join("; ")
        );
        Ok(all)
    }
}

/// One after the other.
struct Worker {
    target: Target,
    tallies: Arc<Mutex<BTreeMap<String, Tally>>>,
    ended: watch::Receiver<bool>,
    begun: Instant,
}

impl Worker {
    async fn work(self) {
        let mut client = Client::new(self.target.addr);
        for number in 1_usize.. {
            if *self.ended.borrow() {
                return;
            }
            let asked = Instant::now();
            let limited = tokio::time::timeout(PATIENCE, ask(&client, number));
            let outcome = limited
                .await
                .unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {PATIENCE:?}")));
            let is_bad = outcome.is_err();
            self.count(asked, outcome);
            // What is wrong with one connection is not to be counted twice.
            if is_bad || number.is_multiple_of(PER_CONNECTION) {
                client = Client::new(self.target.addr);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn count(&self, asked: Instant, outcome: Result<Answer>) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(self.target.name.clone()).or_default();
        let now = Instant::now();
        tally.sent += 1;
        tally.slowest = tally.slowest.max(now - asked);
        let said = match outcome {
            Ok(Answer::AsDue) => return,
            Ok(Answer::Unguarded(what)) => {
                tally.unguarded += 1;
                UNGUARDED.fetch_add(1, Ordering::Relaxed);
                what
            }
            Err(error) => {
                tally.failed += 1;
                let first = tally.failing.map_or(asked, |(first, _)| first);
                tally.failing = Some((first, now));
                format!("{error:#}")
            }
        };
        if tally.said.len() < KEPT {
            let at = (asked - self.begun).as_secs_f64();
            let took = (now - asked).as_secs_f64();
            tally.said.push(format!(
                "{} after {at:.1} s, in {took:.2} s: {said}",
                self.target.name
            ));
        }
    }
}

/// An answer as a client sees it.
enum Answer {
    /// The one that was due.
    AsDue,
    /// Something came through.
    Unguarded(String),
}

/// One request: every other carries a key that has to be taken out, the others a number that has to be stopped.
async fn ask(client: &Client, number: usize) -> Result<Answer> {
    let is_secret = number.is_multiple_of(2);
    let text = if is_secret {
        format!("my key is {AWS_KEY}")
    } else {
        format!("my number is {SSN}")
    };
    let answer = client.send(chat("demo/echo", &text)).await?;
    ensure!(!answer.cut, "the answer broke off");
    let body = answer.text()?;
    match (is_secret, answer.status.as_u16()) {
        (true, 200) if body.contains(AWS_KEY) => {
            Ok(Answer::Unguarded("a key came through".to_owned()))
        }
        (true, 200) if body.contains("my key is ") => Ok(Answer::AsDue),
        (false, 400) if body.contains("guardrail_checks") => Ok(Answer::AsDue),
        (false, 200) => Ok(Answer::Unguarded("a number came through".to_owned())),
        (_, status) => bail!("status {status}: {body}"),
    }
}

/// A chat request of the account `bot`.
pub(crate) fn chat(model: &str, text: &str) -> Outgoing {
    let body = json!({"model": model, "messages": [{"role": "user", "content": text}]});
    Outgoing::post("/v1/chat/completions", body.to_string()).bearer(TOKEN)
}

/// What a model has answered, or the status of a refusal.
///
/// # Errors
/// When there is no answer, or not one of a chat.
pub(crate) async fn answered(client: &Client, request: Outgoing) -> Result<Result<String, u16>> {
    let answer = tokio::time::timeout(PATIENCE, client.send(request))
        .await
        .context("no answer in time")??;
    if answer.status.as_u16() != 200 {
        return Ok(Err(answer.status.as_u16()));
    }
    let body = answer.json()?;
    let content = body
        .pointer("/choices/0/message/content")
        .and_then(Value::as_str);
    let content = content.with_context(|| format!("no chat answer: {body}"))?;
    Ok(Ok(content.to_owned()))
}
