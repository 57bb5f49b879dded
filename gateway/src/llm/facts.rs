//! What the gateway needs to know of a request besides its texts, read in one walk over the top level.

use std::ops::Range;
use std::sync::Arc;

use parapet_policy::record::Parameters;

use super::json::{Kind, Value};
use super::{Dialect, LlmError, tools};

/// Bytes of a model's name: several times what the longest known ones have. Names go into records.
const MAX_MODEL: usize = 512;

/// Facts of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) model: Arc<str>,
    /// The value of `model`, with quotes.
    pub(super) model_at: Range<u32>,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    /// The values of `stream_options` and of the `include_usage` in it, as tape indices.
    pub(super) stream_options: Option<u32>,
    pub(super) answers: u64,
    /// The value of `store` when it is true.
    pub(super) store_at: Option<Range<u32>>,
    pub(super) has_tools: bool,
    pub(super) provider_runs_tools: bool,
    pub(super) messages: usize,
    pub(super) parameters: Parameters,
}

impl Facts {
    pub(super) fn read(dialect: Dialect, root: Value<'_>) -> Result<Self, LlmError> {
        if root.kind() != Kind::Object {
            return Err(LlmError::NotAnObject);
        }
        let mut facts = Self {
            answers: 1,
            ..Self::default()
        };
        let (mut model, mut messages) = (false, false);
        for (key, value) in root.members() {
            match key.as_ref() {
                "model" => {
                    let wrong = LlmError::WrongType {
                        field: "model",
                        expected: "a string",
                    };
                    facts.model = value.as_str().ok_or(wrong)?.into();
                    if facts.model.len() > MAX_MODEL {
                        return Err(LlmError::WrongType {
                            field: "model",
                            expected: "a name of at most 512 bytes",
                        });
                    }
                    facts.model_at = value.range();
                    model = !facts.model.is_empty();
                }
                "messages" => {
                    if value.kind() != Kind::Array {
                        let field = "messages";
                        return Err(LlmError::WrongType {
                            field,
                            expected: "an array",
                        });
                    }
                    facts.messages = value.items().count();
                    messages = true;
                }
                "stream" => facts.stream = flag("stream", value)?,
                "stream_options" => {
                    facts.stream_options = Some(value.index());
                    facts.include_usage = value
                        .get("include_usage")
                        .and_then(Value::as_bool)
                        .unwrap_or(false);
                }
                "n" => {
                    facts.answers = value.as_u64().unwrap_or(1);
                    facts.parameters.choices = Some(facts.answers).filter(|count| *count != 1);
                }
                "store" if value.as_bool() == Some(true) => facts.store_at = Some(value.range()),
                "tools" | "functions" => {
                    facts.has_tools |= value.items().next().is_some();
                    facts.provider_runs_tools |= value
                        .items()
                        .any(|tool| tools::run_by_provider(dialect, tool));
                }
                "web_search_options" => facts.provider_runs_tools |= !value.is_null(),
                "mcp_servers" => facts.provider_runs_tools |= value.items().next().is_some(),
                key => parameter(key, value, &mut facts.parameters),
            }
        }
        if !model {
            return Err(LlmError::Missing { field: "model" });
        }
        if !messages {
            return Err(LlmError::Missing { field: "messages" });
        }
        Ok(facts)
    }
}

/// A parameter that is a number. One that the upstream will refuse is none.
fn parameter(key: &str, value: Value<'_>, out: &mut Parameters) {
    match key {
        "max_completion_tokens" => out.max_tokens = value.as_u64().or(out.max_tokens),
        // The older name counts where the newer one is missing.
        "max_tokens" => out.max_tokens = out.max_tokens.or(value.as_u64()),
        "temperature" => out.temperature = value.as_f64(),
        "top_p" => out.top_p = value.as_f64(),
        "top_k" => out.top_k = value.as_f64(),
        "frequency_penalty" => out.frequency_penalty = value.as_f64(),
        "presence_penalty" => out.presence_penalty = value.as_f64(),
        "seed" => out.seed = value.as_i64(),
        _ => {}
    }
}

fn flag(field: &'static str, value: Value<'_>) -> Result<bool, LlmError> {
    match value.kind() {
        Kind::Bool => Ok(value.as_bool() == Some(true)),
        Kind::Null => Ok(false),
        Kind::Number | Kind::String | Kind::Array | Kind::Object => Err(LlmError::WrongType {
            field,
            expected: "a boolean",
        }),
    }
}
