//! What every part of a message is made of.

use crate::llm::Unjudged;
use crate::llm::json::{Kind, Value};
use crate::llm::locate::{Context, Locator};
use crate::llm::schema::Schema;

/// A text that people or models read. JSON in it is judged as JSON.
pub(super) fn text(value: Value<'_>, context: Context, out: &mut Locator) {
    match value.string() {
        Some(_) => out.json_in_text(value, context),
        None => unknown(value, context, out),
    }
}

/// A text that names something: it is judged and never rewritten.
pub(super) fn name(value: Value<'_>, context: Context, out: &mut Locator) {
    out.text(value, context.name());
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
        out.text(value, context.fixed("opaque"));
    }
}

/// A number of the protocol. Anything else that stands there is free JSON.
pub(super) fn number(value: Value<'_>, context: Context, out: &mut Locator) {
    if value.kind() != Kind::Number {
        unknown(value, context, out);
    }
}

/// JSON of which nothing is known.
pub(super) fn unknown(value: Value<'_>, context: Context, out: &mut Locator) {
    match value.kind() {
        Kind::String => out.json_in_text(value, context),
        Kind::Null | Kind::Bool => {}
        Kind::Number | Kind::Array | Kind::Object => {
            out.json_value(value, context, Schema::UNKNOWN);
        }
    }
}
