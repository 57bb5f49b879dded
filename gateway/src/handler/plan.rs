//! Who may do what: from a request and its headers to the guardrails that run.

use std::sync::Arc;

use http::HeaderMap;
use parapet_guardrails::client::HttpClient;
use parapet_guardrails::exchange::Call;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, Strategy};
use parapet_policy::plan::{Plan, Planned as Entry};
use parapet_policy::rule::{InputExecution, Unscannable};

use super::Gateway;
use super::error::Failure;
use super::resolve::{self, Resolved, resolve};
use super::tools::ToolHooks;
use crate::identity::{AuthError, Identity, has_credentials};
use crate::llm::{Request, Texts, UnjudgedCounts};
use crate::pipeline::recording::Recording;
use crate::pipeline::stage::{self, Stage};
use crate::pipeline::unjudged;
use crate::policy::ready::Snapshot;
use crate::upstream::{ReadyProvider, UpstreamError};

/// What is known of a request once its plan is made. It owns what it names: a stream outlives the handler.
pub(super) struct Planned {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) recording: Recording,
    /// The upstream's own name of the model.
    pub(super) upstream_model: Arc<str>,
    provider: u32,
    plan: Arc<Plan>,
    call: Call,
    /// For calls and results of tools; none where nothing could run on them.
    pub(super) tools: Option<ToolHooks>,
}

/// Who calls; the record says so from here on.
pub(super) fn authenticate(
    snapshot: &Snapshot,
    headers: &HeaderMap,
    recording: &Recording,
) -> Result<Arc<Identity>, Failure> {
    let identity = match snapshot.identities.authenticate(headers) {
        Err(AuthError::Missing) if !has_credentials(headers) => snapshot.settings.anonymous.clone(),
        Err(error) => return Err(Failure::Unauthenticated(error)),
        Ok(identity) => Some(identity),
    };
    let identity = identity.ok_or(Failure::Unauthenticated(AuthError::Missing))?;
    recording.with(|record| {
        record.subject = Some(identity.caller.subject.clone());
        record.teams.clone_from(&identity.caller.teams);
    });
    Ok(identity)
}

impl Planned {
    /// Finds the model, checks that the caller may use it, and plans.
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        identity: &Identity,
        headers: &HeaderMap,
        request: &Request,
        recording: &Recording,
    ) -> Result<Self, Failure> {
        recording.with(|record| {
            record.model = Some(request.model().clone());
            record.stream = request.stream();
            record.parameters = *request.parameters();
        });
        let Resolved {
            facts,
            plan,
            provider,
            upstream_model,
            overrides,
        } = resolve(&snapshot, identity, headers, request)?;
        let tools = ToolHooks::of(&snapshot, facts.target.namespace(), overrides);
        let call = Call {
            hook: Hook::LlmInput,
            models: facts.target.models(),
            caller: facts.caller,
            metadata: facts.metadata,
            mcp: None,
            request_id: recording.with(|record| record.request_id.clone()),
        };
        let plan = Arc::new(plan);
        let (of, guardrails) = (plan.clone(), snapshot.clone());
        recording.before_handing_on(move |record| {
            stage::complete(record, &of.hooks, &guardrails.guardrails);
        });
        Ok(Self {
            provider,
            upstream_model,
            recording: recording.clone(),
            snapshot,
            plan,
            call,
            tools,
        })
    }

    /// The provider to call.
    pub(super) fn provider(&self) -> Result<&ReadyProvider, Failure> {
        resolve::provider(&self.snapshot, self.provider)
    }

    /// Whether any guardrail runs at a hook.
    pub(super) fn has(&self, hook: Hook) -> bool {
        !self.plan.hooks.get(hook).is_empty()
    }

    /// Whether anybody has to see what passes a hook: a guardrail, or the rule that refuses what none can judge.
    pub(super) fn sees(&self, hook: Hook) -> bool {
        self.has(hook) || self.refuses_unscannable()
    }

    /// Whether anybody has to see the answer: its text, or its calls of tools.
    pub(super) fn sees_answers(&self) -> bool {
        self.sees(Hook::LlmOutput) || self.tools.is_some()
    }

    /// The call that is judged, as a call of the model.
    pub(super) const fn call(&self) -> &Call {
        &self.call
    }

    /// The guardrails of a hook, in order.
    pub(super) fn entries(&self, hook: Hook) -> &[Entry] {
        self.plan.hooks.get(hook)
    }

    /// A guardrail's name.
    pub(super) fn selector(&self, entry: &Entry) -> Arc<str> {
        let ready = self.snapshot.guardrails.get(entry.guardrail as usize);
        ready.map_or_else(|| Arc::from("?"), |ready| ready.selector.clone())
    }

    /// What the guardrails of a hook run with.
    pub(super) fn stage<'a>(&'a self, gateway: &Gateway, hook: Hook) -> Stage<'a> {
        self.stage_of(hook, self.entries(hook), gateway.client.clone())
    }

    /// What some guardrails of a hook run with.
    pub(super) fn stage_of<'a>(
        &'a self,
        hook: Hook,
        entries: &'a [Entry],
        client: Arc<dyn HttpClient>,
    ) -> Stage<'a> {
        let mut call = self.call.clone();
        call.hook = hook;
        Stage {
            hook,
            plan: entries,
            guardrails: &self.snapshot.guardrails,
            call: Arc::new(call),
            client,
            recording: &self.recording,
        }
    }

    /// As the plan or the settings say; sequential when the provider itself runs tools, because a tool
    /// that has run cannot be called back.
    pub(super) fn input_execution(&self, request: &Request) -> InputExecution {
        self.plan
            .input_execution
            .unwrap_or(if request.provider_runs_tools() {
                InputExecution::Sequential
            } else {
                InputExecution::Parallel
            })
    }

    /// Whether the answer may be changed on its way out.
    pub(super) fn may_change_output(&self) -> bool {
        let tools = self.tools.as_ref();
        tools.is_some_and(ToolHooks::may_change_answers)
            || self.plan.hooks.llm_output.iter().any(|guardrail| {
                guardrail.operation == Operation::Mutate && guardrail.strategy != Strategy::Audit
            })
    }

    /// An answer that breaks off shows in the record.
    pub(super) fn note_error(&self, error: &UpstreamError) {
        self.recording.with(|record| {
            if let Some(attempt) = record.attempts.last_mut() {
                attempt.error = Some(error.word());
            }
        });
    }

    /// The answer has been read to its end.
    pub(super) fn note_complete(&self) {
        let now = self.recording.now_us();
        self.recording.with(|record| {
            if let Some(attempt) = record.attempts.last_mut() {
                attempt.complete = true;
                attempt.took_us = now.saturating_sub(attempt.start_us);
            }
        });
    }

    /// Whether content that no guardrail can judge is refused.
    pub(super) fn refuses_unscannable(&self) -> bool {
        self.plan.unscannable == Unscannable::Block
    }

    /// Content that no guardrail can judge shows in the record, and is refused if a rule says so.
    pub(super) fn check_unjudged(&self, hook: Hook, texts: &Texts) -> Result<(), Failure> {
        self.check_counts(hook, texts.unjudged())
    }

    /// The same of what was counted already.
    pub(super) fn check_counts(&self, hook: Hook, counts: &UnjudgedCounts) -> Result<(), Failure> {
        unjudged::note(&self.recording, counts);
        if counts.is_empty() || !self.refuses_unscannable() {
            return Ok(());
        }
        Err(Failure::Blocked(unjudged::blocked(hook, counts)))
    }
}
