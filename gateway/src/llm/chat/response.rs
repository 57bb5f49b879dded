//! A whole answer.

use parapet_guardrails::segment::Role;

use super::logprobs;
use super::message::message;
use crate::llm::json::Value;
use crate::llm::locate::{Context, Locator};
use crate::llm::tools::Tools;
use crate::llm::unjudged::Unjudged;

/// Collects the texts of a response.
pub(in crate::llm) fn response(root: Value<'_>, tools: &Tools<'_>, out: &mut Locator) {
    let context = Context::text(Role::Assistant).in_turn(true);
    for (key, value) in root.members() {
        match key.as_ref() {
            "choices" => {
                for one in out.items(value, context) {
                    choice(one, tools, context, out);
                }
            }
            "id"
            | "object"
            | "model"
            | "system_fingerprint"
            | "service_tier"
            | "usage"
            | "prompt_filter_results" => out.word(value, context),
            // The prompt again, and what else might have stood there, in tokens.
            "prompt_logprobs" => {
                if !value.is_null() {
                    out.unjudged(Unjudged::Tokens);
                }
            }
            "prompt_token_ids" => {
                out.tokens(value);
            }
            _ => out.strings_in(value, context),
        }
    }
}

fn choice(choice: Value<'_>, tools: &Tools<'_>, context: Context, out: &mut Locator) {
    let context = context.of_answer(out.open_answer());
    for (key, value) in out.members(choice, context) {
        match key.as_ref() {
            "message" => message(value, tools, context, out),
            "logprobs" => {
                if !logprobs::repeat(value, choice.get("message")) {
                    out.unjudged(Unjudged::Tokens);
                }
                out.repeats(context.answer, value, "null");
            }
            "token_ids" => {
                out.tokens(value);
                out.repeats(context.answer, value, "null");
            }
            "finish_reason" | "content_filter_results" | "content_filter_result" => {
                out.word(value, context);
            }
            _ => out.strings_in(value, context),
        }
    }
}
