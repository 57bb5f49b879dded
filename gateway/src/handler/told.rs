//! What an answer says about itself goes into the record of its call.

use parapet_policy::record::Attempt;

use crate::llm::{About, Response, Usage};
use crate::pipeline::recording::Recording;

/// Notes tokens. Of a stream's events the last one counts; Anthropic tells input and output apart in time: 0 means not said.
pub(super) fn note_usage(attempt: &mut Attempt, usage: Usage) {
    let said = |count: u64| (count > 0).then_some(count);
    attempt.input_tokens = said(usage.input).or(attempt.input_tokens);
    attempt.output_tokens = Some(usage.output);
    attempt.cache_read_tokens = said(usage.cache_read).or(attempt.cache_read_tokens);
    attempt.cache_write_tokens = said(usage.cache_write).or(attempt.cache_write_tokens);
    attempt.reasoning_tokens = said(usage.reasoning).or(attempt.reasoning_tokens);
}

/// Notes id, model and reasons. What was said first stays; reasons are added.
pub(super) fn note_about(attempt: &mut Attempt, about: About) {
    let About {
        id,
        model,
        finish_reasons,
    } = about;
    attempt.response_id = attempt.response_id.take().or(id);
    attempt.response_model = attempt.response_model.take().or(model);
    attempt.finish_reasons.extend(finish_reasons);
}

/// Notes tokens, and what a whole answer says about itself.
pub(super) fn note_answer(recording: &Recording, response: &Response) {
    recording.with(|record| {
        if let Some(attempt) = record.attempts.last_mut() {
            if let Some(usage) = response.usage() {
                note_usage(attempt, usage);
            }
            note_about(attempt, response.about());
        }
    });
}
