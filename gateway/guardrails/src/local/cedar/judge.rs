//! Asking Cedar, and saying what it answered.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use cedar_policy::{
    AuthorizationError, Authorizer, Context, Decision, Effect, PolicyId, Request, Response,
    RestrictedExpression,
};
use parapet_policy::hook::Hook;

use super::facts::{Given, Resource, named};
use super::known::{Known, Memory, Rule};
use super::schema::Shape;
use super::selections::Selected;
use super::values::{self, Members, Read};
use crate::exchange::{Call, McpCall, ToolHints};
use crate::guardrail::{ContextGuardrail, ContextViolation};

/// A `forbid` applies. The policy's id follows: `forbidden:no-deletes`.
const FORBIDDEN: &str = "forbidden";
/// No `permit` applies.
const NOT_PERMITTED: &str = "not_permitted";
/// A policy could not be evaluated. The policy's id follows.
const NOT_EVALUATED: &str = "not_evaluated";

/// An explanation names at most so many policies of a sort; the categories name all.
const NAMED: usize = 8;

/// Compiled policies.
pub(super) struct Judge {
    pub(super) rules: Vec<Rule>,
    /// What they read of arguments, with types.
    pub(super) arguments: Shape,
    pub(super) authorizer: Authorizer,
    pub(super) memory: Memory,
}

impl ContextGuardrail for Judge {
    fn judge(&self, call: &Call) -> Result<(), ContextViolation> {
        match (call.hook, &call.mcp) {
            (Hook::LlmInput, _) => {
                let resource = Resource {
                    names: &call.models,
                    tool: None,
                    source_tool: None,
                    hints: ToolHints::default(),
                };
                self.ask(call, resource, None)
            }
            (Hook::McpToolPreInvoke, Some(mcp)) => match &mcp.tool {
                Some(tool) => self.judge_tool(call, mcp, tool),
                // A message that calls no tool.
                None => Ok(()),
            },
            (Hook::McpToolPreInvoke, None) | (Hook::LlmOutput | Hook::McpToolPostInvoke, _) => {
                Ok(())
            }
        }
    }

    fn limits_tools(&self) -> bool {
        true
    }

    fn never_allows(&self, call: &Call) -> bool {
        match (call.hook, &call.mcp) {
            (Hook::McpToolPreInvoke, Some(mcp)) => {
                let tool = mcp.tool.as_ref();
                tool.is_some_and(|tool| self.never_allows_tool(call, mcp, tool))
            }
            (Hook::McpToolPreInvoke, None)
            | (Hook::LlmInput | Hook::LlmOutput | Hook::McpToolPostInvoke, _) => false,
        }
    }
}

pub(super) type Part = (String, RestrictedExpression);

impl Judge {
    fn judge_tool(
        &self,
        call: &Call,
        mcp: &McpCall,
        tool: &Arc<str>,
    ) -> Result<(), ContextViolation> {
        let read = values::read(mcp.arguments.as_deref(), &self.arguments).map_err(|_| {
            let explanation = "the arguments cannot be read".to_owned();
            violation(explanation, vec![NOT_EVALUATED.into()])
        })?;
        self.ask(call, resource(mcp, tool), Some(read))
    }

    /// What the policies say. `read`: the arguments of a tool call.
    fn ask(
        &self,
        call: &Call,
        resource: Resource<'_>,
        read: Option<Read>,
    ) -> Result<(), ContextViolation> {
        let known = self
            .memory
            .get(call, resource, &self.rules)
            .map_err(|_| unreadable())?;
        let (members, unfit) = match read {
            Some(read) => (Some(read.members), read.unfit),
            None => (None, Vec::new()),
        };
        self.fits(&known, &unfit)?;
        let given = Given {
            arguments: members.as_ref(),
            metadata: &call.metadata,
        };
        let selected = self
            .memory
            .narrowed(&known, given, &self.rules)
            .map_err(|_| unreadable())?;
        self.decide(call, resource, members, &known, &selected)
    }

    /// What these policies say.
    pub(super) fn decide(
        &self,
        call: &Call,
        resource: Resource<'_>,
        members: Option<Members>,
        known: &Known,
        selected: &Selected,
    ) -> Result<(), ContextViolation> {
        let metadata = metadata(call, selected)?;
        let context = match members {
            Some(members) => tool_context(resource, arguments(members, selected)?, metadata)?,
            None => vec![("model".to_owned(), text(resource.asked())), metadata],
        };
        let context = Context::from_pairs(context).map_err(|_| unreadable())?;
        let request = Request::new(
            known.principal.clone(),
            known.action.clone(),
            known.resource.clone(),
            context,
            None,
        )
        .map_err(|_| unreadable())?;
        let answer = self
            .authorizer
            .is_authorized(&request, &selected.policies, &known.entities);
        let errors = not_evaluated(&answer);
        match answer.decision() {
            // An error in a `permit` only takes something away; a `forbid` might have applied.
            Decision::Allow if !any_forbids(selected, &errors) => Ok(()),
            Decision::Allow => Err(told(
                "could not be evaluated: policy",
                NOT_EVALUATED,
                errors,
            )),
            Decision::Deny => {
                let by: Vec<&PolicyId> = answer.diagnostics().reason().collect();
                if !by.is_empty() {
                    return Err(told("forbidden by policy", FORBIDDEN, by));
                }
                if !errors.is_empty() {
                    let says = "no policy permits it; could not be evaluated: policy";
                    let mut refusal = told(says, NOT_EVALUATED, errors);
                    refusal.categories.insert(0, NOT_PERMITTED.into());
                    return Err(refusal);
                }
                let explanation = "no policy permits it".to_owned();
                Err(violation(explanation, vec![NOT_PERMITTED.into()]))
            }
        }
    }

    /// Refuses arguments that are not what the policies that can apply take them for: what those policies
    /// would say is unknown.
    pub(super) fn fits(
        &self,
        known: &Known,
        unfit: &[Vec<String>],
    ) -> Result<(), ContextViolation> {
        for path in unfit {
            let readers: Vec<&PolicyId> = known
                .places
                .iter()
                .filter_map(|place| self.rules.get(*place))
                .filter(|rule| rule.reads.arguments.contain(path))
                .map(|rule| rule.policy.id())
                .collect();
            if !readers.is_empty() {
                let says = format!(
                    "the argument {:?} is not of the type that policies read it as: policy",
                    path.join(".")
                );
                return Err(told(&says, NOT_EVALUATED, readers));
            }
        }
        Ok(())
    }
}

fn any_forbids(selected: &Selected, ids: &[&PolicyId]) -> bool {
    let forbids = |id: &PolicyId| {
        let policy = selected.policies.policy(id);
        policy.is_none_or(|policy| policy.effect() == Effect::Forbid)
    };
    ids.iter().any(|id| forbids(id))
}

/// The policies that could not be evaluated.
pub(super) fn not_evaluated(answer: &Response) -> Vec<&PolicyId> {
    let errors = answer.diagnostics().errors();
    errors
        .map(|error| {
            let AuthorizationError::PolicyEvaluationError(error) = error;
            error.policy_id()
        })
        .collect()
}

/// What a tool call is about.
pub(super) fn resource<'a>(mcp: &'a McpCall, tool: &'a Arc<str>) -> Resource<'a> {
    Resource {
        names: &mcp.servers,
        tool: Some(tool),
        source_tool: mcp.source_tool.as_ref(),
        hints: mcp.hints,
    }
}

/// The context of a tool call with these arguments.
pub(super) fn tool_context(
    resource: Resource<'_>,
    arguments: RestrictedExpression,
    metadata: Part,
) -> Result<Vec<Part>, ContextViolation> {
    let tool = resource.source_tool.or(resource.tool);
    let hints = named(resource.hints)
        .into_iter()
        .filter_map(|(name, hint)| Some((name.to_owned(), RestrictedExpression::new_bool(hint?))));
    Ok(vec![
        ("server".to_owned(), text(resource.server())),
        ("tool".to_owned(), text(tool.map_or("", |tool| tool))),
        ("arguments".to_owned(), arguments),
        metadata,
        ("hints".to_owned(), record(hints)?),
    ])
}

/// Those arguments that the policies read.
fn arguments(
    members: Members,
    selected: &Selected,
) -> Result<RestrictedExpression, ContextViolation> {
    let read = &selected.reads.arguments.0;
    let members = members
        .into_iter()
        .filter(|(name, _)| read.contains_key(name));
    let members = members.map(|(name, value)| Some((name, value.expression()?)));
    let members: Option<Vec<Part>> = members.collect();
    record(members.ok_or_else(unreadable)?)
}

/// That metadata which the policies read.
fn metadata(call: &Call, selected: &Selected) -> Result<Part, ContextViolation> {
    let members = selected.reads.metadata.0.keys().filter_map(|name| {
        let value = call.metadata.get(name)?;
        Some((name.clone(), text(value)))
    });
    Ok(("metadata".to_owned(), record(members)?))
}

pub(super) fn record(
    members: impl IntoIterator<Item = Part>,
) -> Result<RestrictedExpression, ContextViolation> {
    RestrictedExpression::new_record(members).map_err(|_| unreadable())
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn unreadable() -> ContextViolation {
    let explanation = "the policies cannot be evaluated for this call".to_owned();
    violation(explanation, vec![NOT_EVALUATED.into()])
}

fn violation(explanation: String, categories: Vec<Cow<'static, str>>) -> ContextViolation {
    ContextViolation {
        explanation,
        categories,
    }
}

/// A refusal that names policies, sorted.
fn told(says: &str, category: &str, mut policies: Vec<&PolicyId>) -> ContextViolation {
    policies.sort();
    policies.dedup();
    let mut explanation = says.to_owned();
    for (place, id) in policies.iter().take(NAMED).enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let id: &str = id.as_ref();
        let _ = write!(explanation, "{comma} {id:?}");
    }
    if policies.len() > NAMED {
        let _ = write!(explanation, " and {} more", policies.len() - NAMED);
    }
    let categories = policies.iter().map(|id| format!("{category}:{id}").into());
    violation(explanation, categories.collect())
}
