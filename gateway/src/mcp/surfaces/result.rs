//! Results, of every method and in both directions.

use parapet_guardrails::segment::Role;

use crate::llm::json::{Kind, Value};
use crate::llm::locate::{Context, Locator};

use super::content::{content, resource};
use super::definition::{DEFINITION, definition, list};
use super::params::{messages, requests};
use super::{About, Direction, members, meta};

/// States of a task.
pub(super) const STATUSES: [&str; 5] = [
    "working",
    "input_required",
    "completed",
    "cancelled",
    "failed",
];

/// What a server may ask of a client.
pub(super) const ASKED: [&str; 4] = [
    "elicitation/create",
    "sampling/createMessage",
    "roots/list",
    "ping",
];

/// Collects the texts of a result. Its members have one meaning each, whatever the method: what a server puts
/// where it does not belong is judged all the same.
pub(super) fn result(result: Value<'_>, about: &About<'_>, context: Context, out: &mut Locator) {
    if result.kind() != Kind::Object {
        return members::unknown(result, context, out);
    }
    let context = match about.direction {
        Direction::ToServer => answered(result, context),
        Direction::ToClient => context,
    };
    for (key, value) in result.members() {
        if out.is_full() {
            return;
        }
        member(&key, value, about, context, out);
    }
}

/// Who wrote what a client answers: its user fills in forms, its model continues conversations.
fn answered(result: Value<'_>, context: Context) -> Context {
    let role = match result.get("action") {
        Some(_) => Role::User,
        None => context.role,
    };
    Context { role, ..context }
}

fn member(key: &str, value: Value<'_>, about: &About<'_>, context: Context, out: &mut Locator) {
    match key {
        "resultType" => {
            members::word(value, &["complete", "input_required", "task"], context, out);
        }
        "_meta" => meta::meta(value, context, out),
        "content" => content(value, context, out),
        "structuredContent" => structured(value, about, context, out),
        "contents" => {
            for one in out.items(value, context) {
                resource(one, context, out);
            }
        }
        "messages" => messages(value, context, out),
        "tools" | "prompts" | "resources" | "resourceTemplates" => list(value, out),
        "instructions" => members::text(value, DEFINITION, out),
        "serverInfo" => definition(value, DEFINITION, out),
        "capabilities" | "supportedVersions" => members::unknown(value, DEFINITION, out),
        "protocolVersion" | "model" => members::name(value, context, out),
        "completion" => {
            for (key, value) in out.members(value, context) {
                match key.as_ref() {
                    "total" => members::number(value, context, out),
                    _ => members::unknown(value, context, out),
                }
            }
        }
        "inputRequests" => requests(value, about, context, out),
        "requestState" => members::opaque(value, context, out),
        "nextCursor" => members::fixed(value, "opaque", context, out),
        "cacheScope" => members::word(value, &["public", "private"], context, out),
        "taskId" => members::name(value, context, out),
        "status" => members::word(value, &STATUSES, context, out),
        "ttl" | "ttlMs" | "pollInterval" | "pollIntervalMs" => {
            members::number(value, context, out);
        }
        // A task holds its state, and once it is done what the call came to.
        "task" | "result" => result(value, about, context, out),
        "tasks" => {
            for task in out.items(value, context) {
                result(task, about, context, out);
            }
        }
        "error" => super::error(value, context, out),
        "roots" => {
            for root in out.items(value, context) {
                for (key, value) in out.members(root, context) {
                    super::content::described(&key, value, context, out);
                }
            }
        }
        "action" => members::word(value, &["accept", "decline", "cancel"], context, out),
        "role" => members::word(value, &["user", "assistant"], context, out),
        "stopReason" => members::name(value, context, out),
        _ => members::unknown(value, context, out),
    }
}

/// Structured content, which the tool's output schema may hold to numbers.
fn structured(value: Value<'_>, about: &About<'_>, context: Context, out: &mut Locator) {
    match value.kind() {
        Kind::String => members::text(value, context, out),
        Kind::Null | Kind::Bool => {}
        Kind::Number | Kind::Array | Kind::Object => {
            out.json_value(value, context, about.schema("outputSchema"));
        }
    }
}
