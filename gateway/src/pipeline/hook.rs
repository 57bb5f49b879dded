//! Runs the guardrails of one hook over one whole payload.
//!
//! On input: validators of the original text, then mutators in order, then validators of what is sent
//! on. On every other hook: mutators in order, then validators. Slow validators are left running in the
//! [`Race`] that comes back.

use parapet_guardrails::exchange::Exchange;
use parapet_guardrails::guardrail::Guardrail;
use parapet_policy::bundle::ValidatorInput;
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{FailureClass, Operation, Outcome, SkipReason, Strategy, decide};
use parapet_policy::plan::Planned;
use parapet_policy::record::Places;

use super::block::{Blocked, Blocker};
use super::edit::{Applied, not_rewritten};
use super::judge::Judged;
use super::payload::Payload;
use super::race::Race;
use super::service;
use super::stage::{Stage, Tag};
use super::text::TextPass;

/// Runs every guardrail of a stage.
///
/// # Errors
/// The guardrails that block. What they kept from running is written down as skipped.
pub async fn run<P: Payload>(stage: &Stage<'_>, payload: &mut P) -> Result<Race, Blocked> {
    let mut run = Run {
        stage,
        text: TextPass::new(stage),
        done: vec![false; stage.plan.len()],
        race: Race::new(stage.hook, stage.recording.clone()),
    };
    let result = run.all(payload).await;
    if result.is_err() {
        run.skip_the_rest();
    }
    result.map(|()| run.race)
}

struct Run<'a> {
    stage: &'a Stage<'a>,
    text: TextPass<'a>,
    /// Which guardrails of the plan have run, or are running in the race.
    done: Vec<bool>,
    race: Race,
}

impl Run<'_> {
    async fn all<P: Payload>(&mut self, payload: &mut P) -> Result<(), Blocked> {
        self.text.scan_all(payload);
        if self.stage.hook == Hook::LlmInput {
            self.validators(payload, |input| input == ValidatorInput::Original)?;
        }
        for position in 0..self.stage.plan.len() {
            if self.stage.plan[position].operation == Operation::Mutate {
                self.mutator(position, payload).await?;
            }
        }
        self.validators(payload, |_| true)
    }

    /// Runs the validators that have not run and that see this text; slow ones start. All fast ones are
    /// judged before any of them blocks, so that the record and the client see every reason.
    fn validators<P: Payload>(
        &mut self,
        payload: &P,
        sees: impl Fn(ValidatorInput) -> bool,
    ) -> Result<(), Blocked> {
        let mut by = Vec::new();
        for (position, planned) in self.stage.plan.iter().enumerate() {
            let input = self
                .stage
                .ready(planned)
                .map_or(ValidatorInput::Original, |ready| ready.input);
            if planned.operation == Operation::Validate && !self.done[position] && sees(input) {
                by.extend(self.validator(position, planned, payload));
            }
        }
        self.block_if_any(by)
    }

    fn validator<P: Payload>(
        &mut self,
        position: usize,
        planned: &Planned,
        payload: &P,
    ) -> Option<Blocker> {
        self.done[position] = true;
        match self
            .stage
            .ready(planned)
            .and_then(|ready| ready.guardrail())
        {
            Some(Guardrail::Service(_)) => {
                self.start_service(planned, payload);
                None
            }
            Some(Guardrail::Text(_)) => {
                let judged = self.text.judge(position, planned.operation, payload);
                self.settle(&self.stage.tag(planned), &judged, self.text.share_us)
            }
            Some(Guardrail::Context(_)) => {
                let judged = self.judge_context(planned);
                self.settle(&self.stage.tag(planned), &judged, 0)
            }
            None => self.settle(&self.stage.tag(planned), &not_built(), 0),
        }
    }

    async fn mutator<P: Payload>(
        &mut self,
        position: usize,
        payload: &mut P,
    ) -> Result<(), Blocked> {
        let stage = self.stage;
        let planned = &stage.plan[position];
        self.done[position] = true;
        let start_us = stage.recording.now_us();
        let mut tag = stage.tag(planned);
        let judged = match stage.ready(planned).and_then(|ready| ready.guardrail()) {
            Some(Guardrail::Service(_)) if planned.strategy == Strategy::Audit => {
                self.start_service(planned, payload);
                return Ok(());
            }
            Some(Guardrail::Service(_)) => {
                let mut judged = self.call_mutator(&mut tag, payload).await?;
                match self.text.apply(planned.strategy, &judged, payload) {
                    Applied::Nothing => judged,
                    Applied::All(twins) => {
                        Places::join(&mut judged.places, twins);
                        judged
                    }
                    Applied::Refused => not_rewritten(judged),
                }
            }
            Some(Guardrail::Text(_)) => self.text.mutate(position, planned.strategy, payload),
            Some(Guardrail::Context(_)) => self.judge_context(planned),
            None => not_built(),
        };
        let took_us = stage.recording.now_us() - start_us + self.text.share_us;
        match self.settle(&tag, &judged, took_us) {
            Some(blocker) => self.block_if_any(vec![blocker]),
            None => Ok(()),
        }
    }

    fn judge_context(&self, planned: &Planned) -> Judged {
        let Some(Guardrail::Context(context)) = self
            .stage
            .ready(planned)
            .and_then(|ready| ready.guardrail())
        else {
            return not_built();
        };
        match context.judge(&self.stage.call) {
            Ok(()) => Judged::clean(),
            Err(violation) => {
                let explanation = violation.explanation.into();
                let mut judged = Judged::of(Outcome::Violation { explanation });
                judged.categories = violation.categories.into_iter().map(|c| (c, 1)).collect();
                judged
            }
        }
    }

    /// Calls a mutating service while the race goes on.
    async fn call_mutator<P: Payload>(
        &mut self,
        tag: &mut Tag,
        payload: &P,
    ) -> Result<Judged, Blocked> {
        let Some(call) = self.service_call(tag, payload) else {
            return Ok(not_built());
        };
        let answer = self.race.alongside(call.answer).await?;
        Ok(service::judge_mutator(answer, payload))
    }

    /// Starts a service whose answer is not needed now: in the race, or on its own under audit.
    fn start_service<P: Payload>(&mut self, planned: &Planned, payload: &P) {
        let mut tag = self.stage.tag(planned);
        let Some(call) = self.service_call(&mut tag, payload) else {
            tag.record(
                self.stage.recording,
                &not_built(),
                self.stage.recording.now_us(),
                0,
            );
            return;
        };
        let operation = planned.operation;
        if planned.strategy != Strategy::Audit {
            self.race.add(
                tag,
                async move { service::judge_validator(call.answer.await) },
            );
            return;
        }
        let recording = self.stage.recording.clone();
        // Never waited for and never cancelled by the response; the record waits for it.
        tokio::task::spawn_local(async move {
            let start_us = recording.now_us();
            let judged = service::judge_audit(operation, call.answer.await, &call.sent);
            tag.record(&recording, &judged, start_us, recording.now_us() - start_us);
        });
    }

    fn service_call<P: Payload>(
        &self,
        tag: &mut Tag,
        payload: &P,
    ) -> Option<ServiceCall<impl Future<Output = ServiceAnswer> + 'static + use<P>>> {
        let ready = self.stage.ready(&tag.planned)?;
        let Some(Guardrail::Service(service)) = ready.guardrail() else {
            return None;
        };
        let bodies = payload.chat_bodies();
        let sent = bodies
            .response
            .clone()
            .unwrap_or_else(|| bodies.request.clone());
        let exchange = Exchange {
            call: self.stage.call.clone(),
            operation: tag.planned.operation,
            scope: tag.planned.scope,
            segments: std::sync::Arc::new(payload.segments().clone()),
            request_body: bodies.request,
            response_body: bodies.response,
        };
        let answer = service::call(
            service.clone(),
            exchange,
            tag.client(self.stage),
            ready.timeout,
            ready.selector.clone(),
        );
        Some(ServiceCall { answer, sent })
    }

    /// Writes down what a guardrail came to, and tells whether that blocks.
    fn settle(&self, tag: &Tag, judged: &Judged, took_us: u64) -> Option<Blocker> {
        let now = self.stage.recording.now_us();
        tag.record(
            self.stage.recording,
            judged,
            now.saturating_sub(took_us),
            took_us,
        );
        decide(tag.planned.strategy, &judged.outcome)
            .blocks()
            .then(|| tag.blocker(judged))
    }

    fn block_if_any(&self, by: Vec<Blocker>) -> Result<(), Blocked> {
        if by.is_empty() {
            Ok(())
        } else {
            Err(Blocked {
                hook: self.stage.hook,
                by,
            })
        }
    }

    fn skip_the_rest(&mut self) {
        self.race.stop(SkipReason::BlockedElsewhere);
        for (position, planned) in self.stage.plan.iter().enumerate() {
            if !self.done[position] {
                self.stage
                    .tag(planned)
                    .record_skipped(self.stage.recording, SkipReason::BlockedElsewhere);
            }
        }
    }
}

type ServiceAnswer = Result<parapet_guardrails::exchange::Verdict, FailureClass>;

/// A call that is ready to be polled, with the body it judges.
struct ServiceCall<F> {
    answer: F,
    sent: bytes::Bytes,
}

fn not_built() -> Judged {
    Judged::of(Outcome::Failed(FailureClass::NotBuilt))
}

#[cfg(test)]
pub(super) mod tests;
