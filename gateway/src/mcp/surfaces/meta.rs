//! `_meta`: what travels beside a message.

use crate::llm::json::{Kind, Value};
use crate::llm::locate::{Context, Locator};

use super::members;

/// The members of `_meta`, keys included.
pub(super) fn meta(meta: Value<'_>, context: Context, out: &mut Locator) {
    if meta.kind() != Kind::Object {
        return members::unknown(meta, context, out);
    }
    for (key, value) in meta.members() {
        match key.as_ref() {
            "progressToken" if value.kind() == Kind::Number => {
                members::number(value, context, out);
            }
            "progressToken"
            | "io.modelcontextprotocol/protocolVersion"
            | "io.modelcontextprotocol/logLevel"
            | "io.modelcontextprotocol/subscriptionId" => members::name(value, context, out),
            // Random digits are no text; anything else that stands there is.
            "traceparent" if value.as_str().is_some_and(|text| is_traceparent(&text)) => {}
            _ => {
                out.key_of(value, context);
                members::free(value, context, out);
            }
        }
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`.
fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-').map(|part| {
        let hex = part.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then_some(part.len())
    });
    [2, 32, 16, 2]
        .into_iter()
        .all(|length| parts.next() == Some(Some(length)))
        && parts.next().is_none()
}
