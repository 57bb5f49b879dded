//! An Anthropic request or answer in the OpenAI chat shape.
//!
//! Everything that guardrails judge is in it. What OpenAI has no place for (documents, search results, results
//! of server tools) stands as text parts.

use serde_json::json;

use super::Projected;
use super::now::Now;
use crate::llm::json::{Kind, Value};
use crate::llm::texts::NO_HOST;

use Projected::{Array, Fixed, InString, Joined, Object, Same};

fn word(text: &str) -> Projected<'static> {
    Fixed(text.into())
}

fn text_part(text: Value<'_>) -> Projected<'_> {
    Object(vec![("type", word("text")), ("text", Same(text))])
}

/// A request.
pub(super) fn request<'a>(root: Value<'a>, now: &Now<'_>) -> Projected<'a> {
    let mut members = Vec::new();
    let mut messages = Vec::new();
    if let Some(system) = root.get("system") {
        messages.push(Object(vec![
            ("role", word("system")),
            ("content", content(system, now)),
        ]));
    }
    for message in root.get("messages").into_iter().flat_map(Value::items) {
        project_message(message, now, &mut messages);
    }
    for (from, to) in [
        ("model", "model"),
        ("max_tokens", "max_tokens"),
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("stream", "stream"),
        ("stop_sequences", "stop"),
    ] {
        if let Some(value) = root.get(from) {
            members.push((to, Same(value)));
        }
    }
    members.push(("messages", Array(messages)));
    if let Some(user) = root
        .get("metadata")
        .and_then(|metadata| metadata.get("user_id"))
    {
        members.push(("user", Same(user)));
    }
    if let Some(tools) = root.get("tools") {
        members.push(("tools", Array(tools.items().map(tool).collect())));
    }
    if let Some(choice) = root.get("tool_choice").and_then(tool_choice) {
        members.push(("tool_choice", choice));
    }
    Object(members)
}

/// An answer.
pub(super) fn response<'a>(root: Value<'a>, now: &Now<'_>) -> Projected<'a> {
    let blocks = Blocks::of(root.get("content"), now);
    let mut message = vec![("role", word("assistant")), ("content", blocks.as_string())];
    blocks.beside_content(&mut message);
    let finish = match root.get_str("stop_reason").as_deref() {
        Some("max_tokens" | "model_context_window_exceeded") => json!("length"),
        Some("tool_use") => json!("tool_calls"),
        Some("refusal") => json!("content_filter"),
        Some(_) => json!("stop"),
        None => json!(null),
    };
    let choice = Object(vec![
        ("index", Fixed(json!(0))),
        ("message", Object(message)),
        ("finish_reason", Fixed(finish)),
    ]);
    let mut members = vec![("object", word("chat.completion"))];
    for key in ["id", "model"] {
        members.extend(root.get(key).map(|value| (key, Same(value))));
    }
    members.push(("choices", Array(vec![choice])));
    if let Some(usage) = root.get("usage") {
        let count = |key| usage.get(key).and_then(Value::as_u64).unwrap_or(0);
        let (input, output) = (count("input_tokens"), count("output_tokens"));
        let usage = json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output});
        members.push(("usage", Fixed(usage)));
    }
    Object(members)
}

/// One message becomes one or several: each tool result is a message of its own.
fn project_message<'a>(message: Value<'a>, now: &Now<'_>, out: &mut Vec<Projected<'a>>) {
    let role = message.get("role").map_or_else(|| word("user"), Same);
    let Some(value) = message.get("content") else {
        return out.push(Object(vec![("role", role)]));
    };
    let results = || value.items().filter(|block| is_result(*block));
    for result in results() {
        let mut tool = vec![("role", word("tool"))];
        tool.extend(
            result
                .get("tool_use_id")
                .map(|id| ("tool_call_id", Same(id))),
        );
        tool.extend(
            result
                .get("content")
                .map(|inner| ("content", content(inner, now))),
        );
        out.push(Object(tool));
    }
    let mut blocks = Blocks::of(Some(value), now);
    if blocks.is_empty() && results().next().is_some() {
        return;
    }
    let mut members = vec![("role", role), ("content", blocks.as_content(value))];
    blocks.beside_content(&mut members);
    out.push(Object(members));
}

fn is_result(block: Value<'_>) -> bool {
    block
        .get("type")
        .is_some_and(|kind| kind.is("tool_result") || kind.is("mcp_tool_result"))
}

/// Content that is a string or blocks without tool calls.
fn content<'a>(value: Value<'a>, now: &Now<'_>) -> Projected<'a> {
    if value.kind() == Kind::Array {
        Blocks::of(Some(value), now).as_content(value)
    } else {
        Same(value)
    }
}

/// The blocks of one message.
#[derive(Default)]
struct Blocks<'a> {
    /// Parts of its content.
    parts: Vec<Projected<'a>>,
    /// Its texts alone.
    strings: Vec<Value<'a>>,
    calls: Vec<Projected<'a>>,
    reasoning: Vec<Value<'a>>,
}

impl<'a> Blocks<'a> {
    fn of(content: Option<Value<'a>>, now: &Now<'_>) -> Self {
        let mut blocks = Self::default();
        for block in content
            .into_iter()
            .flat_map(Value::items)
            .filter(|block| !is_result(*block))
        {
            blocks.add(block, now);
        }
        blocks
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.calls.is_empty() && self.reasoning.is_empty()
    }

    fn add(&mut self, block: Value<'a>, now: &Now<'_>) {
        match block.get_str("type").as_deref() {
            Some("tool_use" | "server_tool_use" | "mcp_tool_use") => self.calls.push(call(block)),
            Some("thinking") => self.reasoning.extend(block.get("thinking")),
            Some("image") => self.parts.extend(image(block)),
            Some(_) | None => self.texts_in(block, now),
        }
    }

    /// Every judged string in a block is a text part.
    fn texts_in(&mut self, value: Value<'a>, now: &Now<'_>) {
        match value.kind() {
            Kind::String => {
                if now.part(NO_HOST, value).is_some() {
                    self.strings.push(value);
                    self.parts.push(text_part(value));
                }
            }
            Kind::Array | Kind::Object => {
                value.children().for_each(|child| self.texts_in(child, now));
            }
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }

    /// As content of a request's message.
    fn as_content(&mut self, value: Value<'a>) -> Projected<'a> {
        match value.kind() {
            Kind::Array => Array(std::mem::take(&mut self.parts)),
            Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Object => Same(value),
        }
    }

    /// As content of an answer, which is a string.
    fn as_string(&self) -> Projected<'a> {
        match self.strings.as_slice() {
            [] => Fixed(json!(null)),
            strings => Joined(strings.to_vec()),
        }
    }

    fn beside_content(self, members: &mut Vec<(&'static str, Projected<'a>)>) {
        if !self.reasoning.is_empty() {
            members.push(("reasoning_content", Joined(self.reasoning)));
        }
        if !self.calls.is_empty() {
            members.push(("tool_calls", Array(self.calls)));
        }
    }
}

fn call(block: Value<'_>) -> Projected<'_> {
    let mut function = Vec::new();
    function.extend(block.get("name").map(|name| ("name", Same(name))));
    function.extend(
        block
            .get("input")
            .map(|input| ("arguments", InString(input))),
    );
    let mut members = Vec::new();
    members.extend(block.get("id").map(|id| ("id", Same(id))));
    members.push(("type", word("function")));
    members.push(("function", Object(function)));
    Object(members)
}

fn image(block: Value<'_>) -> Option<Projected<'_>> {
    let source = block.get("source")?;
    let url = match source.get("url") {
        Some(url) => Same(url),
        None => {
            let data = source.get_str("data")?;
            let media = source.get_str("media_type").unwrap_or("image/png".into());
            Fixed(format!("data:{media};base64,{data}").into())
        }
    };
    Some(Object(vec![
        ("type", word("image_url")),
        ("image_url", Object(vec![("url", url)])),
    ]))
}

fn tool(tool: Value<'_>) -> Projected<'_> {
    let Some(schema) = tool.get("input_schema") else {
        return Same(tool);
    };
    let mut function = Vec::new();
    for key in ["name", "description"] {
        function.extend(tool.get(key).map(|value| (key, Same(value))));
    }
    function.push(("parameters", Same(schema)));
    Object(vec![
        ("type", word("function")),
        ("function", Object(function)),
    ])
}

fn tool_choice(choice: Value<'_>) -> Option<Projected<'_>> {
    Some(match choice.get_str("type").as_deref()? {
        "any" => word("required"),
        "tool" => Object(vec![
            ("type", word("function")),
            (
                "function",
                Object(vec![("name", Same(choice.get("name")?))]),
            ),
        ]),
        other => word(other),
    })
}
