//! Patterns for JSON.
//!
//! A plain value matches itself; an object matches an object that has at least its members; an array matches
//! an array of the same length, item by item. An object whose only member begins with `$` is an operator:
//!
//! | operator | matches |
//! |---|---|
//! | `{$any: true}` | anything that is there |
//! | `{$absent: true}` | nothing: the member must be missing |
//! | `{$contains: text}` | a string that holds the text |
//! | `{$lacks: text}` | a string that does not |
//! | `{$some: pattern}` | an array with an item that matches |
//! | `{$none: pattern}` | an array without one |
//! | `{$all: [patterns]}` | what matches all of them |
//! | `{$exactly: value}` | an object with these members and no others |

use anyhow::{Result, bail, ensure};
use serde_json::Value;

/// Says where and why `found` does not match `pattern`.
///
/// # Errors
/// When it does not.
pub fn matches(pattern: &Value, found: &Value) -> Result<()> {
    at("", pattern, Some(found))
}

/// The same for something that may be missing.
///
/// # Errors
/// When it does not match.
pub fn matches_optional(pattern: &Value, found: Option<&Value>) -> Result<()> {
    at("", pattern, found)
}

fn at(path: &str, pattern: &Value, found: Option<&Value>) -> Result<()> {
    if let Some((operator, operand)) = operator(pattern) {
        return operate(path, operator, operand, found);
    }
    let place = if path.is_empty() { "it" } else { path };
    let Some(found) = found else {
        bail!("{place} is missing, expected {pattern}")
    };
    match (pattern, found) {
        (Value::Object(members), Value::Object(_)) => members
            .iter()
            .try_for_each(|(key, member)| at(&format!("{path}.{key}"), member, found.get(key))),
        (Value::Array(items), Value::Array(others)) => {
            ensure!(
                items.len() == others.len(),
                "{place} has {} items, expected {}: {found}",
                others.len(),
                items.len()
            );
            let mut pairs = items.iter().zip(others).enumerate();
            pairs.try_for_each(|(i, (item, other))| at(&format!("{path}[{i}]"), item, Some(other)))
        }
        _ => {
            ensure!(pattern == found, "{place} is {found}, expected {pattern}");
            Ok(())
        }
    }
}

fn operator(pattern: &Value) -> Option<(&str, &Value)> {
    let members = pattern.as_object().filter(|members| members.len() == 1)?;
    let (name, operand) = members.iter().next()?;
    name.starts_with('$').then_some((name, operand))
}

fn operate(path: &str, operator: &str, operand: &Value, found: Option<&Value>) -> Result<()> {
    let place = if path.is_empty() { "it" } else { path };
    if operator == "$absent" {
        ensure!(
            found.is_none(),
            "{place} is there: {}",
            found.unwrap_or(&Value::Null)
        );
        return Ok(());
    }
    let Some(found) = found else {
        bail!("{place} is missing")
    };
    let text = || operand.as_str().unwrap_or_default();
    match operator {
        "$any" => Ok(()),
        "$contains" => {
            let holds = found.as_str().is_some_and(|found| found.contains(text()));
            ensure!(
                holds,
                "{place} is {found}, expected something with {operand}"
            );
            Ok(())
        }
        "$lacks" => {
            let lacks = found.as_str().is_some_and(|found| !found.contains(text()));
            ensure!(
                lacks,
                "{place} is {found}, expected something without {operand}"
            );
            Ok(())
        }
        "$some" | "$none" => {
            let items = found.as_array().map(Vec::as_slice).unwrap_or_default();
            let any = items.iter().any(|item| matches(operand, item).is_ok());
            ensure!(
                found.is_array() && any == (operator == "$some"),
                "{place}: {operator} {operand}, but it is {found}"
            );
            Ok(())
        }
        "$all" => {
            let mut patterns = operand.as_array().into_iter().flatten();
            patterns.try_for_each(|pattern| at(path, pattern, Some(found)))
        }
        "$exactly" => {
            let keys = |value: &Value| {
                value
                    .as_object()
                    .map(|o| o.keys().cloned().collect::<std::collections::BTreeSet<_>>())
            };
            ensure!(
                keys(operand) == keys(found),
                "{place} is {found}, expected the members of {operand}"
            );
            at(path, operand, Some(found))
        }
        other => bail!("{place}: there is no operator {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_match_what_they_say() {
        let found = json!({"a": 1, "b": "hello", "c": [1, {"d": null}], "e": {}});
        for good in [
            json!({}),
            json!({"a": 1}),
            json!({"c": [1, {"d": null}]}),
            json!({"b": {"$contains": "ell"}, "x": {"$absent": true}, "e": {"$any": true}}),
            json!({"b": {"$lacks": "z"}, "c": {"$some": {"d": null}}}),
            json!({"c": {"$none": 2}}),
            json!({"b": {"$all": [{"$contains": "he"}, {"$contains": "lo"}]}}),
            json!({"e": {"$exactly": {}}}),
        ] {
            matches(&good, &found).unwrap();
        }
        for (bad, why) in [
            (json!({"a": 2}), ".a is 1, expected 2"),
            (json!({"x": 1}), ".x is missing"),
            (json!({"c": [1]}), ".c has 2 items, expected 1"),
            (json!({"c": [1, {"d": 1}]}), ".c[1].d is null"),
            (json!({"a": {"$absent": true}}), ".a is there"),
            (json!({"x": {"$any": true}}), ".x is missing"),
            (json!({"b": {"$contains": "z"}}), "expected something with"),
            (json!({"a": {"$contains": "1"}}), "expected something with"),
            (json!({"b": {"$lacks": "h"}}), "expected something without"),
            (json!({"c": {"$some": 2}}), "$some 2"),
            (json!({"c": {"$none": 1}}), "$none 1"),
            (json!({"e": {"$nonsense": 1}}), "no operator"),
            (json!({"$exactly": {"a": 1}}), "expected the members"),
        ] {
            let found = matches(&bad, &found).unwrap_err().to_string();
            assert!(found.contains(why), "{found:?} does not say {why:?}");
        }
    }
}
