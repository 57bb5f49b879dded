//! What is left of a blocked answer. Lists are filtered, never failed: one bad entry does not take the others along. A
//! server's account of itself, or of a task, goes on without the words that can be done without.

use std::rc::Rc;
use std::sync::Arc;

use super::{Allowed, Judging, Stopped, judge_whole};
use crate::llm::json::{Kind, Value};
use crate::mcp::surfaces::Parsed;
use crate::pipeline::block::Blocked;
use crate::pipeline::stage::Stage;

/// How often parts of one list are judged to find what is to blame. What is not found out by then is left out.
const MAX_ROUNDS: usize = 512;

/// Members of a server's account of itself that a session can do without.
const DISPENSABLE: [&str; 2] = ["instructions", "_meta"];

/// What a server says about a task's state, in its own words.
const ACCOUNT: &str = "statusMessage";

/// The member that holds the entries of a list.
fn entries_of(method: &str) -> Option<&'static str> {
    match method {
        "tools/list" => Some("tools"),
        "prompts/list" => Some("prompts"),
        "resources/list" => Some("resources"),
        "resources/templates/list" => Some("resourceTemplates"),
        "tasks/list" => Some("tasks"),
        _ => None,
    }
}

/// What is left of a blocked message that may be filtered.
///
/// # Errors
/// The block, for any other message and when nothing can be left.
pub(super) async fn without_blocked(
    stage: &Stage<'_>,
    judging: &Judging<'_>,
    blocked: Blocked,
) -> Result<Allowed, Stopped> {
    let root = judging.message.root();
    let Some(result) = root
        .get("result")
        .filter(|result| result.kind() == Kind::Object)
    else {
        return Err(blocked.into());
    };
    // The record has what the guardrails found in the whole; the search adds nothing to it.
    let recording = stage.recording.part(Rc::new(|_| {}));
    let search = Search {
        stage: &Stage {
            recording: &recording,
            ..stage.clone()
        },
        judging,
        result,
    };
    let left = match judging.about.method {
        "initialize" | "server/discover" => search.introduction().await,
        "tasks/get" | "tasks/cancel" | "tasks/update" | "tools/call" => search.task().await,
        method => match entries_of(method) {
            Some(member) => search.list(member).await,
            None => None,
        },
    };
    let left = left.ok_or(Stopped::Blocked(blocked))?;
    stage
        .recording
        .with(|record| record.rewrites.push("filtered"));
    Ok(left)
}

struct Search<'a> {
    stage: &'a Stage<'a>,
    judging: &'a Judging<'a>,
    result: Value<'a>,
}

impl Search<'_> {
    /// Without what a session can do without.
    async fn introduction(&self) -> Option<Allowed> {
        let members = self
            .result
            .members()
            .filter(|(key, _)| !DISPENSABLE.contains(&key.as_ref()))
            .map(|(_, value)| member(value, value.raw()));
        self.passes(members.collect()).await
    }

    /// A task without the words about its state: of the task that is asked about, or of one that a call began.
    async fn task(&self) -> Option<Allowed> {
        let without = |of: Value<'_>| -> Vec<String> {
            let kept = of.members().filter(|(key, _)| key.as_ref() != ACCOUNT);
            kept.map(|(_, value)| member(value, value.raw())).collect()
        };
        if self.result.get(ACCOUNT).is_some() {
            return self.passes(without(self.result)).await;
        }
        let task = self.result.get("task")?;
        task.get(ACCOUNT)?;
        let begun = format!("{{{}}}", without(task).join(","));
        let members = self
            .result
            .members()
            .map(|(key, value)| match key.as_ref() {
                "task" => member(value, &begun),
                _ => member(value, value.raw()),
            });
        self.passes(members.collect()).await
    }

    async fn list(&self, name: &str) -> Option<Allowed> {
        let entries: Vec<&str> = self.result.get(name)?.items().map(Value::raw).collect();
        let mut kept: Vec<&str> = Vec::new();
        let mut open = Vec::from([std::ops::Range {
            start: 0,
            end: entries.len(),
        }]);
        let mut rounds = 0;
        while let Some(range) = open.pop() {
            rounds += 1;
            let part = entries.get(range.clone()).unwrap_or_default();
            if part.is_empty() || rounds > MAX_ROUNDS {
                continue;
            }
            // The whole is known to be blocked, perhaps for something beside its entries.
            if self.passes(vec![list(name, part)]).await.is_some() {
                kept.extend(part);
            } else if part.len() > 1 {
                let middle = range.start + part.len() / 2;
                open.push(middle..range.end);
                open.push(range.start..middle);
            }
        }
        let with_the_rest = self
            .result
            .members()
            .map(|(key, value)| match key.as_ref() {
                own if own == name => list(name, &kept),
                // What is left depends on who asks.
                "cacheScope" => member(value, "\"private\""),
                _ => member(value, value.raw()),
            });
        if let Some(allowed) = self.passes(with_the_rest.collect()).await {
            return Some(allowed);
        }
        for kept in [kept.as_slice(), &[]] {
            let mut members = vec![list(name, kept)];
            if self.judging.modern {
                let complete = r#""resultType":"complete","ttlMs":0,"cacheScope":"private""#;
                members.push(complete.to_owned());
            }
            if let Some(allowed) = self.passes(members).await {
                return Some(allowed);
            }
        }
        None
    }

    /// Judges a message with these members in its result; what goes on of it.
    async fn passes(&self, members: Vec<String>) -> Option<Allowed> {
        let id = self.judging.message.root().get("id").map(Value::raw);
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{{{}}}}}"#,
            id.unwrap_or("null"),
            members.join(",")
        );
        let max = text.len();
        let judging = Judging {
            message: Parsed::read(Arc::new(text), max).ok()?,
            ..self.judging.clone()
        };
        let allowed = judge_whole(self.stage, &judging).await.ok()?;
        Some(Allowed {
            changed: Some(match allowed.changed {
                Some(changed) => changed,
                None => judging.message.text().as_bytes().to_vec().into(),
            }),
        })
    }
}

/// A member as it stands, with another value.
fn member(old: Value<'_>, new: &str) -> String {
    let key = old.raw_key().map_or("", |key| key.raw);
    format!("\"{key}\":{new}")
}

fn list(name: &str, entries: &[&str]) -> String {
    format!("\"{name}\":[{}]", entries.join(","))
}
