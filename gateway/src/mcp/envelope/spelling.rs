//! Members that some readers take for others.
//!
//! JSON names are case-sensitive, and yet Go's `encoding/json` takes `Name` for `name`, and of both the last. A message with
//! such a member is one thing here and another one at its receiver, which may be a tool that nobody has looked at. It has no
//! good reason to be there, so it is refused.

use crate::llm::json::{Kind, Value};

/// Members of a message.
const ENVELOPE: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];

/// Members of parameters by which anything is decided, or that are judged as more than single texts.
const PARAMS: &[&str] = &[
    "_meta",
    "arguments",
    "capabilities",
    "clientInfo",
    "cursor",
    "inputRequests",
    "inputResponses",
    "messages",
    "mode",
    "name",
    "protocolVersion",
    "requestState",
    "requestedSchema",
    "task",
    "taskId",
    "toolChoice",
    "tools",
    "uri",
    "url",
];

/// The same of results.
const RESULT: &[&str] = &[
    "_meta",
    "action",
    "content",
    "contents",
    "error",
    "inputRequests",
    "instructions",
    "isError",
    "messages",
    "nextCursor",
    "prompts",
    "requestState",
    "resourceTemplates",
    "resources",
    "result",
    "resultType",
    "status",
    "structuredContent",
    "task",
    "taskId",
    "tasks",
    "tools",
];

/// Whether a message has a member that is one of the protocol's but for its case.
pub(super) fn is_ambiguous(root: Value<'_>) -> bool {
    let within = |name: &str, known: &[&str]| {
        root.get(name)
            .filter(|member| member.kind() == Kind::Object)
            .is_some_and(|member| has_other_spelling(member, known))
    };
    has_other_spelling(root, ENVELOPE) || within("params", PARAMS) || within("result", RESULT)
}

fn has_other_spelling(object: Value<'_>, known: &[&str]) -> bool {
    object
        .members()
        .any(|(key, _)| !known.contains(&&*key) && known.iter().any(|name| reads_as(&key, name)))
}

/// Whether a key is this name for a reader that folds case, as Unicode does it simply: two letters outside of ASCII have
/// one of ASCII as their lower case.
fn reads_as(key: &str, name: &str) -> bool {
    let folded = key.chars().map(|letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    folded.eq(name.chars().map(|letter| letter.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use crate::mcp::envelope::Message;

    #[test]
    fn a_member_that_is_known_but_for_its_case_is_refused() {
        let rows = [
            (r#""id":1,"method":"x","Method":"tools/call""#, true),
            (r#""id":1,"method":"x","param\u017f":{}"#, true),
            (r#""id":1,"method":"x","\u0050arams":{}"#, true),
            (r#""ID":1,"id":1,"method":"x""#, true),
            (
                r#""id":1,"method":"x","params":{"name":"a","Name":"b"}"#,
                true,
            ),
            (r#""id":1,"method":"x","params":{"na\u004de":"b"}"#, true),
            (r#""id":1,"method":"x","params":{"ta\u017fk":{}}"#, true),
            (r#""id":1,"method":"x","params":{"tas\u212aId":"b"}"#, true),
            (r#""id":1,"result":{"Tools":[]}"#, true),
            (r#""id":1,"result":{"tools":[],"TOOLS":[]}"#, true),
            (r#""id":1,"result":{"structuredcontent":{}}"#, true),
            // Names of others, and what a caller calls its arguments.
            (
                r#""id":1,"method":"x","params":{"Named":1,"arguments":{"Name":1,"name":2}}"#,
                false,
            ),
            (
                r#""id":1,"result":{"content":[{"Type":"x"}],"Own":1}"#,
                false,
            ),
            (r#""id":1,"method":"x","\u006eame":1"#, false),
        ];
        for (members, refused) in rows {
            let text = format!(r#"{{"jsonrpc":"2.0",{members}}}"#);
            let code = Message::parse(text).err().map(|error| error.code);
            assert_eq!(code, refused.then_some(-32600), "{members}");
        }
    }
}
