//! A message, which looks the same in a conversation's history and in an answer.

use parapet_guardrails::segment::Role;

use crate::llm::json::{Kind, Value};
use crate::llm::locate::{Context, Locator};
use crate::llm::schema::Schema;
use crate::llm::tools::Tools;
use crate::llm::unjudged::Unjudged;

/// The role that a message's texts have. A name that is not known is untrusted like a user's.
pub(in crate::llm) fn role_of(message: Value<'_>) -> Role {
    match message.get_str("role").as_deref() {
        Some("system" | "developer") => Role::System,
        Some("assistant") => Role::Assistant,
        Some("tool" | "function") => Role::ToolResult,
        Some(_) | None => Role::User,
    }
}

/// The texts of a message.
pub(in crate::llm) fn message(
    message: Value<'_>,
    tools: &Tools<'_>,
    context: Context,
    out: &mut Locator,
) {
    for (key, value) in out.members(message, context) {
        match key.as_ref() {
            // Some models draw; the list has the form of content.
            "content" | "images" => content(value, context, out),
            "refusal" | "reasoning_content" | "reasoning" => out.text(value, context),
            "name" | "tool_call_id" => out.text(value, context.name()),
            "tool_calls" => {
                for call in out.items(value, context) {
                    tool_call(call, tools, context, out);
                }
            }
            "function_call" => function(value, tools, context, out),
            "reasoning_details" => reasoning_details(value, context, out),
            "annotations" => annotations(value, context, out),
            "audio" => audio(value, context, out),
            // A template may show the model any role.
            "role" if !is_known_role(value) => out.strings_in(value, context.name()),
            "role" | "id" | "cache_control" => out.word(value, context),
            _ => out.strings_in(value, context),
        }
    }
}

fn is_known_role(role: Value<'_>) -> bool {
    matches!(
        role.as_str().as_deref(),
        Some("system" | "developer" | "user" | "assistant" | "tool" | "function")
    )
}

/// Content: a string or parts.
pub(super) fn content(value: Value<'_>, context: Context, out: &mut Locator) {
    if value.kind() != Kind::Array {
        return out.text(value, context);
    }
    if out.tokens(value) {
        return;
    }
    for one in value.items() {
        part(one, context, out);
    }
    out.end_run(context);
}

/// One part of a content. Texts that follow each other are one: whoever takes a part alone ends the run.
pub(super) fn part(part: Value<'_>, context: Context, out: &mut Locator) {
    let kind = part.get_str("type");
    // Some servers take a part without a type, and a bare string, for a text.
    let is_text = match kind.as_deref() {
        Some(kind) => matches!(kind, "text" | "input_text" | "output_text"),
        None => part.kind() == Kind::String || part.get("text").is_some(),
    };
    if !is_text {
        out.end_run(context);
    }
    match kind.as_deref() {
        _ if is_text && part.kind() == Kind::String => out.part(part, context),
        _ if is_text => text_part(part, context, out),
        Some("image_url" | "input_image") => link_part(part, Unjudged::Image, context, out),
        Some("video_url") => link_part(part, Unjudged::Video, context, out),
        Some("input_audio" | "audio_url") => link_part(part, Unjudged::Audio, context, out),
        Some("file" | "input_file") => file_part(part, context, out),
        Some(_) => {
            for (key, value) in out.members(part, context) {
                match key.as_ref() {
                    "type" => out.word(value, context),
                    _ => out.other(value, context),
                }
            }
        }
        None => out.strings_in(part, context),
    }
}

fn text_part(part: Value<'_>, context: Context, out: &mut Locator) {
    for (key, value) in out.members(part, context) {
        match key.as_ref() {
            "text" => out.part(value, context),
            "annotations" => annotations(value, context, out),
            "type" | "cache_control" => out.word(value, context),
            _ => out.strings_in(value, context),
        }
    }
}

/// `{"type": "image_url", "image_url": {"url": ...}}` and its like; `data` holds the content itself.
fn link_part(part: Value<'_>, class: Unjudged, context: Context, out: &mut Locator) {
    for (key, value) in out.members(part, context) {
        match (key.as_ref(), value.kind()) {
            ("type" | "cache_control" | "detail" | "format", _) => out.word(value, context),
            (_, Kind::Object) => {
                out.unknown_key(value, context);
                for (key, value) in value.members() {
                    match key.as_ref() {
                        "url" => out.link(value, class, context),
                        "data" => out.media(value, class, context),
                        "file_id" => out.unjudged(class),
                        "detail" | "format" => out.word(value, context),
                        _ => out.strings_in(value, context),
                    }
                }
            }
            ("file_id", _) => out.unjudged(class),
            _ => out.link(value, class, context),
        }
    }
}

fn file_part(part: Value<'_>, context: Context, out: &mut Locator) {
    for (key, value) in out.members(part, context) {
        if key == "file" && value.kind() == Kind::Object {
            for (key, value) in value.members() {
                file_member(&key, value, context, out);
            }
        } else {
            file_member(&key, value, context, out);
        }
    }
}

fn file_member(key: &str, value: Value<'_>, context: Context, out: &mut Locator) {
    match key {
        "type" | "cache_control" => out.word(value, context),
        "file_data" => out.data(value, Unjudged::File, context),
        "file_id" => {
            if !value.is_null() {
                out.unjudged(Unjudged::File);
            }
        }
        "file_url" => out.link(value, Unjudged::File, context),
        _ => out.other(value, context),
    }
}

/// A call of a tool.
pub(in crate::llm) fn tool_call(
    call: Value<'_>,
    tools: &Tools<'_>,
    context: Context,
    out: &mut Locator,
) {
    for (key, value) in out.members(call, context) {
        match key.as_ref() {
            "function" => function(value, tools, context, out),
            "custom" => custom(value, context, out),
            "id" | "type" | "index" => out.word(value, context),
            _ => out.strings_in(value, context),
        }
    }
}

/// A name and arguments, which are JSON in a string.
pub(in crate::llm) fn function(
    call: Value<'_>,
    tools: &Tools<'_>,
    context: Context,
    out: &mut Locator,
) {
    let schema = match call.get_str("name") {
        Some(name) => tools.schema(&name),
        None => Schema::UNKNOWN,
    };
    for (key, value) in out.members(call, context) {
        match key.as_ref() {
            "name" => out.text(value, context.name()),
            "arguments" => out.json_string(value, context, schema),
            _ => out.strings_in(value, context),
        }
    }
}

/// A custom tool's call: its input is text.
fn custom(call: Value<'_>, context: Context, out: &mut Locator) {
    for (key, value) in out.members(call, context) {
        match key.as_ref() {
            "name" => out.text(value, context.name()),
            _ => out.other(value, context),
        }
    }
}

fn reasoning_details(details: Value<'_>, context: Context, out: &mut Locator) {
    for detail in out.items(details, context) {
        let signed = detail
            .get("signature")
            .is_some_and(|signature| !signature.is_null());
        let context = if signed {
            context.fixed("signed")
        } else {
            context
        };
        for (key, value) in out.members(detail, context) {
            match key.as_ref() {
                "data" => {
                    if !value.is_null() {
                        out.unjudged(Unjudged::Opaque);
                    }
                }
                "signature" => out.sealed(value, context),
                "id" | "type" | "format" | "index" => out.word(value, context),
                _ => out.other(value, context),
            }
        }
    }
}

/// Citations hold titles, links and offsets into the content: they go when the content changes.
fn annotations(value: Value<'_>, context: Context, out: &mut Locator) {
    if context.answer != 0 {
        out.repeats(context.answer, value, "[]");
    }
    out.strings_in(value, context);
}

fn audio(audio: Value<'_>, context: Context, out: &mut Locator) {
    if audio.kind() != Kind::Object {
        return out.strings_in(audio, context);
    }
    out.unjudged(Unjudged::Audio);
    for (key, value) in audio.members() {
        match key.as_ref() {
            "data" | "expires_at" => {}
            "id" => out.word(value, context),
            // Another transcript would not change the sound.
            _ => out.other(value, context.fixed("audio")),
        }
    }
}
