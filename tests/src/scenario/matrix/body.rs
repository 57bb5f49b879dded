//! Payloads with something in a place where nothing can be rewritten.

use serde_json::{Value, json};

use crate::answer::{Choice, ToolCall};
use crate::scenario::schema::Mode;

/// Arguments with a number of interest as a key.
const ARGUMENTS: &str = r#"{"536-22-1234":"yes"}"#;

/// A conversation in whose history a tool was called with it.
pub(super) fn with_key_in_history(mode: Mode) -> Value {
    if mode.is_messages() {
        let input: Value = json!({"536-22-1234": "yes"});
        return json!({"messages": [
            {"role": "user", "content": "look it up"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call_0", "name": "find", "input": input}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_0", "content": "found"}]},
        ]});
    }
    let call = json!({"id": "call_0", "type": "function", "function": {"name": "find", "arguments": ARGUMENTS}});
    json!({"messages": [
        {"role": "user", "content": "look it up"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_0", "content": "found"},
    ]})
}

/// An answer that calls a tool with it.
pub(super) fn choice_with_key() -> Choice {
    let call = ToolCall {
        id: "call_0".into(),
        name: "find".into(),
        arguments: ARGUMENTS.into(),
    };
    Choice {
        tools: vec![call],
        ..Choice::default()
    }
}
