//! Structured content that a result also carries as JSON in a text: what is changed in one is changed in the
//! other.

use std::collections::BTreeMap;

use parapet_guardrails::finding::Edit;

use super::Parsed;
use crate::llm::Texts;
use crate::llm::json::Value;

/// Pairs of segments that hold the same text.
pub fn of(message: &Parsed, texts: &Texts) -> Vec<(usize, usize)> {
    let Some(result) = tool_result(message) else {
        return Vec::new();
    };
    let Some(structured) = result.get("structuredContent") else {
        return Vec::new();
    };
    let strings: Vec<Value<'_>> = result
        .get("content")
        .into_iter()
        .flat_map(Value::items)
        .filter_map(|block| block.get("text"))
        .collect();
    texts.twins(structured, &strings)
}

/// The result of a tool: the message's own, or the one that a task's state carries.
pub fn tool_result(message: &Parsed) -> Option<Value<'_>> {
    let result = message.root().get("result")?;
    Some(match result.get("structuredContent") {
        Some(_) => result,
        None => result.get("result").unwrap_or(result),
    })
}

/// What these edits ask for in the other place of each text, where that is not edited too.
pub fn edits(pairs: &[(usize, usize)], texts: &Texts, edits: &[Edit]) -> Vec<Edit> {
    let mut by_segment: BTreeMap<usize, Vec<&Edit>> = BTreeMap::new();
    for edit in edits {
        by_segment.entry(edit.segment).or_default().push(edit);
    }
    let mut more = Vec::new();
    for (one, other) in pairs {
        for (from, to) in [(*one, *other), (*other, *one)] {
            if let Some(own) = by_segment.get(&from)
                && !by_segment.contains_key(&to)
                && texts.segments().text(from) == texts.segments().text(to)
            {
                more.extend(own.iter().map(|edit| Edit {
                    segment: to,
                    ..(*edit).clone()
                }));
            }
        }
    }
    more
}
