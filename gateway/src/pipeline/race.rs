//! Slow validators that run beside something else, usually the model call.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, LocalBoxFuture, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{SkipReason, decide};

use super::block::Blocked;
use super::judge::Judged;
use super::recording::Recording;
use super::stage::Tag;

/// The answer of one slow guardrail.
pub(super) struct Answer {
    slot: usize,
    judged: Judged,
    start_us: u64,
    took_us: u64,
}

/// Slow validators under way. Dropping it drops their calls.
pub struct Race {
    hook: Hook,
    recording: Recording,
    /// None until somebody runs: most requests have no slow guardrail, and an empty list allocates.
    running: Option<FuturesUnordered<LocalBoxFuture<'static, Answer>>>,
    /// Who has not answered yet, by slot.
    waiting: Vec<Option<Tag>>,
}

impl Race {
    /// A race without runners.
    pub fn new(hook: Hook, recording: Recording) -> Self {
        Self {
            hook,
            recording,
            running: None,
            waiting: Vec::new(),
        }
    }

    /// Adds a guardrail that can block. It starts when the race is next polled.
    pub(super) fn add(&mut self, tag: Tag, call: impl Future<Output = Judged> + 'static) {
        let slot = self.waiting.len();
        let recording = self.recording.clone();
        self.waiting.push(Some(tag));
        let running = self.running.get_or_insert_with(FuturesUnordered::new);
        running.push(Box::pin(async move {
            let start_us = recording.now_us();
            let judged = call.await;
            Answer {
                slot,
                judged,
                start_us,
                took_us: recording.now_us() - start_us,
            }
        }));
    }

    /// Whether everybody has answered.
    pub fn is_done(&self) -> bool {
        self.running.as_ref().is_none_or(FuturesUnordered::is_empty)
    }

    /// Waits for everybody.
    ///
    /// # Errors
    /// The first answer that blocks; the other calls are dropped.
    pub async fn finish(&mut self) -> Result<(), Blocked> {
        while let Some(running) = &mut self.running
            && let Some(answer) = running.next().await
        {
            self.take(answer)?;
        }
        Ok(())
    }

    /// Runs something beside the race until it is done. The race may go on after it.
    ///
    /// # Errors
    /// A blocking answer that comes first; `work` is dropped.
    pub async fn alongside<F: Future>(&mut self, work: F) -> Result<F::Output, Blocked> {
        let mut work = pin!(work);
        while let Some(running) = &mut self.running {
            match select(running.next(), work.as_mut()).await {
                Either::Left((Some(answer), _)) => self.take(answer)?,
                Either::Left((None, _)) => break,
                Either::Right((output, _)) => return Ok(output),
            }
        }
        Ok(work.await)
    }

    fn take(&mut self, answer: Answer) -> Result<(), Blocked> {
        let Some(tag) = self.waiting.get_mut(answer.slot).and_then(Option::take) else {
            return Ok(());
        };
        tag.record(
            &self.recording,
            &answer.judged,
            answer.start_us,
            answer.took_us,
        );
        if !decide(tag.planned.strategy, &answer.judged.outcome).blocks() {
            return Ok(());
        }
        self.stop(SkipReason::BlockedElsewhere);
        Err(Blocked {
            hook: self.hook,
            by: vec![tag.blocker(&answer.judged)],
        })
    }

    /// Drops every call that is under way and writes down why.
    pub(super) fn stop(&mut self, reason: SkipReason) {
        self.running = None;
        for tag in self.waiting.iter_mut().filter_map(Option::take) {
            tag.record_skipped(&self.recording, reason);
        }
    }
}
