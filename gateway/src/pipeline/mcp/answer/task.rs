//! The state of a task whose account was blocked: what is left of it carries no text.

use serde_json::{Map, Value};

use crate::llm::json::{Kind, Value as Json};

/// Members that say when and how often to ask again.
const NUMBERS: [&str; 4] = ["ttl", "ttlMs", "pollInterval", "pollIntervalMs"];
const TIMES: [&str; 2] = ["createdAt", "lastUpdatedAt"];

/// How far a task has got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// It goes on.
    Working,
    /// It waits for the client.
    InputRequired,
    /// It has a result.
    Completed,
    /// It was given up.
    Cancelled,
    /// It came to nothing.
    Failed,
}

impl Status {
    /// As the protocol writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    fn read(text: &str) -> Option<Self> {
        let all = [
            Self::Working,
            Self::InputRequired,
            Self::Completed,
            Self::Cancelled,
            Self::Failed,
        ];
        all.into_iter().find(|status| status.as_str() == text)
    }
}

/// What a server said of a task, without words.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskState {
    /// How far it has got.
    pub status: Status,
    /// Whether what it came to, or what it asks of the client, stands beside its state: with that the task is what was
    /// called, and not only an account of it.
    pub has_more: bool,
    members: Map<String, Value>,
}

impl TaskState {
    /// Reads the result of `tasks/get`; none when it tells no state that there is.
    pub fn read(result: Json<'_>) -> Option<Self> {
        let status = Status::read(&result.get_str("status")?)?;
        let more = ["result", "error", "inputRequests"];
        let mut members = Map::new();
        for name in NUMBERS {
            match result.get(name).map(|value| (value.as_u64(), value.kind())) {
                Some((Some(number), _)) => members.insert(name.to_owned(), number.into()),
                Some((None, Kind::Null)) => members.insert(name.to_owned(), Value::Null),
                _ => None,
            };
        }
        for name in TIMES {
            if let Some(time) = result.get_str(name).filter(|time| is_time(time)) {
                members.insert(name.to_owned(), time.into_owned().into());
            }
        }
        Some(Self {
            status,
            has_more: more.iter().any(|name| result.get(name).is_some()),
            members,
        })
    }

    /// What is left of it, about the task with this id.
    pub fn left(&self, task: &str, status: Status) -> Map<String, Value> {
        let mut left = self.members.clone();
        left.insert("taskId".to_owned(), task.into());
        left.insert("status".to_owned(), status.as_str().into());
        left
    }
}

/// A time as ISO 8601 writes it: nothing else fits into these characters.
fn is_time(text: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'T' | b'Z' | b'+');
    (10..=40).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::mcp::surfaces::Parsed;

    fn read(result: &Value) -> Option<TaskState> {
        let parsed = Parsed::read(Arc::new(result.to_string()), 1 << 16).unwrap();
        TaskState::read(parsed.root())
    }

    #[test]
    fn numbers_and_times_are_left_and_nothing_else() {
        let state = read(&json!({
            "taskId": "KEY-1", "status": "working", "statusMessage": "KEY-1", "ttl": null, "pollInterval": 500,
            "ttlMs": "KEY-1", "createdAt": "2026-11-22T01:02:03.004Z", "lastUpdatedAt": "KEY-1 at noon", "more": "KEY-1",
        }));
        let left = state.unwrap().left("task-1", Status::Working);
        assert_eq!(
            Value::from(left),
            json!({"taskId": "task-1", "status": "working", "ttl": null, "pollInterval": 500,
                "createdAt": "2026-11-22T01:02:03.004Z"})
        );
    }

    #[test]
    fn what_tells_no_state_is_none() {
        assert_eq!(read(&json!({"taskId": "t"})), None);
        assert_eq!(read(&json!({"status": "KEY-1"})), None);
        assert!(
            read(&json!({"status": "completed", "result": {}}))
                .unwrap()
                .has_more
        );
        assert!(!read(&json!({"status": "completed"})).unwrap().has_more);
    }
}
