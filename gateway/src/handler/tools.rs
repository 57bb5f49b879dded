//! The two hooks of tools on chat requests, where the settings ask for them: `mcp_tool_post_invoke` on the results in a request,
//! `mcp_tool_pre_invoke` on the calls in an answer, and `mcp_tool_post_invoke` on what tools that the provider has run said
//! there.
//!
//! Each call and each result is judged by itself, under the rules for its tool. Nothing of this happens where no rule and
//! no header has a guardrail at the hook.

mod gate;
mod named;
mod payload;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parapet_guardrails::client::HttpClient;
use parapet_guardrails::exchange::{Call, McpCall};
use parapet_policy::facts::{Facts, Target};
use parapet_policy::hook::Hook;
use parapet_policy::outcome::{Outcome, Strategy};
use parapet_policy::overrides::{Overrides, Scope};
use parapet_policy::plan::{AtMost, Plan, Planned as Entry};
use parapet_policy::rule::Unscannable;

use super::error::Failure;
use super::plan::Planned;
use super::told::note_answer;
use crate::llm::tool_parts::{Named, Names, Side, ToolPart, ToolParts};
use crate::llm::{Limits, Request, Response, Texts};
use crate::mcp::method::is_tool_name;
use crate::pipeline::block::Blocked;
use crate::pipeline::stage::Stage;
use crate::pipeline::{hook, unjudged};
use crate::policy::ready::Snapshot;

pub(super) use gate::Gate;
use named::{Attributed, attributed};
use payload::PartPayload;

/// So many calls or results are judged at once: a service is not asked about a whole history in one burst.
const AT_ONCE: usize = 8;

/// What tools in a chat are judged by, beside what is known of the request anyway.
pub(super) struct ToolHooks {
    /// The namespace of the model's provider: it is that of a tool whose server is not known.
    namespace: Arc<str>,
    /// What the request's header says of guardrails.
    overrides: Option<Overrides>,
    pre: AtMost,
    post: AtMost,
}

impl ToolHooks {
    /// None where nothing could run: the settings do not ask for it, or neither a rule nor the header has a guardrail there.
    pub(super) fn of(
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

    const fn at_most(&self, side: Side) -> AtMost {
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
    pub(super) fn may_change_answers(&self) -> bool {
        self.on_answers().changes
    }

    /// Whether an answer that cannot be read must not go out.
    fn must_see_answers(&self) -> bool {
        self.on_answers().blocks()
    }
}

/// The guardrails of one tool.
struct OfTool {
    plan: Plan,
    attributed: Attributed,
}

/// The plans of a body's tools: a conversation calls the same ones again and again.
type Plans = HashMap<Named, OfTool, RandomState>;

impl Planned {
    /// The request with what guardrails leave of its results of tools.
    ///
    /// # Errors
    /// The guardrails that block it.
    pub(super) async fn guard_results(
        &self,
        client: &Arc<dyn HttpClient>,
        request: Request,
        limits: &Limits,
    ) -> Result<Request, Failure> {
        let Some(hooks) = self.tools.as_ref().filter(|hooks| hooks.post.any()) else {
            return Ok(request);
        };
        let results = request.tool_results();
        let changed = self.guard_parts(hooks, client, &results, limits).await?;
        drop(results);
        match changed {
            None => Ok(request),
            Some(body) => Ok(Request::parse(request.dialect(), Arc::new(body), limits)?),
        }
    }

    /// A whole answer with what guardrails leave of its calls of tools.
    ///
    /// # Errors
    /// The guardrails that block it; when it cannot be read and one that can block has to see it.
    pub(super) async fn guard_answer(
        &self,
        client: &Arc<dyn HttpClient>,
        request: &Request,
        answer: Bytes,
        limits: &Limits,
    ) -> Result<Bytes, Failure> {
        let Some(hooks) = &self.tools else {
            return Ok(answer);
        };
        let text = String::from_utf8(answer.to_vec()).ok().map(Arc::new);
        let response = text.and_then(|text| Response::parse(request.dialect(), text).ok());
        let Some(response) = response else {
            return match hooks.must_see_answers() {
                true => Err(unreadable()),
                false => Ok(answer),
            };
        };
        if !self.sees(Hook::LlmOutput) {
            // Otherwise whoever has judged its text has noted it.
            note_answer(&self.recording, &response);
        }
        let parts = response.tool_parts(Some(request), &mut Names::default());
        let changed = self.guard_parts(hooks, client, &parts, limits).await?;
        Ok(changed.map_or(answer, Bytes::from))
    }

    /// Judges calls and results. Gives the body with what is left of them, when that is not all.
    async fn guard_parts(
        &self,
        hooks: &ToolHooks,
        client: &Arc<dyn HttpClient>,
        parts: &ToolParts<'_>,
        limits: &Limits,
    ) -> Result<Option<String>, Failure> {
        let mut plans = Plans::default();
        for part in &parts.list {
            if hooks.at_most(part.side).any() && !plans.contains_key(&part.named) {
                plans.insert(part.named.clone(), self.of_tool(hooks, &part.named)?);
            }
        }
        let judged = parts
            .list
            .iter()
            .filter_map(|part| Some((part, plans.get(&part.named)?)));
        let judged = judged.map(|(part, of)| self.guard_part(client, parts, part, of, limits));
        let texts: Vec<Option<Texts>> =
            stream::iter(judged).buffered(AT_ONCE).try_collect().await?;
        Ok(parts.with_edits(&texts.into_iter().flatten().collect::<Vec<_>>()))
    }

    /// What runs for a tool.
    fn of_tool(&self, hooks: &ToolHooks, named: &Named) -> Result<OfTool, Failure> {
        let attributed = attributed(&self.snapshot.mcp, named, &hooks.namespace);
        let call = self.call();
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
        let plan = self
            .snapshot
            .planner
            .plan(&facts, hooks.overrides.as_ref())
            .map_err(|error| Failure::Invalid(error.to_string()))?;
        Ok(OfTool { plan, attributed })
    }

    /// Judges one call or result. Gives its texts, when guardrails have looked at them.
    async fn guard_part(
        &self,
        client: &Arc<dyn HttpClient>,
        parts: &ToolParts<'_>,
        part: &ToolPart<'_>,
        of: &OfTool,
        limits: &Limits,
    ) -> Result<Option<Texts>, Failure> {
        let hook = hook_of(part.side);
        let sees = |entry: &&Entry| part.current_turn || entry.scope == Scope::All;
        let plan: Vec<Entry> = of
            .plan
            .hooks
            .get(hook)
            .iter()
            .filter(sees)
            .cloned()
            .collect();
        let refuses_unjudged = of.plan.unscannable == Unscannable::Block;
        if plan.is_empty() && !refuses_unjudged {
            return Ok(None);
        }
        let must_see = self.tools.as_ref().is_some_and(ToolHooks::must_see_answers);
        let texts = match parts.texts(part, limits) {
            Ok(texts) => texts,
            Err(error) if parts.in_request => return Err(error.into()),
            Err(_) if must_see => return Err(unreadable()),
            Err(_) => return Ok(None),
        };
        let seen_at = match parts.in_request {
            true => Hook::LlmInput,
            false => Hook::LlmOutput,
        };
        if !self.sees(seen_at) {
            // Otherwise it is counted with all the other text there.
            unjudged::note(&self.recording, texts.unjudged());
        }
        if refuses_unjudged && !texts.unjudged().is_empty() {
            let blocked = unjudged::blocked(hook, texts.unjudged());
            return Err(Failure::Blocked(of_tool(blocked, &of.attributed)));
        }
        let stage = Stage {
            hook,
            plan: &plan,
            guardrails: &self.snapshot.guardrails,
            call: Arc::new(self.call_of(hook, part, &of.attributed)),
            client: client.clone(),
            recording: &self.recording,
        };
        let mut payload = PartPayload { part, texts };
        let judged = async { hook::run(&stage, &mut payload).await?.finish().await };
        match judged.await {
            Ok(()) => Ok(Some(payload.texts)),
            Err(blocked) => Err(Failure::Blocked(of_tool(blocked, &of.attributed))),
        }
    }

    /// The call as guardrails know it: that of the tool, in a conversation with the model.
    fn call_of(&self, hook: Hook, part: &ToolPart<'_>, of: &Attributed) -> Call {
        Call {
            hook,
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
            ..self.call().clone()
        }
    }
}

const fn hook_of(side: Side) -> Hook {
    match side {
        Side::Call => Hook::McpToolPreInvoke,
        Side::Result => Hook::McpToolPostInvoke,
    }
}

/// The block, which says which tool it is about: a place in the body is no help to who reads it.
fn of_tool(mut blocked: Blocked, of: &Attributed) -> Blocked {
    let Some(tool) = of.tool.as_deref().filter(|tool| is_tool_name(tool)) else {
        return blocked;
    };
    for blocker in &mut blocked.by {
        if let Outcome::Violation { explanation } = &mut blocker.outcome {
            *explanation = format!("{explanation} (tool {tool})").into();
        }
    }
    blocked
}

fn unreadable() -> Failure {
    Failure::Upstream(
        "a call of a tool in the model's answer cannot be read, and a guardrail has to see it"
            .to_owned(),
    )
}
