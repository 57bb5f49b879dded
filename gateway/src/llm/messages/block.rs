//! Content blocks, which look the same in a conversation's history, in tool results and in an answer.

use parapet_guardrails::segment::Role;

use crate::llm::json::{Kind, Value};
use crate::llm::locate::{Context, Locator};
use crate::llm::tools::Tools;
use crate::llm::unjudged::Unjudged;

/// Content: a string or blocks. Consecutive text blocks are one text.
pub(super) fn content(value: Value<'_>, tools: &Tools<'_>, context: Context, out: &mut Locator) {
    match value.kind() {
        Kind::Array => {}
        Kind::Object => return block(value, tools, context, out),
        Kind::String | Kind::Null | Kind::Bool | Kind::Number => return out.text(value, context),
    }
    if out.tokens(value) {
        return;
    }
    for one in value.items() {
        if one.get("type").is_some_and(|kind| kind.is("text")) {
            text(one, context, out);
        } else {
            out.end_run(context);
            block(one, tools, context, out);
        }
    }
    out.end_run(context);
}

fn text(block: Value<'_>, context: Context, out: &mut Locator) {
    for (key, value) in block.members() {
        match key.as_ref() {
            "text" => out.part(value, context),
            "citations" => citations(value, context, out),
            "type" | "cache_control" => out.word(value, context),
            _ => out.strings_in(value, context),
        }
    }
}

/// The citations of a text; in a request the member may also be a setting.
pub(super) fn citations(value: Value<'_>, context: Context, out: &mut Locator) {
    for one in out.items(value, context) {
        citation(one, context, out);
    }
}

/// What a text cites. Its offsets are of the source, so a change of the text does not move them.
pub(super) fn citation(citation: Value<'_>, context: Context, out: &mut Locator) {
    for (key, value) in out.members(citation, context) {
        match key.as_ref() {
            "type" => out.word(value, context),
            "encrypted_index" => out.unjudged(Unjudged::Opaque),
            "file_id" => {
                if !value.is_null() {
                    out.unjudged(Unjudged::File);
                }
            }
            _ => out.other(value, context),
        }
    }
}

/// One block that is not text.
pub(in crate::llm) fn block(
    block: Value<'_>,
    tools: &Tools<'_>,
    context: Context,
    out: &mut Locator,
) {
    let retrieved = Context {
        role: Role::ToolResult,
        ..context
    };
    let kind = block.get_str("type");
    match kind.as_deref() {
        Some("text") => {
            text(block, context, out);
            out.end_run(context);
        }
        Some("image") => source(block, Unjudged::Image, tools, context, out),
        Some("document") => source(block, Unjudged::File, tools, context, out),
        Some("redacted_thinking") => out.unjudged(Unjudged::Opaque),
        Some("thinking") => {
            if is_hidden(block) {
                out.unjudged(Unjudged::Opaque);
            }
            members(block, tools, context.fixed("signed"), out);
        }
        Some("tool_use" | "server_tool_use" | "mcp_tool_use") => call(block, tools, context, out),
        Some("mid_conv_system") => {
            members(
                block,
                tools,
                Context {
                    role: Role::System,
                    ..context
                },
                out,
            );
        }
        // Everything else was fetched or computed by a tool. What is not known is treated the same way.
        Some("compaction") => members(block, tools, context, out),
        Some(_) => members(block, tools, retrieved, out),
        None => out.strings_in(block, context),
    }
}

/// Reasoning of which nothing can be read but a signature, which then holds it, encrypted.
fn is_hidden(thinking: Value<'_>) -> bool {
    let empty = |name| thinking.get_str(name).is_none_or(|text| text.is_empty());
    empty("thinking") && !empty("signature")
}

/// A block with a `source`, and texts beside it.
fn source(
    block: Value<'_>,
    class: Unjudged,
    tools: &Tools<'_>,
    context: Context,
    out: &mut Locator,
) {
    for (key, value) in block.members() {
        match (key.as_ref(), value.get_str("type").as_deref()) {
            ("type" | "cache_control", _) => out.word(value, context),
            ("source", Some(kind)) => {
                for (key, value) in value.members() {
                    match (kind, key.as_ref()) {
                        (_, "type" | "media_type") => out.word(value, context),
                        ("content", "content") => content(value, tools, context, out),
                        ("url", "url") => out.link(value, class, context),
                        ("base64", "data") => out.media(value, class, context),
                        ("file", "file_id") => out.unjudged(class),
                        _ => out.other(value, context),
                    }
                }
            }
            _ => out.other(value, context),
        }
    }
}

/// A tool call: its input is JSON.
fn call(block: Value<'_>, tools: &Tools<'_>, context: Context, out: &mut Locator) {
    for (key, value) in block.members() {
        match key.as_ref() {
            "type" | "id" | "cache_control" => out.word(value, context),
            "name" | "server_name" => out.text(value, context.name()),
            "input" => {
                let name = block.get_str("name").unwrap_or_default();
                out.json_value(value, context, tools.schema(&name));
            }
            _ => out.strings_in(value, context),
        }
    }
}

/// Any other block: text, blocks in blocks, and what is opaque.
fn members(block: Value<'_>, tools: &Tools<'_>, context: Context, out: &mut Locator) {
    for (key, value) in block.members() {
        match (key.as_ref(), value.kind()) {
            ("type" | "id" | "tool_use_id" | "cache_control", _) => out.word(value, context),
            ("signature", _) => out.sealed(value, context),
            (_, Kind::Null | Kind::Bool | Kind::Number) => out.unknown_key(value, context),
            ("encrypted_content" | "encrypted_stdout" | "encrypted_index", Kind::String) => {
                out.unjudged(Unjudged::Opaque);
            }
            ("file_id", Kind::String) => out.unjudged(Unjudged::File),
            (_, Kind::Array | Kind::Object) => {
                out.unknown_key(value, context);
                nested(value, tools, context, out);
            }
            (_, Kind::String) => out.other(value, context),
        }
    }
}

/// What stands in a block: blocks, or objects without a type.
fn nested(value: Value<'_>, tools: &Tools<'_>, context: Context, out: &mut Locator) {
    let blocks = match value.kind() {
        Kind::Array => value.items().all(|one| one.get("type").is_some()),
        Kind::Object => value.get("type").is_some(),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String => false,
    };
    if blocks {
        content(value, tools, context, out);
    } else if value.kind() == Kind::Object {
        members(value, tools, context, out);
    } else {
        for one in value.items() {
            match one.kind() {
                Kind::Object => members(one, tools, context, out),
                Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Array => {
                    out.text(one, context);
                }
            }
        }
    }
}
