//! Content of a stream that no guardrail can judge.

use parapet_policy::hook::Hook;

use super::flowing::unreadable;
use crate::handler::error::Failure;
use crate::handler::plan::Planned;
use crate::llm::stream::{ChannelKind, Event, EventKind};
use crate::llm::{Unjudged, UnjudgedCounts};

/// Looks at a stream's events for content that no guardrail can judge.
pub(super) struct Coverage<'a> {
    planned: &'a Planned,
    /// Whether any reasoning of the current block could be read.
    reasoned: bool,
}

impl<'a> Coverage<'a> {
    pub(super) const fn new(planned: &'a Planned) -> Self {
        Self {
            planned,
            reasoned: false,
        }
    }

    /// Counts what an event holds, and refuses it where a rule says so. What an event holds that cannot be read, nobody
    /// knows.
    pub(super) fn check(&mut self, event: &Event) -> Result<(), Failure> {
        if event.kind == EventKind::Broken && self.planned.refuses_unscannable() {
            return Err(unreadable());
        }
        let mut counts = event
            .whole()
            .map_or_else(UnjudgedCounts::default, |whole| *whole.unjudged());
        self.reasoned &= event.begins.is_none();
        let mut deltas = event.deltas.iter();
        self.reasoned |= deltas.any(|delta| delta.channel.kind == ChannelKind::SignedReasoning);
        if event.signs && !self.reasoned {
            // The signature itself holds it, encrypted.
            counts.add(Unjudged::Opaque);
        }
        self.planned.check_counts(Hook::LlmOutput, &counts)
    }
}
