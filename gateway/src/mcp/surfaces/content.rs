//! Content: blocks of text, images, sound, resources and links.

use parapet_guardrails::segment::Role;

use crate::llm::Unjudged;
use crate::llm::json::{Doc, Kind, Value};
use crate::llm::locate::{Context, Locator, hides_letters, may_hold_json};
use crate::llm::schema::Schema;

use super::{members, meta};

/// Content: blocks, or one block. Consecutive texts are one text, so that nothing hides on a boundary.
pub(super) fn content(value: Value<'_>, context: Context, out: &mut Locator) {
    match value.kind() {
        Kind::Array => {
            for one in value.items() {
                block(one, context, out);
            }
            out.end_run(context);
        }
        Kind::Object if value.get("type").is_some() => {
            block(value, context, out);
            out.end_run(context);
        }
        Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Object => {
            members::unknown(value, context, out);
        }
    }
}

fn block(block: Value<'_>, context: Context, out: &mut Locator) {
    let kind = block.get_str("type");
    if kind.as_deref() != Some("text") {
        out.end_run(context);
    }
    if block.kind() != Kind::Object {
        return members::unknown(block, context, out);
    }
    let class = match kind.as_deref() {
        Some("image") => Unjudged::Image,
        Some("audio") => Unjudged::Audio,
        Some("video") => Unjudged::Video,
        Some(_) | None => Unjudged::File,
    };
    for (key, value) in block.members() {
        match (kind.as_deref(), key.as_ref()) {
            (_, "type") => members::word(value, &KINDS, context, out),
            (Some("text"), "text") => text_part(value, context, out),
            (Some("image" | "audio" | "video"), "data") => out.base64(value, class, context),
            (Some("resource"), "resource") => resource(value, context, out),
            (Some("tool_use"), "name") => members::name(value, context, out),
            (Some("tool_use"), "input") => out.json_value(value, context, Schema::UNKNOWN),
            (Some("tool_use"), "id") | (Some("tool_result"), "toolUseId") => {
                members::name(value, context, out);
            }
            (Some("tool_result"), "content") => {
                content(
                    value,
                    Context {
                        role: Role::ToolResult,
                        ..context
                    },
                    out,
                );
            }
            _ => described(&key, value, context, out),
        }
    }
}

const KINDS: [&str; 7] = [
    "text",
    "image",
    "audio",
    "resource_link",
    "resource",
    "tool_use",
    "tool_result",
];

/// A text block's text: a part of the run, unless it is JSON, or may be for others.
fn text_part(value: Value<'_>, context: Context, out: &mut Locator) {
    let json = value
        .string()
        .filter(|string| may_hold_json(string.raw))
        .map(|string| string.text())
        .is_some_and(|text| hides_letters(&text) || Doc::parse(&text).is_ok());
    if json {
        out.end_run(context);
        out.json_in_text(value, context);
    } else {
        out.part(value, context);
    }
}

/// What `resources/read` gives, and what a resource block embeds.
pub(super) fn resource(resource: Value<'_>, context: Context, out: &mut Locator) {
    for (key, value) in out.members(resource, context) {
        match key.as_ref() {
            "text" => members::text(value, context, out),
            "blob" => out.base64(value, Unjudged::File, context),
            _ => described(&key, value, context, out),
        }
    }
}

/// A member that describes content or a definition.
pub(super) fn described(key: &str, value: Value<'_>, context: Context, out: &mut Locator) {
    match key {
        "uri" | "url" | "src" | "websiteUrl" => out.uri(value, Unjudged::File, context),
        "mimeType" => members::name(value, context, out),
        "size" => members::number(value, context, out),
        "icons" => {
            for icon in out.items(value, context) {
                for (key, value) in out.members(icon, context) {
                    match key.as_ref() {
                        "src" => out.uri(value, Unjudged::Image, context),
                        "mimeType" | "theme" => members::name(value, context, out),
                        _ => members::unknown(value, context, out),
                    }
                }
            }
        }
        "annotations" => members::unknown(value, context, out),
        "_meta" => meta::meta(value, context, out),
        _ => members::unknown(value, context, out),
    }
}
