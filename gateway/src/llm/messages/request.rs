//! A request, and a whole answer.

use parapet_guardrails::segment::Role;

use super::block::content;
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
            "system" => content(value, &tools, Context::text(Role::System), out),
            "messages" => messages(value, &tools, out),
            "tools" => {
                for one in out.items(value, DEFINITION) {
                    tool(one, out);
                }
            }
            "mcp_servers" => {
                for one in out.items(value, DEFINITION) {
                    server(one, out);
                }
            }
            "stop_sequences" => {
                for one in out.items(value, parameter) {
                    out.text(one, parameter);
                }
            }
            "output_config" | "output_format" => output_config(value, out),
            "tool_choice" | "service_tier" | "thinking" => out.strings_in(value, parameter.name()),
            "model" => {}
            _ => out.strings_in(value, parameter),
        }
    }
}

/// Collects the texts of a response.
pub(in crate::llm) fn response(root: Value<'_>, tools: &Tools<'_>, out: &mut Locator) {
    let context = Context::text(Role::Assistant).in_turn(true);
    for (key, value) in root.members() {
        match key.as_ref() {
            "content" => content(value, tools, context, out),
            "stop_sequence" => out.text(value, context),
            "id" | "type" | "role" | "model" | "stop_reason" | "usage" | "container" => {
                out.word(value, context);
            }
            _ => out.strings_in(value, context),
        }
    }
}

/// The role that a message's texts have.
pub(in crate::llm) fn role_of(message: Value<'_>) -> Role {
    match message.get_str("role").as_deref() {
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some(_) | None => Role::User,
    }
}

fn is_known_role(role: Value<'_>) -> bool {
    matches!(
        role.as_str().as_deref(),
        Some("user" | "assistant" | "system")
    )
}

fn messages(messages: Value<'_>, tools: &Tools<'_>, out: &mut Locator) {
    let roles: Vec<Role> = messages.items().map(role_of).collect();
    let turn = Turn::of(roles.iter().copied());
    out.expect(roles.len());
    for (index, (message, role)) in messages.items().zip(roles).enumerate() {
        if out.is_full() {
            return;
        }
        let context = Context::text(role).in_turn(turn.holds(index));
        for (key, value) in out.members(message, context) {
            match key.as_ref() {
                "content" => content(value, tools, context, out),
                // A template may show the model any role.
                "role" if !is_known_role(value) => out.strings_in(value, context.name()),
                "role" => {}
                "id" | "type" => out.word(value, context),
                _ => out.strings_in(value, context),
            }
        }
    }
}

fn tool(tool: Value<'_>, out: &mut Locator) {
    let context = DEFINITION;
    for (key, value) in out.members(tool, context) {
        match key.as_ref() {
            "name" => out.text(value, context.name()),
            "input_schema" => out.schema(value, context),
            // Credentials of a server that the provider calls are no business of a guardrail.
            "authorization_token" => {}
            "type" | "cache_control" => out.word(value, context),
            _ => out.other(value, context),
        }
    }
}

fn server(server: Value<'_>, out: &mut Locator) {
    let context = DEFINITION;
    for (key, value) in out.members(server, context) {
        match key.as_ref() {
            "authorization_token" => {}
            "type" => out.word(value, context),
            "name" => out.text(value, context.name()),
            _ => out.other(value, context),
        }
    }
}

fn output_config(config: Value<'_>, out: &mut Locator) {
    let context = DEFINITION;
    for (key, value) in out.members(config, context) {
        match key.as_ref() {
            "format" if value.kind() == Kind::Object => output_config(value, out),
            "type" => out.word(value, context),
            "schema" => out.schema(value, context),
            _ => out.other(value, context),
        }
    }
}
