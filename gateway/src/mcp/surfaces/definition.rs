//! What a server says of itself and of its tools, prompts and resources. Models read it as instructions.

use parapet_guardrails::segment::Role;

use crate::llm::Unjudged;
use crate::llm::json::Value;
use crate::llm::locate::{Context, Locator};

use super::content::described;
use super::members;

/// The context of definitions: a server's own, and untrusted.
pub(super) const DEFINITION: Context = Context::text(Role::ToolDefinition).in_turn(true);

/// A list of tools, prompts, resources or templates.
pub(super) fn list(list: Value<'_>, out: &mut Locator) {
    for entry in out.items(list, DEFINITION) {
        if out.is_full() {
            return;
        }
        definition(entry, DEFINITION, out);
    }
}

/// One tool, prompt, resource, template or implementation.
pub(super) fn definition(entry: Value<'_>, context: Context, out: &mut Locator) {
    for (key, value) in out.members(entry, context) {
        match key.as_ref() {
            "name" => members::name(value, context, out),
            "inputSchema" | "outputSchema" => out.schema(value, context),
            "arguments" => {
                for argument in out.items(value, context) {
                    definition(argument, context, out);
                }
            }
            "uriTemplate" => out.uri(value, Unjudged::File, context),
            _ => described(&key, value, context, out),
        }
    }
}
