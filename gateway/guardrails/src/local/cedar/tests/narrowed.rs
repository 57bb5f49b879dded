//! Leaving policies out changes nothing: the same decision, by the same policies, with the same errors.

use cedar_policy::{
    ActionConstraint, Authorizer, Context, Policy, PolicySet, PrincipalConstraint, Request,
    ResourceConstraint,
};
use serde_json::{Value, json};

use super::super::build;
use super::super::facts::{CallFacts, Given, Resource};
use super::super::judge::{Judge, not_evaluated, record, resource, tool_context};
use super::super::known::{Known, Rule};
use super::super::reads::Reads;
use super::super::selections::Selected;
use super::super::{Cedar, values};
use super::listed::Numbers;
use super::random::{call_of, policies};
use super::*;
use crate::guardrail::ContextGuardrail as _;

/// A call as the judge sees it.
struct Asked<'a> {
    judge: &'a Judge,
    call: &'a Call,
    resource: Resource<'a>,
    known: Arc<Known>,
    read: Option<values::Read>,
}

impl<'a> Asked<'a> {
    fn of(judge: &'a Judge, call: &'a Call) -> Self {
        let (resource, read) = match &call.mcp {
            Some(mcp) => {
                let read = values::read(mcp.arguments.as_deref(), &judge.arguments);
                (
                    resource(mcp, mcp.tool.as_ref().unwrap()),
                    Some(read.unwrap()),
                )
            }
            None => {
                let resource = Resource {
                    names: &call.models,
                    tool: None,
                    source_tool: None,
                    hints: ToolHints::default(),
                };
                (resource, None)
            }
        };
        let known = judge.memory.get(call, resource, &judge.rules).unwrap();
        Self {
            judge,
            call,
            resource,
            known,
            read,
        }
    }

    fn members(&self) -> Option<values::Members> {
        self.read.as_ref().map(|read| read.members.clone())
    }

    /// What all policies say, none left out.
    fn by_all(&self) -> Result<(), ContextViolation> {
        if let Some(read) = &self.read {
            self.judge.fits(&self.known, &read.unfit)?;
        }
        let mut reads = Reads::default();
        for rule in &self.judge.rules {
            reads.merge(&rule.reads);
        }
        let all = self.judge.rules.iter().map(|rule| rule.policy.clone());
        let all = Selected {
            policies: PolicySet::from_policies(all).unwrap(),
            reads,
        };
        let (call, known) = (self.call, &self.known);
        self.judge
            .decide(call, self.resource, self.members(), known, &all)
    }

    /// Whether Cedar finds a policy to apply; none if it cannot be evaluated.
    fn by_cedar(&self, policy: &Policy) -> Option<bool> {
        let metadata = self.call.metadata.iter().map(|(name, value)| {
            let value = cedar_policy::RestrictedExpression::new_string(value.clone());
            (name.clone(), value)
        });
        let metadata = ("metadata".to_owned(), record(metadata).unwrap());
        let context = match self.members() {
            Some(members) => {
                let members = members
                    .into_iter()
                    .map(|(name, value)| (name, value.expression().unwrap()));
                tool_context(self.resource, record(members).unwrap(), metadata).unwrap()
            }
            None => {
                let model = self.resource.asked().to_owned();
                let model = cedar_policy::RestrictedExpression::new_string(model);
                vec![("model".to_owned(), model), metadata]
            }
        };
        let known = &self.known;
        let request = Request::new(
            known.principal.clone(),
            known.action.clone(),
            known.resource.clone(),
            Context::from_pairs(context).unwrap(),
            None,
        );
        let policies = PolicySet::from_policies([policy.clone()]).unwrap();
        let answer = Authorizer::new().is_authorized(&request.unwrap(), &policies, &known.entities);
        let applies = answer.diagnostics().reason().next().is_some();
        not_evaluated(&answer).is_empty().then_some(applies)
    }

    /// Whether a policy's scope admits the call, from Cedar's own types.
    fn is_in_scope(&self, policy: &Policy) -> bool {
        let known = &self.known;
        let within = |uid, group: &_| uid == group || known.entities.is_ancestor_of(group, uid);
        let principal = match policy.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Eq(uid) => uid == known.principal,
            PrincipalConstraint::In(group) => within(&known.principal, &group),
            PrincipalConstraint::Is(kind) => *known.principal.type_name() == kind,
            PrincipalConstraint::IsIn(kind, group) => {
                *known.principal.type_name() == kind && within(&known.principal, &group)
            }
        };
        let action = match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => uid == known.action,
            ActionConstraint::In(uids) => uids.contains(&known.action),
        };
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Any => true,
            ResourceConstraint::Eq(uid) => uid == known.resource,
            ResourceConstraint::In(group) => within(&known.resource, &group),
            ResourceConstraint::Is(kind) => *known.resource.type_name() == kind,
            ResourceConstraint::IsIn(kind, group) => {
                *known.resource.type_name() == kind && within(&known.resource, &group)
            }
        };
        principal && action && resource
    }

    /// What is said of a rule without Cedar: its scope, and its conditions with and without what the call brings.
    fn without_cedar(&self, rule: &Rule) -> (Option<bool>, Option<bool>, Option<bool>) {
        let members = self.members();
        let mut facts = CallFacts {
            caller: &self.call.caller,
            resource: self.resource,
            given: None,
        };
        let early = rule.condition.holds(&facts);
        facts.given = Some(Given {
            arguments: members.as_ref(),
            metadata: &self.call.metadata,
        });
        (
            rule.scope.holds(&facts),
            early,
            rule.condition.holds(&facts),
        )
    }
}

#[test]
fn nothing_changes_where_policies_are_left_out() {
    let mut numbers = Numbers(11);
    let (mut built, mut refused, mut failed) = (0, 0, 0);
    let (mut answered, mut open, mut lists) = (0, 0, 0);
    while built < 40 {
        let policy = policies(&mut numbers);
        let Ok((judge, _)) = build::judge(&Cedar {
            policy: policy.clone(),
        }) else {
            continue;
        };
        built += 1;
        for _ in 0..30 {
            let call = call_of(&mut numbers);
            let asked = Asked::of(&judge, &call);
            let told = judge.judge(&call);
            assert_eq!(told, asked.by_all(), "{policy}{call:?}");
            if let Err(violation) = told {
                refused += 1;
                let mut categories = violation.categories.iter();
                failed += usize::from(categories.any(|name| name.starts_with("not_evaluated")));
            }
            for (place, rule) in judge.rules.iter().enumerate() {
                let in_scope = asked.is_in_scope(&rule.policy);
                let (scope, early, condition) = asked.without_cedar(rule);
                assert_eq!(scope, Some(in_scope), "{policy}{call:?}");
                assert_eq!(asked.known.places.contains(&place), in_scope);
                assert!(early.is_none() || early == condition, "{policy}{call:?}");
                if in_scope {
                    let by_cedar = asked.by_cedar(&rule.policy);
                    assert!(
                        condition.is_none() || condition == by_cedar,
                        "{:?} {by_cedar:?}: {}{call:?}",
                        rule.condition,
                        rule.policy
                    );
                    answered += usize::from(condition.is_some());
                    open += usize::from(condition.is_none());
                }
            }
            let facts = CallFacts {
                caller: &call.caller,
                resource: asked.resource,
                given: None,
            };
            if call.mcp.is_some()
                && let Some(refuses) = judge.refuses_surely(&facts)
            {
                let by_cedar = judge.refuses_all(&call, asked.resource);
                assert_eq!(Some(refuses), by_cedar, "{policy}{call:?}");
                lists += 1;
            }
        }
    }
    // The test says something: all of it happens.
    let counts = [refused, failed, answered, open, lists];
    assert!(counts.iter().all(|count| *count > 30), "{counts:?}");
    assert!(answered > 4 * open, "{counts:?}");
}

#[test]
fn many_different_selections_change_nothing() {
    let policies: String = (0..9)
        .map(|n| {
            format!(
                "@id(\"p{n}\") forbid(principal, action == Action::\"MCPToolInvoke\", resource)
                 when {{ context.arguments has a{n} && context.arguments.a{n} == \"x\" && 9223372036854775807 + 1 > 0 }}
                 unless {{ context.arguments has b }};"
            )
        })
        .collect();
    let policy = format!("permit(principal, action, resource); {policies}");
    let (judge, _) = build::judge(&Cedar { policy }).unwrap();
    // More sets of policies that cannot be evaluated than are remembered.
    for set in 0..512_u32 {
        let present = (0..9).filter(|n| set & (1 << n) != 0);
        let arguments: serde_json::Map<String, Value> = present
            .clone()
            .map(|n| (format!("a{n}"), json!("x")))
            .collect();
        let arguments = Value::Object(arguments).to_string();
        let call = tool("user:ada", "s:t", &arguments);
        let expected: Vec<String> = present.map(|n| format!("not_evaluated:p{n}")).collect();
        let told = judge.judge(&call);
        let categories = told.map_or_else(|violation| violation.categories, |()| Vec::new());
        assert_eq!(categories, expected);
    }
}
