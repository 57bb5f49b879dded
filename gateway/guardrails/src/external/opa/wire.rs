//! The input document, and what a decision means.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::exchange::{Exchange, McpCall, Verdict};
use crate::external::request::{User, shown};

/// The decision says no.
const DENIED: &str = "denied";
/// There is no decision for this input.
const UNDEFINED: &str = "undefined";

/// At most so many policies of a decision become categories, and ids of at most so many bytes.
const POLICIES: usize = 16;
const POLICY_ID: usize = 64;

#[derive(Serialize)]
struct Document<'a> {
    input: Input<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    hook: &'static str,
    request_id: &'a str,
    user: Caller<'a>,
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    models: &'a [Arc<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp: Option<Mcp<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Caller<'a> {
    #[serde(flatten)]
    user: User<'a>,
    teams: &'a [Arc<str>],
    roles: &'a [Arc<str>],
}

#[derive(Serialize)]
struct Mcp<'a> {
    server: &'a str,
    servers: &'a [Arc<str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'a str>,
    #[serde(rename = "sourceTool", skip_serializing_if = "Option::is_none")]
    source_tool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a RawValue>,
    hints: Hints,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Hints {
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destructive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_world: Option<bool>,
}

/// The body of the call. The bodies that are judged go in as they stand.
pub(super) fn input(exchange: &Exchange) -> Vec<u8> {
    let call = &exchange.call;
    let document = Document {
        input: Input {
            hook: call.hook.as_str(),
            request_id: &call.request_id,
            user: Caller {
                user: User::of(&call.caller.subject),
                teams: &call.caller.teams,
                roles: &call.caller.roles,
            },
            metadata: &call.metadata,
            model: call.models.first().map(|name| &**name),
            models: &call.models,
            mcp: call.mcp.as_ref().map(mcp),
            request_body: raw(&exchange.request_body),
            response_body: exchange.response_body.as_deref().and_then(raw),
        },
    };
    serde_json::to_vec(&document).unwrap_or_else(|_| b"{}".to_vec())
}

fn mcp(mcp: &McpCall) -> Mcp<'_> {
    Mcp {
        server: mcp.servers.first().map_or("", |name| name),
        servers: &mcp.servers,
        tool: mcp.tool.as_deref(),
        source_tool: mcp.source_tool.as_deref(),
        arguments: mcp.arguments.as_deref().and_then(raw),
        hints: Hints {
            read_only: mcp.hints.read_only,
            destructive: mcp.hints.destructive,
            idempotent: mcp.hints.idempotent,
            open_world: mcp.hints.open_world,
        },
    }
}

fn raw(json: &[u8]) -> Option<&RawValue> {
    serde_json::from_slice(json).ok()
}

/// What a decision means. An error completes the sentence "the OPA at HOST ...".
pub(super) fn read_answer(path: &str, status: StatusCode, body: &[u8]) -> Result<Verdict, String> {
    if status != StatusCode::OK {
        return Err(format!("answered {}", status.as_u16()));
    }
    let answer: Value = serde_json::from_slice(body)
        .map_err(|_| "answered with something that is not JSON".to_owned())?;
    let Value::Object(answer) = answer else {
        return Err("answered with something that is not a decision".to_owned());
    };
    let allow = match answer.get("result") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(allow)) => Some(*allow),
        Some(Value::Object(result)) => match result.get("allow") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(allow)) => Some(*allow),
            Some(_) => return Err(no_decision(path)),
        },
        Some(_) => return Err(no_decision(path)),
    };
    let result = answer.get("result");
    Ok(match allow {
        Some(true) => Verdict::Pass,
        Some(false) => denied(path, result),
        None => Verdict::Violation {
            explanation: format!("the policy {path} says nothing about it, which denies it"),
            categories: vec![UNDEFINED.into()],
        },
    })
}

fn no_decision(path: &str) -> String {
    format!("answered {path} with neither a boolean nor an object with a boolean `allow`")
}

/// A denial with the reason and the policies that the decision gives.
fn denied(path: &str, result: Option<&Value>) -> Verdict {
    let member = |name: &str| result.and_then(|result| result.get(name));
    let ids = member("policies").and_then(Value::as_array);
    let ids: Vec<&str> = ids
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|id| !id.is_empty() && id.len() <= POLICY_ID && !id.contains(char::is_control))
        .take(POLICIES)
        .collect();
    let mut explanation = format!("the policy {path} denies it");
    if !ids.is_empty() {
        explanation.push_str(&format!(" by {}", ids.join(", ")));
    }
    let reason = member("reason").or_else(|| member("message"));
    if let Some(reason) = reason.and_then(Value::as_str).and_then(shown) {
        explanation.push_str(&format!(": {reason}"));
    }
    let mut categories: Vec<Cow<'static, str>> = vec![DENIED.into()];
    categories.extend(ids.iter().map(|id| Cow::from(format!("{DENIED}:{id}"))));
    Verdict::Violation {
        explanation,
        categories,
    }
}
