//! One record as the console keeps it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parapet_policy::outcome::Strategy;
use parapet_policy::record::{
    Attempt, End, GuardrailRecord, McpMessage, NetworkCall, Places, Record,
};

/// Bytes of a name that callers choose freely. No model is called longer.
const MAX_NAME: usize = 512;
/// Teams of a caller that are kept.
const MAX_TEAMS: usize = 50;
/// What a shared text takes besides its bytes: two counters, and the rounding of the allocation.
const TEXT: usize = 24;

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
    /// Keeps a record of a gateway. What a caller chose freely is cut to a bound, so that nobody can push others' requests
    /// out of the ring with long names.
    pub fn new(gateway: Arc<str>, mut record: Record) -> Self {
        record.content = None;
        record.teams.truncate(MAX_TEAMS);
        record.model = record.model.map(cut);
        if let Some(message) = &mut record.mcp {
            message.server = cut(std::mem::take(&mut message.server));
            message.tool = message.tool.take().map(cut);
        }
        record.teams.shrink_to_fit();
        record.guardrails.shrink_to_fit();
        let bytes = size_of::<Self>() + heap(&record);
        Self {
            gateway,
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

/// At most [`MAX_NAME`] bytes of a name.
fn cut(name: Arc<str>) -> Arc<str> {
    if name.len() <= MAX_NAME {
        return name;
    }
    let end = name.floor_char_boundary(MAX_NAME);
    format!("{}…", name.get(..end).unwrap_or_default()).into()
}

fn heap(record: &Record) -> usize {
    let texts = |all: &[Arc<str>]| all.iter().map(text).sum::<usize>();
    let counted = |all: &Vec<(Arc<str>, u32)>| {
        size_of::<(Arc<str>, u32)>() * all.capacity()
            + all.iter().map(|(one, _)| text(one)).sum::<usize>()
    };
    let optional = |one: &Option<Arc<str>>| one.as_ref().map_or(0, text);
    let call = |call: &NetworkCall| text(&call.server);
    let guardrail = |one: &GuardrailRecord| {
        text(&one.selector)
            + counted(&one.categories)
            + one.places.as_ref().map_or(0, |places| {
                size_of::<Places>()
                    + size_of::<Arc<str>>() * places.first.capacity()
                    + texts(&places.first)
            })
            + TEXT
            + size_of_val(&*one.rules)
            + texts(&one.rules)
            + size_of::<NetworkCall>() * one.calls.capacity()
            + one.calls.iter().map(call).sum::<usize>()
    };
    let attempt = |one: &Attempt| text(&one.provider) + optional(&one.server) + text(&one.model);
    text(&record.request_id)
        + record.subject.as_ref().map_or(0, |one| text(one.name()))
        + size_of::<Arc<str>>() * record.teams.capacity()
        + texts(&record.teams)
        + optional(&record.model)
        + record
            .mcp
            .as_ref()
            .map_or(0, |message| text(&message.server) + optional(&message.tool))
        + size_of::<GuardrailRecord>() * record.guardrails.capacity()
        + record.guardrails.iter().map(guardrail).sum::<usize>()
        + size_of::<Attempt>() * record.attempts.capacity()
        + record.attempts.iter().map(attempt).sum::<usize>()
        + counted(&record.unjudged)
        + size_of::<&str>() * record.rewrites.capacity()
}

fn text(one: &Arc<str>) -> usize {
    TEXT + one.len()
}
