//! Calls of tools and their results in chat requests and answers: where each of them stands, which tool it is of, and what
//! a message of MCP would say in its place.
//!
//! One part is all that the dialect says of one call or result: names and unknown members included.

mod find;
mod names;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use parapet_guardrails::finding::Edit;
use parapet_guardrails::segment::Role;

use super::json::{Doc, Kind, Value};
use super::locate::{Context, Locator};
use super::tools::Tools;
use super::{Limits, LlmError, Texts, chat, messages, splice};

pub(crate) use names::{Named, Names};
pub(crate) use stream::{Piece, pieces};

/// How many levels of JSON in strings are read as such; as in messages of MCP.
const NESTED: u8 = 4;

/// What is found in one body.
pub(crate) struct ToolParts<'a> {
    body: &'a Arc<String>,
    doc: &'a Arc<Doc>,
    /// Whether it is a request; otherwise an answer.
    pub(crate) in_request: bool,
    /// The tools that the request offers, for the schemas of their arguments.
    tools: Tools<'a>,
    /// The calls and results, in the body's order.
    pub(crate) list: Vec<ToolPart<'a>>,
}

/// Whether a tool is to run, or has run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    /// The model wants it to run.
    Call,
    /// It has run, and this is what it said.
    Result,
}

/// One call or result.
pub(crate) struct ToolPart<'a> {
    pub(crate) side: Side,
    /// What the tool is called.
    pub(crate) named: Named,
    /// Whether it belongs to the newest turn.
    pub(crate) current_turn: bool,
    shape: Shape,
    /// All of it.
    whole: Value<'a>,
    /// A call's arguments, or a result's content.
    inner: Option<Value<'a>>,
    /// The choice that it stands in, which may repeat it as tokens.
    choice: Option<Value<'a>>,
    /// Of a result, the arguments that it answers, as JSON.
    asked: Option<Arc<str>>,
}

/// What the dialect makes of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shape {
    /// A message of OpenAI's with a result.
    Message,
    /// An item of `tool_calls`.
    Call,
    /// A `function_call`.
    Function,
    /// A content block of Anthropic's.
    Block,
}

impl ToolParts<'_> {
    /// The texts of one part.
    ///
    /// # Errors
    /// More texts than the limit allows.
    pub(crate) fn texts(&self, part: &ToolPart<'_>, limits: &Limits) -> Result<Texts, LlmError> {
        let mut out = Locator::new(self.body.clone(), limits)
            .reading_nested(NESTED)
            .reading_texts_as_json();
        let role = match part.side {
            Side::Call => Role::Assistant,
            Side::Result => Role::ToolResult,
        };
        let mut context = Context::text(role).in_turn(part.current_turn);
        if let Some(choice) = part.choice {
            context = context.of_answer(out.open_answer());
            for repeated in ["logprobs", "token_ids"] {
                if let Some(value) = choice.get(repeated) {
                    out.repeats(context.answer, value, "null");
                }
            }
        }
        match part.shape {
            Shape::Message => chat::message(part.whole, &self.tools, context, &mut out),
            Shape::Call => chat::tool_call(part.whole, &self.tools, context, &mut out),
            Shape::Function => chat::function(part.whole, &self.tools, context, &mut out),
            Shape::Block => messages::block(part.whole, &self.tools, context, &mut out),
        }
        out.finish(Some(self.doc.clone()))
    }

    /// The body with the edits of these texts of parts; none when nothing has been edited.
    pub(crate) fn with_edits(&self, edited: &[Texts]) -> Option<String> {
        let edits: Vec<_> = edited.iter().flat_map(Texts::body_edits).collect();
        (!edits.is_empty()).then(|| splice::apply(self.body, 0..self.body.len(), edits))
    }
}

impl ToolPart<'_> {
    /// A call's arguments as JSON, as they came; `{}` where there are none. What is no JSON is a JSON string.
    pub(crate) fn arguments(&self) -> String {
        arguments_of(self.inner)
    }

    /// What services are shown of a call, as it stands: the request of MCP that says the same. Of a result it is the call
    /// that it answers, as far as that is known.
    pub(crate) fn shown_request(&self, texts: &Texts) -> Bytes {
        match (self.side, &self.asked) {
            (Side::Call, _) => texts.call_shown(self.name(), self.inner),
            (Side::Result, asked) => {
                let name = serde_json::Value::from(self.name());
                let arguments = asked.as_deref().unwrap_or("{}");
                format!(
                    r#"{{"method":"tools/call","params":{{"name":{name},"arguments":{arguments}}}}}"#
                )
                .into()
            }
        }
    }

    /// What services are shown of a result, as it stands; none of a call.
    pub(crate) fn shown_response(&self, texts: &Texts) -> Option<Bytes> {
        match self.side {
            Side::Call => None,
            Side::Result => Some(texts.result_shown(self.inner)),
        }
    }

    /// The edits that lead from what a service was shown to what it returned.
    ///
    /// # Errors
    /// The path of a change that is not a changed text.
    pub(crate) fn diff(
        &self,
        texts: &Texts,
        returned: &serde_json::Value,
    ) -> Result<Vec<Edit>, String> {
        let edits = match self.side {
            Side::Call => texts.call_diff(self.name(), self.inner, returned),
            Side::Result => texts.result_diff(self.inner, returned),
        };
        edits.map_err(|unmappable| unmappable.path)
    }

    fn name(&self) -> &str {
        self.named.tool.as_deref().unwrap_or_default()
    }
}

/// Arguments as JSON. Servers write those of a tool without any as an empty text.
fn arguments_of(value: Option<Value<'_>>) -> String {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return "{}".to_owned();
    };
    match value.as_str() {
        Some(text) if text.trim().is_empty() => "{}".to_owned(),
        Some(text) if Doc::parse(&text).is_ok() => text.into_owned(),
        Some(_) | None => value.raw().to_owned(),
    }
}

/// The items of a list that may stand alone.
fn one_or_more(value: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    let alone = (value.kind() == Kind::Object).then_some(value);
    alone.into_iter().chain(value.items())
}
