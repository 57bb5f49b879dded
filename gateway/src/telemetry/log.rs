//! The log: what the process says goes to standard error, one JSON line for each request to standard output.

use std::io::{IsTerminal as _, Write};

use memchr::memmem;
use parapet_policy::record::{GuardrailRecord, Record};
use tracing_subscriber::EnvFilter;

use super::known::{Known, clean, is_clean};

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
#[derive(Debug)]
pub struct Lines {
    buffer: Vec<u8>,
    /// One record without its guardrails.
    frame: Vec<u8>,
    known: Known<(), CleanEntry>,
    /// Finds [`NO_GUARDRAILS`]. It is made once: making it costs more than finding.
    no_guardrails: memmem::Finder<'static>,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            frame: Vec::new(),
            known: Known::default(),
            no_guardrails: memmem::Finder::new(NO_GUARDRAILS),
        }
    }
}

/// The entries of a record's guardrails, as long as there are none. What stands in a string has its quotes escaped, so this
/// is found nowhere else.
const NO_GUARDRAILS: &[u8] = b"\"guardrails\":[]";

impl Lines {
    /// Writes a batch in one go. A reader that has gone away is no reason to end: what it would have read is
    /// lost. The records are the same afterwards.
    pub fn write(&mut self, batch: &mut [Record], out: &mut impl Write) {
        self.buffer.clear();
        for record in batch {
            self.buffer.extend_from_slice(b"{\"record\":");
            let begun = self.buffer.len();
            if self.record(record).is_err() {
                // A record has text keys only, so this cannot happen; a half line would spoil the next one.
                self.buffer.truncate(begun);
                self.buffer.extend_from_slice(b"null");
            }
            self.buffer.extend_from_slice(b"}\n");
        }
        let _ = out.write_all(&self.buffer).and_then(|()| out.flush());
    }

    fn record(&mut self, record: &mut Record) -> serde_json::Result<()> {
        let guardrails = std::mem::take(&mut record.guardrails);
        self.frame.clear();
        let written = serde_json::to_writer(&mut self.frame, record);
        record.guardrails = guardrails;
        written?;
        let place = self
            .no_guardrails
            .find(&self.frame)
            .and_then(|at| self.frame.split_at_checked(at + NO_GUARDRAILS.len() - 1));
        let Some((before, after)) = place else {
            return serde_json::to_writer(&mut self.buffer, record);
        };
        self.buffer.extend_from_slice(before);
        for (position, guardrail) in record.guardrails.iter().enumerate() {
            if position > 0 {
                self.buffer.push(b',');
            }
            let known = is_clean(guardrail)
                .then(|| self.known.of(guardrail, (), || CleanEntry::new(guardrail)));
            match known.flatten() {
                Some(entry) => entry.write(guardrail, &mut self.buffer)?,
                None => serde_json::to_writer(&mut self.buffer, guardrail)?,
            }
        }
        self.buffer.extend_from_slice(after);
        Ok(())
    }
}

/// What is written of a guardrail that found nothing: all but its two times.
#[derive(Debug)]
struct CleanEntry([Vec<u8>; 3]);

impl CleanEntry {
    fn new(guardrail: &GuardrailRecord) -> Self {
        const START: &str = "\"start_us\":";
        const TOOK: &str = "\"took_us\":";
        // Zeros stand where the times go.
        let text = serde_json::to_string(&clean(guardrail)).unwrap_or_default();
        let cut = |text: &str, name: &str| {
            let (before, after) = text.split_once(&format!("{name}0"))?;
            Some((format!("{before}{name}"), after.to_owned()))
        };
        let parts = cut(&text, START).and_then(|(before, rest)| {
            let (between, after) = cut(&rest, TOOK)?;
            Some([before, between, after].map(String::into_bytes))
        });
        Self(parts.unwrap_or_default())
    }

    fn write(&self, guardrail: &GuardrailRecord, out: &mut Vec<u8>) -> serde_json::Result<()> {
        let [before, between, after] = &self.0;
        if before.is_empty() {
            return serde_json::to_writer(out, guardrail);
        }
        out.extend_from_slice(before);
        serde_json::to_writer(&mut *out, &guardrail.start_us)?;
        out.extend_from_slice(between);
        serde_json::to_writer(&mut *out, &guardrail.took_us)?;
        out.extend_from_slice(after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parapet_policy::hook::Hook;

    use super::*;
    use crate::telemetry::known::tests::ran;
    use crate::telemetry::queue::tests::record;

    fn lines(batch: &mut [Record]) -> String {
        let mut out = Vec::new();
        Lines::default().write(batch, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_batch_is_one_line_for_each_record() {
        let text = lines(&mut [record("a"), record("b")]);
        let ids: Vec<serde_json::Value> = text
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["record"]["request_id"]
                    .clone()
            })
            .collect();
        assert_eq!(ids, ["a", "b"]);
    }

    #[test]
    fn a_line_is_what_the_record_serialises_to() {
        let mut record = record("a");
        // Names that look like what is cut at.
        let odd = [
            r#""guardrails":[]"#,
            r#"g/"start_us":0,"took_us":0"#,
            "g/\u{1F980}\u{7}",
        ];
        record.model = Some(odd[0].into());
        for selector in odd.into_iter().chain(["g/a"]) {
            for hook in [Hook::LlmInput, Hook::LlmOutput] {
                record.guardrails.push(ran(selector, hook));
                record.guardrails.push(GuardrailRecord {
                    start_us: u64::MAX,
                    took_us: 0,
                    ..ran(selector, hook)
                });
                record.guardrails.push(GuardrailRecord {
                    outcome: "changed",
                    categories: vec![("email".into(), 2)],
                    edits: 2,
                    ..ran(selector, hook)
                });
            }
        }
        let expected = format!(
            "{{\"record\":{}}}\n",
            serde_json::to_string(&record).unwrap()
        );
        let batch = &mut [record.clone(), record];
        assert_eq!(lines(batch), expected.repeat(2));
        assert_eq!(batch[0].guardrails.len(), 24);
    }
}
