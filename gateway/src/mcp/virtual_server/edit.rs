//! Changes to messages on their way between the clients of a virtual server and its members. Everything else stays as it is.

use std::ops::Range;

use crate::llm::json::{Kind, Value};
use crate::mcp::envelope::Message;
use crate::mcp::tools::quoted;
use crate::mcp::version::META_CAPABILITIES;

/// The extension whose ids lead nowhere: they do not say which member made them.
const TASKS: &str = "io.modelcontextprotocol/tasks";

/// The message with another name in `params`; none when it names nothing.
pub(crate) fn renamed(message: Message, own: &str) -> Option<Message> {
    let name = message.param("name")?;
    if name.is(own) {
        return Some(message);
    }
    let text = replaced(message.text(), range(name), &quoted(own));
    Message::parse(text).ok()
}

/// A tool's definition with another name; none when it has none.
pub(crate) fn tool_named(tool: Value<'_>, name: &str) -> Option<String> {
    let own = tool.get("name")?;
    let begin = range(tool).start;
    let place = range(own).start - begin..range(own).end - begin;
    Some(replaced(tool.raw(), place, &quoted(name)))
}

/// The request without saying that the client can follow tasks.
pub(crate) fn without_tasks(message: Message) -> Message {
    let place = message.meta(META_CAPABILITIES).and_then(|capabilities| {
        let extensions = capabilities.get("extensions")?;
        member(extensions, TASKS)
    });
    let Some(place) = place else {
        return message;
    };
    let text = replaced(message.text(), place, "");
    Message::parse(text).unwrap_or(message)
}

/// A request of a member with an id that says which member it is of.
pub(crate) fn with_members_id(message: &Message, member: &str) -> Option<String> {
    let id = message.root().get("id")?;
    let of_member = quoted(&format!("{member}:{}", id.raw()));
    Some(replaced(message.text(), range(id), &of_member))
}

/// A client's answer to such a request: the member, and the answer with the member's own id.
pub(crate) fn of_member(message: &Message) -> Option<(String, Message)> {
    let id = message.root().get("id")?;
    let text = id.as_str()?;
    // Names of servers have no colon.
    let (member, own) = text.split_once(':')?;
    let text = replaced(message.text(), range(id), own);
    let message = Message::parse(text).ok()?;
    // It is an id and nothing else.
    (message.id() == Some(own)).then(|| (member.to_owned(), message))
}

/// The range of an object's member with one of its commas.
fn member(object: Value<'_>, name: &str) -> Option<Range<usize>> {
    if object.kind() != Kind::Object {
        return None;
    }
    let ranges: Vec<(bool, Range<usize>)> = object
        .members()
        .filter_map(|(key, value)| {
            let begin = value.raw_key()?.range.start as usize - 1;
            Some((key == name, begin..range(value).end))
        })
        .collect();
    let index = ranges.iter().position(|(is_it, _)| *is_it)?;
    let (_, own) = ranges.get(index)?;
    Some(match (ranges.get(index + 1), index.checked_sub(1)) {
        (Some((_, next)), _) => own.start..next.start,
        (None, Some(before)) => ranges.get(before)?.1.end..own.end,
        (None, None) => own.clone(),
    })
}

fn range(value: Value<'_>) -> Range<usize> {
    let range = value.range();
    range.start as usize..range.end as usize
}

fn replaced(text: &str, range: Range<usize>, new: &str) -> String {
    let before = text.get(..range.start).unwrap_or_default();
    let after = text.get(range.end..).unwrap_or_default();
    [before, new, after].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(text.to_owned()).unwrap()
    }

    #[test]
    fn only_the_name_changes() {
        let call = r#"{"id":1, "jsonrpc":"2.0","method":"tools/call","params":{ "name" : "gh_get","arguments":{"name":"gh_get","n":1.50}}}"#;
        let renamed_call = renamed(message(call), "get \"x\"").unwrap();
        assert_eq!(
            renamed_call.text(),
            r#"{"id":1, "jsonrpc":"2.0","method":"tools/call","params":{ "name" : "get \"x\"","arguments":{"name":"gh_get","n":1.50}}}"#
        );
        assert_eq!(renamed(message(call), "gh_get").unwrap().text(), call);
        let without = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#;
        assert!(renamed(message(without), "x").is_none());
        let list = message(
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"v":1e2, "name":"a"},{"v":2}]}}"#,
        );
        let tools = list.root().get("result").unwrap().get("tools").unwrap();
        let named: Vec<_> = tools.items().map(|tool| tool_named(tool, "x_a")).collect();
        assert_eq!(named, [Some(r#"{"v":1e2, "name":"x_a"}"#.to_owned()), None]);
    }

    #[test]
    fn tasks_are_not_declared() {
        let with = |extensions: &str| {
            let text = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"sampling":{},"extensions":#}}}}"#;
            text.replace('#', extensions)
        };
        let tasks = r#""io.modelcontextprotocol/tasks":{"a":1}"#;
        let rows = [
            (format!("{{{tasks}}}"), "{}"),
            (format!(r#"{{{tasks} , "x":1}}"#), r#"{"x":1}"#),
            (format!(r#"{{"x":1, {tasks}}}"#), r#"{"x":1}"#),
            (format!(r#"{{"x":1,{tasks},"y":2}}"#), r#"{"x":1,"y":2}"#),
            (r#"{"x":1}"#.to_owned(), r#"{"x":1}"#),
            ("7".to_owned(), "7"),
        ];
        for (extensions, expected) in rows {
            let left = without_tasks(message(&with(&extensions)));
            assert_eq!(left.text(), with(expected), "{extensions}");
        }
    }

    #[test]
    fn an_answer_goes_to_the_member_that_asked() {
        for id in ["7", "\"a:b\"", "\"\\u00e4\\\"\"", "-1.5e3"] {
            let text =
                format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"sampling/createMessage"}}"#);
            let asked = with_members_id(&message(&text), "git.hub").unwrap();
            let asked = message(&asked);
            let told = format!(
                r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#,
                asked.id().unwrap()
            );
            let (member, told) = of_member(&message(&told)).unwrap();
            assert_eq!((&*member, told.id().unwrap()), ("git.hub", id));
        }
        for id in [
            "7",
            "\"7\"",
            "\"a:\"",
            "\"a:{\"",
            "\"a:{}\"",
            "\"a:7,\\\"x\\\":1\"",
        ] {
            let told = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
            assert!(of_member(&message(&told)).is_none(), "{id}");
        }
    }
}
