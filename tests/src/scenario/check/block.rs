//! What a block looks like to the client.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Seen, read};
use crate::scenario::pattern::matches;
use crate::scenario::schema::{Block, BlockAt};

/// The status that a block implies for what was seen.
pub(super) fn status(block: &Block, seen: &Seen) -> u16 {
    if mid_stream(block, seen) {
        200
    } else if block.failure {
        503
    } else {
        400
    }
}

fn mid_stream(block: &Block, seen: &Seen) -> bool {
    let streamed = seen.mode.is_stream() && seen.answered.status == 200;
    block.mid_stream.unwrap_or(streamed)
}

/// Checks a block in the dialect of the mode.
pub(super) fn check(block: &Block, seen: &Seen) -> Result<()> {
    let received = read(seen)?;
    let error = received.error.context("the response has no error")?;
    let messages = seen.mode.is_messages();
    let kind = match (messages, block.failure) {
        (false, false) => "guardrail_checks_failed",
        (false, true) => "guardrail_unavailable",
        (true, false) => "invalid_request_error",
        (true, true) => "api_error",
    };
    ensure!(
        error["type"] == kind,
        "the error's type is {}, expected {kind}",
        error["type"]
    );
    match &block.message {
        Some(pattern) => matches(pattern, &error["message"]).context("the error's message")?,
        None => {
            let side = match block.at {
                BlockAt::Input => "Input",
                BlockAt::Output => "Output",
                BlockAt::PreInvoke => "MCP tool pre-invoke",
                BlockAt::PostInvoke => "MCP tool post-invoke",
            };
            let what = if block.failure {
                "could not run"
            } else {
                "failed"
            };
            let expected = format!(
                "{side} Guardrail checks {what} for integrations: [{}]",
                block.by.join(", ")
            );
            matches(&json!({ "$contains": expected }), &error["message"])
                .context("the error's message")?;
        }
    }
    if mid_stream(block, seen) {
        ensure!(
            seen.mode.is_stream(),
            "only a stream can be blocked in the middle"
        );
        return Ok(());
    }
    let body = seen.answered.json()?;
    let (list, origin) = match block.at {
        BlockAt::Input => ("input_guardrails", "guardrails_input"),
        BlockAt::Output => ("output_guardrails", "guardrails_output"),
        BlockAt::PreInvoke => (
            "mcp_tool_pre_invoke_guardrails",
            "guardrails_mcp_tool_pre_invoke",
        ),
        BlockAt::PostInvoke => (
            "mcp_tool_post_invoke_guardrails",
            "guardrails_mcp_tool_post_invoke",
        ),
    };
    let checks: Vec<Value> = block
        .by
        .iter()
        .map(|selector| {
            json!({"guardrail_integration": selector, "result": "failed",
                   "data": {"verdict": false, "explanation": {"$any": true}}})
        })
        .collect();
    matches(&json!({ "guardrail_checks": { list: checks } }), &body).context("the body")?;
    if let Some(categories) = &block.categories {
        let found = &body["guardrail_checks"][list][0]["data"]["categories"];
        ensure!(
            *found == json!(categories),
            "the categories are {found}, expected {categories:?}"
        );
    }
    if !messages {
        let code = status(block, seen).to_string();
        let shape = json!({
            "status": "failure", "message": error["message"], "error_origin_level": origin,
            "error": {"param": null, "code": code},
        });
        matches(&shape, &body).context("the body")?;
    }
    if block.failure {
        let retry = seen.answered.header("x-should-retry");
        ensure!(
            retry == Some("false"),
            "x-should-retry is {retry:?}, expected false"
        );
    }
    Ok(())
}
