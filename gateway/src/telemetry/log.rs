//! The log: what the process says goes to standard error, one JSON line for each request to standard output.

use std::io::{IsTerminal as _, Write};

use parapet_policy::record::Record;
use tracing_subscriber::EnvFilter;

/// Sets up what `tracing` prints: for people on a terminal, as JSON lines otherwise.
///
/// # Errors
/// When the filter cannot be read, or a log is set up already.
pub fn start(filter: &str) -> anyhow::Result<()> {
    // The NATS client says the same with every attempt to connect; what matters of it we say ourselves, once. Who wants
    // to see it all the same names it in the filter.
    let filter = EnvFilter::try_new(format!("async_nats=off,{filter}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let result = if std::io::stderr().is_terminal() {
        builder.with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    result.map_err(|error| anyhow::anyhow!("setting up the log: {error}"))
}

/// Writes records as JSON lines, `{"record": ...}`.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
}

impl Lines {
    /// Writes a batch in one go. A reader that has gone away is no reason to end: what it would have read is
    /// lost.
    pub fn write(&mut self, batch: &[Record], out: &mut impl Write) {
        self.buffer.clear();
        for record in batch {
            self.buffer.extend_from_slice(b"{\"record\":");
            let begun = self.buffer.len();
            if serde_json::to_writer(&mut self.buffer, record).is_err() {
                // A record has text keys only, so this cannot happen; a half line would spoil the next one.
                self.buffer.truncate(begun);
                self.buffer.extend_from_slice(b"null");
            }
            self.buffer.extend_from_slice(b"}\n");
        }
        let _ = out.write_all(&self.buffer).and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::queue::tests::record;

    #[test]
    fn a_batch_is_one_line_for_each_record() {
        let mut out = Vec::new();
        Lines::default().write(&[record("a"), record("b")], &mut out);
        let text = String::from_utf8(out).unwrap();
        let ids: Vec<serde_json::Value> = text
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["record"]["request_id"]
                    .clone()
            })
            .collect();
        assert_eq!(ids, ["a", "b"]);
    }
}
