//! Which tool a task came of: what a call has begun ends in the answer to another message, which names no tool.
//!
//! A task's id is the server's own, and clients compare it, so nothing can be sealed into it. What is known is kept in memory
//! of one gateway; it is little, and of what is not known here any tool's guardrails judge the answer.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::quality::RandomState;
use parapet_policy::facts::Subject;

/// So many tasks are remembered at least; twice as many at most.
const REMEMBERED: usize = 16_384;

/// Tasks and their tools.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    hasher: RandomState,
    kept: Mutex<Kept>,
}

/// By a keyed hash of server, caller and id. What is older than [`REMEMBERED`] others goes.
#[derive(Debug, Default)]
struct Kept {
    newer: HashMap<u64, Arc<str>, RandomState>,
    older: HashMap<u64, Arc<str>, RandomState>,
}

impl Tasks {
    /// A call of a tool has begun a task.
    pub(crate) fn begun(&self, server: &str, caller: &Subject, task: &str, tool: &str) {
        let key = self.hasher.hash_one((server, caller, task));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.newer.len() >= REMEMBERED {
            kept.older = std::mem::take(&mut kept.newer);
        }
        kept.newer.insert(key, tool.into());
    }

    /// The tool of a task.
    pub(crate) fn tool(&self, server: &str, caller: &Subject, task: &str) -> Option<Arc<str>> {
        let key = self.hasher.hash_one((server, caller, task));
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.newer
            .get(&key)
            .or_else(|| kept.older.get(&key))
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_the_callers_and_the_servers_and_the_table_is_bounded() {
        let (ada, bob) = (Subject::User("ada".into()), Subject::User("bob".into()));
        let tasks = Tasks::default();
        tasks.begun("s", &ada, "1", "echo");
        assert_eq!(tasks.tool("s", &ada, "1").as_deref(), Some("echo"));
        assert_eq!(tasks.tool("s", &bob, "1"), None);
        assert_eq!(tasks.tool("t", &ada, "1"), None);
        for number in 0..REMEMBERED {
            tasks.begun("s", &bob, &number.to_string(), "echo");
        }
        assert!(tasks.tool("s", &ada, "1").is_some(), "so many are kept");
        for number in 0..REMEMBERED {
            tasks.begun("s", &bob, &number.to_string(), "echo");
        }
        assert_eq!(tasks.tool("s", &ada, "1"), None);
        let kept = tasks.kept.lock().unwrap();
        assert!(kept.newer.len() + kept.older.len() <= 2 * REMEMBERED);
    }
}
