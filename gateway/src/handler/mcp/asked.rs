//! What a client has asked for, as far as the answer is judged by it.

use bytes::Bytes;

use crate::mcp::declared::Declared;
use crate::mcp::envelope::{Kind, Message};
use crate::mcp::pinning::known::Moment;
use crate::mcp::surfaces::Parsed;

/// A message of a client, and of a request what its answer is judged by.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// The request's id as written; none for a message that wants no answer.
    pub(super) id: Option<String>,
    /// Empty for a response.
    pub(super) method: String,
    pub(super) tool: Option<String>,
    /// The call's arguments as they came.
    pub(super) arguments: Option<Bytes>,
    /// The task that is asked about.
    pub(super) task: Option<String>,
    /// Whether it belongs to a call of a tool that is not known here.
    pub(super) of_any_tool: bool,
    /// When a list of tools was asked for from its beginning: what is known of the tools counts from then.
    pub(super) whole_list: Option<Moment>,
    /// The trace that the message itself says it belongs to (`_meta.traceparent`).
    pub(super) trace: Option<String>,
    /// What the client declared that it may be asked for; none where that is not known.
    pub(super) declared: Option<Declared>,
    /// The request as it went on, where services are to see it beside its answer.
    pub(super) request: Option<Parsed>,
}

impl Asked {
    pub(super) fn of(message: &Message) -> Self {
        let tool = message.tool().map(|tool| tool.into_owned());
        let arguments = message.param("arguments").filter(|_| tool.is_some());
        let text = |name: &str| Some(message.param(name)?.as_str()?.into_owned());
        Self {
            id: (message.kind() == Kind::Request)
                .then(|| message.id().map(str::to_owned))
                .flatten(),
            method: message.method().into_owned(),
            arguments: arguments.map(|value| Bytes::copy_from_slice(value.raw().as_bytes())),
            tool,
            task: text("taskId"),
            // Somebody's call is under way when a server asks; whose, only that server knows.
            of_any_tool: message.kind() == Kind::Response,
            whole_list: None,
            trace: message
                .param("_meta")
                .and_then(|meta| Some(meta.get("traceparent")?.as_str()?.into_owned())),
            declared: None,
            request: None,
        }
    }

    /// Whether it asks about a task instead of calling a tool.
    pub(super) fn is_about_task(&self) -> bool {
        self.method.starts_with("tasks/")
    }
}
