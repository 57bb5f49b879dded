//! What the gateway prints, line by line.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::Notify;

/// How long a record may take from the end of its request.
const RECORD_LIMIT: Duration = Duration::from_secs(20);

/// All lines so far. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct LogLines {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Vec<String>>,
    bell: Notify,
}

impl LogLines {
    /// Reads `from` to its end, in the background.
    pub fn follow(&self, from: impl AsyncRead + Send + Unpin + 'static) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            let mut lines = BufReader::new(from).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                shared
                    .lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
                shared.bell.notify_waiters();
            }
        });
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.shared
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for a line from which `pick` takes something.
    ///
    /// # Errors
    /// When none comes within `limit`.
    pub async fn wait_for<T>(
        &self,
        limit: Duration,
        pick: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = tokio::time::Instant::now() + limit;
        let mut seen = 0;
        loop {
            let bell = self.shared.bell.notified();
            tokio::pin!(bell);
            bell.as_mut().enable();
            let found = {
                let lines = self
                    .shared
                    .lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let found = lines.iter().skip(seen).find_map(|line| pick(line));
                seen = lines.len();
                found
            };
            if let Some(found) = found {
                return Ok(found);
            }
            tokio::time::timeout_at(deadline, bell)
                .await
                .with_context(|| format!("no such line after {limit:?}"))?;
        }
    }

    /// The record of one request.
    ///
    /// # Errors
    /// When it does not come in time.
    pub async fn record(&self, request_id: &str) -> Result<Value> {
        let record = self.wait_for(RECORD_LIMIT, |line| record_in(line, request_id));
        record
            .await
            .with_context(|| format!("waiting for the record of request {request_id}"))
    }
}

/// The record that a log line carries, when it is the one of `request_id`.
fn record_in(line: &str, request_id: &str) -> Option<Value> {
    // Parsing every line of a busy log would cost more than the test.
    if !line.contains(request_id) {
        return None;
    }
    let line: Value = serde_json::from_str(line).ok()?;
    let record = line.get("record").unwrap_or(&line);
    let is_record = record["request_id"] == request_id && record["guardrails"].is_array();
    is_record.then(|| record.clone())
}
