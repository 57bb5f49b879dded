//! A text against its schema: one of a list, long enough, of the right form.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;

use super::nearest;

/// The texts that a schema allows; empty when any.
pub(super) fn choices(schema: &Json) -> Vec<&str> {
    let listed = schema
        .get("enum")
        .and_then(Json::as_array)
        .into_iter()
        .flatten();
    // An enumeration whose values are documented comes as alternatives of one constant each.
    let branches = ["oneOf", "anyOf"]
        .into_iter()
        .filter_map(|key| schema.get(key))
        .filter_map(Json::as_array);
    let in_branches = branches.flatten().flat_map(|branch| {
        let values = branch
            .get("enum")
            .and_then(Json::as_array)
            .into_iter()
            .flatten();
        branch.get("const").into_iter().chain(values)
    });
    let constant = schema.get("const").into_iter();
    listed
        .chain(in_branches)
        .chain(constant)
        .filter_map(Json::as_str)
        .collect()
}

/// Whether a text fits; otherwise what is wrong. The text itself is named only where the schema lists
/// what is allowed: a secret never belongs there.
pub(super) fn check(schema: &Json, text: &str) -> Result<(), String> {
    let choices = choices(schema);
    if !choices.is_empty() {
        if choices.contains(&text) {
            return Ok(());
        }
        return Err(nearest::unknown("value", text, choices.into_iter()));
    }
    let count = text.chars().count() as u64;
    if let Some(most) = schema
        .get("maxLength")
        .and_then(Json::as_u64)
        .filter(|most| count > *most)
    {
        return Err(format!(
            "{count} characters: at most {most} are allowed here"
        ));
    }
    if let Some(least) = schema
        .get("minLength")
        .and_then(Json::as_u64)
        .filter(|least| count < *least)
    {
        return Err(if count == 0 {
            "this is empty".to_owned()
        } else {
            format!("{count} characters: at least {least} are needed")
        });
    }
    match schema.get("pattern").and_then(Json::as_str) {
        Some(pattern) if !matches(pattern, text) => {
            Err(format!("this does not have the form {}", in_words(pattern)))
        }
        _ => Ok(()),
    }
}

/// Whether `text` matches `pattern`. A pattern that is none decides nothing: the schema's own test fails on it.
fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: Mutex<BTreeMap<String, Option<regex::Regex>>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if !compiled.contains_key(pattern) {
        compiled.insert(pattern.to_owned(), regex::Regex::new(pattern).ok());
    }
    compiled
        .get(pattern)
        .and_then(Option::as_ref)
        .is_none_or(|regex| regex.is_match(text))
}

/// A pattern as an example, where that says more.
fn in_words(pattern: &str) -> &str {
    match pattern {
        crate::human_duration::PATTERN => "5s, 500ms or 1m30s",
        "^https?://" => "http://... or https://...",
        _ => pattern,
    }
}
