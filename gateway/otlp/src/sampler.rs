//! Which traces are kept.

use parapet_policy::record::{End, Record};
use parapet_policy::trace::TraceId;

/// Which requests are sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// A trace is sampled when the random part of its id is below this.
    below: u64,
    asks_parent: bool,
    never: bool,
}

impl Sampler {
    /// A share of all traces, between 0 and 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of 2^64, rounded; the conversion saturates"
    )]
    pub fn always(share: f64) -> Self {
        Self {
            below: (share * u64::MAX as f64) as u64,
            asks_parent: false,
            never: false,
        }
    }

    /// As the caller decided; a share of the traces that begin here.
    pub fn parent_or(share: f64) -> Self {
        Self {
            asks_parent: true,
            ..Self::always(share)
        }
    }

    /// No trace, whatever becomes of the request.
    pub const fn never() -> Self {
        Self {
            below: 0,
            asks_parent: false,
            never: true,
        }
    }

    /// Whether a trace is sampled, at its head; `parent` is what the caller decided for itself.
    pub fn samples(self, id: TraceId, parent: Option<bool>) -> bool {
        match parent {
            Some(sampled) if self.asks_parent => sampled,
            Some(_) | None => self.below == u64::MAX || id.random_part() < self.below,
        }
    }

    /// Whether a request's spans are exported, once it is known what became of it: blocks and failures always are.
    pub fn keeps(self, record: &Record, head: bool) -> bool {
        let noteworthy = || {
            let failed = || {
                record
                    .guardrails
                    .iter()
                    .any(|entry| entry.failure.is_some())
            };
            match record.end {
                End::BlockedViolation | End::BlockedFailure | End::UpstreamFailed => true,
                End::Allowed | End::Refused | End::ClientGone => record.status >= 500 || failed(),
            }
        };
        !self.never && (head || noteworthy())
    }
}
