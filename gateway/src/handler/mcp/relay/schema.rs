//! The definition that a result is judged with, where this gateway has not seen its tool in a list.

use std::time::{Duration, Instant};

use parapet_policy::hook::Hook;

use super::Relay;
use crate::mcp::envelope::Message;
use crate::mcp::guard::Planned;
use crate::mcp::surfaces::Parsed;
use crate::mcp::surfaces::twins::tool_result;

/// A server that does not list a tool is not asked for it again before so long.
const AGAIN: Duration = Duration::from_secs(30);

impl Relay {
    /// The definition of the tool that was called. Where it is not known and a redaction might break what clients hold the
    /// result to, the server is asked, as the client would ask it: by one call at a time, whoever else waits for it.
    pub(super) async fn definition(&self, planned: &Planned, message: &Message) -> Option<Parsed> {
        let tool = self.asked.tool.as_deref()?;
        let server = &self.exchange.server;
        let known = server.definition(tool);
        let is_judged = !planned.plan.hooks.get(Hook::McpToolPostInvoke).is_empty();
        if known.is_some() || !is_judged || !is_held(message) {
            return known;
        }
        let mut last = server.definitions.asked.lock().await;
        if let Some(known) = server.definition(tool) {
            return Some(known);
        }
        if last.is_some_and(|last| last.elapsed() < AGAIN) {
            return None;
        }
        let session = self.back.as_ref().and_then(|back| back.session.as_deref());
        match self.exchange.list_tools(session, &self.recording).await {
            Ok(pages) => pages.iter().for_each(|page| server.definitions.learn(page)),
            Err(error) => {
                let (server, reason) = (&*server.name, &*error.message);
                tracing::warn!(
                    server,
                    reason,
                    "the schemas of an MCP server's tools are not known"
                );
            }
        }
        *last = Some(Instant::now());
        server.definition(tool)
    }
}

/// Whether clients compare a result with a schema: one with structured content that did not fail.
pub(super) fn is_held(message: &Message) -> bool {
    tool_result(message.parsed()).is_some_and(|result| {
        result.get("structuredContent").is_some()
            && result.get("isError").and_then(|failed| failed.as_bool()) != Some(true)
    })
}
