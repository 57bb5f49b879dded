//! From the text of policies to a judge, or to everything that is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::{Authorizer, Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator};
use miette::Diagnostic as _;
use parapet_policy::compile::Problem;
use parapet_policy::diagnostic::{Reason, Severity};

use super::bounds::Bound;
use super::conditions::Condition;
use super::judge::Judge;
use super::known::{Memory, Rule};
use super::reads::Reads;
use super::schema::{Shape, schema};
use super::{Cedar, infer, published};
use crate::guardrail::{Built, Guardrail, problem};
use crate::kinds::Kind;

/// The resource's member.
const PATH: &str = "policy";
/// All policies together may read so many arguments: the type of each is found by trying.
const ARGUMENTS: usize = 256;
/// An id becomes a category, so it is kept as short as one.
const ID_LENGTH: usize = 64;

/// Builds the guardrail, or says everything that is wrong.
pub(super) fn build(config: &Cedar) -> Result<Built, Vec<Problem>> {
    let (judge, remarks) = judge(config)?;
    Ok(Built {
        guardrail: Guardrail::Context(Arc::new(judge)),
        kind: Cedar::NAME,
        hooks: Cedar::HOOKS,
        remarks,
    })
}

/// What the guardrail is, and what is suspicious.
pub(super) fn judge(config: &Cedar) -> Result<(Judge, Vec<Problem>), Vec<Problem>> {
    let policies = parse(&config.policy)?;
    let policies = with_ids(policies)?;
    let read = read(policies)?;
    let mut all = Reads::default();
    for (_, reads) in &read {
        all.merge(reads);
    }
    if all.arguments.leaves().len() > ARGUMENTS {
        let message = format!("the policies read more than {ARGUMENTS} arguments");
        return Err(vec![problem(PATH, message)]);
    }
    let arguments = infer::arguments(&read);
    let mut remarks = validate(&read, &arguments, &all)?;
    remarks.extend(allows_nothing(&read));
    let rules = read.into_iter().map(|(policy, reads)| {
        let bound = Bound::of(&policy, &reads)?;
        let json = |policy: &Policy| policy.to_json().map_err(|error| error.to_string());
        let written = json(&policy)?;
        Ok(Rule {
            scope: Condition::of_scope(&written),
            condition: Condition::of_policy(&written),
            bound_condition: Condition::of_policy(&json(&bound.policy)?),
            policy,
            reads,
            bound,
        })
    });
    let rules: Result<Vec<Rule>, String> = rules.collect();
    let judge = Judge {
        rules: rules.map_err(|message| vec![problem(PATH, message)])?,
        arguments,
        authorizer: Authorizer::new(),
        memory: Memory::default(),
    };
    Ok((judge, remarks))
}

/// Reads the text, and says where it cannot be read.
fn parse(text: &str) -> Result<PolicySet, Vec<Problem>> {
    text.parse::<PolicySet>().map_err(|errors| {
        errors
            .iter()
            .map(|error| {
                let label = error.labels().and_then(|mut labels| labels.next());
                let place = label.map_or_else(String::new, |label| {
                    let (line, column) = place(text, label.offset());
                    format!("line {line}, column {column}: ")
                });
                problem(PATH, format!("{place}{error}"))
            })
            .collect()
    })
}

/// Line and column of a byte, both from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default();
    (line, column.chars().count() + 1)
}

/// Every policy under the name that its annotation gives it, in the order of the names.
fn with_ids(set: PolicySet) -> Result<Vec<Policy>, Vec<Problem>> {
    let mut problems = Vec::new();
    if set.num_of_templates() > 0 {
        let message = "a policy with ?principal or ?resource is a template, and nothing fills it in: name them";
        problems.push(problem(PATH, message));
    }
    let mut policies: BTreeMap<String, Policy> = BTreeMap::new();
    for policy in set.policies() {
        let id = policy.annotation("id").unwrap_or(policy.id().as_ref());
        if id.is_empty() || id.len() > ID_LENGTH || id.chars().any(char::is_control) {
            let message = format!("{id:?} cannot name a policy: at most {ID_LENGTH} bytes");
            problems.push(problem(PATH, message));
        } else if policies
            .insert(id.to_owned(), policy.new_id(PolicyId::new(id)))
            .is_some()
        {
            problems.push(problem(PATH, format!("two policies are named {id:?}")));
        }
    }
    match problems.is_empty() {
        true => Ok(policies.into_values().collect()),
        false => Err(problems),
    }
}

/// What every policy reads; those that are written for the published product as they are meant here.
fn read(policies: Vec<Policy>) -> Result<Vec<(Policy, Reads)>, Vec<Problem>> {
    let mut read = Vec::with_capacity(policies.len());
    let mut problems = Vec::new();
    for policy in policies {
        let id = policy.id().clone();
        let mut of = |message: String| {
            problems.push(problem(
                PATH,
                format!("policy {:?}: {message}", id.to_string()),
            ));
        };
        let mut json = match policy.to_json() {
            Ok(json) => json,
            Err(error) => {
                of(error.to_string());
                continue;
            }
        };
        let policy = match published::rewrite(&mut json) {
            false => policy,
            true => match Policy::from_json(Some(id.clone()), json.clone()) {
                Ok(policy) => policy,
                Err(error) => {
                    of(error.to_string());
                    continue;
                }
            },
        };
        let reads = Reads::of(&json);
        if reads.whole {
            of(
                "context, context.arguments and context.metadata are read by their members: \
                write context.arguments.name"
                    .to_owned(),
            );
        }
        read.push((policy, reads));
    }
    match problems.is_empty() {
        true => Ok(read),
        false => Err(problems),
    }
}

/// What the validator says: errors, or else warnings.
fn validate(
    read: &[(Policy, Reads)],
    arguments: &Shape,
    all: &Reads,
) -> Result<Vec<Problem>, Vec<Problem>> {
    let schema = schema(arguments, &Shape::of_texts(&all.metadata))
        .map_err(|message| vec![problem(PATH, message)])?;
    let set = PolicySet::from_policies(read.iter().map(|(policy, _)| policy.clone()))
        .map_err(|error| vec![problem(PATH, error.to_string())])?;
    let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
    // The same policy is judged for every kind of principal, with the same words.
    let errors: BTreeSet<String> = result
        .validation_errors()
        .map(|error| {
            let help = error.help().map(|help| format!(" ({help})"));
            format!("{error}{}", help.unwrap_or_default())
        })
        .collect();
    if !errors.is_empty() {
        return Err(errors
            .into_iter()
            .map(|error| problem(PATH, error))
            .collect());
    }
    let warnings: BTreeSet<String> = result
        .validation_warnings()
        .map(|warning| warning.to_string())
        .collect();
    Ok(warnings.into_iter().map(suspicious).collect())
}

fn allows_nothing(read: &[(Policy, Reads)]) -> Option<Problem> {
    let permits = read
        .iter()
        .any(|(policy, _)| policy.effect() == Effect::Permit);
    (!permits).then(|| {
        suspicious("there is no permit, so everything is denied: write what is allowed".to_owned())
    })
}

fn suspicious(message: String) -> Problem {
    Problem {
        path: PATH.into(),
        severity: Severity::Warning,
        reason: Reason::Suspicious,
        message,
    }
}
