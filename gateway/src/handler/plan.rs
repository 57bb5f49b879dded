//! Who may do what: from a request and its headers to the guardrails that run.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use parapet_guardrails::client::HttpClient;
use parapet_guardrails::exchange::Call;
use parapet_policy::facts::Facts;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Operation, SkipReason, Strategy};
use parapet_policy::overrides::{self, Overrides};
use parapet_policy::plan::{Plan, Planned as Entry};
use parapet_policy::rule::InputExecution;

use super::Gateway;
use super::error::Failure;
use crate::identity::Identity;
use crate::llm::{Request, Texts};
use crate::pipeline::recording::Recording;
use crate::pipeline::stage::{Stage, skip_all};
use crate::policy::ready::Snapshot;
use crate::route::metadata;
use crate::upstream::{ReadyProvider, UpstreamError};

/// What is known of a request once its plan is made. It owns what it names: a stream outlives the handler.
pub(super) struct Planned {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) recording: Recording,
    /// The upstream's own name of the model.
    pub(super) upstream_model: Arc<str>,
    provider: u32,
    plan: Plan,
    call: Call,
}

/// Who calls; the record says so from here on.
pub(super) fn authenticate(
    snapshot: &Snapshot,
    headers: &HeaderMap,
    recording: &Recording,
) -> Result<Arc<Identity>, Failure> {
    let identity = snapshot
        .identities
        .authenticate(headers)
        .map_err(|error| Failure::Unauthenticated(error.to_string()))?;
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
        });
        let model = snapshot
            .models
            .resolve(request.model())
            .map_err(|error| Failure::NotFound(error.to_string()))?;
        if !snapshot.models.may_use(model.provider, &identity.caller) {
            let message = format!("this caller may not use the model {:?}", &**request.model());
            return Err(Failure::Forbidden(message));
        }
        let mut pairs =
            metadata::read(headers).map_err(|error| Failure::Invalid(error.to_string()))?;
        // What an account or a claim says wins over what a header says.
        pairs.extend(
            identity
                .metadata
                .iter()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
        let facts = Facts {
            caller: identity.caller.clone(),
            target: model.target(),
            metadata: pairs,
        };
        let overrides = read_overrides(headers)?;
        let plan = snapshot
            .planner
            .plan(&facts, overrides.as_ref())
            .map_err(|error| Failure::Invalid(error.to_string()))?;
        let call = Call {
            hook: Hook::LlmInput,
            caller: facts.caller,
            metadata: facts.metadata,
            model: Some(request.model().clone()),
            mcp: None,
            request_id: recording.with(|record| record.request_id.clone()),
        };
        let planned = Self {
            provider: model.provider,
            upstream_model: model.upstream,
            recording: recording.clone(),
            snapshot,
            plan,
            call,
        };
        planned.check_dialect(request)?;
        Ok(planned)
    }

    fn check_dialect(&self, request: &Request) -> Result<(), Failure> {
        if self.provider()?.speaks(request.dialect()) {
            return Ok(());
        }
        let model = &**request.model();
        Err(Failure::Invalid(format!(
            "the provider of {model:?} does not speak this route's dialect: call OpenAI-compatible models at \
             /v1/chat/completions and Anthropic's at /v1/messages"
        )))
    }

    /// The provider to call.
    pub(super) fn provider(&self) -> Result<&ReadyProvider, Failure> {
        let provider = self.snapshot.providers.get(self.provider as usize);
        provider
            .and_then(Option::as_ref)
            .ok_or_else(|| Failure::Upstream("the model's provider is not usable".to_owned()))
    }

    /// Whether any guardrail runs at a hook.
    pub(super) fn has(&self, hook: Hook) -> bool {
        !self.plan.hooks.get(hook).is_empty()
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
        self.plan.hooks.llm_output.iter().any(|guardrail| {
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

    /// Content that no guardrail can judge shows in the record.
    pub(super) fn note_unjudged(&self, texts: &Texts) {
        let counts = texts.unjudged();
        if counts.is_empty() {
            return;
        }
        self.recording.with(|record| {
            for (class, count) in counts.iter() {
                match record
                    .unjudged
                    .iter_mut()
                    .find(|(known, _)| **known == *class.as_str())
                {
                    Some((_, known)) => *known += count,
                    None => record.unjudged.push((class.as_str().into(), count)),
                }
            }
        });
    }

    /// Output guardrails that a failure kept from running show in the record all the same.
    pub(super) fn skip_what_was_not_reached(&self) {
        let ran = self.recording.with(|record| {
            record
                .guardrails
                .iter()
                .any(|guardrail| guardrail.hook == Hook::LlmOutput)
        });
        if !ran {
            skip_all(
                Hook::LlmOutput,
                &self.plan.hooks.llm_output,
                &self.snapshot.guardrails,
                &self.recording,
                SkipReason::NotReached,
            );
        }
    }
}

/// The two headers about guardrails, in either spelling.
fn read_overrides(headers: &HeaderMap) -> Result<Option<Overrides>, Failure> {
    let either = |published, ours| {
        let value = metadata::either(headers, published, ours);
        value.map_err(|error| Failure::Invalid(error.to_string()))
    };
    let guardrails = either("x-tfy-guardrails", "x-parapet-guardrails")?;
    let scope = either("x-tfy-guardrails-scope", "x-parapet-guardrails-scope")?;
    if guardrails.is_none() && scope.is_none() {
        return Ok(None);
    }
    overrides::parse(text(guardrails)?, text(scope)?)
        .map(Some)
        .map_err(|error| Failure::Invalid(error.to_string()))
}

fn text(value: Option<&HeaderValue>) -> Result<Option<&str>, Failure> {
    value
        .map(HeaderValue::to_str)
        .transpose()
        .map_err(|_| Failure::Invalid("a guardrails header is not plain text".to_owned()))
}
