//! Messages about tasks, and the tools whose calls began them.

use super::asked::Asked;
use super::exchange::Exchange;
use crate::mcp::envelope::Message;

impl Exchange {
    /// Finds the tool that a message about a task belongs to. Of one that is not known here, what any tool's rules say
    /// holds.
    pub(super) fn attribute(&self, asked: &mut Asked, message: &Message) {
        let task = message.param("taskId").and_then(|task| task.as_str());
        let known = task.and_then(|task| {
            let caller = &self.identity.caller.subject;
            self.tasks.tool(&self.server.name, caller, &task)
        });
        match known {
            Some(tool) => asked.tool = Some(tool.to_string()),
            None => asked.of_any_tool = asked.tool.is_none(),
        }
    }

    /// Remembers the task that a call has begun, in either era.
    pub(super) fn note_task(&self, asked: &Asked, answer: &Message) {
        let (Some(tool), "tools/call") = (&asked.tool, &*asked.method) else {
            return;
        };
        let result = answer.root().get("result");
        let begun = result.and_then(|result| {
            let id = result.get("taskId");
            id.or_else(|| result.get("task")?.get("taskId"))?.as_str()
        });
        if let Some(task) = begun {
            let caller = &self.identity.caller.subject;
            self.tasks.begun(&self.server.name, caller, &task, tool);
        }
    }
}
