//! Lists show a caller the tools that they may call.
//!
//! What is hidden here is refused when it is called all the same; what is shown may still be refused then. So nothing rests
//! on a list, and a tool is hidden only where every call of it by this caller would be refused: whatever its arguments are,
//! whatever metadata it has, and whatever a header says about guardrails.

use parapet_guardrails::exchange::{Call, McpCall};
use parapet_guardrails::guardrail::Guardrail;
use parapet_policy::facts::{Facts, Target};
use parapet_policy::hook::{Hook, PerHook};
use parapet_policy::outcome::{Outcome, decide};
use parapet_policy::overrides::Overrides;

use super::exchange::Exchange;
use crate::mcp::backend::Backend;
use crate::mcp::caching;
use crate::mcp::envelope::Message;
use crate::mcp::error::RpcError;
use crate::mcp::tools;
use crate::policy::guardrail::ReadyGuardrail;
use crate::telemetry::metrics::Hidden;

impl Exchange {
    /// A list of tools without those that policies never let this caller call. That of a virtual server has been put together
    /// without them.
    ///
    /// # Errors
    /// When the list cannot be read without what is left out.
    pub(super) fn hold_to_policy(&self, message: Message) -> Result<Message, RpcError> {
        let is_own_list = match &self.server.backend {
            Some(Backend::Virtual(_)) => false,
            Some(Backend::Http(_) | Backend::OpenApi(_)) | None => true,
        };
        if !is_own_list || !self.snapshot.lists.limits_tools {
            return Ok(message);
        }
        let result = message.root().get("result");
        let Some(listed) = result.and_then(|result| result.get("tools")) else {
            return Ok(message);
        };
        let hidden = |tool: &str| self.never_allows(tool);
        let hidden: Vec<usize> = listed
            .items()
            .enumerate()
            .filter(|(_, tool)| tool.get_str("name").is_some_and(|name| hidden(&name)))
            .map(|(place, _)| place)
            .collect();
        if hidden.is_empty() {
            return Ok(message);
        }
        self.lists
            .hidden(&self.server.name, Hidden::Policy, hidden.len());
        let left = tools::without(&message, &hidden);
        let left = left.and_then(|text| Message::parse(text).ok());
        left.ok_or_else(|| RpcError::upstream("a changed list of tools cannot be read"))
    }

    /// Whether guardrails that block would refuse every call of a tool, which is given as the server calls it.
    pub(super) fn never_allows(&self, tool: &str) -> bool {
        if !self.snapshot.lists.limits_tools {
            return false;
        }
        let named = self.named(Some(tool));
        // Of metadata only what no header can change; rules ask for metadata and never for its absence.
        let facts = Facts {
            caller: self.caller().clone(),
            target: Target::Mcp {
                namespace: self.server.namespace.clone(),
                servers: named.servers.clone(),
                tool: named.tool.clone(),
                source_tool: named.source_tool.clone(),
                of_any_tool: false,
            },
            metadata: self.identity().fixed_metadata.clone(),
        };
        let Ok(plan) = self.snapshot.planner.plan(&facts, Some(&least())) else {
            return false;
        };
        let call = Call {
            hook: Hook::McpToolPreInvoke,
            caller: facts.caller,
            metadata: facts.metadata,
            models: [].into(),
            mcp: Some(McpCall {
                servers: named.servers,
                hints: self.hints(Some(tool)),
                tool: named.tool,
                source_tool: named.source_tool,
                arguments: None,
            }),
            request_id: "".into(),
        };
        let refused = Outcome::Violation {
            explanation: "".into(),
        };
        plan.hooks
            .get(Hook::McpToolPreInvoke)
            .iter()
            .filter(|planned| decide(planned.strategy, &refused).blocks())
            .any(|planned| {
                let ready = self.snapshot.guardrails.get(planned.guardrail as usize);
                match ready.and_then(ReadyGuardrail::guardrail) {
                    Some(Guardrail::Context(guardrail)) => guardrail.never_allows(&call),
                    // What does not build blocks calls as well, but nobody has said that they may not be made.
                    Some(Guardrail::Text(_) | Guardrail::Service(_)) | None => false,
                }
            })
    }

    /// An answer that clients may share only where everybody would get the same. `is_judged`: guardrails have judged it.
    pub(super) fn for_caller(&self, message: Message, is_judged: bool) -> Message {
        let server = self.asked_for();
        let differs = is_judged || self.snapshot.lists.differ || server.collaborators.is_some();
        if !differs {
            return message;
        }
        let private = caching::private(&message);
        private
            .and_then(|text| Message::parse(text).ok())
            .unwrap_or(message)
    }
}

/// A header that takes away all that this caller may take away: what is planned with it runs in any case.
fn least() -> Overrides {
    let mut selectors = PerHook::default();
    *selectors.get_mut(Hook::McpToolPreInvoke) = Some(Vec::new());
    Overrides {
        selectors,
        ..Overrides::default()
    }
}
