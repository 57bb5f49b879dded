//! What every part of a message is made of.

use crate::llm::Unjudged;
use crate::llm::json::{Kind, Value};
use crate::llm::locate::{Context, Locator};
use crate::llm::schema::Schema;
use crate::mcp::method;

/// Characters of a number that can be no card's, account's or person's: those have 13 at least, and milliseconds since 1970
/// are judged with them.
const SHORT: usize = 12;

/// A text that people or models read. JSON in it is judged as JSON.
pub(super) fn text(value: Value<'_>, context: Context, out: &mut Locator) {
    match value.string() {
        Some(_) => out.json_in_text(value, context),
        None => unknown(value, context, out),
    }
}

/// A text that names something: it is judged and never rewritten. Anything else that stands there is judged as it is.
pub(super) fn name(value: Value<'_>, context: Context, out: &mut Locator) {
    match value.kind() {
        Kind::String => out.text(value, context.name()),
        Kind::Null | Kind::Bool | Kind::Number | Kind::Array | Kind::Object => {
            unknown(value, context.fixed("name"), out);
        }
    }
}

/// What a sender calls a message by. Counted and random ones are no text; anything else can be one.
pub(super) fn id(value: Value<'_>, context: Context, out: &mut Locator) {
    match value.as_str() {
        Some(text) if is_random(&text) => {}
        Some(_) => name(value, context, out),
        None => number(value, context, out),
    }
}

/// A number of few digits, or a UUID.
fn is_random(text: &str) -> bool {
    if text.len() <= SHORT {
        return text.bytes().all(|byte| byte.is_ascii_digit());
    }
    let parts = text.split('-').map(|part| {
        let is_hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then_some(part.len())
    });
    parts.eq([8, 4, 4, 4, 12].map(Some))
}

/// The method of a message: one of the protocol's, or somebody's word.
pub(super) fn method(value: Value<'_>, context: Context, out: &mut Locator) {
    let is_known = value.as_str().is_some_and(|text| method::is_known(&text));
    if !is_known {
        name(value, context, out);
    }
}

/// A word of the protocol. Anything else that stands there is judged like a name.
pub(super) fn word(value: Value<'_>, known: &[&str], context: Context, out: &mut Locator) {
    if !known.iter().any(|word| value.is(word)) {
        name(value, context, out);
    }
}

/// What the other side handed out and wants back as it was. What can be read in it is judged; the rest is
/// counted as opaque.
pub(super) fn opaque(value: Value<'_>, context: Context, out: &mut Locator) {
    if !value.is_null() {
        out.unjudged(Unjudged::Opaque);
        fixed(value, "opaque", context, out);
    }
}

/// A text that means nothing in other words. Anything else that stands there is judged and stays as well.
pub(super) fn fixed(value: Value<'_>, why: &'static str, context: Context, out: &mut Locator) {
    match value.kind() {
        Kind::String => out.text(value, context.fixed(why)),
        Kind::Null | Kind::Bool | Kind::Number | Kind::Array | Kind::Object => {
            unknown(value, context.fixed(why), out);
        }
    }
}

/// A number of the protocol, as long as it has so few digits that it tells nothing. Anything else that stands there is free
/// JSON.
pub(super) fn number(value: Value<'_>, context: Context, out: &mut Locator) {
    match value.kind() {
        Kind::Number if value.raw().len() <= SHORT => {}
        Kind::Number => unknown(value, context.fixed("number"), out),
        Kind::Null | Kind::Bool | Kind::String | Kind::Array | Kind::Object => {
            unknown(value, context, out);
        }
    }
}

/// JSON of which nothing is known; the name of the member that it is counts as well, unless the protocol has it.
pub(super) fn unknown(value: Value<'_>, context: Context, out: &mut Locator) {
    out.unknown_key(value, context);
    free(value, context, out);
}

/// JSON of which nothing is known, without the name of its member.
pub(super) fn free(value: Value<'_>, context: Context, out: &mut Locator) {
    match value.kind() {
        Kind::String => out.json_in_text(value, context),
        Kind::Null | Kind::Bool => {}
        Kind::Number | Kind::Array | Kind::Object => {
            out.json_value(value, context, Schema::UNKNOWN);
        }
    }
}
