//! A list of tools as clients see it: what the resource says about a tool wins over what the server says.

use std::ops::Range;

use parapet_crds::mcp_server::McpTool;

use super::envelope::Message;
use super::method::is_tool_name;
use super::mirror::annotations::Invalid;
use super::server::Server;
use crate::llm::json::{Kind, Value, escape_into};

/// Tells of the tools that are left out of a list because of their annotations: how many there are.
pub(crate) fn tell_dropped(answer: &Message, server: &Server, invalid: &[(usize, Invalid)]) -> u32 {
    let tools = answer
        .root()
        .get("result")
        .and_then(|result| result.get("tools"));
    let names: Vec<_> = tools
        .into_iter()
        .flat_map(Value::items)
        .map(|tool| tool.get_str("name"))
        .collect();
    for (index, why) in invalid {
        let name = names.get(*index).and_then(Option::as_deref);
        // Anything else may be somebody's text.
        let name = name.filter(|name| is_tool_name(name)).unwrap_or("?");
        if server.annotations.is_news(name) {
            let server = &*server.name;
            tracing::warn!(server, tool = name, %why, "a tool is left out of lists");
        }
    }
    u32::try_from(invalid.len()).unwrap_or(u32::MAX)
}

/// A replacement for a part of the message.
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// The answer to `tools/list` with the settings of the server's resource, and without the tools that are `left_out` by their
/// places; none when nothing is to be changed.
pub(crate) fn with_settings(
    answer: &Message,
    server: &Server,
    left_out: impl Fn(usize) -> bool,
) -> Option<String> {
    let tools = answer.root().get("result")?.get("tools")?;
    let mut edits = Vec::new();
    let mut shown = 0;
    for (index, tool) in tools.items().enumerate() {
        let said = tool
            .get_str("name")
            .and_then(|name| server.tools.get(&*name));
        if left_out(index) || said.is_some_and(|said| said.disabled) {
            edits.push(removal(tools, index, shown == 0));
            continue;
        }
        shown += 1;
        if let Some(said) = said {
            describe(tool, said, &mut edits);
        }
    }
    (!edits.is_empty()).then(|| spliced(answer.text(), edits))
}

/// How many entries of the answer to `tools/list` the server's resource disables.
pub(crate) fn disabled(answer: &Message, server: &Server) -> usize {
    if !server.tools.values().any(|said| said.disabled) {
        return 0;
    }
    let result = answer.root().get("result");
    let tools = result.and_then(|result| result.get("tools"));
    let is_disabled = |tool: &Value<'_>| {
        let said = tool
            .get_str("name")
            .and_then(|name| server.tools.get(&*name));
        said.is_some_and(|said| said.disabled)
    };
    let tools = tools.into_iter().flat_map(Value::items);
    tools.filter(is_disabled).count()
}

/// The answer to `tools/list` without the entries at these places, which are in order.
pub(crate) fn without(answer: &Message, places: &[usize]) -> Option<String> {
    let tools = answer.root().get("result")?.get("tools")?;
    let mut places = places.iter().peekable();
    let kept = tools
        .items()
        .enumerate()
        .filter(|(place, _)| places.next_if_eq(&place).is_none())
        .map(|(_, entry)| entry.raw());
    let text = format!("[{}]", kept.collect::<Vec<_>>().join(","));
    let range = range(tools);
    Some(spliced(answer.text(), vec![Edit { range, text }]))
}

/// The answer without the `instructions` in its result.
pub(crate) fn without_instructions(answer: &Message) -> Option<String> {
    let result = answer.root().get("result")?;
    let kept = result
        .members()
        .filter(|(key, _)| key != "instructions")
        .map(|(_, value)| {
            let key = value.raw_key().map_or("", |key| key.raw);
            format!("\"{key}\":{}", value.raw())
        });
    let text = format!("{{{}}}", kept.collect::<Vec<_>>().join(","));
    let range = range(result);
    Some(spliced(answer.text(), vec![Edit { range, text }]))
}

fn range(value: Value<'_>) -> Range<usize> {
    let range = value.range();
    range.start as usize..range.end as usize
}

/// An element of a list with one of its commas: the one before it, or after it when nothing before it stays.
fn removal(list: Value<'_>, index: usize, is_first: bool) -> Edit {
    let mut items = list.items().skip(index.saturating_sub(1)).map(range);
    let before = if index > 0 { items.next() } else { None };
    let own = items.next().unwrap_or_default();
    let after = items.next();
    let range = match (is_first, before, after) {
        (true, _, Some(after)) => own.start..after.start,
        (false, Some(before), _) => before.end..own.end,
        (true, _, None) | (false, None, _) => own,
    };
    Edit {
        range,
        text: String::new(),
    }
}

/// Puts what the resource says into a definition.
fn describe(tool: Value<'_>, said: &McpTool, edits: &mut Vec<Edit>) {
    if let Some(description) = &said.description {
        put(tool, "description", quoted(description), edits);
    }
    let hints = [
        ("readOnlyHint", said.read_only),
        ("destructiveHint", said.destructive),
        ("idempotentHint", said.idempotent),
        ("openWorldHint", said.open_world),
    ];
    let hints = hints
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    match tool
        .get("annotations")
        .filter(|own| own.kind() == Kind::Object && own.members().next().is_some())
    {
        Some(annotations) => {
            for (name, value) in hints {
                put(annotations, name, value.to_string(), edits);
            }
        }
        None => {
            let hints: Vec<String> = hints
                .map(|(name, value)| format!("\"{name}\":{value}"))
                .collect();
            if !hints.is_empty() {
                put(
                    tool,
                    "annotations",
                    format!("{{{}}}", hints.join(",")),
                    edits,
                );
            }
        }
    }
}

/// Replaces a member's value, or adds the member in front of the others.
fn put(object: Value<'_>, name: &str, text: String, edits: &mut Vec<Edit>) {
    if let Some(value) = object.get(name) {
        edits.push(Edit {
            range: range(value),
            text,
        });
        return;
    }
    let begin = range(object).start + 1;
    let comma = if object.members().next().is_some() {
        ","
    } else {
        ""
    };
    edits.push(Edit {
        range: begin..begin,
        text: format!("\"{name}\":{text}{comma}"),
    });
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    escape_into(text, &mut out);
    out.push('"');
    out
}

/// The text with replacements, which may stand in any order.
pub(super) fn spliced(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for Edit { range, text: new } in edits {
        // Two removals beside each other may share a comma's place.
        let start = range.start.max(at);
        out.push_str(text.get(at..start).unwrap_or_default());
        out.push_str(&new);
        at = range.end.max(at);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn server(tools: Json) -> Server {
        let tools: Vec<McpTool> = serde_json::from_value(tools).unwrap();
        Server::for_tests(tools)
    }

    fn nobody(_: usize) -> bool {
        false
    }

    fn list(tools: &str) -> Message {
        let text =
            format!(r#"{{"jsonrpc":"2.0", "id":1,"result":{{ "tools": [ {tools} ] ,"x":1e2}}}}"#);
        Message::parse(text).unwrap()
    }

    #[test]
    fn disabled_tools_are_left_out_and_the_rest_stays_as_it_is() {
        let (a, b, c, d) = (
            r#"{"name":"a"}"#,
            r#"{ "name": "b" }"#,
            r#"{"name":"c"}"#,
            r#"{"name":"d"}"#,
        );
        let all = [a, b, c, d];
        for bits in 1..16_u8 {
            let off = |index: usize| bits & (1 << index) != 0;
            let names = ["a", "b", "c", "d"];
            let settings: Vec<Json> = (0..4)
                .filter(|index| off(*index))
                .map(|index| json!({"name": names[index], "disabled": true}))
                .collect();
            let message = list(&all.join(" , "));
            let changed = with_settings(&message, &server(settings.into()), nobody).unwrap();
            let read: Json = serde_json::from_str(&changed).unwrap();
            let left: Vec<&str> = read["result"]["tools"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tool| tool["name"].as_str().unwrap())
                .collect();
            let expected: Vec<&str> = (0..4)
                .filter(|index| !off(*index))
                .map(|index| names[index])
                .collect();
            assert_eq!(left, expected, "{changed}");
            assert!(
                changed.ends_with(r#" ,"x":1e2}}"#) || changed.contains(r#","x":1e2}}"#),
                "{changed}"
            );
        }
    }

    #[test]
    fn descriptions_and_hints_are_the_resources() {
        let message = list(
            r#"{"name":"a","description":"evil","annotations":{"title":"T","readOnlyHint":true}},{"name":"b","annotations":{}},{"name":"c","v":1}"#,
        );
        let settings = json!([
            {"name": "a", "description": "says \"hi\"", "readOnly": false, "destructive": true, "idempotent": true, "openWorld": false},
            {"name": "b", "description": "B", "readOnly": true, "destructive": false},
        ]);
        let changed = with_settings(&message, &server(settings), nobody).unwrap();
        let read: Json = serde_json::from_str(&changed).unwrap();
        assert_eq!(
            read["result"]["tools"],
            json!([
                {"name": "a", "description": "says \"hi\"", "annotations": {"title": "T", "readOnlyHint": false, "destructiveHint": true, "idempotentHint": true, "openWorldHint": false}},
                {"name": "b", "description": "B", "annotations": {"readOnlyHint": true, "destructiveHint": false}},
                {"name": "c", "v": 1},
            ])
        );
        assert!(!changed.contains("evil"));
    }

    #[test]
    fn entries_and_instructions_can_be_left_out() {
        let message = list(r#"{"name":"a"} , 7, {"name":"b"}"#);
        let left = |places: &[usize]| {
            let read: Json = serde_json::from_str(&without(&message, places).unwrap()).unwrap();
            assert_eq!(read["result"]["x"], 1e2);
            read["result"]["tools"].clone()
        };
        assert_eq!(left(&[0, 1, 2]), json!([]));
        assert_eq!(left(&[1]), json!([{"name": "a"}, {"name": "b"}]));
        assert_eq!(left(&[0, 2]), json!([7]));
        let text = r#"{"jsonrpc":"2.0","id":1,"result":{"a":1,"instructions":"do","b":{"instructions":"x"}}}"#;
        let message = Message::parse(text.to_owned()).unwrap();
        assert_eq!(
            without_instructions(&message).unwrap(),
            r#"{"jsonrpc":"2.0","id":1,"result":{"a":1,"b":{"instructions":"x"}}}"#
        );
    }

    #[test]
    fn what_nobody_speaks_of_is_not_touched() {
        let message = list(r#"{"name":"a"}"#);
        assert_eq!(with_settings(&message, &server(json!([])), nobody), None);
        assert_eq!(
            with_settings(
                &message,
                &server(json!([{"name": "z", "disabled": true}])),
                nobody
            ),
            None
        );
        let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#;
        let error = Message::parse(error.to_owned()).unwrap();
        let settings = server(json!([{"name": "a", "disabled": true}]));
        assert_eq!(with_settings(&error, &settings, nobody), None);
    }

    #[test]
    fn tools_are_left_out_by_their_places() {
        let message = list(r#"{"name":"a"}, {"name":"b"} ,{"name":"a"}"#);
        let settings = server(json!([{"name": "b", "disabled": true}]));
        let changed = with_settings(&message, &settings, |index| index == 0).unwrap();
        assert!(
            changed.contains(r#""tools": [ {"name":"a"} ]"#),
            "{changed}"
        );
        let invalid = [(0, Invalid::Type), (2, Invalid::Name)];
        assert_eq!(tell_dropped(&message, &settings, &invalid), 2);
    }
}
