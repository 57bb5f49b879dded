//! One hook of one request: what its guardrails run with, and what they write down.

use std::borrow::Cow;
use std::sync::Arc;

use parapet_guardrails::client::HttpClient;
use parapet_guardrails::exchange::Call;
use parapet_policy::hook::{Hook, PerHook};
use parapet_policy::outcome::{FailureClass, Outcome, SkipReason, decide};
use parapet_policy::plan::Planned;
use parapet_policy::record::{End, GuardrailRecord, Record};

use super::block::Blocker;
use super::calls::Calls;
use super::judge::Judged;
use super::recording::Recording;
use crate::mcp::method;
use crate::policy::guardrail::ReadyGuardrail;

/// What the guardrails of one hook run with.
#[derive(Clone)]
pub struct Stage<'a> {
    /// Where.
    pub hook: Hook,
    /// Who runs: mutators in order, then validators.
    pub plan: &'a [Planned],
    /// All guardrails of the policy, by [`Planned::guardrail`].
    pub guardrails: &'a [ReadyGuardrail],
    /// The call that is judged.
    pub call: Arc<Call>,
    /// The way out for services.
    pub client: Arc<dyn HttpClient>,
    /// The request's record.
    pub recording: &'a Recording,
}

/// One guardrail's identity in records and blocks, free of borrows.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    pub(super) hook: Hook,
    pub(super) selector: Arc<str>,
    pub(super) kind: &'static str,
    /// In a chat, the tool whose call or result is judged.
    pub(super) tool: Option<Arc<str>>,
    pub(super) planned: Planned,
    /// The network calls of a service.
    calls: Option<Calls>,
}

impl<'a> Stage<'a> {
    /// A planned guardrail's ready form. A plan never outlives the policy it was made from; should an
    /// index not fit all the same, the guardrail counts as one that does not build.
    pub(super) fn ready(&self, planned: &Planned) -> Option<&'a ReadyGuardrail> {
        self.guardrails.get(planned.guardrail as usize)
    }

    /// Whether a planned guardrail makes calls.
    pub fn is_slow(&self, planned: &Planned) -> bool {
        self.ready(planned).is_some_and(ReadyGuardrail::is_slow)
    }

    /// The planned guardrail's tag.
    pub(super) fn tag(&self, planned: &Planned) -> Tag {
        Tag {
            tool: self.tool_in_chat(),
            ..tag(self.hook, self.guardrails, planned)
        }
    }

    /// The tool, where the record does not say it: a call of a model is of any number of tools. Callers name them.
    fn tool_in_chat(&self) -> Option<Arc<str>> {
        let tool = self.call.mcp.as_ref()?.tool.as_ref()?;
        let tells = !self.call.models.is_empty() && method::is_tool_name(tool);
        tells.then(|| tool.clone())
    }
}

/// Writes down, for every guardrail of a plan that has no entry yet, that it did not run: a client can go
/// away, and an upstream fail, at any point.
pub fn complete(record: &mut Record, hooks: &PerHook<Vec<Planned>>, guardrails: &[ReadyGuardrail]) {
    let reason = match record.end {
        End::ClientGone => SkipReason::ClientGone,
        End::Allowed => SkipReason::NothingToJudge,
        End::BlockedViolation | End::BlockedFailure | End::Refused | End::UpstreamFailed => {
            SkipReason::NotReached
        }
    };
    for hook in Hook::ALL {
        for planned in hooks.get(hook) {
            let ready = guardrails.get(planned.guardrail as usize);
            let selector = ready.map_or("?", |ready| &*ready.selector);
            let has_entry = record
                .guardrails
                .iter()
                .any(|entry| entry.hook == hook && &*entry.selector == selector);
            // Nearly every request has them all, so nothing is made before it is known that one is missing.
            if !has_entry {
                let judged = Judged::of(Outcome::Skipped(reason));
                let entry = tag(hook, guardrails, planned).entry(&judged, record.total_us, 0);
                record.guardrails.push(entry);
            }
        }
    }
}

pub(super) fn tag(hook: Hook, guardrails: &[ReadyGuardrail], planned: &Planned) -> Tag {
    let ready = guardrails.get(planned.guardrail as usize);
    Tag {
        hook,
        selector: ready.map_or_else(|| Arc::from("?"), |ready| ready.selector.clone()),
        kind: ready.map_or("?", |ready| ready.kind),
        tool: None,
        planned: planned.clone(),
        calls: None,
    }
}

impl Tag {
    /// A client for this guardrail alone: its record tells what goes through it.
    pub(super) fn client(&mut self, stage: &Stage<'_>) -> Arc<dyn HttpClient> {
        let calls = stage.recording.calls();
        let client = calls.noting(stage.client.clone());
        self.calls = Some(calls);
        client
    }

    /// Writes down what the guardrail came to.
    pub(super) fn record(
        &self,
        recording: &Recording,
        judged: &Judged,
        start_us: u64,
        took_us: u64,
    ) {
        recording.guardrail(self.entry(judged, start_us, took_us));
    }

    fn entry(&self, judged: &Judged, start_us: u64, took_us: u64) -> GuardrailRecord {
        let (failure, skipped): (Option<FailureClass>, Option<SkipReason>) = match &judged.outcome {
            Outcome::Failed(class) => (Some(*class), None),
            Outcome::Skipped(reason) => (None, Some(*reason)),
            Outcome::Clean | Outcome::Changed | Outcome::Violation { .. } => (None, None),
        };
        GuardrailRecord {
            selector: self.selector.clone(),
            kind: self.kind,
            hook: self.hook,
            tool: self.tool.clone(),
            operation: self.planned.operation,
            strategy: self.planned.strategy,
            outcome: judged.outcome.as_str(),
            blocks: decide(self.planned.strategy, &judged.outcome).blocks(),
            failure,
            skipped,
            categories: judged
                .categories
                .iter()
                .map(|(category, count)| (Arc::from(category.as_ref()), *count))
                .collect(),
            edits: u32::try_from(judged.edits.len()).unwrap_or(u32::MAX),
            places: judged.places.clone(),
            start_us,
            took_us,
            cached: false,
            rules: self.planned.rules.clone(),
            calls: self.calls.as_ref().map(Calls::take).unwrap_or_default(),
        }
    }

    /// Writes down that the guardrail did not run.
    pub(super) fn record_skipped(&self, recording: &Recording, reason: SkipReason) {
        let now = recording.now_us();
        self.record(recording, &Judged::of(Outcome::Skipped(reason)), now, 0);
    }

    /// The guardrail as one that stopped the request.
    pub(super) fn blocker(&self, judged: &Judged) -> Blocker {
        Blocker {
            selector: self.selector.clone(),
            outcome: judged.outcome.clone(),
            categories: judged
                .categories
                .iter()
                .map(|(category, _)| Cow::clone(category))
                .collect(),
            custom_error_message: self.planned.custom_error_message.clone(),
        }
    }
}
