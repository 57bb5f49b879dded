//! A request: the conversation, the tools, and identifiers beside them.

use parapet_guardrails::segment::Role;

use super::message::{content, message, role_of};
use crate::llm::json::{Kind, Value};
use crate::llm::locate::{Context, Locator};
use crate::llm::tools::Tools;
use crate::llm::turn::Turn;

const DEFINITION: Context = Context::text(Role::ToolDefinition);

/// Collects the texts of a request.
pub(in crate::llm) fn request(root: Value<'_>, out: &mut Locator) {
    let tools = Tools::of(Some(root));
    let parameter = Context::text(Role::Parameter);
    for (key, value) in root.members() {
        match key.as_ref() {
            "messages" => messages(value, &tools, out),
            "tools" => {
                for one in out.items(value, DEFINITION) {
                    tool(one, out);
                }
            }
            "functions" => {
                for one in out.items(value, DEFINITION) {
                    definition(one, out);
                }
            }
            "response_format" => response_format(value, out),
            "prediction" => prediction(value, out),
            "documents" => out.strings_in(value, Context::text(Role::ToolResult)),
            "stop" => value_or_items(value, parameter, out),
            "user" | "safety_identifier" | "prompt_cache_key" => out.text(value, parameter),
            "function_call" | "tool_choice" => out.strings_in(value, parameter.fixed("name")),
            "model" => {}
            "prompt" | "input" | "input_ids" | "prompt_token_ids" if out.tokens(value) => {}
            // Words of the format; anybody may write anything there all the same.
            "stream_options" | "reasoning_effort" | "service_tier" | "verbosity" | "modalities" => {
                out.strings_in(value, parameter.name());
            }
            _ => out.strings_in(value, parameter),
        }
    }
}

fn messages(messages: Value<'_>, tools: &Tools<'_>, out: &mut Locator) {
    let roles: Vec<Role> = messages.items().map(role_of).collect();
    let turn = Turn::of(roles.iter().copied());
    out.expect(roles.len());
    for (index, (one, role)) in messages.items().zip(roles).enumerate() {
        if out.is_full() {
            return;
        }
        let context = Context::text(role).in_turn(turn.holds(index));
        message(one, tools, context, out);
    }
}

fn value_or_items(value: Value<'_>, context: Context, out: &mut Locator) {
    if value.kind() == Kind::Array {
        value.items().for_each(|item| out.text(item, context));
    } else {
        out.text(value, context);
    }
}

fn tool(tool: Value<'_>, out: &mut Locator) {
    for (key, value) in out.members(tool, DEFINITION) {
        match key.as_ref() {
            "function" | "custom" => definition(value, out),
            "type" => out.word(value, DEFINITION),
            // Credentials of a server that the provider calls are no business of a guardrail.
            "authorization" | "headers" => {}
            _ => out.strings_in(value, DEFINITION),
        }
    }
}

fn definition(definition: Value<'_>, out: &mut Locator) {
    let context = DEFINITION;
    for (key, value) in out.members(definition, context) {
        match key.as_ref() {
            "name" => out.text(value, context.name()),
            "parameters" => out.schema(value, context),
            _ => out.other(value, context),
        }
    }
}

fn response_format(format: Value<'_>, out: &mut Locator) {
    let context = DEFINITION;
    for (key, value) in out.members(format, context) {
        match key.as_ref() {
            "type" => out.word(value, context),
            "json_schema" => {
                for (key, value) in out.members(value, context) {
                    match key.as_ref() {
                        "name" => out.text(value, context.name()),
                        "schema" => out.schema(value, context),
                        _ => out.other(value, context),
                    }
                }
            }
            _ => out.strings_in(value, context),
        }
    }
}

fn prediction(prediction: Value<'_>, out: &mut Locator) {
    let context = Context::text(Role::User);
    for (key, value) in out.members(prediction, context) {
        match key.as_ref() {
            "type" => out.word(value, context),
            "content" => content(value, context, out),
            _ => out.strings_in(value, context),
        }
    }
}
