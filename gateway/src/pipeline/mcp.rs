//! The two hooks of tool traffic, message by message.
//!
//! Before the tool: mutators in order, then validators, and all of them are done before anything is called,
//! because what a tool has done cannot be called back. After it: the same, and all of them are done before
//! anything of the message reaches the client. What a block looks like from outside is in [`answer`].

pub mod answer;
mod lists;
mod payload;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::block::Blocked;
use super::hook;
use super::stage::Stage;
use super::unjudged;
use crate::llm::{Limits, LlmError};
use crate::mcp::surfaces::{self, About, Direction, Parsed};

use payload::MessagePayload;

/// One message to judge.
#[derive(Clone, Debug)]
pub struct Judging<'a> {
    /// The message.
    pub message: Parsed,
    /// What it is about.
    pub about: About<'a>,
    /// The request that it belongs to, as it went on: services are shown it.
    pub request: Option<&'a Parsed>,
    /// Whether content that no guardrail can judge is refused.
    pub refuses_unjudged: bool,
    /// Whether the client speaks a revision whose results say that they are complete.
    pub modern: bool,
    /// How much a message may hold.
    pub limits: Limits,
}

/// What becomes of a message that goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowed {
    /// Its bytes, where they are not those that came.
    pub changed: Option<Bytes>,
}

/// Why a message does not go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Stopped {
    /// Guardrails stop it.
    #[error("blocked by guardrails")]
    Blocked(Blocked),
    /// It holds more than is judged.
    #[error(transparent)]
    Unreadable(#[from] LlmError),
}

impl From<Blocked> for Stopped {
    fn from(blocked: Blocked) -> Self {
        Self::Blocked(blocked)
    }
}

/// Runs the guardrails of a stage over a message. Of a list that would be blocked the entries that are to blame are
/// taken out instead.
///
/// # Errors
/// The guardrails that block it, or what makes it unreadable.
pub async fn judge(stage: &Stage<'_>, judging: &Judging<'_>) -> Result<Allowed, Stopped> {
    match judge_whole(stage, judging).await {
        Err(Stopped::Blocked(blocked)) => lists::without_blocked(stage, judging, blocked).await,
        other => other,
    }
}

async fn judge_whole(stage: &Stage<'_>, judging: &Judging<'_>) -> Result<Allowed, Stopped> {
    let Judging { message, about, .. } = judging;
    if stage.plan.is_empty() && !judging.refuses_unjudged {
        return Ok(Allowed { changed: None });
    }
    let texts = surfaces::texts(message, about, &judging.limits)?;
    unjudged::note(stage.recording, texts.unjudged());
    if judging.refuses_unjudged && !texts.unjudged().is_empty() {
        return Err(unjudged::blocked(stage.hook, texts.unjudged()).into());
    }
    let mut payload = MessagePayload::new(judging, texts);
    hook::run(stage, &mut payload).await?.finish().await?;
    Ok(payload.into_allowed())
}

/// The hook that a message passes.
pub const fn hook_of(direction: Direction) -> parapet_policy::hook::Hook {
    match direction {
        Direction::ToServer => parapet_policy::hook::Hook::McpToolPreInvoke,
        Direction::ToClient => parapet_policy::hook::Hook::McpToolPostInvoke,
    }
}
