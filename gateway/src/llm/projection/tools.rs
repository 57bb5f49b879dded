//! A call of a tool, or its result, as a message of MCP says it.

use bytes::Bytes;
use parapet_guardrails::finding::Edit;
use serde_json::json;

use super::{Now, Projected, Unmappable};
use crate::llm::Texts;
use crate::llm::json::{Kind, Value};

impl Texts {
    /// `{method, params: {name, arguments}}`, with the texts as they stand.
    pub(in crate::llm) fn call_shown(&self, name: &str, arguments: Option<Value<'_>>) -> Bytes {
        Now::new(self).write(&call(name, arguments)).into()
    }

    /// The edits that lead from [`Texts::call_shown`] to what a service returned.
    pub(in crate::llm) fn call_diff(
        &self,
        name: &str,
        arguments: Option<Value<'_>>,
        returned: &serde_json::Value,
    ) -> Result<Vec<Edit>, Unmappable> {
        Now::new(self).diff(&call(name, arguments), returned)
    }

    /// `{content: [...]}`, with the texts as they stand.
    pub(in crate::llm) fn result_shown(&self, content: Option<Value<'_>>) -> Bytes {
        Now::new(self).write(&result(content)).into()
    }

    /// The edits that lead from [`Texts::result_shown`] to what a service returned.
    pub(in crate::llm) fn result_diff(
        &self,
        content: Option<Value<'_>>,
        returned: &serde_json::Value,
    ) -> Result<Vec<Edit>, Unmappable> {
        Now::new(self).diff(&result(content), returned)
    }
}

fn call<'a>(name: &str, arguments: Option<Value<'a>>) -> Projected<'a> {
    let arguments = match arguments.filter(|value| !value.is_null()) {
        Some(value) if value.as_str().is_some_and(|text| text.trim().is_empty()) => {
            Projected::Fixed(json!({}))
        }
        Some(value) => Projected::OutOfString(value),
        None => Projected::Fixed(json!({})),
    };
    Projected::Object(vec![
        ("method", Projected::Fixed(json!("tools/call"))),
        (
            "params",
            Projected::Object(vec![
                ("name", Projected::Fixed(json!(name))),
                ("arguments", arguments),
            ]),
        ),
    ])
}

fn result(content: Option<Value<'_>>) -> Projected<'_> {
    let content = match content {
        Some(value) if value.kind() == Kind::String => {
            Projected::Array(vec![Projected::Object(vec![
                ("type", Projected::Fixed(json!("text"))),
                ("text", Projected::Same(value)),
            ])])
        }
        Some(value) => Projected::Same(value),
        None => Projected::Array(Vec::new()),
    };
    Projected::Object(vec![("content", content)])
}
