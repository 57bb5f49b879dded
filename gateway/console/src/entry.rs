//! One record as the console keeps it.

mod size;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parapet_policy::outcome::Strategy;
use parapet_policy::record::{End, GuardrailRecord, McpMessage, Record};

/// One record as the console keeps it.
#[derive(Debug)]
pub struct Entry {
    /// The gateway that it comes from.
    pub gateway: Arc<str>,
    /// What happened, without any text.
    pub record: Record,
    bytes: usize,
}

impl Entry {
    /// Keeps a record of a gateway. What is long is cut to a bound, so that nobody can push others' requests out of the ring
    /// with long names, neither a caller nor whoever can send records.
    pub fn new(gateway: Arc<str>, mut record: Record) -> Self {
        size::bound(&mut record);
        let bytes = size_of::<Self>() + size::heap(&record);
        Self {
            gateway: size::cut(gateway),
            record,
            bytes,
        }
    }

    /// Bytes that it takes in memory, nearly.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the request ended.
    pub fn ended(&self) -> SystemTime {
        let took = Duration::from_micros(self.record.total_us);
        self.record
            .started
            .checked_add(took)
            .unwrap_or(self.record.started)
    }

    /// Where it stands among others: by its end, in microseconds since 1970, then by its id.
    pub fn position(&self) -> (u64, &str) {
        let since = self.ended().duration_since(SystemTime::UNIX_EPOCH);
        let micros = since.unwrap_or_default().as_micros();
        (
            u64::try_from(micros).unwrap_or(u64::MAX),
            &self.record.request_id,
        )
    }

    /// Whether a guardrail stopped it.
    pub const fn is_blocked(&self) -> bool {
        match self.record.end {
            End::BlockedViolation | End::BlockedFailure => true,
            End::Allowed | End::Refused | End::UpstreamFailed | End::ClientGone => false,
        }
    }

    /// Whether a guardrail changed it.
    pub fn is_changed(&self) -> bool {
        self.record.guardrails.iter().any(changed)
    }

    /// Whether something did not work: a guardrail, or the model.
    pub fn has_failed(&self) -> bool {
        let guardrail = || self.record.guardrails.iter().any(failed);
        match self.record.end {
            End::BlockedFailure | End::UpstreamFailed => true,
            End::Allowed | End::BlockedViolation | End::Refused | End::ClientGone => guardrail(),
        }
    }

    /// Whether a guardrail found something and let it pass.
    pub fn is_flagged(&self) -> bool {
        self.record.guardrails.iter().any(flagged)
    }
}

/// What a message of MCP was about: the server with its tool, or with the method where no tool is called.
pub(crate) fn about(message: &McpMessage) -> String {
    let what = message.tool.as_deref().unwrap_or(message.method);
    format!("{}/{what}", message.server)
}

/// Whether this guardrail changed something.
pub(crate) fn changed(guardrail: &GuardrailRecord) -> bool {
    guardrail.outcome == "changed" && guardrail.strategy != Strategy::Audit
}

/// Whether this guardrail could not judge.
pub(crate) fn failed(guardrail: &GuardrailRecord) -> bool {
    guardrail.outcome == "failed"
}

/// Whether this guardrail found something and nothing came of it.
pub(crate) fn flagged(guardrail: &GuardrailRecord) -> bool {
    let found = matches!(guardrail.outcome, "violation" | "changed");
    found && !guardrail.blocks && !changed(guardrail)
}
