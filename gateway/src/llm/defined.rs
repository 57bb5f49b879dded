//! Where a text stands, told with the member names that wire formats define.
//!
//! A path with any other name would repeat text: a key in a tool's arguments can be a person's name or a password. Those
//! read `*`, and so does every name below a member whose own members somebody else names.

use super::json::{Doc, Step};

/// A path says so many steps. The formats need eight; a longer one is somebody's arrays in arrays.
const MAX_STEPS: usize = 12;

/// Names of OpenAI's and Anthropic's messages and of MCP's, at or above places that hold text; in order.
const NAMES: &[&str] = &[
    "_meta",
    "annotations",
    "argument",
    "arguments",
    "audio",
    "blob",
    "capabilities",
    "choices",
    "citations",
    "clientInfo",
    "completion",
    "container",
    "content",
    "content_block",
    "contents",
    "context",
    "custom",
    "data",
    "delta",
    "description",
    "documents",
    "elicitationId",
    "error",
    "file",
    "file_data",
    "file_url",
    "filename",
    "format",
    "function",
    "function_call",
    "functions",
    "icons",
    "id",
    "image_url",
    "images",
    "input",
    "inputRequests",
    "inputResponses",
    "inputSchema",
    "input_audio",
    "input_schema",
    "instructions",
    "json_schema",
    "level",
    "logger",
    "logprobs",
    "mcp_servers",
    "message",
    "messages",
    "metadata",
    "method",
    "mimeType",
    "model",
    "name",
    "nextCursor",
    "outputSchema",
    "output_config",
    "output_format",
    "parameters",
    "params",
    "partial_json",
    "prediction",
    "prompt",
    "prompt_cache_key",
    "prompts",
    "reason",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "ref",
    "refusal",
    "requestState",
    "requestedSchema",
    "resource",
    "resourceTemplates",
    "resources",
    "response_format",
    "result",
    "role",
    "roots",
    "safety_identifier",
    "schema",
    "serverInfo",
    "source",
    "status",
    "statusMessage",
    "stop",
    "stop_sequences",
    "structuredContent",
    "summary",
    "system",
    "systemPrompt",
    "task",
    "taskId",
    "text",
    "thinking",
    "title",
    "tool_call_id",
    "tool_calls",
    "tool_choice",
    "tool_use_id",
    "tools",
    "transcript",
    "uri",
    "url",
    "user",
];

/// Those whose members others name: callers, models and tools; in order.
const FREE: &[&str] = &[
    "_meta",
    "annotations",
    "arguments",
    "capabilities",
    "context",
    "data",
    "documents",
    "input",
    "inputRequests",
    "inputResponses",
    "inputSchema",
    "input_schema",
    "metadata",
    "outputSchema",
    "parameters",
    "requestedSchema",
    "schema",
    "structuredContent",
];

/// Whether a wire format defines a member of this name.
pub(super) fn is_defined(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok()
}

/// The path of the innermost value of a body that contains a byte, such as `messages[2].content` or
/// `params.arguments.*[0]`. It can be shown to others than the caller.
pub(super) fn path(doc: &Doc, body: &str, at: u32) -> String {
    let mut path = String::new();
    let mut free = false;
    for (number, step) in doc.steps(body, at).enumerate() {
        if number == MAX_STEPS {
            path.push('…');
            break;
        }
        match step {
            Step::Item(index) => path.push_str(&format!("[{index}]")),
            Step::Member(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                // Below a name that nobody has defined, nothing is defined.
                let defined = !free && is_defined(name);
                path.push_str(if defined { name } else { "*" });
                free |= !defined || FREE.binary_search(&name).is_ok();
            }
        }
    }
    if path.is_empty() {
        path.push_str("body");
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_and_free_ones_among_them() {
        assert!(NAMES.is_sorted() && FREE.is_sorted());
        assert!(FREE.iter().all(|name| is_defined(name)));
    }

    #[test]
    fn only_defined_names_are_told() {
        let deep = format!("{}\"z\"{}", "[".repeat(60), "]".repeat(60));
        let body = format!(
            r#"{{"messages":[{{"content":"a"}},{{"content":[{{"type":"text","text":"b"}}]}}],
            "params":{{"arguments":{{"<script>alert(1)</script>":["c"],"content":"d","sk_live_4eC39HqLyjWDarjtT1zdp7dc":{{"text":"e"}}}}}},
            "metadata":{{"user":"f"}},"alice":{{"content":"g"}},"con\u0074ent":"h","\u0007":"i","stop":{deep}}}"#
        );
        let doc = Doc::parse(&body).unwrap();
        let nested = format!("stop{}…", "[0]".repeat(MAX_STEPS - 1));
        for (text, expected) in [
            ("a", "messages[0].content"),
            ("b", "messages[1].content[0].text"),
            ("c", "params.arguments.*[0]"),
            ("d", "params.arguments.*"),
            ("e", "params.arguments.*.*"),
            ("f", "metadata.*"),
            ("g", "*.*"),
            ("h", "*"),
            ("i", "*"),
            ("z", &nested),
        ] {
            let at = body.find(&format!("\"{text}\"")).unwrap() as u32;
            assert_eq!(path(&doc, &body, at), expected, "{text}");
        }
        assert_eq!(path(&doc, &body, 0), "body");
    }
}
