//! The parameters of requests and notifications, in both directions.

use parapet_guardrails::segment::Role;

use crate::llm::Unjudged;
use crate::llm::json::{Kind, Value};
use crate::llm::locate::{Context, Locator};

use super::content::content;
use super::definition::{definition, list};
use super::{About, Direction, members, meta, result};

const LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

/// Collects the texts of `params`.
pub(super) fn params(params: Value<'_>, about: &About<'_>, context: Context, out: &mut Locator) {
    if params.kind() != Kind::Object {
        return members::unknown(params, context, out);
    }
    for (key, value) in params.members() {
        if out.is_full() {
            return;
        }
        member(&key, value, about, context, out);
    }
}

fn member(key: &str, value: Value<'_>, about: &About<'_>, context: Context, out: &mut Locator) {
    let asked = about.direction == Direction::ToClient;
    match key {
        "_meta" => meta::meta(value, context, out),
        "name" | "taskId" | "elicitationId" => members::name(value, context, out),
        "arguments" if about.method == "tools/call" => {
            out.json_value(value, context, about.schema("inputSchema"));
        }
        // People fill in prompts and what they complete.
        "arguments" | "context" => members::unknown(value, user(context), out),
        "argument" => argument(value, user(context), out),
        "ref" => reference(value, context, out),
        // Another address would be another resource.
        "uri" => out.uri(value, Unjudged::File, context.fixed("uri")),
        "cursor" => members::fixed(value, "opaque", context, out),
        "level" => members::word(value, &LEVELS, context, out),
        "mode" => members::word(value, &["form", "url"], context, out),
        "progressToken" | "requestId" if value.kind() != Kind::Number => {
            members::name(value, context, out);
        }
        "progress" | "total" | "maxTokens" | "temperature" | "ttl" | "ttlMs" | "pollInterval"
        | "pollIntervalMs" | "progressToken" | "requestId" => {
            members::number(value, context, out);
        }
        "status" => members::word(value, &result::STATUSES, context, out),
        "createdAt" | "lastUpdatedAt" => members::text(value, context, out),
        "message" | "reason" | "statusMessage" | "systemPrompt" | "logger" => {
            members::text(value, context, out);
        }
        "url" => out.uri(value, Unjudged::File, context),
        "requestedSchema" => out.schema(value, context),
        "messages" => messages(value, context, out),
        "tools" if asked => list(value, out),
        "inputResponses" => answers(value, about, context, out),
        "inputRequests" => requests(value, about, context, out),
        "requestState" => members::opaque(value, context, out),
        "result" => result::result(value, about, context, out),
        "error" => super::error(value, context, out),
        "clientInfo" => definition(value, context, out),
        "protocolVersion" | "includeContext" => members::name(value, context, out),
        _ => members::unknown(value, context, out),
    }
}

const fn user(context: Context) -> Context {
    Context {
        role: Role::User,
        ..context
    }
}

/// What is completed: the argument's name, and what has been typed of it.
fn argument(argument: Value<'_>, context: Context, out: &mut Locator) {
    for (key, value) in out.members(argument, context) {
        match key.as_ref() {
            "name" => members::name(value, context, out),
            _ => members::unknown(value, context, out),
        }
    }
}

fn reference(reference: Value<'_>, context: Context, out: &mut Locator) {
    for (key, value) in out.members(reference, context) {
        match key.as_ref() {
            "type" => members::word(value, &["ref/prompt", "ref/resource"], context, out),
            "uri" => out.uri(value, Unjudged::File, context.fixed("uri")),
            _ => members::name(value, context, out),
        }
    }
}

/// The messages of a prompt, or of a conversation that a server wants continued: its words, whatever role it
/// gives them.
pub(super) fn messages(messages: Value<'_>, context: Context, out: &mut Locator) {
    for message in out.items(messages, context) {
        if out.is_full() {
            return;
        }
        for (key, value) in out.members(message, context) {
            match key.as_ref() {
                "role" => members::word(value, &["user", "assistant"], context, out),
                "content" => content(value, context, out),
                "_meta" => meta::meta(value, context, out),
                _ => members::unknown(value, context, out),
            }
        }
    }
}

/// What a server asks of the client: requests under keys that it chose.
pub(super) fn requests(asked: Value<'_>, about: &About<'_>, context: Context, out: &mut Locator) {
    let about = About {
        direction: Direction::ToClient,
        ..*about
    };
    for (_, request) in out.members(asked, context) {
        out.key_of(request, context);
        for (key, value) in out.members(request, context) {
            match key.as_ref() {
                "method" => members::word(value, &result::ASKED, context, out),
                "params" => params(value, &about, context, out),
                _ => members::unknown(value, context, out),
            }
        }
    }
}

/// What the client answers to that.
fn answers(answers: Value<'_>, about: &About<'_>, context: Context, out: &mut Locator) {
    let about = About {
        direction: Direction::ToServer,
        ..*about
    };
    for (_, answer) in out.members(answers, context) {
        out.key_of(answer, context);
        result::result(answer, &about, context, out);
    }
}
