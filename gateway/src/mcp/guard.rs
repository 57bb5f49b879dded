//! Where a message meets the guardrails: the one seam between relaying and judging.

use std::sync::Arc;

use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Decision, FailureClass, Outcome, decide};
use parapet_policy::plan::Plan;
use parapet_policy::record::End;
use serde_json::json;

use super::envelope::Message;
use super::version::Era;
use crate::pipeline::block::{Blocked, Blocker};
use crate::pipeline::recording::Recording;
use crate::policy::ready::Snapshot;

/// What runs for one message. It owns what it names.
#[derive(Clone)]
pub(crate) struct Planned {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) recording: Recording,
}

/// Judges a message on its way to the server or to the client.
///
/// # Errors
/// The guardrails that block it.
pub(crate) async fn judge(
    planned: &Planned,
    hook: Hook,
    message: Message,
) -> Result<Message, Blocked> {
    // Nothing runs guardrails on these messages yet, and what does not run counts as failed: its strategy decides.
    let outcome = Outcome::Failed(FailureClass::NotBuilt);
    let by: Vec<Blocker> = planned
        .plan
        .hooks
        .get(hook)
        .iter()
        .filter(|guardrail| decide(guardrail.strategy, &outcome).blocks())
        .map(|guardrail| Blocker {
            selector: planned.selector(guardrail.guardrail),
            outcome: outcome.clone(),
            categories: Vec::new(),
            custom_error_message: guardrail.custom_error_message.clone(),
        })
        .collect();
    if by.is_empty() {
        Ok(message)
    } else {
        Err(Blocked { hook, by })
    }
}

impl Planned {
    fn selector(&self, guardrail: u32) -> Arc<str> {
        let ready = self.snapshot.guardrails.get(guardrail as usize);
        ready.map_or_else(|| Arc::from("?"), |ready| ready.selector.clone())
    }
}

/// What a client gets instead of a message that guardrails stopped: a result where a result can say that it failed, so that
/// the agent reads why and goes on; otherwise an error. It has none of the text that was judged.
pub(crate) fn refusal(
    method: &str,
    era: Era,
    id: &str,
    blocked: &Blocked,
    request_id: &str,
) -> String {
    let advice = match blocked.decision() {
        Decision::BlockFailure => "A guardrail is unavailable at the moment.",
        Decision::BlockViolation | Decision::Allow => {
            "This is a policy decision: the same request will be refused again."
        }
    };
    let text = format!("{} {advice} Reference: {request_id}", blocked.message());
    let told = json!({
        "decision": "block",
        "hook": blocked.hook.as_str(),
        "checks": blocked.checks(),
        "reference": request_id,
    });
    let (member, mut body) = match method {
        "tools/call" | "tasks/result" => (
            "result",
            json!({
                "content": [{"type": "text", "text": text}],
                "isError": true,
                "_meta": {"parapet.dev/guardrail": told},
            }),
        ),
        _ => (
            "error",
            json!({"code": blocked.status(), "message": text, "data": told}),
        ),
    };
    if era == Era::Modern
        && member == "result"
        && let Some(result) = body.as_object_mut()
    {
        result.insert("resultType".to_owned(), json!("complete"));
    }
    format!(r#"{{"jsonrpc":"2.0","id":{id},"{member}":{body}}}"#)
}

/// How the record of a message that guardrails stopped ends.
pub(crate) fn end_of(blocked: &Blocked) -> End {
    match blocked.decision() {
        Decision::BlockFailure => End::BlockedFailure,
        Decision::BlockViolation | Decision::Allow => End::BlockedViolation,
    }
}
