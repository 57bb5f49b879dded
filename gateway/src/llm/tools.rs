//! The tools that a request offers.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use super::Dialect;
use super::json::Value;
use super::schema::Schema;

/// Prefixes of Anthropic's own tool types that the client runs; the rest runs at the provider.
const CLIENT_RUN: [&str; 5] = ["custom", "bash_", "text_editor_", "computer_", "memory_"];

/// Whether the provider itself runs a tool. A type that is not known counts as run by it: then input
/// guardrails finish before the model is called.
pub(super) fn run_by_provider(dialect: Dialect, tool: Value<'_>) -> bool {
    let Some(kind) = tool.get_str("type") else {
        return false;
    };
    match dialect {
        Dialect::OpenAi => !matches!(kind.as_ref(), "function" | "custom"),
        Dialect::Anthropic => !CLIENT_RUN.iter().any(|prefix| kind.starts_with(prefix)),
    }
}

/// Finds the schema of a tool's arguments by the tool's name.
#[derive(Default)]
pub(super) struct Tools<'a> {
    request: Option<Value<'a>>,
    by_name: OnceCell<HashMap<Cow<'a, str>, Value<'a>, foldhash::quality::RandomState>>,
}

impl<'a> Tools<'a> {
    /// The tools of a request; none: no schema is known.
    pub(super) fn of(request: Option<Value<'a>>) -> Self {
        Self {
            request,
            by_name: OnceCell::new(),
        }
    }

    /// The schema of a tool's arguments.
    pub(super) fn schema(&self, tool: &str) -> Schema<'a> {
        let Some(request) = self.request else {
            return Schema::UNKNOWN;
        };
        let by_name = self.by_name.get_or_init(|| {
            let lists = ["tools", "functions"]
                .into_iter()
                .filter_map(|list| request.get(list));
            lists
                .flat_map(Value::items)
                .filter_map(named_schema)
                .collect()
        });
        by_name
            .get(tool)
            .map_or(Schema::UNKNOWN, |schema| Schema::new(Some(*schema)))
    }
}

fn named_schema(tool: Value<'_>) -> Option<(Cow<'_, str>, Value<'_>)> {
    let function = tool.get("function").unwrap_or(tool);
    let schema = function
        .get("parameters")
        .or_else(|| function.get("input_schema"))?;
    Some((function.get_str("name")?, schema))
}
