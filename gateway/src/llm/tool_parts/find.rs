//! Where calls and results stand, dialect by dialect.

use parapet_guardrails::segment::Role;

use super::{Named, Names, Shape, Side, ToolPart, ToolParts, one_or_more};
use crate::llm::json::{Kind, Value};
use crate::llm::tools::Tools;
use crate::llm::turn::Turn;
use crate::llm::{Dialect, Request, Response, chat, messages};

impl Request {
    /// The results of tools that the model is to read. Calls in the history have been judged when the model made them.
    pub(crate) fn tool_results(&self) -> ToolParts<'_> {
        let mut list = Vec::new();
        let mut names = Names::default();
        let role_of: fn(Value<'_>) -> Role = match self.dialect() {
            Dialect::OpenAi => chat::role_of,
            Dialect::Anthropic => messages::role_of,
        };
        let all = || {
            self.root()
                .get("messages")
                .into_iter()
                .flat_map(Value::items)
        };
        let turn = Turn::of(all().map(role_of));
        for (index, message) in all().enumerate() {
            let first = list.len();
            match self.dialect() {
                Dialect::OpenAi => openai_message(message, &mut names, &mut list),
                Dialect::Anthropic => blocks(message, &mut names, &mut list),
            }
            for part in list.iter_mut().skip(first) {
                part.current_turn = turn.holds(index);
            }
        }
        list.retain(|part| part.side == Side::Result);
        ToolParts {
            body: self.body(),
            doc: self.doc(),
            in_request: true,
            tools: Tools::of(Some(self.root())),
            list,
        }
    }
}

impl Response {
    /// The calls that the model makes, and the results of tools that the provider has run. `names` holds the calls of
    /// earlier pieces of the same answer.
    pub(crate) fn tool_parts<'a>(
        &'a self,
        request: Option<&'a Request>,
        names: &mut Names,
    ) -> ToolParts<'a> {
        let mut list = Vec::new();
        match self.dialect() {
            Dialect::OpenAi => {
                for choice in self
                    .root()
                    .get("choices")
                    .into_iter()
                    .flat_map(Value::items)
                {
                    if let Some(message) = choice.get("message") {
                        let first = list.len();
                        calls(message, names, &mut list);
                        for part in list.iter_mut().skip(first) {
                            part.choice = Some(choice);
                        }
                    }
                }
            }
            Dialect::Anthropic => blocks(self.root(), names, &mut list),
        }
        ToolParts {
            body: self.body(),
            doc: self.doc(),
            in_request: false,
            tools: Tools::of(request.map(Request::root)),
            list,
        }
    }
}

fn openai_message<'a>(message: Value<'a>, names: &mut Names, list: &mut Vec<ToolPart<'a>>) {
    if !matches!(
        message.get_str("role").as_deref(),
        Some("tool" | "function")
    ) {
        return calls(message, names, list);
    }
    let known = names.get(message.get("tool_call_id"));
    let (named, asked) = match known {
        Some((named, asked)) => (named, Some(asked)),
        // Of the old form, which has no ids; some clients write it in the new one too.
        None => (Named::of(message), None),
    };
    list.push(ToolPart {
        side: Side::Result,
        named,
        current_turn: true,
        shape: Shape::Message,
        whole: message,
        inner: message.get("content").filter(|content| !content.is_null()),
        choice: None,
        asked,
    });
}

/// The calls of a message of OpenAI's.
fn calls<'a>(message: Value<'a>, names: &mut Names, list: &mut Vec<ToolPart<'a>>) {
    for call in message.get("tool_calls").into_iter().flat_map(one_or_more) {
        let named = ["function", "custom"]
            .into_iter()
            .find_map(|kind| call.get(kind));
        let of = named.unwrap_or(call);
        let inner = of.get("arguments").or_else(|| of.get("input"));
        // A call of a form that is not known is all arguments.
        let inner = inner.or_else(|| named.is_none().then_some(call));
        let part = called(Shape::Call, call, of, inner);
        names.note(call.get("id"), &part.named, inner);
        list.push(part);
    }
    let function = message.get("function_call");
    if let Some(call) = function.filter(|call| call.kind() == Kind::Object) {
        list.push(called(Shape::Function, call, call, call.get("arguments")));
    }
}

fn called<'a>(
    shape: Shape,
    whole: Value<'a>,
    of: Value<'_>,
    inner: Option<Value<'a>>,
) -> ToolPart<'a> {
    ToolPart {
        side: Side::Call,
        named: Named::of(of),
        current_turn: true,
        shape,
        whole,
        inner,
        choice: None,
        asked: None,
    }
}

/// The blocks of a message of Anthropic's that call tools or have their results, be it at the client or at the provider.
fn blocks<'a>(message: Value<'a>, names: &mut Names, list: &mut Vec<ToolPart<'a>>) {
    for block in message.get("content").into_iter().flat_map(one_or_more) {
        match side(block) {
            Some(Side::Call) => {
                let part = called(Shape::Block, block, block, block.get("input"));
                names.note(block.get("id"), &part.named, part.inner);
                list.push(part);
            }
            Some(Side::Result) => {
                let (named, asked) = names.get(block.get("tool_use_id")).unzip();
                list.push(ToolPart {
                    side: Side::Result,
                    named: named.unwrap_or_default(),
                    current_turn: true,
                    shape: Shape::Block,
                    whole: block,
                    inner: block.get("content").filter(|content| !content.is_null()),
                    choice: None,
                    asked,
                });
            }
            None => {}
        }
    }
}

/// What a block of Anthropic's is: `tool_use`, `server_tool_use`, `mcp_tool_use`, `tool_result`,
/// `web_search_tool_result` and whatever else ends so.
pub(super) fn side(block: Value<'_>) -> Option<Side> {
    let kind = block.get_str("type")?;
    if kind.ends_with("tool_use") {
        Some(Side::Call)
    } else if kind.ends_with("tool_result") {
        Some(Side::Result)
    } else {
        None
    }
}
