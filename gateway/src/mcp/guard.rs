//! Where a message meets the guardrails: the one seam between relaying and judging.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use parapet_guardrails::client::HttpClient;
use parapet_guardrails::exchange::Call;
use parapet_guardrails::guardrail::Guardrail;
use parapet_policy::outcome::Decision;
use parapet_policy::plan::{Plan, PlannedTaint};
use parapet_policy::record::End;
use parapet_policy::rule::Unscannable;

use super::envelope::{Kind, Message};
use super::error::RpcError;
use super::surfaces::{About, Direction, Parsed};
use super::taint::{self, Danger, Verdict};
use super::version::Era;
use crate::llm::{Limits, LlmError};
use crate::pipeline::block::Blocked;
use crate::pipeline::mcp::answer::{self, BlockedMessage, Instead, TaskState};
use crate::pipeline::mcp::{self, Allowed, Judging, Stopped};
use crate::pipeline::recording::Recording;
use crate::pipeline::stage::Stage;
use crate::policy::guardrail::ReadyGuardrail;
use crate::policy::ready::Snapshot;

mod tainted;

/// What runs for one message. It owns what it names.
#[derive(Clone)]
pub(crate) struct Planned {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) call: Call,
    /// Whether it asks about a task of the tool, and calls none: what decides about calls is not asked, but what the task
    /// came to is the tool's.
    pub(crate) is_about_task: bool,
    /// For a call of a dangerous tool that a rule looks at.
    pub(crate) tainted: Option<Tainted>,
    pub(crate) client: Arc<dyn HttpClient>,
    pub(crate) recording: Recording,
}

impl Planned {
    /// Whether a service judges answers: it is shown the request beside them.
    pub(crate) fn shows_requests(&self) -> bool {
        let hook = mcp::hook_of(Direction::ToClient);
        let guardrails = &self.snapshot.guardrails;
        self.plan.hooks.get(hook).iter().any(|planned| {
            let ready = guardrails.get(planned.guardrail as usize);
            matches!(
                ready.and_then(ReadyGuardrail::guardrail),
                Some(Guardrail::Service(_))
            )
        })
    }
}

/// A call of a dangerous tool, and what is known of its conversation.
#[derive(Clone, Debug)]
pub(crate) struct Tainted {
    /// What the rules say.
    pub(crate) said: PlannedTaint,
    /// Whether text of strangers may have reached the conversation.
    pub(crate) marked: bool,
    /// What the tool can do.
    pub(crate) danger: Danger,
}

/// What is known of a message beside what it says.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// Which way it goes.
    pub(crate) direction: Direction,
    /// Its method, or of a response the method that it answers.
    pub(crate) method: &'a str,
    /// The definition of the tool, when this gateway has seen it.
    pub(crate) definition: Option<&'a Parsed>,
    /// Whether it is missing although the client may hold the result to its schema.
    pub(crate) schema_is_unknown: bool,
    /// The request that it answers, as it went on, where a service is to see it.
    pub(crate) request: Option<&'a Parsed>,
    /// The task that the request asked about.
    pub(crate) task: Option<&'a str>,
    /// The id of the request that it answers, as written: what it says itself may be the server's word. None: its own.
    pub(crate) id: Option<&'a str>,
    /// Which revision the client speaks.
    pub(crate) era: Era,
}

/// What becomes of a message.
pub(crate) enum Judged {
    /// It goes on, as it came or changed.
    Passed(Message),
    /// Guardrails stopped it.
    Stopped(Instead, End),
}

/// Judges a message on its way to the server or to the client.
///
/// # Errors
/// When it holds more than is judged.
pub(crate) async fn judge(
    planned: &Planned,
    subject: &Subject<'_>,
    message: Message,
) -> Result<Judged, RpcError> {
    if let (Direction::ToServer, Some(of)) = (subject.direction, &planned.tainted) {
        let verdict = taint::judge(of.said.action, of.marked, of.danger);
        tainted::note(planned, of, verdict);
        if verdict == Verdict::Stopped {
            let blocked = tainted::blocked(of);
            let instead = instead(planned, subject, &message, &blocked);
            return Ok(Judged::Stopped(instead, end_of(&blocked)));
        }
    }
    let hook = mcp::hook_of(subject.direction);
    let plan = planned.plan.hooks.get(hook);
    let refuses_unjudged = planned.plan.unscannable == Unscannable::Block;
    if plan.is_empty() && !refuses_unjudged {
        return Ok(Judged::Passed(message));
    }
    let settings = &planned.snapshot.settings;
    let mut call = planned.call.clone();
    call.hook = hook;
    if let (Direction::ToServer, true, Some(mcp)) =
        (subject.direction, planned.is_about_task, &mut call.mcp)
    {
        (mcp.tool, mcp.source_tool) = (None, None);
    }
    let stage = Stage {
        hook,
        plan,
        guardrails: &planned.snapshot.guardrails,
        call: Arc::new(call),
        client: planned.client.clone(),
        recording: &planned.recording,
    };
    let judging = Judging {
        message: message.parsed().clone(),
        about: About {
            direction: subject.direction,
            method: subject.method,
            tool: subject.definition,
            schema_is_unknown: subject.schema_is_unknown,
        },
        request: subject.request,
        refuses_unjudged,
        modern: subject.era == Era::Modern,
        limits: Limits {
            max_segments: settings.segments,
            ..Limits::default()
        },
    };
    let result = mcp::judge(&stage, &judging).await;
    drop(judging);
    match result {
        Ok(Allowed { changed: None }) => Ok(Judged::Passed(message)),
        Ok(Allowed {
            changed: Some(bytes),
        }) => Ok(Judged::Passed(reread(bytes)?)),
        Err(Stopped::Blocked(blocked)) => {
            let end = end_of(&blocked);
            Ok(Judged::Stopped(
                instead(planned, subject, &message, &blocked),
                end,
            ))
        }
        Err(Stopped::Unreadable(error)) => Err(too_much(subject.direction, &error)),
    }
}

/// A changed message is one of the gateway's own making, so it can be read.
fn reread(bytes: Bytes) -> Result<Message, RpcError> {
    let unreadable = || RpcError::upstream("a changed message cannot be read");
    let text = String::from_utf8(bytes.into()).map_err(|_| unreadable())?;
    Message::parse(text).map_err(|_| unreadable())
}

fn too_much(direction: Direction, error: &LlmError) -> RpcError {
    match direction {
        Direction::ToServer => RpcError::new(StatusCode::BAD_REQUEST, -32600, error.to_string()),
        Direction::ToClient => {
            RpcError::upstream("the MCP server's message holds more than can be judged")
        }
    }
}

fn instead(
    planned: &Planned,
    subject: &Subject<'_>,
    message: &Message,
    blocked: &Blocked,
) -> Instead {
    let state = match subject.method {
        "tasks/get" => message.root().get("result").and_then(TaskState::read),
        _ => None,
    };
    let reference = planned.recording.with(|record| record.request_id.clone());
    let told = BlockedMessage {
        direction: subject.direction,
        kind: match message.kind() {
            Kind::Request => answer::Kind::Request,
            Kind::Notification => answer::Kind::Notification,
            Kind::Response => answer::Kind::Response,
        },
        method: subject.method,
        id: subject.id.or(message.id()).unwrap_or("null"),
        task: subject.task,
        state: state.as_ref(),
        modern: subject.era == Era::Modern,
        reference: &reference,
    };
    answer::instead(&told, blocked)
}

/// How the record of a message that guardrails stopped ends.
fn end_of(blocked: &Blocked) -> End {
    match blocked.decision() {
        Decision::BlockFailure => End::BlockedFailure,
        Decision::BlockViolation | Decision::Allow => End::BlockedViolation,
    }
}
