//! The two hooks of tools on chat requests, where the settings ask for them: `mcp_tool_post_invoke` on the results in a request,
//! `mcp_tool_pre_invoke` on the calls in an answer, and `mcp_tool_post_invoke` on what tools that the provider has run said
//! there.
//!
//! Each call and each result is judged by itself, under the rules for its tool. Nothing of this happens where no rule and
//! no header has a guardrail at the hook.

mod gate;
mod hooks;
mod named;
mod payload;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use parapet_guardrails::client::HttpClient;
use parapet_policy::hook::Hook;

use super::error::Failure;
use super::plan::Planned;
use super::told::note_answer;
use crate::llm::tool_parts::{Named, Names, Side, ToolPart, ToolParts};
use crate::llm::{Limits, Request, Response, Texts};
use crate::pipeline::stage::Stage;
use crate::pipeline::{hook, unjudged};

pub(super) use gate::Gate;
pub(crate) use hooks::{OfTool, ToolHooks, hook_of};
pub(crate) use payload::PartPayload;

/// So many calls or results are judged at once: a service is not asked about a whole history in one burst.
const AT_ONCE: usize = 8;

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
        let Some(hooks) = self
            .tools
            .as_ref()
            .filter(|hooks| hooks.at_most(Side::Result).any())
        else {
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
                let of = hooks.of_tool(&self.snapshot, self.call(), &part.named)?;
                plans.insert(part.named.clone(), of);
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
        let plan = of.entries(part);
        let refuses_unjudged = of.refuses_unjudged();
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
            return Err(Failure::Blocked(of.named_in(blocked)));
        }
        let stage = Stage {
            hook,
            plan: &plan,
            guardrails: &self.snapshot.guardrails,
            call: Arc::new(of.call(self.call(), part)),
            client: client.clone(),
            recording: &self.recording,
        };
        let mut payload = PartPayload { part, texts };
        let judged = async { hook::run(&stage, &mut payload).await?.finish().await };
        match judged.await {
            Ok(()) => Ok(Some(payload.texts)),
            Err(blocked) => Err(Failure::Blocked(of.named_in(blocked))),
        }
    }
}

fn unreadable() -> Failure {
    Failure::Upstream(
        "a call of a tool in the model's answer cannot be read, and a guardrail has to see it"
            .to_owned(),
    )
}
