//! What tools in a chat are judged by: the same for traffic and for `try`.

use std::sync::Arc;

use parapet_guardrails::exchange::{Call, McpCall};
use parapet_policy::facts::{Facts, Target};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Outcome, Strategy};
use parapet_policy::overrides::{Overrides, Scope};
use parapet_policy::plan::{AtMost, Plan, Planned as Entry};
use parapet_policy::rule::Unscannable;

use super::named::{Attributed, attributed};
use crate::handler::error::Failure;
use crate::llm::tool_parts::{Named, Side, ToolPart};
use crate::mcp::method::is_tool_name;
use crate::pipeline::block::Blocked;
use crate::policy::ready::Snapshot;

/// What tools in a chat are judged by, beside what is known of the request anyway.
pub(crate) struct ToolHooks {
    /// The namespace of the model's provider: it is that of a tool whose server is not known.
    namespace: Arc<str>,
    /// What the request's header says of guardrails.
    overrides: Option<Overrides>,
    pre: AtMost,
    post: AtMost,
}

impl ToolHooks {
    /// None where nothing could run: the settings do not ask for it, or neither a rule nor the header has a guardrail there.
    pub(crate) fn of(
        snapshot: &Snapshot,
        namespace: &Arc<str>,
        overrides: Option<Overrides>,
    ) -> Option<Self> {
        if !snapshot.settings.mcp.guard_chat {
            return None;
        }
        let at_most = |hook| {
            let named = overrides
                .as_ref()
                .and_then(|named| named.selectors.get(hook).as_ref());
            let by_header = AtMost {
                strictest: named
                    .filter(|named| !named.is_empty())
                    .map(|_| Strategy::Enforce),
                changes: named.is_some_and(|named| !named.is_empty()),
                refuses: false,
            };
            snapshot.planner.at_most(hook).or(by_header)
        };
        let (pre, post) = (
            at_most(Hook::McpToolPreInvoke),
            at_most(Hook::McpToolPostInvoke),
        );
        (pre.any() || post.any()).then(|| Self {
            namespace: namespace.clone(),
            overrides,
            pre,
            post,
        })
    }

    pub(crate) const fn at_most(&self, side: Side) -> AtMost {
        match side {
            Side::Call => self.pre,
            Side::Result => self.post,
        }
    }

    /// What can happen to an answer: it has calls, and the results of tools that the provider has run.
    fn on_answers(&self) -> AtMost {
        self.pre.or(self.post)
    }

    /// Whether an answer may be changed on its way out.
    pub(crate) fn may_change_answers(&self) -> bool {
        self.on_answers().changes
    }

    /// Whether an answer that cannot be read must not go out.
    pub(super) fn must_see_answers(&self) -> bool {
        self.on_answers().blocks()
    }

    /// What runs for a tool that the model of this call uses.
    ///
    /// # Errors
    /// When the request's header names what it may not.
    pub(crate) fn of_tool(
        &self,
        snapshot: &Snapshot,
        call: &Call,
        named: &Named,
    ) -> Result<OfTool, Failure> {
        let attributed = attributed(&snapshot.mcp, named, &self.namespace);
        let facts = Facts {
            caller: call.caller.clone(),
            target: Target::Mcp {
                namespace: attributed.namespace.clone(),
                servers: attributed.servers.clone(),
                tool: attributed.tool.clone(),
                source_tool: attributed.source_tool.clone(),
                of_any_tool: attributed.tool.is_none(),
            },
            metadata: call.metadata.clone(),
        };
        let plan = snapshot
            .planner
            .plan(&facts, self.overrides.as_ref())
            .map_err(|error| Failure::Invalid(error.to_string()))?;
        Ok(OfTool {
            facts,
            plan,
            attributed,
        })
    }
}

/// The guardrails of one tool.
pub(crate) struct OfTool {
    /// What its rules are matched with.
    pub(crate) facts: Facts,
    plan: Plan,
    attributed: Attributed,
}

impl OfTool {
    /// Those that run on a call or result.
    pub(crate) fn entries(&self, part: &ToolPart<'_>) -> Vec<Entry> {
        let sees = |entry: &&Entry| part.current_turn || entry.scope == Scope::All;
        let all = self.plan.hooks.get(hook_of(part.side)).iter();
        all.filter(sees).cloned().collect()
    }

    /// Whether content that no guardrail can judge is refused.
    pub(crate) fn refuses_unjudged(&self) -> bool {
        self.plan.unscannable == Unscannable::Block
    }

    /// The call as guardrails know it: that of the tool, in a conversation with the model.
    pub(crate) fn call(&self, of_model: &Call, part: &ToolPart<'_>) -> Call {
        let of = &self.attributed;
        Call {
            hook: hook_of(part.side),
            mcp: Some(McpCall {
                servers: of.servers.clone(),
                tool: of.tool.clone(),
                source_tool: of.source_tool.clone(),
                arguments: match part.side {
                    Side::Call => Some(part.arguments().into()),
                    Side::Result => None,
                },
                hints: of.hints,
            }),
            ..of_model.clone()
        }
    }

    /// The block, which says which tool it is about: a place in the body is no help to who reads it.
    pub(crate) fn named_in(&self, mut blocked: Blocked) -> Blocked {
        let tool = self.attributed.tool.as_deref();
        let Some(tool) = tool.filter(|tool| is_tool_name(tool)) else {
            return blocked;
        };
        for blocker in &mut blocked.by {
            if let Outcome::Violation { explanation } = &mut blocker.outcome {
                *explanation = format!("{explanation} (tool {tool})").into();
            }
        }
        blocked
    }
}

/// The hook that calls or results pass.
pub(crate) const fn hook_of(side: Side) -> Hook {
    match side {
        Side::Call => Hook::McpToolPreInvoke,
        Side::Result => Hook::McpToolPostInvoke,
    }
}
