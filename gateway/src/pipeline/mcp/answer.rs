//! What a blocked message becomes.
//!
//! A tool call that is blocked has a result that says so: the agent reads it, and its session lives on. Methods
//! whose results cannot fail are answered with a JSON-RPC error. Nothing here quotes the message: what is told
//! are the guardrails, their categories and a reference.

use std::fmt::Write as _;

use parapet_policy::outcome::Decision;
use serde_json::{Map, Value, json};

use crate::mcp::surfaces::Direction;
use crate::pipeline::block::Blocked;

mod task;

pub use task::{Status, TaskState};

/// A message that was blocked.
#[derive(Clone, Copy, Debug)]
pub struct BlockedMessage<'a> {
    /// Which way it went.
    pub direction: Direction,
    /// What it was.
    pub kind: Kind,
    /// Its method, or of a response the method that it answers.
    pub method: &'a str,
    /// The id of the request that it is or answers, as written.
    pub id: &'a str,
    /// The task that the request asked about.
    pub task: Option<&'a str>,
    /// What a blocked answer says of that task's state.
    pub state: Option<&'a TaskState>,
    /// Whether its receiver speaks a revision whose results say that they are complete.
    pub modern: bool,
    /// What the client quotes, as in `x-request-id`.
    pub reference: &'a str,
}

/// What a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It wants an answer.
    Request,
    /// It wants none.
    Notification,
    /// It is one.
    Response,
}

/// What happens instead. The messages go out with HTTP status 200.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Instead {
    /// Its receiver gets this instead.
    ToReceiver(String),
    /// Its sender gets this answer, and its receiver nothing.
    ToSender(String),
    /// Nobody gets anything.
    Nothing,
}

/// What a blocked message becomes.
pub fn instead(message: &BlockedMessage<'_>, blocked: &Blocked) -> Instead {
    let told = Told { message, blocked };
    match (message.kind, message.direction) {
        (Kind::Notification, _) => Instead::Nothing,
        (Kind::Request, Direction::ToServer) => Instead::ToSender(told.to_client(false)),
        (Kind::Response, Direction::ToClient) => Instead::ToReceiver(told.to_client(true)),
        (Kind::Request, Direction::ToClient) => Instead::ToSender(told.to_server()),
        (Kind::Response, Direction::ToServer) => Instead::ToReceiver(told.to_server()),
    }
}

struct Told<'a> {
    message: &'a BlockedMessage<'a>,
    blocked: &'a Blocked,
}

impl Told<'_> {
    /// The answer to a client's request. `ran`: it had been to the server.
    fn to_client(&self, ran: bool) -> String {
        match (self.message.method, self.message.task) {
            ("tools/call" | "tasks/result", _) => self.result(self.tool_result()),
            ("tasks/get", Some(task)) if ran => self.result(self.task_result(task)),
            _ => self.error(),
        }
    }

    /// The answer to a server's request. Whoever asks people has a word for no.
    fn to_server(&self) -> String {
        match self.message.method {
            "elicitation/create" => self.result(json!({"action": "decline"})),
            _ => self.error(),
        }
    }

    fn tool_result(&self) -> Value {
        let text = json!({"type": "text", "text": self.text()});
        let mut result = json!({"content": [text], "isError": true, "_meta": self.meta()});
        if self.message.modern {
            put(&mut result, "resultType", "complete".into());
        }
        result
    }

    /// The task as it is, with this in the place of what it came to. What it asks of the client cannot be answered any
    /// more, so that with a question it is over as well.
    fn task_result(&self, task: &str) -> Value {
        let modern = self.message.modern;
        let (status, has_more) = match self.message.state {
            Some(state) => (state.status, state.has_more),
            None => (Status::Completed, true),
        };
        let is_over = match status {
            Status::Completed => has_more,
            Status::InputRequired => modern && has_more,
            Status::Working | Status::Cancelled | Status::Failed => false,
        };
        let status = if is_over { Status::Completed } else { status };
        let mut left: Value = match self.message.state {
            Some(state) => state.left(task, status).into(),
            None => json!({"taskId": task, "status": status.as_str()}),
        };
        match status {
            Status::Completed if is_over => put(&mut left, "result", self.tool_result()),
            Status::Failed if has_more => put(&mut left, "error", self.error_object()),
            Status::Failed => {
                put(&mut left, "statusMessage", self.text().into());
                put(&mut left, "_meta", self.meta());
            }
            Status::Working | Status::InputRequired | Status::Completed | Status::Cancelled => {
                put(&mut left, "_meta", self.meta());
            }
        }
        if modern {
            put(&mut left, "resultType", "complete".into());
        }
        left
    }

    fn result(&self, result: Value) -> String {
        let id = self.message.id;
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
    }

    /// The code is the status that a model route would answer with: positive numbers are an application's own.
    fn error(&self) -> String {
        let id = self.message.id;
        let error = self.error_object();
        format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
    }

    fn error_object(&self) -> Value {
        json!({
            "code": self.blocked.status(),
            "message": self.text(),
            "data": {"type": self.blocked.error_type(), "_meta": self.meta()},
        })
    }

    /// For the model: what happened, and that trying again does not help.
    fn text(&self) -> String {
        let mut text = self.blocked.message();
        let advice = match self.blocked.decision() {
            Decision::BlockFailure => "A guardrail is temporarily unavailable.",
            Decision::BlockViolation | Decision::Allow => {
                "This is a decision of policy. Do not retry the same request."
            }
        };
        let _ = write!(text, " {advice} Reference: {}", self.message.reference);
        text
    }

    fn meta(&self) -> Value {
        let names = |names: &mut dyn Iterator<Item = &str>| -> Vec<Value> {
            names.map(Value::from).collect()
        };
        let by = &self.blocked.by;
        let categories = by.iter().flat_map(|blocker| &blocker.categories);
        json!({"parapet.dev/guardrail": {
            "decision": "block",
            "hook": self.blocked.hook.as_str(),
            "guardrails": names(&mut by.iter().map(|blocker| &*blocker.selector)),
            "categories": names(&mut categories.map(AsRef::as_ref)),
            "reference": self.message.reference,
        }})
    }
}

fn put(object: &mut Value, key: &str, value: Value) {
    object
        .as_object_mut()
        .unwrap_or(&mut Map::new())
        .insert(key.to_owned(), value);
}

#[cfg(test)]
mod tests;
