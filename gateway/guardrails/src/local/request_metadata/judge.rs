//! Building and judging.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use parapet_policy::compile::Problem;
use parapet_policy::diagnostic::{Reason, Severity};
use parapet_policy::hook::Hook;

use super::{Constraint, KeyRule, RequestMetadata, ValueRule};
use crate::exchange::Call;
use crate::guardrail::{Built, ContextGuardrail, ContextViolation, Guardrail, problem};
use crate::kinds::Kind;

/// A required key is absent.
const MISSING_KEY: &str = "missing_key";
/// A value is not what its key asks for.
const VALUE_NOT_ALLOWED: &str = "value_not_allowed";
/// A key is not listed, and only listed ones may be present.
const UNKNOWN_KEY: &str = "unknown_key";

/// What one compiled expression may take, in bytes.
const REGEX_SIZE_LIMIT: usize = 1 << 20;
/// An explanation names at most so many keys of a sort: the caller chooses the unknown ones.
const NAMED_KEYS: usize = 8;

enum Value {
    Any,
    OneOf(Vec<String>),
    Matches(regex::Regex),
}

impl Value {
    fn admits(&self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(allowed) => allowed.iter().any(|allowed| allowed == value),
            Self::Matches(regex) => regex.is_match(value),
        }
    }
}

struct Key {
    required: bool,
    value: Value,
}

struct Judge {
    allow_unknown_keys: bool,
    keys: BTreeMap<String, Key>,
}

/// Builds the guardrail, or says everything that is wrong.
pub(super) fn build(config: &RequestMetadata) -> Result<Built, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut remarks = Vec::new();
    if config.keys.is_empty() && config.allow_unknown_keys {
        remarks.push(suspicious(
            "keys",
            "no key is listed and unknown keys are allowed: everything passes; list the keys that are required"
                .into(),
        ));
    }
    let mut keys = BTreeMap::new();
    for (name, rule) in &config.keys {
        match key(name, rule, &mut remarks) {
            Ok(key) => {
                keys.insert(name.clone(), key);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Built {
        guardrail: Guardrail::Context(Arc::new(Judge {
            allow_unknown_keys: config.allow_unknown_keys,
            keys,
        })),
        kind: RequestMetadata::NAME,
        hooks: RequestMetadata::HOOKS,
        remarks,
    })
}

fn key(name: &str, rule: &KeyRule, remarks: &mut Vec<Problem>) -> Result<Key, Problem> {
    let value = match &rule.value {
        None => Value::Any,
        Some(value) => value_of(&format!("keys.{name}.value"), value, remarks)?,
    };
    Ok(Key {
        required: rule.required,
        value,
    })
}

fn value_of(path: &str, rule: &ValueRule, remarks: &mut Vec<Problem>) -> Result<Value, Problem> {
    match rule.constraint {
        Constraint::AllowedValues => {
            if rule.regex.is_some() {
                remarks.push(not_counted(&format!("{path}.regex"), "allowed_values"));
            }
            match rule.allowed_values.as_deref() {
                None | Some([]) => Err(problem(
                    format!("{path}.allowedValues"),
                    "constraint allowed_values needs at least one value here",
                )),
                Some(allowed) => Ok(Value::OneOf(allowed.to_vec())),
            }
        }
        Constraint::Regex => {
            if rule.allowed_values.is_some() {
                remarks.push(not_counted(&format!("{path}.allowedValues"), "regex"));
            }
            let path = format!("{path}.regex");
            let Some(pattern) = &rule.regex else {
                return Err(problem(path, "constraint regex needs an expression here"));
            };
            regex::RegexBuilder::new(pattern)
                .size_limit(REGEX_SIZE_LIMIT)
                .build()
                .map(Value::Matches)
                .map_err(|error| problem(path, format!("cannot compile the expression: {error}")))
        }
    }
}

fn suspicious(path: &str, message: String) -> Problem {
    Problem {
        path: path.into(),
        severity: Severity::Warning,
        reason: Reason::Suspicious,
        message,
    }
}

fn not_counted(path: &str, constraint: &str) -> Problem {
    suspicious(
        path,
        format!("this does not count while constraint is {constraint}: remove one of the two"),
    )
}

impl ContextGuardrail for Judge {
    fn judge(&self, call: &Call) -> Result<(), ContextViolation> {
        if call.hook != Hook::LlmInput {
            return Ok(());
        }
        let mut missing = Vec::new();
        let mut refused = Vec::new();
        for (name, key) in &self.keys {
            match call.metadata.get(name) {
                None if key.required => missing.push(name.as_str()),
                Some(value) if !key.value.admits(value) => refused.push(name.as_str()),
                None | Some(_) => {}
            }
        }
        let unknown: Vec<&str> = if self.allow_unknown_keys {
            Vec::new()
        } else {
            call.metadata
                .keys()
                .map(String::as_str)
                .filter(|name| !self.keys.contains_key(*name))
                .collect()
        };
        let findings = [
            (MISSING_KEY, "metadata lacks", missing),
            (
                VALUE_NOT_ALLOWED,
                "metadata has a value that is not allowed for",
                refused,
            ),
            (UNKNOWN_KEY, "metadata may not have", unknown),
        ];
        violation(&findings)
    }
}

fn violation(findings: &[(&'static str, &str, Vec<&str>)]) -> Result<(), ContextViolation> {
    let mut explanation = String::new();
    let mut categories = Vec::new();
    for (category, says, names) in findings.iter().filter(|(_, _, names)| !names.is_empty()) {
        if !explanation.is_empty() {
            explanation.push_str("; ");
        }
        explanation.push_str(says);
        for (place, name) in names.iter().take(NAMED_KEYS).enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let _ = write!(explanation, "{comma} {name:?}");
        }
        if names.len() > NAMED_KEYS {
            let _ = write!(explanation, " and {} more", names.len() - NAMED_KEYS);
        }
        categories.push(Cow::Borrowed(*category));
    }
    if categories.is_empty() {
        return Ok(());
    }
    Err(ContextViolation {
        explanation,
        categories,
    })
}
